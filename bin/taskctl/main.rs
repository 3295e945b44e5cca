//! Tasks: what is to be done, by whom, after what. The schemas of `--json` lie in `schemas/` beside; a key is never
//! renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Program, Verb, run};

mod changed;
mod claim;
mod complete;
mod create;
#[path = "../phone/desk.rs"]
mod desk;
mod explain;
mod fail;
mod import;
mod item;
mod list;
mod next;
mod options;
mod page;
mod ready;
mod run;
mod show;
mod start;
mod unit;
#[path = "../phone/units.rs"]
mod units;

static VERBS: &[Verb] = &[
    Verb::of::<create::Create>("create"),
    Verb::of::<list::List>("list"),
    Verb::of::<show::Show>("show"),
    Verb::of::<ready::Ready>("ready"),
    Verb::of::<claim::Claim>("claim"),
    Verb::of::<start::Start>("start"),
    Verb::of::<complete::Complete>("complete"),
    Verb::of::<fail::Fail>("fail"),
    Verb::of::<run::Run>("run"),
    Verb::of::<next::Next>("next"),
    Verb::of::<explain::Explain>("explain"),
    Verb::of::<import::Import>("import"),
    Verb::of::<unit::Unit>("unit"),
];

static PROGRAM: Program = Program {
    name: "taskctl",
    about: "Tasks: what is to be done, by whom, after what, in files that you may edit",
    speaker: None,
    verbs: &[VERBS],
    agents: desk::agents,
};

#[cfg_attr(
    not(test),
    expect(unsafe_code, reason = "the C library calls it by this name"),
    unsafe(no_mangle)
)]
extern "C" fn main(_: i32, _: *const *const u8) -> i32 {
    run(&PROGRAM)
}
