use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::desk::Launching;

use super::desk::open;
use super::report::starts;
use super::who::{Who, launching};

/// Stop agents and start them anew, with the settings as they are now; one that restarts itself keeps those it has
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl restart agent-3
  agentctl restart --all
  agentctl restart agent-3 --resume    # its harness goes on with its last session")]
pub(crate) struct Restart {
    #[command(flatten)]
    who: Who,
    /// Go on with the last session: the command gets the arguments that its harness has for that
    #[arg(long)]
    resume: bool,
}

impl Run for Restart {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let ids = self.who.ids(&desk)?;
        let with = Launching {
            resumes: self.resume,
            ..launching()
        };
        Ok(starts(context, desk.restart(&ids, &with)?))
    }
}
