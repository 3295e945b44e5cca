use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;

use super::changed::{Change, tell};
use super::desk::open;
use super::options::{Mail, json_or_text, said};

/// Say that a task is done; whoever wanted it gets mail, and what waited for it is ready
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl complete t5
  taskctl complete t5 --result '{\"failed\": 0}'
  make test 2>&1 | tail -1 | taskctl complete t5 --result -")]
pub(crate) struct Complete {
    /// Which
    #[arg(value_name = "TASK")]
    task: String,
    /// What came of it: JSON where it is that, else text; - is standard input
    #[arg(long, value_name = "JSON|TEXT")]
    result: Option<String>,
    #[command(flatten)]
    mail: Mail,
}

impl Run for Complete {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let result = self.result.as_deref().map(said).transpose()?;
        let result = result.map(|text| json_or_text(&text));
        let id = desk.complete_task(&self.task, result, self.mail.tell(), Now::read())?;
        Ok(tell(context, false, Change::new("completed", id)))
    }
}
