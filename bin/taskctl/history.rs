use dreamos::cli::{Context, Exit, Failure, Run, Table, first_line};
use dreamos::tasks::Change;
use dreamos::time::Now;
use serde_json::{Value, json};

use super::desk::open;
use super::show::with;

/// Every change of a task, oldest first: when, who, what
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl history t5
  taskctl history t5 --json | jq '.changes[] | select(.by == \"hand\")'")]
pub(crate) struct History {
    /// Which
    #[arg(value_name = "TASK")]
    task: String,
}

/// So much of a change stands in a table.
const LONGEST: usize = 100;

impl Run for History {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let sheets = desk.sheets(Now::read())?;
        let board = sheets.board()?;
        let (id, changes) = with(&desk, &board, &self.task, |it| {
            let record = it.record(&board)?;
            let changes = board.history(&record)?;
            Ok((record.id().to_owned(), changes))
        })?;
        if context.format().is_json() {
            let schema = "dreamos.task-history/1";
            context.print_json(&json!({"schema": schema, "id": id, "changes": changes}))?;
            return Ok(Exit::DONE);
        }
        let mut table = Table::new(&["WHEN", "WHO", "WHAT", "CHANGES"]);
        for change in &changes {
            let changes = first_line(&said(change), LONGEST);
            table.row(vec![
                change.at.to_string(),
                context.shown(&change.by).into_owned(),
                context.shown(&change.what).into_owned(),
                context.shown(&changes).into_owned(),
            ]);
        }
        context.print_table(&table)?;
        Ok(Exit::DONE)
    }
}

/// `status: pending → running, deadline: → "…"`, without the times that go with a status.
fn said(change: &Change) -> String {
    let word = |value: Option<&Value>| match value {
        None | Some(Value::Null) => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let by_itself = |field: &str| matches!(field, "started_at" | "completed_at");
    let fields = change.changes.iter().filter(|(field, _)| !by_itself(field));
    let fields = fields.map(|(field, values)| {
        format!("{field}: {} → {}", word(values.get(0)), word(values.get(1)))
    });
    let all: Vec<String> = change.why.iter().cloned().chain(fields).collect();
    all.join(", ")
}
