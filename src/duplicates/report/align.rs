//! Two pieces of code, line beside line, and in lines that were edited the words that differ.

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Numbers of lines, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    Same(usize, usize),
    Edited(usize, usize),
    Left(usize),
    Right(usize),
}

/// A piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    pub(super) differs: bool,
}

/// Indentation makes no difference.
pub(super) fn rows(left: &[String], right: &[String]) -> Vec<Row> {
    let trimmed = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.trim().to_owned()).collect()
    };
    let ops = capture_diff_slices(Algorithm::Myers, &trimmed(left), &trimmed(right));
    ops.into_iter().flat_map(rows_of).collect()
}

fn rows_of(op: DiffOp) -> Vec<Row> {
    let (left, right) = (op.old_range(), op.new_range());
    if let DiffOp::Equal { .. } = op {
        return left.zip(right).map(|(l, r)| Row::Same(l, r)).collect();
    }
    let both = left.len().min(right.len());
    let edited = left
        .clone()
        .zip(right.clone())
        .map(|(l, r)| Row::Edited(l, r));
    edited
        .chain(left.skip(both).map(Row::Left))
        .chain(right.skip(both).map(Row::Right))
        .collect()
}

/// Both lines in pieces. Blanks alone make no difference: they belong to what stands before them.
pub(super) fn parts<'a>(left: &'a str, right: &'a str) -> (Vec<Part<'a>>, Vec<Part<'a>>) {
    let (a, b) = (words(left), words(right));
    let (mut of_left, mut of_right) = (Pieces::new(left), Pieces::new(right));
    for op in capture_diff_slices(Algorithm::Myers, &a, &b) {
        let differs = !matches!(op, DiffOp::Equal { .. });
        for word in &a[op.old_range()] {
            of_left.push(word, differs);
        }
        for word in &b[op.new_range()] {
            of_right.push(word, differs);
        }
    }
    (of_left.parts, of_right.parts)
}

pub(super) fn whole(text: &str, differs: bool) -> Vec<Part<'_>> {
    let mut pieces = Pieces::new(text);
    pieces.push(text, differs);
    pieces.parts
}

/// Grows along a line; neighbours of one sort become one.
struct Pieces<'a> {
    line: &'a str,
    /// Where the last part begins and where it ends.
    start: usize,
    end: usize,
    parts: Vec<Part<'a>>,
}

impl<'a> Pieces<'a> {
    const fn new(line: &'a str) -> Self {
        Self {
            line,
            start: 0,
            end: 0,
            parts: Vec::new(),
        }
    }

    /// The word that comes next in the line.
    fn push(&mut self, word: &str, differs: bool) {
        let blank = word.trim().is_empty();
        let end = self.end + word.len();
        match self.parts.last_mut() {
            Some(last) if blank || last.differs == differs => {
                last.text = &self.line[self.start..end];
            }
            _ => {
                self.start = self.end;
                let text = &self.line[self.start..end];
                let differs = differs && !blank;
                self.parts.push(Part { text, differs });
            }
        }
        self.end = end;
    }
}

/// Names and numbers, runs of blanks, and every other sign for itself.
fn words(line: &str) -> Vec<&str> {
    let sort = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' => 1,
        c if c.is_whitespace() => 2,
        _ => 0,
    };
    let mut words = Vec::new();
    let mut start = 0;
    let mut last = 0;
    for (at, c) in line.char_indices() {
        let this = sort(c);
        if at > start && (this != last || this == 0) {
            words.push(&line[start..at]);
            start = at;
        }
        last = this;
    }
    if start < line.len() {
        words.push(&line[start..]);
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    fn marked(parts: &[Part]) -> String {
        let one = |part: &Part| match part {
            Part { text, differs } if *differs => format!("[{text}]"),
            Part { text, .. } => (*text).to_owned(),
        };
        parts.iter().map(one).collect()
    }

    #[test]
    fn lines_put_in_taken_out_and_changed_stand_beside_each_other() {
        let left = lines("fn a() {\n    one();\n    two();\n}\n");
        let right = lines("fn b() {\n  one();\n  extra();\n  two();\n}\n");
        assert_eq!(
            rows(&left, &right),
            [
                Row::Edited(0, 0),
                Row::Same(1, 1),
                Row::Right(2),
                Row::Same(2, 3),
                Row::Same(3, 4)
            ]
        );
        assert_eq!(rows(&[], &lines("x")), [Row::Right(0)]);
    }

    #[test]
    fn only_the_words_that_differ_are_marked() {
        let (left, right) = parts("let total = sum(a, 1);", "let  count = sum(b, 1);");
        assert_eq!(marked(&left), "let [total ]= sum([a], 1);");
        assert_eq!(marked(&right), "let  [count ]= sum([b], 1);");
        assert_eq!(marked(&whole("  x y", true)), "[  x y]");
    }

    proptest! {
        #[test]
        fn nothing_of_a_line_is_lost(left in "[ab é(]{0,12}", right in "[ab é(]{0,12}") {
            let (a, b) = parts(&left, &right);
            prop_assert_eq!(a.iter().map(|it| it.text).collect::<String>(), &*left);
            prop_assert_eq!(b.iter().map(|it| it.text).collect::<String>(), &*right);
        }

        #[test]
        fn every_line_stands_in_one_row(
            left in prop::collection::vec("[abc]", 0..12),
            right in prop::collection::vec("[abc]", 0..12),
        ) {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for row in rows(&left, &right) {
                if let Row::Same(l, _) | Row::Edited(l, _) | Row::Left(l) = row {
                    a.push(l);
                }
                if let Row::Same(_, r) | Row::Edited(_, r) | Row::Right(r) = row {
                    b.push(r);
                }
            }
            prop_assert_eq!(a, (0..left.len()).collect::<Vec<_>>());
            prop_assert_eq!(b, (0..right.len()).collect::<Vec<_>>());
        }
    }
}
