//! Mail comes in: durable before anybody is told that it was accepted, once per key.

use std::collections::HashMap;

use serde_json::Value;

use super::attach;
use super::bound::{Bound, New};
use super::error::Error;
use super::face;
use super::held::{Held, Known};
use super::message::{Address, Sent, Status};
use super::open::Mailbox;
use super::prune;
use super::record::{Envelope, Letter};
use super::view;
use super::visit::Visit;
use crate::names::{AgentId, Draft, Effect, Level, MessageId, Permit, Unsure};
use crate::time::{Now, Timestamp};

/// A longer content travels as a file.
pub const MOST_CONTENT: usize = 1 << 20;

/// What goes with a content: key, notes of programs, fields that we do not know. With a content whose every byte
/// is escaped it stays within what the journal's reader takes for a line.
const MOST_NOTES: usize = 4 << 20;

/// A record that could not be read back would stop the mailbox: it is refused before it gets a number.
pub(super) fn must_fit(draft: &Draft) -> Result<(), Error> {
    let bytes = draft.content.len();
    if bytes > MOST_CONTENT {
        return Err(Error::TooLong { bytes });
    }
    let bytes: usize = [&draft.metadata, &draft.extra]
        .into_iter()
        .filter(|notes| !notes.is_empty())
        .filter_map(|notes| serde_json::to_string(notes).ok())
        .map(|text| text.len())
        .chain(draft.key.as_ref().map(|key| 6 * key.len()))
        .sum();
    if bytes > MOST_NOTES {
        return Err(Error::NotesTooLong { bytes });
    }
    Ok(())
}

/// What a sender said here before, for whoever judges whether he repeats himself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub content: String,
    pub reply_to: Option<MessageId>,
    pub at: Timestamp,
}

/// What became of one draft before the write.
struct Minted {
    seq: u64,
    id: MessageId,
    key: String,
    repeated: bool,
    status: Option<Status>,
}

impl Mailbox {
    /// Accepts all drafts with one write and one flush, in their order. A key that is known gives the message of
    /// the first time.
    pub fn send(
        &self,
        permit: &Permit,
        drafts: Vec<Draft>,
        now: Now,
    ) -> Result<(Vec<Sent>, Vec<Effect>), Error> {
        self.send_within(permit, drafts, &[], now)
    }

    /// The same, or none of it where it would be more than one of the bounds lets in. What is known already adds nothing.
    pub fn send_within(
        &self,
        permit: &Permit,
        drafts: Vec<Draft>,
        bounds: &[Bound<'_>],
        now: Now,
    ) -> Result<(Vec<Sent>, Vec<Effect>), Error> {
        drafts.iter().try_for_each(must_fit)?;
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let mut held = visit.hold()?;
        let mut minted = Vec::with_capacity(drafts.len());
        let mut first_keys: HashMap<(AgentId, String), usize> = HashMap::new();
        let mut rank = u64::MAX;
        let mut new = New::default();
        for draft in drafts {
            let named = draft.key.clone().map(|key| (draft.from.clone(), key));
            if let Some(first) = named.as_ref().and_then(|named| first_keys.get(named)) {
                let first: &Minted = &minted[*first];
                let again = Minted {
                    key: first.key.clone(),
                    repeated: true,
                    ..*first
                };
                minted.push(again);
                continue;
            }
            let from = draft.from.clone();
            let class = draft.mode.class();
            rank = rank.min(held.rank(class));
            let it = accept(&mut held, &visit, draft, now)?;
            if !it.repeated {
                new.add(class);
                sent_event(&mut visit, &it, &from);
            }
            if let Some(named) = named {
                first_keys.insert(named, minted.len());
            }
            minted.push(it);
        }
        must_have_room(&mut held, &visit, bounds, new)?;
        let pending = held.pending() + new.all;
        let written = held.commit().map_err(|error| name_keys(error, &minted))?;
        // A key whose message was compacted away needs the flush all the same.
        if written.changed {
            visit
                .flush(&written)
                .map_err(|error| name_keys(error, &minted))?;
        } else {
            visit.make_durable(&written.journal)?;
        }
        visit.notices(&written);
        // A repeated one too: who sent it first may have been killed before he came to this.
        if rank < face::MOST_MESSAGES as u64 {
            visit.show();
        }
        if written.changed {
            prune::if_due(&mut visit, &written);
        }
        let warnings = std::mem::take(&mut visit.warnings);
        let mut sent: Vec<Sent> = minted
            .into_iter()
            .map(|it| Sent {
                at: Address {
                    mailbox: self.agent.clone(),
                    seq: it.seq,
                },
                id: it.id,
                key: it.key,
                repeated: it.repeated,
                status: it.status,
                pending,
                warnings: Vec::new(),
            })
            .collect();
        if let Some(first) = sent.first_mut() {
            first.warnings = warnings;
        }
        Ok((sent, visit.effects))
    }

    /// Whether a message of the caller's would be let in at this moment, asked before its files are copied. One that is
    /// known already is.
    pub fn must_let_in(
        &self,
        permit: &Permit,
        key: Option<&str>,
        bounds: &[Bound<'_>],
        now: Now,
    ) -> Result<(), Error> {
        let visit = Visit::new(self, permit, now);
        let mut held = visit.hold()?;
        let is_known = match key {
            Some(key) => held.known(&visit.who.agent, key)?.is_some(),
            None => false,
        };
        let is_let_in = if is_known {
            Ok(())
        } else {
            must_have_room(&mut held, &visit, bounds, New::PERHAPS_URGENT)
        };
        held.commit().map_err(Error::not_begun)?;
        is_let_in
    }

    /// Whether its sender sent something under its key before: then it is delivered already.
    pub fn knows(&self, permit: &Permit, draft: &Draft, now: Now) -> Result<bool, Error> {
        let mut held = Visit::new(self, permit, now).hold()?;
        let known = sent_before(&mut held, draft)?.is_some();
        held.commit().map_err(Error::not_begun)?;
        Ok(known)
    }

    /// The last `most` messages of a sender here, newest first, not older than `since`.
    pub fn said(
        &self,
        permit: &Permit,
        from: &AgentId,
        since: Timestamp,
        most: usize,
        now: Now,
    ) -> Result<Vec<Said>, Error> {
        let visit = Visit::new(self, permit, now);
        let mut held = visit.hold()?;
        let mut said = Vec::new();
        let mut next = held.last_from(from)?;
        while let Some(slot) = next.filter(|_| said.len() < most) {
            let message = held.view(&slot)?.message();
            if message.timestamp < since {
                break;
            }
            said.push(Said {
                content: message.content,
                reply_to: message.reply_to,
                at: message.timestamp,
            });
            next = match slot.prev_from {
                0 => None,
                seq => held.slot(seq)?,
            };
        }
        held.commit().map_err(Error::not_begun)?;
        Ok(said)
    }
}

/// What its sender, whatever he was called then, sent under its key.
fn sent_before(held: &mut Held<'_>, draft: &Draft) -> Result<Option<Known>, Error> {
    let Some(key) = draft.key.as_deref() else {
        return Ok(None);
    };
    for name in std::iter::once(&draft.from).chain(&draft.formerly) {
        if let Some(known) = held.known(name, key)? {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

/// Of what waits as the lock found it; nothing of the send is written yet.
fn must_have_room(
    held: &mut Held<'_>,
    visit: &Visit<'_>,
    bounds: &[Bound<'_>],
    new: New,
) -> Result<(), Error> {
    let from = &visit.who.agent;
    for bound in bounds {
        let all = held.pending();
        let of_sender = |most| held.pending_of(from, most);
        if let Some(excess) = bound.excess(new, all, of_sender)? {
            return Err(Error::Full {
                from: from.clone(),
                to: visit.agent().clone(),
                rule: bound.rule.to_owned(),
                excess,
            });
        }
    }
    Ok(())
}

fn accept(held: &mut Held<'_>, visit: &Visit<'_>, draft: Draft, now: Now) -> Result<Minted, Error> {
    if let Some(known) = sent_before(held, &draft)?
        && let Some(key) = draft.key.as_deref()
    {
        let (seq, id, status) = match known {
            Known::Here(slot) => {
                let line = held.view(&slot)?.send_line().to_vec();
                held.push_again(&line);
                let status = view::status(&slot);
                (slot.seq, MessageId::from_bits(slot.id), Some(status))
            }
            Known::Gone { seq, id } => (seq, id, None),
        };
        return Ok(Minted {
            seq,
            id,
            key: key.to_owned(),
            repeated: true,
            status,
        });
    }
    for sha256 in attachments(&draft) {
        if !visit.dir().exists(&attach::path(&sha256))? {
            return Err(Error::NoAttachment { sha256 });
        }
    }
    let (seq, id) = held.mint(now);
    let key = draft.key.clone();
    let envelope = Envelope {
        key: key.as_deref(),
        adopted: None,
        inc: visit.who.incarnation.as_deref(),
        uid: visit.who.uid,
    };
    let letter = Letter::new(draft, seq, id, now.wall);
    held.push_send(&letter, &envelope);
    Ok(Minted {
        seq,
        id,
        key: key.unwrap_or_else(|| id.to_string()),
        repeated: false,
        status: Some(Status::Queued),
    })
}

/// Whoever is told that the outcome is unknown is told what makes a retry safe. A message without a key of its own
/// is known by its id.
fn name_keys(error: Error, minted: &[Minted]) -> Error {
    match error {
        Error::OutcomeUnknown { at, .. } => {
            let (key, each) = match minted {
                [it] => (Some(it.key.clone()), Vec::new()),
                all => {
                    let unsure = |it: &Minted| Unsure {
                        key: it.key.clone(),
                        id: it.id,
                    };
                    (None, all.iter().map(unsure).collect())
                }
            };
            Error::OutcomeUnknown { at, key, each }
        }
        other => other,
    }
}

fn sent_event(visit: &mut Visit<'_>, it: &Minted, from: &AgentId) {
    let msg = format!("{from} sent {}/{}", visit.agent(), it.seq);
    visit.event(
        Level::Info,
        "mail.sent",
        msg,
        Some((it.seq, it.id)),
        &[("from", from.as_str().into())],
    );
}

/// The content hashes that a draft names.
pub(super) fn attachments(draft: &Draft) -> Vec<String> {
    named_files(draft.metadata.get("attachments"))
}

pub(super) fn named_files(attachments: Option<&Value>) -> Vec<String> {
    let list = attachments.and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|file| file.get("sha256")?.as_str())
        .filter(|sha| sha.len() == 64 && sha.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(str::to_owned)
        .collect()
}
