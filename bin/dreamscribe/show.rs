use std::fmt::Write as _;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::memory::Connection;
use serde::Serialize;

use super::options::of;
use super::output::{One, because, head, reason};

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
