//! Whether two pieces of code are copies of each other, and of which sort.

use super::align::{Aligner, ratio};
use super::tokens::Sort;
use crate::duplicates::Sameness;

/// A piece of code: the same places of all lists.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'t> {
    pub(super) words: &'t [u32],
    pub(super) sorts: &'t [u8],
    /// The words, names and literals blinded.
    pub(super) blind: &'t [u32],
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likeness {
    pub(super) kind: Sameness,
    pub(super) similarity: f64,
    /// How much of each is not said again and again.
    pub(super) variety: f64,
}

/// From here on, what the two say is the same code edited.
pub(super) const SIMILAR: f64 = 0.70;
/// Statements that are no whole function must be more alike: where they begin and end is our choice.
pub(super) const PIECE: f64 = 0.76;
/// What is the same counts in such runs; single signs stand in any code.
const PAIRS: usize = 2;
const RUN: usize = 3;
const LONG_RUN: usize = 6;
/// The same for what is left when names are blinded, in runs and in long runs…
const BLIND: f64 = 0.78;
const BLIND_LONG: f64 = 0.68;
/// …if the names go together so often and so much is the same unblinded,
const TOGETHER: f64 = 0.75;
const UNBLINDED: f64 = 0.52;
/// and, of the groups of four signs, so many differ; what differs less is a table.
const VARIED: f64 = 0.36;
/// The same shape may vary less, if so much is the same unblinded.
const SAME_SHAPE: (f64, f64) = (0.2, 0.62);
/// A table must be the same unblinded, and so much.
const SAME_TABLE: f64 = 0.84;
/// What varies less than this is looked at once more…
const CLEAR: f64 = 0.7;
/// …so much must be the same in runs, the longest first, unblinded or, if it varies so much, blinded.
const IN_ORDER: (f64, f64) = (0.60, 0.80);
const BLINDED: f64 = 0.42;
/// Longer pieces are not alike by chance.
const LONG: usize = 250;
/// So short pieces are alike by chance, and must be more so.
const SHORT: usize = 70;
const MORE: f64 = 0.05;
/// Nothing else than the same.
pub(super) const EXACT: f64 = 1.0;
/// The longest pieces that are compared otherwise than whole.
pub(super) const LONGEST: usize = 20_000;

pub(super) fn compare(a: Piece, b: Piece, enough: f64, aligner: &mut Aligner) -> Option<Likeness> {
    let (n, m) = (a.words.len(), b.words.len());
    if a.words == b.words {
        return Some(Likeness {
            kind: Sameness::Exact,
            similarity: 1.0,
            variety: 1.0,
        });
    }
    if enough >= EXACT || n > LONGEST || m > LONGEST || !may_be_alike(n, m) {
        return None;
    }
    if a.blind == b.blind {
        renamed(a, b, aligner)
    } else {
        edited(a, b, enough, aligner)
    }
}

/// The same but for names and literals.
fn renamed(a: Piece, b: Piece, aligner: &mut Aligner) -> Option<Likeness> {
    let all = a.words.len();
    let variety = variety(a.blind, aligner);
    let least = match variety {
        VARIED.. => 0.0,
        it if it >= SAME_SHAPE.0 => SAME_SHAPE.1,
        _ => SAME_TABLE,
    };
    let raw = aligner.common(a.words, b.words, part(2 * all, least));
    let raw = ratio(raw, all, all);
    if raw < least {
        return None;
    }
    let matches: Vec<(usize, usize)> = (0..all).map(|it| (it, it)).collect();
    let together = together(a, b, &matches);
    (together >= TOGETHER).then_some(Likeness {
        kind: Sameness::Renamed,
        similarity: raw.max(together).min(0.999),
        variety,
    })
}

/// The same but for edits, renamed or not. What no alignment can reach is not aligned.
fn edited(a: Piece, b: Piece, enough: f64, aligner: &mut Aligner) -> Option<Likeness> {
    let (n, m) = (a.words.len(), b.words.len());
    let most_raw = ratio(aligner.at_most(a.words, b.words, PAIRS), n, m);
    let most_blind = ratio(aligner.at_most(a.blind, b.blind, LONG_RUN), n, m);
    let may_be_renamed = most_blind >= BLIND_LONG;
    if most_raw < enough && !may_be_renamed {
        return None;
    }
    let variety = variety(a.blind, aligner).min(variety(b.blind, aligner));
    let is_table = variety < VARIED;
    let may_be_renamed = may_be_renamed && !is_table;
    let more = if n.min(m) < SHORT { MORE } else { 0.0 };
    let enough = if is_table { SAME_TABLE } else { enough + more };
    if most_raw < enough && !may_be_renamed {
        return None;
    }
    let least = if may_be_renamed { UNBLINDED } else { enough };
    let raw = ratio(aligner.common(a.words, b.words, part(n + m, least)), n, m);
    if raw < least {
        return None;
    }
    let similar = |similarity| Likeness {
        kind: Sameness::Similar,
        similarity,
        variety,
    };
    if raw >= enough {
        let raw = ratio(in_runs(&aligner.matches(a.words, b.words), PAIRS), n, m);
        if raw >= enough {
            return Some(similar(raw));
        }
    }
    if !may_be_renamed {
        return None;
    }
    let matches = aligner.matches(a.blind, b.blind);
    let alike = ratio(in_runs(&matches, RUN), n, m);
    if alike < BLIND + more || ratio(in_runs(&matches, LONG_RUN), n, m) < BLIND_LONG {
        return None;
    }
    let together = together(a, b, &matches);
    (together >= TOGETHER).then(|| similar(raw.max(alike * together).min(0.999)))
}

/// Whether pieces of so many words can be.
pub(super) fn may_be_alike(n: usize, m: usize) -> bool {
    ratio(n.min(m), n, m) >= SIMILAR
}

/// Whether much of two that are alike is the same when the longest runs come first: in a table all stands somewhere.
pub(super) fn are_in_order(a: Piece, b: Piece, like: Likeness, aligner: &mut Aligner) -> bool {
    let both = a.words.len() + b.words.len();
    let is_renamed = like.kind == Sameness::Renamed && like.variety >= VARIED;
    if is_renamed || like.variety >= CLEAR || both >= 2 * LONG {
        return true;
    }
    aligner.are_in_order(a.words, b.words, part(both, IN_ORDER.0))
        || like.variety >= BLINDED && aligner.are_in_order(a.blind, b.blind, part(both, IN_ORDER.1))
}

/// So many words of either are this share of both.
#[expect(clippy::cast_precision_loss, reason = "tokens of a file are few")]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a length"
)]
fn part(both: usize, share: f64) -> usize {
    (both as f64 * share / 2.0).ceil() as usize
}

/// Matches that stand beside so many others.
fn in_runs(matches: &[(usize, usize)], least: usize) -> usize {
    let runs = matches.chunk_by(|a, b| a.0 + 1 == b.0 && a.1 + 1 == b.1);
    runs.map(<[_]>::len).filter(|it| *it >= least).sum()
}

/// How much of the blinded code is not said again and again.
#[expect(clippy::cast_precision_loss, reason = "tokens of a file are few")]
fn variety(blind: &[u32], aligner: &mut Aligner) -> f64 {
    let all = blind.len().saturating_sub(3).max(1);
    aligner.fours(blind) as f64 / all as f64
}

/// Of the names at common places, how many stand beside the name that they mostly stand beside.
#[expect(clippy::cast_precision_loss, reason = "tokens of a file are few")]
fn together(a: Piece, b: Piece, matches: &[(usize, usize)]) -> f64 {
    let is_name = |sort: u8| sort == Sort::Name as u8 || sort == Sort::Member as u8;
    let names = matches.iter().filter(|it| is_name(a.sorts[it.0]));
    let mut pairs: Vec<(u32, u32)> = names.map(|it| (a.words[it.0], b.words[it.1])).collect();
    if pairs.is_empty() {
        return 0.0;
    }
    pairs.sort_unstable();
    let mut best = 0;
    for of_one in pairs.chunk_by(|x, y| x.0 == y.0) {
        best += of_one
            .chunk_by(|x, y| x.1 == y.1)
            .map(<[_]>::len)
            .max()
            .unwrap_or(0);
    }
    best as f64 / pairs.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_alignment_has_more_in_runs_than_it_can_have_at_most(
            a in vec(0..6_u32, 0..90),
            b in vec(0..6_u32, 0..90),
            least in 1..7_usize,
        ) {
            let mut aligner = Aligner::default();
            let most = aligner.at_most(&a, &b, least);
            let aligned = in_runs(&aligner.matches(&a, &b), least);
            prop_assert!(aligned <= most, "{} of {}", aligned, most);
            prop_assert!(most <= a.len());
        }
    }
}
