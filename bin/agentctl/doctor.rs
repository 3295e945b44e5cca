use dreamos::cli::{Context, Exit, Failure, Run};

use super::desk::open;
use super::findings::tell;

/// Look for what is wrong with agents: settings, states, left-overs; exit 1 if there is something
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl doctor
  agentctl doctor agent-3 --fix")]
pub(crate) struct Doctor {
    /// Whom, if not all
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
    /// Take away what killed programs left
    #[arg(long)]
    fix: bool,
}

impl Run for Doctor {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let id = self.agent.map(|name| desk.resolve(&name)).transpose()?;
        let findings = desk.examine(id.as_ref(), self.fix)?;
        tell(context, &findings)
    }
}
