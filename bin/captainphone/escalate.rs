use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::desk::{Links, Unknown};
use dreamos::names::{AgentId, Mode};

use super::order::Patience;
use super::phone::deliver::{Template, announce_queued, deliver, report_one};
use super::phone::desk::open;
use super::phone::letter::Letter;
use super::phone::open::would_change;

/// Send an order again, to whom its agent escalates to: `escalate_to` in config/agents.yaml, else you
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  captainphone send agent-3 \"report\" || captainphone escalate agent-3/17 --no-wait
  captainphone thread agent-3/17     # both, side by side")]
pub(crate) struct Escalate {
    /// AGENT/SEQ, an id, or its last six or more characters
    #[arg(value_name = "ID")]
    message: String,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    letter: Letter,
}

impl Run for Escalate {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let at = desk.find(&self.message)?;
        let order = desk.message(&at)?;
        let above = desk
            .roster()
            .entry(&at.mailbox)
            .and_then(|entry| entry.escalate_to.clone());
        let to = above.unwrap_or_else(AgentId::user);
        if to == at.mailbox {
            return Err(Error::usage(format!("{to} would escalate to itself")).into());
        }
        if self.letter.dry_run {
            return would_change(context, &desk, &[to]);
        }
        let template = Template {
            links: Links::answering(&order),
            content: order.content,
            letter: &self.letter,
            usual_mode: Mode::Priority,
            unknown: Unknown::Refuse,
            note: Some(("escalates", at.to_string())),
        };
        let wait = self.patience.wait();
        let mut queued = announce_queued(context);
        let deliveries = deliver(&desk, &[to], &template, wait.as_ref(), &mut queued)?;
        Ok(report_one(context, &deliveries[0], wait.as_ref()))
    }
}
