//! What became of tasks, one honest line each, or one document.

use dreamos::cli::{Context, Exit, Failure};
use dreamos::names::AgentId;
use dreamos::tasks::Status;
use serde::Serialize;

#[derive(Default, Serialize)]
pub(crate) struct Change {
    /// `created`, `claimed`, …
    pub(crate) what: &'static str,
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) agent: Option<AgentId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waits_for: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<serde_json::Value>,
    /// For people: what was done.
    #[serde(skip)]
    pub(crate) line: String,
}

impl Change {
    pub(crate) fn new(what: &'static str, id: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            what,
            line: format!("{what} {id}"),
            id,
            ..Self::default()
        }
    }

    /// In other words than these.
    pub(crate) fn said(self, line: String) -> Self {
        Self { line, ..self }
    }
}

#[derive(Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    /// Nothing was changed: this is what would have been.
    dry_run: bool,
    changes: Vec<Change>,
}

impl Report {
    pub(crate) const fn new(dry_run: bool) -> Self {
        Self {
            schema: "dreamos.task-changes/1",
            dry_run,
            changes: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, change: Change) {
        self.changes.push(change);
    }

    pub(crate) fn tell(&self, context: &Context) {
        let lines = self.changes.iter().filter(|it| it.error.is_none());
        let would = if self.dry_run { "would have " } else { "" };
        let lines: Vec<String> = lines.map(|it| format!("{would}{}", it.line)).collect();
        if context.format().is_json() || !lines.is_empty() {
            context.report(&lines.join("\n"), self);
        }
    }
}

/// One change of one task.
pub(crate) fn tell(context: &Context, dry_run: bool, change: Change) -> Exit {
    let mut report = Report::new(dry_run);
    report.add(change);
    report.tell(context);
    Exit::DONE
}

/// Does the same to each, says what became of each, and ends as the worst of them.
pub(crate) fn each(
    context: &Context,
    dry_run: bool,
    what: &'static str,
    ids: &[String],
    mut change: impl FnMut(&str) -> Result<Change, Failure>,
) -> Exit {
    let mut worst = Exit::DONE;
    let mut report = Report::new(dry_run);
    for id in ids {
        match change(id) {
            Ok(change) => report.add(change),
            Err(failure) => {
                worst = worst.max(failure.exit());
                context.fail(&failure);
                report.add(Change {
                    error: Some(failure.document()),
                    ..Change::new(what, id)
                });
            }
        }
    }
    report.tell(context);
    worst
}
