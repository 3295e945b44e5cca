//! Every line of a journal against the rules of its format. Unlike a fold it does not stop at the first fault:
//! all of them are found, each with its place.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use super::{Findings, word};
use crate::mailbox::error::Error;
use crate::mailbox::held::MOST_MISSING;
use crate::mailbox::journal::{JOURNAL, Journal};
use crate::mailbox::json::{self, Fields};
use crate::mailbox::record::{Record, Tag};
use crate::mailbox::send;
use crate::names::{AgentId, MessageId, Mode};
use crate::store::{self, Line, Lines};
use crate::time::Timestamp;

/// What makes a letter one. Values that nobody asks for stay unread: the parser has not one for every JSON.
#[derive(Deserialize)]
struct Letter<'a> {
    seq: u64,
    id: MessageId,
    #[serde(rename = "from")]
    _from: AgentId,
    #[serde(rename = "to")]
    _to: AgentId,
    #[serde(rename = "mode")]
    _mode: Mode,
    #[serde(borrow, rename = "content")]
    _content: Cow<'a, str>,
    #[serde(rename = "timestamp")]
    _timestamp: Timestamp,
    #[serde(rename = "reply_to")]
    _reply_to: Option<MessageId>,
    #[serde(rename = "thread")]
    _thread: Option<MessageId>,
    #[serde(rename = "not_before")]
    _not_before: Option<Timestamp>,
    #[serde(rename = "expires_at")]
    _expires_at: Option<Timestamp>,
    #[serde(borrow)]
    metadata: Fields<'a>,
}

impl Letter<'_> {
    fn has_files(&self) -> bool {
        let attachments = self.metadata.get("attachments");
        let value = attachments.and_then(|raw| serde_json::from_str(raw.get()).ok());
        !send::named_files(value.as_ref()).is_empty()
    }
}

/// A line that no fold can use: it is set aside, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) offset: u64,
    pub(super) len: u64,
    line: usize,
    column: usize,
    word: &'static str,
    why: String,
}

/// A journal read line by line, in as many parts as one likes.
pub(super) struct Audit {
    salt: u64,
    base: u64,
    /// The next line.
    at: u64,
    line: usize,
    last_old: u64,
    last: u64,
    last_id: u128,
    opening_id: u128,
    /// By number: the checksum of the letter.
    sent: HashMap<u64, u64>,
    /// Ranges of numbers that no message carries.
    missing: Vec<(u64, u64, usize)>,
    voided: BTreeSet<u64>,
    /// Records about numbers that were not yet seen.
    orphans: Vec<(u64, Bad)>,
    falling: Vec<String>,
    bad: Vec<Bad>,
    /// Broken lines behind the last good message that look like messages: each had a number.
    lost: u64,
    /// Messages that name attachments, as they were sent or as they were edited.
    pub(super) with_files: BTreeSet<u64>,
    /// When the last record was written, in Unix milliseconds.
    pub(super) newest_ms: i64,
}

impl Audit {
    pub(super) fn new(journal: &Journal) -> Self {
        let opening = &journal.opening;
        Self {
            salt: opening.salt,
            base: opening.base_seq,
            at: opening.len,
            line: 1,
            last_old: 0,
            last: opening.base_seq,
            last_id: 0,
            opening_id: opening.last_id.map_or(0, MessageId::bits),
            sent: HashMap::new(),
            missing: Vec::new(),
            voided: BTreeSet::new(),
            orphans: Vec::new(),
            falling: Vec::new(),
            bad: Vec::new(),
            lost: 0,
            with_files: BTreeSet::new(),
            newest_ms: 0,
        }
    }

    /// Goes on to `end`. A last line without newline is left: its writer may be about to end it.
    pub(super) fn read(&mut self, journal: &Journal, end: u64) -> Result<(), Error> {
        let mut lines = Lines::new(&journal.file, self.at, end);
        while let Some((offset, len, line)) = lines.next()? {
            if offset + len == end && line == Line::Torn && !ends_line(journal, end)? {
                break;
            }
            self.line += 1;
            if let Line::Whole(line) = line {
                let spot = (offset, len);
                match self.judge(line, spot) {
                    Ok(()) => {}
                    Err(bad) => {
                        if line.starts_with(br#"{"t":"send""#) {
                            self.lost += 1;
                        }
                        self.bad.push(bad);
                    }
                }
            }
            self.at = offset + len;
        }
        Ok(())
    }

    fn fault(&self, spot: (u64, u64), word: &'static str, column: usize, why: String) -> Bad {
        Bad {
            offset: spot.0,
            len: spot.1,
            line: self.line,
            column,
            word,
            why,
        }
    }

    fn judge(&mut self, line: &[u8], spot: (u64, u64)) -> Result<(), Bad> {
        let bad = |it: &Self, column: usize, why: String| {
            Err(it.fault(spot, word::JOURNAL_BAD_RECORD, column.max(1), why))
        };
        let parsed = Record::parse(line);
        if !store::verify(line, self.salt) {
            return match parsed {
                Err(error) => bad(
                    self,
                    error.column(),
                    format!("no record: {}", json::words(&error)),
                ),
                Ok(_) => bad(self, 1, "its checksum is wrong".into()),
            };
        }
        let record = match parsed {
            Ok(record) => record,
            Err(error) => return bad(self, error.column(), json::words(&error)),
        };
        if let Some(at) = record.at {
            self.newest_ms = at.unix_ms();
        }
        match record.t {
            Tag::Open => bad(self, 1, "an opening in the middle".into()),
            Tag::Send | Tag::Again => {
                let Some(msg) = record.msg.map(serde_json::value::RawValue::get) else {
                    return bad(self, 1, "a message is missing".into());
                };
                let letter: Letter<'_> = match serde_json::from_str(msg) {
                    Ok(letter) => letter,
                    Err(error) => {
                        let column = offset_within(line, msg) + error.column();
                        return bad(self, column, json::words(&error));
                    }
                };
                self.judge_letter(&letter, msg, spot)
            }
            Tag::Edit
                if record
                    .fields
                    .is_none_or(|it| Fields::parse(it.get()).is_err()) =>
            {
                bad(self, 1, "an edit without fields".into())
            }
            Tag::Key if record.id.is_none() || record.from.is_none() => {
                bad(self, 1, "a key of no message".into())
            }
            Tag::Key | Tag::Linked | Tag::Unknown => Ok(()),
            Tag::Lease
            | Tag::Nack
            | Tag::Ack
            | Tag::Discard
            | Tag::Dead
            | Tag::Edit
            | Tag::Announced
            | Tag::Read
            | Tag::Replied
            | Tag::Noticed
            | Tag::Void => {
                self.judge_change(&record, spot);
                Ok(())
            }
        }
    }

    fn judge_letter(
        &mut self,
        letter: &Letter<'_>,
        msg: &str,
        spot: (u64, u64),
    ) -> Result<(), Bad> {
        let seq = letter.seq;
        let bits = letter.id.bits();
        let sum = store::sum(msg.as_bytes(), 0);
        if let Some(first) = self.sent.get(&seq) {
            if *first == sum {
                return Ok(());
            }
            let why = format!("number {seq} was sent before, with other content");
            return Err(self.fault(spot, word::SENT_TWICE, 1, why));
        }
        let falls = if seq <= self.base {
            seq <= self.last_old || self.last > self.base
        } else {
            seq <= self.last
        };
        if falls {
            let before = if self.last > self.base {
                self.last
            } else {
                self.last_old
            };
            let why = format!("number {seq} comes after {before}");
            return Err(self.fault(spot, word::SEQ_NOT_RISING, 1, why));
        }
        if seq > self.base {
            if seq - self.last > MOST_MISSING {
                let why = format!("number {seq} after {}", self.last);
                return Err(self.fault(spot, word::JOURNAL_BAD_RECORD, 1, why));
            }
            if seq > self.last + 1 {
                self.missing.push((self.last + 1, seq - 1, self.line));
            }
            if self.last == self.base {
                self.last_id = self.last_id.max(self.opening_id);
            }
            self.last = seq;
            self.lost = 0;
        } else {
            self.last_old = seq;
        }
        if bits <= self.last_id {
            let line = self.line;
            self.falling.push(format!(
                "line {line}: the id of number {seq} is not above the one before"
            ));
        }
        self.last_id = self.last_id.max(bits);
        self.newest_ms = i64::try_from(bits >> 80).unwrap_or(i64::MAX);
        self.sent.insert(seq, sum);
        if letter.has_files() {
            self.with_files.insert(seq);
        }
        Ok(())
    }

    fn judge_change(&mut self, record: &Record<'_>, spot: (u64, u64)) {
        let seq = record.seq;
        if record.t == Tag::Void {
            self.voided.insert(seq);
            return;
        }
        if record.t == Tag::Edit && record.fields.is_some_and(|it| it.get().contains("sha256")) {
            self.with_files.insert(seq);
        }
        // A number of an earlier generation: its message was over, and went.
        let is_old = (1..=self.base).contains(&seq);
        if !is_old && !self.sent.contains_key(&seq) {
            let why = format!("it is about number {seq}, which was never sent");
            let bad = self.fault(spot, word::JOURNAL_ORPHAN, 1, why);
            self.orphans.push((seq, bad));
        }
    }

    /// After the last part: the lines that are to be set aside, and all that there is to say.
    pub(super) fn finish(&mut self, found: &mut Findings<'_>) {
        for (seq, orphan) in std::mem::take(&mut self.orphans) {
            if !self.sent.contains_key(&seq) {
                self.bad.push(orphan);
            }
        }
        self.bad.sort_by_key(|bad| bad.offset);
        for bad in &self.bad {
            let detail = format!("line {}, column {}: {}", bad.line, bad.column, bad.why);
            found.fixable(bad.word, JOURNAL, detail);
        }
        for falling in &self.falling {
            found.by_hand(word::ID_NOT_RISING, JOURNAL, falling.clone());
        }
        if !self.bad.is_empty() {
            // What they were is not known: perhaps just these numbers.
            return;
        }
        for &(first, last, line) in &self.missing {
            let count = (first..=last)
                .filter(|seq| !self.voided.contains(seq))
                .count();
            if count > 0 {
                let detail = format!(
                    "before line {line}: {count} of the numbers {first} to {last} are missing"
                );
                found.fixable(word::SEQ_GAP, JOURNAL, detail);
            }
        }
    }

    /// Where the next line begins.
    pub(super) const fn end(&self) -> u64 {
        self.at
    }

    /// Nothing in it stops a fold.
    pub(super) const fn is_usable(&self) -> bool {
        self.bad.is_empty()
    }

    pub(super) fn bad(&self) -> &[Bad] {
        &self.bad
    }

    /// Up to here numbers may have been given.
    pub(super) const fn last_seq(&self) -> u64 {
        self.last + self.lost
    }
}

fn ends_line(journal: &Journal, end: u64) -> Result<bool, Error> {
    let mut last = [0];
    journal.file.read_at(end.saturating_sub(1), &mut last)?;
    Ok(last == *b"\n")
}

/// Where a part begins in the line that it was parsed from.
fn offset_within(line: &[u8], part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(line.as_ptr() as usize)
}
