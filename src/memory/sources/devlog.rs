//! What agents tell in prose: `devlog.md`, a memory for each `##` heading. A section that was written on is the next
//! version of its memory.

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::found::{Found, made_id};
use super::source::{Skip, Source};
use super::text::name;
use crate::memory::error::Error;
use crate::memory::line::instant;
use crate::root::Home;
use crate::store::{Dir, File, Open};
use crate::time::Timestamp;

const LARGEST: u64 = 64 << 20;
const FILE: &str = "devlog.md";

pub(super) struct Devlogs {
    name: String,
    /// Of each devlog as it was read: unchanged, it is not read again.
    seen: Map<String, Value>,
    ready: VecDeque<Found>,
}

impl Devlogs {
    pub(super) fn open(
        home: &Home,
        place: &dyn Fn(&str) -> Option<Value>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let name = "devlogs".to_owned();
        let seen = match place(&name) {
            Some(Value::Object(seen)) => seen,
            _ => Map::new(),
        };
        let mut devlogs = Self {
            name,
            seen,
            ready: VecDeque::new(),
        };
        let all = match Dir::of(home, &home.devlogs()) {
            Err(error) if error.is_absent() => return Ok(devlogs),
            other => other?,
        };
        for agent in all.dir_names()? {
            if let Some(file) = all.sub(&agent)?.file_if_any(FILE, Open::Read)? {
                devlogs.read(&agent, &file, now)?;
            }
        }
        Ok(devlogs)
    }

    pub(super) fn of_file(
        path: &Path,
        agent: Option<String>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut devlogs = Self {
            name: name(path),
            seen: Map::new(),
            ready: VecDeque::new(),
        };
        let parent = path.parent().and_then(Path::file_name);
        let parent = parent.map(|it| it.to_string_lossy().into_owned());
        let agent = agent.or(parent).unwrap_or_else(|| "unknown".into());
        devlogs.read(&agent, &File::open_foreign(path)?, now)?;
        Ok(devlogs)
    }

    fn read(&mut self, agent: &str, file: &File, now: Timestamp) -> Result<(), Error> {
        let bytes = file.read_to_end(LARGEST)?;
        let seen = Value::from(format!("{:016x}", xxh3_64(&bytes)));
        if self.seen.get(agent) == Some(&seen) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&bytes);
        let ms = i64::try_from(file.opened().mtime_ns / 1_000_000).unwrap_or(i64::MAX);
        let written = Timestamp::from_unix_ms(ms).min(now);
        self.ready.extend(sections(agent, &text, written));
        self.seen.insert(agent.to_owned(), seen);
        Ok(())
    }
}

/// One for each `##` heading; what stands before the first is one of its own.
fn sections(agent: &str, text: &str, written: Timestamp) -> Vec<Found> {
    let mut parts: Vec<(&str, String)> = Vec::new();
    let mut fence = None;
    for line in text.lines() {
        let bare = line.trim_start();
        // A `##` in a block of code is no heading.
        let mark = ["```", "~~~"].into_iter().find(|it| bare.starts_with(it));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        match line.strip_prefix("## ") {
            Some(heading) if fence.is_none() => parts.push((heading.trim(), String::new())),
            _ => {
                if parts.is_empty() {
                    parts.push(("", String::new()));
                }
                let body = &mut parts.last_mut().expect("there is one").1;
                body.push_str(line);
                body.push('\n');
            }
        }
    }
    let mut times: HashMap<&str, u64> = HashMap::new();
    let mut last = None;
    let mut found = Vec::new();
    for (heading, body) in parts {
        let body = body.trim();
        if heading.is_empty()
            && body
                .lines()
                .all(|line| line.starts_with('#') || line.is_empty())
        {
            continue;
        }
        let nth = times.entry(heading).or_default();
        *nth += 1;
        let id = made_id(
            "d-",
            &[agent.as_bytes(), heading.as_bytes(), &nth.to_le_bytes()],
        );
        let dated = dated(heading).or_else(|| body.lines().next().and_then(dated));
        let at = dated.or(last);
        let text = match (heading.is_empty(), body.is_empty()) {
            (true, _) => body.to_owned(),
            (false, true) => heading.to_owned(),
            (false, false) => format!("{heading}\n{body}"),
        };
        let mut one = Found::new(id, at.unwrap_or(written), agent, "devlog", text);
        one.may_change = true;
        one.note("heading", heading);
        if dated.is_none() {
            one.note("undated", true);
        }
        last = dated.or(last);
        found.push(one);
    }
    found
}

/// The first time in a line: `2026-11-22 12:00`, with or without seconds, or a day alone.
fn dated(line: &str) -> Option<Timestamp> {
    let starts = line.match_indices(|it: char| it.is_ascii_digit());
    for (start, _) in starts {
        let rest = &line[start..];
        for length in [24, 23, 20, 19, 16] {
            if let Some(text) = rest.get(..length)
                && let Some(at) = instant(&text.into())
            {
                return Some(at);
            }
        }
        if let Some(day) = rest.get(..10)
            && let Some(at) = instant(&format!("{day}T00:00:00Z").into())
        {
            return Some(at);
        }
    }
    None
}

impl Source for Devlogs {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn next(&mut self, _: &mut dyn FnMut(Skip)) -> Result<Option<Found>, Error> {
        Ok(self.ready.pop_front())
    }

    /// Only what was given out to its end counts as read.
    fn place(&self) -> Value {
        if self.ready.is_empty() {
            Value::Object(self.seen.clone())
        } else {
            Value::Null
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<(String, i64)> {
        sections("agent-1", text, Timestamp::from_unix_ms(7))
            .into_iter()
            .map(|it| (it.content, it.at.unix_ms()))
            .collect()
    }

    #[test]
    fn a_heading_is_a_memory_with_its_own_time_or_that_before_it() {
        let text = "# agent-1 Devlog\n\n## [2026-11-22 12:00] Boot\nup\n\n## Then\nwork\n```\n## no heading\n```\n## 2026-11-23\n";
        assert_eq!(
            told(text),
            [
                ("[2026-11-22 12:00] Boot\nup".into(), 1_795_348_800_000),
                (
                    "Then\nwork\n```\n## no heading\n```".into(),
                    1_795_348_800_000
                ),
                ("2026-11-23".into(), 1_795_392_000_000),
            ]
        );
        assert_eq!(told("# only a title\n"), []);
        assert_eq!(told("prose\n"), [("prose".into(), 7)]);
    }

    #[test]
    fn a_section_that_was_written_on_keeps_its_name_and_two_of_one_heading_have_two() {
        let ids = |text: &str| -> Vec<String> {
            let all = sections("agent-1", text, Timestamp::default());
            all.into_iter().map(|it| it.id).collect()
        };
        let before = ids("## a\nx\n## a\ny\n");
        assert_ne!(before[0], before[1]);
        assert_eq!(ids("## a\nx\n## a\ny and z\n"), before);
    }
}
