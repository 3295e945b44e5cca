use std::fmt::Write as _;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::memory::{Connection, Error, Fragment, Memory};
use serde::Serialize;

use super::options::asked;
use super::output::{self, One};

/// One memory whole, with what it is linked to
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe show e-abc123
  dreamscribe show e-abc123 --why        # each link, its reason and how sure it is
  dreamscribe show e-abc123 --json | jq .memory.fragment.context")]
pub(crate) struct Show {
    /// The memory
    #[arg(value_name = "ID")]
    id: String,
    /// The links of others to it as well
    #[arg(long)]
    why: bool,
}

#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    memory: One<'d>,
    linked_from: Vec<From<'d>>,
}

#[derive(Serialize)]
struct From<'d> {
    from: &'d str,
    #[serde(flatten)]
    link: &'d Connection,
}

/// Where nothing is remembered, that memory is not either.
fn of<T>(
    context: &Context,
    id: &str,
    question: impl Fn(&Memory) -> Result<T, Error>,
) -> Result<T, Failure> {
    let answer = asked(context, question)?;
    answer.ok_or_else(|| Error::NoMemory { id: id.to_owned() }.into())
}

impl Run for Show {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let (hit, others) = of(context, &self.id, |memory| {
            let hit = memory.show(&self.id)?;
            let others = self.why.then(|| memory.linked_from(&self.id));
            Ok((hit, others.transpose()?.unwrap_or_default()))
        })?;
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.memory/1",
                memory: One::of(&hit),
                linked_from: others
                    .iter()
                    .map(|(from, link)| From { from, link })
                    .collect(),
            })?;
            return Ok(Exit::DONE);
        }
        let mut text = head(context, &hit.fragment);
        if hit.thread != hit.fragment.memory_id {
            writeln!(text, "thread    {}", hit.thread).expect("a string grows");
        }
        if let Some(by) = &hit.superseded_by {
            writeln!(text, "later     {by}").expect("a string grows");
        }
        for (key, value) in &hit.fragment.context {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            writeln!(text, "{key:<9} {value}").expect("a string grows");
        }
        if let Some(template) = &hit.fragment.template {
            writeln!(text, "template  {template}").expect("a string grows");
        }
        for link in &hit.fragment.connections {
            writeln!(text, "linked to {}", because(link)).expect("a string grows");
        }
        for (from, link) in &others {
            writeln!(text, "linked by {from} ({})", reason(link)).expect("a string grows");
        }
        context.print(&context.shown(&format!("{text}\n{}\n", hit.fragment.content)))?;
        Ok(Exit::DONE)
    }
}

fn head(context: &Context, one: &Fragment) -> String {
    format!(
        "{}  {} {} of {}\n",
        context.strong(&one.memory_id),
        one.timestamp,
        one.kind,
        one.agent_id
    )
}

fn because(link: &Connection) -> String {
    format!("{} ({})", link.id, reason(link))
}

fn reason(link: &Connection) -> String {
    let reason = serde_json::to_value(link.reason).unwrap_or_default();
    format!("{}, {:.2}", reason.as_str().unwrap_or_default(), link.score)
}

/// All memories of one thread, in the order of their time
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe thread e-abc123            # any memory of it names it
  dreamscribe thread e-abc123 --why      # and why each is in it")]
pub(crate) struct Thread {
    /// Any memory of it
    #[arg(value_name = "ID")]
    id: String,
    /// Each link, its reason and how sure it is
    #[arg(long)]
    why: bool,
}

impl Run for Thread {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let all = of(context, &self.id, |memory| memory.thread(&self.id))?;
        told(context, &all, self.why)?;
        Ok(Exit::DONE)
    }
}

fn told(context: &Context, all: &[Fragment], why: bool) -> Result<(), Failure> {
    if !why || context.format().is_json() {
        return output::fragments(context, all);
    }
    let mut text = String::new();
    for one in all {
        text += &head(context, one);
        writeln!(text, "  {}", dreamos::cli::in_one_line(&one.content, 120))
            .expect("a string grows");
        for link in &one.connections {
            writeln!(text, "  linked to {}", because(link)).expect("a string grows");
        }
        if one.connections.is_empty() {
            text += "  linked to nothing before it\n";
        }
    }
    Ok(context.print(&context.shown(&text))?)
}

/// What is remembered of one task: all that names it, and what is linked to that
///
/// Exit 1 where there is nothing.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe task t12
  dreamscribe task t12 --json | jq -r '.fragments[].content'")]
pub(crate) struct Task {
    /// The task
    #[arg(value_name = "TASK")]
    id: String,
    /// Each link, its reason and how sure it is
    #[arg(long)]
    why: bool,
}

impl Run for Task {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let all = asked(context, |memory| memory.task(&self.id))?.unwrap_or_default();
        told(context, &all, self.why)?;
        Ok(if all.is_empty() { Exit::NO } else { Exit::DONE })
    }
}
