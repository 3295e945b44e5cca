use dreamos::cli::{Context, Exit, Failure, Run};

use super::desk::open;
use super::report::starts;
use super::who::{Who, launching};

/// Start agents, each under a supervisor of its own; said to run only once it does
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl start agent-3
  agentctl start --all
  agentctl start agent-3 -- ./worker --verbose   # another command, this once")]
pub(crate) struct Start {
    #[command(flatten)]
    who: Who,
    /// Run this in place of what is configured
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "all")]
    command: Vec<String>,
}

impl Run for Start {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let ids = self.who.ids(&desk)?;
        Ok(starts(context, desk.start(&ids, &launching(self.command))?))
    }
}
