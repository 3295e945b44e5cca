//! `inbox.json` and `dead.json` as text. Pure: what stands in a message, and which of them, go in.

use super::json::{self, Writer};
use super::view::{SHOWN_PART, SHOWN_WHOLE, TRUNCATED, View, status};

/// The window: so many messages and so many bytes at most, one at least.
pub(super) const MOST_MESSAGES: usize = 256;
pub(super) const MOST_BYTES: usize = 256 << 10;

/// A face under construction.
pub(super) struct Text {
    bytes: Vec<u8>,
    count: usize,
    rev: String,
}

impl Text {
    pub(super) fn new(rev: u64) -> Self {
        Self {
            bytes: vec![b'['],
            count: 0,
            rev: rev.to_string(),
        }
    }

    /// Adds a message; `false` where the window is full without it.
    pub(super) fn add(&mut self, view: &View) -> bool {
        if self.count == MOST_MESSAGES {
            return false;
        }
        let mut entry = Vec::new();
        write_entry(
            &mut Writer::below(&mut entry, self.count == 0),
            view,
            Some(&self.rev),
            None,
        );
        // The closing bracket and its newlines belong to the text.
        if self.count > 0 && self.bytes.len() + entry.len() + 4 > MOST_BYTES {
            return false;
        }
        self.bytes.append(&mut entry);
        self.count += 1;
        true
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let end: &[u8] = if self.count == 0 { b"]\n" } else { b"\n]\n" };
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
