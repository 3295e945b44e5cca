//! How many tasks there are of each kind, and how long the completed ones took. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::record::Record;
use super::standing::Standing;
use super::task::{Priority, Status, Task};
use crate::names::UNASSIGNED;
use crate::time::Timestamp;

type Counts = BTreeMap<String, u64>;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stats {
    /// Of all that is known, the archive too.
    pub status: Counts,
    /// Of what is not over.
    pub priority: Counts,
    pub agents: Counts,
    pub standing: Counts,
    pub overdue: u64,
    /// From start to completion, of the archived ones.
    pub took: Option<Spread>,
}

/// Of some spans, in milliseconds: the one that half of them do not exceed, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    pub n: usize,
    pub p50_ms: u64,
    pub p95_ms: u64,
    pub longest_ms: u64,
}

pub fn stats<'r>(
    tasks: &[(&Task<'_>, Standing<'_>)],
    archived: impl IntoIterator<Item = &'r Record>,
    now: Timestamp,
) -> Stats {
    let mut stats = Stats {
        status: zeros(Status::ALL),
        priority: zeros(Priority::ALL),
        ..Stats::default()
    };
    for (task, standing) in tasks {
        count(&mut stats.status, task.status.as_str());
        if task.status.is_over() {
            continue;
        }
        count(&mut stats.priority, task.priority.as_str());
        count(
            &mut stats.agents,
            task.assigned_to.as_deref().unwrap_or(UNASSIGNED),
        );
        count(&mut stats.standing, standing.as_str());
        stats.overdue += u64::from(task.is_overdue(now));
    }
    let mut spans = Vec::new();
    for record in archived {
        let ended = record.status();
        count(&mut stats.status, ended.as_str());
        if ended == Status::Completed {
            spans.extend(span(record));
        }
    }
    stats.took = spread(spans);
    stats
}

fn zeros<T: std::fmt::Display>(words: &[T]) -> Counts {
    words.iter().map(|word| (word.to_string(), 0)).collect()
}

fn count(counts: &mut Counts, word: &str) {
    match counts.get_mut(word) {
        Some(n) => *n += 1,
        None => drop(counts.insert(word.to_owned(), 1)),
    }
}

fn span(record: &Record) -> Option<Duration> {
    let time = |field| record.str(field).and_then(Timestamp::parse);
    Some(time("completed_at")?.since(time("started_at")?))
}

fn spread(mut spans: Vec<Duration>) -> Option<Spread> {
    spans.sort_unstable();
    let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let n = spans.len();
    // The nearest rank.
    let rank = |percent: usize| ms(spans[(n * percent).div_ceil(100).max(1) - 1]);
    let longest_ms = ms(*spans.last()?);
    Some(Spread {
        n,
        p50_ms: rank(50),
        p95_ms: rank(95),
        longest_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_names_spans_that_there_were() {
        let of = |n: u64| spread((1..=n).rev().map(Duration::from_millis).collect());
        let as_four = |n| of(n).map(|it| (it.n, it.p50_ms, it.p95_ms, it.longest_ms));
        assert_eq!(as_four(0), None);
        assert_eq!(as_four(1), Some((1, 1, 1, 1)));
        assert_eq!(as_four(2), Some((2, 1, 2, 2)));
        assert_eq!(as_four(100), Some((100, 50, 95, 100)));
    }

    #[test]
    fn what_is_archived_counts_by_its_status_only() {
        let record = Record::parse(
            r#"{"id":"a","status":"completed","assigned_to":"x","started_at":"2026-01-01T00:00:00Z","completed_at":"2026-01-01T00:00:05Z"}"#,
        )
        .unwrap();
        let task = Task::default();
        let stats = stats(&[(&task, Standing::Ready)], [&record], Timestamp::default());
        assert_eq!((stats.status["pending"], stats.status["completed"]), (1, 1));
        assert_eq!(stats.agents, Counts::from([(UNASSIGNED.to_owned(), 1)]));
        assert_eq!(stats.took.map(|it| it.p50_ms), Some(5000));
    }
}
