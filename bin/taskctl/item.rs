//! A task as it is shown: a row of a table, a document.

use dreamos::cli::{Context, Failure, Format, Table, first_line};
use dreamos::names::AgentId;
use dreamos::tasks::{Board, Dead, Record, Standing, Status, Task};
use dreamos::time::{Timestamp, relative};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// So much of a name and of a reason stands in a table.
const LONGEST_NAME: usize = 48;
const LONGEST_WHY: usize = 60;

/// One of the archive, read as the others are.
pub(crate) struct Archived {
    pub(crate) owner: AgentId,
    pub(crate) record: Record,
    task: Task<'static>,
}

/// All that is in the archive and can be read.
pub(crate) fn archived(board: &Board<'_>) -> Result<Vec<Archived>, Failure> {
    let all = board.archived()?.into_iter();
    // What was taken up again stands in a document, and its line remains.
    let all = all.filter(|(_, record)| board.owner(record.id()).is_none());
    Ok(all.filter_map(Archived::of).collect())
}

impl Archived {
    pub(crate) fn of((owner, record): (AgentId, Record)) -> Option<Self> {
        let task = record.task().ok()?;
        Some(Self {
            owner,
            record,
            task,
        })
    }
}

pub(crate) struct Item<'b> {
    pub(crate) task: &'b Task<'b>,
    pub(crate) standing: Standing<'b>,
    archived: Option<&'b Archived>,
}

impl<'b> Item<'b> {
    pub(crate) const fn live(task: &'b Task<'b>, standing: Standing<'b>) -> Self {
        Self {
            task,
            standing,
            archived: None,
        }
    }

    pub(crate) const fn over(it: &'b Archived) -> Self {
        Self {
            task: &it.task,
            standing: Standing::Over(it.task.status),
            archived: Some(it),
        }
    }

    pub(crate) const fn is_archived(&self) -> bool {
        self.archived.is_some()
    }

    pub(crate) fn record(&self, board: &Board<'_>) -> Result<Record, Failure> {
        match self.archived {
            Some(it) => Ok(it.record.clone()),
            None => Ok(board.record(&self.task.id)?),
        }
    }

    pub(crate) fn owner(&self, board: &Board<'_>) -> AgentId {
        let live = || board.owner(&self.task.id).cloned();
        let owner = self.archived.map(|it| it.owner.clone()).or_else(live);
        owner.unwrap_or_else(AgentId::unassigned)
    }

    /// Why it stands so, in words; empty where there is nothing to say.
    fn why(&self, board: &Board<'_>, now: Timestamp) -> String {
        let mut why = match self.standing {
            // How it ended is the one thing that the rules do not ask for.
            Standing::Over(Status::Failed | Status::Cancelled) => {
                let record = self.record(board).ok();
                let error = record.and_then(|it| it.str("error").map(str::to_owned));
                error.unwrap_or_default()
            }
            standing => standing.why(now),
        };
        if self.task.is_overdue(now) {
            why.push_str(if why.is_empty() {
                "overdue"
            } else {
                ", overdue"
            });
        }
        why
    }

    fn derived(&self, board: &Board<'_>, now: Timestamp) -> Derived<'_> {
        let claim = self.standing.claim();
        let why = Some(self.why(board, now)).filter(|why| !why.is_empty());
        Derived {
            state: self.standing.as_str(),
            why,
            overdue: self.task.is_overdue(now),
            archived: self.is_archived(),
            document: self.owner(board),
            claimed_by: claim.map(|it| &it.by),
            claimed_until: claim.and_then(|it| it.until),
        }
    }

    /// What stands in its document, and what follows from it and from the others.
    pub(crate) fn document(
        &self,
        board: &Board<'_>,
        now: Timestamp,
        how: Length,
    ) -> Result<Map<String, Value>, Failure> {
        let record = self.record(board)?;
        let shown = |field: &str| match field {
            "outbox" | "schema" | "derived" => false,
            "history" => how == Length::Whole,
            _ => true,
        };
        let mut document = Map::new();
        let fields = record.fields().iter();
        for (field, value) in fields.filter(|(field, _)| shown(field)) {
            document.insert(field.clone(), value.clone());
        }
        let derived = serde_json::to_value(self.derived(board, now));
        document.insert("derived".into(), derived.unwrap_or_default());
        Ok(document)
    }
}

/// How much of a task a document holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    WithoutHistory,
    Whole,
}

#[derive(Serialize)]
struct Derived<'i> {
    state: &'static str,
    why: Option<String>,
    overdue: bool,
    archived: bool,
    /// In whose document or archive it stands.
    document: AgentId,
    claimed_by: Option<&'i AgentId>,
    claimed_until: Option<Timestamp>,
}

/// Every task that stands in a document, in the order of a list.
pub(crate) fn live<'b>(board: &'b Board<'_>, dead: &Dead) -> Vec<(&'b Task<'b>, Standing<'b>)> {
    let standings = board.standings(dead).into_iter();
    standings
        .map(|(task, standing)| (task as &Task<'b>, standing))
        .collect()
}

/// As a table, one document, or one a line.
pub(crate) fn print(
    context: &Context,
    board: &Board<'_>,
    items: &[Item<'_>],
    now: Timestamp,
) -> Result<(), Failure> {
    match context.format() {
        Format::Json => {
            let tasks = items.iter();
            let tasks: Result<Vec<_>, Failure> = tasks
                .map(|it| it.document(board, now, Length::WithoutHistory))
                .collect();
            context.print_json(&json!({"schema": "dreamos.tasks/1", "tasks": tasks?}))?;
        }
        Format::Jsonl => {
            for it in items {
                let document = it.document(board, now, Length::WithoutHistory)?;
                context.print_json(&marked(document))?;
            }
        }
        Format::Table | Format::Plain | Format::Own(_) => {
            context.print_table(&table(context, board, items, now))?;
        }
    }
    Ok(())
}

/// One task under its marker.
pub(crate) fn marked(document: Map<String, Value>) -> Map<String, Value> {
    let mut marked = Map::new();
    marked.insert("schema".into(), "dreamos.task/1".into());
    marked.extend(document);
    marked
}

fn table(context: &Context, board: &Board<'_>, items: &[Item<'_>], now: Timestamp) -> Table {
    let is_plain = context.format() == Format::Plain;
    let dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    let cut = |text: &str, width: usize| {
        let width = if is_plain { usize::MAX } else { width };
        context.shown(&first_line(text, width)).into_owned()
    };
    let mut table = Table::new(&[
        "ID", "STATUS", "PRIORITY", "AGENT", "DEADLINE", "NAME", "WHY",
    ]);
    for it in items {
        let task = it.task;
        let deadline = task.deadline().map(|at| {
            if is_plain {
                at.to_string()
            } else {
                relative(at, now)
            }
        });
        table.row(vec![
            task.id.to_string(),
            task.status.to_string(),
            task.priority.to_string(),
            dash(task.assigned_to.as_ref().map(ToString::to_string)),
            dash(deadline),
            cut(&task.name, LONGEST_NAME),
            cut(&it.why(board, now), LONGEST_WHY),
        ]);
    }
    table
}
