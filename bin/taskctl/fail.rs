use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::tasks::Status;
use dreamos::time::Now;

use super::changed::{Change, tell};
use super::desk::open;
use super::options::{Mail, said};

/// Say that a task failed: it is tried again as often as it says, else it is over and what waits for it is blocked
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl fail t5 'the disk is full'")]
pub(crate) struct Fail {
    /// Which
    #[arg(value_name = "TASK")]
    task: String,
    /// Why; - is standard input
    #[arg(value_name = "WHY")]
    why: Option<String>,
    #[command(flatten)]
    mail: Mail,
}

impl Run for Fail {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let why = self.why.as_deref().map(said).transpose()?;
        let (id, status) =
            desk.fail_task(&self.task, why.as_deref(), self.mail.tell(), Now::read())?;
        let line = match status {
            Status::Pending => format!("{id} failed and is tried again"),
            _ => format!("{id} failed"),
        };
        let change = Change {
            status: Some(status),
            ..Change::new("failed", id).said(line)
        };
        Ok(tell(context, false, change))
    }
}
