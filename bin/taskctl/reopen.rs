use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::changed::{Change, tell};
use super::desk::open;

/// Take up again what failed or was cancelled, also from the archive
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl reopen t5")]
pub(crate) struct Reopen {
    /// Which
    #[arg(value_name = "TASK")]
    task: String,
}

impl Run for Reopen {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let id = open(context)?.reopen_task(&self.task, Now::read())?;
        Ok(tell(context, false, Change::new("reopened", id)))
    }
}
