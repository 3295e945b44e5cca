//! `inbox.json` and `dead.json` as text. Pure: what stands in a message, and which of them, go in.

use super::json::{self, Writer};
use super::view::{SHOWN_PART, SHOWN_WHOLE, TRUNCATED, View, status};

/// The window: so many messages and so many bytes at most, one at least.
pub(super) const MOST_MESSAGES: usize = 256;
pub(super) const MOST_BYTES: usize = 256 << 10;

/// A face under construction.
pub(super) struct Text {
    bytes: Vec<u8>,
    /// How many bytes each entry has, without the comma before it.
    lens: Vec<u64>,
    rev: String,
}

/// The entries of a face that is known to be ours, to be taken over as they are.
pub(super) struct Entries {
    bytes: Vec<u8>,
    rev: String,
}

impl Entries {
    pub(super) fn new(bytes: Vec<u8>, rev: u64) -> Self {
        Self {
            bytes,
            rev: rev.to_string(),
        }
    }

    pub(super) const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// An entry, and its part before the revision.
    fn get(&self, range: std::ops::Range<usize>) -> Option<(&[u8], usize)> {
        let entry = self.bytes.get(range)?;
        let before = entry
            .strip_suffix(ENTRY_END)?
            .strip_suffix(self.rev.as_bytes())?;
        Some((entry, before.len()))
    }
}

/// What stands behind the revision, which is the last field of an entry.
const ENTRY_END: &[u8] = b"\n  }";

impl Text {
    pub(super) fn new(rev: u64) -> Self {
        Self::with_room(rev, 0)
    }

    /// One that is likely to have so many bytes.
    pub(super) fn with_room(rev: u64, room: usize) -> Self {
        let mut bytes = Vec::with_capacity(room);
        bytes.push(b'[');
        Self {
            bytes,
            lens: Vec::new(),
            rev: rev.to_string(),
        }
    }

    /// All entries of an earlier face, `lens` long each, as this revision shows them, in the very memory; `None` where
    /// they cannot be had from there.
    pub(super) fn continued(from: Entries, lens: Vec<u64>, rev: u64) -> Option<Self> {
        let rev = rev.to_string();
        if lens.is_empty() || from.rev.len() != rev.len() {
            return None;
        }
        let mut end = 0_usize;
        let mut revs = Vec::with_capacity(lens.len());
        for len in &lens {
            // Behind the bracket or the comma.
            let begin = end + 1;
            end = begin.checked_add(usize::try_from(*len).ok()?)?;
            let (_, before) = from.get(begin..end)?;
            revs.push(begin + before);
        }
        let mut bytes = from.bytes;
        bytes.truncate(end);
        for at in revs {
            bytes[at..at + rev.len()].copy_from_slice(rev.as_bytes());
        }
        Some(Self { bytes, lens, rev })
    }

    /// Adds a message; `false` where the window is full without it.
    pub(super) fn add(&mut self, view: &View) -> bool {
        let mut entry = Vec::new();
        write_entry(
            &mut Writer::below(&mut entry, true),
            view,
            Some(&self.rev),
            None,
        );
        self.push(&entry)
    }

    /// Adds an entry of an earlier face, as this revision shows it; `None` where it cannot be had from there.
    pub(super) fn copy(&mut self, from: &Entries, range: std::ops::Range<usize>) -> Option<bool> {
        let (entry, before) = from
            .get(range)
            .filter(|_| from.rev.len() == self.rev.len())?;
        let is_added = self.push(entry);
        if is_added {
            let at = self.bytes.len() - entry.len() + before;
            self.bytes[at..at + self.rev.len()].copy_from_slice(self.rev.as_bytes());
        }
        Some(is_added)
    }

    fn push(&mut self, entry: &[u8]) -> bool {
        // The comma, and the closing bracket with its newlines, belong to the text.
        let end = self.bytes.len() + entry.len() + 4;
        if self.lens.len() == MOST_MESSAGES || !self.lens.is_empty() && end > MOST_BYTES {
            return false;
        }
        if !self.lens.is_empty() {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(entry);
        self.lens.push(entry.len() as u64);
        true
    }

    /// How many bytes the last entry has.
    pub(super) fn last_len(&self) -> u64 {
        self.lens.last().copied().unwrap_or(0)
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let end: &[u8] = if self.lens.is_empty() {
            b"]\n"
        } else {
            b"\n]\n"
        };
        self.bytes.extend_from_slice(end);
        self.bytes
    }
}

/// One message of `inbox.json`, or with `why` of `dead.json`.
pub(super) fn write_entry(
    writer: &mut Writer<'_>,
    view: &View,
    rev: Option<&str>,
    why: Option<&str>,
) {
    let fields = view.fields();
    let status = format!("\"{}\"", status(&view.slot).as_str());
    let attempts = view.slot.attempts.to_string();
    let long = fields
        .str("content")
        .filter(|content| content.len() > SHOWN_WHOLE)
        .map(|content| serde_json::Value::from(beginning(&content)).to_string());
    let why = why.map(|why| serde_json::Value::from(why).to_string());
    let mut all: Vec<(&str, &str)> = Vec::with_capacity(fields.len() + 5);
    for (name, raw) in fields.iter() {
        match (name, &long) {
            ("content", Some(beginning)) => all.push((name, beginning)),
            _ => all.push((name, raw.get())),
        }
        if name == "timestamp" {
            all.push(("status", &status));
        }
        if name == "expires_at" {
            all.push(("attempts", &attempts));
        }
    }
    if long.is_some() {
        all.push((TRUNCATED, "true"));
    }
    if let Some(why) = &why {
        all.push(("why", why));
    }
    if let Some(rev) = rev {
        all.push(("rev", rev));
    }
    writer.entry(all);
}

/// The part of a long content that a face shows.
pub(super) fn beginning(content: &str) -> &str {
    &content[..content.floor_char_boundary(SHOWN_PART)]
}

/// The newest dead letters: those that are there already and are not of `new`, then `new`.
pub(super) fn dead(old: &[u8], new: &[(View, String)], most: usize) -> Vec<u8> {
    let kept: Vec<_> = json::items(old).map_or_else(
        |_| Vec::new(),
        |items| {
            items
                .into_iter()
                .filter(|item| {
                    let seq = item
                        .fields
                        .get("seq")
                        .and_then(|raw| raw.get().parse().ok());
                    seq.is_some_and(|seq: u64| !new.iter().any(|(view, _)| view.slot.seq == seq))
                })
                .collect()
        },
    );
    let too_many = (kept.len() + new.len()).saturating_sub(most);
    let mut out = Vec::new();
    let mut writer = Writer::new(&mut out);
    for item in kept.iter().skip(too_many) {
        writer.entry(item.fields.iter().map(|(name, raw)| (name, raw.get())));
    }
    for (view, why) in new.iter().skip(too_many.saturating_sub(kept.len())) {
        write_entry(&mut writer, view, None, Some(why));
    }
    writer.finish();
    out
}
