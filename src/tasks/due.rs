//! What is due of a schedule: values and `now` in, a verdict with its reason out.
//!
//! An occurrence is due when it is the last before `now` and later than the last one that fired. So none fires twice,
//! whatever the clock does, and each either fires or is counted as missed with the next one that does. A pass that finds
//! nothing due has nothing to write.

use std::iter::successors;
use std::time::Duration;

use super::schedule::{CatchUp, Schedule};
use crate::time::Timestamp;

/// So many missed ones are counted; of more it is said that there are at least so many.
const MOST_COUNTED: usize = 10_000;
/// A pass comes each minute: what is not as late as that is on time. Of a line without seconds these are the
/// occurrences in the minute of now.
const ON_TIME: Duration = Duration::from_mins(1);

/// What is remembered of a task's schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// The last occurrence that fired, not the time of its run.
    pub last_fire: Option<Timestamp>,
    /// When it was last started, by whomever.
    pub last_start: Option<Timestamp>,
    /// The boot in which `@reboot` last fired, or in which the task was made: that one is over for it. Without any the
    /// next pass fires.
    pub boot: Option<String>,
    /// When the task got this schedule: what was before does not count.
    pub created: Timestamp,
}

/// Each with the reason, as `--dry-run` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    Now {
        /// The oldest first; more than one with `all:N` only. The last is the new `last_fire`.
        occurrences: Vec<Timestamp>,
        /// Those since `last_fire` that do not run.
        missed: u64,
        why: String,
    },
    Later {
        at: Timestamp,
        why: String,
    },
    /// At no time that is known.
    Never {
        why: String,
    },
}

impl Fired {
    /// Nothing up to here is due any more.
    fn base(&self) -> Timestamp {
        self.last_fire
            .map_or(self.created, |last| last.max(self.created))
    }

    /// What `@every` counts from.
    fn anchor(&self) -> Timestamp {
        self.last_start.unwrap_or(self.created)
    }
}

pub fn due(schedule: &Schedule, fired: &Fired, now: Timestamp, boot: &str) -> Due {
    if schedule.is_at_boot() {
        return at_boot(fired, now, boot);
    }
    let later = |because: Option<String>| later(schedule, fired, now, because);
    let latest = schedule.previous(now, fired.anchor());
    let Some(latest) = latest.filter(|latest| *latest > fired.base()) else {
        return later(set_back(schedule, fired, now));
    };
    let shown = schedule.show(latest);
    let age = now.since(latest);
    if schedule.catch_up() == CatchUp::None && age >= ON_TIME {
        let minutes = age.as_secs() / 60;
        return later(Some(format!(
            "catch_up is none and {shown} is {minutes} min late"
        )));
    }
    if is_too_old(schedule, latest, now) {
        return later(Some(format!("missed: {shown} is older than max_age")));
    }
    run(schedule, fired, latest, now)
}

/// The first `n` occurrences after now that are still to come.
pub fn next(schedule: &Schedule, fired: &Fired, now: Timestamp, n: usize) -> Vec<Timestamp> {
    let after = |at: Timestamp| schedule.following(at, fired.anchor());
    successors(after(now.max(fired.base())), |at| after(*at))
        .take(n)
        .collect()
}

fn at_boot(fired: &Fired, now: Timestamp, boot: &str) -> Due {
    if fired.boot.as_deref() == Some(boot) {
        let why = "waits for the next start of the machine".into();
        return Due::Never { why };
    }
    Due::Now {
        occurrences: vec![now],
        missed: 0,
        why: "the first pass since the machine was started".into(),
    }
}

fn is_too_old(schedule: &Schedule, at: Timestamp, now: Timestamp) -> bool {
    schedule.max_age().is_some_and(|most| now.since(at) > most)
}

/// The clock was set back behind what it has shown before.
fn set_back(schedule: &Schedule, fired: &Fired, now: Timestamp) -> Option<String> {
    let last = fired.last_fire.filter(|last| *last > now)?;
    Some(format!(
        "the clock was set back: {} has fired already",
        schedule.show(last)
    ))
}

fn later(schedule: &Schedule, fired: &Fired, now: Timestamp, because: Option<String>) -> Due {
    let Some(at) = next(schedule, fired, now, 1).pop() else {
        let over = match fired.last_fire {
            Some(_) => "it has fired, and no more is to come",
            None => "its time was over when it was scheduled",
        };
        let why = because.unwrap_or_else(|| over.into());
        return Due::Never { why };
    };
    let next = format!("next at {}", schedule.show(at));
    let why = because.map_or_else(|| next.clone(), |because| format!("{because}; {next}"));
    Due::Later { at, why }
}

fn run(schedule: &Schedule, fired: &Fired, latest: Timestamp, now: Timestamp) -> Due {
    let wanted = match schedule.catch_up() {
        CatchUp::One | CatchUp::None => 1,
        CatchUp::Last(runs) => runs,
    };
    let before =
        |at: &Timestamp| schedule.previous(at.minus(Duration::from_millis(1)), fired.anchor());
    let base = fired.base();
    let mut occurrences: Vec<Timestamp> = successors(Some(latest), before)
        .take_while(|at| *at > base)
        .take(wanted + MOST_COUNTED)
        .collect();
    let all = occurrences.len();
    occurrences.truncate(wanted);
    occurrences.retain(|at| !is_too_old(schedule, *at, now));
    occurrences.reverse();
    let missed = all - occurrences.len();
    let at_least = if all == wanted + MOST_COUNTED {
        "at least "
    } else {
        ""
    };
    let why = match missed {
        0 => format!("due since {}", schedule.show(latest)),
        _ => format!(
            "due since {}, {at_least}{missed} missed",
            schedule.show(latest)
        ),
    };
    Due::Now {
        occurrences,
        missed: missed as u64,
        why,
    }
}

#[cfg(test)]
mod tests;
