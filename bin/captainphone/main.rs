//! Orders of the captain: the grammar of cellphone, urgent, and waiting for the acknowledgement.

use std::process::ExitCode;

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
    agents: phone::open::agents,
};

fn main() -> ExitCode {
    run(&PROGRAM)
}
