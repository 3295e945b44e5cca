//! A summary in Markdown (GitHub's dialect): for a merge request's comment or a job's page.
//!
//! Bounded, since such a page is: of each table the first lines, then how many more there are.

use std::fmt::Write as _;

use super::summary::{by_kind, worst};
use super::uri;
use super::words::{self, counted, grouped, on_one_line, percent};
use crate::duplicates::{Class, Conflict, Found, Skipped};

const FILES: usize = 20;
const CLASSES: usize = 20;
const PLACES: usize = 10;
const CONFLICTS: usize = 50;
const SKIPPED: usize = 50;

pub fn markdown(found: &Found) -> String {
    let mut page = "# Duplicates\n\n".to_owned();
    totals(&mut page, found);
    kinds(&mut page, found);
    files(&mut page, found);
    largest(&mut page, &found.clones);
    conflicts(&mut page, &found.conflicts);
    skipped(&mut page, &found.skipped);
    page
}

fn put(page: &mut String, line: &str) {
    page.push_str(line);
    page.push('\n');
}

fn totals(page: &mut String, found: &Found) {
    let totals = &found.totals;
    let line = format!(
        "**{}** of {} in {} stand more than once: {}.",
        percent(totals.duplicated_lines, totals.lines),
        counted(totals.lines, "line", "lines"),
        counted(totals.files, "file", "files"),
        counted(totals.duplicated_lines, "line", "lines"),
    );
    put(page, &line);
}

fn kinds(page: &mut String, found: &Found) {
    put(
        page,
        "\n| kind | what it is | classes | copies |\n| --- | --- | ---: | ---: |",
    );
    for it in by_kind(found) {
        let (kind, meaning) = (words::kind(it.kind), words::meaning(it.kind));
        let (classes, copies) = (grouped(it.classes), grouped(it.fragments));
        put(
            page,
            &format!("| {kind} | {meaning} | {classes} | {copies} |"),
        );
    }
}

fn files(page: &mut String, found: &Found) {
    let files = worst(found);
    if files.is_empty() {
        return;
    }
    put(page, "\n## Worst files\n");
    put(
        page,
        "| file | duplicated lines | share of all such lines |\n| --- | ---: | ---: |",
    );
    for it in files.iter().take(FILES) {
        let file = linked(it.file, None);
        let (lines, share) = (grouped(it.lines), percent(it.lines, it.of));
        put(page, &format!("| {file} | {lines} | {share} |"));
    }
    more(page, files.len(), FILES, "file", "files");
}

fn largest(page: &mut String, classes: &[Class]) {
    if classes.is_empty() {
        return;
    }
    put(page, "\n## Largest classes\n");
    for class in classes.iter().take(CLASSES) {
        let places = class.fragments.iter().take(PLACES);
        let places: Vec<String> = places.map(|it| linked(&it.file, Some(it.start))).collect();
        let mut line = format!(
            "1. **{}**, similarity {}, {}: {}",
            words::kind(class.kind),
            words::similarity(class.similarity),
            words::size(class),
            places.join(", ")
        );
        if class.fragments.len() > PLACES {
            let more = grouped(class.fragments.len() - PLACES);
            write!(line, " and {more} more").expect("a string grows");
        }
        put(page, &line);
    }
    more(page, classes.len(), CLASSES, "class", "classes");
}

fn conflicts(page: &mut String, conflicts: &[Conflict]) {
    if conflicts.is_empty() {
        return;
    }
    put(page, "\n## Settings with several values\n");
    put(page, "| setting | values |\n| --- | --- |");
    for conflict in conflicts.iter().take(CONFLICTS) {
        let values = conflict.values.iter().take(PLACES);
        let values: Vec<String> = values
            .map(|it| format!("{} in {}", code(&it.value), linked(&it.file, Some(it.line))))
            .collect();
        let mut line = format!("| {} | {}", code(&conflict.key), values.join(", "));
        if conflict.values.len() > PLACES {
            let more = grouped(conflict.values.len() - PLACES);
            write!(line, " and {more} more").expect("a string grows");
        }
        put(page, &(line + " |"));
    }
    more(page, conflicts.len(), CONFLICTS, "setting", "settings");
}

fn skipped(page: &mut String, skipped: &[Skipped]) {
    if skipped.is_empty() {
        return;
    }
    put(page, "\n## Not read\n");
    put(page, "| file | why |\n| --- | --- |");
    for it in skipped.iter().take(SKIPPED) {
        put(page, &format!("| {} | {} |", code(&it.file), code(&it.why)));
    }
    more(page, skipped.len(), SKIPPED, "file", "files");
}

fn more(page: &mut String, all: usize, shown: usize, one: &str, many: &str) {
    if all > shown {
        let what = if all - shown == 1 { one } else { many };
        put(
            page,
            &format!("\nAnd {} more {what}.", grouped(all - shown)),
        );
    }
}

/// To the line, as forges count them. A name that leads elsewhere is no link.
fn linked(file: &str, line: Option<usize>) -> String {
    let (text, at) = match line {
        Some(line) => (format!("{file}:{line}"), format!("#L{line}")),
        None => (file.to_owned(), String::new()),
    };
    if uri::stays_below(file) {
        return format!("[{}]({}{at})", code(&text), uri::relative(file));
    }
    code(&text)
}

/// Letter by letter: nothing in it is Markdown, HTML, the end of a table's cell, or somebody's name who is told of it.
fn code(text: &str) -> String {
    let text = on_one_line(text);
    let plain = |c: char| !matches!(c, '`' | '|' | '\\' | '<' | '>' | '&');
    if !text.is_empty() && text.trim() == text && text.chars().all(plain) {
        return format!("`{text}`");
    }
    // A span between backticks knows no escapes, an element does.
    let mut safe = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if c.is_ascii_punctuation() || c == ' ' {
            write!(safe, "&#{};", u32::from(c)).expect("a string grows");
        } else {
            safe.push(c);
        }
    }
    format!("<code>{safe}</code>")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NAMES, hostile, many};
    use super::*;

    #[test]
    fn a_scan_is_summed_up() {
        let mut found = many(3);
        found.clones.truncate(1);
        assert_eq!(
            markdown(&found),
            "# Duplicates\n\n\
             **10.0 %** of 1,000,000 lines in 8,500 files stand more than once: 100,000 lines.\n\n\
             | kind | what it is | classes | copies |\n\
             | --- | --- | ---: | ---: |\n\
             | exact | the same but for layout and comments | 1 | 2 |\n\
             | renamed | the same but for names and literals | 0 | 0 |\n\
             | similar | the same but for edits | 0 | 0 |\n\n\
             ## Worst files\n\n\
             | file | duplicated lines | share of all such lines |\n\
             | --- | ---: | ---: |\n\
             | [`src/0/file0.rs`](src/0/file0.rs) | 12 | 52.2 % |\n\
             | [`src/0/file1.rs`](src/0/file1.rs) | 11 | 47.8 % |\n\n\
             ## Largest classes\n\n\
             1. **exact**, similarity 1.00, 12 lines × 2 copies: \
             [`src/0/file0.rs:1`](src/0/file0.rs#L1), [`src/0/file1.rs:1`](src/0/file1.rs#L1)\n"
        );
    }

    #[test]
    fn a_name_is_no_markdown() {
        assert_eq!(code("a_b[c]"), "`a_b[c]`");
        assert_eq!(code("a|`b"), "<code>a&#124;&#96;b</code>");
        assert_eq!(code(""), "<code></code>");
        assert_eq!(linked("../a", Some(3)), "`../a:3`");
        assert_eq!(
            linked("a b|c", Some(3)),
            "[<code>a&#32;b&#124;c&#58;3</code>](a%20b%7Cc#L3)"
        );
        let page = markdown(&hostile());
        assert!(
            !page.contains("<script") && !page.contains('\u{202e}') && !page.contains('\u{1b}')
        );
        assert!(!page.contains("](javascript:") && !page.contains("](.."));
        for row in page.lines().filter(|line| line.starts_with('|')) {
            let cells = row.matches('|').count() - 1;
            assert!((2..=4).contains(&cells), "{row}");
        }
        // Outside of code no stranger's word stands.
        assert!(
            !page.replace("`@everyone", "").contains("@everyone"),
            "{page}"
        );
        assert_eq!(NAMES.len(), 10);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let page = markdown(&many(10_000));
        assert!(
            page.contains("\nAnd 8,480 more files.\n"),
            "{}",
            &page[..2000]
        );
        assert!(page.contains("\nAnd 9,980 more classes.\n"));
        assert!(page.len() < 16 << 10);
    }
}
