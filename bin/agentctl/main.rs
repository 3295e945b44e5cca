//! Agents: who exists, who runs, and what they do. The schemas of `--json` lie in `schemas/` beside; a key is never
//! renamed.

// `main` is the C library's, without Rust's own start-up before it: see `src/cli/start.rs`.
#![cfg_attr(not(test), no_main)]

use dreamos::cli::{Program, Verb, run};

mod anyway;
mod attach;
#[path = "../phone/desk.rs"]
mod desk;
mod devlog;
mod doctor;
mod down;
mod dry_run;
#[path = "../phone/findings.rs"]
mod findings;
mod heartbeat;
mod init;
mod join;
mod letters;
mod list;
mod logs;
mod paths;
mod peek;
mod register;
mod rename;
mod report;
mod restart;
mod root;
mod set;
mod start;
mod status;
mod stop;
mod type_text;
mod unit;
#[path = "../phone/units.rs"]
mod units;
mod unregister;
mod until;
mod up;
#[path = "../phone/wait.rs"]
mod wait;
mod who;

static VERBS: &[Verb] = &[
    Verb::of::<init::Init>("init"),
    Verb::of::<list::List>("list"),
    Verb::of::<status::Status>("status"),
    Verb::of::<start::Start>("start"),
    Verb::of::<stop::Stop>("stop"),
    Verb::of::<restart::Restart>("restart"),
    Verb::of::<up::Up>("up"),
    Verb::of::<down::Down>("down"),
    Verb::of::<letters::Resume>("resume"),
    Verb::of::<letters::Verify>("verify"),
    Verb::of::<letters::Onboard>("onboard"),
    Verb::of::<logs::Logs>("logs"),
    Verb::of::<devlog::Devlog>("devlog"),
    Verb::of::<until::Wait>("wait"),
    Verb::of::<heartbeat::Heartbeat>("heartbeat"),
    Verb::of::<heartbeat::Activities>("activity"),
    Verb::of::<register::Register>("register"),
    Verb::of::<set::Set>("set"),
    Verb::of::<rename::Rename>("rename"),
    Verb::of::<unregister::Unregister>("unregister"),
    Verb::of::<doctor::Doctor>("doctor"),
    Verb::of::<unit::Unit>("unit"),
    Verb::of::<attach::Attach>("attach"),
    Verb::of::<peek::Peek>("peek"),
    Verb::of::<type_text::Type>("type"),
    Verb::of::<root::Root>("root"),
    Verb::of::<paths::Paths>("paths"),
];

static PROGRAM: Program = Program {
    name: "agentctl",
    about: "Agents: who exists, who runs, started and stopped over one home and without a daemon",
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
