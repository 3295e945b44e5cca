//! A file that grows, line by line: read from where it was left, also where it was rotated meanwhile, by a new name or by a
//! copy. Whether it is the same file still, its inode, its first line and the end of the last line that was read tell.

use std::collections::VecDeque;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::rotated::back_to;
use super::source::Skip;
use crate::memory::error::Error;
use crate::store::{self, File};
use crate::time::Timestamp;

const PIECE: usize = 256 << 10;
/// A longer line is passed over.
pub(super) const MOST_LINE: usize = 256 << 10;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct At {
    #[serde(default)]
    ino: u64,
    /// Of its first line, and of one that is too long of its beginning; 0 where that has no end yet.
    #[serde(default)]
    pub(super) head: u64,
    #[serde(default)]
    pub(super) offset: u64,
    /// Lines before it.
    #[serde(default)]
    pub(super) line: u64,
    /// The memory of a last line that had no end yet: it is read again, and may be longer then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tail: Option<String>,
}

enum From {
    File { file: File, next: u64, size: u64 },
    Stream(Box<dyn Read + Send>),
}

pub(super) struct Growing {
    pub(super) path: PathBuf,
    pub(super) at: At,
    from: From,
    /// What comes once the one that was rotated away is read; the last is what is there under the path now.
    then: VecDeque<File>,
    /// It is another file, and the one that was read up to there is nowhere.
    lost: Option<u64>,
    buffer: Vec<u8>,
    start: usize,
    /// How much was passed of a line that is too long.
    passed: u64,
    is_over: bool,
    /// The last line was given out, which has no end.
    has_told_tail: bool,
}

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'l> {
    /// From 1.
    pub(super) number: u64,
    pub(super) offset: u64,
    /// `None`: it is too long.
    pub(super) text: Option<&'l [u8]>,
    /// It has no end yet.
    pub(super) is_open: bool,
}

impl At {
    /// Whether it was that file, or what it was copied from: then its first line must be known.
    fn is_in(&self, file: &File) -> Result<bool, Error> {
        let may_be = file.opened().ino == self.ino || self.head != 0;
        Ok(may_be && is_same(file, self)?)
    }
}

impl Growing {
    pub(super) fn open(
        path: &Path,
        stream: Option<Box<dyn Read + Send>>,
        kept: Option<At>,
    ) -> Result<Self, Error> {
        let mut growing = Self {
            path: path.into(),
            at: At::default(),
            from: match stream {
                Some(stream) => From::Stream(stream),
                None => opened(File::open_foreign(path)?, 0)?,
            },
            then: VecDeque::new(),
            lost: None,
            buffer: Vec::new(),
            start: 0,
            passed: 0,
            is_over: false,
            has_told_tail: false,
        };
        if let (From::File { file, .. }, Some(kept)) = (&growing.from, kept) {
            if is_same(file, &kept)? {
                growing.resume(kept);
            } else if let Some(rotated) = back_to(path, |file| kept.is_in(file))? {
                growing.go_back(rotated, kept)?;
            } else {
                growing.lost = (kept.offset > 0).then_some(kept.offset);
            }
        }
        Ok(growing)
    }

    fn resume(&mut self, kept: At) {
        if let From::File { next, .. } = &mut self.from {
            *next = kept.offset;
        }
        self.at = kept;
    }

    /// To the oldest of those that were rotated away, then to the others.
    fn go_back(&mut self, rotated: Vec<File>, kept: At) -> Result<(), Error> {
        let mut all = VecDeque::from(rotated);
        let Some(oldest) = all.pop_front() else {
            return Ok(());
        };
        let now = std::mem::replace(&mut self.from, opened(oldest, kept.offset)?);
        if let From::File { file, .. } = now {
            all.push_back(file);
        }
        self.then = all;
        self.at = kept;
        Ok(())
    }

    /// What is to be said once where the file that was read before is nowhere: nobody knows whether it was given more.
    pub(super) fn lost(&mut self) -> Option<Skip> {
        let offset = self.lost.take()?;
        Some(Skip {
            at: self.path.display().to_string(),
            why: format!(
                "it was truncated or replaced, and is read from its beginning: what the old one was given behind byte {offset}, if anything, is lost"
            ),
        })
    }

    /// How much of how much is read.
    pub(super) fn progress(&self) -> Option<(u64, u64)> {
        match &self.from {
            From::File { size, .. } => Some((self.at.offset, *size)),
            From::Stream(_) => None,
        }
    }

    /// The next line; `None` where there is no more. The last one of a file that has no end yet is given out, and read
    /// again the next time.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Error> {
        let mut searched = 0;
        loop {
            let unseen = &self.buffer[self.start + searched..];
            if let Some(end) = memchr::memchr(b'\n', unseen) {
                let (from, to) = (self.start, self.start + searched + end);
                return Ok(Some(self.given(from, to, to + 1)));
            }
            searched = self.buffer.len() - self.start;
            if searched > MOST_LINE {
                if self.at.line == 0 && self.passed == 0 {
                    self.at.head = head(&self.buffer[self.start..]);
                }
                self.passed += searched as u64;
                self.start = self.buffer.len();
                searched = 0;
            }
            if self.fill()? {
                continue;
            }
            let (from, to) = (self.start, self.buffer.len());
            if to > from || self.passed > 0 {
                if matches!(self.from, From::Stream(_)) || !self.then.is_empty() {
                    return Ok(Some(self.given(from, to, to)));
                }
                if self.has_told_tail || self.passed > 0 {
                    return Ok(None);
                }
                self.has_told_tail = true;
                return Ok(Some(Line {
                    number: self.at.line + 1,
                    offset: self.at.offset,
                    text: Some(&self.buffer[from..to]),
                    is_open: true,
                }));
            }
            if !self.go_on()? {
                return Ok(None);
            }
            searched = 0;
        }
    }

    fn given(&mut self, from: usize, to: usize, next: usize) -> Line<'_> {
        let offset = self.at.offset;
        self.start = next;
        let passed = std::mem::take(&mut self.passed);
        self.at.offset += passed + (next - from) as u64;
        self.at.line += 1;
        let line = &self.buffer[from..to];
        if self.at.line == 1 && passed == 0 {
            self.at.head = head(line);
        }
        let is_too_long = passed > 0 || to - from > MOST_LINE;
        Line {
            number: self.at.line,
            offset,
            text: (!is_too_long).then(|| line.strip_suffix(b"\r").unwrap_or(line)),
            is_open: false,
        }
    }

    fn fill(&mut self) -> Result<bool, Error> {
        if self.is_over {
            return Ok(false);
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let held = self.buffer.len();
        self.buffer.resize(held + PIECE, 0);
        let n = match &mut self.from {
            From::File { file, next, size } => {
                let n = file.read_at(*next, &mut self.buffer[held..])?;
                *next += n as u64;
                *size = (*size).max(*next);
                n
            }
            From::Stream(stream) => {
                let read = stream.read(&mut self.buffer[held..]);
                read.map_err(|error| store::Error::system(&self.path, "read", &error))?
            }
        };
        self.buffer.truncate(held + n);
        // A file may grow; who closed a stream says no more.
        self.is_over = n == 0 && matches!(self.from, From::Stream(_));
        self.has_told_tail &= n == 0;
        Ok(n > 0)
    }

    /// From the one that was rotated away to the one that took its place.
    fn go_on(&mut self) -> Result<bool, Error> {
        let Some(file) = self.then.pop_front() else {
            return Ok(false);
        };
        self.from = opened(file, 0)?;
        self.buffer.clear();
        self.start = 0;
        self.at = At {
            ino: self.inode(),
            ..At::default()
        };
        Ok(true)
    }

    fn inode(&self) -> u64 {
        match &self.from {
            From::File { file, .. } => file.opened().ino,
            From::Stream(_) => 0,
        }
    }

    /// When it was last written to.
    pub(super) fn modified(&self) -> Option<Timestamp> {
        match &self.from {
            From::File { file, .. } => {
                let ms = file.opened().mtime_ns / 1_000_000;
                Some(Timestamp::from_unix_ms(
                    i64::try_from(ms).unwrap_or(i64::MAX),
                ))
            }
            From::Stream(_) => None,
        }
    }

    /// To be kept.
    pub(super) fn place(&self) -> At {
        At {
            ino: self.inode(),
            ..self.at.clone()
        }
    }
}

fn opened(file: File, next: u64) -> Result<From, Error> {
    let size = file.size()?;
    Ok(From::File { file, next, size })
}

fn is_same(file: &File, kept: &At) -> Result<bool, Error> {
    let size = file.size()?;
    Ok(size >= kept.offset
        && (kept.head == 0 || head_of(file)? == kept.head)
        && (size == kept.offset || is_between_lines(file, kept.offset)?))
}

/// Whether a line ends there: what was read always ends so.
fn is_between_lines(file: &File, offset: u64) -> Result<bool, Error> {
    let Some(before) = offset.checked_sub(1) else {
        return Ok(true);
    };
    let mut last = [0];
    Ok(file.read_at(before, &mut last)? == 1 && last == *b"\n")
}

/// Of the first line; 0 where that has no end yet.
fn head_of(file: &File) -> Result<u64, Error> {
    let mut first = Vec::new();
    loop {
        let held = first.len();
        first.resize(held + 4096, 0);
        let n = file.read_at(held as u64, &mut first[held..])?;
        first.truncate(held + n);
        if let Some(end) = memchr::memchr(b'\n', &first) {
            return Ok(head(&first[..end]));
        }
        if first.len() > MOST_LINE {
            return Ok(head(&first));
        }
        if n == 0 {
            return Ok(0);
        }
    }
}

/// What a first line is known by.
fn head(line: &[u8]) -> u64 {
    xxh3_64(&line[..line.len().min(MOST_LINE)]).max(1)
}
