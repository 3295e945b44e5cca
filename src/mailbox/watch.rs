//! Following a mailbox: every message once, as soon as it is durable; and one message through its life.
//!
//! Nothing here holds a lock while it waits. Wake-ups say "look", never "what".

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::fold::Head;
use super::follow::{Follow, read_archives};
use super::index::Index;
use super::journal::{DURABLE, JOURNAL};
use super::message::{History, Message};
use super::open::Mailbox;
use super::read::{Gather, Past};
use super::record::{hex, parse_hex};
use super::render::FACE;
use super::take::Outcome;
use super::visit::Visit;
use crate::names::{MessageId, Permit};
use crate::store::{DirWatch, Ident, Open, Slept, Target, random_u64};
use crate::time::{Now, Timestamp};

/// Between two events nobody waits longer: events get lost, and network file systems send none.
const NET: Duration = Duration::from_secs(1);
const CURSOR: &str = ".cursor-";
const LONGEST_NAME: usize = 64;
/// A sealed line ends in `,"sum":"…"}` and a newline.
const TAIL: u64 = 27;

/// Sleeps until a directory changes, or the clock asks for a look.
struct Sleeper {
    wake: DirWatch,
    slept: Duration,
    /// What the files were when nobody had told of anything for a while.
    seen: Files,
}

/// The files in which news can stand: journal, how far it is durable, face.
type Files = [Option<Ident>; 3];

fn files(mailbox: &Mailbox) -> Result<Files, Error> {
    let dir = &mailbox.dir;
    Ok([dir.ident(JOURNAL)?, dir.ident(DURABLE)?, dir.ident(FACE)?])
}

impl Sleeper {
    fn new(mailbox: &Mailbox) -> Self {
        Self {
            wake: DirWatch::new(mailbox.dir.path()),
            slept: Duration::ZERO,
            seen: Files::default(),
        }
    }

    /// For `most` at the longest, or until this thread is unparked. `true`: it is time to look, for something came,
    /// `due` is over, or within a second the files have changed and nobody told. Also returns how long it was.
    fn rest(&mut self, mailbox: &Mailbox, most: Duration, due: Duration) -> (bool, Duration) {
        let Slept { news, took } = self
            .wake
            .wait(most.min(due).min(NET.saturating_sub(self.slept)));
        self.slept += took;
        let mut is_time = news || took >= due;
        if !is_time && self.slept >= NET {
            self.slept = Duration::ZERO;
            // To ask for their state is no event that would wake the other watchers, to open them is.
            let now = files(mailbox).unwrap_or_default();
            is_time = now != self.seen || now == Files::default();
            self.seen = now;
        }
        if is_time {
            self.slept = Duration::ZERO;
        }
        (is_time, took)
    }
}

/// Every message of a mailbox from some moment on, each exactly once.
pub struct Watch {
    mailbox: Mailbox,
    permit: Permit,
    sleeper: Sleeper,
    follow: Follow,
    /// The last message that was told. Later ones have larger ids, in every generation and after a backup too.
    last: u128,
    last_seq: u64,
    /// Messages whose time has not come.
    later: BTreeMap<u64, Past>,
    /// Those of them that a kept cursor names, until they have been found again.
    sought: HashSet<u128>,
    name: Option<String>,
}

/// A cursor as it is kept.
#[derive(Serialize, Deserialize)]
struct Cursor {
    seq: u64,
    id: Option<MessageId>,
    #[serde(rename = "gen")]
    generation: u64,
    salt: String,
    offset: u64,
    /// The end of the line before `offset`: the file is still the one that was followed.
    tail: String,
    /// Not told yet, for their time had not come.
    later: Vec<MessageId>,
}

impl Cursor {
    fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec(self).expect("plain values into memory");
        text.push(b'\n');
        text
    }
}

impl Watch {
    /// From now on; with the name of a kept cursor, from where that watch stopped.
    pub fn open(
        mailbox: Mailbox,
        permit: Permit,
        cursor: Option<&str>,
        now: Now,
    ) -> Result<Outcome<Self>, Error> {
        let name = cursor.map(cursor_name).transpose()?;
        // The watch first: what is written after the reading wakes it.
        let sleeper = Sleeper::new(&mailbox);
        let mut visit = Visit::new(&mailbox, &permit, now);
        visit.look_or_warn()?;
        let held = visit.hold()?;
        let (last, last_seq) = (held.index.last_id(), held.index.last_seq());
        let written = held.commit()?;
        visit.make_durable(&written.journal)?;
        let follow = Follow::new(Arc::clone(&written.journal), written.end);
        let outcome = Outcome::of((), visit);
        let mut watch = Self {
            mailbox,
            permit,
            sleeper,
            follow,
            last,
            last_seq,
            later: BTreeMap::new(),
            sought: HashSet::new(),
            name,
        };
        let mut warnings = outcome.warnings;
        warnings.extend(watch.go_on()?);
        Ok(Outcome {
            value: watch,
            effects: outcome.effects,
            warnings,
        })
    }

    /// Back to the kept cursor, if there is one. Says what can no longer be told.
    fn go_on(&mut self) -> Result<Option<String>, Error> {
        let Some(cursor) = self.kept()? else {
            return Ok(None);
        };
        self.last = cursor.id.map_or(0, MessageId::bits);
        self.last_seq = cursor.seq;
        self.sought = cursor.later.iter().map(|id| id.bits()).collect();
        let journal = self.follow.journal();
        let same = cursor.generation == journal.opening.generation
            && parse_hex(&cursor.salt) == Some(journal.opening.salt)
            && self.tail(cursor.offset)? == cursor.tail;
        if same && self.sought.is_empty() {
            self.follow.offset = cursor.offset;
            return Ok(None);
        }
        let (start, end) = (journal.opening.len, journal.opening.generation);
        self.follow.offset = start;
        let (last, sought) = (self.last, &self.sought);
        let wanted = |head: &Head| head.id.bits() > last || sought.contains(&head.id.bits());
        let mut gather = Gather::new(&self.mailbox, &wanted);
        read_archives(&self.mailbox.dir, cursor.generation, end, &mut gather)?;
        self.later = gather.past;
        let oldest = super::archive::list(&self.mailbox.dir)?
            .first()
            .map_or(end, |sealed| sealed.generation);
        Ok(
            (oldest > cursor.generation && end > cursor.generation).then(|| {
                "some mail since this cursor was kept has been removed by age, and is not told"
                    .into()
            }),
        )
    }

    fn kept(&self) -> Result<Option<Cursor>, Error> {
        let Some(name) = &self.name else {
            return Ok(None);
        };
        let Some(file) = self.mailbox.dir.file_if_any(name, Open::Read)? else {
            return Ok(None);
        };
        let bytes = file.read_to_end(1 << 20)?;
        let cursor = serde_json::from_slice(&bytes).map_err(|error| Error::Corrupt {
            path: file.path().into(),
            line: error.line(),
            column: error.column(),
            why: super::json::words(&error),
        })?;
        Ok(Some(cursor))
    }

    /// The last bytes before an offset of the journal.
    fn tail(&self, offset: u64) -> Result<String, Error> {
        let start = offset.saturating_sub(TAIL);
        let mut bytes = vec![0; usize::try_from(offset - start).expect("a few bytes")];
        let n = self.follow.journal().file.read_at(start, &mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes[..n]).into_owned())
    }

    /// What has come, in order of number. One that was closed meanwhile comes with its state; one whose time has
    /// not come waits for it.
    pub fn look(&mut self, now: Now) -> Result<Outcome<Vec<Message>>, Error> {
        let mut visit = Visit::new(&self.mailbox, &self.permit, now);
        visit.look_or_warn()?;
        let (last, sought) = (self.last, &self.sought);
        let wanted = |head: &Head| head.id.bits() > last || sought.contains(&head.id.bits());
        let mut gather = Gather::new(&self.mailbox, &wanted);
        gather.past = std::mem::take(&mut self.later);
        self.follow.advance(&self.mailbox.dir, &mut gather, now)?;
        let mut news = Vec::new();
        let mut told = Vec::new();
        for (seq, past) in gather.past {
            if past.is_early(now.wall) {
                self.later.insert(seq, past);
                continue;
            }
            told.push(past.slot.id);
            news.push(past.message());
        }
        for (seq, past) in &self.later {
            self.last = self.last.max(past.slot.id);
            self.last_seq = self.last_seq.max(*seq);
            self.sought.insert(past.slot.id);
        }
        for message in &news {
            self.last = self.last.max(message.id.bits());
            self.last_seq = self.last_seq.max(message.seq);
        }
        for id in told {
            self.sought.remove(&id);
        }
        Ok(Outcome::of(news, visit))
    }

    /// Sleeps for `most` at the longest. `true`: it is time to look.
    pub fn rest(&mut self, most: Duration, now: Now) -> bool {
        let ripe = self.later.values().map(|past| past.slot.not_before).min();
        let due = until(ripe, now.wall);
        self.sleeper.rest(&self.mailbox, most, due).0
    }

    /// Keeps the cursor under its name, durable: called when what was told has been printed.
    pub fn save(&mut self) -> Result<(), Error> {
        let Some(name) = &self.name else {
            return Ok(());
        };
        let opening = &self.follow.journal().opening;
        let cursor = Cursor {
            seq: self.last_seq,
            id: (self.last != 0).then(|| MessageId::from_bits(self.last)),
            generation: opening.generation,
            salt: hex(opening.salt),
            offset: self.follow.offset,
            tail: self.tail(self.follow.offset)?,
            later: self
                .sought
                .iter()
                .map(|id| MessageId::from_bits(*id))
                .collect(),
        };
        let text = cursor.text();
        let dir = &self.mailbox.dir;
        let temporary = format!("{name}.{:016x}", random_u64());
        let file = dir.file(&temporary, Open::New)?;
        let written = file.write_at(0, &text).and_then(|()| file.sync_data());
        let outcome = written.and_then(|()| dir.rename(&temporary, name, Target::Replaced));
        if outcome.is_err() {
            dir.remove(&temporary)?;
        }
        Ok(outcome?)
    }
}

/// A cursor's file; its name comes from a person.
fn cursor_name(name: &str) -> Result<String, Error> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_plain) {
        return Err(Error::BadCursor { name: name.into() });
    }
    Ok(format!("{CURSOR}{name}"))
}

/// How long until a moment of the wall clock in milliseconds.
fn until(moment: Option<i64>, wall: Timestamp) -> Duration {
    moment.map_or(Duration::MAX, |at| {
        Duration::from_millis(u64::try_from(at - wall.unix_ms()).unwrap_or(0))
    })
}

/// One message through its life.
pub struct Trace {
    mailbox: Mailbox,
    permit: Permit,
    sleeper: Sleeper,
    follow: Follow,
    seq: u64,
    past: BTreeMap<u64, Past>,
}

impl Trace {
    pub fn open(mailbox: Mailbox, permit: Permit, seq: u64, now: Now) -> Result<Self, Error> {
        let sleeper = Sleeper::new(&mailbox);
        let mut visit = Visit::new(&mailbox, &permit, now);
        let mut held = visit.hold()?;
        let slot = held.slot(seq)?.filter(|slot| slot.send.len > 0);
        let written = held.commit()?;
        let end = visit.make_durable(&written.journal)?;
        let (past, offset) = match slot {
            Some(slot) => (BTreeMap::new(), slot.send.offset),
            None => (mailbox.gather(&mut visit, &|head| head.seq == seq)?, end),
        };
        if slot.is_none() && past.is_empty() {
            return Err(mailbox.no_message(seq));
        }
        Ok(Self {
            follow: Follow::new(Arc::clone(&written.journal), offset),
            mailbox,
            permit,
            sleeper,
            seq,
            past,
        })
    }

    /// How it stands, and what has happened to it. Who holds it is not told here.
    pub fn look(&mut self, now: Now) -> Result<Outcome<History>, Error> {
        let mut visit = Visit::new(&self.mailbox, &self.permit, now);
        visit.look_or_warn()?;
        advance(
            &mut self.follow,
            &mut self.past,
            &self.mailbox,
            self.seq,
            now,
        )?;
        if self.expires().is_some_and(|at| at <= now.wall.unix_ms()) {
            let held = visit.hold()?;
            visit.finish(held)?;
            advance(
                &mut self.follow,
                &mut self.past,
                &self.mailbox,
                self.seq,
                now,
            )?;
        }
        let past = self
            .past
            .get(&self.seq)
            .ok_or_else(|| self.mailbox.no_message(self.seq))?;
        let history = History {
            message: past.message(),
            lease: None,
            steps: past.steps.clone(),
        };
        Ok(Outcome::of(history, visit))
    }

    /// When it expires, if it still waits.
    fn expires(&self) -> Option<i64> {
        let slot = &self.past.get(&self.seq)?.slot;
        (slot.state.is_pending() && slot.expires != 0).then_some(slot.expires)
    }

    /// Sleeps for `most` at the longest. `true`: it is time to look.
    pub fn rest(&mut self, most: Duration, now: Now) -> bool {
        let expires = self.expires().filter(|at| *at > now.wall.unix_ms());
        let due = until(expires, now.wall);
        self.sleeper.rest(&self.mailbox, most, due).0
    }
}

fn advance(
    follow: &mut Follow,
    past: &mut BTreeMap<u64, Past>,
    mailbox: &Mailbox,
    seq: u64,
    now: Now,
) -> Result<(), Error> {
    let wanted = |head: &Head| head.seq == seq;
    let mut gather = Gather::new(mailbox, &wanted);
    gather.past = std::mem::take(past);
    let outcome = follow.advance(&mailbox.dir, &mut gather, now);
    *past = gather.past;
    outcome
}

/// Wakes whoever waits until something may be taken.
pub struct Waker {
    sleeper: Sleeper,
    /// When the clock alone makes something deliverable.
    due: Duration,
    /// As they were at the last look.
    seen: Files,
}

impl Waker {
    pub fn new(mailbox: &Mailbox) -> Self {
        Self {
            sleeper: Sleeper::new(mailbox),
            due: Duration::ZERO,
            seen: Files::default(),
        }
    }

    /// Asks how long nothing will come by itself. Called after a look that found nothing.
    pub fn ask(&mut self, mailbox: &Mailbox, permit: &Permit, now: Now) -> Result<(), Error> {
        let visit = Visit::new(mailbox, permit, now);
        let mut held = visit.hold()?;
        let (lapse, ripe) = held.index.next_due();
        let ready = held.ask(Index::first_ready)?.is_some();
        held.commit()?;
        let lapse = lapse.map_or(Duration::MAX, |at| {
            Duration::from_millis(at.saturating_sub(now.boot_ms))
        });
        self.due = lapse.min(until(ripe, now.wall));
        if ready {
            self.due = Duration::ZERO;
        }
        self.seen = files(mailbox)?;
        Ok(())
    }

    /// Sleeps for `most` at the longest. `true`: it is time to look.
    pub fn rest(&mut self, mailbox: &Mailbox, most: Duration) -> Result<bool, Error> {
        let (is_time, took) = self.sleeper.rest(mailbox, most, self.due);
        self.due = self.due.saturating_sub(took);
        Ok(is_time && (self.due.is_zero() || files(mailbox)? != self.seen))
    }
}
