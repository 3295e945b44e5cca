//! Logs: what happened, looked for, followed and kept small. The schemas of `--json` lie in `schemas/` beside; a key
//! is never renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Own, Program, Verb, run};

#[path = "../phone/desk.rs"]
mod desk;
mod document;
mod options;
mod output;
mod query;
mod rotate;
mod speak;
mod stats;
mod tail;
mod words;
mod write;

const LINES: &[Own] = &[Own::Pretty, Own::Logfmt];

static VERBS: &[Verb] = &[
    Verb::of::<tail::Tail>("tail")
        .with_formats(LINES)
        .that_looks(output::LOOKS),
    Verb::of::<query::Query>("query")
        .with_formats(LINES)
        .that_looks(output::LOOKS),
    Verb::of::<stats::Stats>("stats"),
    Verb::of::<rotate::Rotate>("rotate"),
    Verb::of::<write::Write>("write"),
];

static PROGRAM: Program = Program {
    name: "logctl",
    about: "Logs: what happened, looked for, followed and kept small",
    speaker: None,
    verbs: &[VERBS],
    agents: desk::agents,
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
