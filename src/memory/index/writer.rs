//! Adds documents: in memory at first, then as segments, which are merged as they grow in number.

use super::build::Building;
use super::disk::{self, Aside, FORMAT, List, Listed, read_list, sweep, write_list};
use super::segment::{Segment, merge};
use super::{Document, Error};
use crate::store::Dir;

/// A segment of so many bytes in memory is written.
const HEAVIEST: usize = 64 << 20;
/// A segment is merged with those behind it unless it has more than so many times as many documents.
const STEP: u64 = 4;
/// So many segments that nobody lists yet are merged before there are more.
const MOST_SEGMENTS: usize = 32;
/// So many that a commit adds wait to be merged at once: each document is written less often.
const MOST_WAITING: usize = 24;

/// The one writer of an index: its caller holds the lock. What was added counts from `commit` on. After an error it is of
/// no more use: what it added since the last commit is to be added again.
pub struct Writer {
    dir: Dir,
    /// Those of the list, and behind them those that it does not name yet.
    list: List,
    listed: usize,
    next_number: u64,
    docs: u32,
    building: Building,
}

impl Writer {
    /// Opens an index or begins one, and removes what a writer left behind that died.
    pub(crate) fn open(dir: Dir) -> Result<Self, Error> {
        let list = read_list(&dir)?.unwrap_or(List {
            format: FORMAT,
            segments: Vec::new(),
        });
        let mut docs = 0_u32;
        for listed in &list.segments {
            // A list that counts wrongly would give a number that another document has.
            docs = add_docs(&dir, docs, open_listed(&dir, *listed)?.docs)?;
        }
        sweep(&dir, &list)?;
        let next_number = list.segments.iter().map(|it| it.number).max().unwrap_or(0) + 1;
        Ok(Self {
            listed: list.segments.len(),
            list,
            next_number,
            docs,
            building: Building::new(),
            dir,
        })
    }

    /// How many documents there are, those included that were just added.
    pub fn len(&self) -> u32 {
        self.docs + self.building.docs()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ordinal of the document.
    pub fn add(&mut self, document: &Document<'_>) -> Result<u32, Error> {
        let ordinal = self.len();
        add_docs(&self.dir, ordinal, 1)?;
        self.building.add(document);
        if self.building.weight() >= HEAVIEST {
            self.write_segment()?;
            if self.list.segments.len() - self.listed >= MOST_SEGMENTS {
                self.merge_from(self.listed)?;
            }
        }
        Ok(ordinal)
    }

    /// Makes all that was added count, on disk.
    pub fn commit(&mut self) -> Result<(), Error> {
        if self.building.docs() > 0 {
            self.write_segment()?;
        }
        if self.list.segments.len() == self.listed {
            return Ok(());
        }
        let first = self.first_to_merge();
        if self.list.segments.len() - first > MOST_WAITING {
            self.merge_from(first)?;
        }
        self.write_list()
    }

    /// The same, and merges what commits left to be merged.
    pub fn merge(&mut self) -> Result<(), Error> {
        self.commit()?;
        let first = self.first_to_merge();
        if self.list.segments.len() - first < 2 {
            return Ok(());
        }
        self.merge_from(first)?;
        self.write_list()
    }

    fn write_list(&mut self) -> Result<(), Error> {
        write_list(&self.dir, &self.list)?;
        self.listed = self.list.segments.len();
        sweep(&self.dir, &self.list)
    }

    pub(super) fn write_segment(&mut self) -> Result<(), Error> {
        let docs = self.building.docs();
        let aside = Aside::new(&self.dir, self.next_number)?;
        let listed = self.building.write(self.next_number, &aside)?;
        self.next_number += 1;
        self.docs += docs;
        self.list.segments.push(listed);
        Ok(())
    }

    fn first_to_merge(&self) -> usize {
        let docs: Vec<u32> = self.list.segments.iter().map(|it| it.docs).collect();
        first_to_merge(&docs)
    }

    fn merge_from(&mut self, first: usize) -> Result<(), Error> {
        let several = &self.list.segments[first..];
        if several.len() < 2 {
            return Ok(());
        }
        let segments = several
            .iter()
            .map(|listed| open_listed(&self.dir, *listed))
            .collect::<Result<Vec<_>, _>>()?;
        let aside = Aside::new(&self.dir, self.next_number)?;
        let segments: Vec<&Segment> = segments.iter().collect();
        let merged = merge(&segments, self.next_number, &aside)?;
        self.next_number += 1;
        for listed in self.list.segments.drain(first.max(self.listed)..) {
            // Named by no list: nobody reads it.
            self.dir.remove(&disk::segment_name(listed.number))?;
        }
        self.list.segments.truncate(first);
        self.list.segments.push(merged);
        self.listed = self.listed.min(first);
        Ok(())
    }
}

/// Sizes fall by steps from the first segment to the last: a document is written again only a few times. Where they do not,
/// all from there on are merged.
fn first_to_merge(docs: &[u32]) -> usize {
    let mut first = docs.len();
    let mut behind = 0;
    for (at, docs) in docs.iter().enumerate().rev() {
        if u64::from(*docs) <= STEP * behind {
            first = at;
        }
        behind += u64::from(*docs);
    }
    first
}

/// Where it lies among the others does not matter here.
fn open_listed(dir: &Dir, listed: Listed) -> Result<Segment, Error> {
    Segment::open(dir, listed, 0)?.ok_or_else(|| Error::Broken {
        path: dir.path().join(disk::segment_name(listed.number)),
        why: "it is not there",
    })
}

fn add_docs(dir: &Dir, docs: u32, more: u32) -> Result<u32, Error> {
    docs.checked_add(more)
        .filter(|&docs| docs < u32::MAX)
        .ok_or_else(|| Error::Full {
            path: dir.path().into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_step_smaller_than_all_that_follows_it_is_merged_with_it() {
        assert_eq!(first_to_merge(&[]), 0);
        assert_eq!(first_to_merge(&[7]), 1);
        assert_eq!(first_to_merge(&[100, 20, 4]), 3);
        assert_eq!(first_to_merge(&[200, 20, 4, 1]), 1);
        assert_eq!(first_to_merge(&[100, 1, 1, 1]), 1);
        assert_eq!(first_to_merge(&[100, 20, 4, 1]), 0);
        // Only the one in the middle is too small a step.
        assert_eq!(first_to_merge(&[30, 4, 3, 1]), 0);
    }
}
