use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::tasks::Standing;
use dreamos::time::Now;

use super::desk::open;
use super::item::{self, Item};

/// What can be taken now, the most urgent first: by priority, deadline, age; exit 1 where there is nothing
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl ready
  taskctl ready --agent agent-3 -n 1    # what agent-3 would get by `taskctl claim`")]
pub(crate) struct Ready {
    /// What this one may take and can do: its own tasks and what is nobody's
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// The first N of them
    #[arg(short = 'n', value_name = "N")]
    most: Option<usize>,
}

impl Run for Ready {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let now = Now::read();
        let agent = self.agent.map(|name| desk.resolve(&name)).transpose()?;
        let sheets = desk.sheets(now)?;
        let board = sheets.board()?;
        for fault in board.faults() {
            context.warn(&fault.to_string());
        }
        let ready = desk.ready_tasks(&board, agent.as_ref())?.into_iter();
        let ready = ready.map(|task| Item::live(task, Standing::Ready));
        let items: Vec<Item<'_>> = ready.take(self.most.unwrap_or(usize::MAX)).collect();
        if items.is_empty() && !context.format().is_json() {
            context.note("nothing is ready");
            return Ok(Exit::NO);
        }
        item::print(context, &board, &items, now.wall)?;
        Ok(if items.is_empty() {
            Exit::NO
        } else {
            Exit::DONE
        })
    }
}
