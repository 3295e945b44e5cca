//! What somebody asks for, as terms.

use super::Term;
use super::rank::{ACTION, WHOLE};
use super::words::{Field, Words, exact, tokens};

/// Words that say nothing of what is asked for, unless nothing else is asked.
const EMPTY: [&str; 50] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "do", "does", "for", "from",
    "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "no", "not", "of",
    "on", "or", "should", "so", "such", "that", "the", "their", "then", "there", "these", "they",
    "this", "to", "was", "we", "were", "what", "will", "with", "you", "your",
];
/// What is done about things: whatever is told of them, few use the same word for it.
const ACTIONS: [&str; 32] = [
    "add",
    "added",
    "adds",
    "allow",
    "bump",
    "change",
    "clean",
    "cleanup",
    "convert",
    "create",
    "document",
    "enable",
    "ensure",
    "extract",
    "fix",
    "fixed",
    "fixes",
    "handle",
    "implement",
    "improve",
    "make",
    "merge",
    "move",
    "prevent",
    "refactor",
    "release",
    "remove",
    "rename",
    "replace",
    "support",
    "update",
    "use",
];
/// How subjects of commits begin by convention.
const KINDS: [&str; 11] = [
    "feat", "fix", "chore", "docs", "refactor", "test", "style", "perf", "ci", "build", "revert",
];
/// Of a long text so many terms are asked for.
pub(super) const MOST_TERMS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) term: Term,
    /// Beside its rarity.
    pub(super) weight: f64,
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Question {
    /// Each once.
    pub(super) asked: Vec<Asked>,
    /// The words in their order.
    pub(super) order: Vec<Term>,
    /// What may be the id of a fragment.
    pub(super) ids: Vec<Term>,
}

impl Question {
    pub(super) fn of(text: &str) -> Self {
        let mut question = Self {
            ids: ids(text),
            ..Self::default()
        };
        let said = without_convention(text);
        question.read(said, Words::is_telling);
        if question.asked.is_empty() {
            question.read(text, |_| true);
        }
        question
    }

    fn read(&mut self, text: &str, counts: fn(&str) -> bool) {
        let mut words = Words::new();
        for token in tokens(text).filter(|token| counts(token)) {
            words.cut(token);
            let action = ACTIONS.iter().any(|it| it.eq_ignore_ascii_case(token));
            for &part in &words.split.parts {
                self.ask(part, if action { ACTION } else { 1.0 });
                self.order.push(part);
            }
            for &whole in &words.split.wholes {
                self.ask(whole, WHOLE);
            }
        }
    }

    fn ask(&mut self, term: Term, weight: f64) {
        if self.asked.len() < MOST_TERMS && self.asked.iter().all(|it| it.term != term) {
            self.asked.push(Asked { term, weight });
        }
    }
}

impl Words {
    fn is_telling(token: &str) -> bool {
        token.len() > 6 || EMPTY.iter().all(|it| !it.eq_ignore_ascii_case(token))
    }
}

/// An id has a digit, or is all that is asked for: otherwise it is a word as well.
fn ids(text: &str) -> Vec<Term> {
    let mut found = Vec::new();
    let whole = text.trim();
    for word in whole.split_whitespace().take(MOST_TERMS) {
        let word = word.trim_matches(|it: char| {
            matches!(
                it,
                ',' | ';' | ':' | '.' | '!' | '?' | '(' | ')' | '[' | ']' | '"' | '\'' | '`'
            )
        });
        let telling = word.bytes().any(|it| it.is_ascii_digit())
            && word.bytes().any(|it| !it.is_ascii_digit());
        if telling && word != whole {
            found.push(exact(Field::Id, word));
        }
    }
    if !whole.is_empty() {
        found.push(exact(Field::Id, whole));
    }
    found
}

/// Without the `fix(scope):` before a subject, of which the scope stays, and the `(#12)` behind it.
fn without_convention(text: &str) -> &str {
    let mut said = text.trim();
    if let Some((rest, number)) = said.rsplit_once("(#")
        && number
            .strip_suffix(')')
            .is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
    {
        said = rest.trim_end();
    }
    let end = said
        .find(|it: char| !it.is_ascii_alphabetic())
        .unwrap_or(said.len());
    let (kind, rest) = said.split_at(end);
    let conventional = KINDS.iter().any(|it| it.eq_ignore_ascii_case(kind))
        && (rest.starts_with(": ") || rest.starts_with("!:") || rest.starts_with('('));
    if conventional { rest } else { said }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convention_says_nothing_and_its_scope_stays() {
        let bare = Question::of("storage lock is stale");
        let subject = Question::of("fix(storage): lock is stale (#123)");
        assert_eq!(subject.asked, bare.asked);
        assert_eq!(
            Question::of("chore: lock").asked,
            Question::of("lock").asked
        );
        // A word of the sentence is no convention.
        assert_ne!(Question::of("test lock").asked, Question::of("lock").asked);
    }

    #[test]
    fn empty_words_count_only_where_there_are_no_others() {
        assert_eq!(Question::of("the lock").asked, Question::of("lock").asked);
        assert_eq!(Question::of("to be").asked.len(), 2);
        assert_eq!(Question::of("...").asked, []);
    }

    #[test]
    fn an_id_has_a_digit_or_is_all_that_is_asked() {
        assert_eq!(
            ids("see (gt-12)."),
            [exact(Field::Id, "gt-12"), exact(Field::Id, "see (gt-12).")]
        );
        assert_eq!(ids("main"), [exact(Field::Id, "main")]);
        assert_eq!(ids("12 of main").len(), 1);
    }

    #[test]
    fn a_long_text_asks_for_no_more_than_it_may() {
        let text: Vec<String> = (0..500).map(|it| format!("word{it}")).collect();
        assert_eq!(Question::of(&text.join(" ")).asked.len(), MOST_TERMS);
    }
}
