//! The control interface on Discord. The schemas of `--json` lie in `schemas/` beside; a key is never renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Program, Verb, run};

mod check;
#[path = "../phone/desk.rs"]
mod desk;
#[path = "../secctl/secret/opens.rs"]
mod opens;
mod pair;
mod post;
mod run;
mod token;
mod unit;
#[path = "../phone/units.rs"]
mod units;

static VERBS: &[Verb] = &[
    Verb::of::<run::Start>("run"),
    Verb::of::<check::Check>("check"),
    Verb::of::<pair::Pair>("pair"),
    Verb::of::<post::Post>("post"),
    Verb::of::<unit::Unit>("unit"),
];

static PROGRAM: Program = Program {
    name: "discordbot",
    about: "The control interface on Discord: list, command and hear agents from a channel",
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
