//! Mail between the agents of this machine.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Program, Verb, run};

mod batch;
mod broadcast;
mod doctor;
mod edit;
#[path = "../phone/findings.rs"]
mod findings;
mod import;
#[path = "../phone/mod.rs"]
mod phone;
mod prune;
mod send;

static SENDING: &[Verb] = &[
    Verb::of::<send::Send>("send"),
    Verb::of::<broadcast::Broadcast>("broadcast"),
];

static KEEPING: &[Verb] = &[
    Verb::of::<edit::Edit>("edit"),
    Verb::of::<prune::Prune>("prune"),
    Verb::of::<import::Import>("import"),
    Verb::of::<doctor::Doctor>("doctor"),
];

static PROGRAM: Program = Program {
    name: "cellphone",
    about: "Mail between the agents of this machine, durable and in plain files",
    speaker: None,
    verbs: &[SENDING, phone::VERBS, KEEPING],
    agents: phone::desk::agents,
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
