//! Where identity is required, nobody speaks as an agent without its token; what proves it is a secret of the life that
//! is, or one that was issued.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::home::{CELLPHONE, Home, Ran, SECCTL, run};
use crate::lives::{AGENTCTL, Swarm, until};

const REQUIRED: &str = "identity: required\n";

fn speak(home: &Home, agent: &str, token: Option<&Path>) -> Ran {
    let mut command = home.command(CELLPHONE);
    command.args(["send", "agent-2", "hello", "--mode", "PRIORITY"]);
    command.env("DREAMOS_AGENT", agent);
    command.envs(token.map(|path| ("DREAMOS_TOKEN_FILE", path)));
    run(&mut command, b"")
}

fn issued(home: &Home, agent: &str, more: &[&str]) -> PathBuf {
    let file = home.dir.join(format!("{agent}.token"));
    let _ = std::fs::remove_file(&file);
    let mut command: Command = home.command(SECCTL);
    command.args(["token", "issue", agent, "--out"]).arg(&file);
    let ran = run(command.args(more), b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    file
}

fn refused(ran: &Ran, why: &str) {
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.err.contains(why), "{why}: {ran:?}");
}

#[test]
fn a_claim_without_its_token_is_refused_where_identity_is_required() {
    let home = Home::new();
    assert_eq!(speak(&home, "agent-1", None).code, 0, "a claim");
    let token = issued(&home, "agent-1", &[]);
    home.obey(REQUIRED);
    assert_eq!(speak(&home, "agent-1", Some(&token)).code, 0);
    assert_eq!(speak(&home, "user", None).code, 0, "a person has none");
    refused(&speak(&home, "agent-1", None), "agent-1 has no token");
    // Its notices the system sends without one; nobody else is the system.
    refused(&speak(&home, "system", None), "system has no token");
    refused(
        &speak(&home, "agent-3", Some(&token)),
        "the token is that of agent-1, not of agent-3",
    );
    std::fs::write(&token, "{\"agent\":\"agent-1\"}").unwrap();
    refused(&speak(&home, "agent-1", Some(&token)), "it is no token");
    refused(
        &speak(&home, "agent-1", Some(&home.dir.join("missing"))),
        "it is not there",
    );
    let made_up = format!(
        "{{\"agent\":\"agent-1\",\"incarnation\":null,\"secret\":\"{}\"}}",
        "0".repeat(64)
    );
    std::fs::write(&token, made_up).unwrap();
    refused(
        &speak(&home, "agent-1", Some(&token)),
        "nobody gave agent-1 this token",
    );
}

#[test]
fn a_token_that_expired_was_taken_back_or_others_may_read_proves_nothing() {
    let home = Home::new();
    home.obey(REQUIRED);
    let token = issued(&home, "agent-1", &["--expires", "1ms"]);
    refused(&speak(&home, "agent-1", Some(&token)), "expired at");
    let token = issued(&home, "agent-1", &["--expires", "1h"]);
    assert_eq!(speak(&home, "agent-1", Some(&token)).code, 0);
    let mode = |mode| std::fs::set_permissions(&token, std::fs::Permissions::from_mode(mode));
    mode(0o640).unwrap();
    refused(
        &speak(&home, "agent-1", Some(&token)),
        "may be read or written by others",
    );
    mode(0o600).unwrap();
    let ran = run(
        home.command(SECCTL).args(["token", "revoke", "agent-1"]),
        b"",
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    refused(
        &speak(&home, "agent-1", Some(&token)),
        "nobody gave agent-1 this token",
    );
    let ran = run(
        home.command(SECCTL).args(["token", "revoke", "agent-1"]),
        b"",
    );
    assert_eq!(ran.code, 1, "there is none any more: {ran:?}");
}

#[test]
fn an_issued_token_is_nobodys_to_read_and_only_the_owner_issues_one() {
    let home = Home::new();
    let token = issued(&home, "captain", &[]);
    let mode = std::fs::metadata(&token).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let secret = std::fs::read_to_string(&token).unwrap();
    let secret = secret.split('"').rev().nth(1).unwrap();
    assert_eq!(secret.len(), 64);
    let mut left = vec![home.dir.join("runtime"), home.dir.join("config")];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                assert!(!text.contains(secret), "{}", path.display());
            }
        }
    }
    let out = home.dir.join("other.token");
    for caller in ["agent-1", "captain"] {
        let mut command = home.command(SECCTL);
        command.args(["token", "issue", "agent-1", "--as", caller, "--out"]);
        let ran = run(command.arg(&out), b"");
        refused(&ran, "(rule default-deny)");
        assert!(!out.exists());
    }
    // What lies there is not written over.
    let mut command = home.command(SECCTL);
    command
        .args(["token", "issue", "captain", "--out"])
        .arg(&token);
    assert_eq!(run(&mut command, b"").code, 73);
    assert!(std::fs::read_to_string(&token).unwrap().contains(secret));
}

#[test]
fn a_supervised_agent_has_the_token_of_its_life_and_an_earlier_one_is_worth_nothing() {
    let swarm = Swarm::new(
        "agent-1:
  command: 'cp \"$DREAMOS_TOKEN_FILE\" copy-$(ls | wc -l); cellphone send agent-2 hello --force; sleep 1000'
  cwd: lives
agent-2: {}",
    );
    std::fs::create_dir(swarm.home.dir.join("lives")).unwrap();
    swarm.home.obey(REQUIRED);
    let programs = Path::new(AGENTCTL).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let start = |verb: &str| {
        let mut command = swarm.command();
        command.args([verb, "agent-1"]).env("PATH", &path);
        assert_eq!(run(&mut command, b"").code, 0);
    };
    let mail = || {
        let inbox = swarm.home.dir.join("runtime/mailbox/agent-2/inbox.json");
        std::fs::read_to_string(inbox).map_or(0, |text| text.matches("\"agent-1\"").count())
    };
    start("start");
    until("its first life speaks", || mail() == 1);
    let token = swarm.file("agent-1", "token");
    let mode = std::fs::metadata(&token).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    start("restart");
    until("its second life speaks", || mail() == 2);
    let copies = |n: usize| swarm.home.dir.join(format!("lives/copy-{n}"));
    let speak = |token: &Path| speak(&swarm.home, "agent-1", Some(token));
    for copy in [copies(0), copies(1)] {
        std::fs::set_permissions(copy, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    refused(&speak(&copies(0)), "is of a life that is over");
    assert_eq!(speak(&copies(1)).code, 0);
    // What runs as an agent is not the person at the terminal either.
    let mut command = swarm.home.command(CELLPHONE);
    command.args(["send", "agent-2", "hello", "--as", "user"]);
    command.envs([
        ("DREAMOS_AGENT", "agent-1"),
        ("DREAMOS_INCARNATION", "life"),
    ]);
    refused(
        &run(&mut command, b""),
        "does not speak for the person at the terminal",
    );
    swarm.ok(&["stop", "agent-1"]);
    assert!(!token.exists());
    refused(&speak(&copies(1)), "is of a life that is over");
}
