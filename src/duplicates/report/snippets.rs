//! The code of fragments, harmless and bounded.

use std::collections::{BTreeMap, HashMap};

use crate::duplicates::Fragment;
use crate::names::visible;

/// Reads a file of the scan; none where it is gone.
pub type Reader<'a> = &'a dyn Fn(&str) -> Option<String>;

/// So many lines of a fragment are shown.
const LINES: usize = 400;
/// So many characters of a line.
const CHARACTERS: usize = 400;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snippet {
    /// Without the indentation that all of them have; nothing that a terminal obeys.
    pub(super) lines: Vec<String>,
    /// So many lines more has the fragment.
    pub(super) more: usize,
}

/// The code of these fragments; without those whose file cannot be read. Each file is read once, and no two are held at a time.
pub(super) fn read<'a>(
    fragments: impl Iterator<Item = &'a Fragment>,
    source: Reader,
) -> HashMap<&'a Fragment, Snippet> {
    let mut by_file: BTreeMap<&str, Vec<&Fragment>> = BTreeMap::new();
    for fragment in fragments {
        by_file.entry(&fragment.file).or_default().push(fragment);
    }
    let mut snippets = HashMap::new();
    for (file, fragments) in by_file {
        let Some(text) = source(file) else { continue };
        let lines: Vec<&str> = text.lines().collect();
        snippets.extend(fragments.into_iter().map(|it| (it, cut(&lines, it))));
    }
    snippets
}

/// The file may be shorter by now than it was when it was scanned.
fn cut(lines: &[&str], fragment: &Fragment) -> Snippet {
    let end = fragment.end.min(lines.len());
    let start = fragment.start.saturating_sub(1).min(end);
    let all = &lines[start..end];
    let shown: Vec<String> = all.iter().take(LINES).map(|line| harmless(line)).collect();
    Snippet {
        more: all.len() - shown.len(),
        lines: dedented(shown),
    }
}

fn harmless(line: &str) -> String {
    let line = line.trim_end();
    let cut = line.char_indices().nth(CHARACTERS).map(|(at, _)| at);
    let mut shown = visible(&line[..cut.unwrap_or(line.len())]).replace('\t', "    ");
    if cut.is_some() {
        shown.push('…');
    }
    shown
}

fn dedented(mut lines: Vec<String>) -> Vec<String> {
    let blanks = |line: &String| line.len() - line.trim_start_matches(' ').len();
    let indented = lines.iter().filter(|line| !line.is_empty());
    let common = indented.map(blanks).min().unwrap_or(0);
    for line in &mut lines {
        line.drain(..common.min(line.len()));
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::tests::fragment;
    use super::*;

    #[test]
    fn a_file_is_read_once_and_cut_where_the_fragments_are() {
        let reads = Cell::new(0);
        let source = |file: &str| {
            reads.set(reads.get() + 1);
            (file == "a").then(|| "fn a() {\r\n\tone();\n\n\t\ttwo();\n}\n".to_owned())
        };
        let fragments = [
            fragment("a", 2, 4),
            fragment("a", 5, 9),
            fragment("a", 90, 99),
            fragment("b", 1, 1),
        ];
        let read = read(fragments.iter(), &source);
        assert_eq!(reads.get(), 2);
        assert_eq!(read[&fragments[0]].lines, ["one();", "", "    two();"]);
        assert_eq!(read[&fragments[1]].lines, ["}"]);
        assert!(read[&fragments[2]].lines.is_empty());
        assert!(!read.contains_key(&fragments[3]));
    }

    #[test]
    fn what_is_endless_is_cut_and_what_a_terminal_obeys_is_shown() {
        let text =
            format!("\u{1b}[2J\u{202e}\r.\n{}\n", "é".repeat(1_000_000)) + &"x\n".repeat(1000);
        let fragments = [fragment("a", 1, 2000)];
        let read = read(fragments.iter(), &|_| Some(text.clone()));
        let snippet = &read[&fragments[0]];
        assert_eq!(snippet.lines[0], "\\x1b[2J\\u{202e}\\x0d.");
        assert_eq!(snippet.lines[1].chars().count(), CHARACTERS + 1);
        assert_eq!((snippet.lines.len(), snippet.more), (LINES, 1002 - LINES));
    }
}
