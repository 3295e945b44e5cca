//! Thirty-two writers at once, killed at random: what was accepted is there once, in order, without a gap.

use std::collections::HashMap;
use std::process::Stdio;

use super::{Guard, House, script};

const WRITERS: usize = 32;
/// A writer sends 1,000: these as batches of fifty, whose lines carry keys, the others one by one.
const BATCHES: usize = 19;
const BATCH: usize = 50;
const SINGLE: usize = 50;

/// What it was told stands in `told-$w`: `ok KEY`, or `unknown KEY` for one killed and not said again. Half of the
/// writers repeat what was killed, with its key, until they are told.
const WRITER: &str = r#"#!/bin/bash
w=$1 batches=$2 batch=$3 single=$4
RANDOM=$w
try() { # INPUT ARGUMENTS…: one process, killed now and then
  local input=$1 pid; shift
  cellphone "$@" --quiet < "$input" > /dev/null 2>> "errors-$w" & pid=$!
  if (( RANDOM % 8 == 0 )); then sleep "0.$(printf %03d $((RANDOM % 300)))"; kill -9 $pid 2> /dev/null; fi
  wait $pid 2> /dev/null
}
deliver() { # KEYS INPUT ARGUMENTS…
  local keys=$1 status; shift
  while :; do
    try "$@"; status=$?
    case $status in
      0) for key in $keys; do echo "ok $key"; done >> "told-$w"; return ;;
      75|137) (( w % 2 )) && continue
         for key in $keys; do echo "unknown $key"; done >> "told-$w"; return ;;
      *) echo "exit $status" >> "told-$w"; return ;;
    esac
  done
}
for (( b = 0; b < batches; b++ )); do
  keys= ; : > "lines-$w"
  for (( i = 0; i < batch; i++ )); do
    key=w$w-b$b-$i; keys+=" $key"
    echo "{\"content\": \"$key\", \"key\": \"$key\"}" >> "lines-$w"
  done
  deliver "$keys" "lines-$w" send agent-1 --batch -
done
for (( i = 0; i < single; i++ )); do
  key=w$w-s$i
  deliver $key /dev/null send agent-1 $key --key $key
done
echo done >> "told-$w"
"#;

#[test]
fn thirty_two_writers_killed_at_random_lose_nothing_and_double_nothing() {
    let house = House::on_disk();
    house.must("send agent-1 before");
    let writer = script(&house, "writer", WRITER);
    let running: Vec<Guard> = (1..=WRITERS)
        .map(|w| {
            let child = house
                .command("bash")
                .arg(&writer)
                .args([w, BATCHES, BATCH, SINGLE].map(|n| n.to_string()))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            Guard(child)
        })
        .collect();
    for mut writer in running {
        assert!(writer.0.wait().unwrap().success());
    }

    house.must("send agent-1 after");
    house.must("prune agent-1");
    let truths = house.check_settled();
    let mut there: HashMap<&str, Vec<u64>> = HashMap::new();
    for (seq, mail) in &truths["agent-1"].mail {
        assert!(mail.is_pending());
        there.entry(&mail.content).or_default().push(*seq);
    }
    let mut told_ok = 0;
    let mut unknown = 0;
    for w in 1..=WRITERS {
        let told = std::fs::read_to_string(house.home().join(format!("told-{w}"))).unwrap();
        assert!(
            told.ends_with("done\n"),
            "writer {w} did not come to its end"
        );
        let mut last = 0;
        for line in told.lines().filter(|line| *line != "done") {
            let (what, key) = line.split_once(' ').unwrap();
            let seqs = there.remove(key).unwrap_or_default();
            match what {
                "ok" => {
                    assert_eq!(seqs.len(), 1, "{key} was accepted and is there as {seqs:?}");
                    // In the order in which its sender was told, for all that was said only once.
                    assert!(
                        w % 2 == 1 || seqs[0] > last,
                        "{key} is {seqs:?} after {last}"
                    );
                    last = seqs[0];
                    told_ok += 1;
                }
                "unknown" => {
                    assert!(seqs.len() <= 1, "{key} is there as {seqs:?}");
                    unknown += 1;
                }
                _ => panic!(
                    "writer {w}: {line}: {}",
                    std::fs::read_to_string(house.home().join(format!("errors-{w}"))).unwrap()
                ),
            }
        }
    }
    assert_eq!(told_ok + unknown, WRITERS * (BATCHES * BATCH + SINGLE));
    assert!(unknown > 0, "nobody was killed");
    there.remove("before");
    there.remove("after");
    assert!(there.is_empty(), "nobody sent {there:?}");
    house.must_be_well();
}
