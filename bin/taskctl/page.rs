//! A task as a person reads it.

use std::fmt::Write as _;

use dreamos::cli::{Context, Failure};
use dreamos::tasks::{Board, Record};
use dreamos::time::{Timestamp, relative};
use serde_json::Value;

use super::item::Item;
use super::show::status_of;

/// Those that have a line of their own, or stand elsewhere.
const TOLD: [&str; 21] = [
    "id",
    "name",
    "description",
    "category",
    "priority",
    "status",
    "progress",
    "assigned_to",
    "dependencies",
    "capabilities",
    "deadline",
    "created_at",
    "created_by",
    "started_at",
    "completed_at",
    "conflicts",
    "outbox",
    "rev",
    "history",
    "retries",
    "timeout",
];

pub(crate) fn page(
    context: &Context,
    board: &Board<'_>,
    it: &Item<'_>,
    now: Timestamp,
) -> Result<String, Failure> {
    let record = it.record(board)?;
    let task = it.task;
    let mut page = Page {
        context,
        text: String::new(),
    };
    page.line(
        "task",
        &format!("{} {}", context.strong(&task.id), context.shown(&task.name)),
    );
    let why = it.standing.why(now);
    let status = if why.is_empty() || why == task.status.as_str() {
        task.status.to_string()
    } else {
        format!("{}: {why}", task.status)
    };
    page.line("status", &status);
    page.progress(&record, now);
    page.line("for", task.assigned_to.as_deref().unwrap_or("nobody yet"));
    page.line(
        "priority",
        &format!("{}, category {}", task.priority, task.category),
    );
    if let Some(at) = task.deadline() {
        let overdue = if task.is_overdue(now) {
            ", overdue"
        } else {
            ""
        };
        page.line(
            "deadline",
            &format!("{at} ({}{overdue})", relative(at, now)),
        );
    }
    let on = task
        .dependencies
        .iter()
        .map(|id| match status_of(board, id) {
            Some(status) => format!("{id} ({status})"),
            None => format!("{id} (not there)"),
        });
    page.list("after", on);
    page.list(
        "before",
        board.dependents(&task.id).into_iter().map(Into::into),
    );
    page.list("needs", task.capabilities.iter().map(ToString::to_string));
    if let Some(retries) = record.get("retries") {
        page.line("retries", &retries.to_string());
    }
    if let Some(timeout) = record.str("timeout") {
        page.line("timeout", timeout);
    }
    if let Some(claim) = it.standing.claim() {
        let until = claim.until.map(|at| format!(", until {at}"));
        let until = until.unwrap_or_default();
        page.line("claim", &format!("{} since {}{until}", claim.by, claim.at));
    }
    page.times(&record, now);
    for (field, value) in record.fields() {
        if !TOLD.contains(&field.as_str()) && !value.is_null() {
            page.value(field, value);
        }
    }
    page.conflicts(&record);
    let owner = it.owner(board);
    let place = if it.is_archived() {
        "archive of "
    } else {
        "document of "
    };
    page.line("in", &format!("the {place}{owner}"));
    if let Some(text) = record.str("description") {
        writeln!(page.text, "\n{}", context.shown(text).trim_end()).expect("a string grows");
    }
    Ok(page.text)
}

struct Page<'c> {
    context: &'c Context,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, name: &str, value: &str) {
        writeln!(self.text, "{name:<9} {value}").expect("a string grows");
    }

    fn list(&mut self, name: &str, values: impl Iterator<Item = String>) {
        let values: Vec<String> = values.collect();
        if !values.is_empty() {
            self.line(name, &values.join(", "));
        }
    }

    /// Text as it is, anything else as JSON.
    fn value(&mut self, name: &str, value: &Value) {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let shown = self.context.shown(&text).into_owned();
        self.line(&self.context.shown(name), &shown);
    }

    fn progress(&mut self, record: &Record, now: Timestamp) {
        let Some(progress) = record.get("progress") else {
            return;
        };
        let at = progress["at"].as_str().and_then(Timestamp::parse);
        let at = at.map(|at| format!(" ({})", relative(at, now)));
        let text = progress["text"].as_str().map(|text| format!(": {text}"));
        let (at, text) = (at.unwrap_or_default(), text.unwrap_or_default());
        let line = format!("{} %{text}{at}", progress["percent"]);
        let line = self.context.shown(&line).into_owned();
        self.line("progress", &line);
    }

    fn times(&mut self, record: &Record, now: Timestamp) {
        for (field, name) in [
            ("created_at", "created"),
            ("started_at", "started"),
            ("completed_at", "ended"),
        ] {
            let Some(text) = record.str(field) else {
                continue;
            };
            let ago = Timestamp::parse(text).map(|at| format!(" ({})", relative(at, now)));
            let by = record.str("created_by").filter(|_| name == "created");
            let by = by.map(|who| format!(" by {who}")).unwrap_or_default();
            self.line(name, &format!("{text}{by}{}", ago.unwrap_or_default()));
        }
    }

    fn conflicts(&mut self, record: &Record) {
        let all = record.get("conflicts").and_then(Value::as_array);
        for it in all.into_iter().flatten() {
            let field = it["field"].as_str().unwrap_or_default();
            let line = format!("{field}: {} here, {} by hand", it["ours"], it["by_hand"]);
            let line = self.context.shown(&line).into_owned();
            self.line("conflict", &line);
        }
    }
}
