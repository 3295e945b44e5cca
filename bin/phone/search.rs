use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::desk::open;
use super::{document, view};

/// Find mail by a piece of its text, sender, mode or id; newest first, archives too. Sealed mail not by its text
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone search backup
  cellphone search \"stop the line\" --in agent-2 -n 5")]
pub(crate) struct Search {
    /// What to look for; upper and lower case are the same
    #[arg(value_name = "TEXT")]
    text: String,
    /// In whose mailbox, if not in all
    #[arg(long = "in", value_name = "AGENT")]
    agent: Option<String>,
    /// At most so many
    #[arg(short = 'n', value_name = "N", default_value_t = 50)]
    limit: usize,
}

impl Run for Search {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let agent = self.agent.map(|name| desk.resolve(&name)).transpose()?;
        let messages = desk.search(agent.as_ref(), &self.text, self.limit)?;
        if context.format().is_json() {
            document::print_messages(context, &messages)?;
        } else if !messages.is_empty() {
            context.print_table(&view::listed(context, &messages, Now::read().wall))?;
        }
        Ok(if messages.is_empty() {
            Exit::NO
        } else {
            Exit::DONE
        })
    }
}
