//! Whoever has a key signs what he sends; what is read is compared with what was signed.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Desk, Done, Error};
use crate::mailbox::{self, Judgement, Mailbox, Message, Source, Taken};
use crate::names::{
    AgentId, Channel, Draft, Event, Level, MessageId, Mode, OPENED, ORIGIN, Permit, SEALED, TAINT,
    UNOPENED_WHY,
};
use crate::security::keys::{self, Content, Key, Proof, PublicKeys, Why};
use crate::security::{Policy, Signatures};
use crate::time::{Now, Timestamp};

/// The field of a message.
pub(super) const SIGNATURE: &str = "signature";
/// What readers are told of the mail of who has a key: `verified`, `unsigned` or `forged`. What somebody wrote there
/// himself is written over.
const PROOF: &str = "proof";
const WHY: &str = "proof_why";
const FORGED_WORD: &str = "forged";
/// The event and the record of mail that was set aside.
pub(super) const FORGED: &str = "mail.forged";

impl Desk {
    /// What the caller signs with, if his key lies in this home. Where the policy wants signatures he must have one.
    pub(super) fn key_to_sign_with(
        &self,
        permit: &Permit,
        policy: &Policy,
        drafts: &[Draft],
    ) -> Done<Option<Key>> {
        let speaker = &self.caller.agent;
        let key = keys::signing_key(&self.home, speaker)?;
        if policy.signatures() == Signatures::Required
            && let Some(draft) = drafts
                .iter()
                .find(|draft| key.is_none() || draft.from != *speaker)
        {
            let from = draft.from.clone();
            let act = permit.act();
            return Err(self.refused(act.verb, &act.target, Error::Unsigned { from }));
        }
        Ok(key)
    }

    /// Signs what the caller himself says.
    pub(super) fn sign(&self, key: &Key, drafts: &mut [Draft], now: Now) {
        let speaker = &self.caller.agent;
        for draft in drafts.iter_mut().filter(|draft| draft.from == *speaker) {
            let said = Said {
                from: &draft.from,
                to: &draft.to,
                mode: draft.mode,
                content: &draft.content,
                reply_to: draft.reply_to,
                // As the mailbox will have it.
                thread: draft.thread.or(draft.reply_to),
                hops: draft.hops,
                origin: said_in(&draft.extra, ORIGIN),
                taint: said_in(&draft.extra, TAINT),
                sealed: said_in(&draft.extra, SEALED),
                not_before: draft.not_before,
                expires_at: draft.expires_at,
                attachments: draft.metadata.get("attachments"),
            };
            let signature = said.spelled(|content| keys::sign(key, content, now.wall));
            draft.extra.insert(SIGNATURE.into(), signature.to_json());
        }
    }

    /// Tells of each what its signature is worth.
    pub(super) fn prove(&self, messages: &mut [Message]) {
        let mut verifier = Verifier::new(self);
        for message in messages {
            if message.is_sealed() {
                // Nothing was opened yet, whatever somebody wrote there.
                message.extra.shift_remove(OPENED);
                message.extra.shift_remove(UNOPENED_WHY);
            }
            verifier.tell(message);
        }
    }

    /// The first deliverable message that is not forged, leased. What is forged is set aside: recorded, told to the captain,
    /// and kept as a dead letter.
    pub(super) fn take(
        &self,
        mailbox: &Mailbox,
        permit: &Permit,
        lease: Duration,
        now: Now,
    ) -> Done<Option<Taken>> {
        let must_be_signed = self.policies.current()?.signatures() == Signatures::Required;
        let mut verifier = Verifier::new(self);
        let mut judge = |message: &mut Message, source| {
            let standing = verifier.tell(message);
            // What the toolkit itself tells nobody signs.
            let is_ours = source == Source::Sent && message.from == AgentId::system();
            let judgement = judge(standing, must_be_signed && !is_ours);
            if let Judgement::Unfit(why) = &judgement {
                self.record_unfit(mailbox.agent(), message, why, now);
            }
            judgement
        };
        let given = mailbox.next_fit(permit, lease, &mut judge, now)?;
        let given = self.settle(given, now);
        for (message, why) in &given.unfit {
            self.tell_unfit(mailbox.agent(), message, why, now);
        }
        match (given.taken, verifier.unreadable) {
            // Whether it is signed could not be known.
            (None, Some(error)) if must_be_signed => Err(error.into()),
            (taken, _) => Ok(taken),
        }
    }

    /// As `take` does it, of what is forged among what its recipient was shown: `true` for each that was set aside.
    pub(super) fn set_aside(
        &self,
        mailbox: &Mailbox,
        permit: &Permit,
        messages: &[&Message],
        now: Now,
    ) -> Done<Vec<bool>> {
        let mut unfit = Vec::new();
        let is_unfit = messages.iter().map(|message| {
            // As it was told before it was shown: what was sealed is opened by now, and is not what was signed.
            let said = |name| said_in(&message.extra, name);
            let is_forged = said(PROOF) == Some(FORGED_WORD);
            if is_forged {
                unfit.push((*message, forged(&said(WHY).unwrap_or_default())));
            }
            is_forged
        });
        let is_unfit = is_unfit.collect();
        if unfit.is_empty() {
            return Ok(is_unfit);
        }
        for (message, why) in &unfit {
            self.record_unfit(mailbox.agent(), message, why, now);
        }
        let closed: Vec<_> = unfit
            .iter()
            .map(|(message, why)| (message.seq, why.clone()))
            .collect();
        self.settle(mailbox.set_aside(permit, &closed, now)?, now);
        for (message, why) in &unfit {
            self.tell_unfit(mailbox.agent(), message, why, now);
        }
        Ok(is_unfit)
    }

    fn tell_unfit(&self, mailbox: &AgentId, message: &Message, why: &str, now: Now) {
        let event = Event {
            channel: Channel::Security,
            level: Level::Error,
            event: FORGED.into(),
            msg: format!("{mailbox}/{} of {}: {why}", message.seq, message.from),
            agent: Some(mailbox.clone()),
            id: Some(message.id),
            fields: Vec::new(),
        };
        self.log(&[event], now);
    }
}

/// What is known of the sender of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Standing {
    /// He has no key, and his message no signature.
    NoKey,
    Proof(Proof),
    /// His keys cannot be read.
    Unknown,
}

/// As the reason of a dead letter.
fn forged(why: &dyn std::fmt::Display) -> String {
    format!("{FORGED_WORD}: {why}")
}

/// Whether a message is handed out.
fn judge(standing: Standing, must_be_signed: bool) -> Judgement {
    match standing {
        Standing::Proof(Proof::Forged(why)) => Judgement::Unfit(forged(&why)),
        Standing::Unknown if must_be_signed => Judgement::Unknown,
        Standing::NoKey | Standing::Proof(Proof::Unsigned) if must_be_signed => {
            Judgement::Unfit("unsigned, and the policy wants signatures".into())
        }
        Standing::NoKey | Standing::Proof(_) | Standing::Unknown => Judgement::Fit,
    }
}

enum KeysOf {
    Known(Option<PublicKeys>),
    Unreadable,
}

/// Reads the keys of each sender once.
struct Verifier<'d> {
    desk: &'d Desk,
    senders: HashMap<AgentId, KeysOf>,
    /// Why the keys of somebody could not be read.
    unreadable: Option<keys::Error>,
}

impl<'d> Verifier<'d> {
    fn new(desk: &'d Desk) -> Self {
        Self {
            desk,
            senders: HashMap::new(),
            unreadable: None,
        }
    }

    /// Adds to a message what its signature is worth, in the place of what somebody wrote there himself.
    fn tell(&mut self, message: &mut Message) -> Standing {
        let standing = self.standing(message);
        let (word, why) = match &standing {
            Standing::NoKey | Standing::Unknown => (None, None),
            Standing::Proof(Proof::Verified) => (Some("verified"), None),
            Standing::Proof(Proof::Unsigned) => (Some("unsigned"), None),
            Standing::Proof(Proof::Forged(why)) => (Some(FORGED_WORD), Some(why.to_string())),
        };
        for (name, value) in [(PROOF, word.map(str::to_owned)), (WHY, why)] {
            match value {
                Some(value) => drop(message.extra.insert(name.into(), value.into())),
                None => drop(message.extra.shift_remove(name)),
            }
        }
        standing
    }

    fn standing(&mut self, message: &Message) -> Standing {
        let from = &message.from;
        if !self.senders.contains_key(from) {
            let keys = keys::public_keys(&self.desk.home, from).map_or_else(
                |error| {
                    (self.desk.warn)(&format!("the keys of {from}: {error}"));
                    self.unreadable.get_or_insert(error);
                    KeysOf::Unreadable
                },
                KeysOf::Known,
            );
            self.senders.insert(from.clone(), keys);
        }
        let Some(KeysOf::Known(public)) = self.senders.get(from) else {
            return Standing::Unknown;
        };
        let public = public.as_ref();
        if public.is_none() && !message.extra.contains_key(SIGNATURE) {
            return Standing::NoKey;
        }
        Standing::Proof(match proof(message, &message.to, public) {
            // It was renamed since.
            Proof::Forged(why @ Why::Changed(_)) => self
                .desk
                .were(&message.to)
                .iter()
                .map(|to| proof(message, to, public))
                .find(|proof| *proof == Proof::Verified)
                .unwrap_or(Proof::Forged(why)),
            other => other,
        })
    }
}

impl Desk {
    /// Under these names mail was sent to what is `agent` today.
    fn were(&self, agent: &AgentId) -> Vec<AgentId> {
        mailbox::former_names(&self.home.mailboxes(), agent).unwrap_or_else(|error| {
            (self.warn)(&format!("the former names of {agent}: {error}"));
            Vec::new()
        })
    }
}

fn proof(message: &Message, to: &AgentId, public: Option<&PublicKeys>) -> Proof {
    let Some(signature) = message.extra.get(SIGNATURE) else {
        return Proof::Unsigned;
    };
    let attachments = message.metadata.get("attachments");
    let said = Said {
        from: &message.from,
        to,
        mode: message.mode,
        content: &message.content,
        reply_to: message.reply_to,
        // Of the first of a thread its sender did not know the id yet.
        thread: message.thread.filter(|thread| *thread != message.id),
        hops: message.hops,
        origin: said_in(&message.extra, ORIGIN),
        taint: said_in(&message.extra, TAINT),
        sealed: said_in(&message.extra, SEALED),
        not_before: message.not_before,
        expires_at: message.expires_at,
        attachments: attachments.as_ref(),
    };
    said.spelled(|content| keys::verify(public, content, Some(signature), message.timestamp))
}

fn said_in<'m>(fields: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    // What is no text was put there by hand; signed is only text.
    fields.get(name).map(|said| said.as_str().unwrap_or("?"))
}

/// What is signed of a message.
struct Said<'m> {
    from: &'m AgentId,
    to: &'m AgentId,
    mode: Mode,
    content: &'m str,
    reply_to: Option<MessageId>,
    thread: Option<MessageId>,
    hops: u32,
    origin: Option<&'m str>,
    taint: Option<&'m str>,
    sealed: Option<&'m str>,
    not_before: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    attachments: Option<&'m Value>,
}

impl Said<'_> {
    /// As the signature spells it.
    fn spelled<T>(&self, act: impl FnOnce(&Content<'_>) -> T) -> T {
        let (reply_to, thread) = (
            self.reply_to.map(|id| id.to_string()),
            self.thread.map(|id| id.to_string()),
        );
        let files = self.attachments.and_then(Value::as_array);
        let sums: Vec<&str> = files.map_or_else(Vec::new, |files| {
            files
                .iter()
                .filter_map(|file| file.get("sha256")?.as_str())
                .collect()
        });
        act(&Content {
            from: self.from,
            to: self.to,
            mode: self.mode,
            content: self.content,
            reply_to: reply_to.as_deref(),
            thread: thread.as_deref(),
            hops: self.hops,
            origin: self.origin,
            taint: self.taint,
            sealed: self.sealed,
            not_before: self.not_before,
            expires_at: self.expires_at,
            attachments: &sums,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forged_is_handed_out_to_nobody_and_what_is_unsigned_where_nobody_minds() {
        let proof = |proof| Standing::Proof(proof);
        for (standing, by_default, where_wanted) in [
            (proof(Proof::Verified), "fit", "fit"),
            (proof(Proof::Unsigned), "fit", "unfit"),
            (proof(Proof::Forged(Why::Malformed)), "unfit", "unfit"),
            (Standing::NoKey, "fit", "unfit"),
            (Standing::Unknown, "fit", "unknown"),
        ] {
            for (must_be_signed, expected) in [(false, by_default), (true, where_wanted)] {
                let word = match judge(standing.clone(), must_be_signed) {
                    Judgement::Fit => "fit",
                    Judgement::Unfit(why) => {
                        assert!(!why.is_empty());
                        "unfit"
                    }
                    Judgement::Unknown => "unknown",
                };
                assert_eq!(word, expected, "{standing:?}, {must_be_signed}");
            }
        }
    }
}
