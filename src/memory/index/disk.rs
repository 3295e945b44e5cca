//! The files of the index: segments, the list of those that count, and columns.
//!
//! A segment is written aside under a number that no list names, flushed, and never changed. The list is replaced by
//! rename: whoever dies before that leaves the old index, and a stray that the next writer removes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Error;
use crate::store::{Dir, File, Open, Target, random_u64};

/// Of the list, and of all that it names. 1: the first. 2: stems of one family are one term. 3: small pages.
pub(super) const FORMAT: u32 = 3;
const LIST: &str = "index.json";
const SEGMENT_END: &str = ".seg";
/// Of a file that is being written in place of another.
const ASIDE_END: &str = ".aside";
/// The list of more segments than merging ever leaves.
const LONGEST_LIST: u64 = 1 << 20;
const WRITTEN_AT_ONCE: usize = 1 << 17;

/// The sum of some bytes; `salt` tells apart what lies in different places.
pub(super) fn sum(bytes: &[u8], salt: u64) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half of it")]
    let low = xxh3_64_with_seed(bytes, salt) as u32;
    low
}

/// The segments of an index in their order, which is that of the ordinals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    pub(super) format: u32,
    pub(super) segments: Vec<Listed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// `<number>.seg`.
    pub(super) number: u64,
    pub(super) docs: u32,
    /// The sum of its head: another file in its place is found out.
    pub(super) sum: u32,
}

#[derive(Deserialize)]
struct OnlyFormat {
    format: u64,
}

pub(super) fn segment_name(number: u64) -> String {
    format!("{number:08}{SEGMENT_END}")
}

fn broken(dir: &Dir, name: &str, why: &'static str) -> Error {
    Error::Broken {
        path: dir.path().join(name),
        why,
    }
}

/// `None`: there is no index.
pub(super) fn read_list(dir: &Dir) -> Result<Option<List>, Error> {
    let Some(file) = dir.file_if_any(LIST, Open::Read)? else {
        return Ok(None);
    };
    let bytes = file.read_to_end(LONGEST_LIST)?;
    let newer =
        serde_json::from_slice::<OnlyFormat>(&bytes).is_ok_and(|it| it.format > u64::from(FORMAT));
    if newer {
        return Err(broken(dir, LIST, "a newer version wrote it"));
    }
    let list: List = serde_json::from_slice(&bytes)
        .map_err(|_| broken(dir, LIST, "it is no list of segments"))?;
    if list.format != FORMAT {
        return Err(broken(dir, LIST, "it is of no known format"));
    }
    Ok(Some(list))
}

/// Replaces the list, and flushes it and all names.
pub(super) fn write_list(dir: &Dir, list: &List) -> Result<(), Error> {
    let mut line = serde_json::to_vec(list).expect("numbers have a form in JSON");
    line.push(b'\n');
    replace(dir, LIST, &line)
}

/// Puts `bytes` in the place of a file: who reads it finds the old ones or the new ones.
pub(super) fn replace(dir: &Dir, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let aside = format!("{name}.{:016x}{ASIDE_END}", random_u64());
    let written = (|| {
        let file = dir.file(&aside, Open::New)?;
        file.write_at(0, bytes)?;
        file.sync_data()?;
        dir.rename(&aside, name, Target::Replaced)
    })();
    if let Err(error) = written {
        // The disk may be full: what was written must not stay. If it does, the next writer removes it.
        let _ = dir.remove(&aside);
        return Err(error.into());
    }
    dir.sync()?;
    Ok(())
}

/// Removes what no list names: the caller holds the lock of the writers.
pub(super) fn sweep(dir: &Dir, list: &List) -> Result<(), Error> {
    for name in dir.file_names()? {
        let named = name.strip_suffix(SEGMENT_END).map(|_| {
            list.segments
                .iter()
                .any(|it| segment_name(it.number) == name)
        });
        if named == Some(false) || name.ends_with(ASIDE_END) {
            dir.remove(&name)?;
        }
    }
    Ok(())
}

/// A file that is read at offsets, and is as long as it says.
#[derive(Debug)]
pub(super) struct Source {
    file: File,
    size: u64,
}

impl Source {
    pub(super) fn open(dir: &Dir, name: &str) -> Result<Option<Self>, Error> {
        let file = dir.file_if_any(name, Open::Read)?;
        Ok(file.map(|file| Self {
            size: file.opened().size,
            file,
        }))
    }

    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), Error> {
        if self.file.read_at(at, buffer)? == buffer.len() {
            Ok(())
        } else {
            Err(self.broken("it is shorter than it says"))
        }
    }

    /// So many bytes in place of those that it held.
    pub(super) fn read_into(
        &self,
        bytes: &mut Vec<u8>,
        at: u64,
        length: usize,
    ) -> Result<(), Error> {
        // Zeroes that come from the allocator cost less than those that a vector grows by.
        if bytes.len() != length {
            *bytes = vec![0; length];
        }
        self.read(at, bytes)
    }

    pub(super) fn broken(&self, why: &'static str) -> Error {
        Error::Broken {
            path: self.path(),
            why,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.file.path().into()
    }
}

/// So much is read at once by who reads on and on.
pub(super) const AHEAD: usize = 1 << 16;

/// A piece of a file, for who reads on and on.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    at: u64,
    bytes: Vec<u8>,
}

impl Ahead {
    /// So many bytes from there on; of what lies behind `end` nothing is read.
    pub(super) fn read<'a>(
        &'a mut self,
        source: &Source,
        at: u64,
        length: usize,
        end: u64,
    ) -> Result<&'a [u8], Error> {
        let next = at.saturating_add(length as u64);
        if at < self.at || next > self.at + self.bytes.len() as u64 {
            let most = usize::try_from(end.saturating_sub(at)).unwrap_or(AHEAD);
            self.at = at;
            source.read_into(&mut self.bytes, at, most.min(AHEAD).max(length))?;
        }
        let start = usize::try_from(at - self.at).unwrap_or(usize::MAX);
        Ok(&self.bytes[start..start + length])
    }
}

/// A new segment, of which several parts are written at once.
pub(super) struct Aside {
    file: File,
}

impl Aside {
    pub(super) fn new(dir: &Dir, number: u64) -> Result<Self, Error> {
        Ok(Self {
            file: dir.file(&segment_name(number), Open::New)?,
        })
    }

    pub(super) fn part(&self, at: u64) -> Part<'_> {
        Part {
            file: &self.file,
            at,
            waiting: Vec::new(),
        }
    }

    pub(super) fn sync(&self) -> Result<(), Error> {
        Ok(self.file.sync_data()?)
    }
}

/// Writes one after the other from some offset.
pub(super) struct Part<'f> {
    file: &'f File,
    at: u64,
    waiting: Vec<u8>,
}

impl Part<'_> {
    /// Where the next byte goes.
    pub(super) fn at(&self) -> u64 {
        self.at + self.waiting.len() as u64
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= WRITTEN_AT_ONCE {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<(), Error> {
        self.file.write_at(self.at, &self.waiting)?;
        self.at += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// Writes what waits, and says where the part ends.
    pub(super) fn finish(mut self) -> Result<u64, Error> {
        self.write()?;
        Ok(self.at)
    }
}
