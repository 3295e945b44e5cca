//! Every shape in which the original wrote tasks, as a file, through the program; and each of them twice.

use serde_json::{Value, json};

use super::Den;

struct Shape {
    file: &'static str,
    text: Value,
    /// Id where it has one, name, status, priority, whose it is, and a key of its data with its value.
    tasks: &'static [(
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        Option<&'static str>,
    )],
}

/// The list as `TaskManager` wrote it.
fn listed(id: &str, priority: &Value, status: &Value, more: &Value) -> Value {
    let mut task = json!({"id": id, "category": "system", "name": format!("N {id}"), "description": "",
        "priority": priority, "status": status, "created_at": "2025-06-09T15:37:07.410271", "started_at": null,
        "completed_at": null, "error": null, "data": {}, "dependencies": [], "assigned_to": null});
    for (key, value) in more.as_object().unwrap() {
        task[key] = value.clone();
    }
    task
}

fn shapes() -> Vec<Shape> {
    let one = "0b9f6b1c-0000-4000-8000-000000000001";
    let two = "0b9f6b1c-0000-4000-8000-000000000002";
    let three = "0b9f6b1c-0000-4000-8000-000000000003";
    vec![
        Shape {
            file: "working_tasks.json",
            text: json!([
                listed(one, &json!(1), &json!("pending"), &json!({})),
                listed(
                    two,
                    &json!(3),
                    &json!("completed"),
                    &json!({"dependencies": [one], "assigned_to": "Agent-1"})
                ),
            ]),
            tasks: &[
                (
                    "0b9f6b1c-0000-4000-8000-000000000001",
                    "N 0b9f6b1c-0000-4000-8000-000000000001",
                    "pending",
                    "medium",
                    None,
                ),
                (
                    "0b9f6b1c-0000-4000-8000-000000000002",
                    "N 0b9f6b1c-0000-4000-8000-000000000002",
                    "completed",
                    "critical",
                    Some("agent-1"),
                ),
            ],
        },
        Shape {
            file: "future_tasks.json",
            text: json!([listed(
                three,
                &json!("HIGH"),
                &json!("FAILED"),
                &json!({"error": "E"})
            )]),
            tasks: &[(
                "0b9f6b1c-0000-4000-8000-000000000003",
                "N 0b9f6b1c-0000-4000-8000-000000000003",
                "failed",
                "high",
                None,
            )],
        },
        Shape {
            file: "shipped.json",
            text: json!({"TEST_FIX": [], "BLOCKER-TEST-DEBUG": []}),
            tasks: &[],
        },
        Shape {
            file: "lists.json",
            text: json!({"pending_tasks": [{"id": "p1", "name": "P"}], "completed_tasks": [{"id": "c1", "name": "C"}],
                "TEST_FIX": [{"id": "f1", "description": "F"}]}),
            tasks: &[
                ("p1", "P", "pending", "medium", None),
                ("c1", "C", "completed", "medium", None),
                ("f1", "F", "pending", "medium", None),
            ],
        },
        Shape {
            file: "root.json",
            text: json!({"tasks": [{"id": "TEST_FIX_001", "type": "TEST_FIX", "description": "D", "file": "f.py",
                "error": "E", "status": "pending"}]}),
            tasks: &[("TEST_FIX_001", "D", "pending", "medium", None)],
        },
        Shape {
            file: "runtime.json",
            text: json!([{"name": "R", "description": "D", "agent_id": "Agent-2", "status": "RUNNING",
                "priority": "URGENT", "created_at": "2025-06-09T15:37:07", "started_at": null, "completed_at": null,
                "task_id": "t-7", "metadata": {"m": 1}, "result": null, "error": null},
                {"name": "B", "agent_id": "Agent-3", "status": "BLOCKED", "priority": 4, "task_id": "t-8"},
                {"name": "T", "agent_id": "Stranger", "status": "TIMEOUT", "priority": "LOW", "task_id": "t-9"}]),
            tasks: &[
                ("t-7", "R", "running", "high", Some("agent-2")),
                ("t-8", "B", "pending", "high", Some("agent-3")),
                ("t-9", "T", "failed", "low", None),
            ],
        },
        Shape {
            file: "messages.json",
            text: json!({"Agent-1": "look at it\nsoon"}),
            tasks: &[("", "look at it", "pending", "medium", Some("agent-1"))],
        },
        Shape {
            file: "agent-1.json",
            text: json!({"task_id": "x1", "priority": "high", "type": "T", "title": "Title", "context": {"c": 1},
                "tasks": [{"id": "s", "description": "d", "steps": []}], "estimated_time": "2h", "dependencies": []}),
            tasks: &[("x1", "Title", "pending", "high", None)],
        },
    ]
}

#[test]
fn every_shape_of_the_original_s_tasks_is_taken_over_once() {
    let den = Den::new();
    let mut known = 0;
    for shape in shapes() {
        std::fs::write(den.dir().join(shape.file), shape.text.to_string()).unwrap();
        let line = format!("import {} --json", shape.file);
        let count = |key: &str| den.must(&line).json()["files"][0][key].clone();
        assert_eq!(count("new"), shape.tasks.len(), "{}", shape.file);
        let tasks = den.tasks().unwrap();
        known += shape.tasks.len();
        assert_eq!(tasks.len(), known, "{}: {tasks:?}", shape.file);
        for (id, name, status, priority, agent) in shape.tasks {
            let found = tasks
                .iter()
                .find(|it| it.0 == id || id.is_empty() && it.1["name"] == *name);
            let (_, task) = found.unwrap_or_else(|| panic!("{}: {id}: {tasks:?}", shape.file));
            assert_eq!(
                (
                    &task["name"],
                    &task["status"],
                    &task["priority"],
                    task["assigned_to"].as_str()
                ),
                (&json!(name), &json!(status), &json!(priority), *agent),
                "{}: {id}",
                shape.file
            );
        }
        // Twice is the same.
        let documents = super::files(&den.dir().join("config/agent_comms"));
        assert_eq!(count("new"), 0, "{}", shape.file);
        assert_eq!(count("known"), shape.tasks.len(), "{}", shape.file);
        assert_eq!(den.tasks().unwrap(), tasks, "{}", shape.file);
        assert_eq!(
            super::files(&den.dir().join("config/agent_comms")),
            documents
        );
    }
    let tasks = den.tasks().unwrap();
    assert_eq!(tasks["t-9"]["data"]["agent"], "Stranger");
    assert_eq!(tasks["TEST_FIX_001"]["data"]["file"], "f.py");
    assert_eq!(tasks["x1"]["data"]["tasks"][0]["id"], "s");
    den.well().unwrap();
}

/// Where it lay, it is nobody's document, before it is imported and after.
#[test]
fn the_lists_of_the_original_may_lie_among_the_documents() {
    let den = Den::new();
    for shape in &shapes()[..2] {
        let name = shape.file.strip_suffix(".json").unwrap();
        std::fs::write(den.document(name), shape.text.to_string()).unwrap();
        assert!(!den.tasks().unwrap().keys().any(|id| id == shape.tasks[0].0));
        den.must(&format!("import config/agent_comms/{}", shape.file));
        assert!(den.tasks().unwrap().keys().any(|id| id == shape.tasks[0].0));
        let kept: Value =
            serde_json::from_slice(&std::fs::read(den.document(name)).unwrap()).unwrap();
        assert_eq!(kept, shape.text);
    }
    den.well().unwrap();
}
