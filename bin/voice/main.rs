//! Speech: on this machine's speakers, into a file, or into the queue for a voice channel. The schemas of `--json` lie in
//! `schemas/` beside; a key is never renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Program, Verb, run};

mod asked;
mod enqueue;
mod generate;
mod lines;
mod list;
mod output;
mod queue;
mod say;
mod test;

static VERBS: &[Verb] = &[
    Verb::of::<say::Say>("say"),
    Verb::of::<generate::Generate>("generate"),
    Verb::of::<enqueue::Enqueue>("enqueue"),
    Verb::of::<queue::Waits>("queue"),
    Verb::of::<list::List>("list"),
    Verb::of::<test::Test>("test"),
];

static PROGRAM: Program = Program {
    name: "voice",
    about: "Speech: on this machine's speakers, into a file, or for a voice channel",
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
