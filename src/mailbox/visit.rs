//! One verb's stay in a mailbox: who, when, until when it may wait, and what it has to say beside its result.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use super::ending::Ending;
use super::error::Error;
use super::held::{Held, Written};
use super::journal::{JOURNAL, Journal};
use super::open::Mailbox;
use super::prune;
use super::record::{EXPIRED, Record, Tag, UNFIT, Who};
use super::tombstone;
use super::view::{self, View};
use crate::names::{
    AgentId, Channel, Draft, Effect, Event, Explain, Kind, Level, MessageId, Mode, Permit,
};
use crate::store::{Deadline, Dir, Open};
use crate::time::Now;

/// One deadline for the whole verb.
pub(super) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);

pub(super) struct Visit<'m> {
    pub(super) mailbox: &'m Mailbox,
    pub(super) who: Who,
    pub(super) now: Now,
    pub(super) deadline: Deadline,
    pub(super) warnings: Vec<String>,
    pub(super) effects: Vec<Effect>,
    /// The journal of the last hold.
    journal: RefCell<Option<Arc<Journal>>>,
    /// Of which generation, by its salt, and how far this visit knows it to be durable.
    durable: (u64, u64),
}

impl<'m> Visit<'m> {
    pub(super) fn new(mailbox: &'m Mailbox, permit: &Permit, now: Now) -> Self {
        let caller = &permit.act().caller;
        let who = Who {
            agent: caller.agent.clone(),
            incarnation: caller.incarnation.clone(),
            uid: Some(caller.uid),
        };
        Self::of(mailbox, who, now)
    }

    pub(super) fn of(mailbox: &'m Mailbox, who: Who, now: Now) -> Self {
        Self {
            mailbox,
            who,
            now,
            deadline: Deadline::after(PATIENCE),
            warnings: Vec::new(),
            effects: Vec::new(),
            journal: RefCell::default(),
            durable: (0, 0),
        }
    }

    pub(super) fn dir(&self) -> &'m Dir {
        &self.mailbox.dir
    }

    pub(super) fn agent(&self) -> &'m AgentId {
        &self.mailbox.agent
    }

    /// Whether `name` is one of whoever speaks: his own, or one that he had. A name that cannot be looked up is not.
    pub(super) fn is_his(&self, name: &str) -> bool {
        let his = &self.who.agent;
        name == his.as_str()
            || AgentId::parse(name).is_ok_and(|name| {
                let now = tombstone::follow(&self.mailbox.parent, &name);
                now.is_ok_and(|now| now.as_ref() == Some(his))
            })
    }

    /// The journal as it stands there, opened once as long as no other takes its place; `None` where there is none.
    /// Asked under the lock, which whoever exchanges it holds: it is the current one.
    pub(super) fn journal(&self) -> Result<Option<Arc<Journal>>, Error> {
        let mut last = self.journal.borrow_mut();
        if let Some(last) = &*last
            && let Some(there) = self.dir().ident(JOURNAL)?
            && last.file.opened().ino == there.ino
        {
            return Ok(Some(Arc::clone(last)));
        }
        *last = Journal::open(self.dir(), JOURNAL, Open::Append)?.map(Arc::new);
        Ok(last.clone())
    }

    pub(super) fn hold(&self) -> Result<Held<'m>, Error> {
        Held::take(self, HashSet::new())
    }

    /// As `hold`, passing over broken lines at these offsets.
    pub(super) fn hold_through(&self, bad: &HashSet<u64>) -> Result<Held<'m>, Error> {
        Held::take(self, bad.clone())
    }

    /// Makes durable what was written. After a failed flush the descriptor is never asked again: everything goes
    /// into a new generation, and the outcome of this verb is unknown.
    pub(super) fn flush(&mut self, written: &Written) -> Result<u64, Error> {
        if !written.changed {
            return written.journal.durable(self.dir());
        }
        if let Ok(end) = written.journal.flush(self.dir()) {
            self.durable = (written.journal.opening.salt, end);
            Ok(end)
        } else {
            self.rescue();
            Err(Error::OutcomeUnknown {
                at: written.journal.file.path().into(),
                key: None,
                each: Vec::new(),
            })
        }
    }

    /// How far the journal is durable, after flushing what stands beyond that: others wrote it.
    pub(super) fn make_durable(&mut self, journal: &Journal) -> Result<u64, Error> {
        let known = journal.durable(self.dir())?;
        if known >= journal.file.size()? {
            return Ok(known);
        }
        let flushed = journal.flush(self.dir());
        match flushed {
            Ok(end) => self.durable = (journal.opening.salt, end),
            // The next flush of this file would succeed, whatever was lost.
            Err(_) => self.rescue(),
        }
        flushed
    }

    /// How far this visit has flushed this generation. An offset says nothing of another one.
    pub(super) fn flushed(&self, journal: &Journal) -> u64 {
        let (salt, end) = self.durable;
        if salt == journal.opening.salt { end } else { 0 }
    }

    fn rescue(&mut self) {
        if let Err(error) = prune::rescue(self) {
            self.warn(&format!("a new journal could not be made either: {error}"));
        }
    }

    pub(super) fn warn(&mut self, what: &str) {
        self.warnings.push(what.to_owned());
        self.event(Level::Warn, "mail.warned", what.to_owned(), None, &[]);
    }

    /// A line of the log, to be written by whoever asked for the verb.
    pub(super) fn event(
        &mut self,
        level: Level,
        event: &'static str,
        msg: String,
        about: Option<(u64, MessageId)>,
        fields: &[(&'static str, serde_json::Value)],
    ) {
        let channel = match (level, self.who.agent.as_str()) {
            (Level::Warn | Level::Error, _) => Channel::System,
            (Level::Debug | Level::Info, crate::names::CAPTAIN) => Channel::Captain,
            (Level::Debug | Level::Info, _) => Channel::Messages,
        };
        let seq = about.map(|(seq, _)| ("seq", seq.into()));
        let all = fields.iter().cloned().chain(seq);
        let all = all.map(|(name, value)| (name.into(), value)).collect();
        self.effects.push(Effect::Event(Event {
            channel,
            level,
            event: event.into(),
            msg,
            agent: Some(self.agent().clone()),
            id: about.map(|(_, id)| id),
            fields: all,
        }));
    }

    /// The face after a change. What goes wrong with it is said, and the next verb tries again.
    pub(super) fn show(&mut self) {
        if let Err(error) = self.render() {
            self.warn(&format!("inbox.json was not brought up to date: {error}"));
        }
    }

    /// The senders of what has been given up are told. Asked after the flush: a notice tells what is durable.
    /// The verb is done by then: what fails here is said, and a later verb tells them.
    pub(super) fn notices(&mut self, written: &Written) {
        if let Err(error) = self.tell(written) {
            self.warn(&format!(
                "the sender of a dead letter was not told yet: {error}"
            ));
        }
    }

    fn tell(&mut self, written: &Written) -> Result<(), Error> {
        for &(seq, id, why) in &written.over {
            let (event, what) = match why {
                EXPIRED => ("mail.expired", "expired"),
                UNFIT => ("mail.dead", "was set aside"),
                _ => ("mail.dead", "was given up"),
            };
            let msg = format!("{}/{seq} {what}", self.agent());
            self.event(Level::Info, event, msg, Some((seq, id)), &[]);
        }
        let mut nobody = Vec::new();
        for slot in &written.unnoticed {
            let Some(view) = view::read(&written.journal, slot)? else {
                continue;
            };
            match notice(
                self.agent(),
                &written.journal.opening.mailbox,
                &view,
                &Ending::of(&written.journal, slot)?,
            ) {
                Some(draft) => self.effects.push(Effect::Mail(Box::new(draft))),
                None => nobody.push(slot.seq),
            }
        }
        if nobody.is_empty() {
            return Ok(());
        }
        // Nobody waits for these notices: not asked again.
        let mut held = self.hold()?;
        for seq in nobody {
            held.push(&self.record(Tag::Noticed, seq));
        }
        let written = held.commit()?;
        self.flush(&written).map(drop)
    }

    /// Commits, flushes, renders: the end of every changing verb but `send`.
    pub(super) fn finish(&mut self, held: Held<'_>) -> Result<Written, Error> {
        let written = held.commit()?;
        self.flush(&written)?;
        self.notices(&written);
        if written.changed {
            self.show();
            prune::if_due(self, &written);
        }
        Ok(written)
    }

    /// That a merge could not get at the face, or found no room, is no reason not to do the verb: acks must pass
    /// on a full disk, and the edits stay where they are until a later verb takes them over. Anything else is.
    pub(super) fn look_or_warn(&mut self) -> Result<(), Error> {
        match self.look() {
            Err(error) if matches!(error.kind(), Kind::Busy | Kind::Io | Kind::OutcomeUnknown) => {
                self.warn(&format!(
                    "edits of inbox.json were not taken over yet: {error}"
                ));
                Ok(())
            }
            other => other,
        }
    }

    pub(super) fn record(&self, t: Tag, seq: u64) -> Record<'_> {
        Record::new(t, seq, self.now.wall).by(&self.who)
    }
}

/// What the sender of a dead letter is told, or the captain of one that its sender is perhaps not the sender of; `system`
/// is never told anything. Told again after the mailbox got another name, it is the same: the key has the first one.
fn notice(mailbox: &AgentId, first: &AgentId, view: &View, ending: &Ending) -> Option<Draft> {
    let message = view.message();
    let (to, what) = match ending {
        Ending::Unfit(_) => (
            AgentId::captain(),
            format!("of {} was {ending}", message.from),
        ),
        _ if message.from == AgentId::system() || message.from == *mailbox => return None,
        Ending::Expired => (
            message.from.clone(),
            "expired before anybody took it".to_owned(),
        ),
        Ending::GivenUp { .. } | Ending::Discarded(_) => {
            (message.from.clone(), format!("was {ending}"))
        }
    };
    let beginning: String = if message.is_sealed() {
        "(sealed)".into()
    } else {
        message.content.chars().take(120).collect()
    };
    let text = format!("{mailbox}/{} {what}: {beginning}", message.seq);
    let mut draft = Draft::new(AgentId::system(), to, text);
    draft.mode = Mode::System;
    draft.key = Some(format!("notice:{first}:{}", message.id));
    draft.reply_to = Some(message.id);
    draft.thread = message.thread;
    if let Some(origin) = message.taint() {
        draft.taint(&origin);
    }
    draft
        .metadata
        .insert("notice".into(), format!("{mailbox}/{}", message.seq).into());
    Some(draft)
}
