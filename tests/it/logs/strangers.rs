//! What somebody else wrote, and what somebody mistyped.

use std::fs;
use std::io::Write as _;

use serde_json::json;

use crate::home::Home;

fn put(home: &Home, channel: &str, bytes: &[u8]) {
    let open = fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(home.log(channel));
    open.unwrap().write_all(bytes).unwrap();
}

/// What a terminal would obey.
fn is_obeyed(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{202a}'..='\u{202e}')
}

#[test]
fn hostile_text_is_one_line_escaped_and_bounded() {
    let home = Home::new();
    let hostile = "\u{1b}]0;owned\u{7}\u{1b}[2J\r\n\u{202e}\u{9b}31m\u{7f}\0 end";
    let long = hostile.repeat(10_000_000 / hostile.len());
    let line = json!({"event": "script.hostile", "msg": long,
        "fields": {"a": hostile, hostile: 1}});
    let line = format!("{line}\n");
    let ran = crate::home::run(
        home.command(crate::home::LOGCTL)
            .args(["write", "--batch", "-"]),
        line.as_bytes(),
    );
    assert_eq!(ran.code, 0, "{ran:?}");
    // By a stranger: as an event, and as none.
    let ts = "2027-01-15T08:00:00.000Z";
    let forged = json!({"ts": ts, "level": "error", "event": hostile, "who": hostile, "agent": hostile, "msg": long});
    put(&home, "tasks", format!("{forged}\n").as_bytes());
    put(&home, "bridge", long.replace('\n', " ").as_bytes());
    put(&home, "bridge", b"\n\xff\xfe\n");
    for format in ["pretty", "logfmt", "json", "plain"] {
        for verb in ["tail", "query"] {
            if (verb, format) == ("query", "json") {
                continue;
            }
            let ran = home.logged(&[verb, "--format", format, "--color", "never"]);
            assert_eq!(ran.out.lines().count(), 4, "{verb} {format}");
            assert!(
                ran.out.lines().all(|line| line.len() < 64 << 10),
                "{verb} {format}"
            );
            let found: Vec<char> = ran.out.chars().filter(|c| is_obeyed(*c)).collect();
            assert!(found.is_empty(), "{verb} {format}: {found:?}");
            assert_eq!(ran.err, "");
        }
    }
    let document = home.logged(&["query", "--json"]);
    assert!(!document.out.chars().any(is_obeyed) && document.out.len() < 256 << 10);
    assert_eq!(document.json()["foreign"], 2);
    let table = home.logged(&["query", "--by", "event,who"]);
    assert!(!table.out.chars().any(is_obeyed));
    assert_eq!(table.out.lines().count(), 4);
}

#[test]
fn lines_of_others_and_torn_ones_are_kept_counted_and_shown() {
    let home = Home::new();
    home.logged(&["write", "tasks", "script.begun"]);
    put(
        &home,
        "tasks",
        b"panic: no more disk\n{\"v\":1,\"ts\":\"2026-11-22T12:00:00.000Z\",\"lev\n\n",
    );
    home.logged(&["write", "tasks", "script.ended"]);
    let shown = home.logged(&["tail"]).out;
    let lines: Vec<&str> = shown.lines().collect();
    assert!(
        lines[1].ends_with("(foreign) panic: no more disk"),
        "{shown}"
    );
    assert!(lines[2].contains("(torn) {\"v\":1,"), "{shown}");
    assert_eq!(lines.len(), 5, "{shown}");
    let found = home.logged(&["query", "--grep", "panic"]).out;
    assert_eq!(found.lines().count(), 1);
    assert_eq!(home.logged(&["query", "--json"]).json()["foreign"], 3);
    let stats = home.logged(&["stats", "--lines", "--json"]).json();
    assert_eq!(stats["channels"][2]["lines"], 5);
    assert_eq!(stats["channels"][2]["foreign"], 3);
}

#[test]
fn a_damaged_packed_log_is_named_and_the_rest_is_read() {
    let home = Home::new();
    home.pack_at_once();
    for n in 0..3 {
        home.logged(&["write", "tasks", "script.n", "--field", &format!("n={n}")]);
        home.rotate();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    home.rotate();
    let logs = home.dir.join("runtime/logs");
    let mut packed: Vec<_> = fs::read_dir(&logs)
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.extension().is_some_and(|it| it == "gz"))
        .collect();
    packed.sort();
    fs::write(&packed[0], b"no gzip").unwrap();
    let ran = home.logged(&["query", "--json"]);
    assert_eq!(
        (ran.json()["count"].as_u64(), ran.json()["unread"].as_u64()),
        (Some(2), Some(1))
    );
    let name = packed[0].file_name().unwrap().to_str().unwrap();
    assert!(ran.err.contains(name), "{ran:?}");
    assert!(home.logged(&["tail"]).err.contains(name));
    home.logged(&["stats", "--lines"]);
}

#[test]
fn what_is_unknown_is_refused_with_what_was_probably_meant() {
    let home = Home::new();
    for (args, says) in [
        (&["tail", "taks"][..], "a similar value exists: 'tasks'"),
        (&["query", "nowhere"], "possible values: system"),
        (&["tail", "--level", "wran"], "possible values: debug"),
        (&["tail", "--since", "whenever"], "is no time"),
        (&["tail", "--grep", "a("], "'a('"),
        (&["tail", "-n", "few"], "use a number, or all"),
        (&["rotate", "task"], "'tasks'"),
        (&["write", "system", "deployed"], "no name of an event"),
        (
            &["write", "system", "task.completed"],
            "for the toolkit to say",
        ),
        (
            &["write", "system", "script.a", "--field", "ts=1"],
            "\"ts\"",
        ),
        (
            &[
                "write", "system", "script.a", "--field", "a=1", "--field", "a=2",
            ],
            "twice",
        ),
        (&["query", "--format", "dot"], "knows no"),
    ] {
        let ran = home.logctl(args);
        assert_eq!((ran.code, &*ran.out), (2, ""), "{args:?}: {ran:?}");
        assert!(ran.err.contains(says), "{args:?}: {ran:?}");
    }
    assert_eq!(home.logctl(&["query"]).code, 1);
    assert_eq!(
        home.logctl(&["write", "system", "script.a", "--agent", "nobody-9"])
            .code,
        66
    );
    assert!(!home.log("system").exists());
}

#[test]
fn a_batch_is_written_whole_or_not_at_all() {
    let home = Home::new();
    for (bad, says) in [
        ("7", "line 2"),
        (r#"{"msg": "a"}"#, "no \"event\""),
        (r#"{"event": "mail.sent"}"#, "for the toolkit"),
        (r#"{"event": "script.a", "channel": "taks"}"#, "no channel"),
        (r#"{"event": "script.a", "level": 3}"#, "no string"),
        (
            r#"{"event": "script.a", "fields": {"pid": 3}}"#,
            "for the log to say",
        ),
        (r#"{"event": "script.a", "more": 3}"#, "not known"),
    ] {
        let lines = format!("{{\"event\": \"script.good\"}}\n{bad}\n");
        let mut command = home.command(crate::home::LOGCTL);
        let ran = crate::home::run(command.args(["write", "--batch", "-"]), lines.as_bytes());
        assert_eq!(ran.code, 65, "{bad}: {ran:?}");
        assert!(ran.err.contains(says), "{bad}: {ran:?}");
        assert!(!home.log("system").exists());
    }
}

#[test]
fn a_writer_that_never_lets_go_is_named_and_the_others_are_rotated() {
    let home = Home::new();
    home.logged(&["write", "tasks", "script.a"]);
    home.logged(&["write", "system", "script.a"]);
    let held = fs::OpenOptions::new()
        .append(true)
        .open(home.log("tasks"))
        .unwrap();
    held.lock_shared().unwrap();
    let ran = home.logctl(&["rotate", "--all", "--timeout", "50ms"]);
    assert_eq!(ran.code, 75, "{ran:?}");
    assert!(ran.err.contains("busy: tasks"), "{ran:?}");
    assert!(ran.out.starts_with("closed system."), "{ran:?}");
    drop(held);
    assert_eq!(home.logctl(&["rotate", "--as", "agent-1"]).code, 77);
    assert!(
        home.logged(&["rotate", "--all"])
            .out
            .contains("closed tasks.")
    );
}

/// What a rotation says that it did, without the times of it.
fn said(ran: &crate::home::Ran) -> Vec<String> {
    let mut lines: Vec<String> = ran.out.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn a_rehearsal_says_what_comes_true_and_does_nothing() {
    let home = Home::new();
    fs::write(
        home.dir.join("config/logs.json"),
        r#"{"compress_after": "1s", "max_files": 2}"#,
    )
    .unwrap();
    let logs = home.dir.join("runtime/logs");
    fs::write(logs.join("tasks.20260101T000000Z-1.log"), "older\n").unwrap();
    let now = dreamos::time::Now::read().wall;
    let minutes = |n: u64| now.minus(std::time::Duration::from_secs(60 * n)).to_utc();
    for n in [5, 4, 3] {
        let name = format!("tasks.{}-1.log", minutes(n).format("%Y%m%dT%H%M%SZ"));
        fs::write(logs.join(name), "old\n").unwrap();
    }
    home.logged(&["write", "tasks", "script.a"]);
    let before = home.logged(&["stats", "--json"]).out;
    let rehearsed = home.logged(&["rotate", "--all", "--dry-run"]);
    assert_eq!(home.logged(&["stats", "--json"]).out, before);
    let done = said(&home.logged(&["rotate", "--all"]));
    let foretold = said(&rehearsed);
    let foretold: Vec<&str> = foretold
        .iter()
        .map(|it| it.strip_prefix("would have ").unwrap())
        .collect();
    assert_eq!(done.len(), 5, "{done:?}");
    // The second in which it is closed may have passed.
    let past = |lines: &[&str]| {
        lines
            .iter()
            .filter(|it| !it.starts_with("closed"))
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let done: Vec<&str> = done.iter().map(String::as_str).collect();
    assert_eq!(past(&done), past(&foretold));
}
