//! The duplicate finder. The schemas of `--json` lie in `schemas/` beside; a key is never renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Own, Program, Verb, run};

mod code;
mod config;
mod diff;
mod files;
mod gate;
mod names;
mod place;
mod preset;
mod progress;
mod report;

const REPORTS: &[Own] = &[
    Own::Sarif,
    Own::CodeClimate,
    Own::Csv,
    Own::Html,
    Own::Markdown,
];

static VERBS: &[Verb] = &[
    Verb::of::<code::Code>("code").with_formats(REPORTS),
    Verb::of::<files::Files>("files").with_formats(&[Own::Csv]),
    Verb::of::<config::Config>("config").with_formats(REPORTS),
    Verb::of::<names::Names>("names").with_formats(&[Own::Csv]),
    Verb::of::<diff::Diff>("diff").with_formats(REPORTS),
];

static PROGRAM: Program = Program {
    name: "dupscan",
    about: "Duplicates: code, files, settings and names that a tree holds more than once",
    speaker: None,
    verbs: &[VERBS],
    agents: |_| Vec::new(),
    tasks: None,
};

#[cfg_attr(
    not(test),
    expect(unsafe_code, reason = "the C library calls it by this name"),
    unsafe(no_mangle)
)]
extern "C" fn main(_: i32, _: *const *const u8) -> i32 {
    run(&PROGRAM)
}
