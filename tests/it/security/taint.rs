//! What somebody outside wrote is told as such, stays told in every answer, and moves nobody to what needs a right of its
//! own unless a person approves it.

use std::fs;

use serde_json::Value;

use crate::home::{CELLPHONE, Home, Ran, SECCTL, run};
use crate::lives::{AGENTCTL, Swarm};

const FROM_OUTSIDE: &str = "discord:80351110224678912";

fn speak(home: &Home, program: &str, line: &str) -> Ran {
    run(home.command(program).args(line.split_whitespace()), b"")
}

fn ok(home: &Home, program: &str, line: &str) -> String {
    let ran = speak(home, program, line);
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    ran.out
}

fn json(home: &Home, program: &str, line: &str) -> Value {
    serde_json::from_str(&ok(home, program, &format!("{line} --json"))).unwrap()
}

fn taint(home: &Home, message: &str) -> Value {
    json(home, CELLPHONE, &format!("show {message}"))["taint"].clone()
}

#[test]
fn every_answer_carries_the_taint_on() {
    let home = Home::new();
    let outside = format!("--as agent-1 --origin {FROM_OUTSIDE}");
    ok(&home, CELLPHONE, &format!("send agent-2 hello {outside}"));
    let first = json(&home, CELLPHONE, "show agent-2/1");
    assert_eq!(first["origin"], FROM_OUTSIDE);
    assert_eq!(first["taint"], FROM_OUTSIDE);
    // Answers, threads and what is handed on, but not their origin.
    ok(&home, CELLPHONE, "reply agent-2/1 aha --as agent-2");
    let answer = json(&home, CELLPHONE, "show agent-1/1");
    assert_eq!(answer["taint"], FROM_OUTSIDE);
    assert_eq!(answer["origin"], Value::Null);
    ok(
        &home,
        CELLPHONE,
        "send agent-3 look --as agent-1 --reply-to agent-1/1",
    );
    ok(
        &home,
        CELLPHONE,
        "send agent-4 look --as agent-1 --thread agent-1/1",
    );
    let batch = home.dir.join("batch");
    fs::write(
        &batch,
        "{\"content\": \"a\", \"taint\": null}\n{\"content\": \"b\", \"x\": 1}\n",
    )
    .unwrap();
    let batch = format!(
        "send agent-3 --batch {} --reply-to agent-1/1 --as agent-1",
        batch.display()
    );
    ok(&home, CELLPHONE, &batch);
    for message in ["agent-3/1", "agent-4/1", "agent-3/2", "agent-3/3"] {
        assert_eq!(taint(&home, message), FROM_OUTSIDE, "{message}");
    }
    // A line of a batch says itself what it answers, or with what it goes on, and a person may be who answers.
    let answered = json(&home, CELLPHONE, "show agent-1/1");
    let id = answered["id"].as_str().unwrap();
    for (seq, (field, from)) in [
        ("reply_to", "agent-1"),
        ("reply_to", "user"),
        ("thread", "agent-1"),
    ]
    .into_iter()
    .enumerate()
    {
        let said = answered["thread"].as_str().unwrap();
        let said = if field == "thread" { said } else { id };
        let line = serde_json::json!({"content": format!("line {seq}"), field: said});
        let file = home.dir.join("line");
        fs::write(&file, format!("{line}\n")).unwrap();
        let line = format!("send captain --batch {} --as {from}", file.display());
        ok(&home, CELLPHONE, &line);
        assert_eq!(
            taint(&home, &format!("captain/{}", seq + 1)),
            FROM_OUTSIDE,
            "{field} {from}"
        );
    }
    // A handler of it, and whatever that starts, speaks because of it.
    let handler = "cellphone send agent-4 noted";
    let mut watch = home.command(CELLPHONE);
    watch.args(["watch", "--as", "agent-3", "--once", "--exec", handler]);
    assert_eq!(run(&mut watch, b"").code, 0);
    assert_eq!(taint(&home, "agent-4/2"), FROM_OUTSIDE);
    let variables = ok(&home, CELLPHONE, "next --as agent-4 --format env");
    assert!(
        variables.contains(&format!("DREAMOS_TAINT='{FROM_OUTSIDE}'\n")),
        "{variables}"
    );
    // What has nothing to do with it has none.
    ok(&home, CELLPHONE, "send agent-2 other --as agent-1");
    assert_eq!(taint(&home, "agent-2/2"), Value::Null);
    let shown = ok(&home, CELLPHONE, "show agent-2/1");
    assert!(shown.contains("origin    discord:"), "{shown}");
    // What is restored of a dead letter.
    ok(&home, CELLPHONE, &format!("send agent-2 again {outside}"));
    ok(&home, CELLPHONE, "recall agent-2/3 --as agent-1");
    ok(&home, CELLPHONE, "restore agent-2/3");
    assert_eq!(taint(&home, "agent-2/4"), FROM_OUTSIDE);
    let bad = speak(&home, CELLPHONE, "send agent-2 hello --origin nonsense");
    assert_eq!(bad.code, 2, "{bad:?}");
}

#[test]
fn who_takes_the_taint_off_signed_mail_forges_it() {
    let home = Home::new();
    ok(&home, SECCTL, "keys make agent-1");
    ok(
        &home,
        CELLPHONE,
        &format!("send agent-2 hello --as agent-1 --origin {FROM_OUTSIDE}"),
    );
    assert_eq!(
        json(&home, CELLPHONE, "show agent-2/1")["proof"],
        "verified"
    );
    let face = home.dir.join("runtime/mailbox/agent-2/inbox.json");
    let mut messages: Value = serde_json::from_slice(&fs::read(&face).unwrap()).unwrap();
    messages[0]["taint"] = Value::Null;
    fs::write(&face, messages.to_string()).unwrap();
    assert_eq!(json(&home, CELLPHONE, "show agent-2/1")["proof"], "forged");
}

/// What waits for a person: its name.
fn waiting(home: &Home) -> Vec<Value> {
    let listed = json(home, SECCTL, "approvals");
    listed["approvals"].as_array().unwrap().clone()
}

fn swarm() -> Swarm {
    Swarm::new("agent-1:\n  command: 'sleep 1000'\nagent-2: {}\ncaptain: {}")
}

#[test]
fn a_tainted_message_moves_nobody_to_a_privileged_verb_until_a_person_approves_it() {
    let swarm = swarm();
    let home = &swarm.home;
    let start = "start agent-1 --as captain";
    ok(
        home,
        CELLPHONE,
        &format!("send captain stop-them --as agent-2 --origin {FROM_OUTSIDE}"),
    );
    // Nobody has read it yet.
    ok(home, AGENTCTL, start);
    ok(home, CELLPHONE, "next --as captain");
    let stop = "stop agent-1 --as captain";
    let refused = speak(home, AGENTCTL, stop);
    assert_eq!(refused.code, 77, "{refused:?}");
    assert!(refused.err.contains("rule taint"), "{refused:?}");
    let id = waiting(home)[0]["id"].as_str().unwrap().to_owned();
    assert!(
        refused.err.contains(&format!("secctl approve {id}")),
        "{refused:?}"
    );
    assert_eq!(speak(home, AGENTCTL, stop).code, 77);
    assert_eq!(waiting(home).len(), 1, "asked once");
    // Had the first call died before it could tell him, the next one does.
    fs::remove_dir_all(home.dir.join("runtime/mailbox/user")).unwrap();
    assert_eq!(speak(home, AGENTCTL, stop).code, 77);
    assert_eq!(speak(home, AGENTCTL, stop).code, 77);
    // The person is told once, and by whose words.
    let told = json(home, CELLPHONE, "inbox user");
    let told = told["messages"].as_array().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    let told = told[0]["content"].as_str().unwrap();
    assert!(told.contains(&id) && told.contains(FROM_OUTSIDE), "{told}");
    // No agent approves, nor what runs because of it.
    let line = format!("approve {id}");
    assert_eq!(
        speak(home, SECCTL, &format!("{line} --as captain")).code,
        77
    );
    for (name, value) in [
        ("DREAMOS_TAINT", FROM_OUTSIDE),
        ("DREAMOS_INCARNATION", "x"),
    ] {
        let mut command = home.command(SECCTL);
        command.args(line.split_whitespace()).args(["--as", "user"]);
        command.env(name, value).env("DREAMOS_AGENT", "captain");
        assert_eq!(run(&mut command, b"").code, 77, "{name}");
    }
    assert!(waiting(home)[0]["given"].is_null());
    ok(home, SECCTL, &line);
    ok(home, AGENTCTL, stop);
    assert!(waiting(home).is_empty());
    // Once.
    assert_eq!(speak(home, AGENTCTL, start).code, 77);
    let id = waiting(home)[0]["id"].as_str().unwrap().to_owned();
    ok(home, SECCTL, &format!("decline {id}"));
    assert!(waiting(home).is_empty());
    let gone = speak(home, SECCTL, &format!("approve {id}"));
    assert_eq!(gone.code, 66, "{gone:?}");
    // What was done is done: the message is closed.
    ok(home, CELLPHONE, "ack --all --as captain");
    ok(home, AGENTCTL, start);
    ok(home, AGENTCTL, stop);
    let verbs: Vec<String> = json(home, SECCTL, "audit list")["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|record| record["verb"].as_str().unwrap().to_owned())
        .collect();
    for (verb, times) in [("approval.give", 4 + 1), ("approval.used", 1)] {
        let found = verbs.iter().filter(|it| *it == verb).count();
        assert_eq!(found, times, "{verb} in {verbs:?}");
    }
    ok(home, SECCTL, "audit verify");
}

#[test]
fn what_takes_two_privileged_verbs_is_done_when_both_are_approved_and_not_by_half() {
    let swarm = swarm();
    let home = &swarm.home;
    ok(home, AGENTCTL, "start agent-1");
    let life = || {
        swarm.state("agent-1")["incarnation"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let before = life();
    let restart = || {
        let mut restart = home.command(AGENTCTL);
        restart
            .args(["restart", "agent-1", "--as", "captain"])
            .env("DREAMOS_TAINT", FROM_OUTSIDE);
        run(&mut restart, b"").code
    };
    for _ in ["agent.stop", "agent.start"] {
        assert_eq!(restart(), 77);
        assert_eq!(life(), before);
        let waiting = waiting(home);
        let open = waiting.iter().find(|it| it["given"].is_null()).unwrap();
        ok(
            home,
            SECCTL,
            &format!("approve {}", open["id"].as_str().unwrap()),
        );
    }
    assert_eq!(restart(), 0);
    assert_ne!(life(), before);
    assert!(waiting(home).is_empty());
    assert_eq!(restart(), 77);
}

#[test]
fn a_handler_of_tainted_mail_does_nothing_privileged_though_it_closed_it() {
    let swarm = swarm();
    let home = &swarm.home;
    ok(
        home,
        CELLPHONE,
        &format!("send captain purge --as agent-2 --origin {FROM_OUTSIDE}"),
    );
    let handler = "cellphone ack \"$DREAMOS_MESSAGE_ID\"; agentctl start agent-1; test $? = 77";
    let mut watch = home.command(CELLPHONE);
    watch.args(["watch", "--as", "captain", "--once", "--exec", handler]);
    let ran = run(&mut watch, b"");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(waiting(home).len(), 1);
}

#[test]
fn what_waits_is_written_over_by_nobody_who_cannot_read_it() {
    let swarm = swarm();
    let home = &swarm.home;
    let mut start = home.command(AGENTCTL);
    start
        .args(["start", "agent-1", "--as", "captain"])
        .env("DREAMOS_TAINT", FROM_OUTSIDE);
    assert_eq!(run(&mut start, b"").code, 77);
    let file = home.dir.join("runtime/security/approvals/waiting.json");
    fs::write(&file, "[{").unwrap();
    let mut again = home.command(AGENTCTL);
    again
        .args(["start", "agent-1", "--as", "captain"])
        .env("DREAMOS_TAINT", FROM_OUTSIDE);
    let refused = run(&mut again, b"");
    assert_eq!(refused.code, 78, "{refused:?}");
    assert!(refused.err.contains("waiting.json"), "{refused:?}");
    assert_eq!(fs::read(&file).unwrap(), b"[{");
}
