//! How much a document answers a question. Pure: numbers in, numbers out.

// Fitted on subjects of commits that ask for the issue they close, each half of them checked on the other, and on first
// sentences that ask for the rest of their texts: what did well on all of them in a wide range stands near its middle.

/// How soon more of the same word adds nothing.
const K1: f32 = 1.6;
/// How much the length of a document counts against it.
const B: f32 = 0.4;
/// The length at which it counts neither way, in words. Not the mean of what is held: short lines of logs would make
/// every issue among them a long one, and a sum that was written would depend on what came later.
const USUAL_LENGTH: f32 = 25.0;
/// What a token as a whole counts beside its parts.
pub(super) const WHOLE: f64 = 0.8;
/// What a word counts that says what is done, not to what: `add`, `fix`.
pub(super) const ACTION: f64 = 0.4;
/// What a word of the question adds where it stands at the very beginning of a document, in shares of its weight: what a
/// text is about it says early. It falls with the root of the place, counted in so many words.
const EARLY: f32 = 0.8;
const EARLY_STEP: f32 = 2.0;
/// What two words that follow one another in the question add where they do so in a document, in shares of both weights;
/// at twice the distance half as much. The other way round is twice as far.
const TOGETHER: f32 = 0.1;
const FARTHEST: u32 = 8;
/// What a neighbour gives of its own score at most. Not fitted: what is tied to what, and how strongly, the caller says.
const NEIGHBOUR: f32 = 0.15;
/// Of so many words in both at least, fragments are told as one.
const SAME: f64 = 0.9;
/// Then at most one word in so many is in one of them alone: one in nine is a tenth of all.
const APART: usize = 8;

/// A term of a question counts in these: sums of whole numbers are the same in any order, so that a bound is one.
const SCALE: f64 = 4096.0;

/// What a term adds to the score of a document of so many words in which it stands so often, in 255ths.
pub(super) fn impact(often: u32, words: u32) -> u8 {
    #[expect(clippy::cast_precision_loss, reason = "beyond 2^24 it is much of it")]
    let (often, words) = (often as f32, words as f32);
    let share = often / (often + K1 * (1.0 - B + B * words / USUAL_LENGTH));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 255"
    )]
    let impact = (share * 255.0).round() as u8;
    impact.max(1)
}

/// How telling a term is that so many of all documents hold.
pub(super) fn rarity(holding: u64, all: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "beyond 2^52 it is much of it")]
    let (holding, all) = (holding as f64, all.max(holding) as f64);
    ((all - holding + 0.5) / (holding + 0.5)).ln_1p()
}

/// The factor of impacts in the sum.
pub(super) fn factor(weight: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rarity is below 100"
    )]
    let factor = (weight * SCALE).round() as u32;
    factor
}

/// A sum of impacts as a score that people see.
pub(super) fn score(sum: u64) -> f32 {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "a score is no exact number"
    )]
    let score = (sum as f64 / (SCALE * 255.0)) as f32;
    score
}

/// The words of a question as documents keep them, to look at where they stand.
#[derive(Debug, Default)]
pub(super) struct Standing {
    words: Vec<Sought>,
    /// Those that follow one another in the question.
    pairs: Vec<Pair>,
    /// Bits of all words: most words of a document are none of them.
    mask: u64,
}

#[derive(Debug)]
struct Sought {
    word: u32,
    weight: f32,
    /// Pairs that it is the second of, or the first of.
    ends: Vec<usize>,
    begins: Vec<usize>,
    first: Option<u32>,
    last: Option<u32>,
}

#[derive(Debug)]
struct Pair {
    one: usize,
    other: usize,
    /// In the document at hand.
    distance: u32,
}

impl Standing {
    /// `question`: words with their weights, in their order; those that no document holds weigh nothing.
    pub(super) fn new(question: impl IntoIterator<Item = (u32, f32)>) -> Self {
        let mut standing = Self::default();
        let mut before: Option<usize> = None;
        for (word, weight) in question {
            if weight <= 0.0 {
                before = None;
                continue;
            }
            let known = standing.words.iter().position(|it| it.word == word);
            let here = known.unwrap_or(standing.words.len());
            if known.is_none() {
                standing.mask |= bit(word);
                standing.words.push(Sought {
                    word,
                    weight,
                    ends: Vec::new(),
                    begins: Vec::new(),
                    first: None,
                    last: None,
                });
            }
            if let Some(before) = before
                && before != here
            {
                standing.words[before].begins.push(standing.pairs.len());
                standing.words[here].ends.push(standing.pairs.len());
                standing.pairs.push(Pair {
                    one: before,
                    other: here,
                    distance: u32::MAX,
                });
            }
            before = Some(here);
        }
        standing
    }

    /// What the places of the words in a document add to its score.
    pub(super) fn gain(&mut self, document: &[u32]) -> f32 {
        for sought in &mut self.words {
            (sought.first, sought.last) = (None, None);
        }
        for pair in &mut self.pairs {
            pair.distance = u32::MAX;
        }
        for (at, &word) in (0..).zip(document) {
            if self.mask & bit(word) != 0
                && let Some(here) = self.words.iter().position(|it| it.word == word)
            {
                self.meet(here, at);
            }
        }
        let early = self.words.iter().filter_map(|it| {
            let at = small(it.first?);
            Some(EARLY * it.weight / (1.0 + at / EARLY_STEP).sqrt())
        });
        let near = self.pairs.iter().filter(|it| it.distance <= FARTHEST);
        let near = near.map(|it| {
            let both = self.words[it.one].weight + self.words[it.other].weight;
            TOGETHER * both / small(it.distance)
        });
        early.sum::<f32>() + near.sum::<f32>()
    }

    fn meet(&mut self, here: usize, at: u32) {
        for &index in &self.words[here].ends {
            let pair = &mut self.pairs[index];
            if let Some(before) = self.words[pair.one].last {
                pair.distance = pair.distance.min(at - before);
            }
        }
        for &index in &self.words[here].begins {
            let pair = &mut self.pairs[index];
            if let Some(before) = self.words[pair.other].last {
                pair.distance = pair.distance.min(2 * (at - before));
            }
        }
        let sought = &mut self.words[here];
        sought.first.get_or_insert(at);
        sought.last = Some(at);
    }
}

fn bit(word: u32) -> u64 {
    1 << (word % 64)
}

/// A place or a distance among the words that are kept.
fn small(number: u32) -> f32 {
    f32::from(u16::try_from(number).unwrap_or(u16::MAX))
}

/// A document whose id is asked for stands above all that are not; `place` counts from the last of them.
pub(super) fn named(highest: f32, place: usize) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "a few ids")]
    let place = place as f32;
    highest + place
}

/// Of how many words of a text the most telling are looked for.
pub(super) const MOST_TOLD: usize = 4096;

/// How much a term tells of a text in which it stands so often.
pub(super) fn telling(rarity: f64, often: u32) -> f64 {
    rarity * f64::from(often).sqrt()
}

/// What a document gains from one that it is tied to so strongly (0 to 1).
pub(super) fn gain(neighbour: f32, strength: f32) -> f32 {
    NEIGHBOUR * neighbour * strength.clamp(0.0, 1.0)
}

/// Whether two fragments say the same; both are sorted and hold every word once.
pub(super) fn alike(one: &[u32], other: &[u32]) -> bool {
    let (short, long) = if one.len() <= other.len() {
        (one, other)
    } else {
        (other, one)
    };
    let share = |part: usize, of: usize| {
        #[expect(clippy::cast_precision_loss, reason = "hundreds of words")]
        let (part, of) = (part as f64, of as f64);
        part >= SAME * of
    };
    if short.is_empty() || !share(short.len(), long.len()) {
        return false;
    }
    let (mut left, mut right, mut both) = (0, 0, 0);
    while left < short.len() && right < long.len() {
        let (a, b) = (short[left], long[right]);
        both += usize::from(a == b);
        left += usize::from(a <= b);
        right += usize::from(b <= a);
        // Those in one of them alone: already too many, whatever follows.
        if left + right - 2 * both > short.len() / APART {
            return false;
        }
    }
    share(both, short.len() + long.len() - both)
}
