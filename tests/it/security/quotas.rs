//! A flood of one agent's stops at its quota, by not one message more, and stops nobody else.

use std::fs;
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::home::{CELLPHONE, Home, Ran, SECCTL, run};

fn command(home: &Home, program: &str, line: &str) -> Command {
    let mut command = home.command(program);
    command.args(line.split_whitespace());
    command
}

fn speak(home: &Home, line: &str) -> Ran {
    run(&mut command(home, CELLPHONE, line), b"")
}

fn ok(home: &Home, line: &str) -> Ran {
    let ran = speak(home, line);
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    ran
}

/// Messages to agent-2, with one write.
fn batch_of(home: &Home, who: &str, count: usize) -> Ran {
    let lines = (0..count).map(|n| format!("{{\"content\": \"message {n}\"}}\n"));
    let lines: Vec<String> = lines.collect();
    let line = format!("send agent-2 --batch - --force --as {who}");
    run(
        &mut command(home, CELLPHONE, &line),
        lines.concat().as_bytes(),
    )
}

fn batch(home: &Home, count: usize) -> Ran {
    batch_of(home, "agent-1", count)
}

fn waiting(home: &Home) -> Vec<String> {
    home.pending("agent-2")
}

fn audited(home: &Home) -> Vec<Value> {
    let trail = fs::read_to_string(home.dir.join("runtime/audit/audit.jsonl")).unwrap_or_default();
    let lines = trail.lines();
    lines.map(|it| serde_json::from_str(it).unwrap()).collect()
}

const FIVE: &str =
    "quotas:\n  - {rule: five, principals: '*', targets: 'agent:agent-2', pending: 5}\n";

#[test]
fn a_full_mailbox_refuses_the_flood_and_lets_the_captain_through() {
    let home = Home::new();
    home.obey(FIVE);
    assert_eq!(batch(&home, 5).code, 0);
    let journal = fs::read(home.journal("agent-2")).unwrap();
    let refused = speak(&home, "send agent-2 more --as agent-1");
    assert_eq!(refused.code, 77, "{refused:?}");
    assert_eq!(
        refused.err,
        "error: agent-1 may not send that to agent-2: 5 messages wait there, and at most 5 may (rule five)\n  \
         hint: again once agent-2 has acknowledged some\n"
    );
    assert_eq!(fs::read(home.journal("agent-2")).unwrap(), journal);
    let of_agent = speak(&home, "send agent-2 now --mode PRIORITY --as agent-3");
    assert_eq!(of_agent.code, 77, "{of_agent:?}");
    let plain = speak(&home, "send agent-2 later --as captain");
    assert_eq!(plain.code, 77, "{plain:?}");

    ok(&home, "send agent-2 stop --mode PRIORITY --as captain");
    ok(&home, "send agent-2 indeed --mode PRIORITY --as user");
    for expected in ["stop", "indeed", "message 0"] {
        let taken = ok(&home, "next --json --as agent-2").json();
        assert_eq!(taken["content"], expected);
        let ack = format!("ack {} --as agent-2", taken["seq"]);
        ok(&home, &ack);
    }
    ok(&home, "send agent-2 more --as agent-1");
    assert_eq!(speak(&home, "send agent-2 again --as agent-1").code, 77);
    ok(&home, "send agent-3 elsewhere --as agent-1");
    assert_eq!(waiting(&home).len(), 5);
}

#[test]
fn a_refusal_is_audited_and_logged_by_the_name_of_the_quota() {
    let home = Home::new();
    home.obey(FIVE);
    assert_eq!(batch(&home, 5).code, 0);
    let before = audited(&home).len();
    let refused = speak(&home, "send agent-2 more --json --as agent-1");
    assert_eq!(refused.code, 77, "{refused:?}");
    let records = audited(&home).split_off(before);
    let [record] = &records[..] else {
        panic!("{records:?}");
    };
    for (name, value) in [
        ("verdict", "refused"),
        ("verb", "mail.send"),
        ("target", "agent-2"),
        ("who", "agent-1"),
        ("rule", "five"),
    ] {
        assert_eq!(record[name], value, "{record}");
    }
    let log = fs::read_to_string(home.dir.join("runtime/logs/system.log")).unwrap();
    let said = log.lines().filter(|line| line.contains("mail.refused"));
    assert_eq!(
        said.filter(|line| line.contains("(rule five)")).count(),
        1,
        "{log}"
    );
}

#[test]
fn many_senders_at_once_never_fill_it_by_one_more() {
    for (quota, most) in [("pending: 40", 40), ("pending_of_sender: 5", 8 * 5)] {
        let home = Home::new();
        home.obey(&format!(
            "quotas:\n  - {{rule: some, principals: 'agent:*', {quota}}}\n"
        ));
        ok(&home, "send agent-2 first --as agent-1");
        ok(&home, "ack agent-2/1 --as agent-2");
        let home = &home;
        let ran: Vec<Ran> = thread::scope(|scope| {
            let senders: Vec<_> = (0..8)
                .map(|who| {
                    scope.spawn(move || -> Vec<Ran> {
                        let send = |n| {
                            format!(
                                "send agent-2 message-{who}-{n} --force --create --as agent-{}",
                                who + 10
                            )
                        };
                        (0..10).map(|n| speak(home, &send(n))).collect()
                    })
                })
                .collect();
            senders
                .into_iter()
                .flat_map(|it| it.join().unwrap())
                .collect()
        });
        let accepted = ran.iter().filter(|it| it.code == 0).count();
        let refused = ran.iter().filter(|it| it.code == 77).count();
        assert_eq!(
            (accepted, refused),
            (most, ran.len() - most),
            "{quota}: {ran:?}"
        );
        assert_eq!(waiting(home).len(), most);
    }
}

#[test]
fn a_sender_s_own_are_counted_whatever_lies_there_of_others() {
    let home = Home::new();
    home.obey(
        "quotas:\n  - {rule: own, principals: ['agent:*', 'user:*'], pending_of_sender: 2}\n",
    );
    for who in ["agent-1", "agent-3", "user"] {
        for n in 0..2 {
            ok(&home, &format!("send agent-2 {who}-{n} --force --as {who}"));
        }
        let refused = speak(&home, &format!("send agent-2 {who}-2 --force --as {who}"));
        assert_eq!(refused.code, 77, "{who}: {refused:?}");
        assert!(
            refused
                .err
                .contains("2 messages of the same sender wait there, and at most 2 may (rule own)"),
            "{refused:?}"
        );
        assert!(refused.err.contains("cellphone recall"), "{refused:?}");
    }
    ok(&home, "recall agent-2/1 --as agent-1");
    ok(&home, "send agent-2 agent-1-2 --force --as agent-1");
    assert_eq!(
        speak(&home, "send agent-2 agent-3-2 --force --as agent-3").code,
        77
    );
    assert_eq!(waiting(&home).len(), 6);
}

#[test]
fn a_batch_is_taken_whole_or_not_at_all_and_a_retry_adds_nothing() {
    let home = Home::new();
    home.obey(FIVE);
    ok(&home, "send agent-2 first --key k --as agent-1");
    assert_eq!(batch(&home, 5).code, 77);
    assert_eq!(waiting(&home), ["first"]);
    assert_eq!(batch(&home, 4).code, 0);
    ok(&home, "send agent-2 first --key k --as agent-1");
    assert_eq!(waiting(&home).len(), 5);
}

/// A file would lie on the disk before the message is refused.
#[test]
fn no_file_is_copied_into_a_full_mailbox() {
    let home = Home::new();
    home.obey(FIVE);
    let file = home.dir.join("figure.txt");
    fs::write(&file, "42\n").unwrap();
    let with_file = format!(
        "send agent-2 --file {} --key k --as agent-1",
        file.display()
    );
    ok(&home, &with_file);
    assert_eq!(batch(&home, 4).code, 0);
    fs::write(&file, "43\n").unwrap();
    let refused = with_file.replace("--key k", "");
    assert_eq!(speak(&home, &refused).code, 77);
    let files = fs::read_dir(home.mailbox("agent-2").join("files")).unwrap();
    assert_eq!(files.count(), 1);
    let retried = ok(&home, &with_file);
    assert!(retried.out.contains("already queued"), "{retried:?}");
}

/// A quota that names somebody in full is meant for him.
#[test]
fn a_quota_that_names_the_captain_holds_up_what_is_urgent_too() {
    let home = Home::new();
    home.obey("quotas:\n  - {rule: silence, principals: 'agent:captain', pending: 1}\n");
    ok(&home, "send agent-2 one --mode PRIORITY --as captain");
    let refused = speak(&home, "send agent-2 two --mode PRIORITY --as captain");
    assert_eq!(refused.code, 77, "{refused:?}");
    ok(&home, "send agent-2 two --as agent-1");
}

#[test]
fn an_agent_is_bound_without_any_file_and_the_person_at_the_terminal_is_not() {
    let home = Home::new();
    let explained = |who: &str| -> Vec<String> {
        let line = format!("explain {who} mail.send agent-2 --json");
        let ran = run(&mut command(&home, SECCTL, &line), b"").json();
        let reasons = ran["explained"][0]["reasons"].as_array().unwrap();
        let bounds = reasons.iter().filter(|it| it["because"] == "bounds");
        bounds
            .map(|it| it["rule"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(explained("agent-1"), ["builtin/flood"]);
    assert_eq!(explained("captain"), [""; 0]);
    assert_eq!(explained("user"), [""; 0]);
    assert_eq!(batch_of(&home, "agent-1", 100_000).code, 0);
    let refused = speak(&home, "send agent-2 more --as agent-1");
    assert_eq!(refused.code, 77, "{refused:?}");
    assert!(refused.err.contains("(rule builtin/flood)"), "{refused:?}");
    ok(&home, "send agent-2 more --as captain");
    let last = ok(&home, "send agent-2 more --as user");
    assert!(last.out.contains("(100002 unread)"), "{last:?}");
}
