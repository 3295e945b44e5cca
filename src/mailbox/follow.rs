//! Reading a journal as it grows, without its lock: whole lines up to what is known to be flushed, through every
//! exchange of the file.

use std::sync::Arc;

use super::archive;
use super::error::Error;
use super::journal::{JOURNAL, Journal};
use super::read::Gather;
use crate::store::{Dir, Open};
use crate::time::Now;

/// A writer that flushes takes a few milliseconds. Who finds lines unflushed for so long flushes them himself.
const PATIENCE_MS: u64 = 1000;

pub(super) struct Follow {
    journal: Arc<Journal>,
    /// Where the next line begins.
    pub(super) offset: u64,
    /// An end beyond what is flushed, and since when it has been seen, on this boot's clock.
    unflushed: Option<(u64, u64)>,
}

impl Follow {
    pub(super) const fn new(journal: Arc<Journal>, offset: u64) -> Self {
        Self {
            journal,
            offset,
            unflushed: None,
        }
    }

    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Shows `gather` what has become durable since.
    pub(super) fn advance(
        &mut self,
        dir: &Dir,
        gather: &mut Gather<'_>,
        now: Now,
    ) -> Result<(), Error> {
        while self.is_replaced(dir)? {
            // What was appended to the old file in time is in the new one, flushed; what came too late is nowhere.
            self.read_to(self.journal.file.size()?, gather)?;
            self.change_over(dir, gather)?;
        }
        let size = self.journal.file.size()?;
        if size < self.offset {
            // Overwritten in place with an older copy.
            self.reopen(dir)?;
        }
        let durable = self.durable(dir, size, now)?;
        self.read_to(durable, gather)
    }

    fn is_replaced(&self, dir: &Dir) -> Result<bool, Error> {
        let named = dir.ident(JOURNAL)?.ok_or_else(|| Error::JournalGone {
            path: dir.path().join(JOURNAL),
        })?;
        Ok(named.ino != self.journal.file.opened().ino)
    }

    fn read_to(&mut self, end: u64, gather: &mut Gather<'_>) -> Result<(), Error> {
        if end <= self.offset {
            return Ok(());
        }
        let (reached, _) = self.journal.scan(self.offset, end, |record, line, _| {
            gather.see(record, line);
            Ok(())
        })?;
        self.offset = reached;
        Ok(())
    }

    /// To the file that bears the name now, past the generations that came and went meanwhile.
    fn change_over(&mut self, dir: &Dir, gather: &mut Gather<'_>) -> Result<(), Error> {
        let before = self.journal.opening.generation;
        self.reopen(dir)?;
        read_archives(dir, before + 1, self.journal.opening.generation, gather)
    }

    fn reopen(&mut self, dir: &Dir) -> Result<(), Error> {
        let journal =
            Journal::open(dir, JOURNAL, Open::Read)?.ok_or_else(|| Error::JournalGone {
                path: dir.path().join(JOURNAL),
            })?;
        *self = Self::new(Arc::new(journal), 0);
        self.offset = self.journal.opening.len;
        Ok(())
    }

    fn durable(&mut self, dir: &Dir, size: u64, now: Now) -> Result<u64, Error> {
        let durable = self.journal.durable(dir)?.min(size);
        if durable == size {
            self.unflushed = None;
            return Ok(durable);
        }
        match self.unflushed {
            Some((end, since)) if end > durable => {
                if now.boot_ms.saturating_sub(since) < PATIENCE_MS {
                    return Ok(durable);
                }
                self.unflushed = None;
                self.journal.flush(dir)
            }
            _ => {
                self.unflushed = Some((size, now.boot_ms));
                Ok(durable)
            }
        }
    }
}

/// The sealed generations from `first` up to, not including, `end`.
pub(super) fn read_archives(
    dir: &Dir,
    first: u64,
    end: u64,
    gather: &mut Gather<'_>,
) -> Result<(), Error> {
    if first >= end {
        return Ok(());
    }
    for sealed in archive::readable(dir)? {
        if (first..end).contains(&sealed.generation) {
            archive::scan(dir, &sealed, |record, line| {
                gather.see(record, line);
                Ok(())
            })?;
        }
    }
    Ok(())
}
