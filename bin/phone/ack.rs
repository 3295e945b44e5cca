use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::desk::{Claim, Desk};
use dreamos::mailbox::Address;
use dreamos::time::Now;

use super::desk::open;
use super::document::{change_each, changed, report_changes};
use super::open::would_change;

/// Acknowledge: the message is done and never comes back
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone ack agent-3/17
  cellphone ack \"$DREAMOS_MESSAGE_ID\" --token \"$DREAMOS_TOKEN\"
  cellphone ack --all                # everything that waits for you")]
pub(crate) struct Ack {
    /// AGENT/SEQ, SEQ, an id, or its last six or more characters
    #[arg(
        value_name = "ID",
        required_unless_present = "all",
        conflicts_with = "all"
    )]
    messages: Vec<String>,
    /// Everything pending that is not leased to another
    #[arg(long)]
    all: bool,
    /// What `next` printed: refused if that lease is no longer yours
    #[arg(long, value_name = "TOKEN", conflicts_with = "all")]
    token: Option<String>,
    /// Even if it is leased to another
    #[arg(long, conflicts_with = "all")]
    force: bool,
    /// Say which files would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Run for Ack {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let agent = &desk.caller().agent;
        if self.dry_run {
            let mailboxes = mailboxes(&desk, &self.messages)?;
            return would_change(context, &desk, &mailboxes);
        }
        if self.all {
            let closed = desk.ack_all(agent, Now::read())?;
            let results: Vec<_> = closed.iter().map(|each| changed("acked", each)).collect();
            report_changes(context, &results);
            return Ok(Exit::DONE);
        }
        let claim = Claim {
            token: self.token,
            force: self.force,
        };
        if claim.token.is_some() && self.messages.len() > 1 {
            return Err(Error::usage("a token belongs to one message").into());
        }
        Ok(change_each(context, "acked", &self.messages, |name| {
            Ok(desk.ack(&desk.find(name)?, &claim, Now::read())?)
        }))
    }
}

/// The mailboxes in which these messages lie; without any, the speaker's own.
pub(super) fn mailboxes(
    desk: &Desk,
    messages: &[String],
) -> Result<Vec<dreamos::names::AgentId>, Failure> {
    if messages.is_empty() {
        return Ok(vec![desk.caller().agent.clone()]);
    }
    let mut mailboxes = Vec::new();
    for name in messages {
        let Address { mailbox, .. } = desk.find(name)?;
        if !mailboxes.contains(&mailbox) {
            mailboxes.push(mailbox);
        }
    }
    Ok(mailboxes)
}
