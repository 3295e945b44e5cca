//! What the index remembers of one message: where its records lie and how it stands. A plain value of 128 bytes.

use crate::names::Class;
use crate::store;

pub(super) const SLOT_LEN: usize = 128;
/// The last eight bytes are the checksum of the others.
const BODY_LEN: usize = SLOT_LEN - 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Queued,
    Announced,
    Read,
    Acked,
    Discarded,
    Expired,
    Dead,
    Void,
}

impl State {
    const ALL: [Self; 8] = [
        Self::Queued,
        Self::Announced,
        Self::Read,
        Self::Acked,
        Self::Discarded,
        Self::Expired,
        Self::Dead,
        Self::Void,
    ];

    pub(super) const fn is_pending(self) -> bool {
        match self {
            Self::Queued | Self::Announced | Self::Read => true,
            Self::Acked | Self::Discarded | Self::Expired | Self::Dead | Self::Void => false,
        }
    }

    /// Closed without having been done: it stands in `dead.json`.
    pub(super) const fn is_dead_letter(self) -> bool {
        match self {
            Self::Discarded | Self::Expired | Self::Dead => true,
            Self::Queued | Self::Announced | Self::Read | Self::Acked | Self::Void => false,
        }
    }
}

/// A record in the journal; `len` 0 = none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub offset: u64,
    pub len: u32,
}

impl Span {
    pub(super) const NONE: Self = Self { offset: 0, len: 0 };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub seq: u64,
    pub id: u128,
    pub class: Class,
    pub state: State,
    pub send: Span,
    /// The newest edit record.
    pub edit: Span,
    /// The newest lease or closing record.
    pub last: Span,
    /// Boot clock in ms; 0 = not leased.
    pub lease_until: u64,
    /// Unix ms; 0 = never.
    pub expires: i64,
    /// Unix ms; 0 = deliverable now; cleared once passed.
    pub not_before: i64,
    /// The rev that first showed it; 0 = not yet.
    pub shown: u64,
    pub attempts: u32,
    /// The seq of the previous one from the same sender; 0 = none.
    pub prev_from: u64,
    /// The seq of the previous one of equal content; 0 = none.
    pub prev_alike: u64,
    /// The dead letter before this one; 0 = none, or it is none itself.
    pub prev_dead: u64,
    pub noticed: bool,
    pub adopted: bool,
    pub replied: bool,
}

impl Slot {
    /// A number whose message never was, or was lost.
    pub(super) const fn void(seq: u64, id: u128) -> Self {
        Self {
            seq,
            id,
            class: Class::Normal,
            state: State::Void,
            send: Span::NONE,
            edit: Span::NONE,
            last: Span::NONE,
            lease_until: 0,
            expires: 0,
            not_before: 0,
            shown: 0,
            attempts: 0,
            prev_from: 0,
            prev_alike: 0,
            prev_dead: 0,
            noticed: false,
            adopted: false,
            replied: false,
        }
    }

    pub(super) const fn is_ready(&self) -> bool {
        self.state.is_pending() && self.lease_until == 0 && self.not_before == 0
    }

    pub(super) const fn is_leased(&self) -> bool {
        self.state.is_pending() && self.lease_until != 0
    }

    pub(super) fn to_bytes(self, salt: u64) -> [u8; SLOT_LEN] {
        let mut out = [0; SLOT_LEN];
        let mut at = 0;
        let mut push = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        push(&self.seq.to_le_bytes());
        push(&self.id.to_le_bytes());
        for span in [self.send, self.edit, self.last] {
            push(&span.offset.to_le_bytes());
            push(&span.len.to_le_bytes());
        }
        push(&self.attempts.to_le_bytes());
        // What is closed is not leased.
        let lease_or_dead = if self.state.is_dead_letter() {
            self.prev_dead
        } else {
            self.lease_until
        };
        push(&lease_or_dead.to_le_bytes());
        push(&self.expires.to_le_bytes());
        push(&self.not_before.to_le_bytes());
        push(&self.shown.to_le_bytes());
        push(&self.prev_from.to_le_bytes());
        push(&self.prev_alike.to_le_bytes());
        let flags =
            u8::from(self.noticed) | u8::from(self.adopted) << 1 | u8::from(self.replied) << 2;
        push(&[self.class as u8, self.state as u8, flags]);
        let sum = store::sum(&out[..BODY_LEN], salt);
        out[BODY_LEN..].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// `None` where no slot of this salt was written, whatever the bytes are.
    pub(super) fn from_bytes(bytes: &[u8; SLOT_LEN], salt: u64) -> Option<Self> {
        let (body, sum) = bytes.split_at(BODY_LEN);
        if store::sum(body, salt).to_le_bytes() != sum {
            return None;
        }
        let mut rest = Rest(body);
        let (seq, id) = (rest.u64()?, u128::from_le_bytes(rest.take()?));
        let [send, edit, last] = [rest.span()?, rest.span()?, rest.span()?];
        let slot = Self {
            seq,
            id,
            send,
            edit,
            last,
            attempts: u32::from_le_bytes(rest.take()?),
            lease_until: rest.u64()?,
            expires: i64::from_le_bytes(rest.take()?),
            not_before: i64::from_le_bytes(rest.take()?),
            shown: rest.u64()?,
            prev_from: rest.u64()?,
            prev_alike: rest.u64()?,
            ..Self::void(seq, id)
        };
        let [class, state, flags] = rest.take()?;
        let state = *State::ALL.get(usize::from(state))?;
        let (lease_until, prev_dead) = if state.is_dead_letter() {
            (0, slot.lease_until)
        } else {
            (slot.lease_until, 0)
        };
        Some(Self {
            class: *Class::ALL.get(usize::from(class))?,
            state,
            lease_until,
            prev_dead,
            noticed: flags & 1 != 0,
            adopted: flags & 2 != 0,
            replied: flags & 4 != 0,
            ..slot
        })
    }
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn span(&mut self) -> Option<Span> {
        Some(Span {
            offset: self.u64()?,
            len: u32::from_le_bytes(self.take()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_reads_back_and_no_other_bytes_pass_for_one() {
        let slot = Slot {
            class: Class::Bulk,
            state: State::Read,
            send: Span {
                offset: 1 << 40,
                len: 7,
            },
            edit: Span { offset: 2, len: 8 },
            last: Span { offset: 3, len: 9 },
            lease_until: 11,
            expires: -12,
            not_before: 13,
            shown: 14,
            attempts: 15,
            prev_from: 16,
            prev_alike: 17,
            noticed: true,
            replied: true,
            ..Slot::void(18, u128::MAX - 19)
        };
        let bytes = slot.to_bytes(5);
        assert_eq!(Slot::from_bytes(&bytes, 5), Some(slot));
        assert_eq!(Slot::from_bytes(&bytes, 6), None);
        assert_eq!(Slot::from_bytes(&[0; SLOT_LEN], 0), None);
        for at in 0..SLOT_LEN {
            let mut broken = bytes;
            broken[at] ^= 0x10;
            assert_eq!(Slot::from_bytes(&broken, 5), None, "byte {at}");
        }
    }
}
