//! Nobody else sees anything below `config/` and `runtime/` of a home; a home that others may write to is refused.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::home::{CELLPHONE, Home, run};
use crate::lives::AGENTCTL;

/// Of Debian, without any right of its own.
const STRANGER: &str = "nobody";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// As a checkout has it.
fn open_home() -> Home {
    let home = Home::new();
    let mut parts = home.dir.ancestors();
    let place = parts.nth(1).unwrap();
    set(place, 0o755);
    for part in ["", "config", "runtime"] {
        set(&home.dir.join(part), 0o755);
    }
    home
}

#[test]
fn the_first_change_closes_a_home_and_reading_does_not() {
    let home = open_home();
    let (config, runtime) = (home.dir.join("config"), home.dir.join("runtime"));
    run(home.command(CELLPHONE).args(["inbox", "agent-1"]), b"");
    assert_eq!((mode(&config), mode(&runtime)), (0o755, 0o755));
    let sent = run(
        home.command(CELLPHONE).args(["send", "agent-1", "hello"]),
        b"",
    );
    assert_eq!(sent.code, 0, "{sent:?}");
    assert_eq!((mode(&config), mode(&runtime)), (0o700, 0o700));
}

#[test]
fn another_user_can_read_write_and_learn_nothing() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can be somebody else");
        return;
    }
    let home = open_home();
    run(
        home.command(CELLPHONE).args(["send", "agent-1", "hello"]),
        b"",
    );
    let as_stranger = |words: &str| {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid",
            STRANGER,
            "--regid",
            "nogroup",
            "--clear-groups",
            "--",
        ]);
        let done = command
            .args(["sh", "-c", words])
            .current_dir(&home.dir)
            .output();
        let done = done.unwrap();
        (
            done.status.success(),
            String::from_utf8(done.stdout).unwrap(),
        )
    };
    // It is a stranger that sees what lies beside.
    assert!(as_stranger("ls . >/dev/null").0);
    for words in [
        "ls runtime",
        "ls config",
        "cat runtime/mailbox/agent-1/inbox.json",
        "cat config/agents.yaml",
        "ls runtime/mailbox/agent-1",
        "test -e runtime/mailbox/agent-1/journal.jsonl",
        "touch runtime/x",
        "echo x >> config/agents.yaml",
        "stat runtime/logs/messages.log",
    ] {
        let (done, out) = as_stranger(words);
        assert!(!done && out.is_empty(), "{words}: {out}");
    }
    // Even where the directories are open again the files are not.
    set(&home.dir.join("runtime"), 0o755);
    set(&home.dir.join("runtime/mailbox"), 0o755);
    assert!(!as_stranger("cat runtime/mailbox/agent-1/inbox.json").0);
}

#[test]
fn a_home_that_others_may_write_to_is_refused_unless_the_risk_is_taken() {
    let home = Home::new();
    set(&home.dir, 0o777);
    let mut command = home.command(CELLPHONE);
    let ran = run(command.args(["send", "agent-1", "hello"]), b"");
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.err.contains("--insecure-home"), "{ran:?}");
    let mut command = home.command(CELLPHONE);
    let ran = run(
        command.args(["send", "agent-1", "hello", "--insecure-home"]),
        b"",
    );
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn init_makes_a_home_that_is_closed() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("new");
    let mut command = Command::new(AGENTCTL);
    let ran = run(command.arg("init").arg(&dir), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in ["config", "runtime", "config/security", "runtime/mailbox"] {
        assert_eq!(mode(&dir.join(part)), 0o700, "{part}");
    }
    for file in ["config/agents.yaml", "config/security/policies.yaml"] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
}
