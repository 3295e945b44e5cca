//! Words that say how something went, and where they stand in a text.

use std::sync::LazyLock;

use super::deed::Deed;

/// Words of one meaning.
#[derive(Debug)]
pub(super) struct Signal {
    /// What an insight calls it; nothing for what is too common to be one.
    pub name: Option<&'static str>,
    pub deed: Option<Deed>,
    forms: &'static [&'static str],
}

const fn sign(name: &'static str, deed: Option<Deed>, forms: &'static [&'static str]) -> Signal {
    let name = Some(name);
    Signal { name, deed, forms }
}

const fn common(deed: Deed, forms: &'static [&'static str]) -> Signal {
    let (name, deed) = (None, Some(deed));
    Signal { name, deed, forms }
}

/// General English of people and programs at work. Compared without regard to case.
static SIGNALS: [Signal; 37] = [
    sign(
        "error",
        Some(Deed::Failed),
        &["error", "errors", "errored", "erroneous"],
    ),
    sign(
        "failure",
        Some(Deed::Failed),
        &["fail", "fails", "failed", "failing", "failure", "failures"],
    ),
    sign(
        "timeout",
        Some(Deed::Failed),
        &["timeout", "timeouts", "timedout"],
    ),
    sign(
        "crash",
        Some(Deed::Failed),
        &[
            "crash",
            "crashes",
            "crashed",
            "crashing",
            "segfault",
            "segfaults",
            "segfaulted",
            "coredump",
        ],
    ),
    sign(
        "panic",
        Some(Deed::Failed),
        &[
            "panic", "panics", "panicked", "abort", "aborts", "aborted", "aborting",
        ],
    ),
    sign(
        "exception",
        Some(Deed::Failed),
        &["exception", "exceptions", "traceback", "stacktrace"],
    ),
    sign("fatal", Some(Deed::Failed), &["fatal", "critical"]),
    sign(
        "lost",
        Some(Deed::Failed),
        &["lost", "dead", "killed", "unreachable"],
    ),
    sign(
        "refused",
        Some(Deed::Failed),
        &[
            "refused",
            "denied",
            "forbidden",
            "unauthorized",
            "unauthorised",
        ],
    ),
    sign(
        "broken",
        Some(Deed::Failed),
        &[
            "broken",
            "breaks",
            "broke",
            "corrupt",
            "corrupted",
            "corruption",
        ],
    ),
    sign(
        "unavailable",
        Some(Deed::Failed),
        &["unavailable", "outage", "outages", "overflow", "overflowed"],
    ),
    sign(
        "regression",
        Some(Deed::Failed),
        &["regression", "regressions", "regressed"],
    ),
    sign("bug", None, &["bug", "bugs", "defect", "defects"]),
    sign(
        "conflict",
        Some(Deed::Blocked),
        &[
            "conflict",
            "conflicts",
            "conflicted",
            "conflicting",
            "deadlock",
            "deadlocks",
            "deadlocked",
        ],
    ),
    sign(
        "blocked",
        Some(Deed::Blocked),
        &[
            "blocked", "blocks", "blocking", "blocker", "blockers", "stuck", "stalled", "hangs",
            "hung",
        ],
    ),
    sign(
        "waiting",
        Some(Deed::Blocked),
        &["waiting", "awaiting", "awaits"],
    ),
    sign(
        "retry",
        None,
        &["retry", "retries", "retried", "retrying", "backoff"],
    ),
    sign(
        "warning",
        None,
        &["warning", "warnings", "warn", "warned", "warns"],
    ),
    sign(
        "decision",
        Some(Deed::Decided),
        &[
            "decision",
            "decisions",
            "decided",
            "approved",
            "approval",
            "rejected",
            "declined",
        ],
    ),
    sign(
        "done",
        Some(Deed::Finished),
        &[
            "done",
            "finished",
            "finishes",
            "completed",
            "completes",
            "complete",
            "completion",
        ],
    ),
    sign(
        "fixed",
        Some(Deed::Finished),
        &["fixed", "solved", "resolved", "resolves", "repaired"],
    ),
    sign(
        "merged",
        Some(Deed::Finished),
        &["merged", "shipped", "released", "deployed", "delivered"],
    ),
    sign("closed", Some(Deed::Finished), &["closed"]),
    sign(
        "question",
        Some(Deed::Asked),
        &["question", "questions", "asked", "asks", "asking"],
    ),
    sign(
        "todo",
        None,
        &["todo", "todos", "fixme", "unfinished", "pending"],
    ),
    sign(
        "handover",
        Some(Deed::Handed),
        &[
            "handover",
            "handovers",
            "handoff",
            "handoffs",
            "reassigned",
            "reassigning",
        ],
    ),
    sign(
        "reopened",
        Some(Deed::Reopened),
        &[
            "reopened", "reopens", "reopen", "reverted", "reverts", "rollback",
        ],
    ),
    sign(
        "cancelled",
        Some(Deed::Dropped),
        &[
            "cancelled",
            "canceled",
            "abandoned",
            "obsolete",
            "superseded",
            "dropped",
            "lapsed",
            "expired",
            "wontfix",
        ],
    ),
    common(Deed::Handed, &["assigned", "assignee"]),
    common(Deed::Created, &["created", "opened", "new", "open"]),
    common(
        Deed::Taken,
        &[
            "started", "starting", "starts", "claimed", "claims", "began", "begun", "running",
        ],
    ),
    common(
        Deed::Progress,
        &["progress", "implemented", "implementing", "working"],
    ),
    common(
        Deed::Finished,
        &[
            "ended",
            "succeeded",
            "success",
            "successful",
            "successfully",
            "passed",
        ],
    ),
    common(
        Deed::Beat,
        &[
            "heartbeat",
            "heartbeats",
            "ping",
            "pong",
            "keepalive",
            "alive",
            "noop",
            "tick",
            "idle",
        ],
    ),
    sign("decision", None, &["decide", "decides", "deciding"]),
    // A line of a history that begins so tells of no more than that.
    Signal {
        name: None,
        deed: None,
        forms: &[
            "updated", "changed", "edited", "renamed", "added", "removed", "labeled", "labelled",
        ],
    },
    // What somebody means to mend has not happened now.
    Signal {
        name: None,
        deed: None,
        forms: &[
            "fix", "fixes", "fixing", "handle", "handles", "handling", "prevent", "prevents",
            "avoid", "avoids",
        ],
    },
];

static HANDED_OVER: Signal = sign("handover", Some(Deed::Handed), &[]);
static TAKEN_OVER: Signal = common(Deed::Taken, &[]);

/// The forms that begin with one letter, by their length: most words are told apart by it.
type Letter = Vec<Vec<(&'static [u8], &'static Signal)>>;

static BY_LETTER: LazyLock<[Letter; 26]> = LazyLock::new(|| {
    let mut letters: [Letter; 26] = Default::default();
    for signal in &SIGNALS {
        for form in signal.forms.iter().map(|form| form.as_bytes()) {
            if let Some(letter) = letter(form[0]).map(|it| &mut letters[it]) {
                letter.resize(letter.len().max(form.len() + 1), Vec::new());
                letter[form.len()].push((form, signal));
            }
        }
    }
    letters
});

fn letter(byte: u8) -> Option<usize> {
    let letter = (byte | 0x20).wrapping_sub(b'a');
    (letter < 26).then_some(usize::from(letter))
}

fn meaning(letters: &[Letter; 26], word: &str) -> Option<&'static Signal> {
    let word = word.as_bytes();
    let letter = &letters[letter(*word.first()?)?];
    let mut forms = letter.get(word.len())?.iter();
    let found = forms.find(|(form, _)| form.eq_ignore_ascii_case(word));
    found.map(|(_, signal)| *signal)
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Word<'a> {
    pub text: &'a str,
    /// Its first byte in the whole.
    pub start: usize,
}

/// Runs of letters and digits; `ConnectionError` and `connection_error` are two words.
pub(super) fn words(text: &str) -> Words<'_> {
    Words { text, next: 0 }
}

pub(super) struct Words<'a> {
    text: &'a str,
    next: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let bytes = self.text.as_bytes();
        let mut start = self.next;
        while let Some(length) = self.apart(start) {
            start += length;
        }
        let mut end = start;
        let mut before = APART;
        while let Some(&byte) = bytes.get(end) {
            let class = CLASSES[usize::from(byte)];
            if class == APART || class == WIDE && self.apart(end).is_some() {
                break;
            }
            // `ioError`, `IOError`
            let next = || bytes.get(end + 1).is_some_and(u8::is_ascii_lowercase);
            if class == LARGE && (before == SMALL || before == LARGE && next()) {
                break;
            }
            before = class;
            end += if class == WIDE { width(byte) } else { 1 };
        }
        self.next = end;
        let text = &self.text[start..end];
        (end > start).then_some(Word { text, start })
    }
}

impl Words<'_> {
    /// How long what stands here is, if it is no part of a word.
    fn apart(&self, at: usize) -> Option<usize> {
        let byte = *self.text.as_bytes().get(at)?;
        match CLASSES[usize::from(byte)] {
            APART => Some(1),
            WIDE => {
                let c = self.text[at..].chars().next()?;
                (!c.is_alphanumeric()).then_some(c.len_utf8())
            }
            _ => None,
        }
    }
}

const APART: u8 = 0;
const SMALL: u8 = 1;
const LARGE: u8 = 2;
const DIGIT: u8 = 3;
/// No ASCII.
const WIDE: u8 = 4;

const CLASSES: [u8; 256] = {
    let mut classes = [WIDE; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' => SMALL,
            b'A'..=b'Z' => LARGE,
            b'0'..=b'9' => DIGIT,
            _ => APART,
        };
        byte += 1;
    }
    classes
};

/// Of a character, by its first byte.
const fn width(first: u8) -> usize {
    match first {
        0..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

/// `no errors`, `0 failed`, `isn't done`.
fn denies(word: &str) -> bool {
    let word = word.as_bytes();
    match word.len() {
        1 => word == b"0" || word.eq_ignore_ascii_case(b"t"),
        2 => word.eq_ignore_ascii_case(b"no"),
        3 => word.eq_ignore_ascii_case(b"not"),
        4 => word.eq_ignore_ascii_case(b"zero") || word.eq_ignore_ascii_case(b"none"),
        5 => word.eq_ignore_ascii_case(b"never"),
        7 => word.eq_ignore_ascii_case(b"without") || word.eq_ignore_ascii_case(b"nothing"),
        _ => false,
    }
}

/// `errors: 0`, `failed=0`.
fn counts_none(text: &str, signal_end: usize, word: Word<'_>) -> bool {
    let between = &text[signal_end..word.start];
    word.text == "0" && between.trim_matches(' ').len() == 1 && between.contains([':', '='])
}

/// `hand it over` is not seen, `handing over` is.
fn passed_over(before: &str, word: &str) -> Option<&'static Signal> {
    if !word.eq_ignore_ascii_case("over") {
        return None;
    }
    let is = |forms: &[&str]| forms.iter().any(|form| form.eq_ignore_ascii_case(before));
    if is(&["hand", "hands", "handed", "handing"]) {
        return Some(&HANDED_OVER);
    }
    is(&["take", "takes", "took", "taking"]).then_some(&TAKEN_OVER)
}

/// Tells of every signal that the text does not deny, and of the number of its word; how many words there are.
pub(super) fn scan(text: &str, mut found: impl FnMut(&'static Signal, usize)) -> usize {
    let letters = &*BY_LETTER;
    let mut count = 0;
    let mut before = "";
    let mut held: Option<(&'static Signal, usize, usize)> = None;
    for word in words(text) {
        if let Some((signal, nth, end)) = held.take()
            && !counts_none(text, end, word)
        {
            found(signal, nth);
        }
        let signal = meaning(letters, word.text).or_else(|| passed_over(before, word.text));
        held = signal
            .filter(|_| !denies(before))
            .map(|signal| (signal, count, word.start + word.text.len()));
        before = word.text;
        count += 1;
    }
    if let Some((signal, nth, _)) = held {
        found(signal, nth);
    }
    count
}

/// The signals of a text, each with the number of its word, and how many words there are.
pub(super) struct Heard {
    pub signals: Vec<(&'static Signal, usize)>,
    pub words: usize,
}

pub(super) fn hear(text: &str) -> Heard {
    let mut signals = Vec::new();
    let words = scan(text, |signal, nth| signals.push((signal, nth)));
    Heard { signals, words }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        let mut names = Vec::new();
        scan(text, |signal, _| names.extend(signal.name));
        names
    }

    #[test]
    fn no_form_means_two_things() {
        let mut forms: Vec<_> = SIGNALS.iter().flat_map(|it| it.forms).collect();
        let all = forms.len();
        forms.sort_unstable();
        forms.dedup();
        assert_eq!(forms.len(), all);
        assert!(
            forms
                .iter()
                .all(|form| form.bytes().all(|b| b.is_ascii_lowercase()))
        );
    }

    #[test]
    fn words_are_found_in_names_of_programs_and_between_any_signs() {
        let text = "java.io.IOException: ConnectionTimeout in write_failed “error” …größer";
        let found: Vec<_> = words(text).map(|word| word.text).collect();
        let expected = [
            "java",
            "io",
            "IO",
            "Exception",
            "Connection",
            "Timeout",
            "in",
            "write",
            "failed",
            "error",
            "größer",
        ];
        assert_eq!(found, expected);
        assert_eq!(names(text), ["exception", "timeout", "failure", "error"]);
        assert_eq!(words("").count() + words(" – 。").count(), 0);
    }

    #[test]
    fn what_is_denied_is_no_signal() {
        for text in [
            "no errors",
            "0 failed, errors: 0, timeouts=0",
            "it isn't done",
            "finished? not blocked",
            "nothing failed",
        ] {
            assert!(names(text).iter().all(|name| *name == "done"), "{text}");
        }
        assert_eq!(names("errors: 10"), ["error"]);
        assert_eq!(names("error 0"), ["error"]);
        assert_eq!(names("handing over to b"), ["handover"]);
    }
}
