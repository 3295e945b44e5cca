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

const MAGIC: u64 = u64::from_le_bytes(*b"dmkeys02");
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

    /// Neither empty nor ours.
    pub(super) fn is_garbage(&mut self) -> Result<bool, store::Error> {
        let bytes: [u8; HEADER_LEN] = self.pages.read(0)?;
        Ok(bytes.iter().any(|&b| b != 0) && self.header.is_none())
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
                let word = self.pages.read_u64(offset + 8)?;
                return Ok(Some(word & !CHECK));
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
        self.pages
            .write_u64(offset + 8, value | check(hash, value))?;
        self.header = Some(header);
        Ok(())
    }

    /// Every entry, those that are hidden by a newer level too.
    pub(super) fn each(&mut self, mut see: impl FnMut(u64, u64)) -> Result<(), store::Error> {
        let levels = self.header.map_or(0, |header| header.levels);
        for level in 0..levels {
            let start = (1 + FIRST_PAGES * ((1 << level) - 1)) * PAGE;
            let end = start.saturating_add(entries(level) * ENTRY_LEN);
            // What the file does not reach is empty.
            let mut offset = start;
            while offset < end.min(self.pages.end() * PAGE) {
                match self.pages.read_u64(offset)? {
                    0 => {}
                    hash => see(hash, self.pages.read_u64(offset + 8)? & !CHECK),
                }
                offset += ENTRY_LEN;
            }
        }
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
                other => {
                    let word = self.pages.read_u64(offset + 8)?;
                    // A hash that was changed would be missed, and its message doubled.
                    if word & CHECK != check(other, word & !CHECK) {
                        return Err(self.spoilt("an entry is broken"));
                    }
                    if other == hash {
                        return Ok(Found::Entry(offset));
                    }
                }
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

/// The bits of a value that no number and no offset reaches.
const CHECK: u64 = 0x7fff << 48;

/// What stands there: a checksum of the entry.
fn check(hash: u64, value: u64) -> u64 {
    let bytes = [hash, value & !CHECK].map(u64::to_le_bytes);
    store::sum(bytes.as_flattened(), 0) & CHECK
}

const fn entries(level: u64) -> u64 {
    (FIRST_PAGES << level) * (PAGE / ENTRY_LEN)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::os::unix::fs::FileExt;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::store::{Dir, Open};

    const IDENTITY: Identity = Identity {
        r#gen: 7,
        salt: 0x5a17,
        boot: 1 << 100,
    };

    fn open(home: &Path) -> Keys {
        let dir = Dir::open(home).unwrap();
        Keys::open(dir.file("keys", Open::Create).unwrap()).unwrap()
    }

    fn made(home: &Path) -> Keys {
        let mut keys = open(home);
        keys.reset(&IDENTITY).unwrap();
        keys
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_last_value_of_each_hash_is_found(
            runs in prop::collection::vec((any::<u64>(), 1u64..900, 1u64..4, any::<bool>()), 1..9),
        ) {
            let home = tempfile::tempdir().unwrap();
            let (mut keys, mut oracle) = (made(home.path()), HashMap::new());
            let mut value = 0;
            for (first, count, stride, reopened) in runs {
                for i in 0..count {
                    let hash = (first % 2000).wrapping_add(i * stride);
                    value += 1;
                    keys.put(hash, value).unwrap();
                    oracle.insert(hash.max(1), value);
                }
                if reopened {
                    keys.flush().unwrap();
                    keys = open(home.path());
                    prop_assert!(keys.is_of(&IDENTITY));
                }
            }
            for hash in 1..5000 {
                prop_assert_eq!(keys.get(hash).unwrap(), oracle.get(&hash).copied());
            }
            prop_assert_eq!(keys.get(0).unwrap(), oracle.get(&1).copied());
        }

        #[test]
        fn a_file_of_any_content_is_refused_or_read_without_a_crash(
            levels in prop_oneof![0u64..40, any::<u64>()],
            count in any::<u64>(),
            spots in prop::collection::vec((0u64..40 * PAGE, any::<[u8; 32]>()), 0..40),
            cut in prop::option::weighted(0.3, 0u64..20 * PAGE),
        ) {
            let home = tempfile::tempdir().unwrap();
            let mut keys = made(home.path());
            for hash in 0..3000 {
                keys.put(hash, hash).unwrap();
            }
            keys.flush().unwrap();
            let file = std::fs::File::options().write(true).open(home.path().join("keys")).unwrap();
            for (at, bytes) in spots {
                file.write_all_at(&bytes, at).unwrap();
            }
            let header = Header { identity: IDENTITY, levels, count };
            file.write_all_at(&header.to_bytes(), 0).unwrap();
            if let Some(cut) = cut {
                file.set_len(cut).unwrap();
            }
            let mut keys = open(home.path());
            prop_assert!((1..=MOST_LEVELS).contains(&levels) || !keys.is_of(&IDENTITY));
            for hash in [0, 1, 77, 4000, u64::MAX] {
                if let Err(e) = keys.get(hash) {
                    prop_assert!(e.is_spoilt());
                }
                match keys.put(hash, 9) {
                    Ok(()) => prop_assert_eq!(keys.get(hash).unwrap(), Some(9)),
                    Err(e) => prop_assert!(e.is_spoilt()),
                }
            }
        }
    }

    #[test]
    fn a_changed_byte_of_an_entry_is_found_by_whoever_asks_for_it() {
        let home = tempfile::tempdir().unwrap();
        let mut keys = open(home.path());
        keys.reset(&IDENTITY).unwrap();
        let hashes: Vec<u64> = (1..=40_u64)
            .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        for (hash, value) in hashes.iter().zip(1..) {
            keys.put(*hash, value).unwrap();
        }
        keys.flush().unwrap();
        drop(keys);
        let path = home.path().join("keys");
        let whole = std::fs::read(&path).unwrap();
        let taken = (4096..whole.len()).filter(|at| {
            let entry = at / 16 * 16;
            whole[entry..entry + 8].iter().any(|b| *b != 0)
        });
        for at in taken {
            let mut changed = whole.clone();
            changed[at] ^= 0x5a;
            std::fs::write(&path, changed).unwrap();
            let mut keys = open(home.path());
            for (hash, value) in hashes.iter().zip(1..) {
                match keys.get(*hash) {
                    Ok(found) => assert_eq!(found, Some(value), "byte {at}"),
                    Err(error) => assert!(error.is_spoilt()),
                }
            }
        }
    }

    #[test]
    fn bytes_that_are_not_ours_are_refused() {
        let home = tempfile::tempdir().unwrap();
        for bytes in [&b""[..], b"x", &[0xff; 9000]] {
            std::fs::write(home.path().join("keys"), bytes).unwrap();
            let mut keys = open(home.path());
            assert!(!keys.is_of(&IDENTITY));
            assert_eq!(keys.get(5).unwrap(), None);
            assert!(keys.put(5, 1).unwrap_err().is_spoilt());
        }
    }

    #[test]
    fn a_flipped_bit_in_the_header_is_seen() {
        let home = tempfile::tempdir().unwrap();
        made(home.path()).flush().unwrap();
        let path = home.path().join("keys");
        let whole = std::fs::read(&path).unwrap();
        assert!(open(home.path()).is_of(&IDENTITY));
        for at in 0..HEADER_LEN {
            let mut broken = whole.clone();
            broken[at] ^= 4;
            std::fs::write(&path, broken).unwrap();
            assert!(!open(home.path()).is_of(&IDENTITY), "byte {at}");
        }
    }

    #[test]
    fn what_was_not_flushed_after_a_reset_is_not_believed() {
        let home = tempfile::tempdir().unwrap();
        made(home.path()).flush().unwrap();
        drop(made(home.path()));
        assert!(!open(home.path()).is_of(&IDENTITY));
    }

    /// Whatever prefix of a flush is in the file, putting the same again makes it whole.
    #[test]
    fn a_kill_between_entries_and_header_loses_nothing_that_is_put_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("keys");
        let mut keys = made(home.path());
        for hash in 1..500 {
            keys.put(hash, hash).unwrap();
        }
        keys.flush().unwrap();
        let before = std::fs::read(&path).unwrap();
        for hash in 400..2500 {
            keys.put(hash, hash + 1).unwrap();
        }
        keys.flush().unwrap();
        let after = std::fs::read(&path).unwrap();
        let mut torn = before;
        torn.resize(after.len(), 0);
        for page in 1..=after.len() / 4096 {
            std::fs::write(&path, &torn).unwrap();
            let mut keys = open(home.path());
            assert!(keys.is_of(&IDENTITY));
            for hash in 400..2500 {
                keys.put(hash, hash + 1).unwrap();
            }
            keys.flush().unwrap();
            let mut keys = open(home.path());
            for hash in 1..2500 {
                let value = if hash < 400 { hash } else { hash + 1 };
                assert_eq!(keys.get(hash).unwrap(), Some(value), "{page} pages, {hash}");
            }
            if let Some(bytes) = after.get(page * 4096..(page + 1) * 4096) {
                torn[page * 4096..(page + 1) * 4096].copy_from_slice(bytes);
            }
        }
    }

    #[test]
    fn a_key_costs_a_page_or_two_to_put_and_one_a_level_to_find() {
        let home = tempfile::tempdir().unwrap();
        let mut keys = made(home.path());
        for hash in 1..60_000 {
            keys.put(hash, hash).unwrap();
        }
        keys.flush().unwrap();
        let mut keys = open(home.path());
        assert_eq!(keys.pages.held(), 1);
        keys.put(1 << 40, 5).unwrap();
        assert!(keys.pages.held() <= 3);
        assert_eq!(keys.pages.unwritten(), 1);
        assert_eq!(keys.get(1 << 41).unwrap(), None);
        assert!(keys.pages.held() <= 1 + 2 * 8);
    }
}
