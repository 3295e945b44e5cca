//! The text of `config/agent_comms/<agent>.json`: read without copying, written with every task that nobody changed
//! as it stood, to the byte.
//!
//! `{"version": 1, "agent": "agent-3", "rev": 17, "tasks": [ … ]}`. `rev` counts the versions that programs wrote: it
//! tells which of them a person had before him. Without it a person is taken to have seen the last one and to have
//! removed nothing. A bare array of tasks is read as well.

use std::collections::HashSet;
use std::fmt;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::id;
use super::task::Task;

pub(super) const VERSION: u64 = 1;
/// In a text of so many bytes another thread is worth its while.
const WORTH_TWO: usize = 1 << 20;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: usize,
    pub column: usize,
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, why } = self;
        write!(f, "line {line}, column {column}: {why}")
    }
}

impl Fault {
    /// At the byte `at` of `text`, or where `error` says, seen from there.
    fn at(text: &str, at: usize, why: String) -> Self {
        let before = &text[..at.min(text.len())];
        let line = 1 + before.matches('\n').count();
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let column = 1 + before[start..].chars().count();
        Self { line, column, why }
    }

    fn of(text: &str, at: usize, error: &serde_json::Error) -> Self {
        let start = Self::at(text, at, String::new());
        let said = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let column = if error.line() <= 1 {
            start.column + error.column().saturating_sub(1)
        } else {
            error.column()
        };
        Self {
            line: start.line + error.line().saturating_sub(1),
            column,
            why: said.strip_suffix(&place).unwrap_or(&said).to_owned(),
        }
    }
}

/// Why a text is no document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// Nothing stands in it.
    Empty,
    Newer(u64),
    Fault(Fault),
}

/// A task as it stands there, and as the rules see it.
pub(super) type Written<'a> = (&'a str, Task<'a>);

#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    pub(super) rev: Option<u64>,
    /// What else stands beside the tasks.
    pub(super) keys: Vec<(String, &'a str)>,
    pub(super) tasks: Vec<Written<'a>>,
}

/// Goes through a text once: values are read by `serde_json`, what stands between them is looked at here. So each
/// task is read where it stands, and where it begins and ends is known.
struct Walk<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Walk<'a> {
    fn fault(&self, why: impl Into<String>) -> Unread {
        Unread::Fault(Fault::at(self.text, self.at, why.into()))
    }

    /// What comes next, white space aside.
    fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let blank = rest.iter().take_while(|b| b" \t\r\n".contains(b)).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    fn takes(&mut self, mark: u8) -> bool {
        let is_next = self.peek() == Some(mark);
        self.at += usize::from(is_next);
        is_next
    }

    fn value<T: Deserialize<'a>>(&mut self) -> Result<T, Unread> {
        let rest = &self.text[self.at..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter();
        match values.next() {
            Some(Ok(value)) => {
                self.at += values.byte_offset();
                Ok(value)
            }
            Some(Err(error)) => Err(Unread::Fault(Fault::of(self.text, self.at, &error))),
            None => Err(self.fault("the text ends where a value should stand")),
        }
    }

    /// The items up to `end`, with commas between them; or up to one that `item` does not take.
    fn items(
        &mut self,
        end: u8,
        mut item: impl FnMut(&mut Self) -> Result<Taken, Unread>,
    ) -> Result<Taken, Unread> {
        let mut is_over = self.takes(end);
        while !is_over {
            if item(self)? == Taken::No {
                return Ok(Taken::No);
            }
            is_over = self.takes(end);
            if !is_over && !self.takes(b',') {
                return Err(self.fault(format!("expected `,` or `{}`", char::from(end))));
            }
            if !is_over && self.peek() == Some(end) {
                return Err(self.fault("trailing comma"));
            }
        }
        Ok(Taken::Yes)
    }

    fn document(&mut self) -> Result<Document<'a>, Unread> {
        let mut document = Document::default();
        if self.takes(b'[') {
            document.tasks = self.tasks()?;
            return Ok(document);
        }
        if !self.takes(b'{') {
            return Err(self.fault("expected an object with \"tasks\", or an array of tasks"));
        }
        let mut tasks = None;
        self.items(b'}', |walk| {
            walk.peek();
            let start = walk.at;
            let key: String = walk.value()?;
            if !walk.takes(b':') {
                return Err(walk.fault("expected `:`"));
            }
            match key.as_str() {
                "version" => match walk.value()? {
                    newer if newer > VERSION => return Err(Unread::Newer(newer)),
                    _ => {}
                },
                "rev" => document.rev = walk.value()?,
                "agent" => drop(walk.value::<&RawValue>()?),
                "tasks" if tasks.is_some() => {
                    walk.at = start;
                    return Err(walk.fault("duplicate field `tasks`"));
                }
                "tasks" if walk.takes(b'[') => tasks = Some(walk.tasks()?),
                "tasks" => return Err(walk.fault("expected an array of tasks")),
                _ => {
                    let raw: &RawValue = walk.value()?;
                    document.keys.push((key, raw.get()));
                }
            }
            Ok(Taken::Yes)
        })?;
        document.tasks = tasks.ok_or_else(|| {
            self.at = 0;
            self.fault("there is no \"tasks\" in it")
        })?;
        Ok(document)
    }

    /// Of an array whose bracket has been opened. A long one is gone through from its middle at the same time: a
    /// guess where a task begins there, which holds if the first half ends just there.
    fn tasks(&mut self) -> Result<Vec<Written<'a>>, Unread> {
        let middle = self.at + (self.text.len() - self.at) / 2;
        let guess = memchr::memmem::find(&self.text.as_bytes()[middle..], b",\n    {");
        let Some(guess) = guess.filter(|_| self.text.len() >= WORTH_TWO) else {
            return Ok(self.tasks_before(usize::MAX)?.0);
        };
        let second = middle + guess + b",\n    ".len();
        std::thread::scope(|scope| {
            let text = self.text;
            let other = std::thread::Builder::new().spawn_scoped(scope, move || {
                let mut walk = Walk { text, at: second };
                let (tasks, _) = walk.tasks_before(usize::MAX)?;
                Ok((tasks, walk.at))
            });
            let Ok(other) = other else {
                // No thread is to be had.
                return Ok(self.tasks_before(usize::MAX)?.0);
            };
            let (mut tasks, taken) = self.tasks_before(second)?;
            if taken == Taken::No {
                let (more, at) = match other.join() {
                    Ok(read) => read?,
                    Err(panic) => std::panic::resume_unwind(panic),
                };
                tasks.extend(more);
                self.at = at;
            }
            Ok(tasks)
        })
    }

    /// Up to the end, or to a task that begins at `stop`.
    fn tasks_before(&mut self, stop: usize) -> Result<(Vec<Written<'a>>, Taken), Unread> {
        let mut tasks: Vec<Written<'_>> = Vec::new();
        let taken = self.items(b']', |walk| {
            walk.peek();
            let start = walk.at;
            if start == stop {
                return Ok(Taken::No);
            }
            let task: Task<'_> = walk.value()?;
            if !id::is_valid(&task.id) {
                walk.at = start;
                return Err(walk.fault(super::BadTaskId(task.id.to_string()).to_string()));
            }
            tasks.push((&walk.text[start..walk.at], task));
            Ok(Taken::Yes)
        })?;
        Ok((tasks, taken))
    }
}

/// Whether an item was read, or left where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    Yes,
    No,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Document<'_>, Unread> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            let why = "this is no UTF-8".into();
            return Err(Unread::Fault(Fault::at(good, good.len(), why)));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.bytes().all(|b| b == 0 || b.is_ascii_whitespace()) {
        return Err(Unread::Empty);
    }
    let mut walk = Walk { text, at: 0 };
    let document = walk.document()?;
    if walk.peek().is_some() {
        return Err(walk.fault("trailing characters"));
    }
    let mut seen = HashSet::with_capacity_and_hasher(document.tasks.len(), RandomState::default());
    for (raw, task) in &document.tasks {
        if !seen.insert(&*task.id) {
            walk.at = raw.as_ptr() as usize - text.as_ptr() as usize;
            return Err(walk.fault(format!("a task {} stands above already", task.id)));
        }
    }
    Ok(document)
}

/// Where a task stands in the text of its document.
pub(super) fn place(text: &[u8], task: &str) -> (usize, usize) {
    let at = (task.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    let before = text.get(..at).unwrap_or_default();
    let line = before.split(|&b| b == b'\n').count();
    let column = before.iter().rev().take_while(|&&b| b != b'\n').count() + 1;
    (line, column)
}

pub(super) fn write<'a>(
    agent: &str,
    rev: u64,
    keys: &[(String, &str)],
    tasks: impl Iterator<Item = std::borrow::Cow<'a, str>>,
    room: usize,
) -> Vec<u8> {
    let mut out = String::with_capacity(room);
    let key = |name: &str| serde_json::to_string(name).expect("text is JSON");
    out.push_str("{\n  \"version\": 1,\n  \"agent\": ");
    out.push_str(&key(agent));
    out.push_str(",\n  \"rev\": ");
    out.push_str(&rev.to_string());
    for (name, value) in keys {
        out.push_str(",\n  ");
        out.push_str(&key(name));
        out.push_str(": ");
        out.push_str(value);
    }
    out.push_str(",\n  \"tasks\": [");
    let mut is_first = true;
    for task in tasks {
        out.push_str(if is_first { "\n    " } else { ",\n    " });
        out.push_str(&task);
        is_first = false;
    }
    out.push_str(if is_first { "]\n}\n" } else { "\n  ]\n}\n" });
    out.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        match parse(text.as_bytes()).unwrap_err() {
            Unread::Fault(fault) => fault.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_nobody_changed_is_written_as_it_stood() {
        let text = r#"{"note": {"a" : 1}, "tasks": [{"id":"a",   "x":[ 1,2 ]},
            {"id":"b","name":"B"}], "rev": 4}"#;
        let read = parse(text.as_bytes()).unwrap();
        assert_eq!(read.rev, Some(4));
        let tasks = read.tasks.iter().map(|(raw, _)| (*raw).into());
        let written = write("agent-1", 5, &read.keys, tasks, 0);
        let written = String::from_utf8(written).unwrap();
        assert_eq!(
            written,
            "{\n  \"version\": 1,\n  \"agent\": \"agent-1\",\n  \"rev\": 5,\n  \"note\": {\"a\" : 1},\n  \
             \"tasks\": [\n    {\"id\":\"a\",   \"x\":[ 1,2 ]},\n    {\"id\":\"b\",\"name\":\"B\"}\n  ]\n}\n"
        );
        let again = parse(written.as_bytes()).unwrap();
        assert_eq!((again.rev, again.tasks.len()), (Some(5), 2));
        let none = write("a", 1, &[], std::iter::empty(), 0);
        assert_eq!(parse(&none).unwrap().tasks.len(), 0);
    }

    #[test]
    fn an_array_alone_is_read() {
        let read = parse(b"[{\"id\":\"a\",\"priority\":2}]").unwrap();
        assert_eq!((read.rev, read.tasks.len()), (None, 1));
    }

    #[test]
    fn a_long_text_is_read_from_two_places_as_from_one() {
        let long = "x".repeat(WORTH_TWO / 100);
        let task = |n: usize| {
            format!("{{\"id\": \"t{n}\", \"data\": [{{\"a\": \"{long}\"}},\n    {{\"b\": 1}}]}}")
        };
        let tasks: Vec<_> = (0..200).map(task).collect();
        // Where each task stands as programs write it, and where only something within one looks like it.
        for separator in [",\n    ", ", "] {
            let text = format!(
                "{{\"tasks\": [\n    {}\n  ], \"rev\": 7}}",
                tasks.join(separator)
            );
            let read = parse(text.as_bytes()).unwrap();
            assert_eq!((read.rev, read.tasks.len()), (Some(7), 200));
            for (n, (raw, found)) in read.tasks.iter().enumerate() {
                assert_eq!((&*found.id, *raw), (&*format!("t{n}"), &*task(n)));
            }
            let again = format!("{separator}{{\"id\": \"t3\"}}");
            assert!(
                fault(&text.replace("\n  ], ", &format!("{again}\n  ], ")))
                    .contains("a task t3 stands above")
            );
            assert!(fault(&text.replace("\n  ], ", ",\n  ], ")).contains("trailing comma"));
        }
    }

    #[test]
    fn a_fault_is_named_with_its_line_and_column() {
        assert!(fault("{\"tasks\": [\n  {\"id\": \"a\",}\n]}").starts_with("line 2, column 14: "));
        assert!(
            fault("{\"tasks\": [\n {\"id\":\"a\"},\n  {\"id\":\"b\",\"priority\":\"x\"}\n]}")
                .starts_with("line 3, column 27: \"x\" is no priority")
        );
        assert!(
            fault("{\"tasks\": [{\"id\":\"a\"},\n {\"id\":\"a\"}]}")
                .starts_with("line 2, column 2: a task a stands above already")
        );
        assert!(fault("{\"tasks\": [{\"id\":\"a b\"}]}").contains("is no task id"));
        assert!(fault("{\"tasks\": [{\"name\":\"a\"}]}").contains("missing field `id`"));
        assert!(fault("{\"rev\": 1}").contains("no \"tasks\""));
        assert!(fault("{\"tasks\":[],\"tasks\":[]}").contains("duplicate field `tasks`"));
        assert!(fault("7").contains("an object with \"tasks\", or an array"));
        let bad = parse(b"{\"tasks\":\n [\"\xff\"]}").unwrap_err();
        assert!(
            matches!(
                bad,
                Unread::Fault(Fault {
                    line: 2,
                    column: 4,
                    ..
                })
            ),
            "{bad:?}"
        );
    }

    #[test]
    fn an_empty_file_is_no_empty_list() {
        for text in ["", " \n", "\0\0\0"] {
            assert_eq!(parse(text.as_bytes()).unwrap_err(), Unread::Empty);
        }
        let newer = parse(b"{\"version\":2,\"tasks\":[]}").unwrap_err();
        assert_eq!(newer, Unread::Newer(2));
    }
}
