use dreamos::cli::{Context, Exit, Failure, Format, Run};
use dreamos::time::Now;

use super::desk::open;
use super::{document, sealed, view};

/// Show every message of a thread, in all mailboxes, oldest first
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone thread agent-3/17
  cellphone thread agent-3/17 --format plain   # one line each")]
pub(crate) struct Thread {
    /// Any message of it: AGENT/SEQ, SEQ, an id, or its last six or more characters
    #[arg(value_name = "ID")]
    message: String,
}

impl Run for Thread {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let mut messages = desk.thread(&desk.find(&self.message)?)?;
        sealed::open(context, &desk, &mut messages);
        let now = Now::read().wall;
        match context.format() {
            Format::Json | Format::Jsonl => document::print_messages(context, &messages)?,
            Format::Plain | Format::Own(_) => {
                context.print(&view::listed(context, &messages, now).tabbed())?;
            }
            Format::Table => {
                let letters: Vec<String> = messages
                    .iter()
                    .map(|each| view::whole(context, each, now))
                    .collect();
                context.print(&letters.join("\n"))?;
            }
        }
        Ok(Exit::DONE)
    }
}
