//! `.keys`: from a 64-bit hash to a seq.
//!
//! Derived and unflushed, as the index is. Open addressing in levels, each twice as large as the one before:
//! entries go to the newest until it is half full, then the next begins. A lookup asks the newest first, so that
//! a hash which is put again hides what older levels say.
//!
//! A kill between an entry and the header does no harm: the entry says what the journal says, the level that the
//! header does not know is begun again with what it holds, and a stale count fills a level a little further.

use crate::store::{self, File, Pages};

use super::index::Identity;

const MAGIC: u64 = u64::from_le_bytes(*b"dmkeys01");
const PAGE: u64 = 4096;
const ENTRY_LEN: u64 = 16;
/// Pages of the first level.
const FIRST_PAGES: u64 = 4;
/// 2^40 entries in the last: more than a disk holds.
const MOST_LEVELS: u64 = 31;
/// At half load no run of taken places is nearly that long: what is longer was not written by us.
const MOST_PROBES: u64 = 1024;
const HEADER_LEN: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    identity: Identity,
    levels: u64,
    /// Entries in the newest level.
    count: u64,
}

impl Header {
    #[expect(clippy::cast_possible_truncation, reason = "the halves of it")]
    fn to_bytes(self) -> [u8; HEADER_LEN] {
        let Identity { r#gen, salt, boot } = self.identity;
        let halves = [boot as u64, (boot >> 64) as u64];
        let words = [
            MAGIC,
            r#gen,
            salt,
            halves[0],
            halves[1],
            self.levels,
            self.count,
        ];
        let mut out = [0; HEADER_LEN];
        for (room, word) in out.chunks_exact_mut(8).zip(words) {
            room.copy_from_slice(&word.to_le_bytes());
        }
        let sum = store::sum(&out[..HEADER_LEN - 8], 0);
        out[HEADER_LEN - 8..].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// `None` where it is not one of ours.
    fn from_bytes(bytes: &[u8; HEADER_LEN]) -> Option<Self> {
        let (body, sum) = bytes.split_at(HEADER_LEN - 8);
        let words = body.as_chunks::<8>().0;
        let word = |i: usize| u64::from_le_bytes(words[i]);
        let header = Self {
            identity: Identity {
                r#gen: word(1),
                salt: word(2),
                boot: u128::from(word(3)) | u128::from(word(4)) << 64,
            },
            levels: word(5),
            count: word(6),
        };
        let is_ours = store::sum(body, 0).to_le_bytes() == sum && word(0) == MAGIC;
        (is_ours && (1..=MOST_LEVELS).contains(&header.levels)).then_some(header)
    }
}

/// What a level says of a hash.
enum Found {
    /// Its entry, at this offset.
    Entry(u64),
    /// No entry; one could stand at this offset.
    Room(u64),
    Full,
}

pub(super) struct Keys {
    pages: Pages,
    /// `None`: none of ours, and without content until `reset`.
    header: Option<Header>,
    written: Option<Header>,
}

impl Keys {
    /// Reads the header only.
    pub(super) fn open(file: File) -> Result<Self, store::Error> {
        let mut pages = Pages::new(file);
        let header = Header::from_bytes(&pages.read(0)?);
        Ok(Self {
            pages,
            header,
            written: header,
        })
    }

    /// Of this generation, boot and salt?
    pub(super) fn is_of(&self, identity: &Identity) -> bool {
        self.header
            .is_some_and(|header| header.identity == *identity)
    }

    /// Forgets everything.
    pub(super) fn reset(&mut self, identity: &Identity) -> Result<(), store::Error> {
        self.header = None;
        self.written = None;
        self.pages.clear()?;
        self.header = Some(Header {
            identity: *identity,
            levels: 1,
            count: 0,
        });
        Ok(())
    }

    /// What was put last for this hash.
    pub(super) fn get(&mut self, hash: u64) -> Result<Option<u64>, store::Error> {
        let hash = hash.max(1);
        let levels = self.header.map_or(0, |header| header.levels);
        for level in (0..levels).rev() {
            if let Found::Entry(offset) = self.find(level, hash)? {
                return self.pages.read_u64(offset + 8).map(Some);
            }
        }
        Ok(None)
    }

    /// Repeating it is harmless.
    pub(super) fn put(&mut self, hash: u64, value: u64) -> Result<(), store::Error> {
        let hash = hash.max(1);
        if self.pages.is_crowded() {
            self.pages.flush()?;
        }
        let Some(mut header) = self.header else {
            return Err(self.spoilt("it must be made anew first"));
        };
        let offset = loop {
            let newest = header.levels - 1;
            match self.find(newest, hash)? {
                Found::Entry(offset) => break offset,
                Found::Room(offset) if header.count < entries(newest) / 2 => {
                    header.count += 1;
                    break offset;
                }
                Found::Room(_) | Found::Full if header.levels < MOST_LEVELS => {
                    header.levels += 1;
                    header.count = 0;
                }
                Found::Room(_) | Found::Full => return Err(self.spoilt("it is full")),
            }
        };
        self.pages.write_u64(offset, hash)?;
        self.pages.write_u64(offset + 8, value)?;
        self.header = Some(header);
        Ok(())
    }

    /// Writes what changed.
    pub(super) fn flush(&mut self) -> Result<(), store::Error> {
        self.pages.flush()?;
        if let Some(header) = self.header.filter(|_| self.written != self.header) {
            self.written = None;
            self.pages.write_now(0, &header.to_bytes())?;
            self.written = Some(header);
        }
        Ok(())
    }

    fn find(&mut self, level: u64, hash: u64) -> Result<Found, store::Error> {
        let (entries, first_page) = (entries(level), 1 + FIRST_PAGES * ((1 << level) - 1));
        // The best bits of a product are its highest.
        let start = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - entries.ilog2());
        for probe in 0..MOST_PROBES {
            let offset = first_page * PAGE + (start + probe) % entries * ENTRY_LEN;
            match self.pages.read_u64(offset)? {
                0 => return Ok(Found::Room(offset)),
                other if other == hash => return Ok(Found::Entry(offset)),
                _ => {}
            }
        }
        Ok(Found::Full)
    }

    fn spoilt(&self, what: &'static str) -> store::Error {
        store::Error::Spoilt {
            path: self.pages.file().path().into(),
            what,
        }
    }
}

const fn entries(level: u64) -> u64 {
    (FIRST_PAGES << level) * (PAGE / ENTRY_LEN)
}
