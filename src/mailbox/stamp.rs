//! `.stamp`: what we remember of the faces that we rendered, so that an edit is known from our own write.
//! Two slots take turns; one that was not written whole does not count. Pure: bytes in, bytes out.

use super::slot::Slot;
use super::view;
use crate::store::{self, Dir, File, Ident, Open};

pub(super) const STAMP: &str = ".stamp";
const MAGIC: u64 = 0x3270_6d61_7473_6f64; // "dostamp2"
const HEAD: usize = 256;
const ENTRY: usize = 48;
/// As many as a face shows.
pub(super) const MOST: usize = 256;
const SETTLED_AT: usize = HEAD - 8;

/// One message that a face showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) id: u128,
    pub(super) seq: u64,
    /// The first of an unbroken run of renderings that showed it.
    pub(super) since: u64,
    /// It was adopted, and the index does not know yet that it has been shown.
    pub(super) unmarked: bool,
    /// What of its slot its entry was made from.
    pub(super) look: u64,
    /// How many bytes its entry had.
    pub(super) len: u64,
}

/// The same as long as the entry of a message would be the same, but for its revision.
pub(super) fn look(slot: &Slot, salt: u64) -> u64 {
    let parts = [
        slot.edit.offset,
        slot.edit.len.into(),
        slot.attempts.into(),
        view::status(slot) as u64,
    ];
    store::sum(parts.map(u64::to_le_bytes).as_flattened(), salt)
}

/// A stamp without its entries, how many there are, and their sum.
type Head = (Stamp, usize, u64);

/// In the list, the highest bit of a number.
const UNMARKED: u64 = 1 << 63;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) boot: u128,
    pub(super) generation: u64,
    pub(super) salt: u64,
    /// Of the rendering: microseconds of the clock, or one more than the last.
    pub(super) rev: u64,
    /// How far into the journal it looked.
    pub(super) covers: u64,
    /// What the temporary's name is made of.
    pub(super) temporary: u64,
    /// The face before, if it was ours.
    pub(super) prev: Option<Ident>,
    pub(super) next: Ident,
    /// The newest dead letter in `dead.json`.
    pub(super) dead: u64,
    /// The swap is over and what it displaced has been dealt with.
    pub(super) settled: bool,
    /// Checksum of the rendered text.
    pub(super) text: u64,
    pub(super) shown: Vec<Shown>,
}

/// What stands in the mailbox as `inbox.json`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    Absent,
    /// The rendering that the stamp describes.
    Next,
    /// The one before it: the swap did not happen.
    Previous,
    /// Somebody else's, or of an unknown rendering.
    Foreign,
}

pub(super) fn judge(stamp: Option<&Stamp>, face: Option<Ident>) -> Face {
    match (stamp, face) {
        (_, None) => Face::Absent,
        (Some(stamp), Some(face)) if stamp.next == face => Face::Next,
        (Some(stamp), Some(face)) if stamp.prev == Some(face) => Face::Previous,
        _ => Face::Foreign,
    }
}

/// Where the face before the last one waits to be written over: another name for the temporary of that number.
pub(super) const SPARE: &str = ".spare";
pub(super) const OF_SPARE: u64 = 0;

pub(super) fn temporary_name(number: u64) -> String {
    match number {
        OF_SPARE => SPARE.into(),
        random => format!(".face-{random:016x}"),
    }
}

impl Stamp {
    fn head(&self, entries: &[u8]) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        let mut at = 8;
        let mut put = |bytes: &[u8]| {
            head[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&MAGIC.to_le_bytes());
        put(&self.boot.to_le_bytes());
        for word in [
            self.generation,
            self.salt,
            self.rev,
            self.covers,
            self.temporary,
            self.dead,
        ] {
            put(&word.to_le_bytes());
        }
        let prev = self.prev.unwrap_or_default();
        for ident in [prev, self.next] {
            put(&ident.ino.to_le_bytes());
            put(&ident.size.to_le_bytes());
            put(&ident.mtime_ns.to_le_bytes());
        }
        put(&[u8::from(self.prev.is_some())]);
        put(&(self.shown.len() as u64).to_le_bytes());
        put(&store::sum(entries, self.rev).to_le_bytes());
        put(&self.text.to_le_bytes());
        let sum = store::sum(&head[8..SETTLED_AT], MAGIC);
        head[..8].copy_from_slice(&sum.to_le_bytes());
        if self.settled {
            head[SETTLED_AT..].copy_from_slice(&self.rev.to_le_bytes());
        }
        head
    }

    fn entries(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.shown.len() * ENTRY);
        for shown in &self.shown {
            bytes.extend_from_slice(&shown.id.to_le_bytes());
            let unmarked = if shown.unmarked { UNMARKED } else { 0 };
            bytes.extend_from_slice(&(shown.seq | unmarked).to_le_bytes());
            for word in [shown.since, shown.look, shown.len] {
                bytes.extend_from_slice(&word.to_le_bytes());
            }
        }
        bytes
    }

    fn parse(head: &[u8]) -> Option<Head> {
        let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("8 bytes"));
        let wide = |at: usize| u128::from_le_bytes(head[at..at + 16].try_into().expect("16 bytes"));
        if head.len() != HEAD
            || word(0) != store::sum(&head[8..SETTLED_AT], MAGIC)
            || word(8) != MAGIC
        {
            return None;
        }
        let ident = |at: usize| Ident {
            ino: word(at),
            size: word(at + 8),
            mtime_ns: wide(at + 16).cast_signed(),
        };
        let stamp = Self {
            boot: wide(16),
            generation: word(32),
            salt: word(40),
            rev: word(48),
            covers: word(56),
            temporary: word(64),
            dead: word(72),
            prev: (head[144] != 0).then(|| ident(80)),
            next: ident(112),
            settled: word(SETTLED_AT) == word(48),
            text: word(161),
            shown: Vec::new(),
        };
        let count = usize::try_from(word(145)).ok().filter(|n| *n <= MOST)?;
        Some((stamp, count, word(153)))
    }

    /// Which of the two slots it is written to: the one that its predecessor is not in.
    const fn slot_after(before: Option<usize>) -> usize {
        match before {
            Some(0) => 1,
            _ => 0,
        }
    }
}

/// `.stamp`, read once; written only under the render lock.
pub(super) struct Stamps {
    file: Option<File>,
    slot: Option<usize>,
    pub(super) stamp: Option<Stamp>,
}

impl Stamps {
    /// As where there is no such file.
    pub(super) const fn none() -> Self {
        Self {
            file: None,
            slot: None,
            stamp: None,
        }
    }

    /// The newest whole stamp, without the messages that it showed.
    pub(super) fn look(dir: &Dir) -> Result<Self, store::Error> {
        let Some(file) = dir.file_if_any(STAMP, Open::Write)? else {
            return Ok(Self::none());
        };
        let newest = newest(&file)?;
        Ok(Self {
            slot: newest.as_ref().map(|(slot, _)| *slot),
            stamp: newest.map(|(_, (stamp, ..))| stamp),
            file: Some(file),
        })
    }

    /// As `look`, with the messages. A stamp whose list is broken does not count.
    pub(super) fn read(dir: &Dir) -> Result<Self, store::Error> {
        let Some(file) = dir.file_if_any(STAMP, Open::Write)? else {
            return Ok(Self::none());
        };
        let newest = newest(&file)?;
        let slot = newest.as_ref().map(|(slot, _)| *slot);
        let count = newest.as_ref().map_or(0, |(_, (_, count, _))| *count);
        let mut entries = vec![0; count * ENTRY];
        // What cannot be read now is no stamp that is lost: without it a removal by hand would not be seen.
        let n = file.read_at(entries_at(slot.unwrap_or(0)), &mut entries)?;
        let whole = newest.and_then(|(_, (mut stamp, _, sum))| {
            if n != entries.len() || store::sum(&entries, stamp.rev) != sum {
                return None;
            }
            stamp.shown = entries
                .chunks_exact(ENTRY)
                .map(|e| {
                    let word =
                        |at: usize| u64::from_le_bytes(e[at..at + 8].try_into().expect("8 bytes"));
                    let seq = word(16);
                    Shown {
                        id: u128::from_le_bytes(e[..16].try_into().expect("16 bytes")),
                        seq: seq & !UNMARKED,
                        since: word(24),
                        look: word(32),
                        len: word(40),
                        unmarked: seq & UNMARKED != 0,
                    }
                })
                .collect();
            Some(stamp)
        });
        Ok(Self {
            file: Some(file),
            slot,
            stamp: whole,
        })
    }

    /// A new stamp beside the old one, which is returned.
    pub(super) fn write(&mut self, dir: &Dir, stamp: Stamp) -> Result<Option<Stamp>, store::Error> {
        let file = if let Some(file) = self.file.take() {
            file
        } else {
            let file = dir.file(STAMP, Open::Create)?;
            // Allocated whole: on a disk that is full by then it is written over in place.
            file.write_at(0, &vec![0; 2 * (HEAD + MOST * ENTRY)])?;
            file
        };
        let slot = Stamp::slot_after(self.slot);
        let entries = stamp.entries();
        file.write_at(entries_at(slot), &entries)?;
        file.write_at((slot * HEAD) as u64, &stamp.head(&entries))?;
        self.file = Some(file);
        self.slot = Some(slot);
        Ok(self.stamp.replace(stamp))
    }

    pub(super) fn settle(&mut self) -> Result<(), store::Error> {
        if let (Some(file), Some(slot), Some(stamp)) = (&self.file, self.slot, &mut self.stamp) {
            stamp.settled = true;
            let at = slot * HEAD + SETTLED_AT;
            file.write_at(at as u64, &stamp.rev.to_le_bytes())?;
        }
        Ok(())
    }
}

/// The slot of the newest whole stamp, and what [`Stamp::parse`] makes of it.
fn newest(file: &File) -> Result<Option<(usize, Head)>, store::Error> {
    let mut heads = [0; 2 * HEAD];
    let n = file.read_at(0, &mut heads)?;
    let heads = heads[..n].chunks_exact(HEAD).enumerate();
    Ok(heads
        .filter_map(|(slot, head)| Some((slot, Stamp::parse(head)?)))
        .max_by_key(|(_, (stamp, ..))| stamp.rev))
}

const fn entries_at(slot: usize) -> u64 {
    (2 * HEAD + slot * MOST * ENTRY) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(rev: u64) -> Stamp {
        Stamp {
            boot: 7,
            generation: 1,
            salt: 2,
            rev,
            covers: 4096,
            temporary: 99,
            prev: Some(Ident {
                ino: 1,
                size: 2,
                mtime_ns: 3,
            }),
            next: Ident {
                ino: 4,
                size: 5,
                mtime_ns: 6,
            },
            dead: 3,
            settled: false,
            text: 77,
            shown: (0..u64::from(u8::try_from(rev).unwrap()))
                .map(|seq| Shown {
                    id: u128::from(seq) << 80,
                    seq,
                    since: rev,
                    unmarked: seq == 1,
                    look: seq << 40,
                    len: seq + 5,
                })
                .collect(),
        }
    }

    #[test]
    fn the_newest_whole_stamp_counts() {
        let place = tempfile::tempdir().unwrap();
        let dir = Dir::open(place.path()).unwrap();
        assert_eq!(Stamps::read(&dir).unwrap().stamp, None);
        for rev in 1..=5 {
            let mut stamps = Stamps::read(&dir).unwrap();
            stamps.write(&dir, stamp(rev)).unwrap();
            assert_eq!(Stamps::read(&dir).unwrap().stamp, Some(stamp(rev)));
            stamps.settle().unwrap();
            let settled = Stamp {
                settled: true,
                ..stamp(rev)
            };
            assert_eq!(Stamps::read(&dir).unwrap().stamp, Some(settled));
        }
        // The fifth lies in the first slot. Any broken byte of its head brings the fourth back.
        let path = place.path().join(STAMP);
        let whole = std::fs::read(&path).unwrap();
        for at in 0..SETTLED_AT {
            let mut broken = whole.clone();
            broken[at] ^= 0x40;
            std::fs::write(&path, &broken).unwrap();
            assert_eq!(
                Stamps::look(&dir).unwrap().stamp.unwrap().rev,
                4,
                "byte {at}"
            );
        }
        let mut broken = whole;
        broken[2 * HEAD] ^= 1;
        std::fs::write(&path, &broken).unwrap();
        assert_eq!(Stamps::read(&dir).unwrap().stamp, None, "a broken list");
    }

    #[test]
    fn a_face_is_known_by_its_identity() {
        let stamp = stamp(1);
        assert_eq!(judge(None, None), Face::Absent);
        assert_eq!(judge(None, Some(stamp.next)), Face::Foreign);
        assert_eq!(judge(Some(&stamp), Some(stamp.next)), Face::Next);
        assert_eq!(judge(Some(&stamp), stamp.prev), Face::Previous);
        assert_eq!(
            judge(
                Some(&stamp),
                Some(Ident {
                    size: 9,
                    ..stamp.next
                })
            ),
            Face::Foreign
        );
    }
}
