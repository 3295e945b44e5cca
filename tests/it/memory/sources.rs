//! Files that somebody names.

use serde_json::json;

use super::{file, found, fragments, ids, ingest, line, must, speak_with, text, threads};
use crate::home::Home;

const DAY: &str = "2026-11-22T1";

#[test]
fn three_memories_of_a_task_are_one_thread_and_a_stranger_is_not_in_it() {
    let home = Home::new();
    let of = |task: &str| json!({ "task_id": task });
    let all = [
        line(
            "a",
            &format!("{DAY}0:00:00Z"),
            "agent-1",
            "took the parser",
            &of("TASK-1"),
        ),
        line(
            "b",
            &format!("{DAY}0:10:00Z"),
            "agent-2",
            "the lexer loops",
            &of("TASK-1"),
        ),
        line(
            "c",
            &format!("{DAY}0:20:00Z"),
            "agent-1",
            "mended",
            &of("TASK-1"),
        ),
        line(
            "d",
            &format!("{DAY}2:20:00Z"),
            "agent-9",
            "watered the plants",
            &of("TASK-2"),
        ),
    ];
    file(&home, "f.jsonl", &all.concat());
    assert_eq!(ingest(&home, "f.jsonl"), 4);
    assert_eq!(threads(&home), [["a", "b", "c"]]);
    let thread = must(&home, "thread c --json").json()["fragments"].clone();
    assert_eq!(thread.as_array().unwrap().len(), 3);
    let why = &thread[2]["connections"][0];
    assert_eq!(why["reason"], "task");
    assert!(must(&home, "thread b --why").out.contains("task"));
    // A person may read them.
    let kept = home.dir.join("runtime/memories/threads/2026-11-22.json");
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    assert_eq!(kept[0]["memories"], json!(["a", "b", "c"]));
}

#[test]
fn a_caller_s_ids_times_and_unknown_fields_survive_and_the_same_adds_nothing() {
    let home = Home::new();
    let mine = r#"{"id":"2004-11-15_03:800","timestamp":1100483400.5,"agent_id":"lev","type":"message","content":"hi","context":{"channel":"x"},"mood":{"n":1}}"#;
    file(&home, "f.jsonl", &format!("{mine}\n"));
    assert_eq!(ingest(&home, "f.jsonl"), 1);
    let one = &fragments(&home)[0];
    assert_eq!(one["memory_id"], "2004-11-15_03:800");
    assert_eq!(one["timestamp"], "2004-11-15T01:50:00.500Z");
    assert_eq!(
        (&one["mood"]["n"], &one["context"]["channel"]),
        (&json!(1), &json!("x"))
    );
    // The same from another place, and once more.
    file(&home, "g.jsonl", &format!("{mine}\n{mine}\n"));
    assert_eq!(ingest(&home, "g.jsonl f.jsonl"), 0);
    // Another text under the id is its next version.
    file(
        &home,
        "h.jsonl",
        &format!("{}\n", mine.replace("hi", "hello")),
    );
    assert_eq!(ingest(&home, "h.jsonl"), 1);
    assert_eq!(ingest(&home, "h.jsonl g.jsonl"), 0);
    let shown = must(&home, "show 2004-11-15_03:800 --json").json();
    assert_eq!(shown["memory"]["superseded_by"], "2004-11-15_03:800~2");
}

#[test]
fn a_log_that_grows_and_is_rotated_loses_and_doubles_no_line() {
    let home = Home::new();
    let log = file(
        &home,
        "app.log",
        "2026-11-22T10:00:00Z one\n2026-11-22T10:00:01Z two\n2026-11-22T10:00:02Z thr",
    );
    assert_eq!(ingest(&home, "app.log"), 3);
    let append = |text: &str| {
        use std::io::Write as _;
        let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    append("ee\n2026-11-22T10:00:03Z four\n");
    assert_eq!(ingest(&home, "app.log"), 2);
    let half = found(&home, "thr");
    let all = fragments(&home);
    let whole = all.iter().find(|it| it["content"] == "three").unwrap();
    assert_eq!(whole["context"]["supersedes"], half[0].as_str());
    // Rotated with one line unread, and a new one begun.
    append("2026-11-22T10:00:04Z five\n");
    std::fs::rename(&log, home.dir.join("app.log.1")).unwrap();
    file(&home, "app.log", "2026-11-22T10:00:05Z six\n");
    assert_eq!(ingest(&home, "app.log"), 2);
    assert_eq!(ingest(&home, "app.log"), 0);
    // Read again under another name, it is known.
    assert_eq!(ingest(&home, "app.log.1"), 0);
    assert_eq!(ids(&home).len(), 7);
}

#[test]
fn a_log_that_is_rotated_by_its_date_loses_and_doubles_no_line() {
    let at = |n: u32| format!("2026-11-22T10:00:{n:02}Z line {n}\n");
    for (day, next) in [
        ("app.log-20261122", "app.log-20261123"),
        ("app.log.2026-11-22", "app.log.2026-11-23"),
        ("app-2026-11-22.log", "app-2026-11-23.log"),
    ] {
        let home = Home::new();
        let log = |name: &str, lines: std::ops::Range<u32>| {
            file(&home, name, &lines.map(at).collect::<String>())
        };
        let first = log("app.log", 0..2);
        assert_eq!(ingest(&home, "app.log"), 2);
        log("app.log", 0..3);
        std::fs::rename(&first, home.dir.join(day)).unwrap();
        // One more day came and went unread.
        log(next, 3..5);
        log("app.log", 5..6);
        assert_eq!(ingest(&home, "app.log"), 4, "{day}");
        assert_eq!(ingest(&home, "app.log"), 0);
        assert_eq!(ids(&home).len(), 6);
    }
}

#[test]
fn a_log_that_is_copied_and_truncated_is_read_on_in_its_copies() {
    let home = Home::new();
    let at = |n: u32| format!("2026-11-22T10:00:{n:02}Z line {n}\n");
    let log = |name: &str, lines: std::ops::Range<u32>| {
        file(&home, name, &lines.map(at).collect::<String>());
    };
    log("app.log", 0..2);
    assert_eq!(ingest(&home, "app.log"), 2);
    // One more before it was copied.
    log("app.log.1", 0..3);
    log("app.log", 3..4);
    assert_eq!(ingest(&home, "app.log"), 2);
    // Copied twice since.
    log("app.log.2", 3..5);
    log("app.log.1", 5..7);
    log("app.log", 7..8);
    assert_eq!(ingest(&home, "app.log"), 4);
    assert_eq!(ingest(&home, "app.log"), 0);
    assert_eq!(ids(&home).len(), 8);
    // Without a copy, what may be lost is said, once; also where the new one is longer and begins the same.
    for name in ["app.log.1", "app.log.2"] {
        std::fs::remove_file(home.dir.join(name)).unwrap();
    }
    file(
        &home,
        "app.log",
        &format!("{}{}", at(7), "2026-11-22T11:00:00Z other\n"),
    );
    assert_eq!(ingest(&home, "app.log"), 1);
    file(
        &home,
        "app.log",
        &format!("{}{}", at(7), "2026-11-22T11:00:00Z and quite another\n"),
    );
    let ran = must(&home, "ingest app.log --json");
    assert!(ran.err.contains("truncated or replaced"), "{ran:?}");
    assert_eq!(
        (&ran.json()["added"], &ran.json()["skipped"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(must(&home, "ingest app.log").err, "");
}

/// Whoever writes a line of more than is read at once may not have done yet.
#[test]
fn a_line_without_end_that_is_too_long_is_passed_over_whole_once_it_ends() {
    use std::io::Write as _;
    let home = Home::new();
    for before in ["", "2026-11-22T10:00:00Z first\n"] {
        let name = format!("app{}.log", before.len());
        let log = file(&home, &name, &format!("{before}{}", "y".repeat(300 << 10)));
        ingest(&home, &name);
        let mut log = std::fs::OpenOptions::new().append(true).open(log).unwrap();
        log.write_all(b" and the rest\n2026-11-22T10:00:01Z after\n")
            .unwrap();
        let ran = must(&home, &format!("ingest {name} --json"));
        assert_eq!(
            (&ran.json()["added"], &ran.json()["skipped"]),
            (&json!(1), &json!(1))
        );
        // It is known by its long first line: nothing is read again, and nothing said.
        let ran = must(&home, &format!("ingest {name} --json"));
        assert_eq!(
            (&ran.json()["known"], &ran.json()["skipped"]),
            (&json!(0), &json!(0))
        );
    }
    assert_eq!(found(&home, "rest"), Vec::<String>::new());
}

/// A line is of the template that it was told to be of, in whatever order it is learnt again.
#[test]
fn templates_keep_their_numbers_when_all_is_made_anew() {
    let home = Home::new();
    let log = |name: &str, hour: u32, text: &str| {
        let line = |n: u32| format!("2026-11-22T{hour:02}:00:{n:02}Z {text} {n}\n");
        file(&home, name, &(0..9).map(line).collect::<String>());
    };
    log("late.log", 20, "disk full on volume");
    log("early.log", 8, "connection closed by host");
    assert_eq!(ingest(&home, "late.log"), 9);
    assert_eq!(ingest(&home, "early.log"), 9);
    let patterns = || must(&home, "patterns --json").json()["templates"].clone();
    let before = patterns();
    assert_eq!(before[0]["memories"].as_array().map(Vec::len), Some(9));
    must(&home, "rebuild");
    assert_eq!(patterns(), before);
}

#[test]
fn lines_without_a_time_have_that_of_their_neighbour_and_say_so() {
    let home = Home::new();
    let log = "banner\n\n2026-11-22 10:00:00,250 INFO start\r\n  at main.rs:1\n";
    let ran = speak_with(&home, "ingest - --agent app --json", log);
    assert_eq!(ran.json()["added"], 3, "{ran:?}");
    let all = fragments(&home);
    let said = |it: &serde_json::Value| {
        (
            text(&it["timestamp"]),
            it["context"]["undated"] == json!(true),
            text(&it["agent_id"]),
        )
    };
    let at = "2026-11-22T10:00:00.250Z".to_owned();
    let app = || "app".to_owned();
    let all: Vec<_> = all.iter().map(said).collect();
    assert_eq!(
        all,
        [
            (at.clone(), true, app()),
            (at.clone(), false, app()),
            (at, true, app())
        ]
    );
    // The same through a pipe once more.
    assert_eq!(
        speak_with(&home, "ingest - --agent app --json", log).json()["added"],
        0
    );
}

#[test]
fn what_the_original_kept_is_taken_over() {
    let home = Home::new();
    let corpus = json!({
        "u-1": {"timestamp": 1_751_900_000.0, "agent_id": "agent1", "content": "boot", "type": "devlog",
                "context": {"task_id": "TASK-001"}, "insights": [{"content": "boot", "frequency_ratio": 1.0}],
                "connections": ["u-2"], "memory_id": "u-1", "narrative_weight": 1.0},
        "u-2": {"timestamp": 1_751_903_000.0, "agent_id": "agent2", "content": "an error came", "type": "devlog",
                "context": {}, "insights": [], "connections": [], "narrative_weight": 1.0},
    });
    file(&home, "memory_corpus.json", &corpus.to_string());
    std::fs::create_dir(home.dir.join("narrative_threads")).unwrap();
    file(
        &home,
        "narrative_threads/thread_1751903000.json",
        r#"["u-1","u-2"]"#,
    );
    assert_eq!(ingest(&home, "memory_corpus.json narrative_threads"), 3);
    assert_eq!(ingest(&home, "memory_corpus.json narrative_threads"), 0);
    let all = fragments(&home);
    let error = all.iter().find(|it| it["memory_id"] == "u-2").unwrap();
    assert_eq!(error["insights"][0]["content"], "error");
    let first = all.iter().find(|it| it["memory_id"] == "u-1").unwrap();
    assert_eq!(first["context"]["original_connections"], json!(["u-2"]));
    let thread = threads(&home)
        .into_iter()
        .find(|it| it.contains(&"u-1".to_owned()));
    assert!(thread.is_some_and(|it| it.contains(&"u-2".to_owned())));
}

#[test]
fn two_at_once_add_each_once() {
    let home = Home::new();
    let lines: Vec<String> = (0..500)
        .map(|n| {
            line(
                &format!("n{n}"),
                &format!("{DAY}0:00:00Z"),
                "agent-1",
                &format!("word{n}"),
                &json!({}),
            )
        })
        .collect();
    file(&home, "f.jsonl", &lines.concat());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let ran = super::speak(&home, "ingest f.jsonl");
                assert!([0, 75].contains(&ran.code), "{ran:?}");
            });
        }
    });
    assert_eq!(ids(&home).len(), 500);
    assert_eq!(found(&home, "word77"), ["n77"]);
}
