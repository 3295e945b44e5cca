//! Security: who may do what and why, and what proves who speaks. The schemas of `--json` lie in `schemas/` beside; a key is never renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Program, Verb, run};

mod check;
#[path = "../phone/desk.rs"]
mod desk;
mod explain;
mod lint;
mod question;
mod token;

static VERBS: &[Verb] = &[
    Verb::of::<check::Check>("check"),
    Verb::of::<explain::Explain>("explain"),
    Verb::of::<lint::Lint>("lint"),
    Verb::of::<token::Token>("token"),
];

static PROGRAM: Program = Program {
    name: "secctl",
    about: "Security: who may do what and why, and what proves who speaks",
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
