//! For a terminal: a block a class, the code of its first two fragments side by side on request, and last all in one line.

use std::collections::HashMap;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

use super::align::{Part, Row, parts, rows, whole};
use super::snippets::{self, Reader, Snippet};
use super::words::{self, grouped, on_one_line};
use crate::duplicates::{Class, Conflict, Found, Fragment, Skipped};

/// So many rows of code a class, and so many of the files that were not read.
const ROWS: usize = 60;
const SKIPPED: usize = 20;
/// Of equal rows in a line so many are shown before and after a gap.
const AROUND: usize = 4;
/// A column is never narrower.
const NARROWEST: usize = 12;
/// Digits of a line's number.
const NUMBER: usize = 5;

/// How the terminal would have it.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// Columns; code is cut to it, places are not.
    pub width: usize,
    pub colour: bool,
    /// Where code is to be shown.
    pub snippets: Option<Reader<'a>>,
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy)]
enum Ink {
    Head,
    Quiet,
    Left,
    Right,
    Warning,
}

impl Look<'_> {
    fn ink(self, ink: Ink, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Head => 1,
            Ink::Quiet => 2,
            Ink::Left => 31,
            Ink::Right => 32,
            Ink::Warning => 33,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Of one side of the code, without its number.
    fn column(self) -> usize {
        // Two numbers with a blank, and " ≠ " between.
        let rest = self.width.saturating_sub(2 * (NUMBER + 1) + 3);
        (rest / 2).max(NARROWEST)
    }
}

pub fn text(found: &Found, look: &Look) -> String {
    let code = look.snippets.map(|source| {
        let shown = found
            .clones
            .iter()
            .flat_map(|class| class.fragments.iter().take(2));
        snippets::read(shown, source)
    });
    let mut text = String::new();
    for class in &found.clones {
        put_class(&mut text, class, *look);
        if let Some(code) = &code {
            put_code(&mut text, class, code, *look);
        }
        text.push('\n');
    }
    for conflict in &found.conflicts {
        put_conflict(&mut text, conflict, *look);
    }
    put_skipped(&mut text, &found.skipped, *look);
    put(&mut text, &look.ink(Ink::Head, &words::in_all(found)));
    text
}

fn put(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

fn put_class(text: &mut String, class: &Class, look: Look) {
    let head = format!(
        "{} {}",
        words::kind(class.kind),
        words::similarity(class.similarity)
    );
    put(
        text,
        &format!("{}  {}", look.ink(Ink::Head, &head), words::size(class)),
    );
    for fragment in &class.fragments {
        let name = fragment
            .name
            .as_deref()
            .map(on_one_line)
            .unwrap_or_default();
        put(
            text,
            &format!(
                "  {}  {}",
                words::place(fragment),
                look.ink(Ink::Quiet, &name)
            ),
        );
    }
}

fn put_conflict(text: &mut String, conflict: &Conflict, look: Look) {
    let head = look.ink(Ink::Warning, "conflict");
    let key = on_one_line(&conflict.key);
    put(text, &format!("{head} {key}  {}", words::values(conflict)));
    for it in &conflict.values {
        let (file, value) = (on_one_line(&it.file), on_one_line(&it.value));
        put(text, &format!("  {file}:{}  {value}", it.line));
    }
    text.push('\n');
}

fn put_skipped(text: &mut String, skipped: &[Skipped], look: Look) {
    for it in skipped.iter().take(SKIPPED) {
        let head = look.ink(Ink::Warning, "not read or not whole:");
        put(
            text,
            &format!("{head} {}: {}", on_one_line(&it.file), on_one_line(&it.why)),
        );
    }
    if skipped.len() > SKIPPED {
        put(
            text,
            &format!(
                "… and {} more not read or not whole",
                grouped(skipped.len() - SKIPPED)
            ),
        );
    }
    if !skipped.is_empty() {
        text.push('\n');
    }
}

fn put_code(text: &mut String, class: &Class, code: &HashMap<&Fragment, Snippet>, look: Look) {
    let [left, right, ..] = &class.fragments[..] else {
        return;
    };
    let (Some(a), Some(b)) = (code.get(left), code.get(right)) else {
        let gone = if code.contains_key(left) { right } else { left };
        put(
            text,
            &format!("  (cannot read {})", on_one_line(&gone.file)),
        );
        return;
    };
    let sides = Sides {
        lines: [&a.lines, &b.lines],
        first: [left.start, right.start],
        look,
    };
    let mut shown = 0;
    for piece in folded(&rows(&a.lines, &b.lines)) {
        if shown == ROWS {
            break;
        }
        shown += 1;
        match piece {
            Piece::Row(row) => put(text, &sides.line(row)),
            Piece::Gap(lines) => {
                let gap = format!("⋮ {} the same", words::counted(lines, "line", "lines"));
                put(
                    text,
                    &format!("{:>NUMBER$} {}", "", look.ink(Ink::Quiet, &gap)),
                );
            }
        }
    }
    if shown == ROWS || a.more + b.more > 0 {
        put(
            text,
            &format!("{:>NUMBER$} {}", "", look.ink(Ink::Quiet, "… and more")),
        );
    }
}

enum Piece {
    Row(Row),
    /// So many equal rows.
    Gap(usize),
}

/// Long runs of equal rows as their ends and a gap.
fn folded(rows: &[Row]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let same = |row: &Row| matches!(row, Row::Same(..));
    for run in rows.chunk_by(|a, b| same(a) && same(b)) {
        let all = |rows: &[Row]| rows.iter().copied().map(Piece::Row).collect::<Vec<_>>();
        if run.len() > 2 * AROUND + 1 {
            pieces.extend(all(&run[..AROUND]));
            pieces.push(Piece::Gap(run.len() - 2 * AROUND));
            pieces.extend(all(&run[run.len() - AROUND..]));
        } else {
            pieces.extend(all(run));
        }
    }
    pieces
}

/// Two pieces of code beside each other.
struct Sides<'a> {
    lines: [&'a [String]; 2],
    /// The numbers of their first lines.
    first: [usize; 2],
    look: Look<'a>,
}

impl Sides<'_> {
    fn line(&self, row: Row) -> String {
        let (left, sign, right) = match row {
            Row::Same(l, r) => (
                self.side(0, l, &whole(self.of(0, l), false)),
                "│",
                self.side(1, r, &whole(self.of(1, r), false)),
            ),
            Row::Edited(l, r) => {
                let (a, b) = parts(self.of(0, l), self.of(1, r));
                (self.side(0, l, &a), "≠", self.side(1, r, &b))
            }
            Row::Left(l) => (
                self.side(0, l, &whole(self.of(0, l), true)),
                "<",
                String::new(),
            ),
            Row::Right(r) => (
                self.nothing(),
                ">",
                self.side(1, r, &whole(self.of(1, r), true)),
            ),
        };
        format!("{left} {sign} {right}")
    }

    fn of(&self, side: usize, line: usize) -> &str {
        &self.lines[side][line]
    }

    fn side(&self, side: usize, line: usize, parts: &[Part]) -> String {
        let number = format!("{:>NUMBER$}", self.first[side] + line);
        let number = self.look.ink(Ink::Quiet, &number);
        let ink = [Ink::Left, Ink::Right][side];
        format!("{number} {}", fitted(parts, ink, self.look))
    }

    fn nothing(&self) -> String {
        " ".repeat(NUMBER + 1 + self.look.column())
    }
}

/// Exactly so wide as a column: cut with `…`, or filled up.
fn fitted(parts: &[Part], ink: Ink, look: Look) -> String {
    let wide = look.column();
    let of = |text: &str| text.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>();
    let long = parts.iter().map(|part| of(part.text)).sum::<usize>() > wide;
    let mut room = if long { wide - 1 } else { wide };
    let mut cell = String::new();
    for part in parts {
        let end = fitting(part.text, &mut room);
        let text = &part.text[..end];
        cell += &if part.differs {
            look.ink(ink, text)
        } else {
            text.to_owned()
        };
        if end < part.text.len() {
            break;
        }
    }
    if long {
        cell.push('…');
    }
    write!(cell, "{:room$}", "").expect("a string grows");
    cell
}

/// Where the text must be cut; what it takes is taken from the room.
fn fitting(text: &str, room: &mut usize) -> usize {
    for (at, c) in text.char_indices() {
        let wide = c.width().unwrap_or(0);
        if wide > *room {
            return at;
        }
        *room -= wide;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{class, fragment, hostile};
    use super::*;
    use crate::duplicates::Sameness;

    const PLAIN: Look = Look {
        width: 60,
        colour: false,
        snippets: None,
    };

    fn two(source: Reader, colour: bool) -> String {
        let both = vec![fragment("a.rs", 1, 4), fragment("b.rs", 2, 6)];
        let found = Found {
            clones: vec![class(Sameness::Similar, both)],
            ..Found::default()
        };
        let look = Look {
            colour,
            snippets: Some(source),
            ..PLAIN
        };
        text(&found, &look)
    }

    fn code(file: &str) -> Option<String> {
        let two = "    two(1, \"a very long line that ends somewhere\");\n}\n";
        match file {
            "a.rs" => Some(format!("fn a() {{\n    one();\n{two}")),
            "b.rs" => Some(format!("\nfn b() {{\n    one();\n    extra();\n{two}")),
            _ => None,
        }
    }

    #[test]
    fn the_first_two_stand_side_by_side() {
        assert_eq!(
            two(&code, false),
            "similar 0.93  5 lines × 2 copies\n\
             \x20 a.rs:1-4\n\
             \x20 b.rs:2-6\n\
             \x20   1 fn a() {               ≠     2 fn b() {\n\
             \x20   2     one();             │     3     one();\n\
             \x20                            >     4     extra();\n\
             \x20   3     two(1, \"a very lo… │     5     two(1, \"a very lo…\n\
             \x20   4 }                      │     6 }\n\
             \n\
             1 class (1 similar); 0 of 0 lines duplicated (0.0 %) in 0 files\n"
        );
    }

    #[test]
    fn colour_is_only_there_when_asked_for() {
        let text = two(&code, true);
        assert!(text.contains("fn \x1b[31ma\x1b[0m() {"), "{text}");
        assert!(text.contains("\x1b[32m    extra();\x1b[0m"), "{text}");
        assert!(!two(&code, false).contains('\x1b'));
    }

    #[test]
    fn a_row_is_no_wider_than_the_terminal() {
        let source =
            |file: &str| Some(format!("{file}漢字{}\n", "漢e\u{301}字".repeat(200)).repeat(6));
        for line in two(&source, false).lines().skip(3).take(4) {
            let wide: usize = line.chars().map(|c| c.width().unwrap_or(0)).sum();
            assert!((57..=60).contains(&wide), "{wide} {line}");
        }
    }

    #[test]
    fn long_runs_of_the_same_are_folded() {
        let rows: Vec<Row> = (0..30).map(|at| Row::Same(at, at)).collect();
        let pieces = folded(&rows);
        assert_eq!(pieces.len(), 9);
        assert!(matches!(pieces[4], Piece::Gap(22)));
        assert_eq!(folded(&rows[..9]).len(), 9);
        let all_new: Vec<Row> = (0..30).map(Row::Left).collect();
        assert_eq!(folded(&all_new).len(), 30);
    }

    #[test]
    fn strangers_do_not_drive_the_terminal() {
        let source = |_: &str| Some("\u{1b}[2J\u{7}\u{202e}x\n".repeat(9));
        let look = Look {
            snippets: Some(&source),
            ..PLAIN
        };
        let text = text(&hostile(), &look);
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{text:?}"
        );
        assert!(!text.contains('\u{202e}'));
        assert!(text.contains("\nconflict a|b.<i>\\n  2 values\n"), "{text}");
        assert!(
            text.contains("\nnot read or not whole: bin/x\\n\".dat: no UTF-8 <b>|`\n\n2 classes (")
        );
    }

    #[test]
    fn code_that_is_gone_is_told() {
        let text = two(&|file| (file == "a.rs").then(String::new), false);
        assert!(text.contains("  (cannot read b.rs)\n"));
        assert_eq!(
            super::text(&Found::default(), &PLAIN),
            "0 classes; 0 of 0 lines duplicated (0.0 %) in 0 files\n"
        );
    }
}
