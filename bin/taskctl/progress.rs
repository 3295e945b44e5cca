use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::changed::{Change, tell};
use super::desk::open;
use super::options::said;

/// Say how far a task is: it is yours as long again
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl progress t5 40 'half of the tests pass'")]
pub(crate) struct Progress {
    /// Which
    #[arg(value_name = "TASK")]
    task: String,
    /// In percent
    #[arg(value_name = "PCT", value_parser = clap::value_parser!(u8).range(0..=100))]
    percent: u8,
    /// What there is to say; - is standard input
    #[arg(value_name = "TEXT")]
    text: Option<String>,
}

impl Run for Progress {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let text = self.text.as_deref().map(said).transpose()?;
        let id = desk.progress_of_task(&self.task, self.percent, text.as_deref(), Now::read())?;
        let line = format!("{id} is at {} %", self.percent);
        Ok(tell(
            context,
            false,
            Change::new("progressed", id).said(line),
        ))
    }
}
