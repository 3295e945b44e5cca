//! How a task stands at this moment, in one word and with the reason: derived, never stored. Pure.

use super::graph::{Hold, urgency};
use super::state::{Claim, Lapse};
use super::task::{Status, Task};
use crate::time::{Timestamp, relative};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing<'b> {
    Ready,
    Claimed(&'b Claim),
    /// Something that it waits for is not completed.
    Held(Hold<'b>),
    /// It failed, and is tried again then.
    Later(Timestamp),
    /// Its schedule starts it, nobody else.
    Scheduled,
    /// Nobody can take it before its document is mended.
    Unreadable,
    /// Without a claim where it was written so by hand.
    Running(Option<&'b Claim>),
    /// Whoever worked on it has it no more: the next change of any task takes it back.
    Lapsed(Lapse),
    Over(Status),
}

impl Standing<'_> {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Claimed(_) => "claimed",
            Self::Held(Hold::Free | Hold::Waits { .. }) => "waiting",
            Self::Held(Hold::Doomed { .. } | Hold::Unknown { .. }) => "blocked",
            Self::Later(_) => "later",
            Self::Scheduled => "scheduled",
            Self::Unreadable => "unreadable",
            Self::Running(_) => "running",
            Self::Lapsed(_) => "lapsed",
            Self::Over(status) => status.as_str(),
        }
    }

    pub const fn claim(&self) -> Option<&Claim> {
        match self {
            Self::Claimed(claim) | Self::Running(Some(claim)) => Some(claim),
            Self::Ready
            | Self::Held(_)
            | Self::Later(_)
            | Self::Scheduled
            | Self::Unreadable
            | Self::Running(None)
            | Self::Lapsed(_)
            | Self::Over(_) => None,
        }
    }

    /// In words, for a person; empty where its status says all.
    pub fn why(&self, now: Timestamp) -> String {
        let until = |claim: &Claim| {
            let until = claim
                .until
                .map(|at| format!(", lapses {}", relative(at, now)));
            until.unwrap_or_default()
        };
        match self {
            Self::Ready => "ready".into(),
            Self::Claimed(claim) => format!("claimed by {}{}", claim.by, until(claim)),
            Self::Held(hold) => hold.to_string(),
            Self::Later(at) => format!("tried again {}", relative(*at, now)),
            Self::Scheduled => "its schedule starts it".into(),
            Self::Unreadable => "its document cannot be read".into(),
            Self::Running(Some(claim)) => format!("by {}{}", claim.by, until(claim)),
            Self::Lapsed(lapse) => lapse.as_str().into(),
            Self::Running(None) | Self::Over(_) => String::new(),
        }
    }
}

/// What runs first, then what is to be done, the most urgent first, then what is over.
pub fn sort(tasks: &mut [(&Task<'_>, Standing<'_>)]) {
    let place = |status| match status {
        Status::Running => 0,
        Status::Pending => 1,
        Status::Completed | Status::Failed | Status::Cancelled => 2,
    };
    tasks.sort_by_cached_key(|&(task, _)| (place(task.status), urgency(task)));
}

#[cfg(test)]
mod tests {
    use super::super::task::{Priority, Text};
    use super::*;

    #[test]
    fn what_runs_is_listed_before_what_is_to_be_done_and_that_before_what_is_over() {
        let task = |id: &'static str, status, priority| Task {
            id: Text(id.into()),
            status,
            priority,
            ..Task::default()
        };
        let tasks = [
            task("over", Status::Failed, Priority::Critical),
            task("later", Status::Pending, Priority::Low),
            task("first", Status::Pending, Priority::High),
            task("runs", Status::Running, Priority::Low),
        ];
        let mut all: Vec<_> = tasks.iter().map(|task| (task, Standing::Ready)).collect();
        sort(&mut all);
        let ids: Vec<&str> = all.iter().map(|(task, _)| &*task.id).collect();
        assert_eq!(ids, ["runs", "first", "later", "over"]);
    }
}
