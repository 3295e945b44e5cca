use std::time::Duration;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::parse_span;

use super::anyway::open_anyway;
use super::report::stops;
use super::who::Who;

/// Stop agents and all that they started; nobody starts them again but you
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl stop agent-3
  agentctl stop --all --grace 2s")]
pub(crate) struct Stop {
    #[command(flatten)]
    who: Who,
    /// Kill what has not ended by then, whatever is configured
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    grace: Option<Duration>,
}

impl Run for Stop {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open_anyway(context)?;
        let ids = self.who.ids(&desk)?;
        Ok(stops(context, desk.stop(&ids, self.grace)))
    }
}
