//! True power cuts: from one moment on nothing reaches the disk, then it is mounted again.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

/// After a power cut the machine boots.
fn boot(home: &mut Home, disk: &Disk, n: usize) {
    // Beside the disk: it is no part of what a cut may lose.
    let id = disk.root().with_file_name("boot_id");
    std::fs::write(&id, format!("00000000-0000-4000-8000-{n:012x}\n")).unwrap();
    home.boot = Some(id);
}

/// How far a round has got.
#[derive(Default)]
struct Round {
    /// What is told now may be told in the moment of the cut, which counts for nothing: a flush that a shutdown
    /// overtakes may succeed, where after a true cut nobody is left to be told.
    cutting: AtomicBool,
    over: AtomicBool,
}

impl Round {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Whether this is a promise.
    fn was_told(&self, ran: &Ran) -> bool {
        ran.code == 0 && !self.cutting.load(Ordering::SeqCst)
    }
}

/// What was told to somebody, and must therefore be true.
#[derive(Debug, Default)]
struct Told {
    /// Sent with exit 0, by number.
    accepted: BTreeMap<u64, String>,
    leased: BTreeSet<u64>,
    acked: BTreeSet<u64>,
}

/// Runs until it is told to stop, or nothing works any more.
fn send_much(home: &Home, round: usize, sender: usize, told: &Mutex<Told>, now: &Round) {
    for n in 0.. {
        if now.is_over() {
            return;
        }
        let content = format!("{round}-{sender}-{n}");
        let ran = home.run(&["send", "agent-1", &content, "--json", "--force"]);
        if now.was_told(&ran) {
            let name = ran.json()["name"].as_str().unwrap().to_owned();
            let seq = name.strip_prefix("agent-1/").unwrap().parse().unwrap();
            let before = told.lock().unwrap().accepted.insert(seq, content);
            assert_eq!(before, None, "number {seq} was given twice");
        }
    }
}

fn take_much(home: &Home, told: &Mutex<Told>, now: &Round) {
    for n in 0.. {
        if now.is_over() {
            return;
        }
        let taken = home.run(&["next", "--as", "agent-1", "--json"]);
        if !now.was_told(&taken) {
            continue;
        }
        let seq = taken.json()["seq"].as_u64().unwrap();
        told.lock().unwrap().leased.insert(seq);
        let name = format!("agent-1/{seq}");
        let acked = home.run(&["ack", &name, "--as", "agent-1"]);
        if now.was_told(&acked) {
            told.lock().unwrap().acked.insert(seq);
        }
        if n % 5 == 4 {
            home.run(&["prune", "--as", "agent-1"]);
        }
    }
}

fn check(home: &Home, told: &Told) {
    let face = std::fs::read(home.face("agent-1")).unwrap_or_default();
    let is_lost = face.iter().all(|byte| *byte == 0);
    if !is_lost {
        home.shown_contents();
    }
    // The first command deals with a face that was lost; it is never taken for "everything was removed".
    let pending = home.list(&["inbox", "agent-1"]);
    home.shown_contents();
    let all = home.list(&["inbox", "agent-1", "--all"]);
    let by_seq: BTreeMap<u64, &Value> = all
        .iter()
        .map(|message| (message["seq"].as_u64().unwrap(), message))
        .collect();
    assert_eq!(by_seq.len(), all.len(), "a number is listed twice");
    for (seq, content) in &told.accepted {
        let message = by_seq.get(seq);
        let message = message.unwrap_or_else(|| panic!("{seq} {content} was accepted and is lost"));
        assert_eq!(
            message["content"], **content,
            "number {seq} was given again"
        );
        assert_ne!(message["status"], "discarded", "nobody removed {seq}");
    }
    let contents: BTreeSet<&str> = all.iter().filter_map(|it| it["content"].as_str()).collect();
    assert_eq!(contents.len(), all.len(), "a message is there twice");
    for seq in &told.leased {
        assert!(
            by_seq[seq]["attempts"].as_u64() >= Some(1),
            "{seq} was taken"
        );
    }
    for message in &pending {
        let seq = message["seq"].as_u64().unwrap();
        assert!(
            !told.acked.contains(&seq),
            "{seq} was acknowledged and is back"
        );
    }
}

fn power_cuts(kind: &str, size: u64, rounds: usize) {
    if !(has_privilege() && has_tool(&format!("mkfs.{kind}")) && has_tool("xfs_io")) {
        return;
    }
    let mut disk = Disk::image(kind, size);
    let mut home = Home::at(disk.root().join("home"));
    boot(&mut home, &disk, 0);
    home.ok(&["send", "agent-1", "the first"]);
    let told = Mutex::new(Told::default());
    told.lock().unwrap().accepted.insert(1, "the first".into());
    // The same moments each time, spread over what goes on between two flushes.
    let mut moment = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..rounds {
        moment ^= moment << 13;
        moment ^= moment >> 7;
        moment ^= moment << 17;
        let pause = Duration::from_micros(40_000 + moment % 200_000);
        let now = Round::default();
        let before = told.lock().unwrap().accepted.len();
        std::thread::scope(|scope| {
            for sender in 0..3 {
                let (home, told, now) = (&home, &told, &now);
                scope.spawn(move || send_much(home, round, sender, told, now));
            }
            scope.spawn(|| take_much(&home, &told, &now));
            // Not before there is something to lose.
            while told.lock().unwrap().accepted.len() < before + 3 {
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(pause);
            now.cutting.store(true, Ordering::SeqCst);
            disk.cut_power();
            now.over.store(true, Ordering::SeqCst);
        });
        disk.unmount();
        disk.mount(kind);
        boot(&mut home, &disk, round + 1);
        check(&home, &told.lock().unwrap());
    }
    home.ok(&["send", "agent-1", "the last"]);
    assert_eq!(home.times("agent-1", "the last"), 1);
    home.ok(&["prune", "--as", "agent-1"]);
    check(&home, &told.lock().unwrap());
    home.assert_well("all that");
    disk.unmount();
}

#[test]
fn what_was_told_survives_power_cuts_on_ext4() {
    power_cuts("ext4", 96 << 20, 12);
}

#[test]
fn what_was_told_survives_power_cuts_on_xfs() {
    power_cuts("xfs", 320 << 20, 8);
}

/// Cuts the power while a call of a compaction has been done and nothing after it.
fn cut_after(kind: &str, size: u64, call: &str) {
    if !(has_privilege()
        && has_tool("strace")
        && has_tool(&format!("mkfs.{kind}"))
        && has_tool("xfs_io"))
    {
        return;
    }
    let mut disk = Disk::image(kind, size);
    let mut home = Home::at(disk.root().join("home"));
    for content in ["one", "two", "three"] {
        home.ok(&["send", "agent-1", content, "--key", content]);
    }
    home.ok(&["ack", "agent-1/1", "--as", "agent-1"]);
    let old = std::fs::metadata(home.journal("agent-1")).unwrap().ino();
    let mut prune = home
        .command("strace")
        .args(["-qq", "-o", "/dev/null", "-e", &format!("inject={call}")])
        .args([CELLPHONE, "prune", "--as", "agent-1"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while std::fs::metadata(home.journal("agent-1")).is_ok_and(|it| it.ino() == old) {
        assert!(began.elapsed() < PATIENCE, "nothing was exchanged");
        std::thread::sleep(Duration::from_millis(1));
    }
    disk.cut_power();
    prune.wait().unwrap();
    disk.unmount();
    disk.mount(kind);
    boot(&mut home, &disk, 1);

    let mut all = home.all("agent-1");
    all.sort();
    assert_eq!(all, ["one", "three", "two"], "{call}");
    assert_eq!(home.pending("agent-1"), ["two", "three"], "{call}");
    let again = home.ok(&["send", "agent-1", "one", "--key", "one", "--json"]);
    assert_eq!(again.json()["repeated"], true, "its key was forgotten");
    let new = home.ok(&["send", "agent-1", "four", "--json"]);
    assert_eq!(new.json()["name"], "agent-1/4", "a number went astray");
    home.ok(&["prune", "--as", "agent-1"]);
    assert_eq!(
        home.all("agent-1"),
        ["one", "two", "three", "four"],
        "{call}"
    );
    home.assert_well("all that");
    disk.unmount();
}

#[test]
fn a_power_cut_right_after_the_exchange_of_a_compaction_loses_nothing() {
    // Before the directory is flushed; and once it is, before `linked` is written.
    for call in [
        "renameat2:delay_exit=1500000:when=1",
        "fsync:delay_exit=1500000:when=1",
    ] {
        cut_after("ext4", 32 << 20, call);
        cut_after("xfs", 320 << 20, call);
    }
}
