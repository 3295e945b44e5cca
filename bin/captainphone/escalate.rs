use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::desk::{Desk, Links, Unknown};
use dreamos::mailbox::Message;
use dreamos::names::{AgentId, Mode};

use super::order::Patience;
use super::phone::deliver::{Template, announce_queued, deliver, report_one};
use super::phone::desk::open;
use super::phone::letter::Letter;
use super::phone::open::would_change;
use super::phone::sealed::{self, Secctl, sealer};

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
        let links = Links::answering(&order);
        let (text, sealed) = passed_on(context, &desk, order)?;
        let template = Template {
            links,
            content: text,
            letter: &self.letter,
            usual_mode: Mode::Priority,
            unknown: Unknown::Refuse,
            sealer: sealed.or(sealer(context, &desk, &self.letter)?),
            note: Some(("escalates", at.to_string())),
        };
        let wait = self.patience.wait();
        let mut queued = announce_queued(context);
        let deliveries = deliver(context, &desk, &[to], &template, wait.as_ref(), &mut queued)?;
        Ok(report_one(context, &deliveries[0], wait.as_ref()))
    }
}

/// What an order says, and what seals it again: what only one could read is not written down for everybody.
fn passed_on(
    context: &Context,
    desk: &Desk,
    mut order: Message,
) -> Result<(String, Option<Secctl>), Failure> {
    if !order.is_sealed() {
        return Ok((order.content, None));
    }
    sealed::open(context, desk, std::slice::from_mut(&mut order));
    if sealed::is_legible(&order) {
        return Ok((order.content, Some(Secctl::of(context, desk))));
    }
    let why = sealed::legible(&order);
    Err(Error::advice(
        format!("nobody else can be given this order {why}"),
        "give it anew, in your own words",
    )
    .into())
}
