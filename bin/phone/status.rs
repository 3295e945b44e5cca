use std::fmt::Write as _;

use dreamos::cli::{Context, Exit, Failure, Format, Run, Table};
use dreamos::mailbox::History;
use serde::Serialize;

use super::desk::open;
use super::document::Document;

/// Who has seen a message, and when
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone status agent-3/17
  cellphone status agent-3/17 --json | jq -r .status")]
pub(crate) struct Status {
    /// AGENT/SEQ, SEQ, an id, or its last six or more characters
    #[arg(value_name = "ID")]
    message: String,
}

#[derive(Serialize)]
struct Body<'a> {
    name: String,
    #[serde(flatten)]
    history: &'a History,
    // Last, and beside the message's own, so that the simplest script finds it.
    status: &'a str,
}

impl Run for Status {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let at = desk.find(&self.message)?;
        let history = desk.history(&at)?;
        let status = history.message.status.as_str();
        match context.format() {
            Format::Json | Format::Jsonl => {
                let body = Body {
                    name: at.to_string(),
                    history: &history,
                    status,
                };
                context.print_json(&Document {
                    schema: "dreamos.status/1",
                    body,
                })?;
            }
            Format::Plain | Format::Own(_) => context.print(&steps(context, &history).tabbed())?,
            Format::Table => {
                let mut text = format!("{} is {}\n", at, context.strong(status));
                if let Some(lease) = &history.lease {
                    writeln!(text, "leased to {} until {}", lease.owner, lease.lapses_at)
                        .expect("a string grows");
                }
                text.push_str(&steps(context, &history).aligned());
                context.print(&text)?;
            }
        }
        Ok(Exit::DONE)
    }
}

fn steps(context: &Context, history: &History) -> Table {
    let mut table = Table::new(&["WHEN", "WHAT", "BY", ""]);
    for step in &history.steps {
        let text = |text: &Option<String>| {
            context
                .shown(text.as_deref().unwrap_or_default())
                .into_owned()
        };
        let (by, detail) = (text(&step.by), text(&step.detail));
        table.row(vec![step.at.to_string(), step.what.to_owned(), by, detail]);
    }
    table
}
