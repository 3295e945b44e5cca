//! The power goes at a random moment while senders run: what was reported holds.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::mount::Mount;
use super::*;

const SENDERS: usize = 3;

#[derive(Default)]
struct Reported {
    sent: Mutex<BTreeSet<String>>,
    acked: Mutex<BTreeSet<String>>,
    count: AtomicUsize,
}

/// Sends and acknowledges until the disk is gone; keeps what ended with 0.
fn work_until_the_cut(home: &Home, mount: &Mount, round: usize, reported: &Reported) {
    let cut = AtomicBool::new(false);
    let base = reported.count.load(Ordering::SeqCst);
    // Different in each round, and in the timing of each run.
    let enough = base + 5 + (round * 7) % 23;
    std::thread::scope(|scope| {
        for sender in 0..SENDERS {
            let cut = &cut;
            scope.spawn(move || {
                for n in 0.. {
                    let text = format!("{round}-{sender}-{n}");
                    let done = home.run(&["send", "agent-1", &text, "--json"]);
                    if cut.load(Ordering::SeqCst) {
                        return;
                    }
                    if done.code == 0 {
                        reported.sent.lock().unwrap().insert(text);
                        reported.count.fetch_add(1, Ordering::SeqCst);
                    } else {
                        assert!(matches!(done.code, 74 | 75), "{done:?}");
                    }
                }
            });
        }
        let cut = &cut;
        scope.spawn(move || {
            while !cut.load(Ordering::SeqCst) {
                let taken = home.run(&["next", "--as", "agent-1", "--json"]);
                if taken.code != 0 {
                    continue;
                }
                let taken = taken.json();
                let token = taken["token"].as_str().unwrap();
                let id = taken["id"].as_str().unwrap();
                let args = ["ack", id, "--token", token, "--as", "agent-1", "--json"];
                if home.run(&args).code == 0 && !cut.load(Ordering::SeqCst) {
                    reported.acked.lock().unwrap().insert(id.to_owned());
                }
            }
        });
        while reported.count.load(Ordering::SeqCst) < enough {
            std::thread::yield_now();
        }
        // Only what was reported before counts. A flush that runs into a shutdown may return 0 without having
        // reached the disk; when the power goes nobody is left to be told that.
        cut.store(true, Ordering::SeqCst);
        assert!(mount.cut(), "the file system was shut down");
    });
}

fn check(home: &Home, reported: &Reported, what: &str) {
    let face = home.mailbox("agent-1").join("inbox.json");
    let bytes = std::fs::read(&face).unwrap_or_default();
    let nothing = bytes.iter().all(|byte| *byte == 0);
    let whole = serde_json::from_slice::<Value>(&bytes).is_ok();
    assert!(
        nothing || whole,
        "{what}: a torn face of {} bytes",
        bytes.len()
    );
    home.ok(&["send", "agent-1", &format!("after {what}"), "--force"]);
    home.assert_well(what);
    let all = home.all("agent-1");
    let count = |text: &str| all.iter().filter(|it| it["content"] == text).count();
    for text in reported.sent.lock().unwrap().iter() {
        assert_eq!(count(text), 1, "{what}: {text} was reported");
    }
    for id in reported.acked.lock().unwrap().iter() {
        let it = all.iter().find(|it| it["id"] == id.as_str());
        assert!(
            it.is_some_and(|it| it["status"] == "acked"),
            "{what}: {id} was acked: {it:?}"
        );
    }
    let lost: Vec<&Value> = all
        .iter()
        .filter(|it| it["status"] == "discarded" || it["status"] == "dead")
        .collect();
    assert!(lost.is_empty(), "{what}: nobody removed anything: {lost:?}");
    let seqs: Vec<u64> = all.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    let unique: BTreeSet<u64> = seqs.iter().copied().collect();
    assert_eq!(unique.len(), seqs.len(), "{what}: each number once");
}

fn rounds(kind: &str, mib: u64, rounds: usize) {
    if !has("xfs_io") {
        return;
    }
    let Some(mount) = Mount::looped(kind, mib) else {
        return;
    };
    let home = Home::at(&mount.dir.join("home"));
    assert!(Command::new("sync").status().unwrap().success());
    let reported = Reported::default();
    for round in 0..rounds {
        work_until_the_cut(&home, &mount, round, &reported);
        assert!(
            mount.unmount() && mount.mount(),
            "{kind}, round {round}: mounted again"
        );
        check(&home, &reported, &format!("{kind}, round {round}"));
    }
    assert!(reported.acked.lock().unwrap().len() > rounds);
}

#[test]
fn what_was_reported_before_a_power_cut_on_ext4_holds() {
    rounds("ext4", 64, 5);
}

#[test]
fn what_was_reported_before_a_power_cut_on_xfs_holds() {
    rounds("xfs", 320, 5);
}
