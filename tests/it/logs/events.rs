//! Every verb that changes something says so in a log, by the name that stands here, and tells no body of mail there.

use dreamos::logs::{Entry, Place, Reader};
use dreamos::names::Channel;
use dreamos::root;

use crate::home::{CELLPHONE, Home, TASKCTL, run};
use crate::lives::AGENTCTL;

/// What must stand in no log, said wherever a verb takes a text.
const BODY: &str = "canary-in-a-body";

const CAPTAINPHONE: &str = env!("CARGO_BIN_EXE_captainphone");

/// In one home, one after the other: a verb, and an event that is new with it.
const VERBS: [(&str, &str, &str); 50] = [
    (AGENTCTL, "register agent-5 -- true", "agent.configured"),
    (AGENTCTL, "set agent-5 role builder", "agent.configured"),
    (AGENTCTL, "rename agent-5 agent-6", "agent.renamed"),
    (
        AGENTCTL,
        "devlog agent-1 add canary-in-a-body",
        "agent.devlog",
    ),
    (AGENTCTL, "devlog agent-1 clear", "agent.devlog"),
    (AGENTCTL, "onboard agent-1 --no-wait", "mail.sent"),
    (
        AGENTCTL,
        "set agent-2 command sleep\\ 1000",
        "agent.configured",
    ),
    (AGENTCTL, "start agent-2", "agent.started"),
    (AGENTCTL, "restart agent-2", "agent.started"),
    (AGENTCTL, "stop agent-2 --grace 0s", "agent.stopped"),
    (AGENTCTL, "unregister agent-6 --purge --yes", "agent.purged"),
    (CELLPHONE, "send agent-1 canary-in-a-body", "mail.sent"),
    (
        CELLPHONE,
        "send agent-1 canary-in-a-body --as captain",
        "mail.sent",
    ),
    (
        CAPTAINPHONE,
        "send agent-3 canary-in-a-body --no-wait",
        "mail.sent",
    ),
    (CELLPHONE, "broadcast canary-in-a-body", "mail.sent"),
    (CELLPHONE, "next --as agent-1", "mail.taken"),
    (CELLPHONE, "nack agent-1/1 --as agent-1", "mail.nacked"),
    (CELLPHONE, "next --as agent-1", "mail.taken"),
    (
        CELLPHONE,
        "reply agent-1/1 canary-in-a-body --as agent-1",
        "mail.replied",
    ),
    (CELLPHONE, "show agent-1/2 --as agent-1", "mail.read"),
    (CELLPHONE, "ack agent-1/2 --as agent-1", "mail.acked"),
    (CELLPHONE, "recall agent-1/3 --as captain", "mail.recalled"),
    (CELLPHONE, "restore agent-1/3 --as agent-1", "mail.restored"),
    (CELLPHONE, "prune agent-1 --as agent-1", "mail.pruned"),
    (CELLPHONE, "import old.json --as user", "mail.imported"),
    (TASKCTL, "create first --for agent-3", "task.created"),
    (TASKCTL, "create second --after t1", "task.created"),
    (TASKCTL, "set t1 description canary-in-a-body", "task.set"),
    (TASKCTL, "edit t1", "task.edited"),
    (TASKCTL, "assign t2 agent-4", "task.assigned"),
    (TASKCTL, "dep rm t2 t1", "task.set"),
    (TASKCTL, "dep add t2 t1", "task.set"),
    (TASKCTL, "claim t1 --as agent-3", "task.claimed"),
    (TASKCTL, "start t1 --as agent-3", "task.started"),
    (TASKCTL, "progress t1 50 half --as agent-3", "task.progress"),
    (TASKCTL, "complete t1 --as agent-3", "task.completed"),
    (TASKCTL, "start t2 --as agent-4", "task.started"),
    (TASKCTL, "fail t2 because --as agent-4", "task.failed"),
    (TASKCTL, "reopen t2", "task.reopened"),
    (TASKCTL, "cancel t2", "task.cancelled"),
    (TASKCTL, "import tasks.json", "task.imported"),
    (TASKCTL, "create well --id well -- true", "task.created"),
    (TASKCTL, "run well", "task.run"),
    (
        TASKCTL,
        "create now --id now --schedule @reboot -- true",
        "task.created",
    ),
    (TASKCTL, "run --due", "task.run_ended"),
    (CELLPHONE, "send agent-2 a", "mail.sent"),
    (CELLPHONE, "next --as agent-2", "mail.taken"),
    (CELLPHONE, "ack --all --as agent-2", "mail.acked"),
    (CELLPHONE, "edit agent-4", "mail.edited"),
    (CELLPHONE, "doctor agent-3 --fix", "mail.repaired"),
];

#[test]
fn every_verb_that_changes_something_says_so() {
    let home = Home::new();
    let old = r#"[{"from": "agent-2", "to": "agent-3", "content": "canary-in-a-body"}]"#;
    std::fs::write(home.dir.join("old.json"), old).unwrap();
    let tasks = r#"{"tasks": [{"id": "old", "name": "O"}]}"#;
    std::fs::write(home.dir.join("tasks.json"), tasks).unwrap();
    let logs = root::Home::at(&home.dir);
    let mut readers = Channel::ALL.map(|channel| Reader::new(&logs, channel, Place::default()));
    for (program, line, expected) in VERBS {
        if line.starts_with("doctor") {
            // What stands in the place of a file of ours.
            let index = home.mailbox("agent-3").join(".index");
            std::fs::remove_file(&index).unwrap();
            std::fs::create_dir(&index).unwrap();
        }
        let args = line.replace("\\ ", "\u{a0}");
        let args = args.split(' ').map(|arg| arg.replace('\u{a0}', " "));
        let mut command = home.command(program);
        command.env("EDITOR", format!("sed -i s/{BODY}/mended/"));
        let ran = run(command.args(args), b"");
        let mut events = Vec::new();
        for reader in &mut readers {
            while let Some(line) = reader.next().unwrap() {
                let text = String::from_utf8_lossy(line.bytes()).into_owned();
                assert!(!text.contains(BODY), "{text}");
                events.push(Entry::parse(line.bytes()).unwrap().event.into_owned());
            }
        }
        assert_eq!(ran.code, 0, "{program} {line}: {ran:?}");
        assert!(
            events.iter().any(|event| event == expected),
            "{program} {line}: {events:?}"
        );
    }
}
