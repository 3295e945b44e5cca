//! Looking without changing: what waits, what was, who has seen what. Only what is durable is told; what stands
//! beyond it is flushed first.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::archive;
use super::error::Error;
use super::fold::{self, Head};
use super::journal::{JOURNAL, Journal};
use super::message::{Counts, History, Lease, Message, Step};
use super::open::Mailbox;
use super::record::{ATTEMPTS, EXPIRED, Record, Tag};
use super::slot::{Slot, Span};
use super::take::{Outcome, token};
use super::view::{self, Place, View};
use super::visit::Visit;
use crate::names::{AgentId, Class, MessageId, Permit};
use crate::store::{self, Open};
use crate::time::{Now, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Pending,
    /// The closed ones too, as far as they are kept.
    All,
}

/// A message and what happened to it, gathered from records.
pub(super) struct Past {
    pub(super) slot: Slot,
    line: Vec<u8>,
    edit: Option<Vec<u8>>,
    pub(super) steps: Vec<Step>,
    place: Option<Arc<Place>>,
    /// Checksums of the records that were seen of it.
    seen: Vec<u64>,
}

impl Past {
    pub(super) fn message(&self) -> Message {
        let (line, edit) = (self.line.clone(), self.edit.clone());
        View::new(self.slot, line, edit, self.place.clone()).message()
    }

    /// It waits for its time.
    pub(super) const fn is_early(&self, wall: Timestamp) -> bool {
        self.slot.state.is_pending() && self.slot.not_before > wall.unix_ms()
    }
}

/// Gathers the messages that are wanted.
pub(super) struct Gather<'w> {
    wanted: &'w dyn Fn(&Head) -> bool,
    boot: &'w str,
    place: Option<Arc<Place>>,
    pub(super) past: BTreeMap<u64, Past>,
}

impl<'w> Gather<'w> {
    pub(super) fn new(mailbox: &'w Mailbox, wanted: &'w dyn Fn(&Head) -> bool) -> Self {
        Self {
            wanted,
            boot: &mailbox.boot_text,
            place: Place::of(&mailbox.dir),
            past: BTreeMap::new(),
        }
    }

    pub(super) fn see(&mut self, record: &Record<'_>, line: &[u8]) {
        match record.t {
            Tag::Send | Tag::Again => {
                let head: Option<Head> = record
                    .msg
                    .and_then(|msg| serde_json::from_str(msg.get()).ok());
                let Some(head) = head.filter(|head| (self.wanted)(head)) else {
                    return;
                };
                self.past.entry(head.seq).or_insert_with(|| Past {
                    slot: fold::sent(&head, Span::NONE, record.adopted.is_some()),
                    line: line.to_vec(),
                    edit: None,
                    steps: vec![sent_step(record, &head)],
                    place: self.place.clone(),
                    seen: Vec::new(),
                });
            }
            _ => {
                let Some(past) = self.past.get_mut(&record.seq) else {
                    return;
                };
                // What was copied into a later generation happened once.
                let sum = store::sum(store::unsealed(line), 0);
                if past.seen.contains(&sum) {
                    return;
                }
                past.seen.push(sum);
                // Where an edit stands is no matter here, so that the fold may find nothing new in it.
                if fold::is_edit(record) && past.slot.state.is_pending() {
                    past.edit = Some(line.to_vec());
                }
                if let Some(new) = fold::apply(&past.slot, record, Span::NONE, self.boot) {
                    past.slot = new;
                }
                past.steps.extend(step(record));
            }
        }
    }
}

fn sent_step(record: &Record<'_>, head: &Head) -> Step {
    #[derive(serde::Deserialize)]
    struct At {
        timestamp: Timestamp,
    }
    let at = record
        .msg
        .and_then(|msg| serde_json::from_str::<At>(msg.get()).ok());
    Step {
        at: at.map(|at| at.timestamp).unwrap_or_default(),
        what: "queued",
        by: Some(head.from.to_string()),
        detail: record
            .adopted
            .is_some()
            .then(|| "found in inbox.json".into()),
    }
}

fn step(record: &Record<'_>) -> Option<Step> {
    let why = record.why.as_deref();
    let (what, detail) = match record.t {
        Tag::Lease => (
            "leased",
            record
                .lapses_at
                .map(|at| format!("attempt {}, until {at}", record.n)),
        ),
        Tag::Nack => ("nacked", why.map(str::to_owned)),
        Tag::Ack => ("acked", None),
        Tag::Discard => ("discarded", why.map(str::to_owned)),
        Tag::Dead => match why {
            Some(EXPIRED) => ("expired", None),
            None | Some(ATTEMPTS) => ("dead", Some("every attempt failed".into())),
            Some(unfit) => ("dead", Some(unfit.to_owned())),
        },
        Tag::Edit => ("edited", None),
        Tag::Announced => ("announced", None),
        Tag::Read => ("read", None),
        Tag::Replied => ("replied", record.reply.map(|id| id.to_string())),
        Tag::Noticed => ("noticed", None),
        Tag::Send | Tag::Again | Tag::Open | Tag::Void | Tag::Key | Tag::Linked | Tag::Unknown => {
            return None;
        }
    };
    Some(Step {
        at: record.at.unwrap_or_default(),
        what,
        by: record.by.as_deref().map(str::to_owned),
        detail,
    })
}

impl Mailbox {
    /// `Pending` in delivery order, `All` in order of number. Changes no state.
    pub fn inbox(
        &self,
        permit: &Permit,
        which: Which,
        now: Now,
    ) -> Result<Outcome<Vec<Message>>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let messages = match which {
            Which::Pending => Self::pending(&mut visit)?,
            Which::All => {
                let past = self.gather(&mut visit, &|_| true)?;
                past.values().map(Past::message).collect()
            }
        };
        Ok(Outcome::of(messages, visit))
    }

    fn pending(visit: &mut Visit<'_>) -> Result<Vec<Message>, Error> {
        let mut held = visit.hold()?;
        let mut slots = Vec::new();
        let mut after = None;
        while let Some(slot) = held.ask(|index| index.next_pending(after))? {
            after = Some((slot.class, slot.seq));
            slots.push(slot);
        }
        let written = visit.finish(held).map_err(Error::not_begun)?;
        visit.make_durable(&written.journal)?;
        let mut messages = Vec::with_capacity(slots.len());
        let journal = &written.journal;
        let mut nearby = journal.nearby();
        for slot in &slots {
            let line = nearby.line(slot.send)?;
            let place = journal.place.as_deref();
            if let Some(message) = line.and_then(|line| view::plain(line, slot, place)) {
                messages.push(message);
                continue;
            }
            let view = view::read(journal, slot)?.ok_or_else(|| {
                journal.bad(slot.send.offset, "not what the index says".into(), 1)
            })?;
            messages.push(view.message());
        }
        Ok(messages)
    }

    /// Archives and journal, as far as that is durable.
    pub(super) fn gather(
        &self,
        visit: &mut Visit<'_>,
        wanted: &dyn Fn(&Head) -> bool,
    ) -> Result<BTreeMap<u64, Past>, Error> {
        let held = visit.hold()?;
        let written = visit.finish(held).map_err(Error::not_begun)?;
        let end = visit.make_durable(&written.journal)?.min(written.end);
        let mut gather = Gather::new(self, wanted);
        for sealed in archive::readable(&self.dir)? {
            if sealed.generation < written.journal.opening.generation {
                archive::scan(&self.dir, &sealed, |record, line| {
                    gather.see(record, line);
                    Ok(())
                })?;
            }
        }
        written
            .journal
            .scan(written.journal.opening.len, end, |record, line, _| {
                gather.see(record, line);
                Ok(())
            })?;
        // That a lease lapsed is in no record.
        let mut past = gather.past;
        let mut held = visit.hold()?;
        for (seq, past) in past
            .iter_mut()
            .filter(|(_, past)| past.slot.state.is_pending())
        {
            if let Some(slot) = held.slot(*seq)? {
                past.slot.state = slot.state;
            }
        }
        held.commit()?;
        Ok(past)
    }

    /// One message, wherever it is kept.
    pub fn message(&self, permit: &Permit, seq: u64, now: Now) -> Result<Outcome<Message>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let mut held = visit.hold()?;
        let slot = held.slot(seq)?.filter(|slot| slot.send.len > 0);
        if let Some(slot) = slot {
            let message = held.view(&slot)?.message();
            let written = visit.finish(held).map_err(Error::not_begun)?;
            visit.make_durable(&written.journal)?;
            return Ok(Outcome::of(message, visit));
        }
        visit.finish(held).map_err(Error::not_begun)?;
        let past = self.gather(&mut visit, &|head| head.seq == seq)?;
        let message = past.get(&seq).map(Past::message);
        let message = message.ok_or_else(|| self.no_message(seq))?;
        Ok(Outcome::of(message, visit))
    }

    /// Who has seen a message, and when.
    pub fn history(&self, permit: &Permit, seq: u64, now: Now) -> Result<Outcome<History>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let mut held = visit.hold()?;
        let slot = held.slot(seq)?.filter(|slot| slot.send.len > 0);
        let lease = match &slot {
            Some(slot) => held.holder(slot)?.map(|holder| Lease {
                owner: AgentId::parse(&holder.owner).unwrap_or_else(|_| AgentId::user()),
                incarnation: holder.incarnation,
                token: token(slot.id, holder.n),
                lapses_at: holder.lapses_at,
            }),
            None => None,
        };
        let written = visit.finish(held).map_err(Error::not_begun)?;
        let Some(slot) = slot else {
            let mut past = self.gather(&mut visit, &|head| head.seq == seq)?;
            let past = past.remove(&seq).ok_or_else(|| self.no_message(seq))?;
            let history = History {
                message: past.message(),
                lease: None,
                steps: past.steps,
            };
            return Ok(Outcome::of(history, visit));
        };
        let end = visit.make_durable(&written.journal)?;
        let wanted = |head: &Head| head.seq == seq;
        let mut gather = Gather::new(self, &wanted);
        written
            .journal
            .scan(slot.send.offset, end, |record, line, _| {
                gather.see(record, line);
                Ok(())
            })?;
        let past = gather
            .past
            .remove(&seq)
            .ok_or_else(|| self.no_message(seq))?;
        // The state is the index's: that a lease lapsed is in no record.
        let message = View::new(slot, past.line, past.edit, past.place).message();
        let history = History {
            message,
            lease,
            steps: past.steps,
        };
        Ok(Outcome::of(history, visit))
    }

    /// Every kept message that `is_wanted`, in order of number.
    pub fn select(
        &self,
        permit: &Permit,
        is_wanted: &dyn Fn(&Message) -> bool,
        now: Now,
    ) -> Result<Outcome<Vec<Message>>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let past = self.gather(&mut visit, &|_| true)?;
        let found = past.values().map(Past::message).filter(is_wanted);
        Ok(Outcome::of(found.collect(), visit))
    }

    /// The number of the message with this id.
    pub fn find_id(&self, permit: &Permit, id: MessageId, now: Now) -> Result<Option<u64>, Error> {
        let visit = Visit::new(self, permit, now);
        let mut held = visit.hold()?;
        let found = held
            .ask(|index| index.by_id(id.bits()))?
            .filter(|slot| slot.send.len > 0);
        let gone = match found {
            Some(_) => None,
            None => held.known(&self.agent, &id.to_string())?,
        };
        held.commit()?;
        Ok(found.map(|slot| slot.seq).or(gone.map(|known| known.seq())))
    }

    /// The messages of the journal whose ids end like this.
    pub fn find_tail(
        &self,
        permit: &Permit,
        tail: &str,
        now: Now,
    ) -> Result<Vec<(u64, MessageId)>, Error> {
        let visit = Visit::new(self, permit, now);
        let mut held = visit.hold()?;
        let mut found = Vec::new();
        for n in 0..held.index.len() {
            let slot = held.ask(|index| index.nth(n))?;
            let id = MessageId::from_bits(slot.id);
            if slot.send.len > 0 && id.to_string().ends_with(tail) {
                found.push((slot.seq, id));
            }
        }
        held.commit()?;
        Ok(found)
    }

    /// When the message was sent that has the lowest number of all that wait. Nothing is changed.
    pub fn oldest_pending(&self, permit: &Permit, now: Now) -> Result<Option<Timestamp>, Error> {
        let visit = Visit::new(self, permit, now);
        let mut held = visit.hold()?;
        let mut oldest: Option<Slot> = None;
        let mut after = None;
        // The first of each class is its oldest.
        while let Some(slot) = held.ask(|index| index.next_pending(after))? {
            if oldest.is_none_or(|known| slot.seq < known.seq) {
                oldest = Some(slot);
            }
            after = Some((slot.class, held.index.last_seq()));
        }
        let timestamp = match oldest {
            Some(slot) => Some(held.view(&slot)?.message().timestamp),
            None => None,
        };
        held.commit()?;
        Ok(timestamp)
    }

    /// How many wait.
    pub fn counts(&self, permit: &Permit, now: Now) -> Result<Outcome<Counts>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let held = visit.hold()?;
        let counts = Counts {
            pending: held.pending(),
            urgent: held.index.pending(Class::Urgent),
            leased: held.index.leased(),
        };
        visit.finish(held).map_err(Error::not_begun)?;
        Ok(Outcome::of(counts, visit))
    }

    /// Whether a newer program began this journal: then it is read only.
    pub(super) fn is_newer(&self) -> Result<bool, Error> {
        let journal = Journal::open(&self.dir, JOURNAL, Open::Read)?;
        Ok(journal.is_some_and(|it| it.must_know_format().is_err()))
    }
}
