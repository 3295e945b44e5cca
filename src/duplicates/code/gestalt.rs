//! What two pieces of code have in common in one order, the longest run first
//! (Ratcliff and Metzener, "Pattern Matching: The Gestalt Approach", 1988).
//!
//! A longest common subsequence picks single signs out of anything that is said again and again; this does not.

/// What no word is: what stands only in the other piece, and what fills up the last lane.
pub(super) const ELSEWHERE: u16 = u16::MAX - 1;
const NONE: u16 = u16::MAX;

/// So many places of `b` are looked at in one step.
const LANES: usize = 16;

/// Room that is used again for every pair.
#[derive(Debug, Default)]
pub(super) struct Gestalt {
    /// How long the run is that ends at each place of `b`, from the second on: at one place of `a`, and at the next.
    runs: [Vec<u16>; 2],
    filled_up: Vec<u16>,
    /// The stretches of both that are still to be looked at.
    open: Vec<Stretch>,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    a: (usize, usize),
    b: (usize, usize),
}

impl Stretch {
    const fn at_most(self) -> usize {
        let (a, b) = (self.a.1 - self.a.0, self.b.1 - self.b.0);
        if a < b { a } else { b }
    }
}

impl Gestalt {
    /// Whether the runs consist of so many words, together. Equal words are equal numbers.
    pub(super) fn is_common(&mut self, a: &[u16], b: &[u16], enough: usize) -> bool {
        let all = Stretch {
            a: (0, a.len()),
            b: (0, b.len()),
        };
        let (mut common, mut possible) = (0, all.at_most());
        self.open.clear();
        self.open.push(all);
        while common < enough && common + possible >= enough {
            let Some(stretch) = self.open.pop() else {
                return false;
            };
            possible -= stretch.at_most();
            let (in_a, in_b) = (stretch.a.0..stretch.a.1, stretch.b.0..stretch.b.1);
            let (at_a, at_b, length) = self.longest(&a[in_a], &b[in_b]);
            if length == 0 {
                continue;
            }
            common += length;
            let (at_a, at_b) = (stretch.a.0 + at_a, stretch.b.0 + at_b);
            let before = Stretch {
                a: (stretch.a.0, at_a),
                b: (stretch.b.0, at_b),
            };
            let after = Stretch {
                a: (at_a + length, stretch.a.1),
                b: (at_b + length, stretch.b.1),
            };
            possible += before.at_most() + after.at_most();
            self.open.extend([before, after]);
        }
        common >= enough
    }

    /// The longest run of both: where it begins in each, and its length; of equal ones the first.
    fn longest(&mut self, a: &[u16], b: &[u16]) -> (usize, usize, usize) {
        self.filled_up.clear();
        self.filled_up.extend(b);
        self.filled_up.resize(b.len().next_multiple_of(LANES), NONE);
        let others = self.filled_up.as_chunks::<LANES>().0;
        let [before, now] = &mut self.runs;
        for runs in [&mut *before, &mut *now] {
            runs.clear();
            runs.resize(self.filled_up.len() + 1, 0);
        }
        let mut longest = (0, 0, 0);
        for (i, word) in a.iter().enumerate() {
            let lasts = before.as_chunks::<LANES>().0.iter();
            let runs = now[1..].as_chunks_mut::<LANES>().0;
            let mut most = [0; LANES];
            for ((runs, lasts), others) in runs.iter_mut().zip(lasts).zip(others) {
                for lane in 0..LANES {
                    let all_if_same = 0_u16.wrapping_sub(u16::from(*word == others[lane]));
                    runs[lane] = (lasts[lane] + 1) & all_if_same;
                    most[lane] = most[lane].max(runs[lane]);
                }
            }
            let most = most.into_iter().max().unwrap_or(0);
            let length = usize::from(most);
            if length > longest.2 {
                let end = now.iter().position(|it| *it == most).unwrap_or(0);
                longest = (i + 1 - length, end - length, length);
            }
            std::mem::swap(before, now);
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(a: &str, b: &str) -> usize {
        let words = |text: &str| text.bytes().map(u16::from).collect::<Vec<u16>>();
        let (a, b) = (words(a), words(b));
        let is_common = |enough: &usize| Gestalt::default().is_common(&a, &b, *enough);
        (1..=a.len().max(b.len()) + 1).take_while(is_common).count()
    }

    #[test]
    fn the_longest_run_first_then_what_is_before_and_after_it() {
        assert_eq!(common("abcxdef", "abcydef"), 6);
        assert_eq!(common("", "abc"), 0);
        assert_eq!(common("xyz", "abc"), 0);
        assert_eq!(common("abcd", "abcd"), 4);
    }

    #[test]
    fn what_the_longest_run_has_parted_is_not_put_together_again() {
        // The longest common subsequence would be `1234`.
        assert_eq!(common("xyz1a2a3a4a", "1b2b3b4bxyz"), 3);
    }
}
