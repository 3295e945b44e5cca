//! Each line is counted once: while others write and rotate, and while whoever counts is killed again and again. What
//! is there in the end is counted a second time, slowly, by a reader of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dreamos::desk::{Breaker, Desk, Unknown};
use dreamos::logs::{Which, rotate};
use dreamos::names::{AgentId, Caller, Channel, Draft};
use dreamos::root;
use dreamos::time::{Now, Timestamp};
use serde_json::Value;

use super::{export, samples};
use crate::home::{Home, METRICSD};

const KILLS: u32 = 48;

fn desk(home: &Home) -> Desk {
    let caller = Caller {
        agent: AgentId::user(),
        incarnation: None,
        uid: 0,
        login: None,
        guest: None,
    };
    Desk::open(root::Home::at(&home.dir), caller, |warning| {
        // The rotator is at the log just now: that line is not written.
        assert!(warning.starts_with("the log: "), "{warning}");
    })
    .unwrap()
}

fn write_mail(home: &Home, to: &str, is_over: &AtomicBool) {
    let desk = desk(home);
    let to = AgentId::parse(to).unwrap();
    while !is_over.load(Ordering::Relaxed) {
        let drafts = (0..50).map(|n| Draft::new(AgentId::user(), to.clone(), format!("m {n}")));
        desk.send_batch(
            &to,
            drafts.collect(),
            Unknown::Refuse,
            Breaker::Override,
            Now::read(),
        )
        .unwrap();
    }
}

/// As a foreign program writes that knows of the lock, and not what a line is.
fn write_nonsense(home: &Home, is_over: &AtomicBool) {
    let log = home.dir.join("runtime/logs/messages.log");
    let mut n = 0_u64;
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(3));
        let Ok(mut file) = File::options().append(true).open(&log) else {
            continue;
        };
        file.lock_shared().unwrap();
        let is_there = std::fs::metadata(&log).is_ok_and(|now| {
            let ino = std::os::unix::fs::MetadataExt::ino;
            ino(&now) == ino(&file.metadata().unwrap())
        });
        if is_there {
            n += 1;
            let line = match n % 3 {
                0 => format!("nonsense {n}\n"),
                1 => format!(
                    "{{\"v\":1,\"ts\":\"2027-01-15T08:00:00.000Z\",\"level\":\"info\",\"n\":{n}\n"
                ),
                _ => format!(
                    "{{\"event\":\"mail.sent\",\"n\":{n},\"level\":\"warn\",\"ts\":\"2027-01-15T08:00:00Z\"}}\n"
                ),
            };
            file.write_all(line.as_bytes()).unwrap();
        }
    }
}

fn keep_rotating(home: &Home, is_over: &AtomicBool) {
    let home = root::Home::at(&home.dir);
    while !is_over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(25));
        rotate(
            &home,
            &Channel::ALL,
            Which::All,
            Duration::from_secs(5),
            Now::read().wall,
        )
        .unwrap();
    }
}

/// What lies in all logs, line by line.
fn counted_slowly(home: &Home) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let mut count = |sample: String| *counts.entry(sample).or_insert(0) += 1;
    for entry in std::fs::read_dir(home.dir.join("runtime/logs")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let channel = name.split('.').next().unwrap();
        let mut bytes = Vec::new();
        let file = File::open(&path).unwrap();
        if path.extension().is_some_and(|it| it == "gz") {
            flate2::read::MultiGzDecoder::new(file)
                .read_to_end(&mut bytes)
                .unwrap();
        } else {
            (&file).read_to_end(&mut bytes).unwrap();
        }
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let event: Value = serde_json::from_slice(line).unwrap_or_default();
            let is_event = event["ts"].as_str().and_then(Timestamp::parse).is_some();
            let (true, Some(level), Some(name)) = (
                is_event && line.ends_with(b"\n"),
                event["level"].as_str(),
                event["event"].as_str(),
            ) else {
                count(format!(
                    "dreamos_log_foreign_lines_total{{channel=\"{channel}\"}}"
                ));
                continue;
            };
            count(format!(
                "dreamos_log_lines_total{{level=\"{level}\",channel=\"{channel}\"}}"
            ));
            if name == "mail.sent" {
                count(format!(
                    "dreamos_messages_sent_total{{channel=\"{channel}\",result=\"queued\"}}"
                ));
            }
        }
    }
    counts
}

fn assert_counted_once(home: &Home) {
    let told = samples(&export(home).out);
    let slowly = counted_slowly(home);
    for (sample, count) in &slowly {
        assert_eq!(told[sample], count.to_string(), "{sample}");
    }
    let zero_or_known = |sample: &str, value: &str| value == "0" || slowly.contains_key(sample);
    let of_logs = ["dreamos_log_", "dreamos_messages_sent_total"];
    for (sample, value) in &told {
        if of_logs.iter().any(|name| sample.starts_with(name)) {
            assert!(zero_or_known(sample, value), "{sample} {value}");
        }
    }
}

#[test]
fn each_line_is_counted_once_whoever_is_killed_and_whatever_is_rotated() {
    let home = &Home::new();
    // What is removed could not be counted a second time. What is closed is packed soon.
    let limits = r#"{"max_files": 1000000, "compress_after": "1s"}"#;
    std::fs::write(home.dir.join("config/logs.json"), limits).unwrap();
    let is_over = &AtomicBool::new(false);
    let mut killed = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| write_mail(home, "agent-1", is_over));
        scope.spawn(|| write_mail(home, "agent-2", is_over));
        scope.spawn(|| write_nonsense(home, is_over));
        scope.spawn(|| keep_rotating(home, is_over));
        let began = Instant::now();
        export(home);
        let whole = began.elapsed();
        for n in 0..KILLS {
            let mut child = home
                .command(METRICSD)
                .arg("export")
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            // Spread over all that it does, and a little beyond.
            std::thread::sleep(whole * (n * 7 % KILLS) / (KILLS - KILLS / 8));
            child.kill().unwrap();
            killed += u32::from(!child.wait().unwrap().success());
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(killed > KILLS / 3, "only {killed} were killed in time");
    assert_counted_once(home);
    let again = export(home);
    assert!(again.err.is_empty(), "{again:?}");
    assert_counted_once(home);
    let left: Vec<String> = std::fs::read_dir(home.dir.join("runtime/metrics"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".fold-"))
        .collect();
    assert_eq!(left, [""; 0], "what a kill left is gone");
}

#[test]
fn those_who_count_at_once_count_once() {
    let home = &Home::new();
    for n in 0..20 {
        home.ok(&["send", "agent-1", &format!("message {n}"), "-q"]);
    }
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| export(home));
        }
    });
    assert_counted_once(home);
}
