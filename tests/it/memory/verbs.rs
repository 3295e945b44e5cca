//! Forgetting, folding and asking.

use serde_json::json;

use super::{file, found, fragments, ids, ingest, line, must, speak, speak_with};
use crate::home::Home;

fn at(day: u32, minute: u32) -> String {
    format!("2026-01-{day:02}T10:{minute:02}:00Z")
}

#[test]
fn what_is_forgotten_is_nowhere_and_never_comes_back() {
    let home = Home::new();
    let all = [
        line(
            "a",
            &at(1, 0),
            "agent-1",
            "the code is zebra-4711",
            &json!({"task_id": "t1"}),
        ),
        line(
            "b",
            &at(1, 1),
            "agent-2",
            "plain words",
            &json!({"task_id": "t1"}),
        ),
        line("c", &at(2, 0), "agent-1", "zebra-4711 again", &json!({})),
    ];
    file(&home, "f.jsonl", &all.concat());
    assert_eq!(ingest(&home, "f.jsonl"), 3);
    assert_eq!(
        must(&home, "forget --agent agent-1 --dry-run").out,
        "would forget 2\n"
    );
    assert_eq!(ids(&home).len(), 3);
    assert_eq!(
        must(&home, "forget --agent agent-1 --yes").out,
        "forgot 2\n"
    );
    assert_eq!(found(&home, "zebra"), Vec::<String>::new());
    assert_eq!(found(&home, "plain"), ["b"]);
    // No file holds a word of it.
    let mut dirs = vec![home.dir.join("runtime/memories")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                dirs.push(entry.path());
            } else {
                let bytes = std::fs::read(entry.path()).unwrap();
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains("zebra"), "{}", entry.path().display());
            }
        }
    }
    // Its source still tells it.
    std::fs::remove_file(home.dir.join("runtime/memories/ingest.json")).unwrap();
    assert_eq!(ingest(&home, "f.jsonl"), 0);
    assert_eq!(speak(&home, "forget nobody").code, 66);
    // Without a person to ask, nobody says yes.
    assert_eq!(speak(&home, "forget --agent agent-2 --no-input").code, 2);
    assert_eq!(ids(&home).len(), 1);
}

#[test]
fn old_light_memories_are_folded_once_and_their_ids_lead_to_the_summary() {
    let home = Home::new();
    let mut all: Vec<String> = (0..30)
        .map(|n| {
            let text = format!("connection {n} closed by peer");
            let one = json!({"id": format!("n{n}"), "timestamp": at(3, n), "agent_id": "net", "type": "log", "content": text});
            format!("{one}\n")
        })
        .collect();
    all.push(line(
        "kept",
        &at(3, 40),
        "agent-1",
        "we decided to drop the proxy",
        &json!({}),
    ));
    file(&home, "f.jsonl", &all.concat());
    assert_eq!(ingest(&home, "f.jsonl"), 31);
    let would = must(&home, "compact --dry-run --json").json();
    assert_eq!(would["folded"], 30, "{would}");
    assert_eq!(ids(&home).len(), 31);
    let did = must(&home, "compact --json").json();
    assert_eq!(
        (&did["folded"], &did["summaries"]),
        (&would["folded"], &would["summaries"])
    );
    let kept = fragments(&home);
    assert!(kept.iter().any(|it| it["memory_id"] == "kept"));
    let of: usize = kept
        .iter()
        .filter_map(|it| Some(it["context"]["of"].as_array()?.len()))
        .sum();
    assert_eq!(of, 30);
    let shown = must(&home, "show n7 --json").json();
    assert_eq!(shown["memory"]["fragment"]["type"], "summary");
    assert_eq!(must(&home, "compact --json").json()["folded"], 0);
    // What was folded is known.
    std::fs::remove_file(home.dir.join("runtime/memories/ingest.json")).unwrap();
    assert_eq!(ingest(&home, "f.jsonl"), 0);
}

#[test]
fn queries_are_narrowed_and_batches_answered_line_by_line() {
    let home = Home::new();
    let all = [
        line(
            "a",
            &at(1, 0),
            "agent-1",
            "the deploy failed on db-7",
            &json!({"task_id": "t1"}),
        ),
        line(
            "b",
            &at(2, 0),
            "agent-2",
            "deploying again",
            &json!({"task_id": "t2"}),
        ),
        line("c", &at(3, 0), "agent-1", "lunch", &json!({})),
    ];
    file(&home, "f.jsonl", &all.concat());
    ingest(&home, "f.jsonl");
    assert_eq!(found(&home, "deployed").len(), 2);
    assert_eq!(found(&home, "deployed --agent agent-2"), ["b"]);
    assert_eq!(found(&home, "deployed --task t1"), ["a"]);
    assert_eq!(found(&home, "deployed --until 2026-01-01T12:00:00Z"), ["a"]);
    assert_eq!(found(&home, "deployed --since 2026-01-01T12:00:00Z"), ["b"]);
    // Not before one, and before the other.
    let nothing = Vec::<String>::new();
    assert_eq!(
        found(&home, "deployed --until 2026-01-01T10:00:00Z"),
        nothing
    );
    assert_eq!(found(&home, "lunch --since 2026-01-03T10:00:00Z"), ["c"]);
    assert_eq!(found(&home, "deployed --thread a"), ["a"]);
    assert_eq!(found(&home, "deployed --type log"), Vec::<String>::new());
    assert_eq!(found(&home, "b")[0], "b");
    let asked = "{\"qid\":\"q1\",\"text\":\"lunch\"}\n\n{\"qid\":2,\"text\":\"zebra\"}\n";
    let ran = speak_with(&home, "query --batch - --json", asked);
    assert_eq!(
        ran.out,
        "{\"qid\":\"q1\",\"results\":[\"c\"]}\n{\"qid\":2,\"results\":[]}\n"
    );
    let ran = speak_with(&home, "query --batch -", "{\"qid\":1}\n");
    assert!(ran.code == 2 && ran.err.contains("line 1"), "{ran:?}");
    // The newest first.
    let recent = must(&home, "recent --json").json()["fragments"].clone();
    assert_eq!(recent[0]["memory_id"], "c");
    // A higher likeness never tells more.
    let alike = |least: &str| {
        let ran = speak(&home, &format!("similar a --at-least {least} --json"));
        ran.json()["hits"].as_array().unwrap().len()
    };
    assert!(alike("0") >= alike("0.3") && alike("0.3") >= alike("1"));
}

#[test]
fn a_context_is_never_more_than_its_budget() {
    let home = Home::new();
    let all: Vec<String> = (0..40)
        .map(|n| {
            line(
                &format!("n{n}"),
                &at(1, n),
                "agent-1",
                &format!("naïve step {n} of the plan"),
                &json!({}),
            )
        })
        .collect();
    file(&home, "f.jsonl", &all.concat());
    ingest(&home, "f.jsonl");
    for budget in [0, 1, 50, 200, 2000, 100_000] {
        let ran = must(&home, &format!("context --agent agent-1 --budget {budget}"));
        assert!(ran.out.len() <= budget, "{budget}: {}", ran.out.len());
    }
    let text = must(&home, "digest --since 2026-01-01T00:00:00Z --for discord").out;
    assert!(text.chars().count() <= 2000);
}
