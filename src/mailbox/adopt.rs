//! Mail that other programs kept, taken in as it is: each once, for as long as the mailbox lasts.

use super::error::Error;
use super::import::Foreign;
use super::merge::draft;
use super::open::Mailbox;
use super::record::{Envelope, Letter, Tag};
use super::send::must_fit;
use super::take::Outcome;
use super::visit::Visit;
use crate::names::{Level, MessageId, Permit};
use crate::time::Now;

/// What an import came to, by number.
#[derive(Clone, Debug, Default)]
pub struct Adopted {
    pub new: Vec<u64>,
    /// Here already from an earlier import.
    pub known: u64,
}

impl Mailbox {
    /// Takes in all of `mail` with one write and one flush. What was handled elsewhere is acknowledged in the
    /// same write: it never comes up as new.
    pub fn adopt(
        &self,
        permit: &Permit,
        mail: Vec<Foreign>,
        now: Now,
    ) -> Result<Outcome<Adopted>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let mut held = visit.hold()?;
        let mut adopted = Adopted::default();
        let mut new = std::collections::HashSet::new();
        for mail in mail {
            let key = mail.key.clone();
            if held.adopted(&key)?.is_some() || !new.insert(key.clone()) {
                adopted.known += 1;
                continue;
            }
            let (handled, timestamp) = (mail.handled, mail.timestamp);
            let draft = draft(&self.agent, mail);
            must_fit(&draft)?;
            let (seq, id) = held.mint(now);
            let letter = Letter::new(draft, seq, id, timestamp.unwrap_or(now.wall));
            let envelope = Envelope {
                adopted: Some(&key),
                uid: visit.who.uid,
                ..Envelope::default()
            };
            held.push_send(&letter, &envelope);
            if handled {
                held.push(&visit.record(Tag::Ack, seq));
            }
            imported_event(&mut visit, seq, id);
            adopted.new.push(seq);
        }
        visit.finish(held)?;
        Ok(Outcome::of(adopted, visit))
    }
}

fn imported_event(visit: &mut Visit<'_>, seq: u64, id: MessageId) {
    let msg = format!("imported {}/{seq}", visit.agent());
    visit.event(Level::Info, "mail.imported", msg, Some((seq, id)), &[]);
}
