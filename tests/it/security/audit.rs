//! Every refusal and every privileged verb leaves exactly one record, flushed before the exit code; whatever is done to the
//! trail, to a journal or to a history is found.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::home::{CELLPHONE, Home, LOGCTL, Ran, SECCTL, TASKCTL, run};
use crate::lives::{AGENTCTL, Swarm, lives, signal, until};

fn speak(home: &Home, program: &str, line: &str) -> Ran {
    let mut command = home.command(program);
    command.args(line.split_whitespace());
    command.env("DREAMOS_SECRETS_KEY_FILE", home.dir.join("secrets.key"));
    run(&mut command, b"opensesame\n")
}

fn ok(home: &Home, program: &str, line: &str) -> Ran {
    let ran = speak(home, program, line);
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    ran
}

/// `verdict verb target` of each record.
fn records(home: &Home) -> Vec<String> {
    let Ok(text) = fs::read_to_string(home.dir.join("runtime/audit/audit.jsonl")) else {
        return Vec::new();
    };
    let records = text.lines().map(|line| {
        let record: Value = serde_json::from_str(line).unwrap();
        let word = |name: &str| record[name].as_str().unwrap().to_owned();
        format!("{} {} {}", word("verdict"), word("verb"), word("target"))
    });
    records.collect()
}

/// What a verb leaves.
fn left(home: &Home, act: impl FnOnce()) -> Vec<String> {
    let before = records(home).len();
    act();
    records(home).split_off(before)
}

#[test]
fn every_privileged_verb_leaves_one_record() {
    let swarm = Swarm::new("agent-1:\n  command: 'sleep 1000'\nagent-2: {}\ncaptain: {}");
    let home = &swarm.home;
    for (program, line, record) in [
        (AGENTCTL, "register agent-9", "agent.configure agent-9"),
        (AGENTCTL, "set agent-9 cwd /tmp", "agent.configure agent-9"),
        (
            AGENTCTL,
            "rename agent-9 agent-8",
            "agent.configure agent-8",
        ),
        (AGENTCTL, "unregister agent-8", "agent.configure agent-8"),
        (AGENTCTL, "start agent-1", "agent.start agent-1"),
        (AGENTCTL, "stop agent-1", "agent.stop agent-1"),
        (
            CELLPHONE,
            "send agent-2 go --as captain",
            "mail.send agent-2",
        ),
        (
            SECCTL,
            "token issue agent-1 --out a.token",
            "token.issue agent-1",
        ),
        (SECCTL, "token revoke agent-1", "token.issue agent-1"),
        (SECCTL, "keys make agent-1", "key.write agent-1"),
        (SECCTL, "keys rotate agent-1", "key.write agent-1"),
        (SECCTL, "secret set login", "secret.write system"),
        (SECCTL, "secret get login --reveal", "secret.read system"),
        (SECCTL, "secret list", "secret.read system"),
        (SECCTL, "secret rotate", "secret.write system"),
        (SECCTL, "secret rm login", "secret.write system"),
        (SECCTL, "audit anchor", "audit.anchor system"),
    ] {
        let left = left(home, || drop(ok(home, program, line)));
        assert_eq!(left, [format!("allowed {record}")], "{line}");
    }
    // One that ends a life and begins another is two.
    ok(home, AGENTCTL, "start agent-1");
    let left = left(home, || drop(ok(home, AGENTCTL, "restart agent-1")));
    assert_eq!(
        left,
        ["allowed agent.stop agent-1", "allowed agent.start agent-1"]
    );
    assert_eq!(speak(home, SECCTL, "audit verify").code, 0);
}

#[test]
fn ordinary_verbs_and_what_changes_nothing_leave_none() {
    let swarm = Swarm::new("agent-1:\n  command: 'sleep 1000'\nagent-2: {}");
    let home = &swarm.home;
    ok(home, AGENTCTL, "start agent-1");
    let left = left(home, || {
        for (program, line) in [
            (CELLPHONE, "send agent-2 hello"),
            (CELLPHONE, "inbox agent-2"),
            (CELLPHONE, "next --as agent-2"),
            (CELLPHONE, "ack --all --as agent-2"),
            (TASKCTL, "create something --for agent-2"),
            (LOGCTL, "write system script.said"),
            (AGENTCTL, "up"),
            (AGENTCTL, "start agent-1"),
            (AGENTCTL, "stop agent-2"),
            (AGENTCTL, "list"),
            (AGENTCTL, "doctor --fix"),
            (AGENTCTL, "unregister agent-2 --dry-run"),
            (SECCTL, "keys list"),
            (SECCTL, "audit list"),
            (SECCTL, "check agent-1 mail.ack agent-1"),
        ] {
            ok(home, program, line);
        }
    });
    assert_eq!(left, [""; 0]);
}

#[test]
fn every_refusal_leaves_one_record_and_the_fifth_tells_the_captain() {
    let home = Home::new();
    for (n, (program, line, record)) in [
        (CELLPHONE, "inbox agent-2", "mail.read agent-2"),
        (CELLPHONE, "doctor agent-2 --fix", "mail.repair agent-2"),
        (AGENTCTL, "stop agent-2", "agent.stop agent-2"),
        (LOGCTL, "rotate", "log.rotate system"),
        (SECCTL, "keys make agent-1", "key.write agent-1"),
        (SECCTL, "secret list", "secret.read system"),
    ]
    .into_iter()
    .enumerate()
    {
        if line.starts_with("secret") {
            ok(&home, SECCTL, "secret set login");
        }
        let left = left(&home, || {
            let line = format!("{line} --as agent-1");
            let ran = speak(&home, program, &line);
            assert_eq!(ran.code, 77, "{line}: {ran:?}");
        });
        let mut expected = vec![format!("refused {record}")];
        if n == 4 {
            expected.push("allowed audit.alert agent-1".into());
        }
        assert_eq!(left, expected, "{line}");
    }
    let told = ok(&home, CELLPHONE, "inbox --as captain");
    assert_eq!(
        told.out.matches("agent-1 was refused").count(),
        1,
        "{told:?}"
    );
}

/// A used home with an anchor.
fn anchored() -> (Home, String) {
    let home = Home::new();
    ok(&home, CELLPHONE, "send agent-1 first");
    ok(&home, CELLPHONE, "send agent-1 second --as captain");
    for n in 0..25 {
        ok(&home, TASKCTL, &format!("create t --id t{n} --for agent-2"));
        ok(&home, TASKCTL, &format!("set t{n} priority high"));
    }
    ok(&home, TASKCTL, "cancel t0");
    ok(&home, AGENTCTL, "register agent-9");
    let head = ok(&home, SECCTL, "audit anchor").out.trim().to_owned();
    ok(&home, AGENTCTL, "set agent-9 cwd /tmp");
    (home, head)
}

#[test]
fn whatever_is_done_to_trail_journal_or_history_is_found() {
    let (home, head) = anchored();
    let verify = || {
        speak(
            &home,
            SECCTL,
            &format!("audit verify --anchor {head} --json"),
        )
    };
    let clean = verify();
    assert_eq!(clean.code, 0, "{clean:?}");
    assert!(clean.json()["intact"].as_u64().unwrap() >= 3, "{clean:?}");
    // It goes on after the anchor.
    ok(&home, CELLPHONE, "send agent-1 third");
    ok(&home, CELLPHONE, "ack --all --as agent-1");
    assert_eq!(verify().code, 0);
    let trail = home.dir.join("runtime/audit/audit.jsonl");
    let journal = home.dir.join("runtime/mailbox/agent-1/journal.jsonl");
    let archive = home.dir.join("runtime/tasks/archive/agent-2.jsonl");
    let found = |file: &Path, how: &dyn Fn(&mut Vec<&str>)| {
        let before = fs::read_to_string(file).unwrap();
        let mut lines: Vec<&str> = before.lines().collect();
        how(&mut lines);
        fs::write(file, lines.join("\n") + "\n").unwrap();
        let ran = verify();
        assert_eq!(ran.code, 1, "{}: {ran:?}", file.display());
        let name = file.strip_prefix(&home.dir).unwrap().display().to_string();
        let findings = ran.json()["findings"].as_array().unwrap().clone();
        assert!(
            findings.iter().any(|it| it["path"] == name.as_str()),
            "{ran:?}"
        );
        fs::write(file, before).unwrap();
        assert_eq!(verify().code, 0);
    };
    found(&trail, &|lines| _ = lines.remove(0));
    found(&trail, &|lines| lines.swap(0, 1));
    found(&trail, &|lines| lines.truncate(1));
    found(&trail, &|lines| lines.insert(1, lines[0]));
    found(&journal, &|lines| _ = lines.remove(1));
    found(&journal, &|lines| lines.truncate(2));
    found(&journal, &|lines| lines.swap(1, 2));
    found(&archive, &|lines| lines.clear());
}

#[test]
fn what_cannot_be_recorded_is_not_done() {
    let home = Home::new();
    let audit = home.dir.join("runtime/audit");
    fs::write(&audit, "in the way").unwrap();
    let before = fs::read(home.dir.join("config/agents.yaml")).unwrap();
    let ran = speak(&home, AGENTCTL, "register agent-9");
    assert_ne!(ran.code, 0, "{ran:?}");
    assert_eq!(
        fs::read(home.dir.join("config/agents.yaml")).unwrap(),
        before
    );
    // A refusal stands all the same, and says so.
    let ran = speak(&home, CELLPHONE, "inbox agent-2 --as agent-1");
    assert_eq!(ran.code, 77);
    assert!(ran.err.contains("the audit trail"), "{ran:?}");
    ok(&home, CELLPHONE, "send agent-2 hello");
}

#[test]
fn whoever_only_looks_is_refused_nothing_where_an_agent_has_lost_its_supervisor() {
    let swarm = Swarm::new("agent-1:\n  command: 'sleep 1000'\n  restart: always\nagent-2: {}");
    let home = &swarm.home;
    ok(home, AGENTCTL, "start agent-1");
    let supervisor = swarm.supervisor("agent-1");
    signal(supervisor, "KILL");
    until("its supervisor is gone", || !lives(supervisor));
    let left = left(home, || drop(ok(home, AGENTCTL, "list --as agent-2")));
    assert_eq!(left, [""; 0]);
    // Whoever may starts it anew, on the record.
    let left = self::left(home, || drop(ok(home, AGENTCTL, "list")));
    assert_eq!(left, ["allowed agent.start agent-1"]);
}

#[test]
fn a_token_in_plain_text_is_found_by_the_doctor() {
    let home = Home::new();
    fs::write(
        home.dir.join("config/discord.yaml"),
        "bot:\n  token: ghp_0123456789abcdefghij0123456789abcdef\n",
    )
    .unwrap();
    let ran = speak(&home, AGENTCTL, "doctor --json");
    let found = ran.json()["findings"].as_array().unwrap().clone();
    let of_token: Vec<&Value> = found
        .iter()
        .filter(|it| it["what"] == "plain-text-secret")
        .collect();
    assert_eq!(of_token.len(), 1, "{ran:?}");
    assert!(
        of_token[0]["detail"]
            .as_str()
            .unwrap()
            .starts_with("line 2: a GitHub token"),
        "{ran:?}"
    );
    assert!(
        !ran.out.contains("ghp_"),
        "the doctor tells it to nobody: {ran:?}"
    );
}
