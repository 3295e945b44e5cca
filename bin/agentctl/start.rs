use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::desk::Launching;

use super::desk::open;
use super::report::starts;
use super::who::{Who, launching};

/// Start agents, each under a supervisor of its own; said to run only once it does
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl start agent-3
  agentctl start --all
  agentctl start agent-3 --resume                # its harness goes on with its last session
  agentctl start agent-3 -- ./worker --verbose   # another command, this once")]
pub(crate) struct Start {
    #[command(flatten)]
    who: Who,
    /// Go on with the last session: the command gets the arguments that its harness has for that
    #[arg(long)]
    resume: bool,
    /// Run this in place of what is configured
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "all")]
    command: Vec<String>,
}

impl Run for Start {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let ids = self.who.ids(&desk)?;
        let with = Launching {
            command: (!self.command.is_empty()).then_some(self.command),
            resumes: self.resume,
            ..launching()
        };
        Ok(starts(context, desk.start(&ids, &with)?))
    }
}
