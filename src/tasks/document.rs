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

#[derive(Debug, Default)]
pub(super) struct Document<'a> {
    pub(super) rev: Option<u64>,
    /// What else stands beside the tasks.
    pub(super) keys: Vec<(String, &'a str)>,
    /// Each as it stands, and as the rules see it.
    pub(super) tasks: Vec<(&'a str, Task<'a>)>,
}

/// The object, before its tasks are looked at.
struct Outer<'a> {
    version: u64,
    rev: Option<u64>,
    keys: Vec<(String, &'a str)>,
    tasks: Option<Vec<&'a RawValue>>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Outer<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Outer<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with \"tasks\", or an array of tasks")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                use serde::de::Error as _;
                let mut outer = Outer {
                    version: VERSION,
                    rev: None,
                    keys: Vec::new(),
                    tasks: None,
                };
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "version" => outer.version = map.next_value()?,
                        "rev" => outer.rev = map.next_value()?,
                        "agent" => drop(map.next_value::<&RawValue>()?),
                        "tasks" if outer.tasks.is_some() => {
                            return Err(A::Error::duplicate_field("tasks"));
                        }
                        "tasks" => outer.tasks = Some(map.next_value()?),
                        _ => outer
                            .keys
                            .push((key, map.next_value::<&'de RawValue>()?.get())),
                    }
                }
                Ok(outer)
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Self::Value, A::Error> {
                let mut tasks = Vec::new();
                while let Some(task) = seq.next_element()? {
                    tasks.push(task);
                }
                Ok(Outer {
                    version: VERSION,
                    rev: None,
                    keys: Vec::new(),
                    tasks: Some(tasks),
                })
            }
        }
        from.deserialize_any(Visitor)
    }
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
    let fault = |at, error: &_| Unread::Fault(Fault::of(text, at, error));
    let outer: Outer<'_> = serde_json::from_str(text).map_err(|error| fault(0, &error))?;
    if outer.version > VERSION {
        return Err(Unread::Newer(outer.version));
    }
    let Some(raws) = outer.tasks else {
        let why = "there is no \"tasks\" in it".into();
        return Err(Unread::Fault(Fault::at(text, 0, why)));
    };
    let mut tasks: Vec<(&str, Task<'_>)> = Vec::with_capacity(raws.len());
    for raw in raws {
        let raw = raw.get();
        let place = || raw.as_ptr() as usize - text.as_ptr() as usize;
        let task: Task<'_> = serde_json::from_str(raw).map_err(|error| fault(place(), &error))?;
        if !id::is_valid(&task.id) {
            let why = super::BadTaskId(task.id.to_string()).to_string();
            return Err(Unread::Fault(Fault::at(text, place(), why)));
        }
        tasks.push((raw, task));
    }
    let mut seen = HashSet::with_capacity_and_hasher(tasks.len(), RandomState::default());
    for (raw, task) in &tasks {
        if !seen.insert(&*task.id) {
            let place = raw.as_ptr() as usize - text.as_ptr() as usize;
            let why = format!("a task {} stands above already", task.id);
            return Err(Unread::Fault(Fault::at(text, place, why)));
        }
    }
    Ok(Document {
        rev: outer.rev,
        keys: outer.keys,
        tasks,
    })
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
