//! The trail on a disk: what many writers, crashes and people do to it.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::volumes::Volumes;
use super::*;
use crate::names::{AgentId, Caller, Explain as _, Kind};
use crate::root::Home;
use crate::time::Timestamp;

const NOW: Timestamp = Timestamp::from_unix_ms(1_600_000_000_000);

fn entry(why: &str) -> Entry {
    let caller = Caller {
        agent: AgentId::captain(),
        incarnation: None,
        uid: 1000,
        login: Some("ann".into()),
        guest: None,
    };
    let mut entry = Entry::new("agent.stop", &caller, "agent-1", Verdict::Allowed);
    entry.why = why.into();
    entry
}

fn add(home: &Home, count: usize) -> Head {
    let mut head = Head::default();
    for n in 0..count {
        head = append(home, &[entry(&format!("reason {n}"))], NOW).unwrap();
    }
    head
}

fn place() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::at(dir.path());
    (dir, home)
}

fn open_one(home: &Home) -> PathBuf {
    home.audit().join("audit.jsonl")
}

fn check(home: &Home, published: &[Head]) -> Report {
    verify(home, published, &mut |_| {}).unwrap()
}

/// `file:line word n`, without the time in the name of the file.
fn found(report: &Report) -> Vec<String> {
    let findings = report.findings.iter();
    findings
        .map(|it| {
            let name = it.path.file_name().unwrap().to_str().unwrap();
            let name = name.split("Z-").last().unwrap();
            let line = it.line.map_or(String::new(), |line| format!(":{line}"));
            let n = it.n.map_or(String::new(), |n| format!(" {n}"));
            format!("{name}{line} {}{n}", it.what.word())
        })
        .collect()
}

fn lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn put(path: &Path, lines: &[String]) {
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

fn files(home: &Home) -> Vec<PathBuf> {
    let volumes = Volumes::look(home).unwrap().unwrap();
    let closed = volumes.closed.iter().map(|it| home.audit().join(&it.name));
    closed.chain([open_one(home)]).collect()
}

#[test]
fn the_chain_goes_on_from_file_to_file() {
    let (_dir, home) = place();
    assert_eq!(
        check(&home, &[]),
        Report {
            files: 1,
            ..Report::default()
        }
    );
    let head = add(&home, 100);
    let report = check(&home, &[head]);
    assert_eq!((report.head, report.records), (Some(head), 100));
    assert!(report.findings.is_empty(), "{report:?}");
    assert!(report.files > 2, "{report:?}");
    let newest = recent(&home, &Filter::default(), 1000).unwrap();
    let numbers: Vec<u64> = newest.iter().map(|it| it.head.n).collect();
    assert_eq!(numbers, (1..=100).rev().collect::<Vec<u64>>());
    let three = recent(&home, &Filter::default(), 3).unwrap();
    assert_eq!(three, newest[..3]);
    let nobody = Filter {
        who: Some("user".into()),
        ..Filter::default()
    };
    assert_eq!(recent(&home, &nobody, 1000).unwrap(), []);
    assert_eq!(append(&home, &[], NOW).unwrap(), head);
    let mode = |path: &Path| {
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions())
    };
    assert_eq!(mode(&open_one(&home)) & 0o7777, 0o600);
    assert_eq!(mode(&home.audit()) & 0o7777, 0o700);
}

#[test]
fn each_kind_of_tampering_is_found_where_it_is_and_once() {
    type Tamper = fn(&mut Vec<String>);
    let cases: [(Tamper, &[&str]); 11] = [
        (
            |it| it[4] = it[4].replace("reason", "excuse"),
            &["audit.jsonl:5 edited 5"],
        ),
        (
            |it| it[4] = it[4].replace("allowed", "waved"),
            &["audit.jsonl:5 foreign"],
        ),
        (|it| drop(it.remove(4)), &["audit.jsonl:5 missing 6"]),
        (|it| drop(it.drain(..3)), &["audit.jsonl:1 missing 4"]),
        (|it| it.swap(4, 5), &["audit.jsonl:5 moved 6"]),
        (|it| it.insert(4, "{}".into()), &["audit.jsonl:5 foreign"]),
        (
            |it| it.insert(4, it[2].clone()),
            &["audit.jsonl:5 inserted 3"],
        ),
        (|it| it[4].clear(), &["audit.jsonl:5 foreign"]),
        (
            |it| it[4].push_str("#torn"),
            &["audit.jsonl:5 torn", "audit.jsonl:6 missing 6"],
        ),
        (|it| it.truncate(7), &["audit.jsonl:7 truncated 10"]),
        (
            |it| it.clear(),
            &["audit.jsonl:1 foreign", "audit.jsonl:1 truncated 10"],
        ),
    ];
    for (nth, (tamper, expected)) in cases.into_iter().enumerate() {
        let (_dir, home) = place();
        let head = add(&home, 10);
        let mut all = lines(&open_one(&home));
        tamper(&mut all);
        put(&open_one(&home), &all);
        let report = check(&home, &[head]);
        assert_eq!(found(&report), expected, "case {nth}");
        assert!(!report.is_clean());
        // It can still be written to, and that hides nothing.
        append(&home, &[entry("after")], NOW).unwrap();
        assert!(!check(&home, &[head]).is_clean(), "case {nth}");
    }
}

#[test]
fn what_is_missing_between_files_is_one_finding() {
    let (_dir, home) = place();
    let head = add(&home, 150);
    let all = files(&home);
    assert!(all.len() > 3);
    let first = lines(&all[2])[0].clone();
    fs::remove_file(&all[1]).unwrap();
    let report = check(&home, &[head]);
    let [it] = &report.findings[..] else {
        panic!("{report:?}")
    };
    assert!(matches!(it.what, What::Missing { .. }));
    assert_eq!(
        (it.line, home.dir().join(&it.path)),
        (Some(1), all[2].clone())
    );
    assert!(first.contains(&format!("\"n\":{},", it.n.unwrap())));
}

#[test]
fn a_chain_that_was_made_anew_is_seen_against_what_was_published() {
    let (_dir, home) = place();
    let published = add(&home, 10);
    fs::remove_dir_all(home.audit()).unwrap();
    assert_eq!(
        found(&check(&home, &[published])),
        ["audit.jsonl:0 truncated 10"]
    );
    append(&home, &[entry("another")], NOW).unwrap();
    add(&home, 20);
    assert!(check(&home, &[]).is_clean(), "nobody can know");
    assert_eq!(
        found(&check(&home, &[published])),
        ["audit.jsonl:10 rewritten 10"]
    );
}

#[test]
fn what_a_crash_tore_is_fenced_off_and_is_no_tampering() {
    let (_dir, home) = place();
    add(&home, 3);
    let whole = fs::read(open_one(&home)).unwrap();
    let last = whole.len() - lines(&open_one(&home))[2].len() - 1;
    for cut in [last + 1, last + 200, whole.len() - 1] {
        fs::write(open_one(&home), &whole[..cut]).unwrap();
        let head = append(&home, &[entry("after")], NOW).unwrap();
        assert_eq!(head.n, 3);
        let report = check(&home, &[head]);
        assert_eq!(found(&report), ["audit.jsonl:3 torn"]);
        assert!(report.is_clean());
    }
    let mut zeros = whole.clone();
    zeros.extend([0; 5000]);
    fs::write(open_one(&home), &zeros).unwrap();
    assert_eq!(append(&home, &[entry("after")], NOW).unwrap().n, 4);
    assert_eq!(found(&check(&home, &[])), ["audit.jsonl:4 torn"]);
}

#[test]
fn a_newer_format_is_not_written_behind() {
    let (_dir, home) = place();
    add(&home, 2);
    let mut all = lines(&open_one(&home));
    all.push(r#"{"v":2,"n":3}"#.into());
    put(&open_one(&home), &all);
    assert_eq!(
        append(&home, &[entry("x")], NOW).unwrap_err().kind(),
        Kind::Config
    );
    assert_eq!(lines(&open_one(&home)), all);
    assert_eq!(found(&check(&home, &[])), ["audit.jsonl:3 newer"]);
}

#[test]
fn nothing_is_written_through_a_link() {
    let (dir, home) = place();
    add(&home, 1);
    let outside = dir.path().join("outside");
    fs::rename(open_one(&home), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, open_one(&home)).unwrap();
    let before = fs::read(&outside).unwrap();
    assert_eq!(
        append(&home, &[entry("x")], NOW).unwrap_err().kind(),
        Kind::Refused
    );
    assert_eq!(fs::read(&outside).unwrap(), before);
}

/// Records in two files, and their head.
fn trail() -> (tempfile::TempDir, Home, Head) {
    let (dir, home) = place();
    let head = add(&home, 60);
    assert_eq!(files(&home).len(), 2);
    (dir, home, head)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_edit_of_a_byte_is_found(file in 0usize..2, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (_dir, home, head) = trail();
        let path = &files(&home)[file];
        let mut bytes = fs::read(path).unwrap();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        fs::write(path, bytes).unwrap();
        prop_assert!(!check(&home, &[head]).is_clean());
    }

    #[test]
    fn any_line_that_goes_or_comes_elsewhere_is_found(
        file in 0usize..2, from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), goes in any::<bool>(),
    ) {
        let (_dir, home, head) = trail();
        let path = &files(&home)[file];
        let mut all = lines(path);
        let (from, to) = (from.index(all.len()), to.index(all.len()));
        prop_assume!(goes || from != to);
        let line = all.remove(from);
        if !goes {
            all.insert(to, line);
        }
        put(path, &all);
        let report = check(&home, &[head]);
        prop_assert!(!report.is_clean());
        prop_assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    }

    #[test]
    fn any_truncation_before_what_was_published_is_found(file in 0usize..2, cut in any::<prop::sample::Index>()) {
        let (_dir, home, head) = trail();
        let path = &files(&home)[file];
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..cut.index(bytes.len())]).unwrap();
        prop_assert!(!check(&home, &[head]).is_clean());
        append(&home, &[entry("after")], NOW).unwrap();
        prop_assert!(!check(&home, &[head]).is_clean());
    }
}

const CHILD: &str = "DREAMOS_TEST_AUDIT_CHILD";
const BATCHES: usize = 5;
const BATCH: usize = 8;

/// This program again, as a process of its own that runs the test `appends`.
fn child(home: &Home, by: &[&str]) -> Command {
    let own = std::env::current_exe().unwrap();
    let mut words: Vec<&std::ffi::OsStr> = by.iter().map(std::convert::AsRef::as_ref).collect();
    words.push(own.as_os_str());
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command.args([
        "--exact",
        "security::audit::tests::appends",
        "--nocapture",
        "--test-threads=1",
    ]);
    command
        .env(CHILD, home.dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What `appends` was told that it had recorded.
fn told(out: &[u8]) -> Vec<Head> {
    let out = String::from_utf8_lossy(out);
    let words = out
        .lines()
        .filter_map(|line| line.split_once("head ")?.1.parse().ok());
    words.collect()
}

/// Does nothing unless another test has started it.
#[test]
fn appends() {
    let Some(home) = std::env::var_os(CHILD).map(Home::at) else {
        return;
    };
    for n in 0..BATCHES {
        let batch = vec![entry(&format!("batch {n}")); BATCH];
        match append(&home, &batch, NOW) {
            Ok(head) => println!("head {head}"),
            Err(error) => println!("error {error}"),
        }
    }
}

#[test]
fn eight_processes_at_once_make_one_chain() {
    let (_dir, home) = place();
    let all: Vec<_> = (0..8).map(|_| child(&home, &[]).spawn().unwrap()).collect();
    let mut heads = Vec::new();
    for one in all {
        let done = one.wait_with_output().unwrap();
        assert!(done.status.success());
        heads.extend(told(&done.stdout));
    }
    assert_eq!(heads.len(), 8 * BATCHES);
    let report = check(&home, &heads);
    assert!(report.findings.is_empty(), "{report:?}");
    let count = (8 * BATCHES * BATCH) as u64;
    assert_eq!((report.records, report.head.unwrap().n), (count, count));
    // Batches are not mixed.
    let ends: BTreeSet<u64> = heads.iter().map(|it| it.n).collect();
    assert!(
        ends.iter()
            .copied()
            .eq((1..=count).filter(|n| n % BATCH as u64 == 0))
    );
}

fn has_strace() -> bool {
    let mut strace = Command::new("strace");
    let has = strace.arg("-V").stdout(Stdio::null()).status().is_ok();
    if !has {
        // `scripts/test` counts it; the test harness would swallow what a macro prints.
        std::io::stderr()
            .write_all(b"SKIPPED: needs strace\n")
            .unwrap();
    }
    has
}

#[test]
fn a_kill_before_any_call_breaks_nothing_and_loses_nothing_that_was_told() {
    if !has_strace() {
        return;
    }
    let (_dir, home) = place();
    let mut kills = 0;
    let mut heads = Vec::new();
    for call in [
        "mkdirat",
        "openat2",
        "flock",
        "write",
        "pwrite64",
        "fdatasync",
        "fsync",
        "renameat2",
    ] {
        for when in 1.. {
            let inject = format!("inject={call}:signal=KILL:when={when}");
            let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject];
            let done = child(&home, &strace).output().unwrap();
            heads.extend(told(&done.stdout));
            let report = check(&home, &heads);
            assert!(report.is_clean(), "{inject}: {:?}", report.findings);
            if done.status.success() {
                break;
            }
            kills += 1;
            // Beyond these it does the same again.
            if when > 12 {
                break;
            }
        }
    }
    assert!(kills > 40, "{kills}");
}

#[test]
fn of_what_could_not_be_flushed_nothing_is_recorded() {
    if !has_strace() {
        return;
    }
    let (_dir, home) = place();
    let before = add(&home, 3);
    let bytes = fs::read(open_one(&home)).unwrap();
    let inject = "inject=fdatasync:error=EIO";
    let done = child(
        &home,
        &["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject],
    )
    .output()
    .unwrap();
    assert!(done.status.success());
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(told(&done.stdout), []);
    assert_eq!(out.matches("error can't flush").count(), BATCHES, "{out}");
    assert_eq!(fs::read(open_one(&home)).unwrap(), bytes);
    let after = append(&home, &[entry("after")], NOW).unwrap();
    assert_eq!(after.n, before.n + 1);
    assert!(check(&home, &[before, after]).findings.is_empty());
}

#[test]
fn what_lies_beyond_the_last_flush_is_written_again_before_anything_follows() {
    if !has_strace() {
        return;
    }
    let (_dir, home) = place();
    add(&home, 3);
    let flushed = fs::metadata(open_one(&home)).unwrap().len();
    // Killed at its flush: what it wrote stands there, and nobody knows whether it is on the disk.
    let inject = "inject=fdatasync:signal=KILL:when=1";
    let killed = child(
        &home,
        &["strace", "-f", "-qq", "-o", "/dev/null", "-e", inject],
    );
    assert!(!{ killed }.output().unwrap().status.success());
    let unsure = fs::metadata(open_one(&home)).unwrap().len() - flushed;
    assert!(unsure > 0);
    let log = home.dir().join("calls");
    let calls = [
        "strace",
        "-f",
        "-qq",
        "-e",
        "trace=pwrite64",
        "-o",
        log.to_str().unwrap(),
    ];
    assert!(child(&home, &calls).output().unwrap().status.success());
    let calls = fs::read_to_string(&log).unwrap();
    let again = format!(", {unsure}, {flushed}) = {unsure}");
    assert_eq!(calls.matches(&again).count(), 1, "{calls}");
}

#[test]
fn what_finds_no_room_leaves_nothing() {
    let (_dir, home) = place();
    let head = add(&home, 3);
    let bytes = fs::read(open_one(&home)).unwrap();
    // Room for some of the records, not for all.
    let room = bytes.len() + 1000;
    let script = format!("trap '' XFSZ; exec prlimit --fsize={room} \"$@\"");
    let done = child(&home, &["sh", "-c", &script, "sh"]).output().unwrap();
    let out = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(out.contains("error can't write"), "{out}");
    assert_eq!(fs::read(open_one(&home)).unwrap(), bytes);
    assert_eq!(append(&home, &[entry("after")], NOW).unwrap().n, head.n + 1);
    assert!(check(&home, &[head]).findings.is_empty());
}
