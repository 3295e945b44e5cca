//! One page that holds everything: without script, without another file, in light and in dark.
//!
//! The template escapes whatever is put into it; nothing but the style and its hash is exempt, and the page's policy lets
//! nothing else in: should something slip through, it could neither run nor fetch.

use std::collections::HashMap;

use data_encoding::BASE64;
use minijinja::{Environment, Value, context};
use sha2::{Digest as _, Sha256};

use super::align::{Part, Row, parts, rows, whole};
use super::snippets::{self, Reader, Snippet};
use super::summary::{by_kind, worst};
use super::words::{self, counted, grouped, on_one_line, percent};
use crate::duplicates::{Class, Found, Fragment};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
/// The code of so many classes is shown and of so many of their fragments; the places of all are listed.
const CODE: usize = 500;
const COPIES: usize = 6;
/// So many are unfolded at first.
const OPEN: usize = 20;

/// Of files that are gone the places are shown.
pub fn html(found: &Found, source: Reader) -> String {
    let with_code = found.clones.iter().take(CODE);
    let code = snippets::read(
        with_code.flat_map(|it| it.fragments.iter().take(COPIES)),
        source,
    );
    let classes: Vec<Value> = (0..)
        .zip(&found.clones)
        .map(|(at, it)| of_class(at, it, &code))
        .collect();
    rendered(context! {
        style => Value::from_safe_string(STYLE.to_owned()),
        // Base64 has no sign that could end an attribute.
        style_hash => Value::from_safe_string(BASE64.encode(&Sha256::digest(STYLE))),
        in_all => words::in_all(found),
        share => percent(found.totals.duplicated_lines, found.totals.lines),
        kinds => kinds(found),
        files => files(found),
        classes => classes,
        without_code => found.clones.len().saturating_sub(CODE),
        conflicts => conflicts(found),
        skipped => skipped(found),
    })
}

fn rendered(page: Value) -> String {
    // By the name it knows what to escape.
    let mut page = Environment::new()
        .render_named_str("page.html", PAGE, page)
        .expect("the template asks for nothing else");
    page.push('\n');
    page
}

fn kinds(found: &Found) -> Vec<Value> {
    let one = |it: super::Kind| {
        context! {
            kind => words::kind(it.kind),
            meaning => words::meaning(it.kind),
            classes => grouped(it.classes),
            copies => grouped(it.fragments),
        }
    };
    by_kind(found).map(one).to_vec()
}

fn files(found: &Found) -> Vec<Value> {
    let one = |it: super::Worst| {
        context! {
            file => on_one_line(it.file),
            lines => grouped(it.lines),
            share => percent(it.lines, it.of),
        }
    };
    worst(found).into_iter().map(one).collect()
}

fn conflicts(found: &Found) -> Vec<Value> {
    let mut rows = Vec::new();
    for conflict in &found.conflicts {
        for it in &conflict.values {
            rows.push(context! {
                key => on_one_line(&conflict.key),
                value => on_one_line(&it.value),
                place => format!("{}:{}", on_one_line(&it.file), it.line),
            });
        }
    }
    rows
}

fn skipped(found: &Found) -> Vec<Value> {
    let one = |it: &crate::duplicates::Skipped| {
        context! { file => on_one_line(&it.file), why => on_one_line(&it.why) }
    };
    found.skipped.iter().map(one).collect()
}

fn of_class(at: usize, class: &Class, code: &HashMap<&Fragment, Snippet>) -> Value {
    let shown = if at < CODE {
        COPIES.min(class.fragments.len())
    } else {
        0
    };
    let (with_code, without) = class.fragments.split_at(shown);
    context! {
        number => at + 1,
        open => at < OPEN,
        kind => words::kind(class.kind),
        similarity => words::similarity(class.similarity),
        size => words::size(class),
        copies => copies(with_code, code),
        places => without.iter().map(place).collect::<Vec<_>>(),
    }
}

fn place(fragment: &Fragment) -> Value {
    context! {
        place => words::place(fragment),
        name => fragment.name.as_deref().map(on_one_line),
    }
}

/// Each beside the first, and the first beside the second.
fn copies(fragments: &[Fragment], code: &HashMap<&Fragment, Snippet>) -> Vec<Value> {
    let first = fragments.first().and_then(|it| code.get(it));
    let second = fragments.get(1).and_then(|it| code.get(it));
    let one = |(at, it): (usize, &Fragment)| {
        let Some(own) = code.get(it) else {
            return context! { place => place(it), gone => true };
        };
        let other = if at == 0 { second } else { first };
        let (lines, missing) = compared(&own.lines, other.map(|it| it.lines.as_slice()));
        context! {
            place => place(it),
            start => it.start,
            lines => lines,
            missing => (at > 0 && missing > 0).then(|| counted(missing, "line", "lines")),
            more => (own.more > 0).then(|| counted(own.more, "line", "lines")),
        }
    };
    fragments.iter().enumerate().map(one).collect()
}

/// The lines in pieces of which those are marked that the other has not; and how many of the other's lines are missing.
fn compared(own: &[String], other: Option<&[String]>) -> (Vec<Value>, usize) {
    let Some(other) = other else {
        let lines = own.iter().map(|line| pieces(&whole(line, false)));
        return (lines.collect(), 0);
    };
    let (mut lines, mut missing) = (Vec::with_capacity(own.len()), 0);
    for row in rows(own, other) {
        match row {
            Row::Same(at, _) => lines.push(pieces(&whole(&own[at], false))),
            Row::Edited(at, theirs) => lines.push(pieces(&parts(&own[at], &other[theirs]).0)),
            Row::Left(at) => lines.push(pieces(&whole(&own[at], true))),
            Row::Right(_) => missing += 1,
        }
    }
    (lines, missing)
}

fn pieces(parts: &[Part]) -> Value {
    let one = |part: &Part| context! { text => part.text, differs => part.differs };
    parts.iter().map(one).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{class, fragment, hostile, many};
    use super::*;
    use crate::duplicates::Sameness;

    /// The elements that the page has, as a reader of tags sees them.
    fn tags(page: &str) -> Vec<&str> {
        let after = page.split('<').skip(1);
        after
            .map(|it| it.split(['>', ' ', '\n']).next().unwrap())
            .collect()
    }

    fn similar() -> Found {
        let all = vec![
            fragment("a.rs", 1, 3),
            fragment("b.rs", 1, 4),
            fragment("gone.rs", 1, 3),
        ];
        Found {
            clones: vec![class(Sameness::Similar, all)],
            ..Found::default()
        }
    }

    fn code(file: &str) -> Option<String> {
        match file {
            "a.rs" => Some("fn a() {\n    one();\n}\n".to_owned()),
            "b.rs" => Some("fn b() {\n    one();\n    <two> & \"x\";\n}\n".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn differences_are_marked_and_code_is_escaped() {
        let page = html(&similar(), &code);
        assert!(
            page.contains("<li><code>fn <mark>a</mark>() {</code></li>"),
            "{page}"
        );
        assert!(page.contains("<li><code>fn <mark>b</mark>() {</code></li>"));
        assert!(
            page.contains("<mark>    &lt;two&gt; &amp; &quot;x&quot;;</mark>"),
            "{page}"
        );
        assert!(page.contains("gone.rs:1-3"));
        assert!(page.contains("cannot be read"));
        assert!(page.contains("1. similar 0.93, 4 lines × 3 copies"));
    }

    #[test]
    fn strangers_put_no_element_into_the_page() {
        let attack = "</code></li></style><script>alert(1)</script><img src=x onerror=a>{{ 1 }}{% x %}\u{202e}\0\n";
        let page = html(&hostile(), &|_| Some(attack.repeat(9)));
        let known = html(&similar(), &code);
        let mut known = tags(&known);
        known.extend(["tbody", "ul", "/ul"]);
        for tag in tags(&page) {
            assert!(known.contains(&tag), "{tag}");
        }
        assert!(!page.contains(['\u{202e}', '\0', '\u{1b}']));
        assert!(page.contains("{{ 1 }}"));
    }

    #[test]
    fn the_page_is_whole_in_itself() {
        let page = html(&hostile(), &|_| None);
        let policy = "content=\"default-src 'none'; style-src 'sha256-";
        assert!(page.contains(policy));
        let style = page
            .split("<style>")
            .nth(1)
            .unwrap()
            .split("</style>")
            .next()
            .unwrap();
        let hash = BASE64.encode(&Sha256::digest(style));
        assert!(page.contains(&format!("'sha256-{hash}'")));
        for outside in [
            "src=",
            "href=\"http",
            "url(",
            "@import",
            "style=",
            "<script",
            "<link",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
        let tables = page.matches("<table>").count();
        assert_eq!(tables, page.matches("<caption>").count());
        assert_eq!(tables, 4);
        for (open, close) in [
            ("<ol", "</ol>"),
            ("<details", "</details>"),
            ("<section", "</section>"),
            ("<figure", "</figure>"),
        ] {
            assert_eq!(
                page.matches(open).count(),
                page.matches(close).count(),
                "{open}"
            );
        }
    }

    #[test]
    fn of_many_classes_all_are_listed_and_the_first_have_code() {
        let page = html(&many(700), &|_| Some("a\n".repeat(9000)));
        assert_eq!(page.matches("<details").count(), 700);
        assert_eq!(page.matches("<figure").count(), 2 * CODE);
        assert!(page.contains("The code of the last 200 classes is left out"));
        let empty = html(&Found::default(), &|_| None);
        assert!(empty.contains("No copies were found."));
    }
}
