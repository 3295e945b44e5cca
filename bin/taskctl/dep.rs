use clap::ValueEnum;
use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::changed::{Change, tell};
use super::options::DryRun;

/// Change what a task waits for; what would wait for itself in the end is refused
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl dep add t5 t3 t4               # t5 waits for both
  taskctl dep rm t5 t3")]
pub(crate) struct Dep {
    /// Whether it waits for these too, or no more
    #[arg(value_enum, value_name = "add|rm", hide_possible_values = true)]
    how: How,
    /// Which
    #[arg(value_name = "TASK")]
    task: String,
    /// For which
    #[arg(value_name = "TASK", required = true)]
    on: Vec<String>,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Clone, Copy, ValueEnum)]
enum How {
    Add,
    Rm,
}

impl Run for Dep {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = self.dry_run.open(context)?;
        let none: &[String] = &[];
        let (add, remove) = match self.how {
            How::Add => (self.on.as_slice(), none),
            How::Rm => (none, self.on.as_slice()),
        };
        let written = desk.depend_task(&self.task, add, remove, Now::read())?;
        let on = match (self.how, written.waits_for.as_slice()) {
            (How::Add, []) => format!("{}: that is completed", self.on.join(", ")),
            (How::Rm, []) => "nothing".to_owned(),
            (How::Add | How::Rm, some) => some.join(", "),
        };
        let line = format!("made {} wait for {on}", written.id);
        let change = Change {
            waits_for: written.waits_for,
            ..Change::new("rearranged", written.id).said(line)
        };
        Ok(tell(context, self.dry_run.is_dry, change))
    }
}
