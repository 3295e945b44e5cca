//! Memory, from outside: real homes, real sources, real kills.

mod bad;
mod edited;
mod house;
mod killed;
mod sight;
mod sources;
mod verbs;
mod yardsticks;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::home::{Home, Ran, run};

pub(crate) const DREAMSCRIBE: &str = env!("CARGO_BIN_EXE_dreamscribe");

/// `dreamscribe` with these words.
fn speak(home: &Home, line: &str) -> Ran {
    speak_with(home, line, "")
}

fn speak_with(home: &Home, line: &str, input: &str) -> Ran {
    let mut command = home.command(DREAMSCRIBE);
    run(command.args(line.split_whitespace()), input.as_bytes())
}

fn must(home: &Home, line: &str) -> Ran {
    let ran = speak(home, line);
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    ran
}

/// How many were added.
fn ingest(home: &Home, line: &str) -> u64 {
    let ran = must(home, &format!("ingest {line} --json"));
    ran.json()["added"].as_u64().unwrap()
}

/// A file in the home, for somebody to read.
fn file(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// All memories, as they lie on the disk.
fn fragments(home: &Home) -> Vec<Value> {
    let mut days: Vec<PathBuf> =
        match std::fs::read_dir(home.dir.join("runtime/memories/fragments")) {
            Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
            Err(_) => Vec::new(),
        };
    days.retain(|path| path.extension().is_some_and(|it| it == "jsonl"));
    days.sort();
    let mut all = Vec::new();
    for day in days {
        let text = std::fs::read_to_string(day).unwrap();
        all.extend(
            text.lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
    }
    all
}

/// Each once.
fn ids(home: &Home) -> BTreeSet<String> {
    let all = fragments(home);
    let ids: BTreeSet<String> = all.iter().map(|it| text(&it["memory_id"])).collect();
    assert_eq!(ids.len(), all.len(), "one is there twice");
    ids
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// The ids that a query finds.
fn found(home: &Home, query: &str) -> Vec<String> {
    let ran = speak(home, &format!("query {query} --json"));
    assert!([0, 1].contains(&ran.code), "{query}: {ran:?}");
    let hits = ran.json()["hits"].as_array().unwrap().clone();
    hits.iter()
        .map(|hit| text(&hit["fragment"]["memory_id"]))
        .collect()
}

/// The threads, as sets of ids.
fn threads(home: &Home) -> Vec<Vec<String>> {
    let ran = speak(home, "threads --json");
    let all = ran.json()["threads"].as_array().unwrap().clone();
    let members = |it: &Value| {
        it["memories"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect()
    };
    all.iter().map(members).collect()
}

/// A line of `fragments.jsonl`.
fn line(id: &str, at: &str, agent: &str, said: &str, context: &Value) -> String {
    let one = json!({
        "id": id, "timestamp": at, "agent_id": agent, "type": "note", "content": said, "context": context,
    });
    format!("{one}\n")
}
