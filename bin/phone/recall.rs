use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::ack::mailboxes;
use super::desk::open;
use super::document::change_each;
use super::open::would_change;

/// Take back what you sent, as long as nobody works on it
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone recall agent-3/17
  cellphone restore agent-3/17       # and once more, after all")]
pub(crate) struct Recall {
    /// AGENT/SEQ, an id, or its last six or more characters
    #[arg(value_name = "ID", required = true)]
    messages: Vec<String>,
    /// Say which files would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Run for Recall {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        if self.dry_run {
            let mailboxes = mailboxes(&desk, &self.messages)?;
            return would_change(context, &desk, &mailboxes);
        }
        Ok(change_each(context, "recalled", &self.messages, |name| {
            Ok(desk.recall(&desk.find(name)?, Now::read())?)
        }))
    }
}
