//! SIGKILL before every call that changes anything: whoever ingests again has each memory once, and can ask for it.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::{DREAMSCRIBE, file, found, ids, line, must, speak};
use crate::home::{Home, has_tool, path};
use crate::lives::until;
use crate::siege::kills::{Call, Verdict, assert_landed, calls_in, each, require, was_killed};
use crate::siege::place;

const CHANGING: [&str; 14] = [
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "fdatasync",
    "fsync",
    "ftruncate",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "mkdir",
    "mkdirat",
];

fn changes(call: &Call) -> bool {
    CHANGING.contains(&call.name.as_str()) || call.line.contains("O_CREAT")
}

fn strace(home: &Home, verb: &str, options: &[&str]) -> Output {
    let mut command = home.command("strace");
    command.args(["-f", "-qq"]).args(options).arg(DREAMSCRIBE);
    command.args(verb.split_whitespace()).output().unwrap()
}

/// Two days, so that a batch is written to more than one file.
fn lines(from: u32, to: u32) -> String {
    lines_with(from, to, "")
}

pub(super) fn lines_with(from: u32, to: u32, more: &str) -> String {
    let line = |n: u32| {
        let at = format!("2026-01-0{}T10:00:{:02}Z", 1 + n % 2, n % 60);
        line(
            &format!("n{n}"),
            &at,
            "agent-1",
            &format!("saffron word{n}{more}"),
            &json!({"task_id": "t1"}),
        )
    };
    (from..to).map(line).collect()
}

fn besiege(prepare: fn(&Home), verb: &str, after: fn(&Home) -> Verdict) {
    if !has_tool("strace") {
        return;
    }
    let template = Home::below(place());
    prepare(&template);
    let fresh = || Home::copy_of(&template.dir, place());
    let traced = fresh();
    let log = traced.dir.with_file_name("trace");
    let done = strace(&traced, verb, &["-o", path(&log)]);
    assert!(done.status.success(), "{done:?}");
    let trace = std::fs::read_to_string(log).unwrap();
    let mut calls = calls_in(&trace, &traced.dir);
    calls.retain(changes);
    assert!(calls.len() > 10, "{trace}");
    let landed = AtomicUsize::new(0);
    let failed = each(calls.len(), |n| {
        let home = fresh();
        let killing = calls[n].killing();
        let mut options = vec!["-o", "/dev/null"];
        options.extend(killing.iter().map(String::as_str));
        let done = strace(&home, verb, &options);
        landed.fetch_add(usize::from(was_killed(&done)), Ordering::Relaxed);
        let judged = || {
            let again = speak(&home, verb);
            require(again.code <= 1, || format!("again: {again:?}"))?;
            after(&home)
        };
        judged().map_err(|why| format!("{}: {why}", calls[n].line))
    });
    assert_landed(landed.into_inner(), calls.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

pub(super) fn has(home: &Home, many: u32) -> Verdict {
    let ids = ids(home);
    require(ids.len() == many as usize, || {
        format!("there are {}", ids.len())
    })?;
    for n in [0, many - 1] {
        let found = found(home, &format!("word{n}"));
        require(found == [format!("n{n}")], || format!("word{n}: {found:?}"))?;
    }
    let threads = super::threads(home);
    require(
        threads.len() == 1 && threads[0].len() == many as usize,
        || format!("{threads:?}"),
    )
}

#[test]
fn a_first_ingest_killed_at_any_call_is_resumed_exactly() {
    besiege(
        |home| {
            file(home, "f.jsonl", &lines(0, 20));
        },
        "ingest f.jsonl",
        |home| has(home, 20),
    );
}

#[test]
fn a_later_ingest_killed_at_any_call_is_resumed_exactly() {
    besiege(
        |home| {
            file(home, "f.jsonl", &lines(0, 20));
            assert_eq!(super::ingest(home, "f.jsonl"), 20);
            file(home, "f.jsonl", &lines(0, 40));
        },
        "ingest f.jsonl",
        |home| has(home, 40),
    );
}

/// So many that they are written and indexed on threads of their own.
#[test]
fn an_ingest_of_many_killed_at_any_call_is_resumed_exactly() {
    besiege(
        |home| {
            file(home, "f.jsonl", &lines(0, 600));
        },
        "ingest f.jsonl",
        |home| has(home, 600),
    );
}

/// Several batches: one is written while the one before is indexed and more is read.
#[test]
fn a_long_ingest_killed_between_its_batches_is_resumed_exactly() {
    const BATCH: u64 = 32 << 20;
    let home = Home::new();
    let long = format!(" {}", "x".repeat(60_000));
    file(&home, "f.jsonl", &lines_with(0, 1300, &long));
    let written = || {
        let days = std::fs::read_dir(home.dir.join("runtime/memories/fragments"));
        let sizes = days.into_iter().flatten();
        sizes
            .filter_map(|day| Some(day.ok()?.metadata().ok()?.len()))
            .sum::<u64>()
    };
    for behind in [0, BATCH] {
        let mut child = home
            .command(DREAMSCRIBE)
            .args(["ingest", "f.jsonl"])
            .spawn()
            .unwrap();
        until("written", || written() > behind);
        child.kill().unwrap();
        assert_eq!(
            child.wait().unwrap().signal(),
            Some(9),
            "it was killed amid"
        );
    }
    must(&home, "ingest f.jsonl");
    has(&home, 1300).unwrap();
}

#[test]
fn forgetting_killed_at_any_call_forgets_when_it_is_said_again() {
    besiege(
        |home| {
            let other = line("x", "2026-01-01T09:00:00Z", "agent-2", "pepper", &json!({}));
            file(home, "f.jsonl", &(other + &lines(0, 20)));
            assert_eq!(super::ingest(home, "f.jsonl"), 21);
        },
        "forget --agent agent-2 --yes",
        |home| {
            let gone = found(home, "pepper");
            require(gone.is_empty(), || format!("{gone:?}"))?;
            has(home, 20)
        },
    );
}
