use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::changed::{Change, tell};
use super::options::{DryRun, Mail, said};

/// Give a task up, whether it runs or not; what waits for it is blocked
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl cancel t5 'nobody needs it any more'")]
pub(crate) struct Cancel {
    /// Which
    #[arg(value_name = "TASK")]
    task: String,
    /// Why; - is standard input
    #[arg(value_name = "WHY")]
    why: Option<String>,
    #[command(flatten)]
    mail: Mail,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Run for Cancel {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = self.dry_run.open(context)?;
        let why = self.why.as_deref().map(said).transpose()?;
        let id = desk.cancel_task(&self.task, why.as_deref(), self.mail.tell(), Now::read())?;
        Ok(tell(
            context,
            self.dry_run.is_dry,
            Change::new("cancelled", id),
        ))
    }
}
