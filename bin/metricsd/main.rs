//! Figures for Prometheus: counted from the logs, and looked at. The schemas of `--json` lie in `schemas/` beside; a key
//! is never renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Own, Program, Verb, run};

mod export;
mod serve;
mod textfile;

static VERBS: &[Verb] = &[
    Verb::of::<export::Export>("export")
        .with_formats(&[Own::Prometheus])
        .that_looks(export::LOOKS),
    Verb::of::<textfile::Textfile>("textfile"),
    Verb::of::<serve::Serve>("serve"),
];

static PROGRAM: Program = Program {
    name: "metricsd",
    about: "Figures of a home for Prometheus: on stdout, in a file, or over HTTP",
    speaker: None,
    verbs: &[VERBS],
    // No verb asks for one.
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
