use std::time::Duration;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::{Now, parse_span};

use super::changed::{Change, each};
use super::desk::open;

/// Begin to work on tasks: what they wait for must be completed, and nobody else may hold them
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl start t5 --as agent-3")]
pub(crate) struct Start {
    /// Which
    #[arg(value_name = "TASK", required = true)]
    tasks: Vec<String>,
    /// How long they are yours without a sign of progress; else 30m, and for a person without end
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    lease: Option<Duration>,
}

impl Run for Start {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        Ok(each(context, false, "started", &self.tasks, |task| {
            let id = desk.start_task(task, self.lease, Now::read())?;
            Ok(Change::new("started", id))
        }))
    }
}
