//! CSV (RFC 4180): a line a fragment, and one for each value of a setting that has several.

use std::borrow::Cow;

use super::words;
use crate::duplicates::Found;

const HEAD: &str = "class,kind,similarity,lines,tokens,file,start,end,name,fingerprint\r\n";

/// Classes are counted from 1, conflicts after them; of these `name` is the key.
pub fn csv(found: &Found) -> String {
    let mut text = HEAD.to_owned();
    for (class, at) in found.clones.iter().zip(1..) {
        for it in &class.fragments {
            line(
                &mut text,
                &[
                    &at.to_string(),
                    words::kind(class.kind),
                    &class.similarity.to_string(),
                    &class.lines.to_string(),
                    &class.tokens.to_string(),
                    &it.file,
                    &it.start.to_string(),
                    &it.end.to_string(),
                    it.name.as_deref().unwrap_or(""),
                    &class.fingerprint,
                ],
            );
        }
    }
    for (conflict, at) in found.conflicts.iter().zip(found.clones.len() + 1..) {
        for it in &conflict.values {
            let (at, number) = (at.to_string(), it.line.to_string());
            line(
                &mut text,
                &[
                    &at,
                    "conflict",
                    "",
                    "",
                    "",
                    &it.file,
                    &number,
                    &number,
                    &conflict.key,
                    "",
                ],
            );
        }
    }
    text
}

fn line(text: &mut String, cells: &[&str]) {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(&self::cell(cell));
    }
    text.push_str("\r\n");
}

/// One cell, whatever it says.
pub fn cell(text: &str) -> String {
    quoted(&defused(text)).into_owned()
}

/// A spreadsheet runs what begins so; an apostrophe makes it text (OWASP, CSV injection).
fn defused(cell: &str) -> Cow<'_, str> {
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{cell}").into()
        }
        _ => cell.into(),
    }
}

/// A semicolon separates cells where a comma is in numbers.
fn quoted(cell: &str) -> Cow<'_, str> {
    if cell.contains(['"', ',', ';', '\r', '\n', '\'']) {
        return format!("\"{}\"", cell.replace('"', "\"\"")).into();
    }
    cell.into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::hostile;
    use super::*;

    /// RFC 4180 as a reader has it.
    fn read(text: &str) -> Vec<Vec<String>> {
        let mut rows = vec![vec![String::new()]];
        let (mut inside, mut chars) = (false, text.chars().peekable());
        while let Some(c) = chars.next() {
            let row = rows.last_mut().unwrap();
            match c {
                '"' if inside && chars.next_if_eq(&'"').is_some() => {
                    row.last_mut().unwrap().push(c);
                }
                '"' => inside = !inside,
                ',' if !inside => row.push(String::new()),
                '\r' if !inside && chars.next_if_eq(&'\n').is_some() => {
                    rows.push(vec![String::new()]);
                }
                c => row.last_mut().unwrap().push(c),
            }
        }
        assert_eq!(rows.pop().unwrap(), [""]);
        rows
    }

    #[test]
    fn a_reader_gets_every_fragment_back() {
        assert_eq!(csv(&Found::default()), HEAD);
        let found = hostile();
        let rows = read(&csv(&found));
        assert!(rows.iter().all(|row| row.len() == 10));
        let fragments = found
            .clones
            .iter()
            .map(|it| it.fragments.len())
            .sum::<usize>();
        let values = found
            .conflicts
            .iter()
            .map(|it| it.values.len())
            .sum::<usize>();
        assert_eq!(rows.len(), 1 + fragments + values);
        let file = &found.clones[0].fragments[0].file;
        assert_eq!(&rows[1][5], file);
        assert_eq!(rows[1][..5], ["1", "exact", "1", "7", "42"]);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"] {
            assert_eq!(defused(bad), format!("'{bad}"));
        }
        assert_eq!(defused("a=1"), "a=1");
        let rows = read(&csv(&hostile()));
        let starts = |c: &str| rows.iter().flatten().any(|it| it.starts_with(c));
        assert!(!["=", "+", "-", "@"].into_iter().any(starts));
        assert!(starts("'=HYPERLINK"));
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
