//! The best few of many, and what of them says the same.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use foldhash::fast::FixedState;

use super::Error;
use super::search::Index;
use super::sheet::Page;

/// Of one that is there again and again so many are told.
const MOST_COPIES: usize = 1000;

/// A document that is among the best by its terms.
pub(super) struct Leader {
    pub(super) sum: u64,
    /// Of what it says; read where another has the same sum of impacts.
    said: Option<u64>,
    /// Its own, and those of its copies, the newest last: most have none.
    pub(super) first: u32,
    pub(super) later: Vec<u32>,
}

impl Leader {
    pub(super) fn newest(&self) -> u32 {
        self.later.last().copied().unwrap_or(self.first)
    }

    /// The newest, and the others behind it, the newest of these first.
    pub(super) fn into_newest_first(self) -> (u32, Vec<u32>) {
        let mut copies = self.later;
        let Some(newest) = copies.pop() else {
            return (self.first, copies);
        };
        copies.reverse();
        copies.push(self.first);
        (newest, copies)
    }
}

/// The best few of many that say different things. Of copies that come when no more of their sum are wanted some are
/// missed: they would be the last.
pub(super) struct Leaders<'i> {
    index: &'i Index,
    best: Best,
    by_sum: HashMap<u64, Vec<Leader>, FixedState>,
    /// Of those that come, and of those that are there.
    pages: Vec<Page>,
    other_pages: Vec<Page>,
}

impl<'i> Leaders<'i> {
    pub(super) fn new(most: usize, index: &'i Index) -> Self {
        Self {
            best: Best::new(most),
            by_sum: HashMap::default(),
            pages: index.pages(),
            other_pages: index.pages(),
            index,
        }
    }

    pub(super) fn needed(&self) -> u64 {
        self.best.needed()
    }

    pub(super) fn offer(&mut self, sum: u64, ordinal: u32) -> Result<(), Error> {
        let mut said = None;
        for leader in self.by_sum.get_mut(&sum).into_iter().flatten() {
            let own = match said {
                Some(own) => own,
                None => self.index.said(ordinal, &mut self.pages)?,
            };
            said = Some(own);
            let other = match leader.said {
                Some(other) => other,
                None => self.index.said(leader.first, &mut self.other_pages)?,
            };
            leader.said = Some(other);
            if own == other {
                if leader.later.len() < MOST_COPIES {
                    leader.later.push(ordinal);
                }
                return Ok(());
            }
        }
        if !self.best.would_take(sum, ordinal) {
            return Ok(());
        }
        if let Some((sum, ordinal)) = self.best.take(sum, ordinal)
            && let Some(equal) = self.by_sum.get_mut(&sum)
        {
            equal.retain(|it| it.first != ordinal);
        }
        self.by_sum.entry(sum).or_default().push(Leader {
            sum,
            said,
            first: ordinal,
            later: Vec::new(),
        });
        Ok(())
    }

    pub(super) fn into_sorted(mut self) -> Vec<Leader> {
        let sorted = self.best.into_sorted();
        let take = |(sum, ordinal)| {
            let equal = self.by_sum.get_mut(&sum)?;
            let at = equal.iter().position(|it| it.first == ordinal)?;
            Some(equal.swap_remove(at))
        };
        sorted.into_iter().filter_map(take).collect()
    }
}

/// The best few of many: the greater first, of those that are equal the lower number.
pub(super) struct Best {
    most: usize,
    heap: BinaryHeap<Reverse<(u64, Reverse<u32>)>>,
}

impl Best {
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            heap: BinaryHeap::new(),
        }
    }

    /// What one more must have at least.
    pub(super) fn needed(&self) -> u64 {
        match self.heap.peek() {
            Some(Reverse((least, _))) if self.heap.len() >= self.most => least.saturating_add(1),
            _ => 0,
        }
    }

    pub(super) fn would_take(&self, value: u64, ordinal: u32) -> bool {
        match self.heap.peek() {
            Some(Reverse(least)) if self.heap.len() >= self.most => {
                (value, Reverse(ordinal)) > *least
            }
            _ => self.most > 0,
        }
    }

    pub(super) fn offer(&mut self, value: u64, ordinal: u32) {
        if self.would_take(value, ordinal) {
            self.take(value, ordinal);
        }
    }

    /// The one that is among them no more.
    pub(super) fn take(&mut self, value: u64, ordinal: u32) -> Option<(u64, u32)> {
        self.heap.push(Reverse((value, Reverse(ordinal))));
        if self.heap.len() <= self.most {
            return None;
        }
        let gone = self.heap.pop();
        gone.map(|Reverse((value, Reverse(ordinal)))| (value, ordinal))
    }

    pub(super) fn into_sorted(self) -> Vec<(u64, u32)> {
        let sorted = self.heap.into_sorted_vec();
        sorted
            .into_iter()
            .map(|Reverse((value, Reverse(ordinal)))| (value, ordinal))
            .collect()
    }
}
