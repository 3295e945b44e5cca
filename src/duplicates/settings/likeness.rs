//! How like two blocks are: what they share, weighed by how much it tells, over what both hold.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::blocks::{Block, Catalogue, Seen, folded};

/// A key that is spelled otherwise, as a slip of the pen: less is another key.
const LEAST_LIKE_KEYS: f64 = 0.6;
/// What the same value under another spelling counts.
const RESPELLED: f64 = 0.9;
/// What a key with another value counts: a schema is no copy.
const SAME_KEY: f64 = 0.15;
/// What it counts more if the values are like each other.
const LIKE_VALUE: f64 = 0.35;
const LEAST_LIKE_VALUES: f64 = 0.8;
/// What is left of a setting that everybody has.
const LEAST_WEIGHT: f64 = 0.5;
/// Longer texts are not compared letter by letter.
const LONGEST_VALUE: usize = 120;
/// More settings without a partner are not looked at one by one.
const MOST_LEFT: usize = 48;

/// What a block says, weighed.
pub(super) struct Said {
    pub(super) seen: Vec<Seen>,
    weights: Vec<f64>,
    pub(super) weight: f64,
}

/// In how many files a setting is.
pub(super) struct Commonness(HashMap<u64, u32, FixedState>);

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likeness {
    pub(super) score: f64,
    /// All values of one are in the other; keys are spelled otherwise.
    pub(super) renamed: bool,
}

impl Commonness {
    pub(super) fn of(catalogue: &Catalogue) -> Self {
        let mut places: Vec<(u64, usize)> = catalogue
            .leaves
            .iter()
            .map(|leaf| (leaf.stem, leaf.file))
            .collect();
        places.sort_unstable();
        places.dedup();
        let mut files = HashMap::default();
        for (stem, _) in places {
            *files.entry(stem).or_default() += 1;
        }
        Self(files)
    }

    /// What everybody writes says less about a copy: six tenths in a dozen files, a half at most.
    fn weigh(&self, stem: u64) -> f64 {
        let files = f64::from(self.0.get(&stem).copied().unwrap_or(1));
        (1.0 / (1.0 + 0.25 * (files / 2.0).max(1.0).log2())).max(LEAST_WEIGHT)
    }
}

impl Said {
    pub(super) fn by(block: &Block, catalogue: &Catalogue, common: &Commonness) -> Self {
        let seen = catalogue.seen(block);
        let weigh = |seen: &Seen| {
            let leaf = &catalogue.leaves[seen.leaf];
            leaf.weight * common.weigh(leaf.stem)
        };
        let weights: Vec<f64> = seen.iter().map(weigh).collect();
        let weight = weights.iter().sum();
        Self {
            seen,
            weights,
            weight,
        }
    }
}

/// The likeness of two, if it can reach `least`.
pub(super) fn likeness(
    one: &Said,
    other: &Said,
    catalogue: &Catalogue,
    least: f64,
) -> Option<Likeness> {
    let mut shared = Shared::of(one, other, catalogue);
    // What both only name is written once, elsewhere.
    let both = one.weight + other.weight - shared.borrowed;
    if 2.0 * (shared.weight + shared.left.0.min(shared.left.1)) < least * both {
        return None;
    }
    let exact = shared.weight;
    let respelled = shared.respelled(one, other, catalogue);
    let renamed = shared.one.is_empty() && shared.other.is_empty();
    let at_most = (SAME_KEY + LIKE_VALUE) * shared.left.0.min(shared.left.1);
    if 2.0 * (exact + respelled + at_most) < least * both {
        return None;
    }
    let same_key = shared.same_key(one, other, catalogue);
    let score = 2.0 * (exact + respelled + same_key) / both;
    (score >= least).then(|| Likeness {
        score: score.min(0.99),
        renamed,
    })
}

/// What two share as it stands, and which of their settings have no partner.
struct Shared {
    weight: f64,
    /// Of what both have through an alias.
    borrowed: f64,
    left: (f64, f64),
    one: Vec<usize>,
    other: Vec<usize>,
}

impl Shared {
    fn of(one: &Said, other: &Said, catalogue: &Catalogue) -> Self {
        let borrowed = |seen: Seen| catalogue.leaves[seen.leaf].borrowed;
        let mut shared = Self {
            weight: 0.0,
            borrowed: 0.0,
            left: (0.0, 0.0),
            one: Vec::new(),
            other: Vec::new(),
        };
        let (mut at, mut with) = (0, 0);
        while at < one.seen.len() || with < other.seen.len() {
            let (left, right) = (one.seen.get(at), other.seen.get(with));
            let order = match (left, right) {
                (Some(left), Some(right)) => left.whole.cmp(&right.whole),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, _) => std::cmp::Ordering::Greater,
            };
            if order.is_eq() && borrowed(one.seen[at]) && borrowed(other.seen[with]) {
                shared.borrowed += one.weights[at] + other.weights[with];
            } else if order.is_eq() {
                shared.weight += one.weights[at].min(other.weights[with]);
            } else if order.is_lt() {
                shared.left.0 += one.weights[at];
                shared.one.push(at);
            } else {
                shared.left.1 += other.weights[with];
                shared.other.push(with);
            }
            at += usize::from(order.is_le());
            with += usize::from(order.is_ge());
        }
        shared
    }

    /// The same value under a key that is spelled like the other.
    fn respelled(&mut self, one: &Said, other: &Said, catalogue: &Catalogue) -> f64 {
        self.pair(|at, with| {
            let (left, right) = (one.seen[at].leaf, other.seen[with].leaf);
            let (left, right) = (&catalogue.leaves[left], &catalogue.leaves[right]);
            if left.value != right.value {
                return None;
            }
            let keys = (
                &catalogue.keys[left.key].text,
                &catalogue.keys[right.key].text,
            );
            let like = strsim::normalized_damerau_levenshtein(&folded(keys.0), &folded(keys.1));
            let weight = one.weights[at].min(other.weights[with]);
            // Of what says little, the key has to say more.
            let least = if left.weight < 1.0 {
                0.75
            } else {
                LEAST_LIKE_KEYS
            };
            (like >= least).then_some(weight * RESPELLED)
        })
    }

    /// The same key with another value.
    fn same_key(&mut self, one: &Said, other: &Said, catalogue: &Catalogue) -> f64 {
        self.pair(|at, with| {
            let (left, right) = (one.seen[at], other.seen[with]);
            if left.path != right.path {
                return None;
            }
            let values = (
                &catalogue.leaves[left.leaf].value,
                &catalogue.leaves[right.leaf].value,
            );
            let like = like_values(values.0, values.1);
            Some(one.weights[at].min(other.weights[with]) * (SAME_KEY + LIKE_VALUE * like))
        })
    }

    /// Gives each of the one the first of the other that suits it, and takes both out.
    fn pair(&mut self, suits: impl Fn(usize, usize) -> Option<f64>) -> f64 {
        let mut sum = 0.0;
        if self.one.len() > MOST_LEFT || self.other.len() > MOST_LEFT {
            return sum;
        }
        let other = &mut self.other;
        self.one.retain(|at| {
            let found = other
                .iter()
                .enumerate()
                .find_map(|(place, with)| suits(*at, *with).map(|credit| (place, credit)));
            if let Some((place, credit)) = found {
                other.remove(place);
                sum += credit;
            }
            found.is_none()
        });
        sum
    }
}

/// Nothing for numbers: 8080 and 8081 are two ports.
fn like_values(one: &str, other: &str) -> f64 {
    let (shorter, longer) = (one.len().min(other.len()), one.len().max(other.len()));
    // A difference in length alone takes a fifth away.
    let hopeless = longer > LONGEST_VALUE || 4 * longer > 5 * shorter + 4;
    if hopeless || shorter < 4 || one.parse::<f64>().is_ok() {
        return 0.0;
    }
    let like = strsim::normalized_levenshtein(one, other);
    if like >= LEAST_LIKE_VALUES { like } else { 0.0 }
}
