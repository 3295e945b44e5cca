//! Nobody waits longer than the deadline, whoever dies or stops while he holds a lock.

use std::process::Stdio;
use std::time::Instant;

use super::{Guard, House, PATIENCE, script};
use crate::home::has_tool;

const WORKERS: usize = 8;
const SECONDS: usize = 12;

/// Merge, render, prune and ack, killed now and then; what took how long stands in `took-$w`.
const WORKER: &str = r#"#!/bin/bash
w=$1 seconds=$2 face=$3
RANDOM=$w
end=$((SECONDS + seconds))
while (( SECONDS < end )); do
  case $((RANDOM % 6)) in
    0) verb="prune agent-1" ;;
    1) verb="ack --all --as agent-1" ;;
    2) verb="next --as agent-1 --lease 10ms" ;;
    3) jq -c --arg id "hand-$w-$RANDOM" '. + [{id: $id, from: "user", content: $id}]' "$face" > "edit-$w" 2> /dev/null \
         && mv "edit-$w" "$face"
       verb="inbox agent-1" ;;
    4) verb="send captain hello-$w --as agent-1 --force" ;;
    *) verb="send agent-1 hello-$w" ;;
  esac
  begun=${EPOCHREALTIME/./}
  cellphone $verb > /dev/null 2>> "errors-$w" & pid=$!
  (( RANDOM % 4 )) || { sleep 0.0$((RANDOM % 10)); kill -9 $pid; }
  wait $pid; status=$?
  echo "$(( ${EPOCHREALTIME/./} - begun )) $status $verb" >> "took-$w"
done 2> /dev/null
"#;

#[test]
fn merges_renders_prunes_and_acks_killed_at_random_never_wait_beyond_the_deadline() {
    if !has_tool("jq") {
        return;
    }
    let house = House::on_disk();
    house.must("send agent-1 first");
    house.must("send captain first");
    let worker = script(&house, "worker", WORKER);
    let workers: Vec<Guard> = (1..=WORKERS)
        .map(|w| {
            let mut command = house.command("bash");
            command.arg(&worker);
            command
                .args([w, SECONDS].map(|n| n.to_string()))
                .arg(house.face("agent-1"))
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            Guard(command.spawn().unwrap())
        })
        .collect();
    for mut worker in workers {
        assert!(worker.0.wait().unwrap().success());
    }
    let mut verbs = 0;
    let mut killed = 0;
    for w in 1..=WORKERS {
        let took = std::fs::read_to_string(house.home().join(format!("took-{w}"))).unwrap();
        let errors = || {
            std::fs::read_to_string(house.home().join(format!("errors-{w}"))).unwrap_or_default()
        };
        for line in took.lines() {
            let mut words = line.splitn(3, ' ');
            let micros: u128 = words.next().unwrap().parse().unwrap();
            let status: i32 = words.next().unwrap().parse().unwrap();
            assert!(micros < PATIENCE.as_micros(), "{line}");
            assert!([0, 1, 75, 137].contains(&status), "{line}: {}", errors());
            verbs += 1;
            killed += usize::from(status == 137);
        }
    }
    assert!(verbs > 100 && killed > 5, "{verbs} verbs, {killed} killed");
    for agent in ["agent-1", "captain"] {
        house.must(&format!("send {agent} last"));
        house.must(&format!("prune {agent}"));
    }
    house.check_settled();
    house.must_be_well();
}

/// A lock, held by a process that is stopped; which verbs must name it, and which get on without it.
#[test]
fn a_lock_held_by_a_stopped_process_is_busy_after_five_seconds_and_its_holder_is_named() {
    if !has_tool("flock") {
        return;
    }
    let cases = [
        (".lock", "send agent-1 hello", 75),
        (".lock", "next --as agent-1", 75),
        (".lock", "ack agent-1/1 --as agent-1", 75),
        (".lock", "reply agent-1/1 answer --as agent-1", 75),
        (".lock", "prune agent-1", 75),
        (".prune.lock", "prune agent-1", 75),
        (".prune.lock", "send agent-1 hello", 0),
        (".render.lock", "send agent-1 hello", 0),
        (".render.lock", "ack agent-1/1 --as agent-1", 0),
    ];
    std::thread::scope(|scope| {
        for case in &cases {
            scope.spawn(move || stopped_holder(case.0, case.1, case.2));
        }
    });
}

fn stopped_holder(lock: &str, verb: &str, exit: i32) {
    let house = House::new();
    house.must("send agent-1 first --as captain");
    house.must("send captain first");
    house.must("prune agent-1");
    // It holds the lock itself: without a fork, the one that is stopped is the one that locked.
    let mut holder = house
        .command("flock")
        .arg("--no-fork")
        .arg(house.mailbox("agent-1").join(lock))
        .args(["sh", "-c", "echo held; kill -STOP $$"])
        .spawn()
        .unwrap();
    let mut hear = std::io::BufReader::new(holder.stdout.take().unwrap());
    let holder = Guard(holder);
    super::hear(&mut hear, "held");
    while !is_stopped(holder.0.id()) {
        std::thread::yield_now();
    }
    let begun = Instant::now();
    let done = house.run(verb);
    let took = begun.elapsed();
    let errors = String::from_utf8_lossy(&done.stderr).into_owned();
    drop(holder);
    assert_eq!(done.status.code(), Some(exit), "{lock}, {verb}: {errors}");
    assert!(took < PATIENCE, "{lock}, {verb} took {took:?}");
    if took.as_secs() >= 4 {
        assert!(
            errors.contains("(sh)") && errors.contains("stopped"),
            "{lock}, {verb}: {errors}"
        );
    }
    assert!(
        exit != 75 || took.as_secs() >= 4,
        "{lock}, {verb} gave up after {took:?}"
    );
}

fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ")
        .is_some_and(|(_, state)| state.starts_with('T'))
}
