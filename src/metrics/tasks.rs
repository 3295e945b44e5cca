//! How many tasks there are, and how those do that run by themselves.

use std::collections::{BTreeMap, HashMap};

use super::family::{Family, float, seconds};
use super::totals::Totals;
use crate::names::AgentId;
use crate::root::Home;
use crate::store::Dir;
use crate::tasks::{Board, Error, Known, Status, Texts, passes};
use crate::time::{Now, Timestamp};

#[derive(Default)]
pub(super) struct Tasks {
    pub(super) families: Vec<Family>,
    /// Since when somebody has held the first of those that he holds.
    pub(super) held: BTreeMap<AgentId, Timestamp>,
}

pub(super) fn look(
    home: &Home,
    totals: &Totals,
    now: Now,
    warn: &dyn Fn(&str),
) -> Result<Tasks, Error> {
    // Where nobody may write a task down there is none.
    if !Dir::is_dir(&home.comms()) {
        return Ok(Tasks::default());
    }
    let texts = Texts::read(home)?;
    let known = Known::nobody();
    let board = Board::of(&texts, &known, now.wall)?;
    // What programs wrote last stands for what cannot be read.
    for fault in board.faults() {
        warn(&fault.to_string());
    }
    let mut statuses: HashMap<&str, u64> = HashMap::new();
    let mut overdue = 0;
    let mut held: BTreeMap<AgentId, Timestamp> = BTreeMap::new();
    let mut well = Family::gauge(
        "dreamos_task_last_success_timestamp_seconds",
        "When a task that has a schedule last ended well; 0: never yet.",
    );
    for task in board.tasks() {
        *statuses.entry(task.status.as_str()).or_default() += 1;
        overdue += u64::from(task.is_overdue(now.wall));
        if let Some(claim) = board.claim(&task.id) {
            let first = held.entry(claim.by.clone()).or_insert(claim.at);
            *first = claim.at.min(*first);
        }
        if task.schedule.is_some() {
            let runs = board.runs(&task.id);
            let last = runs.and_then(|runs| runs.last.as_ref());
            let last = last.filter(|last| last.outcome == "completed");
            let counted = totals.well.get(&*task.id).copied();
            let at = last.map(|last| last.at);
            let at = at.max(counted.map(Timestamp::from_unix_ms));
            well.add(&[("task", &task.id)], at.map_or(0.0, seconds));
        }
    }
    let mut tasks = Family::gauge(
        "dreamos_tasks",
        "Tasks in the documents; what is over goes to the archive soon.",
    );
    for status in Status::ALL {
        let count = statuses.get(status.as_str()).copied();
        tasks.add(&[("status", status.as_str())], float(count.unwrap_or(0)));
    }
    let mut families = vec![
        tasks,
        Family::gauge("dreamos_tasks_overdue", "Tasks whose deadline has passed.")
            .with(float(overdue)),
        well,
    ];
    families.extend(of_passes(home)?);
    Ok(Tasks { families, held })
}

fn of_passes(home: &Home) -> Result<[Family; 2], Error> {
    let passes = passes(home)?;
    let mut skipped = Family::counter(
        "dreamos_due_skipped_total",
        "Passes over what is due that found another at work.",
    );
    skipped.add(&[("reason", "locked")], float(passes.skipped));
    let mut last = Family::gauge(
        "dreamos_due_last_pass_timestamp_seconds",
        "When the last pass over what is due began; absent: there was none.",
    );
    if let Some(at) = passes.last {
        last.add(&[], seconds(at));
    }
    Ok([skipped, last])
}
