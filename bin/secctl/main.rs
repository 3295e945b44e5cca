//! Security: who may do what and why, what proves who speaks, what nobody else may read, and the record of it. The schemas of `--json` lie in `schemas/` beside; a key is never renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Program, Verb, run};

mod approvals;
mod audit;
mod check;
#[path = "../phone/desk.rs"]
mod desk;
mod explain;
mod keys;
mod lint;
#[cfg(feature = "age")]
mod open;
mod question;
#[cfg(feature = "age")]
mod seal;
#[cfg(feature = "age")]
mod secret;
mod token;

static VERBS: &[Verb] = &[
    Verb::of::<check::Check>("check"),
    Verb::of::<explain::Explain>("explain"),
    Verb::of::<lint::Lint>("lint"),
    Verb::of::<token::Token>("token"),
    Verb::of::<keys::Keys>("keys"),
    Verb::of::<approvals::Approvals>("approvals"),
    Verb::of::<approvals::Approve>("approve"),
    Verb::of::<approvals::Decline>("decline"),
    Verb::of::<audit::Audit>("audit"),
];

#[cfg(feature = "age")]
static SEALED: &[Verb] = &[
    Verb::of::<seal::Seal>("seal"),
    Verb::of::<open::Open>("open"),
    Verb::of::<secret::Secret>("secret"),
];
#[cfg(not(feature = "age"))]
static SEALED: &[Verb] = &[];

static PROGRAM: Program = Program {
    name: "secctl",
    about: "Security: rights, tokens, keys, secrets, and the record of it all",
    speaker: None,
    verbs: &[VERBS, SEALED],
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
