//! Whoever has a key signs what he sends; what is read is compared with what was signed.

use std::collections::HashMap;

use serde_json::Value;

use super::{Desk, Done};
use crate::mailbox::{self, Message, Taken};
use crate::names::{AgentId, Draft, MessageId, Mode, OPENED, UNOPENED_WHY};
use crate::security::keys::{self, Content, Proof, PublicKeys, Why};
use crate::time::{Now, Timestamp};

/// The field of a message.
pub(super) const SIGNATURE: &str = "signature";
/// What readers are told of the mail of who has a key: `verified`, `unsigned` or `forged`. What somebody wrote there
/// himself is written over.
const PROOF: &str = "proof";
const WHY: &str = "proof_why";

impl Desk {
    /// Signs what the caller himself says, if his key lies in this home.
    pub(super) fn sign(&self, drafts: &mut [Draft], now: Now) -> Done<()> {
        let speaker = &self.caller.agent;
        let Some(key) = keys::signing_key(&self.home, speaker)? else {
            return Ok(());
        };
        for draft in drafts.iter_mut().filter(|draft| draft.from == *speaker) {
            let said = Said {
                from: &draft.from,
                to: &draft.to,
                mode: draft.mode,
                content: &draft.content,
                reply_to: draft.reply_to,
                thread: draft.thread,
                not_before: draft.not_before,
                expires_at: draft.expires_at,
                attachments: draft.metadata.get("attachments"),
            };
            let signature = said.spelled(|content| keys::sign(&key, content, now.wall));
            draft.extra.insert(SIGNATURE.into(), signature.to_json());
        }
        Ok(())
    }

    /// Tells of each what its signature is worth. Whose keys cannot be read has none that counts: a message that was taken
    /// is told all the same.
    pub(super) fn prove(&self, messages: &mut [Message]) {
        let mut known: HashMap<AgentId, Option<PublicKeys>> = HashMap::new();
        for message in messages {
            if message.is_sealed() {
                // Nothing was opened yet, whatever somebody wrote there.
                message.extra.shift_remove(OPENED);
                message.extra.shift_remove(UNOPENED_WHY);
            }
            let from = &message.from;
            if !known.contains_key(from) {
                let public = keys::public_keys(&self.home, from).unwrap_or_else(|error| {
                    (self.warn)(&format!("the keys of {from}: {error}"));
                    None
                });
                known.insert(from.clone(), public);
            }
            let public = known.get(from).and_then(Option::as_ref);
            tell(message, public, &|to| self.were(to));
        }
    }

    /// Under these names mail was sent to what is `agent` today.
    fn were(&self, agent: &AgentId) -> Vec<AgentId> {
        mailbox::former_names(&self.home.mailboxes(), agent).unwrap_or_else(|error| {
            (self.warn)(&format!("the former names of {agent}: {error}"));
            Vec::new()
        })
    }

    pub(super) fn proven(&self, mut taken: Option<Taken>) -> Option<Taken> {
        if let Some(taken) = &mut taken {
            self.prove(std::slice::from_mut(&mut taken.message));
        }
        taken
    }
}

fn tell(
    message: &mut Message,
    public: Option<&PublicKeys>,
    were: &dyn Fn(&AgentId) -> Vec<AgentId>,
) {
    if public.is_none() && !message.extra.contains_key(SIGNATURE) {
        // Of whom nobody expects any there is nothing to say.
        message.extra.shift_remove(PROOF);
        message.extra.shift_remove(WHY);
        return;
    }
    let proof = match proof(message, &message.to, public) {
        // It was renamed since.
        Proof::Forged(why @ Why::Changed(_)) => were(&message.to)
            .iter()
            .map(|to| proof(message, to, public))
            .find(|proof| *proof == Proof::Verified)
            .unwrap_or(Proof::Forged(why)),
        other => other,
    };
    let (word, why) = match proof {
        Proof::Verified => ("verified", None),
        Proof::Unsigned => ("unsigned", None),
        Proof::Forged(why) => ("forged", Some(why.to_string())),
    };
    message.extra.insert(PROOF.into(), word.into());
    match why {
        Some(why) => drop(message.extra.insert(WHY.into(), why.into())),
        None => drop(message.extra.shift_remove(WHY)),
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
        not_before: message.not_before,
        expires_at: message.expires_at,
        attachments: attachments.as_ref(),
    };
    said.spelled(|content| keys::verify(public, content, Some(signature), message.timestamp))
}

/// What is signed of a message.
struct Said<'m> {
    from: &'m AgentId,
    to: &'m AgentId,
    mode: Mode,
    content: &'m str,
    reply_to: Option<MessageId>,
    thread: Option<MessageId>,
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
            not_before: self.not_before,
            expires_at: self.expires_at,
            attachments: &sums,
        })
    }
}
