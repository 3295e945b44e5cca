//! What stands out in many fragments: bursts, failures, what waits, what went from hand to hand.
//!
//! A fold: it sees each fragment once, in the order of time, and its memory is bounded however many there are.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bursts::{Burst, Bursts, Who};
use super::deed;
use super::failures::{Failure, Failures, remember};
use super::open::{Moved, Open, Opens, Wait};
use super::text::{clip, counted, day, minute};
use super::weight::{decay, of_many};
use super::{Fixed, Told, rounded};
use crate::time::{Timestamp, in_units};

/// Quiet for so long, an open task or question is stalled.
const STALLED: Duration = Duration::from_hours(24);
/// And for so long, abandoned.
pub(super) const ABANDONED: Duration = Duration::from_hours(24 * 14);
/// The same must fail so often.
const REPEATED: usize = 3;
/// Of one kind; the strongest are kept.
const MOST: usize = 100;
/// Tasks whose way is followed; of more, the one that moved longest ago is let go.
const MOST_MOVED: usize = 8_000;
/// What happened so long ago is half as interesting.
const HALF_LIFE: Duration = Duration::from_hours(24 * 7);

/// And what is older than months still ranks by its strength.
const LEAST: f64 = 0.01;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// An agent or a template was many times more frequent than usual.
    Burst,
    /// Nothing like it had failed before.
    FirstError,
    /// The same failed three times and more, of one agent or in one task.
    RepeatedFailure,
    /// Something open of which nothing was heard for a day.
    Stalled,
    /// Something open of which nothing was heard for two weeks.
    Abandoned,
    /// A task went from one agent to another.
    HandOver,
}

/// As `runtime/memories/insights/` keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    pub kind: FindingKind,
    /// One line of English.
    pub what: String,
    /// The first of it.
    pub at: Timestamp,
    pub last: Timestamp,
    pub agents: Vec<String>,
    /// Ids of fragments: the first and the last of many.
    pub memories: Vec<String>,
    /// 0 to 1, to rank by: how strong it is, and how long ago.
    pub score: f64,
}

/// The way of one task.
struct Way {
    name: String,
    at: Timestamp,
    last: Timestamp,
    agents: Vec<String>,
    moves: usize,
    ids: Vec<String>,
}

#[derive(Default)]
pub struct Gather {
    bursts: Bursts,
    failures: Failures,
    opens: Opens,
    ways: HashMap<u32, Way, Fixed>,
}

impl Gather {
    pub fn see(&mut self, told: &Told<'_>) {
        self.bursts.see(told);
        let deed = deed::of(told.fragment);
        self.failures.see(told, deed);
        if let Some(moved) = self.opens.see(told, deed) {
            self.moved(told, &moved);
        }
    }

    /// The strongest first.
    pub fn finish(self, now: Timestamp) -> Vec<Finding> {
        let failures = self.failures.into_sorted();
        let repeated = failures
            .iter()
            .filter(|it| it.count >= REPEATED)
            .map(of_repeated);
        let first = failures.iter().filter(|it| it.is_first).map(of_first);
        let opens = self.opens.into_sorted();
        let waiting = opens.iter().filter_map(|(_, open)| of_open(open, now));
        let mut all: Vec<Finding> = self.bursts.finish().iter().map(of_burst).collect();
        all.extend(repeated.chain(first).chain(waiting));
        all.extend(self.ways.into_values().map(of_way));
        for finding in &mut all {
            finding.score = rounded(finding.score * recency(finding, now));
        }
        all.sort_by(|a, b| {
            let rest = |it: &Finding| (std::cmp::Reverse(it.last), it.kind);
            let score = b.score.total_cmp(&a.score);
            score
                .then_with(|| rest(a).cmp(&rest(b)))
                .then_with(|| a.what.cmp(&b.what))
        });
        let mut of_kind: HashMap<FindingKind, usize, Fixed> = HashMap::default();
        all.retain(|finding| {
            let count = of_kind.entry(finding.kind).or_default();
            *count += 1;
            *count <= MOST
        });
        all
    }

    fn moved(&mut self, told: &Told<'_>, moved: &Moved) {
        let fragment = told.fragment;
        if self.ways.len() >= MOST_MOVED && !self.ways.contains_key(&told.thread) {
            let oldest = self
                .ways
                .iter()
                .min_by_key(|(thread, it)| (it.last, **thread));
            if let Some(oldest) = oldest.map(|(thread, _)| *thread) {
                self.ways.remove(&oldest);
            }
        }
        let way = self.ways.entry(told.thread).or_insert_with(|| Way {
            name: match fragment.context_text("task_id") {
                Some(task) => format!("task {task}"),
                None => format!("“{}”", clip(&fragment.content, 60)),
            },
            at: fragment.timestamp,
            last: fragment.timestamp,
            agents: vec![moved.from.to_string()],
            moves: 0,
            ids: Vec::new(),
        });
        way.moves += 1;
        way.last = fragment.timestamp;
        remember(&mut way.ids, &fragment.memory_id);
        remember(&mut way.agents, &moved.to);
    }
}

/// What is open and quiet is told the stronger the fresher it stalled; the same holds for all else.
fn recency(finding: &Finding, now: Timestamp) -> f64 {
    decay(now.since(finding.last), HALF_LIFE).max(LEAST)
}

fn of_burst(burst: &Burst) -> Finding {
    let who = match burst.who {
        Who::Agent => burst.name.clone(),
        Who::Template => format!("“{}”", burst.name),
    };
    let window = Duration::from_millis(u64::try_from(burst.window_ms).unwrap_or(0));
    Finding {
        kind: FindingKind::Burst,
        what: format!(
            "{who}: {} from {} to {}, usually {} in {}",
            counted(burst.count, "memory"),
            minute(burst.from),
            minute(burst.to),
            burst.usual,
            in_units(window)
        ),
        at: burst.from,
        last: burst.to,
        agents: burst.agents.clone(),
        memories: burst.ids.clone(),
        score: 0.5 + 0.5 * (burst.times.ln() / 100.0_f64.ln()).clamp(0.0, 1.0),
    }
}

fn of_repeated(failure: &Failure) -> Finding {
    let whose = match &failure.task {
        Some(task) => format!("in task {task}"),
        None => format!("of {}", failure.agents.join(", ")),
    };
    let times = failure.count;
    let score = 0.6 + 0.4 * of_many(times);
    let what = format!("failed {times} times {whose}: {}", failure.text);
    of_failure(failure, FindingKind::RepeatedFailure, what, score)
}

fn of_first(failure: &Failure) -> Finding {
    let what = format!("seen for the first time: {}", failure.text);
    let mut finding = of_failure(failure, FindingKind::FirstError, what, 0.5);
    // It is news when it comes, not when it comes again.
    finding.last = finding.at;
    finding.memories.truncate(1);
    finding.agents.truncate(1);
    finding
}

fn of_failure(failure: &Failure, kind: FindingKind, what: String, score: f64) -> Finding {
    Finding {
        kind,
        what,
        at: failure.at,
        last: failure.last,
        agents: failure.agents.clone(),
        memories: failure.ids.clone(),
        score,
    }
}

fn of_open(open: &Open, now: Timestamp) -> Option<Finding> {
    let quiet = now.since(open.last);
    let (kind, score) = match quiet {
        _ if quiet < STALLED => return None,
        _ if quiet < ABANDONED => (FindingKind::Stalled, 0.9),
        _ => (FindingKind::Abandoned, 0.6),
    };
    let name = open.name();
    let (what, share) = match (open.wait, &open.holder) {
        (Wait::Task, Some(holder)) if open.blocked => {
            (format!("{name} of {holder} is blocked"), 1.0)
        }
        (Wait::Task, Some(holder)) => (format!("{name} of {holder} is not finished"), 1.0),
        (Wait::Task, None) => (format!("{name} is not finished"), 0.9),
        (Wait::Block, _) => (format!("{} says: {}", open.by, open.text), 0.7),
        (Wait::Question, _) => (
            format!("{} asked and nobody answered: {}", open.by, open.text),
            0.6,
        ),
    };
    let mut agents = vec![open.by.to_string()];
    agents.extend(
        open.holder
            .iter()
            .filter(|it| **it != open.by)
            .map(ToString::to_string),
    );
    let mut memories = vec![open.id.to_string(), open.last_id.to_string()];
    memories.dedup();
    Some(Finding {
        kind,
        what: format!(
            "{what}; nothing since {}, for {}",
            minute(open.last),
            in_units(quiet)
        ),
        at: open.since,
        last: open.last,
        agents,
        memories,
        score: score * share,
    })
}

fn of_way(way: Way) -> Finding {
    let Way {
        name,
        at,
        last,
        mut agents,
        moves,
        ids,
    } = way;
    // Of many hands the middle ones are forgotten: then they are no way any more.
    let what = match agents.as_slice() {
        [first, .., to] if agents.len() <= moves => {
            format!(
                "{name} went through hands {moves} times, from {first}, last to {to} on {}",
                day(last)
            )
        }
        all => format!(
            "{name} went from {}, last on {}",
            all.join(" to "),
            day(last)
        ),
    };
    agents.sort_unstable();
    agents.dedup();
    Finding {
        kind: FindingKind::HandOver,
        what,
        at,
        last,
        agents,
        memories: ids,
        score: 0.5 + 0.5 * of_many(moves),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::memory::Fragment;
    use crate::memory::tell::sample::{DAY, HOUR, MINUTE, at, event, fragment, with};

    fn gathered(told: &[(u32, Fragment)], now: Timestamp) -> Vec<Finding> {
        let mut gather = Gather::default();
        for (thread, fragment) in told {
            gather.see(&Told {
                fragment,
                thread: *thread,
            });
        }
        gather.finish(now)
    }

    fn whats(findings: &[Finding]) -> Vec<(FindingKind, &str)> {
        findings
            .iter()
            .map(|it| (it.kind, it.what.as_str()))
            .collect()
    }

    #[test]
    fn of_nothing_there_is_nothing() {
        assert_eq!(gathered(&[], at(0)), []);
    }

    #[test]
    fn what_waits_is_stalled_after_a_day_and_abandoned_after_two_weeks() {
        let all = [
            (1, event("1", 0, "c", "task.created", "t1")),
            (1, event("2", MINUTE, "a", "task.started", "t1")),
            (2, fragment("3", 2 * MINUTE, "b", "message", "which port?")),
            (3, event("4", 3 * MINUTE, "c", "task.created", "t2")),
            (3, event("5", 4 * MINUTE, "a", "task.completed", "t2")),
        ];
        assert_eq!(gathered(&all, at(DAY)), []);
        let found = gathered(&all, at(DAY + HOUR));
        assert_eq!(
            whats(&found),
            [
                (
                    FindingKind::Stalled,
                    "task t1 of a is not finished; nothing since 2026-11-02 00:01, for 1d"
                ),
                (
                    FindingKind::Stalled,
                    "b asked and nobody answered: which port?; nothing since 2026-11-02 00:02, for 1d"
                ),
            ]
        );
        assert_eq!(
            (found[0].agents.join(" "), found[0].memories.join(" ")),
            ("c a".into(), "1 2".into())
        );
        let late = gathered(&all, at(20 * DAY));
        assert!(late.iter().all(|it| it.kind == FindingKind::Abandoned) && late.len() == 2);
    }

    #[test]
    fn the_same_failing_again_is_told_once_with_its_number() {
        let all: Vec<_> = (1..6)
            .map(|nth| {
                let text = format!("build {nth} failed");
                (
                    0,
                    fragment(&nth.to_string(), i64::from(nth), "a", "log", &text),
                )
            })
            .collect();
        assert_eq!(
            whats(&gathered(&all, at(HOUR))),
            [
                (
                    FindingKind::RepeatedFailure,
                    "failed 5 times of a: build 1 failed"
                ),
                (
                    FindingKind::FirstError,
                    "seen for the first time: build 1 failed"
                ),
            ]
        );
        assert!(
            whats(&gathered(&all[..2], at(HOUR)))
                .iter()
                .all(|it| it.0 == FindingKind::FirstError)
        );
    }

    #[test]
    fn a_task_that_went_through_hands_is_one_finding() {
        let taken = |id, ms, agent| (1, event(id, ms, agent, "task.started", "t1"));
        let all = [
            taken("1", 0, "a"),
            taken("2", 1, "b"),
            taken("3", 2, "a"),
            taken("4", 3, "a"),
        ];
        let found = gathered(&all, at(HOUR));
        assert_eq!(
            whats(&found),
            [(
                FindingKind::HandOver,
                "task t1 went from a to b to a, last on 2026-11-02"
            )]
        );
        assert_eq!(found[0].memories, ["2", "3"]);
    }

    #[test]
    fn it_is_read_as_it_was_written_and_always_the_same() {
        let texts = ["it failed", "why?", "blocked by b", "done"];
        let all: Vec<_> = (0..400_u32)
            .map(|nth| {
                let text = texts[nth as usize % 4];
                let agent = format!("a{}", nth % 7);
                let plain = fragment(
                    &nth.to_string(),
                    i64::from(nth) * MINUTE,
                    &agent,
                    "message",
                    text,
                );
                (
                    nth % 31,
                    with(plain, json!({"task_id": format!("t{}", nth % 31)})),
                )
            })
            .collect();
        let found = gathered(&all, at(3 * DAY));
        assert_eq!(found, gathered(&all, at(3 * DAY)));
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Finding>>(&text).unwrap(), found);
        assert!(
            found
                .iter()
                .all(|it| it.score > 0.0 && it.score <= 1.0 && it.memories.len() <= 8)
        );
    }
}
