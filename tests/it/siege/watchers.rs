//! Whoever watches, waits or reads through a pipe while everything changes.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{Guard, House};

const SENDERS: usize = 4;
const EACH: usize = 40;
const LONG: Duration = Duration::from_secs(20);

/// What a watcher prints, line by line, as it comes.
fn listen(child: &mut Child) -> Receiver<String> {
    let (said, heard) = channel();
    let out = BufReader::new(child.stdout.take().unwrap());
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if said.send(line).is_err() {
                return;
            }
        }
    });
    heard
}

fn content(line: &str) -> String {
    let message: serde_json::Value = serde_json::from_str(line).unwrap();
    message["content"].as_str().unwrap().to_owned()
}

/// Takes what is heard until all of `wanted` has come; then how often each was heard.
fn hear_all(heard: &Receiver<String>, counts: &mut HashMap<String, usize>, wanted: usize) {
    let begun = Instant::now();
    while counts.len() < wanted {
        let left = LONG.saturating_sub(begun.elapsed());
        let line = heard
            .recv_timeout(left)
            .unwrap_or_else(|e| panic!("{} of {wanted} were heard: {e}", counts.len()));
        note(&line, counts);
    }
}

/// All but what was sent to see whether anybody listens.
fn note(line: &str, counts: &mut HashMap<String, usize>) {
    let content = content(line);
    if content.starts_with("m-") || content == "end" {
        *counts.entry(content).or_default() += 1;
    }
}

#[test]
fn watchers_report_each_message_once_through_prunes_and_a_restart() {
    let house = House::new();
    house.must("send agent-1 seen-before");
    let mut steady = Guard(
        house
            .cellphone("watch agent-1 --format jsonl")
            .spawn()
            .unwrap(),
    );
    let steady_hears = listen(&mut steady.0);
    let restarted = |house: &House| {
        Guard(
            house
                .cellphone("watch agent-1 --format jsonl --cursor mine")
                .spawn()
                .unwrap(),
        )
    };
    let mut first = restarted(&house);
    let first_hears = listen(&mut first.0);
    // Both are at work once they report something that was sent after they began.
    let mut primed = (HashMap::new(), HashMap::new());
    let mut n = 0;
    while !(primed.0.contains_key("go") && primed.1.contains_key("go")) {
        n += 1;
        assert!(n < 200, "a watcher never began");
        house.must("send agent-1 go --force");
        for (hears, counts) in [
            (&steady_hears, &mut primed.0),
            (&first_hears, &mut primed.1),
        ] {
            while let Ok(line) = hears.recv_timeout(Duration::from_millis(100)) {
                *counts.entry(content(&line)).or_insert(0) += 1;
            }
        }
    }

    let mut theirs: HashMap<String, usize> = HashMap::new();
    let mut steadily: HashMap<String, usize> = HashMap::new();
    let all = SENDERS * EACH;
    std::thread::scope(|scope| {
        for w in 0..SENDERS {
            let house = &house;
            scope.spawn(move || {
                for i in 0..EACH {
                    house.must(&format!("send agent-1 m-{w}-{i}"));
                    if i % 10 == w {
                        house.must("prune agent-1");
                    }
                    if i % 7 == w {
                        house.must("ack --all --as agent-1");
                    }
                }
            });
        }
        hear_all(&first_hears, &mut theirs, all / 4);
        drop(first);
        // What it printed before it died was printed.
        for line in &first_hears {
            note(&line, &mut theirs);
        }
    });
    let before = theirs.clone();
    let mut second = restarted(&house);
    let second_hears = listen(&mut second.0);
    hear_all(&second_hears, &mut theirs, all);
    hear_all(&steady_hears, &mut steadily, all);
    // Nothing follows: the last is a message of now.
    house.must("send agent-1 end");
    for (hears, counts) in [(&second_hears, &mut theirs), (&steady_hears, &mut steadily)] {
        hear_all(hears, counts, all + 1);
        assert!(counts.contains_key("end"), "something else came last");
    }
    assert!(steadily.values().all(|n| *n == 1), "{steadily:?}");
    // The cursor is saved after the output: killed between the two, the last output comes again.
    let twice: Vec<_> = theirs.iter().filter(|(_, n)| **n > 1).collect();
    assert!(theirs.values().all(|n| *n <= 2), "{theirs:?}");
    assert!(
        twice
            .iter()
            .all(|(content, _)| before.contains_key(*content)),
        "{twice:?}"
    );
    house.must("prune agent-1");
    house.check_settled();
}

#[test]
fn a_wait_that_is_interrupted_leaves_the_message_queued_and_ends_with_130() {
    let house = House::new();
    house.must("send agent-1 first");
    let mut waiting = Guard(
        house
            .cellphone("send agent-1 patience --wait=ack --timeout 60s")
            .spawn()
            .unwrap(),
    );
    let begun = Instant::now();
    while house.truth("agent-1").with_content("patience").is_empty() {
        assert!(begun.elapsed() < LONG);
    }
    // It waits once it sleeps; before that a signal would find it elsewhere, and mean the same.
    let status = house
        .command("kill")
        .args(["-INT", &waiting.0.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
    let ended = waiting.0.wait().unwrap();
    let mut errors = String::new();
    waiting
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert_eq!(ended.code(), Some(130), "{errors}");
    let truths = house.check_settled();
    let patience = truths["agent-1"].with_content("patience")[0].clone();
    assert!(patience.is_pending(), "{patience:?}");
    let listed = house.json("inbox agent-1");
    assert_eq!(listed["messages"][1]["status"], "queued");
}

#[test]
fn a_broken_pipe_is_quiet_and_the_work_is_done() {
    let house = House::new();
    for n in 0..300 {
        house.must(&format!("send agent-1 {n}-{}", "long".repeat(200)));
    }
    for verb in [
        "inbox agent-1 --all --full",
        "inbox agent-1 --json",
        "search long",
        "send agent-1 unheard",
        "next --as agent-1",
        "ack --all --as agent-1",
    ] {
        let mut child = house
            .cellphone(verb)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{verb}");
        assert_eq!(done.status.code(), Some(0), "{verb}");
    }
    let truths = house.check_settled();
    assert_eq!(truths["agent-1"].with_content("unheard").len(), 1);
    assert_eq!(
        truths["agent-1"].with_content("unheard")[0]
            .closed
            .as_deref(),
        Some("ack")
    );
}
