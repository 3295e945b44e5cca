use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::deliver::{queued_line, sent_document};
use super::desk::open;
use super::open::would_change;

/// Deliver a dead, expired or discarded message again: with a new id, in the same thread
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone inbox agent-3 --all      # what there was
  cellphone restore agent-3/17")]
pub(crate) struct Restore {
    /// AGENT/SEQ, SEQ, an id, or its last six or more characters
    #[arg(value_name = "ID")]
    message: String,
    /// Say which files would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Run for Restore {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let at = desk.find(&self.message)?;
        if self.dry_run {
            return would_change(context, &desk, &[at.mailbox]);
        }
        let sent = desk.restore(&at, Now::read())?;
        context.report(
            &queued_line(context, &sent),
            &sent_document(&sent.at.mailbox, &sent),
        );
        Ok(Exit::DONE)
    }
}
