//! What two places have in common at least: groups of tokens, blinded so that renaming keeps them, of which each
//! neighbourhood keeps the least (winnowing: Schleimer, Wilkerson and Aiken, 2003).

use super::blocks::Plan;
use super::tokens::{Sort, Tokens};

/// Tokens of a seed.
pub(super) const LENGTH: usize = 11;
/// Of so many neighbours one is kept.
const NEIGHBOURS: usize = 6;
/// Of longer ones, which fewer places have.
const LONG: usize = 24;
const LONG_NEIGHBOURS: usize = 8;
/// A place is paired with so many later ones that say the same.
const MOST: usize = 12;
/// A group with fewer different signs is a table's.
const SIGNS: u32 = 5;

/// A seed, and the token that it begins with.
pub(super) fn seeds(tokens: &Tokens, plan: &Plan, blinds: bool) -> Vec<(u32, u32)> {
    let codes = if blinds { codes(tokens) } else { raw(tokens) };
    let mut short: Vec<u32> = codes.windows(LENGTH).map(hash).collect();
    for import in &plan.imports {
        let end = (import.1 as usize).min(short.len());
        short[(import.0 as usize).min(end)..end].fill(NONE);
    }
    let mut seeds = winnow(&short, NEIGHBOURS);
    // Where the short ones are said everywhere, longer ones are not.
    seeds.extend(winnow(&long(&codes, &short), LONG_NEIGHBOURS));
    // What is the same unblinded is rarer still: tables too.
    if blinds {
        seeds.extend(winnow(&unblinded(tokens, plan), LONG_NEIGHBOURS));
    }
    seeds.sort_unstable_by_key(|it| it.1);
    seeds
}

/// Of longer groups what they say, but for imports.
fn unblinded(tokens: &Tokens, plan: &Plan) -> Vec<u32> {
    let mut kept = vec![0; tokens.len()];
    for import in &plan.imports {
        kept[import.0 as usize..import.1 as usize].fill(NONE);
    }
    long(&raw(tokens), &kept)
}

/// Of longer groups their signs alone, where the short groups at both ends are no table's.
fn long(codes: &[Code], short: &[u32]) -> Vec<u32> {
    let mut hash = 0_u64;
    let oldest = (1..LONG).fold(1_u64, |power, _| power.wrapping_mul(BASE));
    let mut hashes = Vec::with_capacity(codes.len());
    for (at, code) in codes.iter().enumerate() {
        if let Some(left) = at.checked_sub(LONG) {
            hash = hash.wrapping_sub(mixed(codes[left].sign).wrapping_mul(oldest));
        }
        hash = hash.wrapping_mul(BASE).wrapping_add(mixed(code.sign));
        let Some(start) = (at + 1).checked_sub(LONG) else {
            continue;
        };
        let is_table = short[start] == NONE || short[at + 1 - LENGTH] == NONE;
        hashes.push(if is_table { NONE } else { folded(hash) });
    }
    hashes
}

const BASE: u64 = 0x9e37_79b9_7f4a_7c15;
/// No seed.
const NONE: u32 = u32::MAX;

fn mixed(sign: u32) -> u64 {
    (u64::from(sign) ^ 0x5851_f42d)
        .wrapping_mul(0x2127_599b_f432_5c37)
        .rotate_left(29)
}

#[expect(clippy::cast_possible_truncation, reason = "half of a hash is a hash")]
fn folded(hash: u64) -> u32 {
    ((hash ^ hash >> 32) as u32).min(NONE - 1)
}

/// Sign, or how far back the same name stands.
#[derive(Clone, Copy)]
struct Code {
    sign: u32,
    back: u32,
}

const NAMED: u32 = 1;

fn raw(tokens: &Tokens) -> Vec<Code> {
    tokens
        .words
        .iter()
        .map(|&sign| Code { sign, back: 0 })
        .collect()
}

fn codes(tokens: &Tokens) -> Vec<Code> {
    // The last place of a name; another of the same slot only hides it.
    let mut last = vec![(0_u32, 0_usize); 4096];
    let each = tokens.words.iter().zip(&tokens.sorts).enumerate();
    each.map(|(at, (&word, &sort))| {
        if sort != Sort::Name as u8 {
            let sign = super::tokens::blind(word, sort);
            return Code { sign, back: 0 };
        }
        let slot = &mut last[word as usize & 4095];
        let back = if slot.0 == word { at - slot.1 } else { 0 };
        *slot = (word, at);
        Code {
            sign: NAMED,
            back: u32::try_from(back).unwrap_or(0),
        }
    })
    .collect()
}

/// [`NONE`]: of a table.
fn hash(group: &[Code]) -> u32 {
    let mut hash = 0x9e37_79b9_u64;
    let mut seen = 0_u64;
    for (at, code) in group.iter().enumerate() {
        // A name that stood before this group is new to it.
        let back = if code.back as usize <= at {
            code.back
        } else {
            0
        };
        let one = u64::from(code.sign) << 8 | u64::from(back);
        hash = (hash ^ one)
            .wrapping_mul(0x2127_599b_f432_5c37)
            .rotate_left(29);
        seen |= 1 << (code.sign.wrapping_mul(0x9e37_79b1) >> 26);
    }
    if seen.count_ones() < SIGNS {
        NONE
    } else {
        folded(hash)
    }
}

fn winnow(hashes: &[u32], neighbours: usize) -> Vec<(u32, u32)> {
    let mut kept: Vec<(u32, u32)> = Vec::with_capacity(hashes.len() / 2);
    let mut last = usize::MAX;
    for from in 0..(hashes.len() + 1).saturating_sub(neighbours) {
        let window = &hashes[from..from + neighbours];
        // The last of the least, so that a run of equal ones keeps few.
        let (at, &hash) = window
            .iter()
            .enumerate()
            .rev()
            .min_by_key(|it| *it.1)
            .expect("a window is not empty");
        if hash != NONE && last != from + at {
            last = from + at;
            kept.push((hash, u32::try_from(last).unwrap_or(u32::MAX)));
        }
    }
    kept
}

/// No later place says the same.
const LAST: u32 = u32::MAX;

/// All seeds of all files, by what they say.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The seed above, its place in all files below.
    entries: Vec<u64>,
    /// Where the nth seed, in the order of places, is in `entries`, or [`LAST`].
    ranks: Vec<u32>,
    /// The first seed of each file; one more than files.
    files: Vec<usize>,
}

impl Index {
    /// Of the seeds of each file, with the place of its first token in all files.
    pub(super) fn of(seeds: Vec<Vec<(u32, u32)>>, bases: &[u32]) -> Self {
        let all = seeds.iter().map(Vec::len).sum();
        let mut index = Self {
            entries: Vec::with_capacity(all),
            ranks: vec![LAST; all],
            files: vec![0],
        };
        let mut places: Vec<u32> = Vec::with_capacity(all);
        for (seeds, base) in seeds.into_iter().zip(bases) {
            for (hash, at) in seeds {
                index
                    .entries
                    .push(u64::from(hash) << 32 | places.len() as u64);
                places.push(base + at);
            }
            index.files.push(places.len());
        }
        index.entries.sort_unstable();
        for rank in 0..all {
            let entry = index.entries[rank];
            let nth = low(entry) as usize;
            let next = index.entries.get(rank + 1);
            if next.is_some_and(|it| *it >> 32 == entry >> 32) {
                index.ranks[nth] = u32::try_from(rank).unwrap_or(LAST);
            }
            index.entries[rank] = entry >> 32 << 32 | u64::from(places[nth]);
        }
        index
    }

    /// Later places that say the same as a place of this file: the distance above, this place below.
    pub(super) fn pairs(&self, file: usize, pairs: &mut Vec<u64>) {
        pairs.clear();
        let ranks = &self.ranks[self.files[file]..self.files[file + 1]];
        for rank in ranks.iter().filter(|it| **it != LAST) {
            let all = &self.entries[*rank as usize..];
            let own = all[0];
            let later = all[1..].iter().take(MOST);
            let later = later.take_while(|it| *it >> 32 == own >> 32);
            pairs.extend(later.map(|it| (*it - own) << 32 | u64::from(low(own))));
        }
        pairs.sort_unstable();
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
pub(super) const fn low(pair: u64) -> u32 {
    pair as u32
}
