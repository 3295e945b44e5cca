use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::desk::Claim;
use dreamos::time::Now;

use super::ack::mailboxes;
use super::desk::open;
use super::document::change_each;
use super::open::would_change;

/// Give back what you took: it is delivered again, and after the fifth time it is dead
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone nack agent-3/17
  cellphone nack \"$DREAMOS_MESSAGE_ID\" --token \"$DREAMOS_TOKEN\"")]
pub(crate) struct Nack {
    /// AGENT/SEQ, SEQ, an id, or its last six or more characters
    #[arg(value_name = "ID", required = true)]
    messages: Vec<String>,
    /// What `next` printed: refused if that lease is no longer yours
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Say which files would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Run for Nack {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        if self.dry_run {
            let mailboxes = mailboxes(&desk, &self.messages)?;
            return would_change(context, &desk, &mailboxes);
        }
        let claim = Claim {
            token: self.token,
            force: false,
        };
        if claim.token.is_some() && self.messages.len() > 1 {
            return Err(Error::usage("a token belongs to one message").into());
        }
        Ok(change_each(context, "nacked", &self.messages, |name| {
            Ok(desk.nack(&desk.find(name)?, &claim, Now::read())?)
        }))
    }
}
