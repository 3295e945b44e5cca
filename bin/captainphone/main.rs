//! Orders of the captain: the grammar of cellphone, urgent, and waiting for the acknowledgement.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Program, Verb, run};

mod broadcast;
mod escalate;
mod order;
#[path = "../phone/mod.rs"]
mod phone;
mod send;

static SENDING: &[Verb] = &[
    Verb::of::<send::Send>("send"),
    Verb::of::<broadcast::Broadcast>("broadcast"),
    Verb::of::<escalate::Escalate>("escalate"),
];

static PROGRAM: Program = Program {
    name: "captainphone",
    about: "Orders of the captain: urgent mail that waits for its acknowledgement",
    speaker: Some(dreamos::names::CAPTAIN),
    verbs: &[SENDING, phone::VERBS],
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
