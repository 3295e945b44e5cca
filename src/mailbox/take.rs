//! Mail goes out: taken under a lease, then acknowledged or given back. A lease ends with its holder's word or
//! with time, never because somebody else died.

use std::time::Duration;

use super::error::Error;
use super::fold::{self, Due, MOST_ATTEMPTS};
use super::held::Held;
use super::index::Index;
use super::message::{Address, Message, Status, Taken};
use super::open::Mailbox;
use super::record::{ATTEMPTS, EXPIRED, Record, Tag};
use super::slot::{Slot, State};
use super::view::{self};
use super::visit::Visit;
use crate::names::{AgentId, Effect, Level, MessageId, Permit};
use crate::time::{Now, Timestamp};

/// So many given-up messages are passed over in one hold.
const MOST_GIVEN_UP: usize = 1024;
/// Why a lease was given back that nobody gave back.
const OVER: &str = "its run is over";
const LAPSED: &str = "its lease lapsed";

/// How a closing verb proves that it may.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// The token that `next` printed.
    pub token: Option<String>,
    /// Whoever holds it.
    pub force: bool,
}

/// What the one who takes mail makes of a message before he has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    Fit,
    /// It becomes a dead letter, for this reason.
    Unfit(String),
    /// Nobody can tell now: it waits where it is, and what comes after it.
    Unknown,
}

/// How a message came into the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Sent,
    /// Found in `inbox.json`.
    Found,
}

impl Source {
    const fn of(slot: &Slot) -> Self {
        if slot.adopted {
            Self::Found
        } else {
            Self::Sent
        }
    }
}

/// What was given out, and what was set aside on the way to it.
#[derive(Clone, Debug)]
pub struct Given {
    pub taken: Option<Taken>,
    pub unfit: Vec<(Message, String)>,
}

/// What a closing verb came to.
#[derive(Clone, Debug)]
pub struct Done {
    pub seq: u64,
    pub id: MessageId,
    /// It had been done before, by the same one.
    pub repeated: bool,
}

/// Which closing verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Close {
    Ack,
    Nack,
    Recall,
}

impl Close {
    fn is_what_happened(self, slot: &Slot) -> bool {
        match self {
            Self::Ack => slot.state == State::Acked,
            Self::Recall => slot.state == State::Discarded,
            Self::Nack => false,
        }
    }
}

/// A result, what to log and whom to tell, and what went wrong beside.
#[derive(Clone, Debug)]
pub struct Outcome<T> {
    pub value: T,
    pub effects: Vec<Effect>,
    pub warnings: Vec<String>,
}

impl<T> Outcome<T> {
    pub(super) fn of(value: T, visit: Visit<'_>) -> Self {
        Self {
            value,
            effects: visit.effects,
            warnings: visit.warnings,
        }
    }
}

/// The lease that stands in a message's newest record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) owner: String,
    pub(super) incarnation: Option<String>,
    pub(super) n: u32,
    pub(super) lapses_at: Timestamp,
}

pub(super) fn token(id: u128, n: u32) -> String {
    format!("{}:{n}", MessageId::from_bits(id))
}

/// Whether a caller may close what `holder` holds.
fn is_his(holder: &Holder, visit: &Visit<'_>) -> bool {
    // By hand, in the agent's name, is as good as by the agent.
    visit.is_his(&holder.owner)
        && (visit.who.incarnation.is_none() || visit.who.incarnation == holder.incarnation)
}

impl Mailbox {
    /// The first deliverable message, leased to the caller.
    pub fn next(
        &self,
        permit: &Permit,
        lease: Duration,
        now: Now,
    ) -> Result<Outcome<Option<Taken>>, Error> {
        let Outcome {
            value,
            effects,
            warnings,
        } = self.next_fit(permit, lease, &mut |_, _| Judgement::Fit, now)?;
        Ok(Outcome {
            value: value.taken,
            effects,
            warnings,
        })
    }

    /// As `next`, of what is found fit. `judge` may add to the message what it found out.
    pub fn next_fit(
        &self,
        permit: &Permit,
        lease: Duration,
        judge: &mut dyn FnMut(&mut Message, Source) -> Judgement,
        now: Now,
    ) -> Result<Outcome<Given>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let mut held = visit.hold()?;
        self.end_leases_of_the_dead(&mut held, &mut visit)?;
        let mut unfit = Vec::new();
        let Some((slot, mut message)) =
            first_fit(&mut held, &visit.who.agent, judge, &mut unfit, now)?
        else {
            let none_begun = unfit.is_empty();
            visit
                .finish(held)
                .map_err(|error| if none_begun { error.not_begun() } else { error })?;
            return Ok(Outcome::of(Given { taken: None, unfit }, visit));
        };
        let n = slot.attempts + 1;
        let millis = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX / 2);
        let lapses_at = now.wall.plus(lease);
        let record = Record {
            n,
            boot: Some(self.boot_text.as_str().into()),
            until: now.boot_ms.saturating_add(millis).max(1),
            lapses_at: Some(lapses_at),
            ..visit.record(Tag::Lease, slot.seq)
        };
        held.push(&record);
        message.status = Status::Read;
        message.attempts = n;
        let id = MessageId::from_bits(slot.id);
        let msg = format!("{} takes {}/{}", visit.who.agent, self.agent, slot.seq);
        visit.event(
            Level::Info,
            "mail.taken",
            msg,
            Some((slot.seq, id)),
            &[("n", n.into())],
        );
        visit.finish(held)?;
        let taken = Taken {
            message,
            token: token(slot.id, n),
            lapses_at,
        };
        let taken = Some(taken);
        Ok(Outcome::of(Given { taken, unfit }, visit))
    }

    /// Pending messages that somebody who looked at them found unfit become dead letters, each for its reason.
    pub fn set_aside(
        &self,
        permit: &Permit,
        unfit: &[(u64, String)],
        now: Now,
    ) -> Result<Outcome<()>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let mut held = visit.hold()?;
        for (seq, why) in unfit {
            // What was closed meanwhile, or is sealed, needs no setting aside.
            if let Some(slot) = held.slot(*seq)?
                && slot.state.is_pending()
            {
                held.set_aside(&slot, &visit.who.agent, why, now);
            }
        }
        visit.finish(held)?;
        Ok(Outcome::of((), visit))
    }

    /// A living run of the agent ends the leases of its earlier runs: what they held counts as lapsed. Said in the
    /// journal, unlike what the clock does, for nobody could tell it from there.
    fn end_leases_of_the_dead(
        &self,
        held: &mut Held<'_>,
        visit: &mut Visit<'_>,
    ) -> Result<(), Error> {
        let Some(living) = visit.who.incarnation.clone() else {
            return Ok(());
        };
        if visit.who.agent != self.agent || held.index.leased() == 0 {
            return Ok(());
        }
        for slot in held.ask(|index| index.due(u64::MAX, i64::MIN, MOST_GIVEN_UP))? {
            let Some(holder) = held.holder(&slot)? else {
                continue;
            };
            let Some(its) = holder.incarnation.filter(|its| *its != living) else {
                continue;
            };
            if !visit.is_his(&holder.owner) {
                continue;
            }
            held.push(&Record {
                why: Some(OVER.into()),
                ..visit.record(Tag::Nack, slot.seq)
            });
            let msg = format!(
                "{its} is over, and its lease of {}/{}",
                self.agent, slot.seq
            );
            let about = Some((slot.seq, MessageId::from_bits(slot.id)));
            visit.event(Level::Info, "mail.nacked", msg, about, &[]);
            let given_back = Slot {
                lease_until: 0,
                ..slot
            };
            match fold::due(&given_back, visit.now.boot_ms, visit.now.wall) {
                Some(Due::Expire) => held.give_up(&slot, EXPIRED, visit.now),
                Some(Due::GiveUp) => held.give_up(&slot, ATTEMPTS, visit.now),
                Some(Due::Lapse(_) | Due::Ripe(_)) | None => {}
            }
        }
        if held.has_writes() {
            held.write()?;
        }
        Ok(())
    }

    /// Done with it. Final.
    pub fn ack(
        &self,
        permit: &Permit,
        seqs: &[u64],
        claim: &Claim,
        now: Now,
    ) -> Result<Outcome<Vec<Done>>, Error> {
        self.close(permit, seqs, claim, Close::Ack, now)
    }

    /// Given back: deliverable again, unless it was the last attempt.
    pub fn nack(
        &self,
        permit: &Permit,
        seq: u64,
        claim: &Claim,
        now: Now,
    ) -> Result<Outcome<Vec<Done>>, Error> {
        self.close(permit, &[seq], claim, Close::Nack, now)
    }

    /// Called off by its sender, before anybody took it.
    pub fn recall(&self, permit: &Permit, seq: u64, now: Now) -> Result<Outcome<Vec<Done>>, Error> {
        self.close(permit, &[seq], &Claim::default(), Close::Recall, now)
    }

    /// Everything pending that nobody else holds: one write, one flush.
    pub fn ack_all(&self, permit: &Permit, now: Now) -> Result<Outcome<Vec<Done>>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let mut held = visit.hold()?;
        let mut done = Vec::new();
        let mut after = None;
        while let Some(slot) = held.ask(|index| index.next_pending(after))? {
            after = Some((slot.class, slot.seq));
            let free = match held.holder(&slot)? {
                Some(holder) => is_his(&holder, &visit),
                None => slot.not_before == 0,
            };
            if free {
                close_one(&mut held, &mut visit, &slot, Close::Ack);
                done.push(Done {
                    seq: slot.seq,
                    id: MessageId::from_bits(slot.id),
                    repeated: false,
                });
            }
        }
        visit.finish(held)?;
        Ok(Outcome::of(done, visit))
    }

    /// All or none: one that may not be closed refuses the others too.
    fn close(
        &self,
        permit: &Permit,
        seqs: &[u64],
        claim: &Claim,
        how: Close,
        now: Now,
    ) -> Result<Outcome<Vec<Done>>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let mut held = visit.hold()?;
        let mut done = Vec::new();
        let mut sealed = Vec::new();
        for &seq in seqs {
            if held.slot(seq)?.is_none() {
                sealed.push(seq);
            }
        }
        if !sealed.is_empty() {
            // Perhaps closed before a compaction. The archive is read without the lock.
            visit.finish(held).map_err(Error::not_begun)?;
            done = self.closed_long_ago(&mut visit, &sealed, how)?;
            held = visit.hold()?;
        }
        for &seq in seqs.iter().filter(|seq| !sealed.contains(seq)) {
            let slot = held.slot(seq)?.ok_or_else(|| self.no_message(seq))?;
            let repeated = self.may_close(&mut held, &visit, &slot, claim, how)?;
            close_one(&mut held, &mut visit, &slot, how);
            if how == Close::Nack && slot.attempts >= MOST_ATTEMPTS {
                held.give_up(&slot, ATTEMPTS, now);
            }
            done.push(Done {
                seq,
                id: MessageId::from_bits(slot.id),
                repeated,
            });
        }
        visit.finish(held)?;
        Ok(Outcome::of(done, visit))
    }

    /// `true` where the same one had closed it already.
    fn may_close(
        &self,
        held: &mut Held<'_>,
        visit: &Visit<'_>,
        slot: &Slot,
        claim: &Claim,
        how: Close,
    ) -> Result<bool, Error> {
        let at = self.address(slot.seq);
        if !slot.state.is_pending() {
            return self.closed_before(held, visit, slot, how);
        }
        let holder = held.holder(slot)?;
        let stale_token = claim
            .token
            .as_ref()
            .is_some_and(|given| *given != token(slot.id, slot.attempts));
        match (how, holder) {
            (Close::Recall, Some(holder)) => Err(Error::Leased {
                at,
                owner: holder.owner,
                until: holder.lapses_at,
            }),
            (Close::Recall, None) => {
                let from = held.view(slot)?.message().from;
                let his = visit.is_his(from.as_str()) || visit.who.agent == AgentId::user();
                his.then_some(false).ok_or(Error::NotTheSender { at, from })
            }
            _ if claim.force => Ok(false),
            (_, Some(holder)) if stale_token || !is_his(&holder, visit) => Err(Error::Leased {
                at,
                owner: holder.owner,
                until: holder.lapses_at,
            }),
            (_, Some(_)) => Ok(false),
            (Close::Ack, None) if !stale_token => Ok(false),
            (Close::Ack | Close::Nack, None) => Err(Error::NotYours { at }),
        }
    }

    /// As `closed_before`, of messages whose records a compaction has sealed.
    fn closed_long_ago(
        &self,
        visit: &mut Visit<'_>,
        seqs: &[u64],
        how: Close,
    ) -> Result<Vec<Done>, Error> {
        let past = self.gather(visit, &|head| seqs.contains(&head.seq))?;
        let mut done = Vec::new();
        for &seq in seqs {
            let past = past.get(&seq).ok_or_else(|| self.no_message(seq))?;
            let state = view::status(&past.slot).as_str();
            let closing = past.steps.iter().find(|step| step.what == state);
            let by = closing.and_then(|step| step.by.as_deref());
            if !by.is_some_and(|by| visit.is_his(by)) || !how.is_what_happened(&past.slot) {
                return Err(Error::Closed {
                    at: self.address(seq),
                    state,
                    by: by.map(str::to_owned),
                    when: closing.map(|step| step.at),
                });
            }
            done.push(Done {
                seq,
                id: MessageId::from_bits(past.slot.id),
                repeated: true,
            });
        }
        Ok(done)
    }

    fn closed_before(
        &self,
        held: &mut Held<'_>,
        visit: &Visit<'_>,
        slot: &Slot,
        how: Close,
    ) -> Result<bool, Error> {
        let line = held.journal.line(slot.last)?;
        let record = line.as_deref().and_then(|line| Record::parse(line).ok());
        let by = record.as_ref().and_then(|r| r.by.as_deref());
        let inc = record.as_ref().and_then(|r| r.inc.as_deref());
        let the_same = by.is_some_and(|by| visit.is_his(by))
            && (visit.who.incarnation.is_none()
                || inc.is_none()
                || visit.who.incarnation.as_deref() == inc);
        if the_same && how.is_what_happened(slot) {
            return Ok(true);
        }
        Err(Error::Closed {
            at: self.address(slot.seq),
            state: view::status(slot).as_str(),
            by: by.map(str::to_owned),
            when: record.as_ref().and_then(|r| r.at),
        })
    }

    /// Answered: acknowledged, where it was not yet, and linked to its answer.
    pub fn replied(
        &self,
        permit: &Permit,
        seq: u64,
        reply: MessageId,
        claim: &Claim,
        now: Now,
    ) -> Result<Outcome<Done>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let mut held = visit.hold()?;
        let slot = held.slot(seq)?.ok_or_else(|| self.no_message(seq))?;
        let acked = slot.state == State::Acked;
        if !acked {
            self.may_close(&mut held, &visit, &slot, claim, Close::Ack)?;
            close_one(&mut held, &mut visit, &slot, Close::Ack);
        }
        let record = Record {
            reply: Some(reply),
            ..visit.record(Tag::Replied, seq)
        };
        held.push(&record);
        let id = MessageId::from_bits(slot.id);
        let msg = format!("{} answered {}/{seq}", visit.who.agent, self.agent);
        let fields = [("reply", reply.to_string().into())];
        visit.event(Level::Info, "mail.replied", msg, Some((seq, id)), &fields);
        visit.finish(held)?;
        Ok(Outcome::of(
            Done {
                seq,
                id,
                repeated: acked,
            },
            visit,
        ))
    }

    /// Whether `replied` would be allowed, before the answer is sent.
    pub fn may_reply(
        &self,
        permit: &Permit,
        seq: u64,
        claim: &Claim,
        now: Now,
    ) -> Result<(), Error> {
        let visit = Visit::new(self, permit, now);
        let mut held = visit.hold()?;
        held.journal.must_know_format()?;
        let slot = held.slot(seq)?.ok_or_else(|| self.no_message(seq))?;
        if slot.state != State::Acked {
            self.may_close(&mut held, &visit, &slot, claim, Close::Ack)?;
        }
        held.commit().map_err(Error::not_begun)?;
        Ok(())
    }

    /// The recipient was told of these; told again, it is recorded again.
    pub fn announce(&self, permit: &Permit, seqs: &[u64], now: Now) -> Result<Outcome<()>, Error> {
        self.mark(permit, seqs, Tag::Announced, now)
    }

    /// The recipient saw these in full.
    pub fn mark_read(&self, permit: &Permit, seqs: &[u64], now: Now) -> Result<Outcome<()>, Error> {
        self.mark(permit, seqs, Tag::Read, now)
    }

    /// The senders of these dead letters were told.
    pub fn noticed(&self, permit: &Permit, seqs: &[u64], now: Now) -> Result<Outcome<()>, Error> {
        self.mark(permit, seqs, Tag::Noticed, now)
    }

    fn mark(
        &self,
        permit: &Permit,
        seqs: &[u64],
        tag: Tag,
        now: Now,
    ) -> Result<Outcome<()>, Error> {
        let mut visit = Visit::new(self, permit, now);
        let mut held = visit.hold()?;
        if let Err(error) = held.journal.must_know_format() {
            // It was shown or told all the same: a newer format stays readable.
            visit.warn(&format!("that this was told is not recorded: {error}"));
            return Ok(Outcome::of((), visit));
        }
        for &seq in seqs {
            let Some(slot) = held.slot(seq)? else {
                continue;
            };
            let (moves, event) = match tag {
                Tag::Announced => (slot.state.is_pending(), "mail.announced"),
                Tag::Read => (
                    matches!(slot.state, State::Queued | State::Announced),
                    "mail.read",
                ),
                _ => (!slot.noticed, ""),
            };
            if !moves {
                continue;
            }
            if slot.state.is_pending() && held.has_lapsed(&slot)? {
                // Or a fold of the journal would take it for still leased then, and pass over the mark.
                held.push(&Record {
                    why: Some(LAPSED.into()),
                    ..visit.record(Tag::Nack, seq)
                });
            }
            held.push(&visit.record(tag, seq));
            if !event.is_empty() {
                let msg = format!("{event} {}/{seq}", self.agent);
                visit.event(
                    Level::Info,
                    event,
                    msg,
                    Some((seq, MessageId::from_bits(slot.id))),
                    &[],
                );
            }
        }
        visit.finish(held)?;
        Ok(Outcome::of((), visit))
    }

    pub(super) fn address(&self, seq: u64) -> Address {
        Address {
            mailbox: self.agent.clone(),
            seq,
        }
    }

    pub(super) fn no_message(&self, seq: u64) -> Error {
        Error::NoMessage {
            at: self.address(seq),
        }
    }
}

fn first_deliverable(held: &mut Held<'_>, now: Now) -> Result<Option<Slot>, Error> {
    for _ in 0..MOST_GIVEN_UP {
        match held.ask(Index::first_ready)? {
            Some(slot) if slot.attempts >= MOST_ATTEMPTS => {
                held.give_up(&slot, ATTEMPTS, now);
                held.write()?;
            }
            other => return Ok(other),
        }
    }
    Ok(None)
}

fn first_fit(
    held: &mut Held<'_>,
    who: &AgentId,
    judge: &mut dyn FnMut(&mut Message, Source) -> Judgement,
    unfit: &mut Vec<(Message, String)>,
    now: Now,
) -> Result<Option<(Slot, Message)>, Error> {
    while let Some(slot) = first_deliverable(held, now)? {
        let mut message = held.view(&slot)?.message();
        match judge(&mut message, Source::of(&slot)) {
            Judgement::Fit => return Ok(Some((slot, message))),
            Judgement::Unknown => return Ok(None),
            Judgement::Unfit(why) => {
                held.set_aside(&slot, who, &why, now);
                held.write()?;
                message.status = Status::Dead;
                unfit.push((message, why));
            }
        }
        if unfit.len() >= MOST_GIVEN_UP {
            return Ok(None);
        }
    }
    Ok(None)
}

fn close_one(held: &mut Held<'_>, visit: &mut Visit<'_>, slot: &Slot, how: Close) {
    let (tag, event, word) = match how {
        Close::Ack => (Tag::Ack, "mail.acked", "acknowledged"),
        Close::Nack => (Tag::Nack, "mail.nacked", "gave back"),
        Close::Recall => (Tag::Discard, "mail.recalled", "recalled"),
    };
    let mut record = visit.record(tag, slot.seq);
    if how == Close::Recall {
        record.why = Some("recalled".into());
    }
    held.push(&record);
    let msg = format!("{} {word} {}/{}", visit.who.agent, visit.agent(), slot.seq);
    visit.event(
        Level::Info,
        event,
        msg,
        Some((slot.seq, MessageId::from_bits(slot.id))),
        &[],
    );
}
