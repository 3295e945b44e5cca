//! `index/terms/threads` and `index/terms/ties`: a number of each memory, replaced whole.

use super::error::Error;
use super::index::{Column, write_column};
use crate::store::Dir;

const THREADS: &str = "threads";
const TIES: &str = "ties";
/// Of what is tied to nothing.
pub(super) const NO_TIE: u32 = u32::MAX;

pub(super) fn write_threads(terms: &Dir, threads: &[u32]) -> Result<(), Error> {
    Ok(write_column(terms, THREADS, threads)?)
}

pub(super) fn write_ties(terms: &Dir, ties: &[u32]) -> Result<(), Error> {
    Ok(write_column(terms, TIES, ties)?)
}

/// Of each memory the number of the first of its thread, and of what it is tied to by more than a guess.
pub(super) struct Numbers {
    threads: Option<Column>,
    ties: Option<Column>,
}

impl Numbers {
    /// Those that cannot be read are as good as none.
    pub(super) fn open(terms: &Dir) -> Result<Self, Error> {
        let open = |name| match Column::open(terms, name) {
            Err(error) if error.is_broken() => Ok(None),
            other => other,
        };
        Ok(Self {
            threads: open(THREADS)?,
            ties: open(TIES)?,
        })
    }

    /// Whether they are of so many.
    pub(super) fn are_of(&self, count: u32) -> bool {
        let both = [&self.threads, &self.ties];
        both.iter()
            .all(|it| it.as_ref().is_some_and(|it| it.len() == u64::from(count)))
    }

    /// One that nobody has linked yet is a thread of its own.
    pub(super) fn thread(&self, ordinal: u32) -> Result<u32, Error> {
        let number = self.threads.as_ref().map(|it| it.of(ordinal)).transpose()?;
        Ok(number.flatten().unwrap_or(ordinal))
    }

    pub(super) fn threads(&self) -> Result<Vec<u32>, Error> {
        Ok(self
            .threads
            .as_ref()
            .map(Column::all)
            .transpose()?
            .unwrap_or_default())
    }

    pub(super) fn ties(&self) -> Result<Vec<u32>, Error> {
        Ok(self
            .ties
            .as_ref()
            .map(Column::all)
            .transpose()?
            .unwrap_or_default())
    }

    /// All of one thread, which is called by its first.
    pub(super) fn members(&self, number: u32) -> Result<Vec<u32>, Error> {
        let all = self.threads()?;
        let behind = (0_u32..).zip(all).skip(number as usize);
        let mut members: Vec<u32> = behind
            .filter(|(_, it)| *it == number)
            .map(|(ordinal, _)| ordinal)
            .collect();
        if members.is_empty() {
            members.push(number);
        }
        Ok(members)
    }

    /// What a memory is tied to, for whoever smooths. What cannot be read ties nothing.
    pub(super) fn tie(&self, ordinal: u32) -> Vec<(u32, f32)> {
        let tie = self
            .ties
            .as_ref()
            .and_then(|it| it.of(ordinal).ok().flatten());
        let tie = tie.filter(|it| *it != NO_TIE);
        tie.map(|it| (it, 1.0)).into_iter().collect()
    }
}
