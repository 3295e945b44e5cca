//! Any text log: a line a memory. A line without a time has that of the line before, and says so; those at the top have
//! that of the first that has one.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::Path;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::found::{Found, made_id};
use super::line::{Head, head};
use super::lines::{At, Growing};
use super::source::{Skip, Source};
use crate::memory::error::Error;
use crate::time::{Timestamp, local_zone};

/// So many lines at the top wait for one that has a time.
const MOST_WAITING: usize = 10_000;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    at: At,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<Timestamp>,
}

pub(super) struct Text {
    name: String,
    lines: Growing,
    agent: String,
    /// Of the last line that had one.
    last: Option<Timestamp>,
    /// For those that have none and no neighbour either.
    fallback: Timestamp,
    zone: Tz,
    ready: VecDeque<Found>,
    /// Lines at the top that wait for a time.
    waiting: VecDeque<Found>,
    /// Behind all that was given out.
    told: Kept,
}

impl Text {
    pub(super) fn open(
        path: &Path,
        stream: Option<Box<dyn std::io::Read + Send>>,
        agent: Option<String>,
        place: &dyn Fn(&str) -> Option<Value>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let name = name(path);
        // What somebody pipes has no place: it is read from its beginning, and known by its lines.
        let kept = place(&name).filter(|_| stream.is_none());
        let kept: Option<Kept> = kept.and_then(|it| serde_json::from_value(it).ok());
        let told = kept.clone().unwrap_or_default();
        let (at, last) = kept.map_or((None, None), |kept| (Some(kept.at), kept.last));
        let lines = Growing::open(path, stream, at)?;
        let stem = path.file_stem().map(|it| it.to_string_lossy().into_owned());
        let fallback = lines.modified().unwrap_or(now);
        Ok(Self {
            name,
            lines,
            agent: agent.or(stem).unwrap_or_default(),
            last,
            fallback,
            zone: local_zone().parse().unwrap_or(Tz::UTC),
            ready: VecDeque::new(),
            waiting: VecDeque::new(),
            told,
        })
    }

    /// One more line; `false` where there is none.
    fn read(&mut self, skip: &mut dyn FnMut(Skip)) -> Result<bool, Error> {
        self.lines.lost().into_iter().for_each(&mut *skip);
        let first = self.lines.at.head;
        let tail = self.lines.at.tail.take();
        let Some(line) = self.lines.next()? else {
            self.lines.at.tail = tail;
            return Ok(false);
        };
        let (number, offset, is_open) = (line.number, line.offset, line.is_open);
        let bytes = line.text.unwrap_or_default();
        let read = match line.text {
            None => Err("a line of more than 256 KiB"),
            Some(bytes) => text_of(bytes).ok_or("no text: it holds bytes that no text has"),
        };
        let text = match read {
            Ok(text) => text,
            Err(why) => {
                skip(Skip {
                    at: format!("{}:{number}", self.lines.path.display()),
                    why: why.into(),
                });
                return Ok(true);
            }
        };
        if text.trim().is_empty() {
            return Ok(true);
        }
        // The first line is its own head.
        let first = if number == 1 { 0 } else { first };
        let id = made_id("l-", &[&first.to_le_bytes(), &offset.to_le_bytes(), bytes]);
        let Head {
            time: at,
            level,
            program,
            text: said,
        } = head(&text, &self.zone, self.fallback);
        let speaker = program.unwrap_or(&self.agent);
        let time = at.or(self.last).unwrap_or_default();
        let other_tail = tail.filter(|before| *before != id);
        let open_tail = is_open.then(|| id.clone());
        let mut found = Found::new(id, time, speaker, "log", said.to_owned());
        found.note("source", self.name.clone());
        if let Some(level) = level {
            found.note("level", level.as_str());
        }
        if let Some(before) = other_tail {
            found.note("supersedes", before);
        }
        if at.is_none() {
            found.note("undated", true);
        }
        self.lines.at.tail = open_tail;
        if let Some(at) = at {
            self.last = Some(at);
            self.settle(at);
            self.ready.push_back(found);
        } else if self.last.is_some() {
            self.ready.push_back(found);
        } else {
            self.waiting.push_back(found);
            if self.waiting.len() >= MOST_WAITING {
                self.last = Some(self.fallback);
                self.settle(self.fallback);
            }
        }
        Ok(true)
    }

    /// Once nothing waits to be given out.
    fn note_place(&mut self) {
        if self.ready.is_empty() && self.waiting.is_empty() {
            self.told = Kept {
                at: self.lines.place(),
                last: self.last,
            };
        }
    }

    /// Those at the top get the time of their neighbour.
    fn settle(&mut self, at: Timestamp) {
        for mut found in self.waiting.drain(..) {
            found.at = at;
            self.ready.push_back(found);
        }
    }
}

/// What a file is called where its place is kept: its path from the root, as far as that is there.
pub(super) fn name(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
    whole.display().to_string()
}

impl Source for Text {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn next(&mut self, skip: &mut dyn FnMut(Skip)) -> Result<Option<Found>, Error> {
        let mut is_over = false;
        loop {
            if let Some(found) = self.ready.pop_front() {
                self.note_place();
                return Ok(Some(found));
            }
            if is_over {
                self.note_place();
                return Ok(None);
            }
            if !self.read(skip)? {
                self.settle(self.fallback);
                is_over = true;
            }
        }
    }

    fn place(&self) -> Value {
        serde_json::to_value(&self.told).expect("every key is text")
    }

    fn progress(&self) -> Option<(u64, u64)> {
        self.lines.progress()
    }
}

/// Texts of other encodings have a few letters that are no UTF-8; what no text has are NULs, or little else.
fn text_of(line: &[u8]) -> Option<Cow<'_, str>> {
    if memchr::memchr(0, line).is_some() {
        return None;
    }
    if let Ok(text) = std::str::from_utf8(line) {
        return Some(text.into());
    }
    let odd = line
        .iter()
        .filter(|byte| !(b' '..=b'~').contains(*byte) && **byte != b'\t');
    (odd.count() * 3 <= line.len()).then(|| String::from_utf8_lossy(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever is killed after a place was kept goes on there, and has lost no line.
    #[test]
    fn a_place_is_behind_what_was_given_out_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        let log = "one\ntwo\n2026-11-22T10:00:00Z three\n2026-11-22T10:00:01Z four\n";
        std::fs::write(&path, log).unwrap();
        let open = |place: Option<Value>| {
            Text::open(&path, None, None, &|_| place.clone(), Timestamp::default()).unwrap()
        };
        let rest = |mut text: Text| {
            let mut said = Vec::new();
            while let Some(found) = text.next(&mut |skip| panic!("{skip:?}")).unwrap() {
                said.push(found.content);
            }
            said
        };
        let all = rest(open(None));
        assert_eq!(all, ["one", "two", "three", "four"]);
        for taken in 0..=all.len() {
            let mut text = open(None);
            for _ in 0..taken {
                text.next(&mut |skip| panic!("{skip:?}")).unwrap();
            }
            let again = rest(open(Some(text.place())));
            assert!(again.ends_with(&all[taken..]), "{taken}: {again:?}");
        }
    }
}
