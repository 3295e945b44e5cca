//! Heard through a real Speech Dispatcher.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{Dispatcher, without_dispatcher};
use crate::home::{Ran, VOICE, run};
use crate::metrics::wait_until;

const TEXT: &str = "The quick brown fox jumps over the lazy dog.";

/// As a script calls it: without a home.
fn said(speakers: &Dispatcher, args: &[&str], input: &[u8]) -> Ran {
    let mut command = bare();
    speakers.given_to(&mut command);
    run(command.arg("say").args(args), input)
}

fn bare() -> Command {
    let mut command = Command::new(VOICE);
    command.current_dir("/").env_clear();
    command
}

#[test]
fn what_is_said_is_heard() {
    let Some(speakers) = Dispatcher::start() else {
        return;
    };
    let ran = said(&speakers, &[TEXT], b"");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{ran:?}");
    let usual = speakers.heard();
    assert!((1.5..6.0).contains(&usual.seconds()), "{}", usual.seconds());
    assert!(usual.rms() > 300.0, "{}", usual.rms());
}

#[test]
fn a_faster_pace_takes_less_time() {
    let (Some(slow), Some(fast)) = (Dispatcher::start(), Dispatcher::start()) else {
        return;
    };
    said(&slow, &["-"], TEXT.as_bytes());
    said(&fast, &["-", "--rate", "250"], TEXT.as_bytes());
    let ratio = fast.heard().seconds() / slow.heard().seconds();
    assert!((0.2..0.8).contains(&ratio), "{ratio}");
}

#[test]
fn a_voice_is_chosen_by_name_or_language_and_an_unknown_one_is_refused() {
    let Some(speakers) = Dispatcher::start() else {
        return;
    };
    assert_eq!(said(&speakers, &["hallo", "--voice", "de"], b"").code, 0);
    let ran = said(&speakers, &["hello", "--voice", "nobody"], b"");
    assert_eq!(ran.code, 66, "{ran:?}");
    let mut command = bare();
    speakers.given_to(&mut command);
    let listed = run(
        command.args(["list", "--engine", "speakers", "--format", "plain"]),
        b"",
    );
    assert!(listed.out.lines().count() > 50, "{listed:?}");
}

#[test]
fn without_a_dispatcher_it_fails_soon_and_says_so() {
    let mut command = bare();
    without_dispatcher(&mut command);
    let ran = run(command.args(["say", "hello"]), b"");
    assert_eq!(ran.code, 69, "{ran:?}");
    assert!(ran.err.contains("error: speakers: "), "{ran:?}");
    assert!(ran.took < Duration::from_secs(10), "{ran:?}");
}

#[test]
fn of_lines_that_come_too_fast_the_newest_are_said() {
    let Some(speakers) = Dispatcher::start() else {
        return;
    };
    let lines = "something went wrong again\n".repeat(20_000);
    let ran = said(&speakers, &["--lines", "--json", "-"], lines.as_bytes());
    assert_eq!(ran.code, 0, "{ran:?}");
    let count = ran.json()["said"].as_u64().unwrap();
    assert!((2..2_000).contains(&count), "{count}");
}

#[test]
fn ctrl_c_ends_it_at_once_even_if_the_dispatcher_hangs() {
    let Some(speakers) = Dispatcher::start() else {
        return;
    };
    let mut command = bare();
    speakers.given_to(&mut command);
    let mut child = command
        .args(["say", "--lines", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"one\n").unwrap();
    wait_until("the first line is heard", || speakers.heard().rms() > 0.0);
    speakers.signal(Signal::STOP);
    stdin.write_all(b"two\n").unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let began = std::time::Instant::now();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(5));
}
