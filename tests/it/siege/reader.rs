//! An unlocked reader: `inbox.json` parses at any instant, and never vanishes.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Guard, House, script};

/// Set for the process that only reads: this test run once more, as a program of its own.
const READ: &str = "SIEGE_READ";
const FOR: Duration = Duration::from_secs(8);

const BUSY: &str = r#"#!/bin/bash
RANDOM=$1
for (( i = 0; ; i++ )); do
  case $((RANDOM % 8)) in
    0) cellphone ack --all --as agent-1 ;;
    1) cellphone prune agent-1 ;;
    2) cellphone next --as agent-1 --lease 1s ;;
    *) cellphone send agent-1 "message $1 $i $(printf "%0$((RANDOM % 3000))d" 0)" ;;
  esac > /dev/null 2>&1 & pid=$!
  (( RANDOM % 10 )) || { sleep 0.0$((RANDOM % 10)); kill -9 $pid; }
  wait $pid
done 2> /dev/null
"#;

/// Reads until it is killed; says how often, and at once what it could not parse.
fn read_on(face: &Path) {
    let begun = Instant::now();
    let mut n = 0;
    let mut lengths = std::collections::BTreeSet::new();
    while begun.elapsed() < FOR {
        let bytes =
            std::fs::read(face).unwrap_or_else(|e| panic!("inbox.json after {n} reads: {e}"));
        let entries: Vec<serde_json::Value> = serde_json::from_slice(&bytes)
            .unwrap_or_else(|e| panic!("{e} after {n} reads: {}", String::from_utf8_lossy(&bytes)));
        lengths.insert(entries.len());
        n += 1;
    }
    super::tell(&format!("read {n} times, {} lengths", lengths.len()));
}

#[test]
fn an_unlocked_reader_never_sees_anything_but_valid_json() {
    if let Some(face) = std::env::var_os(READ) {
        return read_on(&PathBuf::from(face));
    }
    let house = House::new();
    house.must("send agent-1 first");
    let busy = script(&house, "busy", BUSY);
    let _writers: Vec<Guard> = (1..=8)
        .map(|n| {
            let mut command = house.command("bash");
            command.arg(&busy);
            Guard(
                command
                    .arg(n.to_string())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .unwrap(),
            )
        })
        .collect();
    let mut reader = Guard(
        Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "--nocapture",
                "siege::reader::an_unlocked_reader_never_sees_anything_but_valid_json",
            ])
            .env(READ, house.face("agent-1"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut said = Vec::new();
    for pipe in [
        Box::new(reader.0.stdout.take().unwrap()) as Box<dyn std::io::Read>,
        Box::new(reader.0.stderr.take().unwrap()),
    ] {
        said.extend(BufReader::new(pipe).lines().map(Result::unwrap));
    }
    assert!(reader.0.wait().unwrap().success(), "{}", said.join("\n"));
    let summary = said
        .iter()
        .find_map(|line| line.strip_prefix("read "))
        .expect("the reader said how often");
    let numbers: Vec<u64> = summary
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    // It read often, and not the same file each time.
    assert!(numbers[0] > 200 && numbers[1] > 3, "{summary}");
}
