//! What the index says about one message.

use crate::names::Class;

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
    pub(super) const fn is_pending(self) -> bool {
        matches!(self, Self::Queued | Self::Announced | Self::Read)
    }
}

/// A record in the journal; no length, no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) len: u32,
}

impl Span {
    pub(super) const NONE: Self = Self { offset: 0, len: 0 };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) seq: u64,
    pub(super) id: u128,
    pub(super) class: Class,
    pub(super) state: State,
    pub(super) send: Span,
    pub(super) edit: Span,
    pub(super) last: Span,
    pub(super) lease_until: u64,
    pub(super) expires: i64,
    pub(super) not_before: i64,
    pub(super) shown: u64,
    pub(super) attempts: u32,
    pub(super) prev_from: u64,
    pub(super) prev_alike: u64,
    /// The message that was discarded or given up before this one was.
    pub(super) prev_dead: u64,
    pub(super) noticed: bool,
    pub(super) adopted: bool,
    pub(super) replied: bool,
}
