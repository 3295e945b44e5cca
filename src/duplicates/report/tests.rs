//! Scans that the tests of all formats are given.

use crate::duplicates::{Class, Conflict, Found, Fragment, Sameness, Setting, Skipped, Totals};

use super::*;

pub(super) fn fragment(file: &str, start: usize, end: usize) -> Fragment {
    Fragment {
        file: file.to_owned(),
        start,
        end,
        name: None,
    }
}

pub(super) fn class(kind: Sameness, fragments: Vec<Fragment>) -> Class {
    Class {
        kind,
        similarity: if kind == Sameness::Exact { 1.0 } else { 0.937 },
        lines: fragments
            .iter()
            .map(|it| it.end - it.start + 1)
            .max()
            .unwrap_or(0),
        tokens: 42,
        fingerprint: format!("{:016x}", fragments.len()),
        fragments,
    }
}

/// Names that would be more than names.
pub(super) const NAMES: [&str; 10] = [
    "a\"b'c.rs",
    "<script>alert(1)</script>",
    "pipe|`tick``.md",
    "line\nbreak\r\n\u{1b}[31m",
    "../../etc/passwd",
    "=HYPERLINK(\"x\")",
    "turned\u{202e}sr.rs",
    "javascript:alert(1)",
    "[x](javascript:1) {0} {{ 7*7 }} \\",
    "@everyone & -dash <!-- ]]> ",
];

pub(super) fn hostile() -> Found {
    let fragments = NAMES.iter().map(|name| Fragment {
        name: Some((*name).to_owned()),
        ..fragment(name, 1, 7)
    });
    let fragments: Vec<Fragment> = fragments.collect();
    let value = |file: &str, value: &str| Setting {
        file: file.to_owned(),
        line: 3,
        value: value.to_owned(),
    };
    Found {
        totals: Totals {
            files: 10,
            lines: 1000,
            duplicated_lines: 70,
        },
        clones: vec![
            class(Sameness::Exact, fragments.clone()),
            class(Sameness::Similar, fragments[..2].to_vec()),
        ],
        conflicts: vec![Conflict {
            key: "a|b.<i>\n".to_owned(),
            values: vec![value(NAMES[1], NAMES[2]), value(NAMES[3], NAMES[8])],
        }],
        skipped: vec![Skipped {
            file: "bin/x\n\".dat".to_owned(),
            why: "no UTF-8 <b>|`".to_owned(),
        }],
    }
}

pub(super) fn many(classes: usize) -> Found {
    let one = |at: usize| {
        let file = |side: usize| format!("src/{}/file{}.rs", at % 17, (at + side) % 500);
        class(
            [Sameness::Exact, Sameness::Renamed, Sameness::Similar][at % 3],
            vec![
                fragment(&file(0), at + 1, at + 12),
                fragment(&file(1), at + 1, at + 11),
            ],
        )
    };
    Found {
        totals: Totals {
            files: 8500,
            lines: 1_000_000,
            duplicated_lines: 100_000,
        },
        clones: (0..classes).map(one).collect(),
        ..Found::default()
    }
}

fn all(found: &Found) -> Vec<String> {
    let code = "    let a = [1, 2];\n    if a.len() > 1 {\n        run(a);\n    }\n".repeat(100);
    let source = |file: &str| Some(format!("// {file}\n{code}"));
    let look = Look {
        width: 100,
        colour: true,
        snippets: Some(&source),
    };
    vec![
        sarif(found),
        code_climate(found),
        csv(found),
        markdown(found),
        html(found, &source),
        text(found, &look),
    ]
}

#[test]
fn a_scan_is_reported_alike_every_time() {
    let found = many(300);
    assert_eq!(all(&found), all(&found));
    assert_eq!(all(&hostile()), all(&hostile()));
}

#[test]
fn ten_thousand_classes_are_bounded_documents() {
    for report in all(&many(10_000)) {
        assert!(report.ends_with('\n') && report.len() < 16 << 20);
    }
}

#[test]
fn nothing_found_is_told_as_such() {
    for report in all(&Found::default()) {
        assert!(report.ends_with('\n'));
    }
}
