//! What a person writes into a document, and what becomes of it.

use dreamos::names::{Explain as _, Kind};
use dreamos::tasks::Tell;
use dreamos::time::Now;
use serde_json::{Value, json};

use super::Rig;
use crate::home::{TASKCTL, has_tool, run};

#[test]
fn what_a_person_writes_is_a_task_like_any_other() {
    let rig = Rig::new();
    rig.create(json!({"name": "a", "assigned_to": "agent-1"}));
    rig.edit("agent-1", |it| {
        it["tasks"]
            .as_array_mut()
            .unwrap()
            .push(json!({"id": "mine", "name": "by hand", "priority": "HIGH", "x": {"y": 1}}));
        it["tasks"][0]["name"] = "renamed".into();
        it["note"] = "keep me".into();
    });
    assert_eq!(rig.ready(), ["mine", "t1"]);
    let mine = rig.task("mine");
    assert_eq!(mine.str("assigned_to"), Some("agent-1"));
    assert_eq!(mine.str("priority"), Some("high"));
    assert_eq!(mine.get("x"), Some(&json!({"y": 1})));
    assert_eq!(mine.history()[0].by, "hand");
    assert_eq!(rig.task("t1").str("name"), Some("renamed"));
    assert_eq!(rig.read("agent-1")["note"], "keep me");
    // A look at what was written changes nothing any more.
    let before = std::fs::read(rig.document("agent-1")).unwrap();
    rig.settle().unwrap();
    assert_eq!(std::fs::read(rig.document("agent-1")).unwrap(), before);
    assert_eq!(rig.warnings(), [""; 0]);
}

#[test]
fn a_long_document_is_read_where_no_thread_is_to_be_had() {
    if !has_tool("strace") {
        return;
    }
    let rig = Rig::new();
    let text = "x".repeat(20_000);
    let tasks: Vec<_> = (0..100)
        .map(|n| json!({"id": format!("t{n}"), "description": text}).to_string())
        .collect();
    rig.save(
        "agent-1",
        &format!("{{\"tasks\": [\n    {}\n  ]}}", tasks.join(",\n    ")),
    );
    let mut command = rig.home.command("strace");
    command
        .args(["-f", "-qq", "-o"])
        .arg(rig.home.dir.join("calls"))
        .args([
            "-e",
            "trace=clone3,clone",
            "-e",
            "inject=clone3,clone:error=EAGAIN",
        ])
        .args([TASKCTL, "list", "--format", "plain"]);
    let ran = run(&mut command, b"");
    assert_eq!((ran.code, ran.out.lines().count()), (0, 100), "{ran:?}");
    let calls = std::fs::read_to_string(rig.home.dir.join("calls")).unwrap();
    assert!(
        calls.contains("(INJECTED)"),
        "no thread was asked for: {calls}"
    );
}

#[test]
fn a_document_that_nobody_of_ours_wrote_is_taken_over() {
    let rig = Rig::new();
    rig.save("agent-2", r#"[{"id":"a","name":"A","priority":2,"status":"pending"},{"id":"b","dependencies":["a"]}]"#);
    assert_eq!(rig.ready(), ["a"]);
    let document = rig.read("agent-2");
    assert_eq!(
        (&document["version"], &document["agent"]),
        (&json!(1), &json!("agent-2"))
    );
    assert_eq!(document["tasks"][0]["priority"], "high");
}

#[test]
fn what_is_taken_out_of_the_list_goes_to_the_archive_and_an_empty_file_takes_nothing_out() {
    let rig = Rig::new();
    for name in ["a", "b"] {
        rig.create(json!({"id": name, "name": name}));
    }
    rig.edit("unassigned", |it| {
        it["tasks"].as_array_mut().unwrap().remove(0);
    });
    rig.settle().unwrap();
    assert_eq!(rig.ids("unassigned"), ["b"]);
    assert_eq!(rig.status("a"), "cancelled");
    for text in ["", "   \n"] {
        rig.save("unassigned", text);
        rig.settle().unwrap();
        assert_eq!(rig.ids("unassigned"), ["b"]);
        assert!(rig.warnings()[0].contains("was empty or gone"));
    }
    std::fs::remove_file(rig.document("unassigned")).unwrap();
    assert_eq!(rig.ready(), ["b"]);
    assert_eq!(rig.ids("unassigned"), ["b"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_its_place_and_the_others_go_on() {
    let rig = Rig::new();
    rig.create(json!({"name": "a", "assigned_to": "agent-1"}));
    rig.create(json!({"name": "b", "assigned_to": "agent-2"}));
    let now = Now::read();
    let good = std::fs::read_to_string(rig.document("agent-1")).unwrap();
    for (broken, why) in [
        (
            good.replace("\"name\": \"a\",", "\"name\": \"a\""),
            "line 9, column ",
        ),
        (
            good.replace("medium", "mediun"),
            "\"mediun\" is no priority",
        ),
        (
            good.replace("\"tasks\": [", "\"tasks\": [{\"id\": \"t1\"},"),
            "a task t1 stands above already",
        ),
        (
            good.replace("\"tasks\": [", "\"tasks\": [{\"id\": \"t2\"},"),
            "a task t2 exists already, in agent-2.json",
        ),
        (
            good.replace(
                "\"tasks\": [",
                "\"tasks\": [{\"id\": \"n\", \"dependencies\": [\"n\"]},",
            ),
            "these would wait for one another: n → n",
        ),
        (
            good.replace(
                "\"tasks\": [",
                "\"tasks\": [{\"id\": \"n\", \"dependencies\": [\"x\"]},",
            ),
            "n cannot wait for x",
        ),
        (
            good.replace(
                "\"tasks\": [",
                "\"tasks\": [{\"id\": \"n\", \"deadline\": \"soon\"},",
            ),
            "deadline: \"soon\" is no time",
        ),
        (
            good.replace(
                "\"assigned_to\": \"agent-1\"",
                "\"assigned_to\": \"nobody-9\"",
            ),
            "nobody is called \"nobody-9\"",
        ),
    ] {
        assert_ne!(broken, good, "{why}");
        rig.save("agent-1", &broken);
        let sheets = rig.user().sheets(now).unwrap();
        let board = sheets.board().unwrap();
        let faults = board.faults();
        assert_eq!(faults.len(), 1, "{why}");
        let said = faults[0].to_string();
        assert!(
            said.contains("agent-1.json: line ") && said.contains(why),
            "{said}"
        );
        let refused = rig
            .user()
            .cancel_task("t1", None, Tell::Nobody, now)
            .unwrap_err();
        assert_eq!(refused.kind(), Kind::Corrupt, "{refused}");
        rig.user()
            .set_task("t2", vec![("data.x".into(), json!(why))], now)
            .unwrap();
        assert_eq!(
            std::fs::read_to_string(rig.document("agent-1")).unwrap(),
            broken,
            "not overwritten"
        );
    }
    rig.save("agent-1", &good);
    rig.user()
        .cancel_task("t1", None, Tell::Nobody, now)
        .unwrap();
    assert_eq!(rig.status("t2"), "pending");
}

#[test]
fn an_old_copy_that_is_saved_late_undoes_nothing() {
    let rig = Rig::new();
    let now = Now::read();
    for name in ["a", "b", "c"] {
        rig.create(json!({"id": name, "name": name, "assigned_to": "agent-1"}));
    }
    let old = std::fs::read_to_string(rig.document("agent-1")).unwrap();
    let agent = rig.desk_of("agent-1", None);
    agent.start_task("a", None, now).unwrap();
    rig.user()
        .set_task("b", vec![("priority".into(), json!("critical"))], now)
        .unwrap();
    rig.user()
        .cancel_task("c", None, Tell::Nobody, now)
        .unwrap();
    rig.create(json!({"id": "d", "name": "d", "assigned_to": "agent-1"}));
    // He renamed one, lowered another that a program raised, and his text still has the one that is over.
    let mut text: Value = serde_json::from_str(&old).unwrap();
    text["tasks"][0]["name"] = "his".into();
    text["tasks"][1]["priority"] = "low".into();
    rig.save("agent-1", &text.to_string());
    rig.settle().unwrap();
    assert_eq!(rig.ids("agent-1"), ["a", "b", "d"]);
    let a = rig.task("a");
    assert_eq!(
        (a.str("name"), a.str("status")),
        (Some("his"), Some("running"))
    );
    let b = rig.task("b");
    assert_eq!(b.str("priority"), Some("critical"));
    let conflict = &b.get("conflicts").unwrap()[0];
    assert_eq!(
        (&conflict["field"], &conflict["by_hand"]),
        (&json!("priority"), &json!("low"))
    );
    assert_eq!(rig.status("c"), "cancelled");
    assert!(rig.warnings().iter().any(|it| it.contains("both are kept")));
}

#[test]
fn what_a_person_may_not_do_to_a_status_is_kept_beside_it() {
    let rig = Rig::new();
    rig.create(json!({"id": "a", "name": "a"}));
    rig.create(json!({"id": "b", "name": "b", "dependencies": ["a"]}));
    rig.edit("unassigned", |it| {
        it["tasks"][1]["status"] = "running".into();
    });
    rig.settle().unwrap();
    let b = rig.task("b");
    assert_eq!(b.str("status"), Some("pending"));
    assert_eq!(b.get("conflicts").unwrap()[0]["by_hand"], "running");
    rig.edit("unassigned", |it| it["tasks"][0]["status"] = "done".into());
    rig.settle().unwrap();
    assert_eq!(rig.status("a"), "completed");
    assert_eq!(rig.ready(), ["b"]);
}

#[test]
fn a_task_given_to_another_by_hand_moves_to_his_document_and_he_is_told() {
    let rig = Rig::new();
    rig.create(json!({"id": "a", "name": "a", "assigned_to": "agent-1"}));
    rig.edit("agent-1", |it| {
        it["tasks"][0]["assigned_to"] = "agent-2".into();
    });
    rig.settle().unwrap();
    assert_eq!(rig.ids("agent-1"), [""; 0]);
    assert_eq!(rig.ids("agent-2"), ["a"]);
    let id = dreamos::names::AgentId::parse("agent-2").unwrap();
    let mail = rig.user().inbox(&id, dreamos::desk::Which::All).unwrap();
    assert_eq!(mail.len(), 1);
}

#[test]
fn without_the_copy_of_what_programs_wrote_the_document_stands() {
    let rig = Rig::new();
    for name in ["a", "b"] {
        rig.create(json!({"id": name, "name": name, "assigned_to": "agent-1"}));
    }
    let base = rig.home.dir.join("runtime/tasks/agent-1.base.json");
    let whole = std::fs::read(&base).unwrap();
    for left in [&whole[..whole.len() / 2], b"", b"\0\0\0\0"] {
        std::fs::write(&base, left).unwrap();
        rig.settle().unwrap();
        assert_eq!(rig.ids("agent-1"), ["a", "b"]);
        assert_eq!(
            std::fs::read(&base).unwrap(),
            std::fs::read(rig.document("agent-1")).unwrap()
        );
    }
    std::fs::remove_file(&base).unwrap();
    assert_eq!(rig.ready(), ["a", "b"]);
    assert_eq!(rig.ids("agent-1"), ["a", "b"]);
    assert_eq!(rig.warnings(), [""; 0]);
}

#[test]
fn the_tasks_of_one_who_gets_another_name_go_with_him_and_those_of_one_who_is_purged_are_gone() {
    let rig = Rig::new();
    let now = Now::read();
    rig.create(json!({"id": "a", "name": "a", "assigned_to": "agent-1"}));
    rig.create(json!({"id": "b", "name": "b", "assigned_to": "agent-2"}));
    let new = dreamos::names::AgentId::parse("cook").unwrap();
    for n in 0..25 {
        rig.user()
            .set_task("a", vec![("data.n".into(), json!(n))], now)
            .unwrap();
    }
    rig.user().rename("agent-1", &new, now).unwrap();
    assert_eq!(rig.ids("cook"), ["a"]);
    assert!(!rig.document("agent-1").exists());
    assert_eq!(rig.task("a").str("assigned_to"), Some("cook"));
    let sheets = rig.user().sheets(now).unwrap();
    let board = sheets.board().unwrap();
    let history = board.history(&rig.task("a")).unwrap();
    assert_eq!((history.len(), history[0].what.as_str()), (27, "create"));
    // What somebody writes under the old name is his, too.
    rig.save("agent-1", r#"[{"id":"late","assigned_to":"agent-1"}]"#);
    rig.settle().unwrap();
    assert_eq!(rig.ids("cook"), ["a", "late"]);
    assert!(!rig.document("agent-1").exists());
    let id = dreamos::names::AgentId::parse("agent-2").unwrap();
    rig.user()
        .purge(&id, dreamos::desk::Waiting::Removed, now)
        .unwrap();
    rig.settle().unwrap();
    assert!(!rig.document("agent-2").exists());
    assert_eq!(rig.ready(), ["a", "late"]);
    let left = std::fs::read_dir(rig.home.dir.join("runtime/tasks")).unwrap();
    let left = left.map(|it| it.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = left.filter(|name| name.contains("agent-2")).collect();
    assert_eq!(left, [""; 0]);
}
