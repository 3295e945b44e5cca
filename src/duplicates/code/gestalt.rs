//! What two pieces of code have in common in one order, the longest run first
//! (Ratcliff and Metzener, "Pattern Matching: The Gestalt Approach", 1988).
//!
//! A longest common subsequence picks single signs out of anything that is said again and again; this does not.

/// What no word is: what stands only in the other piece, and what fills up the last lane.
pub(super) const ELSEWHERE: u16 = u16::MAX - 1;
const NONE: u16 = u16::MAX;

/// So many places of `b` are looked at in one step.
const LANES: usize = 16;

/// So many words of a run are looked up at once; shorter runs are looked for in what longer ones leave.
const GROUP: usize = 4;

/// Room that is used again for every pair.
#[derive(Debug, Default)]
pub(super) struct Gestalt {
    /// Open addressing: the groups of `b`, and one more than the last place of each; 0 is none.
    groups: Vec<(u64, u32)>,
    /// The same of the place before it that has the same group.
    earlier: Vec<u32>,
    /// All runs of a group and more.
    long: Vec<Run>,
    /// How long the run is that ends at each place of `b`, from the second on: at one place of `a`, and at the next.
    runs: [Vec<u16>; 2],
    filled_up: Vec<u16>,
    /// The stretches of both that are still to be looked at.
    open: Vec<Stretch>,
    /// Those that hold no long run.
    later: Vec<Stretch>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    a: usize,
    b: usize,
    length: usize,
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

    /// What is left of a run in here.
    fn part_of(self, run: &Run) -> Run {
        let before = self.a.0.saturating_sub(run.a);
        let before = before.max(self.b.0.saturating_sub(run.b));
        let in_a = self.a.1.saturating_sub(run.a);
        let end = run.length.min(in_a).min(self.b.1.saturating_sub(run.b));
        Run {
            a: run.a + before,
            b: run.b + before,
            length: end.saturating_sub(before),
        }
    }

    const fn around(self, run: Run) -> [Self; 2] {
        let before = Self {
            a: (self.a.0, run.a),
            b: (self.b.0, run.b),
        };
        let after = Self {
            a: (run.a + run.length, self.a.1),
            b: (run.b + run.length, self.b.1),
        };
        [before, after]
    }
}

impl Gestalt {
    /// Whether the runs consist of so many words, together. Equal words are equal numbers.
    pub(super) fn is_common(&mut self, a: &[u16], b: &[u16], enough: usize) -> bool {
        self.find_long(a, b);
        let all = Stretch {
            a: (0, a.len()),
            b: (0, b.len()),
        };
        let (mut common, mut possible) = (0, all.at_most());
        self.open.clear();
        self.open.push(all);
        self.later.clear();
        while common < enough && common + possible >= enough {
            let (stretch, longest) = if let Some(stretch) = self.open.pop() {
                // Most are decided before any short run is looked for.
                let Some(longest) = self.longest_long(stretch) else {
                    self.later.push(stretch);
                    continue;
                };
                (stretch, longest)
            } else if let Some(stretch) = self.later.pop() {
                (stretch, self.longest(a, b, stretch))
            } else {
                return false;
            };
            possible -= stretch.at_most();
            common += longest.length;
            if longest.length > 0 {
                let around = stretch.around(longest);
                possible += around[0].at_most() + around[1].at_most();
                self.open.extend(around);
            }
        }
        common >= enough
    }

    /// All runs of a group and more.
    fn find_long(&mut self, a: &[u16], b: &[u16]) {
        self.groups.clear();
        let room = (b.len() * 2).next_power_of_two();
        self.groups.resize(room, (0, 0));
        self.earlier.clear();
        for (at, group) in (1..).zip(b.windows(GROUP)) {
            let slot = self.slot(packed(group));
            self.earlier.push(self.groups[slot].1);
            self.groups[slot] = (packed(group), at);
        }
        self.long.clear();
        for (at, group) in a.windows(GROUP).enumerate() {
            let mut next = self.groups[self.slot(packed(group))].1;
            while let Some(other) = (next as usize).checked_sub(1) {
                next = self.earlier[other];
                // Else it is a part of one that is found already.
                if at == 0 || other == 0 || a[at - 1] != b[other - 1] {
                    let both = a[at..].iter().zip(&b[other..]);
                    self.long.push(Run {
                        a: at,
                        b: other,
                        length: both.take_while(|it| it.0 == it.1).count(),
                    });
                }
            }
        }
    }

    fn slot(&self, group: u64) -> usize {
        let mask = self.groups.len() - 1;
        let mut at = (group.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.groups[at].1 != 0 && self.groups[at].0 != group {
            at = (at + 1) & mask;
        }
        at
    }

    /// The longest of these in a stretch; of equal ones the first.
    fn longest_long(&self, stretch: Stretch) -> Option<Run> {
        let parts = self.long.iter().map(|it| stretch.part_of(it));
        let long = parts.filter(|it| it.length >= GROUP);
        long.min_by_key(|it| (std::cmp::Reverse(it.length), it.a, it.b))
    }

    /// The longest run of any length in a stretch; of equal ones the first.
    fn longest(&mut self, a: &[u16], b: &[u16], stretch: Stretch) -> Run {
        let (a, b) = (&a[stretch.a.0..stretch.a.1], &b[stretch.b.0..stretch.b.1]);
        self.filled_up.clear();
        self.filled_up.extend(b);
        self.filled_up.resize(b.len().next_multiple_of(LANES), NONE);
        let others = self.filled_up.as_chunks::<LANES>().0;
        let [before, now] = &mut self.runs;
        for runs in [&mut *before, &mut *now] {
            runs.clear();
            runs.resize(self.filled_up.len() + 1, 0);
        }
        let mut longest = Run {
            a: stretch.a.0,
            b: stretch.b.0,
            length: 0,
        };
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
            if length > longest.length {
                let end = now.iter().position(|it| *it == most).unwrap_or(0);
                longest = Run {
                    a: stretch.a.0 + i + 1 - length,
                    b: stretch.b.0 + end - length,
                    length,
                };
            }
            std::mem::swap(before, now);
        }
        longest
    }
}

/// Four words are one number.
fn packed(group: &[u16]) -> u64 {
    group
        .iter()
        .fold(0, |all, word| all << 16 | u64::from(*word))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// As it is defined: the longest run, what is before it and what is after it.
    fn defined(a: &[u16], b: &[u16]) -> usize {
        let mut longest = (0, 0, 0);
        for i in 0..a.len() {
            for j in 0..b.len() {
                let both = a[i..].iter().zip(&b[j..]);
                let length = both.take_while(|it| it.0 == it.1).count();
                if length > longest.2 {
                    longest = (i, j, length);
                }
            }
        }
        let (i, j, length) = longest;
        if length == 0 {
            return 0;
        }
        let after = defined(&a[i + length..], &b[j + length..]);
        defined(&a[..i], &b[..j]) + length + after
    }

    proptest! {
        #[test]
        fn as_much_is_common_as_is_defined(
            a in vec(0..5_u16, 0..70),
            b in vec(0..5_u16, 0..70),
        ) {
            let (mut gestalt, all) = (Gestalt::default(), defined(&a, &b));
            prop_assert!(gestalt.is_common(&a, &b, all));
            prop_assert!(!gestalt.is_common(&a, &b, all + 1));
        }
    }

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
