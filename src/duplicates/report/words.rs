//! How the reports put things into words.

use crate::duplicates::{Class, Conflict, Found, Fragment, Sameness};
use crate::names::visible;

use super::summary::by_kind;

/// As the kind is called everywhere: in a rule, a column, a heading.
pub(super) const fn kind(kind: Sameness) -> &'static str {
    match kind {
        Sameness::Exact => "exact",
        Sameness::Renamed => "renamed",
        Sameness::Similar => "similar",
    }
}

pub(super) const fn meaning(kind: Sameness) -> &'static str {
    match kind {
        Sameness::Exact => "the same but for layout and comments",
        Sameness::Renamed => "the same but for names and literals",
        Sameness::Similar => "the same but for edits",
    }
}

/// What would begin another line or turn the direction of this one is shown instead.
pub(super) fn on_one_line(text: &str) -> String {
    visible(text).replace('\n', "\\n").replace('\t', "\\t")
}

/// `src/a.rs:3-14`.
pub(super) fn place(fragment: &Fragment) -> String {
    let Fragment { start, end, .. } = fragment;
    format!("{}:{start}-{end}", on_one_line(&fragment.file))
}

/// `12 lines × 3 copies`.
pub(super) fn size(class: &Class) -> String {
    format!(
        "{} × {}",
        counted(class.lines, "line", "lines"),
        counted(class.fragments.len(), "copy", "copies")
    )
}

pub(super) fn values(conflict: &Conflict) -> String {
    counted(conflict.values.len(), "value", "values")
}

pub(super) fn counted(number: usize, one: &str, more: &str) -> String {
    let what = if number == 1 { one } else { more };
    format!("{} {what}", grouped(number))
}

/// `1,234,567`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// To two places and never more than it is: 1.00 is exact.
pub(super) fn similarity(similarity: f64) -> String {
    let most = if similarity < 1.0 { 0.999 } else { 1.0 };
    let mut text = format!("{:.3}", similarity.clamp(0.0, most));
    text.pop();
    text
}

/// To a tenth of a percent; something is never nothing, and not all of it never all.
pub(super) fn percent(part: usize, whole: usize) -> String {
    let (part, whole) = (part as u128, whole as u128);
    if part == 0 || whole == 0 {
        return "0.0 %".to_owned();
    }
    let tenths = (part * 1000 + whole / 2) / whole;
    let tenths = if part < whole {
        tenths.clamp(1, 999)
    } else {
        tenths
    };
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// The whole scan in one line.
pub(super) fn in_all(found: &Found) -> String {
    let totals = &found.totals;
    let kinds: Vec<String> = by_kind(found)
        .iter()
        .filter(|it| it.classes > 0)
        .map(|it| format!("{} {}", grouped(it.classes), kind(it.kind)))
        .collect();
    let mut clauses = vec![counted(found.clones.len(), "class", "classes")];
    if !kinds.is_empty() {
        clauses[0] = format!("{} ({})", clauses[0], kinds.join(", "));
    }
    clauses.push(format!(
        "{} of {} duplicated ({}) in {}",
        grouped(totals.duplicated_lines),
        counted(totals.lines, "line", "lines"),
        percent(totals.duplicated_lines, totals.lines),
        counted(totals.files, "file", "files")
    ));
    if !found.conflicts.is_empty() {
        clauses.push(counted(found.conflicts.len(), "conflict", "conflicts"));
    }
    if !found.skipped.is_empty() {
        clauses.push(format!(
            "{} not read or not whole",
            grouped(found.skipped.len())
        ));
    }
    clauses.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_never_rounded_to_more_than_they_are() {
        assert_eq!(similarity(1.0), "1.00");
        assert_eq!(similarity(0.9999), "0.99");
        assert_eq!(similarity(0.29), "0.29");
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(1, 1_000_000), "0.1 %");
        assert_eq!(percent(999_999, 1_000_000), "99.9 %");
        assert_eq!(percent(5, 5), "100.0 %");
        assert_eq!(percent(0, 0), "0.0 %");
        assert_eq!(percent(usize::MAX, usize::MAX), "100.0 %");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(999), "999");
    }

    #[test]
    fn a_name_stays_on_its_line() {
        let hostile = on_one_line("a\nb\tc\u{1b}[2J\u{202e}\r");
        assert_eq!(hostile, "a\\nb\\tc\\x1b[2J\\u{202e}\\x0d");
    }
}
