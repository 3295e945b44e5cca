//! Who follows gets each line once and in its order, whatever becomes of the files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::Tail;
use crate::home::{Home, LOGCTL};

const WRITERS: u64 = 3;
const BATCHES: u64 = 60;
const BATCH: u64 = 10;

/// Writes numbered lines into two channels, a process each time.
fn write(home: &Home, writer: u64) {
    for batch in 0..BATCHES {
        let mut lines = String::new();
        for n in batch * BATCH..(batch + 1) * BATCH {
            let channel = if n % 5 == 0 { "bridge" } else { "system" };
            let fields = serde_json::json!({"writer": writer, "n": n, "pad": "x".repeat(200)});
            let line =
                serde_json::json!({"event": "script.n", "channel": channel, "fields": fields});
            writeln!(lines, "{line}").unwrap();
        }
        let mut command = home.command(LOGCTL);
        let ran = crate::home::run(command.args(["write", "--batch", "-"]), lines.as_bytes());
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}

/// What each writer was heard to say in a channel, until all of it was heard.
fn heard(tail: &Tail) -> BTreeMap<(u64, String), Vec<u64>> {
    let mut heard: BTreeMap<_, Vec<u64>> = BTreeMap::new();
    for _ in 0..WRITERS * BATCHES * BATCH {
        let line = tail.next();
        let number = |name: &str| line[name].as_u64().unwrap_or_else(|| panic!("{line}"));
        let channel = line["channel"].as_str().unwrap().to_owned();
        heard
            .entry((number("writer"), channel))
            .or_default()
            .push(number("n"));
    }
    heard
}

fn assert_all_once(heard: &BTreeMap<(u64, String), Vec<u64>>) {
    for writer in 0..WRITERS {
        for (channel, is_it) in [("bridge", true), ("system", false)] {
            let all = (0..BATCHES * BATCH).filter(|n| (n % 5 == 0) == is_it);
            let all: Vec<u64> = all.collect();
            assert_eq!(
                heard[&(writer, channel.to_owned())],
                all,
                "{writer}, {channel}"
            );
        }
    }
}

#[test]
fn each_line_comes_once_and_in_order_while_logs_are_rotated_and_packed() {
    let home = Home::new();
    home.pack_at_once();
    let tail = Tail::follow(&home, &["-n", "all"]);
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let rotator = scope.spawn(|| {
            let mut times = 0;
            while !is_over.load(Ordering::Relaxed) {
                home.rotate();
                times += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            times
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let home = &home;
                scope.spawn(move || write(home, writer))
            })
            .collect();
        let heard = heard(&tail);
        for writer in writers {
            writer.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(rotator.join().unwrap() > 5);
        assert_all_once(&heard);
    });
    assert!(tail.says_nothing_for(Duration::from_millis(1500)));
    // Who comes later finds the same.
    home.rotate();
    let names = std::fs::read_dir(home.dir.join("runtime/logs")).unwrap();
    let names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    let packed = names.iter().map(std::path::Path::new);
    let packed = packed.filter(|it| it.extension().is_some_and(|it| it == "gz"));
    assert!(packed.count() > 2, "{names:?}");
    let whole = home.logged(&["query", "--json"]).json();
    assert_eq!(whole["count"], WRITERS * BATCHES * BATCH);
    let last = home.logged(&["tail", "--json", "-n", "3"]).out;
    let lines: Vec<Value> = whole["lines"].as_array().unwrap().clone();
    let last: Vec<Value> = last
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(last, lines[lines.len() - 3..]);
}

fn say(home: &Home, n: u64) {
    home.logged(&["write", "tasks", "script.n", "--field", &format!("n={n}")]);
}

#[test]
fn a_log_that_is_removed_while_it_is_read_loses_nothing_that_was_read_and_stops_nobody() {
    let home = Home::new();
    say(&home, 1);
    let tail = Tail::follow(&home, &["tasks"]);
    assert_eq!(tail.next()["n"], 1);
    std::fs::remove_file(home.log("tasks")).unwrap();
    say(&home, 2);
    assert_eq!(tail.next()["n"], 2);
    home.rotate();
    for entry in std::fs::read_dir(home.dir.join("runtime/logs")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    say(&home, 3);
    assert_eq!(tail.next()["n"], 3);
    assert!(tail.says_nothing_for(Duration::from_millis(100)));
}

#[test]
fn what_is_being_written_is_told_once_it_is_whole() {
    let home = Home::new();
    say(&home, 1);
    let tail = Tail::follow(&home, &["tasks"]);
    assert_eq!(tail.next()["n"], 1);
    let open = std::fs::OpenOptions::new()
        .append(true)
        .open(home.log("tasks"));
    let mut file = open.unwrap();
    file.write_all(b"half of ").unwrap();
    assert!(tail.says_nothing_for(Duration::from_millis(1200)));
    file.write_all(b"a line\n").unwrap();
    assert_eq!(tail.next()["foreign"], "half of a line");
    file.write_all(b"torn").unwrap();
    home.rotate();
    say(&home, 2);
    assert_eq!(tail.next()["torn"], "torn");
    assert_eq!(tail.next()["n"], 2);
}

#[test]
fn a_follower_wakes_at_once_and_sleeps_otherwise() {
    let home = Home::new();
    say(&home, 0);
    let tail = Tail::follow(&home, &["-n", "0"]);
    // It follows from its first look on: whenever that is, one of these comes after it.
    let mut n = 0;
    while tail.says_nothing_for(Duration::from_millis(100)) {
        n += 1;
        say(&home, n);
    }
    let mut quickest = Duration::MAX;
    for n in 1000..1010 {
        say(&home, n);
        let written = std::time::Instant::now();
        while tail.next()["n"].as_u64() < Some(n) {}
        quickest = quickest.min(written.elapsed());
    }
    // Far below the second after which it looks by itself.
    assert!(quickest < Duration::from_millis(100), "{quickest:?}");
}

#[test]
fn a_home_without_logs_is_followed_until_there_are_some() {
    let home = Home::new();
    std::fs::remove_dir(home.dir.join("runtime/logs")).unwrap();
    let tail = Tail::follow(&home, &[]);
    assert!(tail.says_nothing_for(Duration::from_millis(300)));
    say(&home, 1);
    assert_eq!(tail.next()["n"], 1);
}

fn ended(child: &mut Child) -> Option<i32> {
    let began = std::time::Instant::now();
    while began.elapsed() < super::PATIENCE {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    panic!("it hangs");
}

#[test]
fn a_follower_ends_as_it_was_asked_to_and_leaves_nothing() {
    let home = Home::new();
    say(&home, 1);
    for (signal, code) in [("-INT", Some(130)), ("-TERM", Some(143)), ("-KILL", None)] {
        let mut tail = Tail::follow(&home, &[]);
        assert_eq!(tail.next()["n"], 1);
        tail.signal(signal);
        assert_eq!(ended(&mut tail.child), code);
        let mut told = String::new();
        std::io::Read::read_to_string(&mut tail.stderr.take().unwrap(), &mut told).unwrap();
        assert_eq!(told, "", "{signal}");
    }
    let left = std::fs::read_dir(home.dir.join("runtime/logs")).unwrap();
    assert_eq!(left.count(), 1);
    say(&home, 2);
    home.rotate();
}

#[test]
fn a_follower_ends_at_once_where_it_still_looks_at_what_is_there() {
    let home = Home::new();
    // Longer to read than anybody waits here: few bytes, unpacked over and over.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..16 << 10 {
        writeln!(packed, "{}", "x".repeat(1 << 10)).unwrap();
    }
    let packed = packed.finish().unwrap().repeat(4000);
    let path = home
        .log("tasks.20270115T080000Z-1")
        .with_extension("log.gz");
    std::fs::write(&path, packed).unwrap();
    for most in ["all", "10"] {
        let tail = ["tasks", "--grep", "nothing", "-n", most];
        let mut tail = Tail::follow(&home, &tail);
        let open = format!("/proc/{}/fd", tail.child.id());
        let reads =
            |it: std::fs::DirEntry| std::fs::read_link(it.path()).is_ok_and(|it| it == path);
        while !std::fs::read_dir(&open)
            .unwrap()
            .any(|it| reads(it.unwrap()))
        {
            assert!(tail.says_nothing_for(Duration::from_millis(1)));
        }
        tail.signal("-INT");
        assert_eq!(ended(&mut tail.child), Some(130), "{most}");
    }
}

#[test]
fn a_follower_ends_when_whoever_listens_goes_away() {
    let home = Home::new();
    say(&home, 1);
    let (theirs, ours) = std::io::pipe().unwrap();
    let mut command = home.command(LOGCTL);
    let mut tail = command.args(["tail", "-f"]).stdout(ours).spawn().unwrap();
    drop(command);
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(theirs));
    lines.next().unwrap().unwrap();
    drop(lines);
    assert_eq!(ended(&mut tail), Some(0));
}

#[test]
fn nobody_who_listens_is_no_error() {
    let home = Home::new();
    for n in 0..20 {
        say(&home, n);
    }
    for verb in ["tail -f", "tail", "query"] {
        let script = format!(
            "logctl {verb} --format pretty 2>err | head -n 1; echo ${{PIPESTATUS[0]}} >code"
        );
        let mut shell = home.command("bash");
        let mut shell = shell.args(["-c", &script]).spawn().unwrap();
        assert_eq!(ended(&mut shell), Some(0), "{verb}");
        let read = |name: &str| std::fs::read_to_string(home.dir.join(name)).unwrap();
        assert_eq!(
            (read("err"), read("code")),
            (String::new(), "0\n".into()),
            "{verb}"
        );
    }
}
