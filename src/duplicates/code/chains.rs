//! Seeds that two places share become runs, runs that follow one another in both become chains: a copy with gaps.

use super::seeds::{LENGTH, low};

/// The same from `start` to `end` here and as far on there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) start: u32,
    pub(super) end: u32,
    /// From here to there.
    pub(super) distance: u32,
}

impl Run {
    pub(super) const fn len(&self) -> u32 {
        self.end - self.start
    }
}

/// Runs in their order, in the places of all files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) runs: Vec<Run>,
}

impl Chain {
    pub(super) fn here(&self) -> (u32, u32) {
        let (first, last) = self.ends();
        (first.start, last.end)
    }

    pub(super) fn there(&self) -> (u32, u32) {
        let (first, last) = self.ends();
        (first.start + first.distance, last.end + last.distance)
    }

    fn ends(&self) -> (&Run, &Run) {
        let ends = self.runs.first().zip(self.runs.last());
        ends.expect("a chain has runs")
    }

    /// Tokens that stand in runs.
    pub(super) fn common(&self) -> u32 {
        let overlaps = self
            .runs
            .windows(2)
            .map(|it| it[0].end.saturating_sub(it[1].start));
        let all: u32 = self.runs.iter().map(Run::len).sum();
        all.saturating_sub(overlaps.sum())
    }

    /// In two where it is weakest.
    pub(super) fn split(mut self) -> Option<(Self, Self)> {
        let gap = |at: usize| {
            let (a, b) = (&self.runs[at - 1], &self.runs[at]);
            b.start.saturating_sub(a.end) + b.distance.abs_diff(a.distance)
        };
        // Of a long one near its middle, so that it takes few steps to the end.
        let all = self.runs.len();
        let places = if all > MANY {
            all / 4..all * 3 / 4
        } else {
            1..all
        };
        let at = places.max_by_key(|it| gap(*it))?;
        let after = self.runs.split_off(at);
        Some((self, Self { runs: after }))
    }
}

/// A chain of more runs is long.
const MANY: usize = 200;
/// Between two runs of a chain lie so many tokens at most.
const GAP: u32 = 90;
/// What comes again after fewer signs is a row of a table.
const FEW: u32 = 40;
/// A run is tied to one of so many before it.
const BEFORE: usize = 48;

/// Pairs, by distance and place, as runs.
pub(super) fn runs(pairs: &[u64]) -> Vec<Run> {
    let length = u32::try_from(LENGTH).unwrap_or(0);
    let mut runs: Vec<Run> = Vec::new();
    for &pair in pairs {
        let (distance, start) = (low(pair >> 32), low(pair));
        let end = start + length;
        match runs.last_mut() {
            Some(run) if run.distance == distance && start <= run.end + 4 => run.end = end,
            _ => runs.push(Run {
                start,
                end,
                distance,
            }),
        }
    }
    runs.into_iter().flat_map(once).collect()
}

/// Copies that follow each other overlap as one run: each is one of its own. What is said again after a few signs is a
/// table or a list, and no copy of itself.
fn once(run: Run) -> impl Iterator<Item = Run> {
    let is_table = run.len() > run.distance && run.distance < FEW;
    let step = run.distance.max(1) as usize;
    let starts = (run.start..run.end).step_by(step);
    starts.filter(move |_| !is_table).map(move |start| Run {
        start,
        end: run.end.min(start.saturating_add(run.distance)),
        ..run
    })
}

/// The chains of runs that all lead to the same file.
pub(super) fn chains(runs: &mut [Run], least: u32) -> Vec<Chain> {
    runs.sort_unstable_by_key(|it| (it.start, it.distance));
    let mut scores: Vec<i64> = Vec::with_capacity(runs.len());
    let mut before: Vec<usize> = Vec::with_capacity(runs.len());
    // How far this run and those before it reach.
    let mut reach: Vec<u32> = Vec::with_capacity(runs.len());
    for at in 0..runs.len() {
        let own = i64::from(runs[at].len());
        let mut best = (own, usize::MAX);
        let near = (at.saturating_sub(BEFORE)..at).rev();
        for earlier in near.take_while(|it| reach[*it] + GAP >= runs[at].start) {
            if let Some(gained) = gained(&runs[earlier], &runs[at]) {
                let score = scores[earlier] + gained;
                // Of equal ones the first.
                if score > own && score >= best.0 {
                    best = (score, earlier);
                }
            }
        }
        scores.push(best.0);
        before.push(best.1);
        reach.push(runs[at].end.max(reach.last().map_or(0, |it| *it)));
    }
    collect(runs, &scores, &before, least)
}

/// What a run adds to a chain that ended with another; `None`: it does not follow it.
fn gained(earlier: &Run, run: &Run) -> Option<i64> {
    let (here, there) = (i64::from(run.start) - i64::from(earlier.end), {
        let there = i64::from(run.start) + i64::from(run.distance);
        there - i64::from(earlier.end) - i64::from(earlier.distance)
    });
    let overlap = (-here).max(-there).max(0);
    let own = i64::from(run.len()) - overlap;
    let shift = (i64::from(run.distance) - i64::from(earlier.distance)).abs();
    if own <= 0 || here > i64::from(GAP) || there > i64::from(GAP) || run.start <= earlier.start {
        return None;
    }
    Some(own - shift / 3 - here.max(there).max(0) / 10)
}

fn collect(runs: &[Run], scores: &[i64], before: &[usize], least: u32) -> Vec<Chain> {
    let mut order: Vec<usize> = (0..runs.len())
        .filter(|it| scores[*it] >= i64::from(least))
        .collect();
    order.sort_by_key(|it| (std::cmp::Reverse(scores[*it]), *it));
    let mut used = vec![false; runs.len()];
    let mut chains = Vec::new();
    for last in order {
        if used[last] {
            continue;
        }
        let mut at = last;
        let mut of_chain = Vec::new();
        while at != usize::MAX && !used[at] {
            used[at] = true;
            of_chain.push(runs[at]);
            at = before[at];
        }
        of_chain.reverse();
        let chain = Chain { runs: of_chain };
        if chain.common() >= least {
            chains.push(chain);
        }
    }
    chains
}
