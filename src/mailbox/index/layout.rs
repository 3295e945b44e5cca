//! How the file of the index is divided, and its first page.

use super::Identity;
use crate::mailbox::slot::{SLOT_LEN, Slot};
use crate::names::Class;
use crate::store;

const MAGIC: u64 = u64::from_le_bytes(*b"dmindex1");
pub(super) const PAGE: u64 = 4096;
pub(super) const SLOTS_A_PAGE: u64 = PAGE / SLOT_LEN as u64;
pub(super) const KINDS: usize = 2 * Class::ALL.len();
/// Bytes of one kind's bitmap in a summary and in a head; due times stand in the head behind its bitmaps.
pub(super) const SUMMARY_LEN: usize = 4096 / KINDS;
pub(super) const BITMAP_LEN: usize = 128;
pub(super) const DUE_LEN: u64 = 16;
pub(super) const DUES_LEN: usize = 16 * 32;
pub(super) const DUES_AT: u64 = (BITMAP_LEN * KINDS) as u64;
/// More slots than any journal has records: what claims more is no header of ours.
pub(super) const MOST_SLOTS: u64 = 1 << 40;

/// How the file is divided. Tests use a small one too, where few slots fill several regions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Pages of slots in a chunk, at most 32.
    pub(super) pages: u64,
    /// Chunks in a region, at most 4096.
    pub(super) chunks: u64,
}

impl Geometry {
    pub(super) const SHIPPED: Self = Self {
        pages: 32,
        chunks: 4096,
    };

    pub(super) const fn chunk_slots(self) -> u64 {
        self.pages * SLOTS_A_PAGE
    }

    const fn due_pages(self) -> u64 {
        (self.chunks * DUE_LEN).div_ceil(PAGE)
    }

    const fn region_page(self, region: u64) -> u64 {
        1 + region * (1 + self.due_pages() + self.chunks * (1 + self.pages))
    }

    /// Offset of the summary of a region.
    pub(super) const fn summary(self, region: u64) -> u64 {
        self.region_page(region) * PAGE
    }

    /// Offset of the due times of a chunk.
    pub(super) const fn chunk_due(self, chunk: u64) -> u64 {
        (self.region_page(chunk / self.chunks) + 1) * PAGE + chunk % self.chunks * DUE_LEN
    }

    /// Offset of the head of a chunk.
    pub(super) const fn head(self, chunk: u64) -> u64 {
        let before = chunk % self.chunks * (1 + self.pages);
        (self.region_page(chunk / self.chunks) + 1 + self.due_pages() + before) * PAGE
    }

    /// Offset of the due times of a page of slots.
    pub(super) const fn page_due(self, chunk: u64, page: u64) -> u64 {
        self.head(chunk) + DUES_AT + page * DUE_LEN
    }

    pub(super) const fn slot(self, place: u64) -> u64 {
        let (chunk, within) = (place / self.chunk_slots(), place % self.chunk_slots());
        self.head(chunk) + PAGE + within * SLOT_LEN as u64
    }
}

/// When something is to be done, on the boot clock and in Unix ms; 0 = never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    pub(super) boot: u64,
    pub(super) wall: i64,
}

impl Due {
    pub(super) fn of(slot: &Slot) -> Self {
        if !slot.state.is_pending() {
            return Self::default();
        }
        Self {
            boot: slot.lease_until,
            wall: earlier(slot.expires, slot.not_before),
        }
    }

    pub(super) fn earlier(self, other: Self) -> Self {
        Self {
            boot: earlier(self.boot, other.boot),
            wall: earlier(self.wall, other.wall),
        }
    }

    pub(super) const fn is_past(self, boot_ms: u64, wall_ms: i64) -> bool {
        (self.boot != 0 && self.boot <= boot_ms) || (self.wall != 0 && self.wall <= wall_ms)
    }

    pub(super) fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.boot) | u128::from(self.wall.cast_unsigned()) << 64).to_le_bytes()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the two halves of it")]
    pub(super) const fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_le_bytes(bytes);
        Self {
            boot: both as u64,
            wall: ((both >> 64) as u64).cast_signed(),
        }
    }
}

/// The smaller, where zero stands for never.
fn earlier<T: Ord + Default>(a: T, b: T) -> T {
    let never = T::default();
    if a == never || (b != never && b < a) {
        b
    } else {
        a
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) identity: Identity,
    pub(super) base_seq: u64,
    /// Slots of seq ≤ `base_seq`; they come first.
    pub(super) old: u64,
    pub(super) len: u64,
    pub(super) applied: u64,
    pub(super) last_seq: u64,
    pub(super) last_id: u128,
    pub(super) linked: bool,
    pub(super) reserved: u64,
    pub(super) last_dead: u64,
    /// How many slots each kind has: pending by class, then ready by class.
    pub(super) counts: [u64; KINDS],
    pub(super) leased: u64,
    pub(super) due: Due,
}

pub(super) const HEADER_WORDS: usize = 20 + KINDS;
pub(super) const HEADER_LEN: usize = HEADER_WORDS * 8;
const LINKED: u64 = 1;
/// Its slots are being written: not to be believed.
pub(super) const DIRTY: u64 = 2;

impl Header {
    #[expect(clippy::cast_possible_truncation, reason = "halves of a number")]
    pub(super) fn to_bytes(self, geometry: Geometry, flags: u64) -> [u8; HEADER_LEN] {
        let Identity { r#gen, salt, boot } = self.identity;
        let first = [
            MAGIC,
            geometry.pages << 32 | geometry.chunks,
            r#gen,
            salt,
            boot as u64,
            (boot >> 64) as u64,
            self.base_seq,
            self.old,
            self.len,
            self.applied,
            self.last_seq,
            self.last_id as u64,
            (self.last_id >> 64) as u64,
            flags | if self.linked { LINKED } else { 0 },
            self.reserved,
            self.last_dead,
        ];
        let last = [self.leased, self.due.boot, self.due.wall.cast_unsigned()];
        let words = first.into_iter().chain(self.counts).chain(last);
        let mut out = [0; HEADER_LEN];
        for (room, word) in out.chunks_exact_mut(8).zip(words) {
            room.copy_from_slice(&word.to_le_bytes());
        }
        let sum = store::sum(&out[..HEADER_LEN - 8], 0);
        out[HEADER_LEN - 8..].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// `None` where it is not one of ours, or says that its slots are being written.
    pub(super) fn from_bytes(
        bytes: &[u8; HEADER_LEN],
        geometry: Geometry,
        pages: u64,
    ) -> Option<Self> {
        let (body, sum) = bytes.split_at(HEADER_LEN - 8);
        if store::sum(body, 0).to_le_bytes() != sum {
            return None;
        }
        let word = |i: usize| {
            let word = bytes.as_chunks::<8>().0[i];
            u64::from_le_bytes(word)
        };
        let wide = |i: usize| u128::from(word(i)) | u128::from(word(i + 1)) << 64;
        let header = Self {
            identity: Identity {
                r#gen: word(2),
                salt: word(3),
                boot: wide(4),
            },
            base_seq: word(6),
            old: word(7),
            len: word(8),
            applied: word(9),
            last_seq: word(10),
            last_id: wide(11),
            linked: word(13) & LINKED != 0,
            reserved: word(14),
            last_dead: word(15),
            counts: std::array::from_fn(|kind| word(16 + kind)),
            leased: word(16 + KINDS),
            due: Due {
                boot: word(17 + KINDS),
                wall: word(18 + KINDS).cast_signed(),
            },
        };
        let is_ours = word(0) == MAGIC && word(1) == geometry.pages << 32 | geometry.chunks;
        let is_whole = word(13) & DIRTY == 0 && header.old <= header.len && header.len < MOST_SLOTS;
        (is_ours && is_whole && header.fits(geometry, pages)).then_some(header)
    }

    /// Whether the last slot lies within the file, and the counts within the slots.
    fn fits(&self, geometry: Geometry, pages: u64) -> bool {
        let last = self.len.checked_sub(1);
        last.is_none_or(|last| geometry.slot(last) / PAGE < pages)
            && self.leased <= self.len
            && self.counts.iter().all(|&count| count <= self.len)
    }
}
