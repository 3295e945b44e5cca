//! Log lines that are heard.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use super::{Dispatcher, without_dispatcher};
use crate::home::{Home, LOGCTL, path, run};
use crate::metrics::wait_until;

/// With events in its logs.
fn home(events: usize) -> Home {
    let home = Home::new();
    let line = r#"{"event": "script.done", "msg": "the build is done", "level": "error"}"#;
    let lines = format!("{line}\n").repeat(events);
    let ran = run(
        home.command(LOGCTL).args(["write", "--batch", "-"]),
        lines.as_bytes(),
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    home
}

/// `logctl` in a directory of its own, where no `voice` is unless somebody puts one there.
fn alone(home: &Home) -> PathBuf {
    let dir = home.dir.join("alone");
    std::fs::create_dir(&dir).unwrap();
    std::fs::copy(LOGCTL, dir.join("logctl")).unwrap();
    dir
}

#[test]
fn lines_are_printed_and_heard() {
    let Some(speakers) = Dispatcher::start() else {
        return;
    };
    let home = home(2);
    let mut command = home.command(LOGCTL);
    speakers.given_to(&mut command);
    let ran = run(command.args(["tail", "--speak"]), b"");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    assert_eq!(ran.out.matches("the build is done").count(), 2, "{ran:?}");
    let heard = speakers.heard();
    assert!(heard.seconds() > 1.0, "{}", heard.seconds());
    assert!(heard.rms() > 300.0, "{}", heard.rms());
}

#[test]
fn where_voice_is_absent_it_says_so_once_and_goes_on() {
    let home = home(20);
    let logctl = alone(&home).join("logctl");
    let mut command = home.command(path(&logctl));
    command.env("PATH", "/usr/bin:/bin");
    let ran = run(command.args(["tail", "--speak", "-n", "all"]), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out.lines().count(), 20, "{ran:?}");
    assert_eq!(ran.err.matches("nothing is said").count(), 1, "{ran:?}");
    assert!(ran.err.contains("make install-bots"), "{ran:?}");
}

#[test]
fn where_nobody_can_be_heard_the_lines_are_printed_all_the_same() {
    let home = home(20);
    let mut command = home.command(LOGCTL);
    without_dispatcher(&mut command);
    let ran = run(command.args(["tail", "--speak", "-n", "all"]), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out.lines().count(), 20, "{ran:?}");
    assert_eq!(ran.err.matches("error: speakers: ").count(), 1, "{ran:?}");
}

#[test]
fn when_voice_ends_it_says_so_once_and_goes_on() {
    let home = home(20_000);
    let dir = alone(&home);
    let voice = dir.join("voice");
    std::fs::write(&voice, "#!/bin/sh\nread -r line\nexit 69\n").unwrap();
    std::fs::set_permissions(&voice, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = home.command(path(&dir.join("logctl")));
    let ran = run(command.args(["tail", "--speak", "-n", "all"]), b"");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 20_000);
    assert_eq!(
        ran.err.matches("nothing more is said").count(),
        1,
        "{}",
        ran.err
    );
}

#[test]
fn nothing_that_is_printed_waits_for_what_is_said() {
    const EVENTS: usize = 10_000;
    let home = home(EVENTS);
    let dir = alone(&home);
    let voice = dir.join("voice");
    // It reads nothing, so that the pipe to it is full after 64 KiB.
    std::fs::write(&voice, "#!/bin/sh\necho $$ >pid\nexec sleep 60\n").unwrap();
    std::fs::set_permissions(&voice, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut child = home
        .command(path(&dir.join("logctl")))
        .args(["tail", "--follow", "--speak", "-n", "all"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut lines = out.lines();
    assert_eq!(lines.by_ref().take(EVENTS).count(), EVENTS);
    // Once this one is printed it follows, and a signal is taken in order.
    let args = ["write", "system", "script.more", "one more"];
    assert_eq!(run(home.command(LOGCTL).args(args), b"").code, 0);
    assert!(lines.next().unwrap().unwrap().contains("one more"));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let pid = std::fs::read_to_string(home.dir.join("pid")).unwrap();
    wait_until("the child ends with it", || {
        // Of one that has ended but was not asked for it is empty.
        let line = std::fs::read(format!("/proc/{}/cmdline", pid.trim()));
        line.map_or(true, |it| it.is_empty())
    });
}
