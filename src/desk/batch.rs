//! Many messages or tasks as JSON lines: what a line may say of its message or task. Pure.

use serde_json::{Map, Value};

use crate::mailbox::MOST_CONTENT;
use crate::names::{BadOrigin, Draft, Explain, Kind, MessageId, ORIGIN, Origin, TAINT};
use crate::tasks::{NewTask, TaskId, spoken};
use crate::time::{Now, parse_time};

/// What the mailbox itself decides.
const NOT_YOURS: [&str; 8] = [
    "seq",
    "id",
    "from",
    "to",
    "hops",
    "status",
    "timestamp",
    "attempts",
];

/// A line of a batch that is no message, or no task.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {why}")]
pub struct BadLine {
    pub line: usize,
    pub column: usize,
    pub why: String,
}

impl Explain for BadLine {
    fn kind(&self) -> Kind {
        Kind::Corrupt
    }

    fn hint(&self) -> Option<String> {
        Some("nothing was done".into())
    }
}

/// The lines that hold a message, counted from 1. Blank ones are skipped, and counted all the same.
pub fn batch_lines(lines: &str) -> impl Iterator<Item = (usize, &str)> {
    let all = lines.lines().enumerate();
    all.filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| (index + 1, line))
}

/// One draft a line, each with what it says itself and for the rest as `model`.
pub fn batch(model: &Draft, lines: &str, now: Now) -> Result<Vec<Draft>, BadLine> {
    batch_lines(lines)
        .map(|(number, line)| draft(model, number, line, now))
        .collect()
}

fn draft(model: &Draft, line: usize, text: &str, now: Now) -> Result<Draft, BadLine> {
    let bad = |column: usize, why: String| BadLine { line, column, why };
    let mut fields: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| bad(error.column(), reason(&error)))?;
    if let Some(name) = NOT_YOURS.iter().find(|name| fields.contains_key(**name)) {
        return Err(bad(1, format!("{name:?} is for the mailbox to decide")));
    }
    let mut take = |name: &str| -> Result<Option<String>, BadLine> {
        match fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad(1, format!("{name:?} is no string"))),
        }
    };
    let because = |error: &dyn std::fmt::Display| bad(1, error.to_string());
    let mut draft = model.clone();
    draft.content = take("content")?.ok_or_else(|| bad(1, "it has no \"content\"".into()))?;
    if draft.content.len() > MOST_CONTENT {
        return Err(bad(
            1,
            format!("its content is longer than {MOST_CONTENT} bytes: use --file"),
        ));
    }
    if let Some(mode) = take("mode")? {
        draft.mode = mode.parse().map_err(|error| because(&error))?;
    }
    draft.key = take("key")?;
    for (name, field) in [
        ("reply_to", &mut draft.reply_to),
        ("thread", &mut draft.thread),
    ] {
        if let Some(id) = take(name)? {
            *field = Some(MessageId::parse(&id).map_err(|error| because(&error))?);
        }
    }
    for (name, field) in [
        ("expires_at", &mut draft.expires_at),
        ("not_before", &mut draft.not_before),
    ] {
        if let Some(time) = take(name)? {
            *field = Some(parse_time(&time, now.wall).map_err(|error| because(&error))?);
        }
    }
    match fields.remove("metadata") {
        None | Some(Value::Null) => {}
        Some(Value::Object(metadata)) => draft.metadata.extend(metadata),
        Some(_) => return Err(bad(1, "\"metadata\" is no object".into())),
    }
    let origin = take_origin(&mut fields).map_err(|error| because(&error))?;
    draft.extra.extend(fields);
    if let Some(origin) = &origin {
        draft.comes_from(origin);
    }
    Ok(draft)
}

/// Where the text of one comes from. By what it was touched, follows from that and from what it answers.
fn take_origin(fields: &mut Map<String, Value>) -> Result<Option<Origin>, BadOrigin> {
    fields.remove(TAINT);
    let said = fields.remove(ORIGIN).filter(|said| !said.is_null());
    said.map(|said| Origin::parse(said.as_str().unwrap_or_default()))
        .transpose()
}

/// One task a line, with the number of that line; times as a person says them.
pub(super) fn tasks(lines: &str, now: Now) -> Result<Vec<(usize, NewTask)>, BadLine> {
    batch_lines(lines)
        .map(|(number, line)| Ok((number, task(number, line, now)?)))
        .collect()
}

fn task(line: usize, text: &str, now: Now) -> Result<NewTask, BadLine> {
    let bad = |column: usize, why: String| BadLine { line, column, why };
    let said: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| bad(error.column(), reason(&error)))?;
    let mut task = NewTask::default();
    for (field, value) in said {
        if field != "id" {
            let value = spoken(&field, value, now.wall);
            let value = value.map_err(|error| bad(1, error.to_string()))?;
            task.fields.insert(field, value);
        } else if let Some(id) = value.as_str() {
            task.id = Some(TaskId::parse(id).map_err(|error| bad(1, error.to_string()))?);
        } else if !value.is_null() {
            return Err(bad(1, "\"id\" is no string".into()));
        }
    }
    Ok(task)
}

/// The parser's own words, without the place: it counts from the start of this line.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ")
        .map_or(text.clone(), |(reason, _)| reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{AgentId, Mode};

    fn now() -> Now {
        Now {
            wall: crate::time::Timestamp::parse("2026-11-22T12:00:00Z").unwrap(),
            boot_ms: 0,
        }
    }

    fn read(lines: &str) -> Result<Vec<Draft>, String> {
        let model = Draft::new(AgentId::user(), AgentId::captain(), "");
        batch(&model, lines, now()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_line_is_a_message_and_unknown_fields_are_kept() {
        let lines = r#"{"content": "a", "mode": "bulk", "key": "k", "expires_at": "2h", "hue": 1.50}

            {"content": "b", "metadata": {"n": 12345678901234567890}}"#;
        let drafts = read(lines).unwrap();
        assert_eq!(drafts.len(), 2);
        assert_eq!(
            (drafts[0].mode, drafts[0].key.as_deref()),
            (Mode::Bulk, Some("k"))
        );
        assert_eq!(
            drafts[0].expires_at.unwrap().to_string(),
            "2026-11-22T14:00:00.000Z"
        );
        assert_eq!(drafts[0].extra["hue"].to_string(), "1.50");
        assert_eq!(drafts[1].metadata["n"].to_string(), "12345678901234567890");
    }

    #[test]
    fn a_line_is_a_task_with_times_as_a_person_says_them() {
        let lines = "\n{\"id\": \"a\", \"name\": \"A\", \"deadline\": \"2h\"}\n{\"id\": null, \"data\": {\"n\": 1.50}}";
        let read = tasks(lines, now()).unwrap();
        let ids = read
            .iter()
            .map(|(n, it)| (*n, it.id.as_ref().map(TaskId::as_str)));
        assert_eq!(ids.collect::<Vec<_>>(), [(2, Some("a")), (3, None)]);
        assert_eq!(read[0].1.fields["deadline"], "2026-11-22T14:00:00.000Z");
        assert_eq!(read[1].1.fields["data"]["n"].to_string(), "1.50");
        for (line, why) in [
            ("{\"id\": 7}", "line 1, column 1: \"id\" is no string"),
            (
                "{\"id\": \"a b\"}",
                "line 1, column 1: \"a b\" is no task id",
            ),
            (
                "{\"deadline\": \"soon\"}",
                "line 1, column 1: deadline: \"soon\" is no time",
            ),
            ("[1]", "line 1, column 0: invalid type"),
        ] {
            let said = tasks(line, now()).unwrap_err().to_string();
            assert!(said.starts_with(why), "{line}: {said}");
        }
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        for (lines, expected) in [
            (
                "{\"content\": \"a\"}\n\n{\"content\" 1}",
                "line 3, column 12: expected `:`",
            ),
            ("{}", "line 1, column 1: it has no \"content\""),
            (
                "{\"content\": 1}",
                "line 1, column 1: \"content\" is no string",
            ),
            (
                "{\"content\": \"a\", \"to\": \"b\"}",
                "line 1, column 1: \"to\" is for the mailbox to decide",
            ),
            (
                "{\"content\": \"a\", \"mode\": \"LOUD\"}",
                "line 1, column 1: unknown mode \"LOUD\"",
            ),
        ] {
            assert_eq!(read(lines).unwrap_err(), expected, "{lines}");
        }
    }
}
