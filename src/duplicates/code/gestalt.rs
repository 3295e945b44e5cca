//! What two pieces of code have in common in one order, the longest run first
//! (Ratcliff and Metzener, "Pattern Matching: The Gestalt Approach", 1988).
//!
//! A longest common subsequence picks single signs out of anything that is said again and again; this does not.

/// Room that is used again for every pair.
#[derive(Debug, Default)]
pub(super) struct Gestalt {
    /// How long the run is that ends at each place of `b`: at the place of `a` that is looked at, and one before.
    runs: Vec<u32>,
    /// The stretches of both that are still to be looked at.
    open: Vec<[usize; 4]>,
}

impl Gestalt {
    /// Of how many words the runs consist.
    pub(super) fn common(&mut self, a: &[u32], b: &[u32]) -> usize {
        let mut common = 0;
        self.open.clear();
        self.open.push([0, a.len(), 0, b.len()]);
        while let Some([from_a, to_a, from_b, to_b]) = self.open.pop() {
            let (at_a, at_b, length) = self.longest(&a[from_a..to_a], &b[from_b..to_b]);
            if length == 0 {
                continue;
            }
            common += length;
            let (at_a, at_b) = (from_a + at_a, from_b + at_b);
            self.open.push([from_a, at_a, from_b, at_b]);
            self.open.push([at_a + length, to_a, at_b + length, to_b]);
        }
        common
    }

    /// The longest run of both: where it begins in each, and its length; of equal ones the first.
    fn longest(&mut self, a: &[u32], b: &[u32]) -> (usize, usize, usize) {
        let mut longest = (0, 0, 0);
        self.runs.clear();
        self.runs.resize(b.len() + 1, 0);
        for (i, word) in a.iter().enumerate() {
            let mut before = 0;
            for (j, other) in b.iter().enumerate() {
                let run = if word == other { before + 1 } else { 0 };
                before = std::mem::replace(&mut self.runs[j + 1], run);
                if run as usize > longest.2 {
                    let length = run as usize;
                    longest = (i + 1 - length, j + 1 - length, length);
                }
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(a: &str, b: &str) -> usize {
        let words = |text: &str| text.chars().map(u32::from).collect::<Vec<u32>>();
        Gestalt::default().common(&words(a), &words(b))
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
        // The longest common subsequence would be `1a2a3a`.
        assert_eq!(common("xyz1a2a3a", "1b2b3bxyz"), 3);
    }
}
