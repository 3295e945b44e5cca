//! Which documents are found no more, and of which another took the place. Two bits an ordinal, in one small file.

use super::Error;
use super::disk::{FORMAT, Source, replace, sum};
use super::sheet::take_u32;
use crate::store::Dir;

pub(super) const FILE: &str = "marks";
const MAGIC: &[u8; 8] = b"dreammrk";
const HEAD: usize = 16;
/// Two bits for each of 2^32.
const LARGEST: u64 = 1 << 30;

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is found as ever.
    None,
    /// Another took its place: it is found and said to be so.
    Superseded,
    /// It is found no more.
    Forgotten,
}

#[derive(Debug, Default)]
pub(super) struct Marks {
    bits: Vec<u8>,
}

impl Marks {
    pub(super) fn of(&self, ordinal: u32) -> Mark {
        let byte = self.bits.get(ordinal as usize / 4).copied().unwrap_or(0);
        match byte >> (ordinal % 4 * 2) & 3 {
            0 => Mark::None,
            1 => Mark::Superseded,
            _ => Mark::Forgotten,
        }
    }

    /// Whether anything changed.
    pub(super) fn set(&mut self, ordinal: u32, mark: Mark) -> bool {
        if self.of(ordinal) == mark {
            return false;
        }
        let index = ordinal as usize / 4;
        if index >= self.bits.len() {
            self.bits.resize(index + 1, 0);
        }
        let bits = match mark {
            Mark::None => 0,
            Mark::Superseded => 1,
            Mark::Forgotten => 2,
        };
        let shift = ordinal % 4 * 2;
        self.bits[index] = self.bits[index] & !(3 << shift) | bits << shift;
        true
    }
}

pub(super) fn read(dir: &Dir) -> Result<Marks, Error> {
    let Some(source) = Source::open(dir, FILE)? else {
        return Ok(Marks::default());
    };
    let bits = read_summed(&source, *MAGIC, LARGEST)?;
    Ok(Marks { bits })
}

pub(super) fn write(dir: &Dir, marks: &Marks) -> Result<(), Error> {
    replace(dir, FILE, &summed(*MAGIC, &marks.bits))
}

/// A small file behind a head that carries its format and its sum.
pub(super) fn summed(magic: [u8; 8], bytes: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(HEAD + bytes.len());
    all.extend_from_slice(&magic);
    all.extend_from_slice(&FORMAT.to_le_bytes());
    all.extend_from_slice(&sum(bytes, bytes.len() as u64).to_le_bytes());
    all.extend_from_slice(bytes);
    all
}

pub(super) fn read_summed(source: &Source, magic: [u8; 8], most: u64) -> Result<Vec<u8>, Error> {
    let mut head = [0; HEAD];
    source.read(0, &mut head)?;
    let mut rest = head
        .strip_prefix(&magic)
        .ok_or_else(|| source.broken("it is no such file"))?;
    let format = take_u32(&mut rest);
    if format > FORMAT {
        return Err(source.broken("a newer version wrote it"));
    }
    let length = (source.size() - HEAD as u64).min(most);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    source.read(HEAD as u64, &mut bytes)?;
    if format != FORMAT || take_u32(&mut rest) != sum(&bytes, length) {
        return Err(source.broken("its sum does not fit"));
    }
    Ok(bytes)
}
