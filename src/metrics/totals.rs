//! What was counted so far, as it is kept: whole numbers only, so that nothing is lost however often it is read back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::logs::Place;
use crate::names::Level;

/// Format of the file. 1: the first.
pub(super) const VERSION: u32 = 1;
/// So many names of agents and of tasks are kept: a log that somebody fills with names fills no memory.
const MOST_NAMES: usize = 10_000;
/// A longer one is nobody's.
const LONGEST_NAME: usize = 255;

/// Upper bounds in seconds; one more bucket is without.
pub(super) const ACK_BOUNDS: [f64; 13] = [
    0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0,
];
pub(super) const WAIT_BOUNDS: [f64; 10] =
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Folded {
    pub(super) v: u32,
    pub(super) channels: BTreeMap<String, OfChannel>,
    pub(super) totals: Totals,
}

impl Default for Folded {
    fn default() -> Self {
        Self {
            v: VERSION,
            channels: BTreeMap::new(),
            totals: Totals::default(),
        }
    }
}

/// How far a channel was read, and what its lines came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct OfChannel {
    pub(super) place: Place,
    pub(super) lines: ByLevel,
    /// Lines that are no event.
    pub(super) foreign: u64,
    /// Logs that went before they were read to their end.
    pub(super) lost: u64,
    pub(super) sent: u64,
    pub(super) refused: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct ByLevel {
    debug: u64,
    info: u64,
    warn: u64,
    error: u64,
}

impl ByLevel {
    pub(super) const fn of(&self, level: Level) -> u64 {
        match level {
            Level::Debug => self.debug,
            Level::Info => self.info,
            Level::Warn => self.warn,
            Level::Error => self.error,
        }
    }

    pub(super) const fn count(&mut self, level: Level) {
        *match level {
            Level::Debug => &mut self.debug,
            Level::Info => &mut self.info,
            Level::Warn => &mut self.warn,
            Level::Error => &mut self.error,
        } += 1;
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Totals {
    pub(super) announced: u64,
    pub(super) read: u64,
    pub(super) taken: u64,
    pub(super) acked: u64,
    pub(super) replied: u64,
    pub(super) expired: u64,
    pub(super) given_up: u64,
    pub(super) discarded: u64,
    pub(super) recalled: u64,
    /// From acceptance to acknowledgement.
    pub(super) acks: Spans<13>,
    /// Waits of a millisecond and more for locks.
    pub(super) waits: Spans<10>,
    pub(super) runs: Runs,
    /// Of each task that ran by itself, when it last ended well, in Unix ms.
    pub(super) well: BTreeMap<String, i64>,
    pub(super) agents: BTreeMap<String, Lives>,
}

/// How work on tasks ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Runs {
    pub(super) completed: u64,
    pub(super) failed: u64,
    pub(super) retried: u64,
    pub(super) lapsed: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Lives {
    pub(super) restarts: u64,
    pub(super) fatal: u64,
    /// Its last life ended by itself: if it starts again, that is a restart.
    pub(super) has_died: bool,
    /// What was told of its processor time. Without it, as under older programs, that may fall once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spent: Option<Spent>,
}

/// Processor time under one supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spent {
    pub(super) pid: i32,
    pub(super) start_ticks: u64,
    pub(super) ticks: u64,
}

/// A histogram: how many spans up to each bound, each counted once, and one bucket for what is longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Spans<const N: usize> {
    buckets: Vec<u64>,
    over: u64,
    sum_ms: u64,
}

impl<const N: usize> Default for Spans<N> {
    fn default() -> Self {
        Self {
            buckets: vec![0; N],
            over: 0,
            sum_ms: 0,
        }
    }
}

impl<const N: usize> Spans<N> {
    pub(super) fn add(&mut self, ms: u64, bounds: &[f64; N]) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a span of 2^53 ms is above every bound"
        )]
        let seconds = ms as f64 / 1000.0;
        let place = bounds.iter().position(|bound| seconds <= *bound);
        match place.and_then(|place| self.buckets.get_mut(place)) {
            Some(bucket) => *bucket += 1,
            None => self.over += 1,
        }
        self.sum_ms = self.sum_ms.saturating_add(ms);
    }

    /// As many as up to each bound, those below it too.
    pub(super) fn cumulative(&self, bounds: &[f64; N]) -> Vec<(f64, u64)> {
        let mut all = 0;
        let counts = bounds.iter().zip(&self.buckets);
        counts
            .map(|(bound, count)| {
                all += count;
                (*bound, all)
            })
            .collect()
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum::<u64>() + self.over
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a float is what Prometheus keeps"
    )]
    pub(super) fn sum(&self) -> f64 {
        self.sum_ms as f64 / 1000.0
    }

    pub(super) fn is_fit(&self) -> bool {
        self.buckets.len() == N
    }
}

impl Folded {
    /// Whether it has the shape that its number promises.
    pub(super) fn is_fit(&self) -> bool {
        self.totals.acks.is_fit() && self.totals.waits.is_fit()
    }
}

/// The value of a name, made where there is room for it.
pub(super) fn named<'m, T: Default>(
    map: &'m mut BTreeMap<String, T>,
    name: &str,
) -> Option<&'m mut T> {
    if !map.contains_key(name) {
        if map.len() >= MOST_NAMES || name.len() > LONGEST_NAME {
            return None;
        }
        map.insert(name.to_owned(), T::default());
    }
    map.get_mut(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_counted_in_the_bucket_that_it_just_fills() {
        let mut spans = Spans::<10>::default();
        for ms in [1, 2, 5, 5000, 5001] {
            spans.add(ms, &WAIT_BOUNDS);
        }
        let counts: Vec<u64> = spans
            .cumulative(&WAIT_BOUNDS)
            .iter()
            .map(|it| it.1)
            .collect();
        assert_eq!(counts, [1, 3, 3, 3, 3, 3, 3, 3, 3, 4]);
        assert_eq!((spans.count(), spans.sum_ms), (5, 10_009));
    }

    #[test]
    fn what_is_kept_is_read_back_the_same() {
        let mut folded = Folded::default();
        folded.totals.acks.add(7, &ACK_BOUNDS);
        named(&mut folded.totals.agents, "agent-1")
            .unwrap()
            .restarts = 3;
        folded
            .channels
            .entry("system".into())
            .or_default()
            .lines
            .count(Level::Warn);
        let text = serde_json::to_string(&folded).unwrap();
        assert_eq!(serde_json::from_str::<Folded>(&text).unwrap(), folded);
    }

    #[test]
    fn names_without_end_fill_no_memory() {
        let mut map: BTreeMap<String, u64> = BTreeMap::new();
        for n in 0..=MOST_NAMES {
            named(&mut map, &n.to_string());
        }
        assert_eq!(map.len(), MOST_NAMES);
        assert!(named(&mut map, "0").is_some());
    }
}
