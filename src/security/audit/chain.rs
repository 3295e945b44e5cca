//! How records hang together, whatever somebody did to them. Pure.
//!
//! A record continues a strand if it has the next number and the hash of its last one. Whatever continues none begins a
//! strand of its own: so one break is one new strand, however much follows it. What each break was is said at the end,
//! when it is known whether the missing part came later.

use std::collections::HashMap;

use super::hash::{Hash, Head};

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The how manieth file.
    pub(super) file: usize,
    /// From 1.
    pub(super) line: u64,
}

/// What is wrong between records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// These are nowhere.
    Missing { from: u64, to: u64 },
    /// These come later.
    Moved { from: u64, to: u64 },
    /// One that does not belong here, or does so once more.
    Inserted,
    /// It was written after another than the one that stands before it.
    Unlinked,
}

struct Strand {
    first: Head,
    /// What `first` was written after.
    prev: Hash,
    last: Head,
    place: Place,
    /// Which strand was being read before it, where that one ended then, and how many lines between them are no records.
    after: usize,
    end: Head,
    broken: u64,
}

pub(super) struct Chain {
    strands: Vec<Strand>,
    /// The one that is being read.
    current: usize,
    /// By the hash of their last records, those that are not.
    others: HashMap<Hash, usize, foldhash::fast::RandomState>,
    /// Lines since the last record that are none any more, and told already.
    broken: u64,
}

impl Chain {
    pub(super) fn new() -> Self {
        let start = Strand {
            first: Head::NONE,
            prev: Hash::NONE,
            last: Head::NONE,
            place: Place { file: 0, line: 0 },
            after: 0,
            end: Head::NONE,
            broken: 0,
        };
        Self {
            strands: vec![start],
            current: 0,
            others: HashMap::default(),
            broken: 0,
        }
    }

    /// The last record that was read.
    pub(super) fn head(&self) -> Head {
        self.strands[self.current].last
    }

    /// A line that was a record, perhaps.
    pub(super) const fn broken(&mut self) {
        self.broken += 1;
    }

    pub(super) fn record(&mut self, head: Head, prev: Hash, place: Place) {
        if !self.continues(self.current, head, prev) {
            let other = self.others.get(&prev).copied();
            let next = match other.filter(|it| self.continues(*it, head, prev)) {
                Some(other) => other,
                None => self.begin(head, prev, place),
            };
            self.others.insert(self.head().hash, self.current);
            self.others.remove(&prev);
            self.current = next;
        }
        self.strands[self.current].last = head;
        self.broken = 0;
    }

    fn continues(&self, strand: usize, head: Head, prev: Hash) -> bool {
        let last = self.strands[strand].last;
        last.hash == prev && last.n.checked_add(1) == Some(head.n)
    }

    fn begin(&mut self, first: Head, prev: Hash, place: Place) -> usize {
        self.strands.push(Strand {
            first,
            prev,
            last: first,
            place,
            after: self.current,
            end: self.head(),
            broken: self.broken,
        });
        self.strands.len() - 1
    }

    /// In the order in which they were met.
    pub(super) fn breaks(&self) -> impl Iterator<Item = (Place, u64, Break)> {
        let begun = self.strands.iter().skip(1);
        begun.filter_map(|it| Some((it.place, it.first.n, self.judge(it)?)))
    }

    /// `None` where the lines between are told already.
    fn judge(&self, strand: &Strand) -> Option<Break> {
        let before = &self.strands[strand.after];
        let to = strand.first.n - 1;
        let from = strand.end.n.saturating_add(1);
        if strand.first.n <= strand.end.n {
            return Some(Break::Inserted);
        }
        if from > to {
            return Some(Break::Unlinked);
        }
        if before.last.n == to && before.last.hash == strand.prev {
            return Some(Break::Moved { from, to });
        }
        if before.last.n > strand.end.n {
            return Some(Break::Inserted);
        }
        // Of broken lines nobody knows where they belong: they are taken for those that are lacking.
        let from = from.saturating_add(strand.broken);
        (from <= to).then_some(Break::Missing { from, to })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found where the records stand in this order; 0 is a broken line.
    fn breaks(order: &[u64]) -> Vec<(u64, u64, Break)> {
        let hash = |n: u64| match n {
            0 => Hash::NONE,
            n => Hash::of(&n.to_le_bytes()),
        };
        let mut chain = Chain::new();
        for (line, &n) in (1..).zip(order) {
            if n == 0 {
                chain.broken();
                continue;
            }
            let head = Head { n, hash: hash(n) };
            chain.record(head, hash(n - 1), Place { file: 0, line });
        }
        let found = chain.breaks().map(|(place, n, it)| (place.line, n, it));
        found.collect()
    }

    #[test]
    fn one_break_is_told_once() {
        use Break::{Inserted, Missing, Moved};
        let none: [(u64, u64, Break); 0] = [];
        assert_eq!(breaks(&[1, 2, 3, 4]), none);
        assert_eq!(breaks(&[1, 2, 0, 4, 5]), none, "the broken line is told");
        assert_eq!(breaks(&[1, 2, 0, 3, 4]), none);
        assert_eq!(breaks(&[1, 2, 5, 6]), [(3, 5, Missing { from: 3, to: 4 })]);
        assert_eq!(breaks(&[3, 4]), [(1, 3, Missing { from: 1, to: 2 })]);
        assert_eq!(breaks(&[1, 0, 4, 5]), [(3, 4, Missing { from: 3, to: 3 })]);
        assert_eq!(breaks(&[1, 3, 2, 4, 5]), [(2, 3, Moved { from: 2, to: 2 })]);
        let moved = Moved { from: 3, to: 5 };
        assert_eq!(breaks(&[1, 2, 6, 7, 3, 4, 5, 8]), [(3, 6, moved)]);
        assert_eq!(breaks(&[1, 2, 3, 2, 4, 5]), [(4, 2, Inserted)]);
        assert_eq!(breaks(&[1, 2, 1000, 3, 4]), [(3, 1000, Inserted)]);
        assert_eq!(breaks(&[1, 2, 3, 1, 2, 3, 4]), [(4, 1, Inserted)]);
    }
}
