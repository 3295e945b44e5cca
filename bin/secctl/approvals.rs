use std::time::Duration;

use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::names::Verb;
use dreamos::security::approvals::Approval;
use dreamos::security::deed;
use dreamos::time::{Now, parse_span, relative};
use serde::Serialize;

use super::desk;

/// What agents would do because of text from outside, and wait for you to approve
#[derive(clap::Args)]
#[command(
    after_help = "A message with an `origin` (cellphone send --origin), and whatever answers it, is tainted. An agent that has read one and
not closed it does nothing that needs a right of its own, such as starting an agent, before a person says so.

EXAMPLES
  secctl approvals
  secctl approve 5d1e0c7a
  secctl decline 5d1e0c7a"
)]
pub(crate) struct Approvals {}

/// Let an agent do once what it asked for
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  secctl approvals
  secctl approve 5d1e0c7a
  secctl approve 5d1e0c7a --within 10m")]
pub(crate) struct Approve {
    /// As `secctl approvals` and the mail about it name it
    #[arg(value_name = "ID")]
    id: String,
    /// So long it may
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "1h")]
    within: Duration,
}

/// Do not let an agent do what it asked for
#[derive(clap::Args)]
#[command(
    after_help = "What was approved and is not done yet is taken back by it too.

EXAMPLES
  secctl decline 5d1e0c7a"
)]
pub(crate) struct Decline {
    /// As `secctl approvals` and the mail about it name it
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Serialize)]
struct Listed<'a> {
    schema: &'static str,
    approvals: &'a [Approval],
}

#[derive(Serialize)]
struct Answered<'a> {
    schema: &'static str,
    /// `approved`, `declined`
    what: &'static str,
    #[serde(flatten)]
    approval: &'a Approval,
}

fn span(text: &str) -> Result<Duration, String> {
    parse_span(text).map_err(|bad| bad.to_string())
}

impl Run for Approvals {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let now = Now::read();
        let all = desk::open(context)?.approvals(now)?;
        if context.format().is_json() {
            context.print_json(&Listed {
                schema: "dreamos.approvals/1",
                approvals: &all,
            })?;
            return Ok(Exit::DONE);
        }
        if all.is_empty() {
            context.note("nothing waits for you");
            return Ok(Exit::DONE);
        }
        let mut table = Table::new(&[
            "ID",
            "WHO",
            "WOULD",
            "WITH",
            "BECAUSE OF",
            "ASKED",
            "APPROVED",
        ]);
        for it in &all {
            let approved = it.given.as_ref();
            table.row(vec![
                it.id.clone(),
                it.who.to_string(),
                it.verb.clone(),
                it.target.to_string(),
                it.origin.clone(),
                relative(it.asked_at, now.wall),
                approved.map_or("-".into(), |given| format!("until {}", given.until)),
            ]);
        }
        context.print_table(&table)?;
        Ok(Exit::DONE)
    }
}

impl Run for Approve {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let approved = desk::open(context)?.approve(&self.id, self.within, Now::read())?;
        let until = approved.given.as_ref().map(|given| given.until);
        let until = until.map_or(String::new(), |at| format!(", once until {at}"));
        let line = format!(
            "approved: {}{until}; it has to say it again",
            may(&approved, "may")
        );
        answered(context, "approved", &line, &approved);
        Ok(Exit::DONE)
    }
}

impl Run for Decline {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let declined = desk::open(context)?.decline(&self.id, Now::read())?;
        let line = format!("declined: {}", may(&declined, "may not"));
        answered(context, "declined", &line, &declined);
        Ok(Exit::DONE)
    }
}

fn may(it: &Approval, may: &str) -> String {
    let verb = Verb::parse(&it.verb);
    let what = verb.map_or_else(|| it.verb.clone(), |verb| deed(verb).to_owned());
    format!("{} {may} {what} {}", it.who, it.target)
}

fn answered(context: &Context, what: &'static str, line: &str, approval: &Approval) {
    let document = Answered {
        schema: "dreamos.approval-answered/1",
        what,
        approval,
    };
    context.report(line, &document);
}
