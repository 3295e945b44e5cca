use std::mem::ManuallyDrop;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::desk::Which;
use dreamos::time::Now;

use super::desk::open;
use super::{document, sealed, view};

/// List the mail that waits, in the order in which it will be delivered
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone inbox                    # your own
  cellphone inbox agent-3 --all      # acknowledged mail too
  cellphone inbox --full             # everything in full, which marks it as read
  cellphone inbox --json | jq '.messages[].content'")]
pub(crate) struct Inbox {
    /// Whose, if not your own
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
    /// What is closed too, as far as it is kept
    #[arg(long)]
    all: bool,
    /// Everything in full, what is sealed to you opened; marks your own mail as read
    #[arg(long)]
    full: bool,
}

impl Run for Inbox {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let own = desk.caller().agent.clone();
        let agent = self
            .agent
            .map_or_else(|| Ok(own.clone()), |name| desk.resolve(&name))?;
        let which = if self.all { Which::All } else { Which::Pending };
        // Not given back one by one: the process ends soon, and its memory with it.
        let mut messages = ManuallyDrop::new(desk.inbox(&agent, which)?);
        if self.full {
            sealed::open(context, &desk, &mut messages);
        }
        let now = Now::read();
        if context.format().is_json() {
            document::print_messages(context, &messages)?;
        } else if self.full {
            let letters: Vec<String> = messages
                .iter()
                .map(|message| view::whole(context, message, now.wall))
                .collect();
            context.print(&letters.join("\n"))?;
        } else if messages.is_empty() {
            context.note(&format!("no mail for {agent}"));
        } else {
            context.print_table(&view::listed(context, &messages, now.wall))?;
        }
        if self.full && agent == own && !context.nobody_listens() {
            let legible: Vec<_> = messages
                .iter()
                .filter(|message| sealed::is_legible(message))
                .collect();
            desk.mark_read(&agent, &legible, now)?;
        }
        Ok(Exit::DONE)
    }
}
