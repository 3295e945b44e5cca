use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::changed::{Change, tell};
use super::options::{DryRun, Mail, whose};

/// Give a task to somebody, or back to nobody; whoever held it has it no more
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl assign t5 agent-2
  taskctl assign t5 --nobody")]
pub(crate) struct Assign {
    /// Which
    #[arg(value_name = "TASK")]
    task: String,
    /// To whom
    #[arg(value_name = "AGENT", required_unless_present = "nobody")]
    agent: Option<String>,
    /// To nobody: whoever takes it
    #[arg(long, conflicts_with = "agent")]
    nobody: bool,
    #[command(flatten)]
    mail: Mail,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Run for Assign {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = self.dry_run.open(context)?;
        let agent = self.agent.map(|name| whose(&desk, &name)).transpose()?;
        let agent = agent.flatten();
        let id = desk.assign_task(&self.task, agent.as_ref(), self.mail.tell(), Now::read())?;
        let whose = agent.as_ref().map_or("nobody", |it| it.as_str());
        let line = format!("assigned {id} to {whose}");
        let change = Change {
            agent,
            ..Change::new("assigned", id).said(line)
        };
        Ok(tell(context, self.dry_run.is_dry, change))
    }
}
