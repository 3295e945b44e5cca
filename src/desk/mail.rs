//! The verbs of mail: for each the permit it needs, what it asks of the mailbox, and what it leaves behind.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::breaker::{self, Recent};
use super::signatures::SIGNATURE;
use super::{Desk, Done, Error, no_message};
use crate::mailbox::{
    self, Address, Attachment, Claim, Counts, Edited, History, Mailbox, Message, Outcome, Pruned,
    Sent, Status, Taken, Which,
};
use crate::names::{
    AgentId, Caller, Channel, Draft, Event, Finding, Level, MessageId, Origin, Permit, USER, Verb,
};
use crate::store;
use crate::time::{Now, Timestamp};

/// The breaker looks at so many messages of a pair at most.
const MOST_RECENT: usize = 1000;

/// Whether a send may make a mailbox for an agent that nobody registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    Refuse,
    Create,
}

/// Whether a send obeys the loop breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    Obey,
    Override,
}

/// What a message goes on with, and what comes along from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    pub reply_to: Option<MessageId>,
    pub thread: Option<MessageId>,
    pub taint: Option<Origin>,
}

impl Links {
    pub fn answering(message: &Message) -> Self {
        Self {
            reply_to: Some(message.id),
            thread: message.thread.or(Some(message.id)),
            taint: message.taint(),
        }
    }

    pub fn link(&self, draft: &mut Draft) {
        draft.reply_to = self.reply_to;
        draft.thread = self.thread;
        if let Some(origin) = &self.taint {
            draft.taint(origin);
        }
    }
}

/// What an ack, nack or recall came to.
#[derive(Clone, Debug)]
pub struct Closed {
    pub at: Address,
    pub id: MessageId,
    /// It had been closed that way before, by the same one.
    pub repeated: bool,
}

/// What an edit came to.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    pub edited: Vec<Address>,
    pub adopted: Vec<Address>,
    pub discarded: Vec<Address>,
    /// Entries that changed nothing.
    pub known: u64,
    /// What could not be taken over, and why.
    pub refused: Vec<String>,
}

// Sending.

impl Desk {
    /// A message of the caller's. Of the person at the terminal it says which one that is.
    pub fn draft(&self, to: &AgentId, content: String) -> Draft {
        let Caller {
            agent,
            login,
            uid,
            guest,
            ..
        } = &self.caller;
        let mut draft = Draft::new(agent.clone(), to.clone(), content);
        if agent.as_str() == USER {
            let by = json!({ "login": login, "uid": uid });
            draft.metadata.insert("by".into(), by);
        }
        if let Some(guest) = guest {
            draft.comes_from(&guest.origin());
        }
        if let Some(origin) = &self.taint {
            draft.taint(origin);
        }
        draft
    }

    /// The message that is answered and the thread that is gone on with, each as a person names one: any message of
    /// a thread stands for it, and an answer goes on with that of what it answers.
    pub fn links(&self, reply_to: Option<&str>, thread: Option<&str>) -> Done<Links> {
        let named = |name: &str| self.message(&self.find(name)?);
        let answered = reply_to.map(named).transpose()?;
        let of_thread = thread.map(named).transpose()?;
        let mut links = answered.as_ref().map(Links::answering).unwrap_or_default();
        if let Some(other) = &of_thread {
            links.thread = other.thread.or(Some(other.id));
            links.taint = links.taint.or_else(|| other.taint());
        }
        Ok(links)
    }

    pub fn send(&self, draft: Draft, unknown: Unknown, breaker: Breaker, now: Now) -> Done<Sent> {
        let to = draft.to.clone();
        let sent = self.send_batch(&to, vec![draft], unknown, breaker, now)?;
        Ok(only(sent))
    }

    /// One write and one flush for all; all drafts go to the same mailbox.
    pub fn send_batch(
        &self,
        to: &AgentId,
        mut drafts: Vec<Draft>,
        unknown: Unknown,
        breaker: Breaker,
        now: Now,
    ) -> Done<Vec<Sent>> {
        let (permit, policy) = self.permit_under(Verb::MailSend, to)?;
        let bounds = self.bounds(&policy, permit.act());
        let mailbox = self.mailbox_to_send_to(to, unknown, now)?;
        self.add_former_names(&mut drafts)?;
        self.carry_on(&mut drafts, &permit, now)?;
        if breaker == Breaker::Obey {
            self.judge(&mailbox, &permit, &drafts, now)
                .map_err(|error| match error {
                    Error::Loop(_) => self.refused(Verb::MailSend, to, error),
                    error => error,
                })?;
        }
        let key = self.key_to_sign_with(&permit, &policy, &drafts)?;
        self.record_if_order(&permit)?;
        if let Some(key) = &key {
            self.sign(key, &mut drafts, now);
        }
        let (mut sent, effects) = mailbox
            .send_within(&permit, drafts, &bounds, now)
            .map_err(|error| self.not_sent(to, error))?;
        let warnings = sent
            .iter_mut()
            .flat_map(|sent| std::mem::take(&mut sent.warnings))
            .collect();
        Ok(self.settle(
            Outcome {
                value: sent,
                effects,
                warnings,
            },
            now,
        ))
    }

    /// A full mailbox is a refusal.
    fn not_sent(&self, to: &AgentId, error: mailbox::Error) -> Error {
        match error {
            mailbox::Error::Full { .. } => self.refused(Verb::MailSend, to, error.into()),
            error => error.into(),
        }
    }

    /// An answer is one hop further than what it answers; a person's begins anew, and who answers nobody makes none. By
    /// whose text from outside that was touched, or the thread that is gone on with, it is touched too.
    fn carry_on(&self, drafts: &mut [Draft], permit: &Permit, now: Now) -> Done<()> {
        let mut known: HashMap<MessageId, (u32, Option<Origin>)> = HashMap::new();
        for draft in drafts {
            let counts = draft.reply_to.is_some() && draft.from.as_str() != USER;
            if !counts {
                draft.hops = 0;
            }
            let Some(before) = draft.reply_to.or(draft.thread) else {
                continue;
            };
            // By whoever knew what it answers.
            if draft.hops > 0 {
                continue;
            }
            let (hops, taint) = match known.entry(before) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let found = self.message_of(before, &draft.to, permit, now)?;
                    let found = found.map(|it| (it.hops, it.taint()));
                    place.insert(found.unwrap_or_default())
                }
            };
            if counts {
                draft.hops = hops.saturating_add(1);
            }
            if let Some(origin) = taint {
                draft.taint(origin);
            }
        }
        Ok(())
    }

    /// What is answered lies with the caller or with whom he answers, nearly always. A mailbox that cannot be read holds
    /// nothing up: then, as of what is nowhere any more, nobody knows more of it.
    fn message_of(
        &self,
        id: MessageId,
        to: &AgentId,
        permit: &Permit,
        now: Now,
    ) -> Done<Option<Message>> {
        let mut agents = self.mailboxes()?;
        let at = agents.iter().position(|agent| agent == to);
        if let Some(at) = at.filter(|at| *at > 1) {
            agents[1..=at].rotate_right(1);
        }
        for agent in agents {
            let Ok(Some(mailbox)) = self.mailbox(&agent) else {
                continue;
            };
            let found = mailbox.find_id(permit, id, now).ok().flatten();
            if let Some(seq) = found
                && let Ok(message) = mailbox.message(permit, seq, now)
            {
                return Ok(Some(self.settle(message, now)));
            }
        }
        Ok(None)
    }

    /// Of drafts with a key.
    fn add_former_names(&self, drafts: &mut [Draft]) -> Done<()> {
        let mut last: Option<(AgentId, Vec<AgentId>)> = None;
        for draft in drafts.iter_mut().filter(|draft| draft.key.is_some()) {
            if last.as_ref().is_none_or(|(from, _)| *from != draft.from) {
                last = Some((draft.from.clone(), self.names_before(&draft.from)?));
            }
            if let Some((_, names)) = &last {
                draft.formerly.clone_from(names);
            }
        }
        Ok(())
    }

    /// What an agent was called before, without a look at every mailbox: it stands among its aliases, beside names that
    /// it never had. A send by somebody who has none costs nothing.
    fn names_before(&self, agent: &AgentId) -> Done<Vec<AgentId>> {
        let mut names = Vec::new();
        let entry = self.roster.entry(agent);
        for alias in entry.iter().flat_map(|entry| &entry.aliases) {
            if let Ok(name) = AgentId::parse(alias)
                && mailbox::had_name(&self.home.mailboxes(), agent, &name)?
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// That of somebody who exists; another's only on purpose.
    fn mailbox_to_send_to(&self, to: &AgentId, unknown: Unknown, now: Now) -> Done<Mailbox> {
        if let Some(mailbox) = self.mailbox(to)? {
            return Ok(mailbox);
        }
        let exists = to.is_reserved() || self.roster.entry(to).is_some();
        if !exists {
            let everybody = self.everybody()?;
            if unknown == Unknown::Refuse {
                let error = self.roster.resolve(to.as_str(), &everybody).err();
                return Err(error.map_or_else(
                    || mailbox::Error::NoMailbox { agent: to.clone() }.into(),
                    |what| self.unknown(what),
                ));
            }
            self.permit(Verb::MailCreate, to)?;
            self.roster
                .may_register(to, &everybody)
                .map_err(Error::NotFree)?;
        }
        let mailbox = self.make_mailbox(to, now)?;
        let event = Event {
            channel: Channel::Messages,
            level: Level::Info,
            event: "mail.created".into(),
            msg: format!("a mailbox for {to}"),
            agent: Some(to.clone()),
            id: None,
            fields: Vec::new(),
        };
        self.log(&[event], now);
        Ok(mailbox)
    }

    /// Whether these are part of a loop. A retry under a known key is none: it is delivered once.
    fn judge(&self, mailbox: &Mailbox, permit: &Permit, drafts: &[Draft], now: Now) -> Done<()> {
        let limits = &self.roster.limits;
        let since = now.wall.minus(Duration::from_secs(limits.within));
        let mut recent: Option<(AgentId, Vec<Recent>)> = None;
        for draft in drafts.iter().filter(|draft| breaker::obeys(draft)) {
            if draft.key.is_some() && mailbox.knows(permit, draft, now)? {
                continue;
            }
            let (_, said) =
                if let Some(known) = recent.take().filter(|(from, _)| *from == draft.from) {
                    recent.insert(known)
                } else {
                    let said = mailbox.said(permit, &draft.from, since, MOST_RECENT, now)?;
                    let said = said.into_iter().map(|it| Recent {
                        content: it.content,
                        reply_to: it.reply_to,
                        at: it.at,
                    });
                    recent.insert((draft.from.clone(), said.collect()))
                };
            breaker::judge(limits, draft, said, now.wall)?;
            said.insert(
                0,
                Recent {
                    content: draft.content.clone(),
                    reply_to: draft.reply_to,
                    at: now.wall,
                },
            );
        }
        Ok(())
    }

    /// Copies a file into the mailbox of `to`, by content hash; the draft, which will have this key, then names it in its
    /// `metadata.attachments`.
    pub fn attach(
        &self,
        to: &AgentId,
        file: &Path,
        key: Option<&str>,
        unknown: Unknown,
    ) -> Done<Attachment> {
        let permit = self.permit_to_come(Verb::MailSend, to)?;
        let now = Now::read();
        let mailbox = self.mailbox_to_send_to(to, unknown, now)?;
        let policy = self.policy_for(Verb::MailSend)?;
        let bounds = self.bounds(&policy, permit.act());
        if !bounds.is_empty() {
            mailbox
                .must_let_in(&permit, key, &bounds, now)
                .map_err(|error| self.not_sent(to, error))?;
        }
        Ok(mailbox.attach(file)?)
    }

    /// Sends `draft` (its `to`, `reply_to` and `thread` are filled in), then acknowledges what it answers.
    pub fn reply(
        &self,
        at: &Address,
        mut draft: Draft,
        claim: &Claim,
        breaker: Breaker,
        now: Now,
    ) -> Done<Sent> {
        let permit = self.permit(Verb::MailAck, &at.mailbox)?;
        let mailbox = self.mailbox(&at.mailbox)?.ok_or_else(|| no_message(at))?;
        let asked = self.settle(mailbox.message(&permit, at.seq, now)?, now);
        mailbox.may_reply(&permit, at.seq, claim, now)?;
        Links::answering(&asked).link(&mut draft);
        draft.hops = asked.hops.saturating_add(1);
        draft.to = asked.from;
        // Killed between the answer and the acknowledgement, and said again: the same answer.
        draft.key = draft
            .key
            .or_else(|| Some(reply_key(asked.id, &draft.content)));
        let sent = self.send(draft, Unknown::Refuse, breaker, now)?;
        match mailbox.replied(&permit, at.seq, sent.id, claim, now) {
            Ok(outcome) => drop(self.settle(outcome, now)),
            Err(error) => (self.warn)(&format!(
                "the answer was sent as {}, but {at} was not acknowledged: {error}",
                sent.at
            )),
        }
        Ok(sent)
    }

    /// A closed message again: new id, same thread.
    pub fn restore(&self, at: &Address, now: Now) -> Done<Sent> {
        let (permit, policy) = self.permit_under(Verb::MailRestore, &at.mailbox)?;
        let mailbox = self.mailbox(&at.mailbox)?.ok_or_else(|| no_message(at))?;
        let old = self.settle(mailbox.message(&permit, at.seq, now)?, now);
        match old.status {
            Status::Dead | Status::Expired | Status::Discarded => {}
            Status::Queued | Status::Announced | Status::Read | Status::Acked => {
                return Err(Error::StillAlive {
                    at: at.clone(),
                    status: old.status.as_str(),
                });
            }
        }
        let is_ahead = |moment: &Timestamp| *moment > now.wall;
        let mut draft = Draft::new(old.from, old.to, old.content);
        draft.mode = old.mode;
        draft.key = Some(format!("restore:{}", old.id));
        draft.reply_to = old.reply_to;
        draft.thread = old.thread.or(Some(old.id));
        draft.hops = old.hops;
        draft.not_before = old.not_before.filter(is_ahead);
        draft.expires_at = old.expires_at.filter(is_ahead);
        draft.metadata = old.metadata.to_map();
        draft
            .metadata
            .insert("restores".into(), at.to_string().into());
        draft.extra = old.extra;
        // It was of another message, in another thread.
        draft.extra.shift_remove(SIGNATURE);
        let mut drafts = vec![draft];
        let key = self.key_to_sign_with(&permit, &policy, &drafts)?;
        if let Some(key) = &key {
            self.sign(key, &mut drafts, now);
        }
        let (sent, effects) = mailbox.send(&permit, drafts, now)?;
        let mut sent = only(sent);
        let warnings = std::mem::take(&mut sent.warnings);
        let outcome = Outcome {
            value: sent,
            effects,
            warnings,
        };
        let sent = self.settle(outcome, now);
        if !sent.repeated {
            let event = Event {
                channel: Channel::Messages,
                level: Level::Info,
                event: "mail.restored".into(),
                msg: format!("{at} again, as {}", sent.at),
                agent: Some(at.mailbox.clone()),
                id: Some(sent.id),
                fields: Vec::new(),
            };
            self.log(&[event], now);
        }
        Ok(sent)
    }
}

fn reply_key(to: MessageId, content: &str) -> String {
    format!("reply:{to}:{:016x}", store::sum(content.as_bytes(), 0))
}

// Taking and closing.

impl Desk {
    /// The first deliverable message, leased.
    pub fn next(&self, agent: &AgentId, lease: Duration, now: Now) -> Done<Option<Taken>> {
        let permit = self.permit(Verb::MailTake, agent)?;
        match self.mailbox_if_known(agent)? {
            Some(mailbox) => self.take(&mailbox, &permit, lease, now),
            None => Ok(None),
        }
    }

    pub fn ack(&self, at: &Address, claim: &Claim, now: Now) -> Done<Closed> {
        let permit = self.permit(Verb::MailAck, &at.mailbox)?;
        self.close(at, now, |mailbox| {
            mailbox.ack(&permit, &[at.seq], claim, now)
        })
    }

    /// Everything pending in the mailbox and not leased to another: one write, one flush.
    pub fn ack_all(&self, agent: &AgentId, now: Now) -> Done<Vec<Closed>> {
        let permit = self.permit(Verb::MailAck, agent)?;
        let Some(mailbox) = self.mailbox(agent)? else {
            return Ok(Vec::new());
        };
        let done = self.settle(mailbox.ack_all(&permit, now)?, now);
        Ok(done.iter().map(|done| closed(agent, done)).collect())
    }

    pub fn nack(&self, at: &Address, claim: &Claim, now: Now) -> Done<Closed> {
        let permit = self.permit(Verb::MailNack, &at.mailbox)?;
        self.close(at, now, |mailbox| mailbox.nack(&permit, at.seq, claim, now))
    }

    pub fn recall(&self, at: &Address, now: Now) -> Done<Closed> {
        let permit = self.permit(Verb::MailRecall, &at.mailbox)?;
        self.close(at, now, |mailbox| mailbox.recall(&permit, at.seq, now))
    }

    fn close(
        &self,
        at: &Address,
        now: Now,
        how: impl FnOnce(&Mailbox) -> Result<Outcome<Vec<mailbox::Done>>, mailbox::Error>,
    ) -> Done<Closed> {
        let mailbox = self.mailbox(&at.mailbox)?.ok_or_else(|| no_message(at))?;
        let done = self.settle(how(&mailbox)?, now);
        Ok(closed(&at.mailbox, &only(done)))
    }

    /// Marks as read what the recipient has been shown in full; what is forged among it is set aside.
    pub fn mark_read(&self, agent: &AgentId, shown: &[&Message], now: Now) -> Done<()> {
        let permit = self.permit(Verb::MailRead, agent)?;
        let pending = shown.iter().copied();
        let pending: Vec<&Message> = pending.filter(|it| it.status.is_pending()).collect();
        if let Some(mailbox) = self.mailbox(agent)?.filter(|_| !pending.is_empty()) {
            let is_aside = self.set_aside(&mailbox, &permit, &pending, now)?;
            let read = pending.iter().zip(is_aside).filter(|(_, aside)| !aside);
            let seqs: Vec<u64> = read.map(|(message, _)| message.seq).collect();
            if !seqs.is_empty() {
                self.settle(mailbox.mark_read(&permit, &seqs, now)?, now);
            }
        }
        Ok(())
    }

    /// Records that the recipient was told: by himself, or again by the sender.
    pub fn announce(&self, agent: &AgentId, seqs: &[u64], now: Now) -> Done<()> {
        let Some(mailbox) = self.mailbox(agent)? else {
            return Ok(());
        };
        let mut permit = None;
        for &seq in seqs {
            permit = Some(self.look_permit(&mailbox, seq, now)?);
        }
        if let Some(permit) = permit {
            self.settle(mailbox.announce(&permit, seqs, now)?, now);
        }
        Ok(())
    }
}

/// Of one draft or one message there is one result.
fn only<T>(mut results: Vec<T>) -> T {
    results.pop().expect("as many results as were asked for")
}

fn closed(mailbox: &AgentId, done: &mailbox::Done) -> Closed {
    Closed {
        at: Address {
            mailbox: mailbox.clone(),
            seq: done.seq,
        },
        id: done.id,
        repeated: done.repeated,
    }
}

// Looking.

impl Desk {
    /// Whoever may read the mailbox may look at any message, and everybody at what he sent himself.
    pub(super) fn look_permit(&self, mailbox: &Mailbox, seq: u64, now: Now) -> Done<Permit> {
        let agent = mailbox.agent();
        let refusal = match self.permit_unlogged(Verb::MailRead, agent) {
            Ok(permit) => return Ok(permit),
            Err(refusal) => refusal,
        };
        let permit = self.permit(Verb::MailFollow, agent)?;
        let message = self.settle(mailbox.message(&permit, seq, now)?, now);
        if message.from == self.caller.agent || self.former_names()?.contains(&message.from) {
            return Ok(permit);
        }
        Err(self.refused(Verb::MailRead, agent, refusal))
    }

    /// Under these the caller spoke before he was renamed.
    fn former_names(&self) -> Done<Vec<AgentId>> {
        Ok(mailbox::former_names(
            &self.home.mailboxes(),
            &self.caller.agent,
        )?)
    }

    fn look<T>(
        &self,
        at: &Address,
        how: impl FnOnce(&Mailbox, &Permit, Now) -> Result<Outcome<T>, mailbox::Error>,
    ) -> Done<T> {
        let now = Now::read();
        let mailbox = self.mailbox(&at.mailbox)?.ok_or_else(|| no_message(at))?;
        let permit = self.look_permit(&mailbox, at.seq, now)?;
        Ok(self.settle(how(&mailbox, &permit, now)?, now))
    }

    /// In delivery order; `All`: in order of seq. Changes no state.
    pub fn inbox(&self, agent: &AgentId, which: Which) -> Done<Vec<Message>> {
        let now = Now::read();
        let permit = self.permit(Verb::MailRead, agent)?;
        match self.mailbox_if_known(agent)? {
            Some(mailbox) => {
                let mut all = self.settle(mailbox.inbox(&permit, which, now)?, now);
                self.prove(&mut all);
                Ok(all)
            }
            None => Ok(Vec::new()),
        }
    }

    pub fn message(&self, at: &Address) -> Done<Message> {
        let mut message = self.look(at, |mailbox, permit, now| {
            mailbox.message(permit, at.seq, now)
        })?;
        self.prove(std::slice::from_mut(&mut message));
        Ok(message)
    }

    pub fn history(&self, at: &Address) -> Done<History> {
        self.look(at, |mailbox, permit, now| {
            mailbox.history(permit, at.seq, now)
        })
    }

    /// Every message of a thread in every mailbox, oldest first; `at` is any message of it.
    pub fn thread(&self, at: &Address) -> Done<Vec<Message>> {
        let one = self.message(at)?;
        let thread = one.thread.unwrap_or(one.id);
        let mut all = self.select(None, &|message| {
            message.thread == Some(thread) || message.id == thread
        })?;
        all.sort_by_key(|message| (message.timestamp, message.id));
        self.prove(&mut all);
        Ok(all)
    }

    /// Case-insensitive text in content, sender, mode or id; archives too. Newest first.
    pub fn search(&self, agent: Option<&AgentId>, text: &str, limit: usize) -> Done<Vec<Message>> {
        let wanted = text.to_lowercase();
        let has = |field: &str| field.to_lowercase().contains(&wanted);
        let mut all = self.select(agent, &|message| {
            has(&message.content)
                || has(message.from.as_str())
                || has(message.mode.as_str())
                || has(&message.id.to_string())
        })?;
        all.sort_by_key(|message| std::cmp::Reverse((message.timestamp, message.id)));
        all.truncate(limit);
        self.prove(&mut all);
        Ok(all)
    }

    /// What the caller may see of one mailbox or of all: the whole of those he may read, and what he sent into
    /// the others.
    fn select(
        &self,
        agent: Option<&AgentId>,
        is_wanted: &dyn Fn(&Message) -> bool,
    ) -> Done<Vec<Message>> {
        let now = Now::read();
        let agents = match agent {
            Some(agent) => vec![agent.clone()],
            None => self.everybody()?,
        };
        let former = self.former_names()?;
        let mut all = Vec::new();
        for agent in &agents {
            let Some(mailbox) = self.mailbox(agent)? else {
                continue;
            };
            let found = if let Ok(permit) = self.permit_unlogged(Verb::MailRead, agent) {
                mailbox.select(&permit, is_wanted, now)?
            } else {
                let permit = self.permit(Verb::MailFollow, agent)?;
                let is_own = |from: &AgentId| *from == self.caller.agent || former.contains(from);
                let own = |message: &Message| is_own(&message.from) && is_wanted(message);
                mailbox.select(&permit, &own, now)?
            };
            all.extend(self.settle(found, now));
        }
        Ok(all)
    }

    pub fn counts(&self, agent: &AgentId, now: Now) -> Done<Counts> {
        let permit = self.permit(Verb::MailRead, agent)?;
        match self.mailbox_if_known(agent)? {
            Some(mailbox) => Ok(self.settle(mailbox.counts(&permit, now)?, now)),
            None => Ok(Counts::default()),
        }
    }
}

// Keeping house.

impl Desk {
    /// The text that `$EDITOR` is given.
    pub fn edit_begin(&self, agent: &AgentId, now: Now) -> Done<Vec<u8>> {
        let permit = self.permit(Verb::MailEdit, agent)?;
        let mailbox = self.own_mailbox(agent, now)?;
        Ok(self.settle(mailbox.edit_begin(&permit, now)?, now))
    }

    /// Merges the edited text; 65 with line and column where it does not parse.
    pub fn edit_finish(
        &self,
        agent: &AgentId,
        given: &[u8],
        edited: &[u8],
        now: Now,
    ) -> Done<Merged> {
        let permit = self.permit(Verb::MailEdit, agent)?;
        let mailbox = self.own_mailbox(agent, now)?;
        let outcome = mailbox.edit_finish(&permit, given, edited, now)?;
        Ok(merged(agent, self.settle(outcome, now)))
    }

    pub fn prune(&self, agent: &AgentId, now: Now) -> Done<Pruned> {
        let permit = self.permit(Verb::MailPrune, agent)?;
        match self.mailbox(agent)? {
            Some(mailbox) => Ok(self.settle(mailbox.prune(&permit, now)?, now)),
            None => Ok(Pruned::default()),
        }
    }

    /// What is wrong with one mailbox, or with all and with what lies between them.
    pub fn doctor(&self, agent: Option<&AgentId>, fix: bool, now: Now) -> Done<Vec<Finding>> {
        let mut findings = Vec::new();
        let agents = if let Some(agent) = agent {
            vec![agent.clone()]
        } else {
            findings.extend(mailbox::strays(&self.home.mailboxes(), fix)?);
            self.everybody()?
        };
        for agent in &agents {
            let verb = if fix {
                Verb::MailRepair
            } else {
                Verb::MailRead
            };
            let permit = self.permit(verb, agent)?;
            if let Some(mailbox) = self.mailbox(agent)? {
                findings.extend(self.settle(mailbox.doctor(&permit, fix, now)?, now));
            }
        }
        Ok(findings)
    }
}

fn merged(agent: &AgentId, edited: Edited) -> Merged {
    let all = |seqs: Vec<u64>| {
        seqs.into_iter()
            .map(|seq| Address {
                mailbox: agent.clone(),
                seq,
            })
            .collect()
    };
    Merged {
        edited: all(edited.edited),
        adopted: all(edited.adopted),
        discarded: all(edited.discarded),
        known: edited.known,
        refused: edited.refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::Home;
    use crate::security::keys;

    /// A desk in a home of its own, at which the person at the terminal speaks.
    fn desk() -> (tempfile::TempDir, Desk) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        std::fs::create_dir_all(home.mailboxes()).unwrap();
        let caller = Caller {
            agent: AgentId::user(),
            incarnation: None,
            uid: 1000,
            login: Some("alice".into()),
            guest: None,
        };
        let desk = Desk::open(home, caller, |warning| panic!("{warning}")).unwrap();
        (dir, desk)
    }

    fn send(desk: &Desk, draft: Draft) -> Sent {
        let sent = desk.send(draft, Unknown::Refuse, Breaker::Obey, Now::read());
        sent.unwrap()
    }

    #[test]
    fn of_the_person_at_the_terminal_a_draft_says_which_one() {
        let (_dir, desk) = desk();
        let draft = desk.draft(&AgentId::user(), "hello".into());
        let by = json!({"login": "alice", "uid": 1000});
        assert_eq!(draft.metadata.get("by"), Some(&by));
        let captain = Caller {
            agent: AgentId::captain(),
            ..desk.caller().clone()
        };
        let draft = desk
            .speaking_as(captain)
            .draft(&AgentId::user(), "hello".into());
        assert_eq!(draft.from, AgentId::captain());
        assert!(draft.metadata.is_empty());
    }

    #[test]
    fn how_many_answers_lead_to_a_message_is_part_of_what_is_signed() {
        let (_dir, desk) = desk();
        let [one, two] = ["agent-1", "agent-2"].map(|name| AgentId::parse(name).unwrap());
        let now = Now::read();
        for agent in [&one, &two] {
            desk.make_mailbox(agent, now).unwrap();
        }
        keys::make(desk.home(), &one, None, now.wall).unwrap();
        let caller = desk.caller().clone();
        let agent = |id: &AgentId| Caller {
            agent: id.clone(),
            ..caller.clone()
        };
        let desk = desk.speaking_as(agent(&two));
        let asked = send(&desk, desk.draft(&one, "question".into()));
        let desk = desk.speaking_as(agent(&one));
        let mut answer = desk.draft(&two, "answer".into());
        answer.reply_to = Some(asked.id);
        // What somebody wrote there does not count.
        answer.extra.insert("hops".into(), 7.into());
        let sent = send(&desk, answer);
        let mut message = desk.message(&sent.at).unwrap();
        let mut proof = |hops| {
            message.hops = hops;
            desk.prove(std::slice::from_mut(&mut message));
            message.extra["proof"].clone()
        };
        assert_eq!(proof(1), "verified");
        assert_eq!([proof(0), proof(2)], ["forged", "forged"]);
    }

    #[test]
    fn an_answer_goes_on_with_the_thread_of_what_it_answers_unless_another_is_named() {
        let (_dir, desk) = desk();
        let me = AgentId::user();
        let first = send(&desk, desk.draft(&me, "first".into()));
        let mut answer = desk.draft(&me, "second".into());
        desk.links(Some("1"), None).unwrap().link(&mut answer);
        assert_eq!(
            (answer.reply_to, answer.thread),
            (Some(first.id), Some(first.id))
        );
        let second = send(&desk, answer);
        let third = send(&desk, desk.draft(&me, "another thread".into()));
        let links = |reply_to, thread| {
            let links = desk.links(reply_to, thread).unwrap();
            (links.reply_to, links.thread)
        };
        assert_eq!(links(Some("2"), None), (Some(second.id), Some(first.id)));
        assert_eq!(links(None, Some("2")), (None, Some(first.id)));
        assert_eq!(
            links(Some("2"), Some("3")),
            (Some(second.id), Some(third.id))
        );
        assert_eq!(links(None, None), (None, None));
        let unknown = desk.links(None, Some("4")).unwrap_err();
        assert!(matches!(
            unknown,
            Error::Mailbox(mailbox::Error::NoMessage { .. })
        ));
    }
}
