//! How like two pieces of code are: the longest common subsequence of their tokens, by bit vectors
//! (Hyyrö, "Bit-parallel LCS-length computation revisited", 2004), and the names that stand at its places.

use super::gestalt::{ELSEWHERE, Gestalt};

/// Room that is used again for every pair.
#[derive(Debug, Default)]
pub(super) struct Aligner {
    gestalt: Gestalt,
    /// The words of both, as numbers from 0.
    numbers: [Vec<u16>; 2],
    /// A bit for each hash of a group of words.
    groups: Vec<u64>,
    /// Open addressing: hashes of groups of four words.
    seen: Vec<u32>,
    /// Open addressing: a word, and which row of `masks` is its.
    slots: Vec<(u32, u32)>,
    used: Vec<usize>,
    masks: Vec<u128>,
    rows: Vec<u128>,
}

const EMPTY: u32 = u32::MAX;
/// So many rows are made at once.
const MORE: usize = 31;
/// So often it is looked at whether enough can still be common.
const OFTEN: usize = 64;
/// Of one number of a row.
const BITS: usize = 128;

impl Aligner {
    fn slot(&self, word: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = (word.wrapping_mul(0x9e37_79b1) >> 7) as usize & mask;
        while self.slots[at].1 != EMPTY && self.slots[at].0 != word {
            at = (at + 1) & mask;
        }
        at
    }

    /// Where each word stands in `b`.
    fn index(&mut self, b: &[u32]) -> usize {
        let width = b.len().div_ceil(BITS);
        let mut rows = 0;
        let wanted = (b.len() * 2).next_power_of_two().max(64);
        if self.slots.len() < wanted {
            self.slots = vec![(0, EMPTY); wanted];
        } else {
            for at in self.used.drain(..) {
                self.slots[at].1 = EMPTY;
            }
        }
        self.used.clear();
        self.masks.clear();
        for (at, &word) in b.iter().enumerate() {
            let slot = self.slot(word);
            if self.slots[slot].1 == EMPTY {
                self.slots[slot] = (word, u32::try_from(rows).unwrap_or(EMPTY - 1));
                self.used.push(slot);
                rows += 1;
                if rows * width > self.masks.len() {
                    self.masks.resize((rows + MORE) * width, 0);
                }
            }
            let row = self.slots[slot].1 as usize * width;
            self.masks[row + at / BITS] |= 1 << (at % BITS);
        }
        width
    }

    /// One more word of `a`: `row` becomes the next.
    fn step(row: &mut [u128], matches: &[u128]) {
        let mut carry = false;
        for (v, &m) in row.iter_mut().zip(matches) {
            let u = *v & m;
            let (sum, over) = v.overflowing_add(u);
            let (sum, more) = sum.overflowing_add(u128::from(carry));
            carry = over || more;
            *v = sum | (*v & !m);
        }
    }

    /// All of `a`, where a row is short: it stays in registers. Told are all rows.
    fn go_through<const WIDTH: usize>(&self, a: &[u32], mut told: impl FnMut(&[u128; WIDTH])) {
        let mut row = [u128::MAX; WIDTH];
        for &word in a {
            if let Some(matches) = self.matching(word, WIDTH) {
                let mut carry = 0;
                for (v, &m) in row.iter_mut().zip(matches) {
                    let u = *v & m;
                    let (sum, over) = v.overflowing_add(u);
                    let (sum, more) = sum.overflowing_add(carry);
                    carry = u128::from(over | more);
                    *v = sum | (*v & !m);
                }
            }
            told(&row);
        }
    }

    /// The same where rows are long: no further off the diagonal than what has `least` in common
    /// (Ukkonen, "Algorithms for approximate string matching", 1985), and no longer than it can have so much.
    fn go_near(&self, a: &[u32], b: usize, row: &mut [u128], least: usize) {
        let (fewer, more) = (a.len().saturating_sub(least), b.saturating_sub(least));
        let width = row.len();
        for (at, &word) in a.iter().enumerate() {
            if at % OFTEN == 0 && zeros(row, b) + a.len() - at < least {
                return;
            }
            let first = at.saturating_sub(fewer) / BITS;
            let end = (at + more + 1).div_ceil(BITS).min(width);
            if let Some(matches) = self.matching(word, width)
                && first < end
            {
                Self::step(&mut row[first..end], &matches[first..end]);
            }
        }
    }

    fn matching(&self, word: u32, width: usize) -> Option<&[u128]> {
        let row = self.slots[self.slot(word)].1;
        let at = row as usize * width;
        (row != EMPTY).then(|| &self.masks[at..at + width])
    }

    /// The length of the longest common subsequence, or less than `least` if it is less. What both begin and end with
    /// is in it.
    pub(super) fn common(&mut self, a: &[u32], b: &[u32], least: usize) -> usize {
        let before = same(a.iter(), b.iter());
        let (a, b) = (&a[before..], &b[before..]);
        let after = same(a.iter().rev(), b.iter().rev());
        let (a, b) = (&a[..a.len() - after], &b[..b.len() - after]);
        if a.is_empty() || b.is_empty() {
            return before + after;
        }
        let width = self.index(b);
        let mut row = std::mem::take(&mut self.rows);
        row.clear();
        row.resize(width, u128::MAX);
        match width {
            1 => self.go_through::<1>(a, |now| row.copy_from_slice(now)),
            2 => self.go_through::<2>(a, |now| row.copy_from_slice(now)),
            _ => self.go_near(a, b.len(), &mut row, least.saturating_sub(before + after)),
        }
        let common = before + zeros(&row, b.len()) + after;
        self.rows = row;
        common
    }

    /// How much of `a` stands in groups of so many words that `b` has somewhere: no alignment has more in such runs.
    pub(super) fn at_most(&mut self, a: &[u32], b: &[u32], group: usize) -> usize {
        let room = (b.len() * 16).next_power_of_two().max(64);
        self.groups.clear();
        self.groups.resize(room / 64, 0);
        let groups = &mut self.groups[..];
        let bit = |hash: u32| (hash >> 7) as usize & (room - 1);
        each_group(b, group, |_, hash| {
            groups[bit(hash) / 64] |= 1 << (bit(hash) % 64);
        });
        let (mut covered, mut end) = (0, 0);
        each_group(a, group, |start, hash| {
            if groups[bit(hash) / 64] >> (bit(hash) % 64) & 1 == 1 {
                covered += start + group - end.max(start);
                end = start + group;
            }
        });
        covered
    }

    /// How many groups of four words are the first of their kind.
    pub(super) fn fours(&mut self, words: &[u32]) -> usize {
        let room = (words.len() * 2).next_power_of_two();
        self.seen.clear();
        self.seen.resize(room, 0);
        let seen = &mut self.seen[..];
        let mut fours = 0;
        each_group(words, 4, |_, hash| {
            let hash = hash | 1;
            let mut at = (hash >> 7) as usize & (room - 1);
            while seen[at] != 0 && seen[at] != hash {
                at = (at + 1) & (room - 1);
            }
            fours += usize::from(seen[at] == 0);
            seen[at] = hash;
        });
        fours
    }

    /// Whether so many words are common, the longest runs first; of pieces with less than 2^16 words.
    pub(super) fn are_in_order(&mut self, a: &[u32], b: &[u32], enough: usize) -> bool {
        if b.is_empty() {
            return enough == 0;
        }
        self.index(b);
        let mut numbers = std::mem::take(&mut self.numbers);
        for (numbers, words) in numbers.iter_mut().zip([a, b]) {
            numbers.clear();
            let number = |word: &u32| u16::try_from(self.slots[self.slot(*word)].1);
            numbers.extend(words.iter().map(|it| number(it).unwrap_or(ELSEWHERE)));
        }
        let are = self.gestalt.is_common(&numbers[0], &numbers[1], enough);
        self.numbers = numbers;
        are
    }

    /// The places of a longest common subsequence, in order.
    pub(super) fn matches(&mut self, a: &[u32], b: &[u32]) -> Vec<(usize, usize)> {
        if a.is_empty() || b.is_empty() {
            return Vec::new();
        }
        let width = self.index(b);
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        rows.resize(width, u128::MAX);
        match width {
            1 => self.go_through::<1>(a, |row| rows.extend(row)),
            2 => self.go_through::<2>(a, |row| rows.extend(row)),
            _ => {
                for (at, &word) in a.iter().enumerate() {
                    rows.extend_from_within(at * width..);
                    if let Some(matches) = self.matching(word, width) {
                        Self::step(&mut rows[(at + 1) * width..], matches);
                    }
                }
            }
        }
        let is_set = |i: usize, j: usize| rows[i * width + j / BITS] >> (j % BITS) & 1 == 1;
        let (mut i, mut j) = (a.len(), b.len());
        let mut matches = Vec::new();
        while i > 0 && j > 0 {
            if is_set(i, j - 1) {
                j -= 1;
            } else if !is_set(i - 1, j - 1) {
                i -= 1;
            } else {
                i -= 1;
                j -= 1;
                matches.push((i, j));
            }
        }
        self.rows = rows;
        matches.reverse();
        matches
    }
}

/// Where each group of so many words begins, and its hash: of the one before it the first goes and the next comes
/// (Karp and Rabin, 1987).
pub(super) fn each_group(words: &[u32], group: usize, mut told: impl FnMut(usize, u32)) {
    const BASE: u32 = 0x9e37_79b1;
    let gone = (0..group).fold(BASE, |power, _| power.wrapping_mul(BASE));
    let mut hash = 0_u32;
    for (at, word) in words.iter().enumerate() {
        hash = (hash.wrapping_add(*word)).wrapping_mul(BASE);
        if at >= group {
            hash = hash.wrapping_sub(words[at - group].wrapping_mul(gone));
        }
        if at + 1 >= group {
            told(at + 1 - group, hash);
        }
    }
}

fn same<'w>(a: impl Iterator<Item = &'w u32>, b: impl Iterator<Item = &'w u32>) -> usize {
    a.zip(b).take_while(|(x, y)| x == y).count()
}

fn zeros(row: &[u128], bits: usize) -> usize {
    let zeros: usize = row.iter().map(|it| it.count_zeros() as usize).sum();
    // Bits above the last are never cleared by a match; a carry may clear them.
    let spare = row.len() * BITS - bits;
    let last = row.last().copied().unwrap_or(u128::MAX);
    let above = if spare == 0 {
        0
    } else {
        (last >> (BITS - spare)).count_zeros() as usize - (BITS - spare)
    };
    zeros - above
}

/// Of two lengths and what they have in common: 1 is the same.
#[expect(clippy::cast_precision_loss, reason = "tokens of a file are few")]
pub(super) fn ratio(common: usize, a: usize, b: usize) -> f64 {
    if a + b == 0 {
        return 1.0;
    }
    2.0 * common as f64 / (a + b) as f64
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// By the textbook's table.
    fn longest(a: &[u32], b: &[u32]) -> usize {
        let mut row = vec![0; b.len() + 1];
        for x in a {
            let mut corner = 0;
            for (j, y) in b.iter().enumerate() {
                let above = row[j + 1];
                row[j + 1] = if x == y {
                    corner + 1
                } else {
                    above.max(row[j])
                };
                corner = above;
            }
        }
        row[b.len()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Rows of one, of two and of more numbers.
        #[test]
        fn from_what_is_asked_for_on_the_common_length_is_the_longest(
            a in vec(0..12_u32, 0..500),
            more in vec(0..12_u32, 0..120),
            every in 2..40_usize,
            share in 0..110_usize,
        ) {
            let edited = |at: usize, word: u32| {
                let other = more.get(at / every).filter(|_| at.is_multiple_of(every));
                other.map_or(vec![word], |other| vec![*other; at % 3])
            };
            let b: Vec<u32> = (0..).zip(&a).flat_map(|(at, word)| edited(at, *word)).collect();
            let (common, least) = (longest(&a, &b), a.len() * share / 100);
            let told = Aligner::default().common(&a, &b, least);
            if common >= least {
                prop_assert_eq!(told, common);
            } else {
                prop_assert!(told < least, "{} of {}", told, common);
            }
            let matches = Aligner::default().matches(&a, &b);
            prop_assert_eq!(matches.len(), common);
            prop_assert!(matches.iter().all(|it| a[it.0] == b[it.1]));
            prop_assert!(matches.is_sorted_by(|x, y| x.0 < y.0 && x.1 < y.1));
        }
    }
}
