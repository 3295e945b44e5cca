use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::findings::tell;
use super::phone::desk::open;

/// Look for damage in a mailbox or in all; --fix mends it and deletes nothing
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone doctor                   # exit 0: all is well, 1: not all
  cellphone doctor agent-3 --fix")]
pub(crate) struct Doctor {
    /// Whose mailbox, if not all
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
    /// Mend what can be mended
    #[arg(long)]
    fix: bool,
}

impl Run for Doctor {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let agent = self.agent.map(|name| desk.resolve(&name)).transpose()?;
        let findings = desk.doctor(agent.as_ref(), self.fix, Now::read())?;
        tell(context, &findings)
    }
}
