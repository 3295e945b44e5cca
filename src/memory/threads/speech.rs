//! What a message of a conversation shows by itself: who speaks, to whom, and in which manner.

use super::bytes::keep_fields;
use super::words::{self, Rarity, Words, number};

/// A message as far as the choice of its thread looks at it.
#[derive(Default)]
pub(super) struct Speech {
    pub(super) speaker: u32,
    /// Whom it addresses, or 0.
    pub(super) to: u32,
    pub(super) how: How,
    pub(super) manner: Manner,
    pub(super) words: Words,
    pub(super) letters: usize,
}

/// How somebody is addressed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) enum How {
    #[default]
    Nobody,
    /// `Name: …`, `Name, …`, `@name …`.
    Plainly,
    /// The name stands somewhere in the text.
    Named,
    /// `Name: …`, but nobody of that name has spoken.
    Stranger,
}

/// How something is said: a set of marks.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Manner {
    marks: u16,
}
keep_fields!(Manner { marks });

/// As many marks as there are.
pub(super) const MANNERS: usize = 15;

impl Manner {
    pub(super) const QUESTION: Self = Self { marks: 1 };
    const GREETING: Self = Self { marks: 1 << 1 };
    const THANKS: Self = Self { marks: 1 << 2 };
    const ASSENT: Self = Self { marks: 1 << 3 };
    const URL: Self = Self { marks: 1 << 4 };
    const TO_ALL: Self = Self { marks: 1 << 5 };
    /// Not said, but told by the channel: somebody came, left, has a new name.
    pub(super) const EVENT: Self = Self { marks: 1 << 6 };
    const ASKING: Self = Self { marks: 1 << 7 };
    const DISSENT: Self = Self { marks: 1 << 8 };
    const SMILE: Self = Self { marks: 1 << 9 };
    const OF_ONESELF: Self = Self { marks: 1 << 10 };
    const COMMAND: Self = Self { marks: 1 << 11 };
    const SMALL: Self = Self { marks: 1 << 12 };
    const DOTS: Self = Self { marks: 1 << 13 };
    const LINKING: Self = Self { marks: 1 << 14 };

    pub(super) fn has(self, mark: Self) -> bool {
        self.marks & mark.marks != 0
    }

    fn set(&mut self, mark: Self, is: bool) {
        if is {
            self.marks |= mark.marks;
        }
    }

    pub(super) fn each(self, mut mark: impl FnMut(usize)) {
        (0..MANNERS)
            .filter(|bit| self.marks >> bit & 1 == 1)
            .for_each(&mut mark);
    }
}

impl How {
    pub(super) fn case(self) -> usize {
        self as usize
    }
}

/// `knows` says whether somebody of that name spoke here; `event` that the channel itself tells it.
pub(super) fn listen(
    agent: &str,
    text: &str,
    event: bool,
    rarity: &Rarity,
    knows: impl Fn(u32) -> bool,
) -> Speech {
    let speaker = name(agent);
    let others = |who| who != speaker && knows(who);
    let (to, how, body) = addressed(text.trim_start(), rarity, others, speaker)
        .or_else(|| named(text, rarity, others))
        .unwrap_or((0, How::Nobody, text));
    let mut manner = manner(body);
    manner.set(Manner::EVENT, event);
    Speech {
        speaker,
        to,
        how,
        manner,
        words: words::of(body),
        letters: body.len(),
    }
}

/// A name without case and without what is put behind it where it is taken: `joe_`, `joe1`, `joe|away`.
pub(super) fn name(name: &str) -> u32 {
    let cut = name
        .find('|')
        .filter(|&at| at >= 3)
        .map_or(name, |at| &name[..at]);
    let bare = cut.trim_end_matches(|letter: char| {
        letter.is_ascii_digit() || matches!(letter, '_' | '`' | '^' | '-')
    });
    number(if bare.len() >= 3 { bare } else { name })
}

fn of_name(letter: char) -> bool {
    letter.is_alphanumeric()
        || matches!(
            letter,
            '_' | '-' | '[' | ']' | '\\' | '`' | '^' | '{' | '}' | '|'
        )
}

/// Whom the beginning of a text addresses, and what remains of it.
fn addressed<'t>(
    text: &'t str,
    rarity: &Rarity,
    knows: impl Fn(u32) -> bool,
    speaker: u32,
) -> Option<(u32, How, &'t str)> {
    let marked = text.strip_prefix(['@', '<']);
    let from = marked.unwrap_or(text);
    let end = from.find(|letter| !of_name(letter)).unwrap_or(from.len());
    let (first, after) = from.split_at(end);
    let who = name(first);
    let rest = after.trim_start_matches(['>', ' ']);
    let body = rest.strip_prefix([':', ',', ';']);
    let common = words::is_common(first);
    if first.is_empty() {
        return None;
    }
    if knows(who) {
        let plainly = body.is_some() && !(common && rest.starts_with(','));
        if plainly || marked.is_some() {
            return Some((who, How::Plainly, body.unwrap_or(after)));
        }
        let named = !common && first.len() >= 3 && !is_ordinary(first, rarity);
        return named.then_some((who, How::Named, after));
    }
    let body = body.filter(|body| body.is_empty() || body.starts_with([' ', '.']))?;
    if common || who == speaker || first.len() < 2 {
        return None;
    }
    let odd = first.bytes().any(|byte| !byte.is_ascii_lowercase()) && !is_title(first);
    let name_like = odd || rarity.seen(number(first)) == 0;
    let stranger = rest.starts_with(':') || rest.starts_with(',') && name_like;
    stranger.then_some((who, How::Stranger, body))
}

/// Somebody whose name stands in the text.
fn named<'t>(
    text: &'t str,
    rarity: &Rarity,
    knows: impl Fn(u32) -> bool,
) -> Option<(u32, How, &'t str)> {
    text.split(|letter| !of_name(letter))
        .filter(|word| word.len() >= 3 && !words::is_common(word))
        .take(60)
        .map(|word| (word, name(word)))
        .find(|&(word, who)| knows(who) && !is_ordinary(word, rarity))
        .map(|(_, who)| (who, How::Named, text))
}

/// `Well, …`: a word with a capital is no name yet.
fn is_title(word: &str) -> bool {
    word.bytes().skip(1).all(|byte| byte.is_ascii_lowercase())
}

/// A word that is said so often that it is not said for the name.
fn is_ordinary(word: &str, rarity: &Rarity) -> bool {
    rarity.seen(number(word)) > 3 && rarity.of(number(word)) < 4.0
}

fn manner(text: &str) -> Manner {
    let mut manner = Manner::default();
    let start = text.trim_start();
    manner.set(Manner::QUESTION, text.contains('?'));
    manner.set(Manner::URL, text.contains("://") || text.contains("www."));
    manner.set(
        Manner::SMILE,
        SMILES.iter().any(|smile| text.contains(smile)),
    );
    manner.set(Manner::COMMAND, start.starts_with(['!', '/']));
    manner.set(Manner::DOTS, text.contains("..."));
    manner.set(Manner::SMALL, start.starts_with(char::is_lowercase));
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'');
    for (place, word) in words.filter(|word| !word.is_empty()).take(12).enumerate() {
        let mut small = [0_u8; 10];
        let Some(small) = small.get_mut(..word.len()) else {
            continue;
        };
        small.copy_from_slice(word.as_bytes());
        small.make_ascii_lowercase();
        for (mark, within, words) in TELLING {
            if place < within && words.iter().any(|one| one.as_bytes() == small) {
                manner.set(mark, true);
            }
        }
    }
    manner
}

const SMILES: [&str; 9] = [":)", ":-)", ":p", ":P", ":D", ";)", ":(", "lol", "heh"];

/// Words that tell how something is meant, if they are among the first so many.
const TELLING: [(Manner, usize, &[&str]); 8] = [
    (
        Manner::GREETING,
        3,
        &[
            "hi",
            "hello",
            "hey",
            "morning",
            "evening",
            "greetings",
            "howdy",
            "hiya",
        ],
    ),
    (
        Manner::THANKS,
        12,
        &[
            "thanks", "thx", "ty", "thank", "cheers", "thankyou", "tnx", "thanx",
        ],
    ),
    (
        Manner::ASSENT,
        2,
        &[
            "yes", "yeah", "yep", "yup", "yea", "ok", "okay", "sure", "right", "true", "ah", "ahh",
            "oh", "cool", "nice", "great", "exactly", "hmm", "hm",
        ],
    ),
    (Manner::DISSENT, 2, &["no", "nope", "not", "nah", "but"]),
    (
        Manner::TO_ALL,
        8,
        &[
            "anyone", "anybody", "someone", "somebody", "everyone", "guys", "folks", "all",
        ],
    ),
    (
        Manner::ASKING,
        2,
        &[
            "how", "what", "where", "why", "who", "when", "which", "whats", "what's", "is", "can",
            "does", "do", "are", "could",
        ],
    ),
    (
        Manner::OF_ONESELF,
        5,
        &["i", "i'm", "im", "my", "i've", "me"],
    ),
    (
        Manner::LINKING,
        1,
        &[
            "and", "so", "then", "it", "that", "or", "because", "also", "just",
        ],
    ),
];
