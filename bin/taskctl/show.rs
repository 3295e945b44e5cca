use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::desk::Desk;
use dreamos::tasks::{Board, Error};
use dreamos::time::Now;
use serde_json::json;

use super::desk::open;
use super::item::{Archived, Item, Length, live, marked};
use super::page::page;

/// All of one task: what it is, how it stands, what it waits for and what waits for it; of the archive, too
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl show t5
  taskctl show deploy-web --json | jq .derived")]
pub(crate) struct Show {
    /// Its id, or as much of its beginning as is only its own
    #[arg(value_name = "TASK")]
    task: String,
}

impl Run for Show {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let now = Now::read();
        let sheets = desk.sheets(now)?;
        let board = sheets.board()?;
        with(&desk, &board, &self.task, |it| {
            print(context, &board, it, now)
        })?;
        Ok(Exit::DONE)
    }
}

/// What is done with the task of a name, wherever it stands.
pub(crate) fn with<T>(
    desk: &Desk,
    board: &Board<'_>,
    asked: &str,
    act: impl FnOnce(&Item<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let id = match board.record(asked) {
        Ok(record) => record.id().to_owned(),
        Err(Error::Over { id, status }) => {
            let archived = board.archived_one(&id)?.and_then(Archived::of);
            let Some(archived) = archived else {
                return Err(Error::Over { id, status }.into());
            };
            return act(&Item::over(&archived));
        }
        Err(error) => return Err(error.into()),
    };
    let all = live(board, &desk.dead(board));
    let found = all.into_iter().find(|(task, _)| *task.id == id);
    let (task, standing) = found.expect("it was found a moment ago, on the same board");
    act(&Item::live(task, standing))
}

pub(crate) fn print(
    context: &Context,
    board: &Board<'_>,
    it: &Item<'_>,
    now: Now,
) -> Result<(), Failure> {
    if !context.format().is_json() {
        context.print(&page(context, board, it, now.wall)?)?;
        return Ok(());
    }
    let mut document = marked(it.document(board, now.wall, Length::Whole)?);
    let on = it.task.dependencies.iter();
    let on: Vec<_> = on
        .map(|id| json!({"id": &**id, "status": status_of(board, id)}))
        .collect();
    if let Some(derived) = document.get_mut("derived") {
        derived["waits_for"] = on.into();
        derived["awaited_by"] = board.dependents(&it.task.id).into();
    }
    context.print_json(&document)?;
    Ok(())
}

/// `None` of one that nobody knows.
pub(crate) fn status_of(board: &Board<'_>, id: &str) -> Option<dreamos::tasks::Status> {
    match board.record(id) {
        Ok(record) => Some(record.status()),
        Err(Error::Over { status, .. }) => Some(status),
        Err(_) => None,
    }
}
