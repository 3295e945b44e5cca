use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::desk::open;
use super::{document, sealed, view};

/// Show one message in full; your own is then read
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone show agent-3/17          # by mailbox and number
  cellphone show 17                  # in your own mailbox
  cellphone show 8q9r0s              # by the last six or more characters of its id
  cellphone show 17 --format plain   # the text alone")]
pub(crate) struct Show {
    /// AGENT/SEQ, SEQ, an id, or its last six or more characters
    #[arg(value_name = "ID")]
    message: String,
}

impl Run for Show {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let at = desk.find(&self.message)?;
        let mut message = desk.message(&at)?;
        sealed::open(context, &desk, std::slice::from_mut(&mut message));
        let now = Now::read();
        if context.format().is_json() {
            context.print_json(&document::message(&message))?;
        } else {
            context.print(&view::whole(context, &message, now.wall))?;
        }
        let shown = !context.nobody_listens() && sealed::is_legible(&message);
        if shown && at.mailbox == desk.caller().agent {
            desk.mark_read(&at.mailbox, &[&message], now)?;
        }
        Ok(Exit::DONE)
    }
}
