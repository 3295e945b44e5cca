use dreamos::cli::{Context, Exit, Failure, Run};

use super::desk::open;
use super::report::starts;
use super::who::{Who, launching};

/// Stop agents and start them anew, with the settings as they are now
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl restart agent-3
  agentctl restart --all")]
pub(crate) struct Restart {
    #[command(flatten)]
    who: Who,
}

impl Run for Restart {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let ids = self.who.ids(&desk)?;
        Ok(starts(context, desk.restart(&ids, &launching(Vec::new()))?))
    }
}
