use dreamos::cli::{Context, Exit, Failure, Run, body};
use dreamos::names::Mode;

use super::order::{Patience, print_results};
use super::phone::deliver::{Template, announce_queued, deliver, report_all, report_one, worst};
use super::phone::desk::open;
use super::phone::letter::{Letter, Threading};
use super::phone::open::{recipients, would_change};
use super::phone::sealed::sealer;

/// Give an order and wait until it is acknowledged: exit 0 if it was, 124 if not yet
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  captainphone send agent-3 \"resume\"
  captainphone send agent-3 \"report\" --wait=reply --timeout 5m
  captainphone send role:worker \"stop the line\" --no-wait")]
pub(crate) struct Send {
    /// AGENT, role:ROLE, or several divided by commas
    #[arg(value_name = "TO")]
    to: String,
    /// The text; - is standard input, and so is a pipe where no text is given
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    patience: Patience,
    #[command(flatten)]
    letter: Letter,
    #[command(flatten)]
    threading: Threading,
}

impl Run for Send {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let unknown = self.threading.unknown();
        let to = recipients(&desk, &self.to, unknown)?;
        if self.letter.dry_run {
            return would_change(context, &desk, &to);
        }
        let sealer = sealer(context, &desk, &self.letter)?;
        let text = self.text.or_else(|| self.letter.names_of_files());
        let links = self.threading.links(&desk)?;
        let template = Template {
            content: body(context, text.as_deref())?,
            letter: &self.letter,
            usual_mode: Mode::Priority,
            links,
            unknown,
            sealer,
            note: None,
        };
        let wait = self.patience.wait();
        if let [one] = to.as_slice() {
            let mut queued = announce_queued(context);
            let one = std::slice::from_ref(one);
            let deliveries = deliver(context, &desk, one, &template, wait.as_ref(), &mut queued)?;
            return Ok(report_one(context, &deliveries[0], wait.as_ref()));
        }
        let deliveries = deliver(context, &desk, &to, &template, wait.as_ref(), &mut |_| {})?;
        if context.format().is_json() {
            report_all(context, &deliveries, wait.as_ref());
        } else {
            print_results(context, &deliveries)?;
        }
        Ok(worst(&deliveries))
    }
}
