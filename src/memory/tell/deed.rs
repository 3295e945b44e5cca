//! What was done, where a fragment tells it.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde_json::Value;

use super::signal::{Heard, hear, scan};
use crate::memory::Fragment;

/// In the order in which they count where a text speaks of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deed {
    Handed,
    Decided,
    Failed,
    Blocked,
    Finished,
    Asked,
    Dropped,
    Reopened,
    Taken,
    Created,
    Progress,
    /// That somebody is still there.
    Beat,
    Said,
}

/// What the name of its event, its status or its level says: no guess.
pub(super) fn sure(fragment: &Fragment) -> Option<Deed> {
    let by = |key| fragment.context_text(key);
    by("event")
        .map(|name| name.rsplit('.').next().unwrap_or(name))
        .and_then(named)
        .or_else(|| by("status").and_then(named))
        .or_else(|| by("level").and_then(level))
}

/// As `sure`, else as its words let expect.
pub(super) fn of(fragment: &Fragment) -> Deed {
    sure(fragment).unwrap_or_else(|| said(&fragment.kind, &fragment.content))
}

/// The first that a name speaks of: `run_failed`, `in_progress`.
fn named(name: &str) -> Option<Deed> {
    let mut deed = None;
    scan(name, |signal, _| deed = deed.or(signal.deed));
    deed.or_else(|| {
        name.eq_ignore_ascii_case("pending")
            .then_some(Deed::Created)
    })
}

fn level(level: &str) -> Option<Deed> {
    let failed = ["error", "err", "critical", "fatal", "severe"];
    let failed = failed.iter().any(|it| it.eq_ignore_ascii_case(level));
    failed.then_some(Deed::Failed)
}

/// A text says first what happened; what stands further on is about something else.
const TOLD_WITHIN: usize = 16;
/// `closed`, `task closed`.
const OPENING: usize = 2;

/// What the words let expect.
pub(super) fn said(kind: &str, content: &str) -> Deed {
    judged(kind, content, &hear(beginning(content)))
}

/// The same, of one whose signals were heard as a whole.
pub(super) fn of_heard(kind: &str, content: &str, heard: &Heard) -> Deed {
    if beginning(content).len() < content.len() {
        return said(kind, content);
    }
    judged(kind, content, heard)
}

fn judged(kind: &str, content: &str, heard: &Heard) -> Deed {
    let mut opening = None;
    let mut strongest = Deed::Said;
    for (signal, nth) in &heard.signals {
        // Who speaks of a question asks none; a mark of it does.
        let deed = signal.deed.filter(|deed| *deed != Deed::Asked);
        let deed = deed.unwrap_or(Deed::Said);
        if *nth < OPENING && opening.is_none() {
            opening = Some(deed);
        }
        if *nth < TOLD_WITHIN {
            strongest = strongest.min(deed);
        }
    }
    match (opening, status(content)) {
        // What a log closes may well have failed.
        _ if kind == "log" => strongest,
        (_, Some(deed)) => deed,
        // "closed: tests fail" is closed, and "fix the crash" is none.
        (Some(deed), None) if deed == Deed::Said && asks(kind, content) => Deed::Asked,
        (Some(deed), None) if kind != "task" || is_of_history(deed) => deed,
        // What a task asks for is not done by its asking.
        _ if kind == "task" => Deed::Created,
        _ if strongest > Deed::Failed && asks(kind, content) => Deed::Asked,
        _ => strongest,
    }
}

const fn is_of_history(deed: Deed) -> bool {
    matches!(
        deed,
        Deed::Finished | Deed::Dropped | Deed::Reopened | Deed::Taken | Deed::Handed
    )
}

/// So much that the first words are in it.
fn beginning(content: &str) -> &str {
    let mut end = content.len().min(512);
    while !content.is_char_boundary(end) {
        end -= 1;
    }
    &content[..end]
}

/// What a program says by itself.
pub(super) fn is_by_program(kind: &str) -> bool {
    kind == "log" || kind.ends_with("event")
}

static STATUS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("status"));

/// `status: in_progress`, `status=done`.
fn status(content: &str) -> Option<Deed> {
    let content = beginning(content);
    let behind = |mark: char| {
        let mut places = STATUS.find_iter(content.as_bytes());
        places.find_map(|at| content[at + STATUS.needle().len()..].strip_prefix(mark))
    };
    let after = behind(':').or_else(|| behind('='))?;
    let word = after
        .trim_start_matches(' ')
        .split([' ', ',', ';', '\n'])
        .next()?;
    named(word)
}

fn asks(kind: &str, content: &str) -> bool {
    !is_by_program(kind) && content.trim_end().ends_with('?')
}

/// What stands before a name wherever it stands.
const ASSIGNED: [&str; 3] = ["assignee: ", "assignee=", "assigned to "];
/// And only where something is handed on: a screw is for a door, too.
const HANDED: [&str; 4] = [
    "handed over to ",
    "handing over to ",
    "handed to ",
    "is for ",
];

/// Whom a task is given to: `assignee: NAME`, `assigned to NAME`, or as its context says.
pub(super) fn handed_to(fragment: &Fragment) -> Option<&str> {
    let known = ["assignee", "assigned_to"]
        .iter()
        .find_map(|key| fragment.context_text(key));
    known.or_else(|| {
        let after = |mark: &&str| fragment.content.split_once(*mark);
        let handed = || {
            HANDED
                .iter()
                .find_map(after)
                .filter(|_| of(fragment) == Deed::Handed)
        };
        let after = ASSIGNED.iter().find_map(after).or_else(handed)?;
        let name = after.1.split(char::is_whitespace).next()?;
        let name = name.trim_matches(|c: char| ".,;:!?'\"()".contains(c));
        (!name.is_empty()).then_some(name)
    })
}

/// `to` of its context, or whom its text calls by name: `NAME: …`, `NAME, …`, `@NAME`.
pub(super) fn is_to(fragment: &Fragment, agent: &str) -> bool {
    match fragment
        .context
        .get("to")
        .or_else(|| fragment.context.get("recipient"))
    {
        Some(Value::String(to)) => return to == agent,
        Some(Value::Array(all)) => return all.iter().any(|to| to.as_str() == Some(agent)),
        _ => {}
    }
    let text = fragment.content.trim_start();
    let ends =
        |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
    let called = text
        .strip_prefix(agent)
        .is_some_and(|rest| rest.starts_with([':', ',']));
    let mut mentions = text
        .match_indices('@')
        .filter_map(|(at, _)| text[at + 1..].strip_prefix(agent));
    !agent.is_empty() && (called || mentions.any(ends))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::memory::tell::sample::{event, fragment, with};

    #[test]
    fn a_text_is_judged_by_how_it_begins_then_by_the_strongest_of_its_words() {
        for (kind, content, deed) in [
            ("message", "closed: tests fail", Deed::Finished),
            ("message", "Fix the crash at start", Deed::Said),
            ("message", "the build finished with 3 errors", Deed::Failed),
            (
                "message",
                "we decided to retry once it failed",
                Deed::Decided,
            ),
            ("message", "is it done?", Deed::Asked),
            ("log", "is it there?", Deed::Said),
            ("message", "I know the answer to your question", Deed::Said),
            ("message", "Question: is it there?", Deed::Asked),
            (
                "task",
                "Improve what happens when a write fails",
                Deed::Created,
            ),
            (
                "event",
                "status changed: status: in_progress",
                Deed::Progress,
            ),
            ("event", "heartbeat of a", Deed::Beat),
            ("log", "connection closed: timeout", Deed::Failed),
            ("task", "Ping the server when it fails", Deed::Created),
            ("event", "updated t1: it says what failed", Deed::Said),
            ("message", "", Deed::Said),
        ] {
            assert_eq!(said(kind, content), deed, "{content}");
        }
    }

    #[test]
    fn an_event_is_believed_before_its_words() {
        let failed = event("1", 0, "a", "task.run_failed", "t1");
        assert_eq!(sure(&failed), Some(Deed::Failed));
        let words = fragment("2", 0, "a", "event", "it was finished");
        assert_eq!((sure(&words), of(&words)), (None, Deed::Finished));
        let level = with(words, json!({"level": "error"}));
        assert_eq!(of(&level), Deed::Failed);
    }

    #[test]
    fn whom_it_is_for() {
        let told = |text| fragment("1", 0, "a", "message", text);
        assert_eq!(handed_to(&told("assigned to b-2.")), Some("b-2"));
        assert_eq!(handed_to(&told("assignee:  status: open")), None);
        assert_eq!(handed_to(&told("handing over to b, good night")), Some("b"));
        assert_eq!(handed_to(&told("this is for testing")), None);
        assert_eq!(handed_to(&event("1", 0, "c", "task.assigned", "t1")), None);
        assert!(is_to(&told("b: look"), "b") && is_to(&told("well, @b?"), "b"));
        assert!(!is_to(&told("@b2: look"), "b") && !is_to(&told("bob: look"), "b"));
        assert!(!is_to(&told(": @"), ""));
        assert!(!is_to(&with(told("b: look"), json!({"to": "c"})), "b"));
    }
}
