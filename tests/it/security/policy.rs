//! A rule of `policies.yaml` holds for every program, at once, and a policy that nobody can read allows nothing.

use std::fs;
use std::process::Command;
use std::thread;

use crate::home::{CELLPHONE, Home, LOGCTL, Ran, SECCTL, TASKCTL, run};
use crate::lives::AGENTCTL;

/// Where anybody may do everything else, so that only the policy can refuse it.
const CHANGES: [(&str, &str); 24] = [
    (CELLPHONE, "send agent-2 hello"),
    (CELLPHONE, "broadcast hello"),
    (CELLPHONE, "next"),
    (CELLPHONE, "ack agent-1/1"),
    (CELLPHONE, "nack agent-1/1"),
    (CELLPHONE, "reply agent-1/1 yes"),
    (CELLPHONE, "recall agent-2/1"),
    (CELLPHONE, "prune"),
    (CELLPHONE, "doctor agent-1 --fix"),
    (AGENTCTL, "start agent-1"),
    (AGENTCTL, "stop agent-1"),
    (AGENTCTL, "register agent-9"),
    (AGENTCTL, "rename agent-1 agent-8"),
    (AGENTCTL, "unregister agent-1"),
    (AGENTCTL, "unregister agent-1 --purge --yes"),
    (AGENTCTL, "set agent-1 cwd /tmp"),
    (AGENTCTL, "heartbeat"),
    (AGENTCTL, "devlog agent-1 add hello"),
    (TASKCTL, "create something --for agent-1"),
    (TASKCTL, "claim t1"),
    (TASKCTL, "cancel t1"),
    (LOGCTL, "write system script.said"),
    (LOGCTL, "rotate"),
    (SECCTL, "open"),
];
const LOOKS: [(&str, &str); 5] = [
    (CELLPHONE, "inbox"),
    (CELLPHONE, "show 1"),
    (AGENTCTL, "list"),
    (TASKCTL, "list"),
    (LOGCTL, "tail"),
];

fn used() -> Home {
    let home = Home::new();
    for (program, line) in [
        (CELLPHONE, "send agent-1 hello"),
        (CELLPHONE, "send agent-2 hello --as agent-1"),
        (TASKCTL, "create something --for agent-1"),
    ] {
        assert_eq!(speak(&home, program, line).code, 0, "{line}");
    }
    home
}

fn speak(home: &Home, program: &str, line: &str) -> Ran {
    run(&mut command(home, program, line), b"")
}

fn command(home: &Home, program: &str, line: &str) -> Command {
    let mut command = home.command(program);
    command.args(line.split_whitespace());
    command
}

/// What tells of refusals, or is derived.
const TELLS: [&str; 4] = [
    "runtime/logs",
    "runtime/audit",
    "runtime/mailbox/captain",
    "runtime/cache",
];

/// Everything else that lies there.
fn state(home: &Home) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut left = vec![home.dir.clone()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&home.dir).unwrap().display().to_string();
            if path.is_dir() {
                if !TELLS.contains(&name.as_str()) {
                    left.push(path);
                }
            } else {
                files.push((name, fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn what_a_rule_denies_exits_77_with_its_name_and_changes_nothing() {
    let home = used();
    home.obey("deny:\n  - {rule: hands-off, principals: '*', actions: ['mail.*', 'agent.*', 'task.*', 'log.*']}\n",
    );
    let before = state(&home);
    for (program, line) in CHANGES {
        for caller in ["agent-1", "captain", "user"] {
            let ran = run(command(&home, program, line).args(["--as", caller]), b"");
            assert_eq!(ran.code, 77, "{caller}: {line}: {ran:?}");
            let said = ran.out.clone() + &ran.err;
            assert!(said.contains("(rule hands-off)"), "{line}: {ran:?}");
        }
        assert_eq!(state(&home), before, "{line}");
    }
}

#[test]
fn a_policy_that_cannot_be_read_allows_nothing_but_reading() {
    let home = used();
    for broken in [
        "allow: [\n",
        "allows: []\n",
        "version: 99\n",
        "\u{0}\n",
        "deny:\n- {rule: a}\n",
    ] {
        let before = state(&home);
        home.obey(broken);
        for (program, line) in CHANGES {
            let ran = run(command(&home, program, line).args(["--as", "user"]), b"");
            assert_eq!(ran.code, 78, "{broken:?}: {line}: {ran:?}");
        }
        fs::remove_file(home.policies()).unwrap();
        assert_eq!(state(&home), before);
        // What is shown counts as read from then on.
        home.obey(broken);
        for (program, line) in LOOKS {
            let ran = run(command(&home, program, line).args(["--as", "agent-1"]), b"");
            assert_eq!(ran.code, 0, "{broken:?}: {line}: {ran:?}");
        }
        fs::remove_file(home.policies()).unwrap();
    }
}

#[test]
fn a_policy_is_obeyed_by_the_next_verb_and_not_before_it_is_whole() {
    let home = used();
    let send = "send agent-2 hello --as agent-1 --mode PRIORITY";
    for _ in 0..20 {
        home.obey("deny:\n  - {rule: quiet, principals: 'agent:*', actions: mail.send}\n");
        assert_eq!(speak(&home, CELLPHONE, send).code, 77);
        // Again, from the compiled copy.
        assert_eq!(speak(&home, CELLPHONE, send).code, 77);
        home.obey("deny:\n  - {rule: other, principals: 'agent:*', actions: mail.read}\n");
        assert_eq!(speak(&home, CELLPHONE, send).code, 0);
    }
    fs::remove_file(home.policies()).unwrap();
    assert_eq!(speak(&home, CELLPHONE, "inbox --as agent-1").code, 0);
}

#[test]
fn a_limit_holds_for_many_processes_at_once() {
    let home = used();
    home.obey("limits:\n  - {rule: not-too-chatty, principals: 'agent:*', actions: mail.send, at_most: 5, per: 1h}\n",
    );
    let sent = |n: usize| {
        let text = format!(
            "send agent-3 message-{n} --mode PRIORITY --as agent-{}",
            n % 2 + 1
        );
        speak(&home, CELLPHONE, &text)
    };
    let ran: Vec<Ran> = thread::scope(|scope| {
        let all: Vec<_> = (0..16).map(|n| scope.spawn(move || sent(n))).collect();
        all.into_iter().map(|it| it.join().unwrap()).collect()
    });
    let refused = ran.iter().filter(|it| it.code == 77);
    let refused: Vec<&Ran> = refused.collect();
    assert_eq!(refused.len(), 6, "{ran:?}");
    for ran in refused {
        assert!(ran.err.contains("(rule not-too-chatty)"), "{ran:?}");
        assert!(ran.err.contains("hint: again in 7"), "{ran:?}");
    }
    let inbox = speak(&home, CELLPHONE, "inbox --as agent-3 --json").json();
    assert_eq!(inbox["messages"].as_array().unwrap().len(), 10);
    assert_eq!(
        speak(&home, CELLPHONE, "send agent-3 hello --as user").code,
        0
    );
}

#[test]
fn a_link_in_the_place_of_the_policy_is_no_policy() {
    let home = used();
    home.obey("version: 1\n");
    let file = home.policies();
    fs::rename(&file, home.dir.join("elsewhere.yaml")).unwrap();
    std::os::unix::fs::symlink("../../elsewhere.yaml", &file).unwrap();
    let ran = speak(&home, CELLPHONE, "send agent-2 hello --as agent-1");
    assert_ne!(ran.code, 0, "{ran:?}");
    assert_ne!(speak(&home, SECCTL, "lint").code, 0);
}

#[test]
fn a_message_with_a_file_counts_once_and_what_is_only_tried_not_at_all() {
    let home = used();
    fs::write(home.dir.join("figure.txt"), "42\n").unwrap();
    home.obey(
        "limits:\n  - {rule: two, principals: 'agent:*', actions: '*.*', at_most: 2, per: 1h}\n",
    );
    let file = home.dir.join("figure.txt");
    let send = format!(
        "send agent-2 figure --as agent-1 --force --file {}",
        file.display()
    );
    for _ in 0..2 {
        assert_eq!(speak(&home, CELLPHONE, &send).code, 0);
    }
    assert_eq!(speak(&home, CELLPHONE, &send).code, 77);
    let tried = "unregister agent-4 --dry-run --as captain";
    for _ in 0..5 {
        assert_eq!(speak(&home, AGENTCTL, tried).code, 0);
    }
}
