//! What stands out in one fragment, as it is taken in.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::deed::is_by_program;
use super::signal::{Heard, hear, words};
use super::text::clip;
use super::{Fixed, number};

/// A word that stands out, and which part of all words it has. As the original wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Insight {
    pub content: String,
    /// 0 to 1.
    pub frequency_ratio: f64,
}

/// Of one fragment; what is more says no more.
const MOST: usize = 6;
/// A longer word is rather an id.
const TELLING: usize = 14;
/// What is kept of a word.
const KEPT: usize = 40;

/// Words of every English text. In the order of the alphabet.
const EMPTY: [&str; 153] = [
    "a", "about", "after", "again", "all", "also", "always", "am", "an", "and", "any", "anyone",
    "are", "as", "at", "be", "because", "been", "before", "being", "both", "but", "by", "can",
    "cannot", "could", "did", "do", "does", "doing", "don", "down", "each", "else", "even",
    "every", "few", "for", "from", "get", "gets", "getting", "go", "going", "got", "had", "has",
    "have", "having", "he", "her", "here", "him", "his", "how", "http", "https", "i", "if", "in",
    "into", "is", "it", "its", "just", "know", "let", "like", "ll", "make", "many", "maybe", "me",
    "more", "most", "much", "must", "my", "need", "never", "no", "not", "now", "of", "off", "oh",
    "ok", "okay", "on", "once", "one", "only", "or", "other", "our", "out", "over", "own",
    "please", "re", "really", "same", "see", "she", "should", "so", "some", "still", "such",
    "than", "thank", "thanks", "that", "the", "their", "them", "then", "there", "these", "they",
    "thing", "think", "this", "those", "through", "to", "too", "up", "us", "use", "ve", "very",
    "want", "was", "way", "we", "well", "were", "what", "when", "where", "which", "while", "who",
    "why", "will", "with", "would", "www", "yes", "yet", "you", "your",
];

/// The signals in it, the most frequent first. Whatever is neither a log line nor an event and has none gets its most
/// telling word instead, so that nothing that somebody wrote is without one.
pub fn notice(kind: &str, content: &str) -> Vec<Insight> {
    noticed(kind, content, &hear(content))
}

pub(super) fn noticed(kind: &str, content: &str, heard: &Heard) -> Vec<Insight> {
    let by_program = is_by_program(kind);
    let mut found: Vec<(&str, usize)> = Vec::new();
    let mut note = |name| match found.iter_mut().find(|(it, _)| *it == name) {
        Some((_, count)) => *count += 1,
        None => found.push((name, 1)),
    };
    let signals = heard.signals.iter();
    signals
        .filter_map(|(signal, _)| signal.name)
        .for_each(&mut note);
    let words = heard.words;
    if !by_program {
        (0..questions(content)).for_each(|_| note("question"));
    }
    if found.is_empty() && !by_program {
        return telling(content, words).into_iter().collect();
    }
    found.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    found.truncate(MOST);
    let told = found.into_iter();
    told.map(|(name, count)| insight(name.to_owned(), count, words))
        .collect()
}

fn insight(content: String, count: usize, words: usize) -> Insight {
    let ratio = (number(count) / number(words.max(1))).min(1.0);
    let frequency_ratio = (ratio * 10_000.0).round() / 10_000.0;
    Insight {
        content,
        frequency_ratio,
    }
}

/// A mark of a question that ends a word; in an address it does not.
fn questions(content: &str) -> usize {
    let ends = |at: usize| {
        content[at + 1..]
            .chars()
            .next()
            .is_none_or(|c| c.is_whitespace() || c == '"')
    };
    memchr::memchr_iter(b'?', content.as_bytes())
        .filter(|at| ends(*at))
        .count()
}

/// The word that is long and often there, the first of equals; one that says nothing only where there is no other.
fn telling(content: &str, words_in_all: usize) -> Option<Insight> {
    let mut counts: HashMap<String, (usize, usize), Fixed> = HashMap::default();
    for (nth, word) in words(content).enumerate() {
        counts.entry(word.text.to_lowercase()).or_insert((0, nth)).0 += 1;
    }
    let rank = |(word, (count, first)): &(String, (usize, usize))| {
        let empty = EMPTY.binary_search(&word.as_str()).is_ok();
        let number = word.chars().any(|c| c.is_ascii_digit());
        let length = word.chars().count().min(TELLING);
        (!empty, !number, count * length, std::cmp::Reverse(*first))
    };
    let best = counts.into_iter().max_by_key(rank);
    let told = best.map(|(word, (count, _))| insight(clip(&word, KEPT), count, words_in_all));
    // A smile, or three dots: it stands for itself.
    told.or_else(|| {
        let whole = clip(content, KEPT);
        (!whole.is_empty()).then(|| insight(whole, 1, 1))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(kind: &str, content: &str) -> Vec<(String, f64)> {
        let all = notice(kind, content).into_iter();
        all.map(|it| (it.content, it.frequency_ratio)).collect()
    }

    #[test]
    fn empty_words_are_in_order() {
        assert!(EMPTY.is_sorted());
    }

    #[test]
    fn a_signal_is_told_with_its_part_of_the_words() {
        assert_eq!(
            told("devlog", "error while linking again"),
            [("error".into(), 0.25)]
        );
        let both = told("log", "Failed: timeout, timeouts");
        assert_eq!(
            both,
            [("timeout".into(), 0.6667), ("failure".into(), 0.3333)]
        );
    }

    #[test]
    fn what_somebody_wrote_has_at_least_one_and_a_plain_line_of_a_log_none() {
        assert_eq!(
            told("message", "the parser is the parser"),
            [("parser".into(), 0.4)]
        );
        assert_eq!(told("message", "and so it is"), [("and".into(), 0.25)]);
        assert_eq!(
            told("message", "is it there?"),
            [("question".into(), 0.3333)]
        );
        assert_eq!(
            told("message", "see http://a.b/?c=d"),
            [("b".into(), 0.1667)]
        );
        assert_eq!(told("message", ":-)"), [(":-)".into(), 1.0)]);
        assert_eq!(told("message", "?"), [("question".into(), 1.0)]);
        assert_eq!(told("log", "connected to 10.0.0.1"), []);
        assert_eq!(told("event", "0 errors"), []);
        assert_eq!(told("task", " \n"), []);
    }

    proptest! {
        #[test]
        fn every_text_of_a_person_has_one_and_a_part_is_never_more_than_the_whole(text in "\\PC{1,60}") {
            let all = notice("devlog", &text);
            prop_assert_eq!(all.is_empty(), clip(&text, KEPT).is_empty());
            prop_assert!(all.iter().all(|it| it.frequency_ratio > 0.0 && it.frequency_ratio <= 1.0));
            prop_assert!(all.len() <= MOST);
            prop_assert_eq!(all, notice("devlog", &text));
        }
    }
}
