//! The one file of this room that touches the world.
//!
//! A writer holds the lock from before it looks for the end of the chain until its records are flushed. `.durable` says
//! how far the open file is known to be flushed: what lies beyond is of somebody who was killed, or whose flush failed.
//! The kernel takes such pages for clean and would never write them, so that their bytes are written once more before
//! anything comes after them.

use super::backwards::Backwards;
use super::entry::{Entry, VERSION};
use super::error::Error;
use super::hash::Head;
use super::record::{self, Raw};
use super::volumes::{Closed, LOCK, OPEN, PATIENCE};
use crate::root::Home;
use crate::store::{self, Deadline, Dir, File, Lock, Open};
use crate::time::Timestamp;

const DURABLE: &str = ".durable";
/// One that has grown so large is closed by the next writer. Small in tests, so that they close many.
const LARGEST: u64 = if cfg!(test) { 16 << 10 } else { 16 << 20 };
const PIECE: usize = 1 << 20;

/// Chains the entries, all by one write and one flush. With an error none of them is recorded, unless it says so.
pub fn append(home: &Home, entries: &[Entry], now: Timestamp) -> Result<Head, Error> {
    Trail::open(home, now)?.append(entries, now)
}

/// The open file, locked.
pub(super) struct Trail {
    _lock: Lock,
    dir: Dir,
    file: File,
    size: u64,
    head: Head,
    /// Something without newline stands at its end.
    is_torn: bool,
    /// Its name is flushed.
    is_named: bool,
}

impl Trail {
    pub(super) fn open(home: &Home, now: Timestamp) -> Result<Self, Error> {
        let dir = Dir::make_path(home.dir(), home.inside(&home.audit()))?;
        let lock = Lock::acquire(&dir, LOCK, Deadline::after(PATIENCE))?;
        let Some(file) = dir.file_if_any(OPEN, Open::Append)? else {
            let head = last_of(&dir, &Closed::all(&dir)?)?;
            return Self::begin(dir, lock, head);
        };
        let size = file.size()?;
        let durable = Durable::of(&dir, &file)?;
        if durable.end < size {
            write_again(&dir, durable.end, size)?;
        }
        let end = End::of(&file, size)?;
        if size >= LARGEST
            && let Some(head) = end.head
        {
            file.sync_data()?;
            dir.rename(OPEN, &Closed::new(head.n, now).name, store::Target::Kept)?;
            // The name must not be taken anew before it is known to be free.
            dir.sync()?;
            return Self::begin(dir, lock, head);
        }
        let head = match end.head {
            Some(head) => head,
            None => last_of(&dir, &Closed::all(&dir)?)?,
        };
        Ok(Self {
            _lock: lock,
            dir,
            file,
            size,
            head,
            is_torn: end.is_torn,
            is_named: durable.is_named,
        })
    }

    fn begin(dir: Dir, lock: Lock, head: Head) -> Result<Self, Error> {
        let file = dir.file(OPEN, Open::AppendCreate)?;
        Ok(Self {
            _lock: lock,
            dir,
            file,
            size: 0,
            head,
            is_torn: false,
            is_named: false,
        })
    }

    pub(super) const fn head(&self) -> Head {
        self.head
    }

    pub(super) const fn dir(&self) -> &Dir {
        &self.dir
    }

    pub(super) const fn file(&self) -> &File {
        &self.file
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn append(&mut self, entries: &[Entry], now: Timestamp) -> Result<Head, Error> {
        if entries.is_empty() {
            return Ok(self.head);
        }
        let mut text = Vec::new();
        if self.is_torn {
            text.extend_from_slice(store::fence());
        }
        let pid = std::process::id();
        let chained = entries.iter();
        let head = chained.fold(self.head, |head, it| it.spell(&mut text, head, now, pid));
        self.put(&text).map_err(|error| self.taken_back(error))?;
        self.size += text.len() as u64;
        self.head = head;
        self.is_torn = false;
        self.is_named = true;
        // A hint: without it the next writer writes a little twice.
        let _ = Durable::say(&self.dir, &self.file, self.size);
        Ok(head)
    }

    fn put(&self, text: &[u8]) -> Result<(), store::Error> {
        if self.file.append_once(text)? < text.len() {
            return Err(store::Error::no_space(self.file.path()));
        }
        self.file.sync_data()?;
        if !self.is_named {
            self.dir.sync()?;
            self.dir.sync_parent()?;
        }
        Ok(())
    }

    /// Of what was not written whole or not flushed nothing stays, so that nobody builds on it: nobody else writes now.
    fn taken_back(&self, error: store::Error) -> Error {
        match self.file.truncate(self.size) {
            Ok(()) => Error::Store(error),
            Err(_) => Error::Unsure(error),
        }
    }
}

/// The last record of the newest that has one.
fn last_of(dir: &Dir, closed: &[Closed]) -> Result<Head, Error> {
    for it in closed.iter().rev() {
        let file = dir.file(&it.name, Open::Read)?;
        if let Some(head) = End::of(&file, file.size()?)?.head {
            return Ok(head);
        }
    }
    Ok(Head::NONE)
}

/// What a file ends with.
struct End {
    /// Its last whole record; what is none is passed over.
    head: Option<Head>,
    is_torn: bool,
}

impl End {
    fn of(file: &File, size: u64) -> Result<Self, Error> {
        let mut lines = Backwards::new(file, size);
        let mut is_torn = None;
        let mut head = None;
        while head.is_none()
            && let Some(line) = lines.next()?
        {
            // A record counts only with its newline.
            if is_torn.is_none() {
                is_torn = Some(!line.is_empty());
                continue;
            }
            if let Some(found) = record::newer(&line) {
                return Err(Error::Newer {
                    path: file.path().into(),
                    found,
                    known: VERSION,
                });
            }
            head = Raw::parse(&line).and_then(|raw| raw.head());
        }
        Ok(Self {
            head,
            is_torn: is_torn.unwrap_or(false),
        })
    }
}

/// The same bytes at the same place, by another descriptor: whoever appends cannot write there.
fn write_again(dir: &Dir, from: u64, end: u64) -> Result<(), Error> {
    let file = dir.file(OPEN, Open::Write)?;
    let mut piece = vec![0; PIECE];
    let mut at = from;
    while at < end {
        let want = usize::try_from(end - at).map_or(PIECE, |left| left.min(PIECE));
        let got = file.read_at(at, &mut piece[..want])?;
        if got == 0 {
            break;
        }
        file.write_at(at, &piece[..got])?;
        at += got as u64;
    }
    Ok(())
}

/// How far the open file is known to be flushed. Never too far.
struct Durable {
    end: u64,
    is_named: bool,
}

impl Durable {
    const LEN: usize = 34;

    fn of(dir: &Dir, file: &File) -> Result<Self, Error> {
        let mut text = [0; Self::LEN];
        let got = match dir.file_if_any(DURABLE, Open::Read)? {
            Some(said) => said.read_at(0, &mut text)?,
            None => 0,
        };
        let said = std::str::from_utf8(&text[..got]).ok().and_then(parse);
        let is_named = said.is_some_and(|(ino, _)| ino == file.opened().ino);
        let end = said.map_or(0, |(_, end)| end);
        Ok(Self {
            // Of a file that somebody has shortened nothing is known.
            end: if is_named && end <= file.opened().size {
                end
            } else {
                0
            },
            is_named,
        })
    }

    fn say(dir: &Dir, file: &File, end: u64) -> Result<(), store::Error> {
        let text = format!("{:016x} {end:016x}\n", file.opened().ino);
        dir.file(DURABLE, Open::Create)?
            .write_at(0, text.as_bytes())
    }
}

fn parse(text: &str) -> Option<(u64, u64)> {
    let (ino, end) = text.strip_suffix('\n')?.split_once(' ')?;
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    Some((number(ino)?, number(end)?))
}
