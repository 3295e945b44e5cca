//! What each record does to the message that it is about. Pure: a slot and a record in, a slot out. The index,
//! a rebuild of it and a history are all folds by these rules.
//!
//! The first closing record wins; a known number is never sent again; attempts are the highest `n`; that a
//! lease lapsed is no record but a matter of the clock.

use serde::Deserialize;

use super::record::{EXPIRED, Letter, Record, Tag};
use super::slot::{Slot, Span, State};
use crate::names::{AgentId, MessageId, Mode};
use crate::time::Timestamp;

/// A lease of another boot lapsed with that boot.
const LAPSED: u64 = 1;

/// What the index keeps of a letter.
#[derive(Debug, Deserialize)]
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) id: MessageId,
    pub(super) from: AgentId,
    pub(super) mode: Mode,
    #[serde(default)]
    pub(super) not_before: Option<Timestamp>,
    #[serde(default)]
    pub(super) expires_at: Option<Timestamp>,
}

impl Head {
    pub(super) fn of(letter: &Letter) -> Self {
        Self {
            seq: letter.seq,
            id: letter.id,
            from: letter.from.clone(),
            mode: letter.mode,
            not_before: letter.not_before,
            expires_at: letter.expires_at,
        }
    }
}

/// What an edit can change of it.
#[derive(Debug, Deserialize)]
struct Edited {
    mode: Mode,
    #[serde(default)]
    not_before: Option<Timestamp>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
}

/// 0 stands for "none" in a slot.
fn ms(at: Option<Timestamp>) -> i64 {
    at.map_or(0, Timestamp::unix_ms)
}

pub(super) fn sent(head: &Head, span: Span, adopted: bool) -> Slot {
    Slot {
        class: head.mode.class(),
        state: State::Queued,
        send: span,
        expires: ms(head.expires_at),
        not_before: ms(head.not_before),
        adopted,
        ..Slot::void(head.seq, head.id.bits())
    }
}

/// The slot after `record`, which is no `send`; `None` where it changes nothing. `boot` is this boot.
pub(super) fn apply(slot: &Slot, record: &Record<'_>, span: Span, boot: &str) -> Option<Slot> {
    let mut new = *slot;
    let pending = slot.state.is_pending();
    match record.t {
        Tag::Lease if pending => {
            new.state = State::Read;
            new.attempts = slot.attempts.max(record.n);
            new.last = span;
            new.lease_until = match record.boot.as_deref() {
                Some(its) if its == boot => record.until.max(LAPSED),
                _ => LAPSED,
            };
        }
        Tag::Nack if pending => {
            new.state = State::Queued;
            new.lease_until = 0;
            new.last = span;
        }
        Tag::Ack | Tag::Discard | Tag::Dead | Tag::Void if pending => {
            new.state = match record.t {
                Tag::Ack => State::Acked,
                Tag::Discard => State::Discarded,
                Tag::Void => State::Void,
                _ if record.why.as_deref() == Some(EXPIRED) => State::Expired,
                _ => State::Dead,
            };
            new.lease_until = 0;
            new.last = span;
        }
        Tag::Edit if pending => {
            let edited = edited(record)?;
            new.edit = span;
            new.class = edited.mode.class();
            new.expires = ms(edited.expires_at);
            new.not_before = ms(edited.not_before);
        }
        Tag::Announced if slot.state == State::Queued => new.state = State::Announced,
        Tag::Read if matches!(slot.state, State::Queued | State::Announced) => {
            new.state = State::Read;
        }
        Tag::Replied => new.replied = true,
        Tag::Noticed => new.noticed = true,
        Tag::Lease
        | Tag::Nack
        | Tag::Ack
        | Tag::Discard
        | Tag::Dead
        | Tag::Void
        | Tag::Edit
        | Tag::Announced
        | Tag::Read
        | Tag::Send
        | Tag::Again
        | Tag::Open
        | Tag::Key
        | Tag::Linked
        | Tag::Unknown => {}
    }
    (new != *slot).then_some(new)
}

/// What an edit asks for; `None` where it is none.
fn edited(record: &Record<'_>) -> Option<Edited> {
    serde_json::from_str(record.fields?.get()).ok()
}

/// Whether the fold takes it for an edit of whatever it is about.
pub(super) fn is_edit(record: &Record<'_>) -> bool {
    record.t == Tag::Edit && edited(record).is_some()
}

/// What the clock asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// The lease is over: deliverable again.
    Lapse(Slot),
    /// `not_before` has come.
    Ripe(Slot),
    Expire,
    /// The last attempt failed.
    GiveUp,
}

pub(super) const MOST_ATTEMPTS: u32 = 5;

/// What time alone does to a pending message.
pub(super) fn due(slot: &Slot, boot_ms: u64, wall: Timestamp) -> Option<Due> {
    if !slot.state.is_pending() {
        return None;
    }
    let lapsed = slot.lease_until != 0 && slot.lease_until <= boot_ms;
    let leased = slot.lease_until != 0 && !lapsed;
    // What somebody works on does not expire under his hands.
    if !leased && slot.expires != 0 && slot.expires <= wall.unix_ms() {
        return Some(Due::Expire);
    }
    if (lapsed || slot.lease_until == 0) && slot.attempts >= MOST_ATTEMPTS {
        return Some(Due::GiveUp);
    }
    let ripe = slot.not_before != 0 && slot.not_before <= wall.unix_ms();
    let not_before = if ripe { 0 } else { slot.not_before };
    if lapsed {
        return Some(Due::Lapse(Slot {
            state: State::Queued,
            lease_until: 0,
            not_before,
            ..*slot
        }));
    }
    ripe.then_some(Due::Ripe(Slot {
        not_before,
        ..*slot
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        let head = Head {
            seq: 4,
            id: MessageId::from_bits(9),
            from: AgentId::user(),
            mode: Mode::Normal,
            not_before: None,
            expires_at: None,
        };
        sent(
            &head,
            Span {
                offset: 100,
                len: 50,
            },
            false,
        )
    }

    fn record(t: Tag) -> Record<'static> {
        Record {
            t,
            seq: 4,
            n: 2,
            boot: Some("here".into()),
            until: 5_000,
            why: Some("expired".into()),
            ..Record::default()
        }
    }

    fn after(slot: &Slot, t: Tag) -> Slot {
        apply(
            slot,
            &record(t),
            Span {
                offset: 900,
                len: 9,
            },
            "here",
        )
        .unwrap_or(*slot)
    }

    #[test]
    fn the_first_closing_record_wins() {
        let closing = [Tag::Ack, Tag::Discard, Tag::Dead, Tag::Void];
        for first in closing {
            let closed = after(&slot(), first);
            assert!(!closed.state.is_pending());
            for then in closing.into_iter().chain([
                Tag::Lease,
                Tag::Nack,
                Tag::Edit,
                Tag::Announced,
                Tag::Read,
            ]) {
                assert_eq!(after(&closed, then), closed, "{first:?}, then {then:?}");
            }
        }
    }

    #[test]
    fn a_state_only_moves_forward_until_a_lease_is_given_back() {
        let announced = after(&slot(), Tag::Announced);
        assert_eq!(announced.state, State::Announced);
        let read = after(&announced, Tag::Read);
        assert_eq!(read.state, State::Read);
        assert_eq!(after(&read, Tag::Announced).state, State::Read);
        let leased = after(&slot(), Tag::Lease);
        assert_eq!(
            (leased.state, leased.attempts, leased.lease_until),
            (State::Read, 2, 5_000)
        );
        let back = after(&leased, Tag::Nack);
        assert_eq!(
            (back.state, back.attempts, back.lease_until),
            (State::Queued, 2, 0)
        );
    }

    #[test]
    fn a_lease_of_another_boot_has_lapsed() {
        let leased = apply(&slot(), &record(Tag::Lease), Span::NONE, "another").unwrap();
        assert!(matches!(
            due(&leased, 1, Timestamp::default()),
            Some(Due::Lapse(_))
        ));
        let leased = after(&slot(), Tag::Lease);
        assert_eq!(due(&leased, 4_999, Timestamp::from_unix_ms(i64::MAX)), None);
        assert!(matches!(
            due(&leased, 5_000, Timestamp::default()),
            Some(Due::Lapse(_))
        ));
    }

    #[test]
    fn what_lapses_and_is_ripe_is_deliverable_at_once() {
        let mut it = slot();
        it.lease_until = 5;
        it.not_before = 10;
        let lapsed_at = |wall| match due(&it, 5, Timestamp::from_unix_ms(wall)) {
            Some(Due::Lapse(new)) => new,
            other => panic!("{other:?}"),
        };
        assert!(lapsed_at(10).is_ready());
        assert_eq!(lapsed_at(9).not_before, 10);
    }

    #[test]
    fn what_is_worked_on_does_not_expire() {
        let mut it = slot();
        it.expires = 10;
        assert_eq!(due(&it, 0, Timestamp::from_unix_ms(9)), None);
        assert_eq!(due(&it, 0, Timestamp::from_unix_ms(10)), Some(Due::Expire));
        it.lease_until = 5;
        assert_eq!(due(&it, 4, Timestamp::from_unix_ms(99)), None);
        assert_eq!(due(&it, 5, Timestamp::from_unix_ms(99)), Some(Due::Expire));
        it.expires = 0;
        it.attempts = MOST_ATTEMPTS;
        assert_eq!(due(&it, 4, Timestamp::default()), None);
        assert_eq!(due(&it, 5, Timestamp::default()), Some(Due::GiveUp));
    }
}
