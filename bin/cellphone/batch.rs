//! Many messages at once: JSON lines in, one write and one flush.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use dreamos::cli::{Context, Error, Exit, Failure, Format, LONGEST_CONTENT, whole_input};
use dreamos::desk::Desk;
use dreamos::mailbox::Sent;
use dreamos::names::{AgentId, Draft, MessageId, Mode};
use dreamos::time::{Now, parse_time};
use serde_json::{Map, Value};

use super::phone::deliver::sent_document;
use super::phone::letter::{Letter, Threading};

/// Above this the lines would not fit into the memory that we promise to stay within.
const LONGEST_BATCH: usize = 256 << 20;

/// What the mailbox itself decides.
const NOT_YOURS: [&str; 7] = ["seq", "id", "from", "to", "status", "timestamp", "attempts"];

pub(crate) fn send(
    context: &Context,
    desk: &Desk,
    recipients: &[AgentId],
    path: &str,
    letter: &Letter,
    threading: &Threading,
) -> Result<Exit, Failure> {
    let now = Now::read();
    let lines = read(path)?;
    let (reply_to, thread) = threading.links(desk)?;
    let unknown = threading.unknown();
    // All are read before the first is sent: a slip in the last line sends nothing.
    let mut batches = Vec::new();
    for to in recipients {
        let mut model = letter.draft(desk, to, String::new(), Mode::Normal, unknown, now)?;
        model.reply_to = reply_to;
        model.thread = thread;
        batches.push((to, drafts(&model, &lines, now)?));
    }
    for (to, drafts) in batches {
        let sent = desk.send_batch(to, drafts, unknown, letter.breaker(), now);
        let sent = sent.map_err(|error| {
            let on_lines = numbered(&lines).map(|(number, _)| number);
            Failure::from(error).on_lines(on_lines)
        })?;
        for sent in sent {
            report(context, to, &sent);
        }
    }
    Ok(Exit::DONE)
}

fn report(context: &Context, to: &AgentId, sent: &Sent) {
    let already = if sent.repeated { "already " } else { "" };
    let line = match context.format() {
        Format::Json | Format::Jsonl => String::new(),
        _ => format!(
            "{already}queued {} ({} unread), not yet read",
            sent.at, sent.pending
        ),
    };
    context.report(&line, &sent_document(to, sent));
}

fn read(path: &str) -> Result<String, Error> {
    let text = if path == "-" {
        whole_input(LONGEST_BATCH + 1)?
    } else {
        read_file(Path::new(path))?
    };
    if text.len() > LONGEST_BATCH {
        return Err(Error::usage(format!(
            "a batch is longer than {LONGEST_BATCH} bytes"
        )));
    }
    Ok(text)
}

fn read_file(path: &Path) -> Result<String, Error> {
    let failed = |source| Error::File {
        path: PathBuf::from(path),
        source,
    };
    let most = u64::try_from(LONGEST_BATCH + 1).unwrap_or(u64::MAX);
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(most).read_to_string(&mut text))
        .map_err(failed)?;
    Ok(text)
}

/// Blank lines are skipped, and counted all the same.
fn numbered(lines: &str) -> impl Iterator<Item = (usize, &str)> {
    let all = lines.lines().enumerate();
    all.filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| (index + 1, line))
}

fn drafts(model: &Draft, lines: &str, now: Now) -> Result<Vec<Draft>, Error> {
    numbered(lines)
        .map(|(number, line)| draft(model, number, line, now))
        .collect()
}

fn draft(model: &Draft, line: usize, text: &str, now: Now) -> Result<Draft, Error> {
    let bad = |column: usize, why: String| Error::BadLine { line, column, why };
    let mut fields: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| bad(error.column(), reason(&error)))?;
    if let Some(name) = NOT_YOURS.iter().find(|name| fields.contains_key(**name)) {
        return Err(bad(1, format!("{name:?} is for the mailbox to decide")));
    }
    let mut take = |name: &str| -> Result<Option<String>, Error> {
        match fields.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(bad(1, format!("{name:?} is no string"))),
        }
    };
    let because = |error: &dyn std::fmt::Display| bad(1, error.to_string());
    let mut draft = model.clone();
    draft.content = take("content")?.ok_or_else(|| bad(1, "it has no \"content\"".into()))?;
    if draft.content.len() > LONGEST_CONTENT {
        return Err(bad(
            1,
            format!("its content is longer than {LONGEST_CONTENT} bytes: use --file"),
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
    draft.extra = fields;
    Ok(draft)
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

    fn now() -> Now {
        Now {
            wall: dreamos::time::Timestamp::parse("2026-11-22T12:00:00Z").unwrap(),
            boot_ms: 0,
        }
    }

    fn read(lines: &str) -> Result<Vec<Draft>, String> {
        let model = Draft::new(AgentId::user(), AgentId::captain(), "");
        drafts(&model, lines, now()).map_err(|error| error.to_string())
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
