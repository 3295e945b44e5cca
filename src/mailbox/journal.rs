//! One generation of `journal.jsonl`, open; and `.durable`, how far it is known to be flushed.

use std::collections::HashSet;
use std::sync::Arc;

use super::error::Error;
use super::json;
use super::record::{Opening, Record, VERSION};
use super::slot::Span;
use super::view::Place;
use crate::store::{self, Dir, File, Line, Lines, Open};

pub(super) const JOURNAL: &str = "journal.jsonl";
pub(super) const DURABLE: &str = ".durable";
/// An opening line is far shorter: one read gets it whole.
const FIRST_READ: usize = 1024;
/// Who asks for many lines reads so many bytes at once.
const NEAR: usize = 256 << 10;

#[derive(Debug)]
pub(super) struct Journal {
    pub(super) file: File,
    pub(super) opening: Opening,
    /// Of the mailbox that it lies in.
    pub(super) place: Option<Arc<Place>>,
}

impl Journal {
    /// `None` where there is no such file.
    pub(super) fn open(dir: &Dir, name: &str, how: Open) -> Result<Option<Self>, Error> {
        let Some(file) = dir.file_if_any(name, how)? else {
            return Ok(None);
        };
        let mut first = [0; FIRST_READ];
        let n = file.read_at(0, &mut first)?;
        let line = first[..n].split(|&b| b == b'\n').next().unwrap_or_default();
        let opening = Opening::parse(line).ok_or_else(|| Error::Corrupt {
            path: file.path().into(),
            line: 1,
            column: 1,
            why: "no opening record of a journal".into(),
        })?;
        Ok(Some(Self {
            file,
            opening,
            place: Place::of(dir),
        }))
    }

    pub(super) fn must_know_format(&self) -> Result<(), Error> {
        if self.opening.version <= VERSION {
            return Ok(());
        }
        Err(Error::Newer {
            path: self.file.path().into(),
            found: self.opening.version,
            known: VERSION,
        })
    }

    /// The line at `span`, without newline; `None` where it is not what was written there.
    pub(super) fn line(&self, span: Span) -> Result<Option<Vec<u8>>, Error> {
        let mut line = vec![0; span.len as usize];
        let n = self.file.read_at(span.offset, &mut line)?;
        let whole = n == line.len() && line.pop() == Some(b'\n');
        Ok((whole && store::verify(&line, self.opening.salt)).then_some(line))
    }

    /// As `line`, for somebody who asks for many that lie near each other.
    pub(super) const fn nearby(&self) -> Nearby<'_> {
        Nearby {
            journal: self,
            at: 0,
            bytes: Vec::new(),
        }
    }

    /// Every whole line from `start`, which begins one, to `end`; a bad one is an error with its place. Returns
    /// where the last whole line ended, and whether something torn without newline stands behind it.
    pub(super) fn scan(
        &self,
        start: u64,
        end: u64,
        see: impl FnMut(&Record<'_>, &[u8], Span) -> Result<(), Error>,
    ) -> Result<(u64, Tail), Error> {
        self.scan_without(start, end, &HashSet::new(), see)
    }

    /// As `scan`, passing over the lines at the offsets of `bad`.
    pub(super) fn scan_without(
        &self,
        start: u64,
        end: u64,
        bad: &HashSet<u64>,
        mut see: impl FnMut(&Record<'_>, &[u8], Span) -> Result<(), Error>,
    ) -> Result<(u64, Tail), Error> {
        let mut lines = Lines::new(&self.file, start, end);
        let mut reached = start;
        loop {
            let Some((offset, len, line)) = lines.next()? else {
                return Ok((reached, Tail::Clean));
            };
            match line {
                Line::Whole(_) if bad.contains(&offset) => {}
                Line::Whole(line) => {
                    if !store::verify(line, self.opening.salt) {
                        return Err(self.bad(offset, "its checksum is wrong".into(), 1));
                    }
                    let record = Record::parse(line)
                        .map_err(|e| self.bad(offset, json::words(&e), e.column()))?;
                    let len = u32::try_from(len).expect("a line is shorter than 16 MiB");
                    see(&record, line, Span { offset, len })?;
                }
                Line::Torn if offset + len == end && self.ends_open(end)? => {
                    return Ok((reached, Tail::Open));
                }
                Line::Torn => {}
            }
            reached = offset + len;
        }
    }

    /// The line that begins at `offset`, verified, without newline.
    pub(super) fn line_at(&self, offset: u64) -> Result<Option<Vec<u8>>, Error> {
        let mut lines = Lines::new(&self.file, offset, self.file.size()?);
        let Some((_, _, Line::Whole(line))) = lines.next()? else {
            return Ok(None);
        };
        Ok(store::verify(line, self.opening.salt).then(|| line.to_vec()))
    }

    fn ends_open(&self, end: u64) -> Result<bool, Error> {
        let mut last = [b'\n'];
        self.file.read_at(end - 1, &mut last)?;
        Ok(last != *b"\n")
    }

    /// Lines are counted only now that somebody will read the number.
    pub(super) fn bad(&self, offset: u64, why: String, column: usize) -> Error {
        let mut before = vec![0; usize::try_from(offset).unwrap_or(0)];
        let n = self.file.read_at(0, &mut before).unwrap_or(0);
        Error::Corrupt {
            path: self.file.path().into(),
            line: before[..n].split(|&b| b == b'\n').count(),
            column: column.max(1),
            why,
        }
    }

    /// Flushes all that has been appended through any descriptor, and says how far that is.
    pub(super) fn flush(&self, dir: &Dir) -> Result<u64, Error> {
        let end = self.file.size()?;
        self.file.sync_data()?;
        say_durable(dir, &self.opening, end);
        Ok(end)
    }

    /// How far it is known to be flushed.
    pub(super) fn durable(&self, dir: &Dir) -> Result<u64, Error> {
        let known = Durable::read(dir, self.opening.salt)?;
        Ok(known
            .filter(|it| it.generation == self.opening.generation)
            .map_or(0, |it| it.end))
    }
}

/// A part of a journal in memory.
pub(super) struct Nearby<'j> {
    journal: &'j Journal,
    at: u64,
    bytes: Vec<u8>,
}

impl Nearby<'_> {
    pub(super) fn line(&mut self, span: Span) -> Result<Option<&[u8]>, Error> {
        let len = span.len as usize;
        let end = self.at + self.bytes.len() as u64;
        if span.offset < self.at || span.offset + len as u64 > end {
            self.at = span.offset;
            self.bytes.resize(len.max(NEAR), 0);
            let n = self.journal.file.read_at(self.at, &mut self.bytes)?;
            self.bytes.truncate(n);
        }
        let begin = usize::try_from(span.offset - self.at).unwrap_or(usize::MAX);
        let line = self.bytes.get(begin..begin.saturating_add(len));
        let line = line.and_then(|line| line.strip_suffix(b"\n"));
        Ok(line.filter(|line| store::verify(line, self.journal.opening.salt)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    Clean,
    /// A killed writer's line without newline: the next write must fence it off.
    Open,
}

/// A hint for readers and the watchers' wake-up: the mail is durable without it, so that it may fail.
pub(super) fn say_durable(dir: &Dir, opening: &Opening, end: u64) {
    let _ = Durable {
        generation: opening.generation,
        end,
    }
    .write(dir, opening.salt);
}

/// `.durable`: generation, offset, checksum.
struct Durable {
    generation: u64,
    end: u64,
}

impl Durable {
    fn sum(&self, salt: u64) -> u64 {
        store::sum(
            &[self.generation.to_le_bytes(), self.end.to_le_bytes()].concat(),
            salt,
        )
    }

    fn write(&self, dir: &Dir, salt: u64) -> Result<(), store::Error> {
        let bytes = [self.generation, self.end, self.sum(salt)].map(u64::to_le_bytes);
        dir.file(DURABLE, Open::Create)?
            .write_at(0, &bytes.concat())
    }

    fn read(dir: &Dir, salt: u64) -> Result<Option<Self>, store::Error> {
        let Some(file) = dir.file_if_any(DURABLE, Open::Read)? else {
            return Ok(None);
        };
        let mut bytes = [0; 24];
        let n = file.read_at(0, &mut bytes)?;
        let word = |i: usize| u64::from_le_bytes(bytes[8 * i..8 * i + 8].try_into().expect("8"));
        let it = Self {
            generation: word(0),
            end: word(1),
        };
        Ok((n == bytes.len() && word(2) == it.sum(salt)).then_some(it))
    }
}

/// What proves that a mailbox had a journal: then its absence is a loss, not a beginning.
pub(super) fn had_one(dir: &Dir) -> Result<bool, Error> {
    for derived in [".index", ".stamp", "archive"] {
        if dir.exists(derived)? {
            return Ok(true);
        }
    }
    Ok(false)
}
