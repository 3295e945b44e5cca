//! Mail between the agents of this machine.

use std::process::ExitCode;

use dreamos::cli::{Program, Verb, run};

mod batch;
mod broadcast;
mod doctor;
mod edit;
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
    agents: phone::open::agents,
};

fn main() -> ExitCode {
    run(&PROGRAM)
}
