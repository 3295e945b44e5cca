//! Memory: what happened, linked and asked for. The schemas of `--json` lie in `schemas/` beside; a key is never renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Program, Verb, run};

mod ask;
mod compact;
#[path = "../phone/desk.rs"]
mod desk;
mod digest;
mod forget;
mod ingest;
mod insights;
mod options;
mod output;
mod patterns;
mod progress;
mod query;
mod rebuild;
mod remember;
mod show;
mod sight;
mod stats;
mod story;
mod task;
mod thread;
mod threads;
mod topic;

static VERBS: &[Verb] = &[
    Verb::of::<ingest::Ingest>("ingest"),
    Verb::of::<query::Search>("query"),
    Verb::of::<ask::Recent>("recent"),
    Verb::of::<ask::Similar>("similar"),
    Verb::of::<topic::Topic>("topic"),
    Verb::of::<show::Show>("show"),
    Verb::of::<threads::Threads>("threads"),
    Verb::of::<thread::Thread>("thread"),
    Verb::of::<task::Task>("task"),
    Verb::of::<story::Story>("story"),
    Verb::of::<digest::Digest>("digest"),
    Verb::of::<remember::Remember>("context"),
    Verb::of::<insights::Insights>("insights"),
    Verb::of::<patterns::Patterns>("patterns"),
    Verb::of::<stats::Stats>("stats"),
    Verb::of::<forget::Forget>("forget"),
    Verb::of::<compact::Compact>("compact"),
    Verb::of::<rebuild::Rebuild>("rebuild"),
];

static PROGRAM: Program = Program {
    name: "dreamscribe",
    about: "Memory: what happened, linked and asked for",
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
