//! The derived files against a fresh fold of the journal. A file of another boot or generation, or one that a
//! kill left unfinished, is no fault: whoever comes next makes it anew. One that claims to be right must be.

use std::collections::BTreeSet;

use super::{Findings, word};
use crate::mailbox::error::Error;
use crate::mailbox::held::{Held, INDEX, KEYS};
use crate::mailbox::index::Index;
use crate::mailbox::journal::{DURABLE, Journal};
use crate::mailbox::keys::Keys;
use crate::mailbox::slot::Slot;
use crate::mailbox::visit::Visit;
use crate::store::{self, Dir, File, Open, What};
use crate::time::Timestamp;

/// What the index and the fold disagree about in one slot. Leases lapse and times come without a record.
fn difference(index: &Slot, fold: &Slot, now: Timestamp) -> Option<&'static str> {
    let ended = fold.is_leased() && index.state.is_pending() && index.lease_until == 0;
    let ripe = index.not_before == 0 && fold.not_before <= now.unix_ms();
    let checks = [
        ("seq", index.seq == fold.seq),
        ("id", index.id == fold.id),
        ("state", index.state == fold.state || ended),
        ("attempts", index.attempts == fold.attempts),
        ("class", index.class == fold.class),
        ("the place of the message", index.send == fold.send),
        ("the place of the edit", index.edit == fold.edit),
        ("the place of the last record", index.last == fold.last),
        ("lease", index.lease_until == fold.lease_until || ended),
        ("expiry", index.expires == fold.expires),
        ("not_before", index.not_before == fold.not_before || ripe),
        (
            "the one before from its sender",
            index.prev_from == fold.prev_from,
        ),
        (
            "the one before of its content",
            index.prev_alike == fold.prev_alike,
        ),
        ("the dead letter before", index.prev_dead == fold.prev_dead),
        ("noticed", index.noticed == fold.noticed),
        ("adopted", index.adopted == fold.adopted),
        ("replied", index.replied == fold.replied),
    ];
    checks.iter().find(|(_, same)| !same).map(|(what, _)| *what)
}

fn header_difference(index: &Index, fold: &Index) -> Option<&'static str> {
    let checks = [
        ("how far it goes", index.applied() == fold.applied()),
        ("how many there are", index.len() == fold.len()),
        ("the last number", index.last_seq() == fold.last_seq()),
        ("the last id", index.last_id() == fold.last_id()),
        (
            "the last dead letter",
            index.last_dead() == fold.last_dead(),
        ),
        ("linked", index.linked() == fold.linked()),
    ];
    checks.iter().find(|(_, same)| !same).map(|(what, _)| *what)
}

/// A plain file of ours, opened; what is none has been told already.
pub(super) fn open(dir: &Dir, name: &str) -> Result<Option<File>, Error> {
    match dir.look(name)? {
        Some(look) if look.what == What::File && look.links == 1 => {
            Ok(dir.file_if_any(name, Open::Read)?)
        }
        _ => Ok(None),
    }
}

/// What a look at a derived file came to: a fault of it, or of the disk.
fn told<T>(outcome: Result<T, store::Error>) -> Result<Result<T, String>, Error> {
    match outcome {
        Ok(value) => Ok(Ok(value)),
        Err(store::Error::Spoilt { what, .. }) => Ok(Err(what.to_owned())),
        Err(error) => Err(error.into()),
    }
}

/// Under the journal lock. `fresh` has been folded as far as the journal was read before the lock, and is brought
/// to `end`.
pub(super) fn index_and_keys<'m>(
    found: &mut Findings<'_>,
    visit: &Visit<'m>,
    fresh: &mut Held<'m>,
    end: u64,
) -> Result<(), Error> {
    if let Some(file) = open(visit.dir(), INDEX)? {
        let mut index = Index::open(file)?;
        if index.is_of(&fresh.identity) {
            match told_index(visit, &mut index, fresh, end)? {
                Some(detail) => found.fixable(word::INDEX_DIFFERS, INDEX, detail),
                // Keys are believed only beside an index that is.
                None => keys(found, visit, fresh)?,
            }
        } else if index.is_garbage()? {
            found.fixable(word::INDEX_INVALID, INDEX, "no index of ours");
        }
    }
    fresh.catch_up_to(end)
}

fn told_index<'m>(
    visit: &Visit<'m>,
    index: &mut Index,
    fresh: &mut Held<'m>,
    end: u64,
) -> Result<Option<String>, Error> {
    let applied = index.applied();
    if applied > end {
        return Ok(Some(format!("it goes to {applied}, the journal to {end}")));
    }
    if applied < fresh.end() {
        *fresh = super::fold(visit, applied)?;
    } else {
        fresh.catch_up_to(applied)?;
    }
    if let Some(what) = header_difference(index, &fresh.index) {
        return Ok(Some(format!("{what}: not as in the journal")));
    }
    for n in 0..index.len() {
        let slot = match told(index.nth(n))? {
            Ok(slot) => slot,
            Err(why) => return Ok(Some(why)),
        };
        let fold = fresh.index.nth(n)?;
        if let Some(what) = difference(&slot, &fold, visit.now.wall) {
            return Ok(Some(format!(
                "seq {}: {what}: not as in the journal",
                fold.seq
            )));
        }
    }
    Ok(match told(index.contradiction())? {
        Ok(contradiction) => contradiction,
        Err(why) => Some(why),
    })
}

fn keys(found: &mut Findings<'_>, visit: &Visit<'_>, fresh: &mut Held<'_>) -> Result<(), Error> {
    let Some(file) = open(visit.dir(), KEYS)? else {
        return Ok(());
    };
    let mut keys = Keys::open(file)?;
    if !keys.is_of(&fresh.identity) {
        if keys.is_garbage()? {
            found.fixable(word::KEYS_INVALID, KEYS, "no keys of ours");
        }
        return Ok(());
    }
    let right = fresh.keys()?;
    right.flush()?;
    let mut hashes = BTreeSet::new();
    for side in [&mut *right, &mut keys] {
        if let Err(why) = told(side.each(|hash, _| _ = hashes.insert(hash)))? {
            found.fixable(word::KEYS_DIFFER, KEYS, why);
            return Ok(());
        }
    }
    let mut wrong = 0;
    for hash in hashes {
        wrong += u64::from(keys.get(hash)? != right.get(hash)?);
    }
    if wrong > 0 {
        let detail = format!("{wrong} keys are missing or point elsewhere than the journal says");
        found.fixable(word::KEYS_DIFFER, KEYS, detail);
    }
    Ok(())
}

/// Nothing beyond the end can be durable.
pub(super) fn durable(
    found: &mut Findings<'_>,
    dir: &Dir,
    journal: &Journal,
    end: u64,
) -> Result<u64, Error> {
    if open(dir, DURABLE)?.is_none() {
        return Ok(0);
    }
    let durable = journal.durable(dir)?;
    if durable > end {
        let detail = format!("durable to {durable}, the journal ends at {end}");
        found.fixable(word::DURABLE_BEYOND, DURABLE, detail);
    }
    Ok(durable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailbox::slot::{Span, State};
    use crate::names::Class;

    #[test]
    fn only_what_the_clock_does_may_differ_from_the_journal() {
        let now = Timestamp::from_unix_ms(1_000);
        let leased = Slot {
            state: State::Read,
            lease_until: 50,
            not_before: 900,
            ..Slot::void(3, 9)
        };
        let lapsed = Slot {
            state: State::Queued,
            lease_until: 0,
            not_before: 0,
            ..leased
        };
        assert_eq!(difference(&lapsed, &leased, now), None);
        assert_eq!(difference(&leased, &lapsed, now), Some("state"));
        let closed = Slot {
            state: State::Acked,
            ..lapsed
        };
        assert_eq!(difference(&closed, &leased, now), Some("state"));
        let early = Slot {
            not_before: 1_001,
            ..leased
        };
        assert_eq!(difference(&lapsed, &early, now), Some("not_before"));
    }

    #[test]
    fn whatever_else_differs_is_named() {
        let now = Timestamp::from_unix_ms(1_000);
        let slot = Slot {
            state: State::Queued,
            ..Slot::void(3, 9)
        };
        let others = [
            (Slot { seq: 4, ..slot }, "seq"),
            (Slot { id: 1, ..slot }, "id"),
            (
                Slot {
                    attempts: 1,
                    ..slot
                },
                "attempts",
            ),
            (
                Slot {
                    class: Class::Bulk,
                    ..slot
                },
                "class",
            ),
            (
                Slot {
                    send: Span { offset: 1, len: 1 },
                    ..slot
                },
                "the place of the message",
            ),
            (
                Slot {
                    edit: Span { offset: 1, len: 1 },
                    ..slot
                },
                "the place of the edit",
            ),
            (
                Slot {
                    last: Span { offset: 1, len: 1 },
                    ..slot
                },
                "the place of the last record",
            ),
            (Slot { expires: 1, ..slot }, "expiry"),
            (
                Slot {
                    prev_from: 1,
                    ..slot
                },
                "the one before from its sender",
            ),
            (
                Slot {
                    prev_alike: 1,
                    ..slot
                },
                "the one before of its content",
            ),
            (
                Slot {
                    prev_dead: 1,
                    ..slot
                },
                "the dead letter before",
            ),
            (
                Slot {
                    noticed: true,
                    ..slot
                },
                "noticed",
            ),
            (
                Slot {
                    adopted: true,
                    ..slot
                },
                "adopted",
            ),
            (
                Slot {
                    replied: true,
                    ..slot
                },
                "replied",
            ),
        ];
        for (index, what) in others {
            assert_eq!(difference(&index, &slot, now), Some(what));
        }
    }
}
