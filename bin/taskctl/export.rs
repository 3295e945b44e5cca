use std::fmt::Write as _;

use dreamos::cli::{Context, Exit, Failure, Format, Own, Run};
use dreamos::tasks::{Board, Record};
use dreamos::time::Now;
use serde_json::{Map, Value, json};

use super::desk::open;
use super::item::{Item, Length, archived, live, marked};

/// Print all tasks for other programs: as JSON, JSON lines or CSV
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl export > tasks.json
  taskctl export --archived --format csv > tasks.csv
  taskctl export --format jsonl | jq -c '{id, name}'")]
pub(crate) struct Export {
    /// Those in the archive too
    #[arg(long)]
    archived: bool,
}

/// Of the fields of a task those that fit into a cell.
const COLUMNS: [&str; 16] = [
    "id",
    "name",
    "status",
    "priority",
    "category",
    "assigned_to",
    "deadline",
    "dependencies",
    "capabilities",
    "created_at",
    "created_by",
    "started_at",
    "completed_at",
    "result",
    "error",
    "description",
];

impl Run for Export {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let now = Now::read();
        let sheets = desk.sheets(now)?;
        let board = sheets.board()?;
        let over = if self.archived {
            archived(&board)?
        } else {
            Vec::new()
        };
        let live = live(&board, &desk.dead(&board)).into_iter();
        let live = live.map(|(task, standing)| Item::live(task, standing));
        let items: Vec<Item<'_>> = live.chain(over.iter().map(Item::over)).collect();
        if context.format() == Format::Own(Own::Csv) {
            context.print(&csv(&board, &items)?)?;
            return Ok(Exit::DONE);
        }
        let documents = items
            .iter()
            .map(|it| it.document(&board, now.wall, Length::Whole));
        if context.format() == Format::Jsonl {
            for document in documents {
                context.print_json(&marked(document?))?;
            }
            return Ok(Exit::DONE);
        }
        let tasks = documents.collect::<Result<Vec<Map<String, Value>>, Failure>>()?;
        context.print_json(&json!({"schema": "dreamos.tasks/1", "tasks": tasks}))?;
        Ok(Exit::DONE)
    }
}

/// RFC 4180: a head, and CRLF after each line.
fn csv(board: &Board<'_>, items: &[Item<'_>]) -> Result<String, Failure> {
    let mut text = format!("{}\r\n", COLUMNS.join(","));
    for it in items {
        let record = it.record(board)?;
        let cells = COLUMNS.map(|field| cell(&record, field));
        write!(text, "{}\r\n", cells.join(",")).expect("a string grows");
    }
    Ok(text)
}

fn cell(record: &Record, field: &str) -> String {
    let text = match record.get(field) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(words)) if matches!(field, "dependencies" | "capabilities") => {
            let words = words.iter().filter_map(Value::as_str);
            words.collect::<Vec<_>>().join(" ")
        }
        Some(other) => other.to_string(),
    };
    quoted(text)
}

fn quoted(text: String) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_cell_or_a_line_is_quoted() {
        let quoted = |text: &str| quoted(text.to_owned());
        assert_eq!(quoted("a b"), "a b");
        assert_eq!(quoted("a, \"b\"\n"), "\"a, \"\"b\"\"\n\"");
    }
}
