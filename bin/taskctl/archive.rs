use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;
use serde_json::json;

use super::options::DryRun;

/// Take what is over, and what nobody waits for any more, out of the documents; every change of a task does so too
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl archive
  taskctl list --archived")]
pub(crate) struct Archive {
    #[command(flatten)]
    dry_run: DryRun,
}

impl Run for Archive {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let archived = self.dry_run.open(context)?.archive_tasks(Now::read())?;
        let would = if self.dry_run.is_dry {
            "would have "
        } else {
            ""
        };
        let tasks = if archived == 1 { "task" } else { "tasks" };
        context.report(
            &format!("{would}archived {archived} {tasks}"),
            &json!({"schema": "dreamos.task-archived/1", "dry_run": self.dry_run.is_dry, "archived": archived}),
        );
        Ok(Exit::DONE)
    }
}
