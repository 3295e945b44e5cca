//! Words of a text as numbers, and how rare each of them is.

use std::cmp::Ordering;

use xxhash_rust::xxh3::xxh3_64;

use super::bytes::keep_fields;

/// As many places for counts as there are; two words that share one are taken for equally frequent.
const PLACES: usize = 1 << 15;
/// When so many texts were counted, all counts are halved: what was said long ago counts less.
const GENERATION: u32 = 1 << 17;
/// What lies behind the beginning of a long text does not say what it is about.
const READ: usize = 1200;
/// The most words that are kept of a text.
const KEPT: usize = 24;
const LONGEST: usize = 40;
/// As many words as are read of a first line.
const HEAD: usize = 12;
/// As many pairs of words are read.
const PAIRS: usize = 31;

/// In how many texts a word was.
pub(super) struct Rarity {
    counts: Vec<u32>,
    texts: u32,
}
keep_fields!(Rarity { counts, texts });

impl Default for Rarity {
    fn default() -> Self {
        Self {
            counts: vec![0; PLACES],
            texts: 0,
        }
    }
}

impl Rarity {
    pub(super) fn count(&mut self, words: &[u32]) {
        for &word in words {
            if let Some(count) = self.counts.get_mut(place(word)) {
                *count = count.saturating_add(1);
            }
        }
        self.texts += 1;
        if self.texts >= GENERATION {
            self.texts /= 2;
            self.counts.iter_mut().for_each(|count| *count /= 2);
        }
    }

    /// Inverse document frequency. At the beginning, when nothing is known yet, no word counts as very rare.
    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^24")]
    pub(super) fn of(&self, word: u32) -> f32 {
        let count = self.counts.get(place(word)).copied().unwrap_or(0);
        ((self.texts as f32 + 200.0) / (count as f32 + 1.0)).ln()
    }

    /// How much the words that both lists hold say together, and the rarest of them. Both are sorted.
    pub(super) fn shared(&self, one: &Words, other: &Words) -> (f32, f32) {
        let (mut sum, mut rarest) = (0.0, 0.0_f32);
        if one.bits & other.bits == 0 {
            return (sum, rarest);
        }
        let (mut left, mut right) = (&*one.list, &*other.list);
        while let (Some((a, rest)), Some((b, others))) = (left.split_first(), right.split_first()) {
            match a.cmp(b) {
                Ordering::Less => left = rest,
                Ordering::Greater => right = others,
                Ordering::Equal => {
                    let rare = self.of(*a);
                    sum += rare;
                    rarest = rarest.max(rare);
                    (left, right) = (rest, others);
                }
            }
        }
        (sum, rarest)
    }

    /// How much all of the words say.
    pub(super) fn all(&self, words: &Words) -> f32 {
        words.list.iter().map(|&word| self.of(word)).sum()
    }

    pub(super) fn seen(&self, word: u32) -> u32 {
        self.counts.get(place(word)).copied().unwrap_or(0)
    }

    pub(super) fn sound(&self) -> bool {
        self.counts.len() == PLACES && self.texts < GENERATION
    }
}

fn place(word: u32) -> usize {
    usize::try_from(word).unwrap_or(0) % PLACES
}

/// A name or word as a number, without regard to case.
#[expect(clippy::cast_possible_truncation, reason = "the lower half of a hash")]
pub(super) fn number(word: &str) -> u32 {
    let mut small = [0_u8; LONGEST];
    let len = word.len().min(LONGEST);
    small[..len].copy_from_slice(&word.as_bytes()[..len]);
    small[..len].make_ascii_lowercase();
    // Nought stands for nobody.
    (xxh3_64(&small[..len]) as u32).max(1)
}

/// Words that say something, sorted, each once.
#[derive(Default)]
pub(super) struct Words {
    pub(super) list: Vec<u32>,
    /// A bit for every word: what shares no bit shares no word.
    bits: u64,
}
keep_fields!(Words { list, bits });

impl Words {
    fn of(mut list: Vec<u32>) -> Self {
        list.sort_unstable();
        list.dedup();
        list.truncate(KEPT);
        let bits = list.iter().fold(0, |bits, word| bits | 1 << (word % 64));
        Self { list, bits }
    }
}

/// The words of a text that say something, without numbers.
pub(super) fn of(text: &str) -> Words {
    let words = text[..whole_letters(text, READ)]
        .split(|letter: char| !letter.is_alphanumeric() && letter != '\'')
        .map(|word| word.trim_matches('\''))
        .filter(|word| {
            word.len() >= 3 && !word.bytes().any(|byte| byte.is_ascii_digit()) && !is_common(word)
        });
    let mut list = Vec::with_capacity(KEPT);
    list.extend(words.take(KEPT * 2).map(|word| number(stem(word))));
    Words::of(list)
}

/// A whole text as a number.
#[expect(clippy::cast_possible_truncation, reason = "the lower half of a hash")]
pub(super) fn whole(text: &str) -> u32 {
    xxh3_64(text.as_bytes()) as u32
}

/// What an event says: the words of its first line, numbers among them; the words of all of it; and every two words that
/// stand beside one another at its beginning. A number by itself says nothing.
pub(super) fn read(text: &str) -> (Words, Words, Vec<u32>) {
    let text = &text[..whole_letters(text, READ)];
    let line = text.find('\n').unwrap_or(text.len());
    let (mut head, mut list) = (Vec::with_capacity(HEAD), Vec::with_capacity(KEPT * 2));
    let mut pairs = Vec::with_capacity(PAIRS);
    let (mut before, mut at) = (0, 0);
    for bytes in text.as_bytes().split(|&byte| !is_inside(byte)) {
        let start = at;
        at += bytes.len() + 1;
        let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        if bytes.len() == digits {
            continue;
        }
        // Marks are ASCII, so that words are cut between whole letters.
        let word = text.get(start..start + bytes.len()).unwrap_or_default();
        let full = number(word);
        if before != 0 && pairs.len() < PAIRS {
            pairs.push(before_and(before, full));
        }
        before = full;
        if word.len() < 3 || is_common(word) {
            continue;
        }
        let stem = stem(word);
        let stemmed = if stem.len() == word.len() {
            full
        } else {
            number(stem)
        };
        if start < line && head.len() < HEAD {
            head.push(stemmed);
        }
        if digits == 0 {
            list.push(stemmed);
        }
        if list.len() == KEPT * 2 {
            break;
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    (Words::of(head), Words::of(list), pairs)
}

fn before_and(before: u32, word: u32) -> u32 {
    before.rotate_left(7) ^ word
}

fn is_inside(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'\'' || byte == b'_' || byte >= 0x80
}

/// The last end of a letter that is not beyond `most` bytes.
fn whole_letters(text: &str, most: usize) -> usize {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// Without the commonest English endings, where enough of the word remains.
fn stem(word: &str) -> &str {
    let long = word.len();
    for (ending, least) in [
        ("'s", 3),
        ("ing", 6),
        ("ies", 5),
        ("ed", 5),
        ("es", 5),
        ("s", 4),
    ] {
        if long >= least && word.ends_with(ending) && !word.ends_with("ss") {
            return &word[..long - ending.len()];
        }
    }
    word
}

/// Sorted. Words that say nothing of what a text is about.
const COMMON: [&str; 140] = [
    "about",
    "actually",
    "after",
    "again",
    "all",
    "also",
    "although",
    "always",
    "and",
    "another",
    "any",
    "anybody",
    "anyone",
    "anything",
    "are",
    "aren't",
    "back",
    "because",
    "been",
    "before",
    "being",
    "but",
    "can",
    "can't",
    "cannot",
    "could",
    "did",
    "didn't",
    "does",
    "doesn't",
    "doing",
    "don't",
    "done",
    "dont",
    "down",
    "each",
    "else",
    "even",
    "every",
    "for",
    "from",
    "get",
    "getting",
    "give",
    "going",
    "gonna",
    "good",
    "got",
    "had",
    "has",
    "have",
    "haven't",
    "having",
    "hello",
    "help",
    "her",
    "here",
    "hey",
    "him",
    "his",
    "how",
    "i'm",
    "into",
    "isn't",
    "it's",
    "its",
    "just",
    "know",
    "like",
    "make",
    "many",
    "maybe",
    "more",
    "most",
    "much",
    "need",
    "not",
    "nothing",
    "now",
    "off",
    "okay",
    "one",
    "only",
    "other",
    "our",
    "out",
    "over",
    "please",
    "really",
    "same",
    "see",
    "she",
    "should",
    "some",
    "someone",
    "something",
    "still",
    "such",
    "sure",
    "than",
    "thank",
    "thanks",
    "that",
    "that's",
    "thats",
    "the",
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "thing",
    "think",
    "this",
    "those",
    "too",
    "try",
    "use",
    "very",
    "want",
    "was",
    "way",
    "well",
    "were",
    "what",
    "when",
    "where",
    "which",
    "who",
    "why",
    "will",
    "with",
    "won't",
    "work",
    "would",
    "yeah",
    "yes",
    "you",
    "your",
];

/// Where the words of each letter begin, and where the last of them end.
const LETTERS: [usize; 27] = {
    let mut starts = [COMMON.len(); 27];
    let mut at = COMMON.len();
    while at > 0 {
        at -= 1;
        starts[(COMMON[at].as_bytes()[0] - b'a') as usize] = at;
    }
    let mut letter = 26;
    while letter > 0 {
        letter -= 1;
        if starts[letter] > starts[letter + 1] {
            starts[letter] = starts[letter + 1];
        }
    }
    starts
};

pub(super) fn is_common(word: &str) -> bool {
    let first = word
        .bytes()
        .next()
        .map_or(b' ', |first| first.to_ascii_lowercase());
    let letter = usize::from(first.wrapping_sub(b'a'));
    if letter >= 26 {
        return false;
    }
    COMMON[LETTERS[letter]..LETTERS[letter + 1]]
        .iter()
        .any(|common| common.eq_ignore_ascii_case(word))
}
