//! How much waits in a mailbox, for whoever only looks: no lock is taken, nothing is changed, and no message is read.
//!
//! The index tells it. One that was caught being written, or that a restart of the machine has made worthless, is
//! passed over: then the journal is folded in memory.

use std::path::Path;
use std::time::Duration;

use super::error::Error;
use super::held::{Held, INDEX};
use super::index::{Identity, Index};
use super::journal::{JOURNAL, Journal};
use super::open::{all, find};
use crate::names::{AgentId, Class, Explain as _, Kind, MessageId};
use crate::store::{self, Dir, Open};
use crate::time::{Timestamp, boot_id};

/// So many of one class are passed over that cannot be taken now.
const MOST_PASSED: usize = 256;
/// So often an index is looked at again that somebody writes to, and so long is waited in between.
const TRIES: usize = 10;
const PAUSE: Duration = Duration::from_micros(200);

/// What is neither acknowledged nor closed otherwise, as of the last verb.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glance {
    pub(crate) pending: u64,
    /// Since when the first of them can be taken: what is not yet to be delivered or has expired is none.
    pub(crate) oldest: Option<Timestamp>,
}

/// All mailboxes of a home.
pub(crate) struct Glances {
    parent: Dir,
    boot: u128,
    boot_text: String,
}

impl Glances {
    /// `None` where nobody has one.
    pub(crate) fn open(mailboxes: &Path) -> Result<Option<Self>, Error> {
        let parent = match all(mailboxes) {
            Err(error) if error.is_absent() => return Ok(None),
            other => other?,
        };
        let boot = boot_id().map_err(|error| {
            store::Error::system(Path::new("/proc/sys/kernel/random/boot_id"), "read", &error)
        })?;
        Ok(Some(Self {
            parent,
            boot,
            boot_text: format!("{boot:032x}"),
        }))
    }

    /// Who has one.
    pub(crate) fn everybody(&self) -> Result<Vec<AgentId>, Error> {
        let names = self.parent.dir_names()?;
        let ids = names.iter().filter_map(|name| AgentId::parse(name).ok());
        Ok(ids.collect())
    }

    /// `None` where there is no such mailbox.
    pub(crate) fn at(&self, agent: &AgentId, now: Timestamp) -> Result<Option<Glance>, Error> {
        let dir = match find(&self.parent, agent) {
            Err(error) if error.kind() == Kind::Unknown => return Ok(None),
            other => other?.0,
        };
        let Some(journal) = Journal::open(&dir, JOURNAL, Open::Read)? else {
            return Ok(Some(Glance::default()));
        };
        journal.must_know_format()?;
        let identity = Identity {
            r#gen: journal.opening.generation,
            salt: journal.opening.salt,
            boot: self.boot,
        };
        for _ in 0..TRIES {
            match seen_in_index(&dir, &identity, now)? {
                Seen::Whole(glance) => return Ok(Some(glance)),
                Seen::InMotion => std::thread::sleep(PAUSE),
                Seen::Nothing => break,
            }
        }
        let end = journal.file.size()?;
        let boot = (self.boot, self.boot_text.as_str());
        let mut held = Held::aside(&dir, boot, journal, end)?;
        Ok(Some(held.ask(|index| look(index, now))?))
    }
}

enum Seen {
    Whole(Glance),
    /// Somebody is writing to it, or a kill has stopped him.
    InMotion,
    /// It is not there, or of another journal or boot.
    Nothing,
}

fn seen_in_index(dir: &Dir, identity: &Identity, now: Timestamp) -> Result<Seen, Error> {
    let open = || -> Result<Option<Index>, store::Error> {
        let file = dir.file_if_any(INDEX, Open::Read)?;
        file.map(Index::open).transpose()
    };
    let Some(mut index) = open()? else {
        return Ok(Seen::Nothing);
    };
    if !index.is_of(identity) {
        return Ok(if index.is_unfinished() {
            Seen::InMotion
        } else {
            Seen::Nothing
        });
    }
    let glance = match look(&mut index, now) {
        Err(error) if error.is_spoilt() => return Ok(Seen::InMotion),
        other => other?,
    };
    // Whoever writes to it marks its first page before and after: what was read in between is of one piece.
    let is_still = open()?.is_some_and(|now| now.says_the_same(&index));
    Ok(if is_still {
        Seen::Whole(glance)
    } else {
        Seen::InMotion
    })
}

fn look(index: &mut Index, now: Timestamp) -> Result<Glance, store::Error> {
    let pending = Class::ALL.iter().map(|class| index.pending(*class)).sum();
    let mut oldest: Option<Timestamp> = None;
    let mut after = None;
    let mut passed = 0;
    while let Some(slot) = index.next_pending(after)? {
        let since = MessageId::from_bits(slot.id)
            .made_at()
            .unix_ms()
            .max(slot.not_before);
        let is_over = slot.expires != 0 && slot.expires <= now.unix_ms();
        if (since > now.unix_ms() || is_over) && passed < MOST_PASSED {
            passed += 1;
            after = Some((slot.class, slot.seq));
            continue;
        }
        if since <= now.unix_ms() && !is_over {
            let since = Timestamp::from_unix_ms(since);
            oldest = Some(oldest.map_or(since, |oldest| oldest.min(since)));
        }
        // The first of each class that can be taken is its oldest.
        after = Some((slot.class, index.last_seq()));
        passed = 0;
    }
    Ok(Glance { pending, oldest })
}
