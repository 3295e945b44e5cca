//! Who may do what when, through the desk, and what stays on the disk of it.

use std::collections::HashSet;

use dreamos::names::Explain as _;
use dreamos::names::Kind;
use dreamos::tasks::{NewTask, Tell};
use dreamos::time::Now;
use serde_json::json;

use super::{LEASE, Rig, fields, named};

#[test]
fn a_task_goes_its_way_from_creation_to_the_archive() {
    let rig = Rig::new();
    let first = rig.create(json!({"name": "first", "assigned_to": "agent-1", "priority": "high"}));
    let second = rig.create(json!({"name": "second", "dependencies": [first]}));
    assert_eq!((first.as_str(), second.as_str()), ("t1", "t2"));
    assert_eq!(rig.ready(), ["t1"]);
    let agent = rig.desk_of("agent-1", None);
    let now = Now::read();
    let early = agent.start_task("t2", LEASE, now).unwrap_err();
    assert_eq!(
        early.to_string(),
        "t2 cannot start: it waits, t1 is pending"
    );
    assert_eq!(early.kind(), Kind::No);
    agent.start_task("t1", LEASE, now).unwrap();
    agent.progress_of_task("t1", 40, Some("half"), now).unwrap();
    assert_eq!(rig.status("t1"), "running");
    agent
        .complete_task("t1", Some(json!("ok")), Tell::Concerned, now)
        .unwrap();
    assert_eq!(rig.ids("agent-1"), ["t1"], "t2 waits for it still");
    assert_eq!(rig.ready(), ["t2"]);
    // Nobody's until he starts it.
    assert_eq!(rig.ids("unassigned"), ["t2"]);
    let took = agent.claim_task(None, LEASE, now).unwrap();
    assert_eq!(took.id, "t2");
    agent.start_task("t2", LEASE, now).unwrap();
    assert_eq!(rig.ids("unassigned"), [""; 0]);
    agent
        .complete_task("t2", None, Tell::Concerned, now)
        .unwrap();
    assert_eq!(rig.ids("agent-1"), [""; 0], "nobody waits for either");
    let sheets = rig.user().sheets(now).unwrap();
    let board = sheets.board().unwrap();
    let (_, record) = board.archived_one("t1").unwrap().unwrap();
    let history = board.history(&record).unwrap();
    let what: Vec<_> = history
        .iter()
        .map(|it| (it.what.as_str(), it.by.as_str()))
        .collect();
    assert_eq!(
        what,
        [
            ("create", "user"),
            ("start", "agent-1"),
            ("progress", "agent-1"),
            ("complete", "agent-1")
        ]
    );
    // Whoever wanted it was told.
    let mail = rig
        .user()
        .inbox(&"user".parse_id(), dreamos::desk::Which::All)
        .unwrap();
    let said: Vec<_> = mail.iter().map(|it| it.content.as_str()).collect();
    assert_eq!(
        said,
        [
            "task t1 completed: first\nresult: ok",
            "task t2 completed: second"
        ]
    );
}

trait ParseId {
    fn parse_id(&self) -> dreamos::names::AgentId;
}

impl ParseId for str {
    fn parse_id(&self) -> dreamos::names::AgentId {
        dreamos::names::AgentId::parse(self).unwrap()
    }
}

#[test]
fn whoever_is_to_do_it_is_told_once() {
    let rig = Rig::new();
    let task = NewTask {
        id: None,
        fields: fields(json!({"name": "look", "assigned_to": "agent-2"})),
    };
    rig.user()
        .create_tasks(vec![task], Tell::Concerned, Now::read())
        .unwrap();
    rig.settle().unwrap();
    let mail = rig
        .user()
        .inbox(&"agent-2".parse_id(), dreamos::desk::Which::All)
        .unwrap();
    assert_eq!(mail.len(), 1);
    assert_eq!(mail[0].mode.as_str(), "TASK");
    assert!(mail[0].content.starts_with("task t1: look\n"));
    assert_eq!(rig.task("t1").get("outbox"), None);
}

#[test]
fn what_would_break_a_rule_is_refused_and_nothing_is_written() {
    let rig = Rig::new();
    for name in ["a", "b", "c"] {
        rig.create(json!({"id": name, "name": name}));
    }
    let desk = rig.user();
    let now = Now::read();
    let on = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
    desk.depend_task("b", &on(&["a"]), &[], now).unwrap();
    desk.depend_task("c", &on(&["b"]), &[], now).unwrap();
    let before = std::fs::read(rig.document("unassigned")).unwrap();
    let circle = desk.depend_task("a", &on(&["c"]), &[], now).unwrap_err();
    assert_eq!(
        circle.to_string(),
        "these would wait for one another: a → c → b → a"
    );
    for (refused, why) in [
        (
            desk.depend_task("a", &on(&["nobody"]), &[], now)
                .map(|_| ()),
            "a cannot wait for nobody: there is no such task",
        ),
        (
            rig.try_create(json!({"id": "a", "name": "x"})).map(|_| ()),
            "a task a exists already, in unassigned.json",
        ),
        (
            rig.try_create(json!({"name": "x", "assigned_to": "nobody-9"}))
                .map(|_| ()),
            "assigned_to: nobody is called \"nobody-9\"",
        ),
        (
            rig.try_create(json!({"name": "x", "deadline": "2026-02-30T00:00:00Z"}))
                .map(|_| ()),
            "deadline: \"2026-02-30T00:00:00Z\" is no time",
        ),
        (
            rig.try_create(json!({"id": "s", "name": "x", "dependencies": ["s"]}))
                .map(|_| ()),
            "these would wait for one another: s → s",
        ),
        (
            desk.complete_task("a", None, Tell::Nobody, now).map(|_| ()),
            "a is pending: it cannot be completed",
        ),
        (
            desk.reopen_task("a", now).map(|_| ()),
            "a is pending: it cannot be reopened",
        ),
        (
            desk.set_task("a", vec![("status".into(), json!("completed"))], now)
                .map(|_| ()),
            "status: it is not set like this",
        ),
        (desk.start_task("x", None, now).map(|_| ()), "no task \"x\""),
    ] {
        assert_eq!(refused.unwrap_err().to_string(), why);
    }
    assert_eq!(std::fs::read(rig.document("unassigned")).unwrap(), before);
}

#[test]
fn two_never_hold_one_task_and_what_a_dead_one_held_is_free_again() {
    let rig = Rig::new();
    rig.create(named("one"));
    let now = Now::read();
    let (one, two) = (rig.desk_of("agent-1", None), rig.desk_of("agent-2", None));
    one.claim_task(Some("t1"), LEASE, now).unwrap();
    let taken = two.claim_task(Some("t1"), LEASE, now).unwrap_err();
    assert!(
        taken
            .to_string()
            .starts_with("t1 is claimed by agent-1 until ")
    );
    assert_eq!(
        two.claim_task(None, LEASE, now).unwrap_err().to_string(),
        "nothing is ready for agent-2"
    );
    assert!(two.start_task("t1", LEASE, now).is_err());
    one.start_task("t1", LEASE, now).unwrap();
    assert!(two.complete_task("t1", None, Tell::Nobody, now).is_err());
    // His time is over: it goes back, and he who comes late ends nothing.
    let mut later = now;
    later.wall = now.wall.plus(std::time::Duration::from_hours(1));
    let took = two.claim_task(None, LEASE, later).unwrap();
    assert_eq!(took.id, "t1", "it was nobody's before he took it");
    assert_eq!(rig.status("t1"), "pending");
    let late = one
        .complete_task("t1", None, Tell::Nobody, later)
        .unwrap_err();
    assert_eq!(late.to_string(), "t1 is pending: it cannot be completed");
}

#[test]
fn a_batch_is_made_whole_or_not_at_all() {
    let rig = Rig::new();
    let task = |value| NewTask {
        id: None,
        fields: fields(value),
    };
    let bad = vec![
        task(named("a")),
        task(json!({"name": "b", "dependencies": ["t9"]})),
    ];
    let refused = rig
        .user()
        .create_tasks(bad, Tell::Nobody, Now::read())
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "t2 cannot wait for t9: there is no such task"
    );
    assert!(!rig.document("unassigned").exists());
    let many: Vec<_> = (0..500)
        .map(|n| task(json!({"name": format!("n{n}"), "dependencies": if n == 0 { json!([]) } else { json!([format!("t{n}")]) }})))
        .collect();
    let ids = rig
        .user()
        .create_tasks(many, Tell::Nobody, Now::read())
        .unwrap();
    let ids: HashSet<_> = ids.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids.len(), 500);
    assert_eq!(rig.read("unassigned")["rev"], 1, "one write for all");
    assert_eq!(rig.ready(), ["t1"]);
}

#[test]
fn what_failed_or_was_cancelled_is_taken_up_again_from_the_archive() {
    let rig = Rig::new();
    let now = Now::read();
    rig.create(json!({"name": "a", "assigned_to": "agent-1"}));
    let desk = rig.user();
    desk.cancel_task("t1", Some("not now"), Tell::Nobody, now)
        .unwrap();
    assert_eq!(rig.ids("agent-1"), [""; 0]);
    desk.reopen_task("t1", now).unwrap();
    assert_eq!(rig.ids("agent-1"), ["t1"]);
    assert_eq!(rig.status("t1"), "pending");
    desk.start_task("t1", None, now).unwrap();
    desk.complete_task("t1", None, Tell::Nobody, now).unwrap();
    // Somebody waits for what is in the archive: it stands in its document again.
    let waits = rig.create(json!({"name": "b", "dependencies": ["t1"]}));
    assert_eq!(rig.ids("agent-1"), ["t1"]);
    assert_eq!(rig.ready(), [waits.as_str()]);
    // Its id is taken, wherever it is.
    assert!(rig.try_create(json!({"id": "t1", "name": "x"})).is_err());
}

#[test]
fn a_failed_task_is_tried_again_as_often_as_it_says_and_blocks_with_the_reason() {
    let rig = Rig::new();
    let now = Now::read();
    rig.create(json!({"name": "a", "retries": 1}));
    rig.create(json!({"name": "b", "dependencies": ["t1"]}));
    let desk = rig.user();
    for expected in ["pending", "failed"] {
        desk.start_task("t1", None, now).unwrap();
        let (_, status) = desk
            .fail_task("t1", Some("no disk"), Tell::Nobody, now)
            .unwrap();
        assert_eq!(status.as_str(), expected);
    }
    let sheets = desk.sheets(now).unwrap();
    let board = sheets.board().unwrap();
    let graph = board.graph();
    let said: Vec<_> = graph.holds().iter().map(ToString::to_string).collect();
    assert_eq!(said, ["waits for nothing", "blocked: t1 is failed"]);
}
