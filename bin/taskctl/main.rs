//! Tasks: what is to be done, by whom, after what. The schemas of `--json` lie in `schemas/` beside; a key is never
//! renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Own, Program, Verb, run};

mod archive;
mod assign;
mod cancel;
mod changed;
mod claim;
mod complete;
mod create;
mod dep;
#[path = "../phone/desk.rs"]
mod desk;
mod edit;
mod explain;
mod export;
mod fail;
#[path = "../phone/findings.rs"]
mod findings;
mod graph;
mod history;
mod ids;
mod import;
mod item;
mod lint;
mod list;
mod next;
mod options;
mod page;
mod progress;
mod ready;
mod reopen;
mod run;
mod set;
mod show;
mod start;
mod stats;
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
    Verb::of::<progress::Progress>("progress"),
    Verb::of::<complete::Complete>("complete"),
    Verb::of::<fail::Fail>("fail"),
    Verb::of::<cancel::Cancel>("cancel"),
    Verb::of::<reopen::Reopen>("reopen"),
    Verb::of::<assign::Assign>("assign"),
    Verb::of::<set::Set>("set"),
    Verb::of::<edit::Edit>("edit"),
    Verb::of::<dep::Dep>("dep"),
    Verb::of::<graph::Graph>("graph").with_formats(&[Own::Mermaid, Own::Dot]),
    Verb::of::<history::History>("history"),
    Verb::of::<archive::Archive>("archive"),
    Verb::of::<stats::Stats>("stats"),
    Verb::of::<export::Export>("export").with_formats(&[Own::Csv]),
    Verb::of::<lint::Lint>("lint"),
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
    tasks: Some(ids::ids),
};

#[cfg_attr(
    not(test),
    expect(unsafe_code, reason = "the C library calls it by this name"),
    unsafe(no_mangle)
)]
extern "C" fn main(_: i32, _: *const *const u8) -> i32 {
    run(&PROGRAM)
}
