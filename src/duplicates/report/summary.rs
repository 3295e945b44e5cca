//! The figures that several reports give.

use std::collections::BTreeMap;

use crate::duplicates::{Found, Sameness};

/// How much of one kind was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    pub kind: Sameness,
    pub classes: usize,
    pub fragments: usize,
}

/// A file and how much of it stands elsewhere too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worst<'a> {
    pub file: &'a str,
    /// In some fragment, each line once.
    pub lines: usize,
    /// The lines of all such files, so that shares add up to the whole.
    pub of: usize,
}

/// All three kinds, the strictest first, also those of which there is nothing.
pub fn by_kind(found: &Found) -> [Kind; 3] {
    [Sameness::Exact, Sameness::Renamed, Sameness::Similar].map(|kind| {
        let of_it = || found.clones.iter().filter(move |class| class.kind == kind);
        Kind {
            kind,
            classes: of_it().count(),
            fragments: of_it().map(|class| class.fragments.len()).sum(),
        }
    })
}

/// Every file that has a fragment, that with the most duplicated lines first, of equal ones by name.
pub fn worst(found: &Found) -> Vec<Worst<'_>> {
    let mut spans: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for fragment in found.clones.iter().flat_map(|class| &class.fragments) {
        let file = spans.entry(&fragment.file).or_default();
        file.push((fragment.start, fragment.end));
    }
    let mut files: Vec<(&str, usize)> = spans
        .into_iter()
        .map(|(file, spans)| (file, covered(spans)))
        .collect();
    let of = files.iter().map(|(_, lines)| lines).sum();
    // Stable: the map was in the order of names.
    files.sort_by_key(|&(_, lines)| std::cmp::Reverse(lines));
    let worst = |(file, lines)| Worst { file, lines, of };
    files.into_iter().map(worst).collect()
}

/// How many lines lie in some of the spans, whose ends belong to them.
fn covered(mut spans: Vec<(usize, usize)>) -> usize {
    spans.sort_unstable();
    let (mut lines, mut next) = (0, 0);
    for (start, end) in spans {
        lines += (end + 1).saturating_sub(start.max(next));
        next = next.max(end + 1);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::tests::{class, fragment};
    use super::*;

    #[test]
    fn each_line_counts_once() {
        assert_eq!(covered(vec![(5, 9), (1, 3), (2, 6), (2, 2)]), 9);
        assert_eq!(covered(vec![(4, 4), (4, 4)]), 1);
        // A file with nothing in it.
        assert_eq!(covered(vec![(1, 0)]), 0);
    }

    #[test]
    fn the_worst_file_is_first_and_equals_are_by_name() {
        let found = Found {
            clones: vec![
                class(
                    Sameness::Exact,
                    vec![fragment("b", 1, 10), fragment("a", 1, 10)],
                ),
                class(
                    Sameness::Similar,
                    vec![fragment("c", 1, 20), fragment("b", 5, 10)],
                ),
            ],
            ..Found::default()
        };
        let files: Vec<_> = worst(&found).iter().map(|it| (it.file, it.lines)).collect();
        assert_eq!(files, [("c", 20), ("a", 10), ("b", 10)]);
        assert!(worst(&found).iter().all(|it| it.of == 40));
        assert_eq!(
            by_kind(&found).map(|it| (it.classes, it.fragments)),
            [(1, 2), (0, 0), (1, 2)]
        );
        assert_eq!(worst(&Found::default()), []);
    }
}
