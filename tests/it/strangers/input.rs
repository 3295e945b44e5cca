//! What bad input gets: the row of the issue, and nothing lost by it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::*;
use crate::invariants::sealed;

/// A home in which agent-1 has two messages and the face is settled.
fn with_mail() -> Home {
    let home = Home::new();
    home.ok(&["send", "agent-1", "first"]);
    home.ok(&["send", "agent-1", "second"]);
    home
}

#[test]
fn an_unknown_agent_is_66_with_the_nearest_name_and_no_new_mailbox() {
    let home = with_mail();
    let before = snapshot(&home.mailboxes());
    for (args, hint) in [
        (&["send", "agnet-1", "hi"][..], Some("agent-1")),
        (&["send", "capitan", "hi"], Some("captain")),
        (&["send", "agent-1,agent-77", "hi"], Some("agent-")),
        (&["send", "role:nonesuch", "hi"], None),
        (
            &["broadcast", "hi", "--to", "agent-1,agnet-2"],
            Some("agent-2"),
        ),
        (&["inbox", "agnet-1"], Some("agent-1")),
    ] {
        let done = home.run(args);
        assert_eq!(done.code, 66, "{args:?}: {done:?}");
        if let Some(hint) = hint {
            let said = done.err.split("hint:").nth(1);
            assert!(
                said.is_some_and(|said| said.contains(hint)),
                "{args:?}: {done:?}"
            );
        }
        assert!(!home.mailbox("agnet-1").exists());
    }
    if before != snapshot(&home.mailboxes()) {
        // A broadcast may have reached those whom it knows, nobody else.
        assert!(!home.mailbox("agnet-2").exists());
    }
    home.assert_well("unknown agents");
}

const READERS: [&[&str]; 4] = [
    &["inbox", "agent-1", "--json"],
    &["inbox", "agent-1", "--all", "--json"],
    &["show", "agent-1/1", "--json"],
    &["status", "agent-1/1", "--json"],
];
const WRITERS: [&[&str]; 6] = [
    &["send", "agent-1", "third", "--json"],
    &["next", "--as", "agent-1", "--json"],
    &["ack", "--all", "--as", "agent-1", "--json"],
    &["ack", "agent-1/1", "--as", "agent-1", "--json"],
    &["recall", "agent-1/2", "--json"],
    &["prune", "--as", "agent-1", "--json"],
];

/// A home whose journal's third line is `broken`, its derived files gone, as after a reboot.
fn with_broken_line(broken: impl Fn(&str) -> String) -> Home {
    let home = with_mail();
    let text = std::fs::read_to_string(home.journal("agent-1")).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[2] = broken(&lines[2]);
    std::fs::write(home.journal("agent-1"), lines.join("\n") + "\n").unwrap();
    for derived in [".index", ".keys", ".durable", ".stamp"] {
        std::fs::remove_file(home.mailbox("agent-1").join(derived)).unwrap();
    }
    home
}

#[test]
fn an_unparseable_journal_is_65_with_file_line_and_column_and_stays_as_it_is() {
    type Breakage = (&'static str, fn(&str) -> String);
    let breakages: [Breakage; 5] = [
        ("garbage", |_| "this is no record".into()),
        ("a flipped letter", |line| {
            line.replacen("first", "fIrst", 1)
        }),
        ("cut short, newline kept", |line| {
            line[..line.len() - 40].into()
        }),
        ("deep", |_| "[".repeat(100_000)),
        ("control characters", |_| "\u{1b}[2J\u{7}".into()),
    ];
    for (what, broken) in breakages {
        let home = with_broken_line(broken);
        let before = std::fs::read(home.journal("agent-1")).unwrap();
        for args in READERS.into_iter().chain(WRITERS) {
            let done = home.run(args);
            assert_eq!(done.code, 65, "{what}, {args:?}: {done:?}");
            let told = format!("{}, line 3, column ", home.journal("agent-1").display());
            assert!(done.err.contains(&told), "{what}, {args:?}: {done:?}");
            assert!(!done.err.contains('\u{1b}'), "{what}: {done:?}");
            assert_eq!(
                std::fs::read(home.journal("agent-1")).unwrap(),
                before,
                "{what}, {args:?}"
            );
        }
        assert_eq!(home.run(&["doctor"]).code, 1, "{what}");
    }
}

#[test]
fn a_journal_without_an_opening_record_is_65_and_stays_as_it_is() {
    for bytes in [&b""[..], b"\n", b"{}\n", &[0; 5000], b"\xff\xfe\x00garbage"] {
        let home = with_mail();
        std::fs::write(home.journal("agent-1"), bytes).unwrap();
        for args in READERS.into_iter().chain(WRITERS) {
            let done = home.run(args);
            assert_eq!(done.code, 65, "{args:?}: {done:?}");
            assert!(
                done.err.contains("journal.jsonl, line 1, column 1"),
                "{done:?}"
            );
        }
        assert_eq!(std::fs::read(home.journal("agent-1")).unwrap(), bytes);
    }
    let home = with_mail();
    std::fs::remove_file(home.journal("agent-1")).unwrap();
    for args in READERS.into_iter().chain(WRITERS) {
        let done = home.run(args);
        assert_eq!(done.code, 65, "a journal that is gone, {args:?}: {done:?}");
    }
    assert!(!home.journal("agent-1").exists(), "never a fresh start");
}

fn rejected(home: &Home) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(home.mailbox("agent-1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("inbox.json.rejected-")
        })
        .collect();
    found.sort();
    found
}

fn huge() -> Vec<u8> {
    let mut bytes = vec![b' '; 120 << 20];
    bytes[0] = b'[';
    *bytes.last_mut().unwrap() = b']';
    bytes
}

#[test]
fn an_unreadable_face_is_set_aside_with_a_warning_and_the_verb_goes_on() {
    let faces: [(&str, Vec<u8>, &str); 8] = [
        (
            "no JSON",
            b"[\n  {\"content\": \"x\",]\n".to_vec(),
            "line 2, column 19",
        ),
        ("cut", b"[{\"content\": \"x\"".to_vec(), "line 1, column "),
        ("no array", b"\n\n{\"content\": 5}\n".to_vec(), "line "),
        ("no text", b"\xff\xfe[]".to_vec(), "line 1, column "),
        ("trailing", b"[]\n[]x".to_vec(), "line 2, column "),
        ("deep", "[".repeat(100_000).into_bytes(), "line 1, column "),
        (
            "deep in an entry",
            format!(
                "[{{\"content\":\"x\",\"y\":{}{}}}]",
                "[".repeat(100_000),
                "]".repeat(100_000)
            )
            .into_bytes(),
            "line 1, column ",
        ),
        ("huge", huge(), "larger than 100 MiB"),
    ];
    let verbs: [&[&str]; 4] = [
        &["send", "agent-1", "third", "--json"],
        &["next", "--as", "agent-1", "--json"],
        &["ack", "--all", "--as", "agent-1", "--json"],
        &["prune", "--as", "agent-1", "--json"],
    ];
    for (what, bytes, place) in faces {
        // The huge one takes long to write and to compare.
        let verbs = if what == "huge" { &verbs[..1] } else { &verbs };
        for verb in verbs {
            let home = with_mail();
            std::fs::write(home.mailbox("agent-1").join("inbox.json"), &bytes).unwrap();
            let done = home.run(verb);
            let told: String = done.err.chars().take(600).collect();
            assert_eq!(done.code, 0, "{what}, {verb:?}: {told}");
            assert!(told.contains("inbox.json"), "{what}, {verb:?}: {told}");
            assert!(told.contains(place), "{what}, {verb:?}: {told}");
            let kept = rejected(&home);
            assert_eq!(kept.len(), 1, "{what}, {verb:?}: {kept:?}");
            assert!(
                std::fs::read(&kept[0]).unwrap() == bytes,
                "{what}: kept as found"
            );
            let expected = match verb[0] {
                "send" => 3,
                "ack" => 0,
                _ => 2,
            };
            assert_eq!(home.shown("agent-1").len(), expected, "{what}, {verb:?}");
            // The same again is kept once.
            std::fs::write(home.mailbox("agent-1").join("inbox.json"), &bytes).unwrap();
            home.ok(&["send", "agent-1", "fourth"]);
            assert_eq!(
                rejected(&home).len(),
                1,
                "{what}, {verb:?}: the same bytes again"
            );
            home.assert_well(what);
        }
    }
}

#[test]
fn an_edit_or_an_import_that_cannot_be_read_is_65_and_changes_nothing() {
    let home = with_mail();
    let before = std::fs::read(home.journal("agent-1")).unwrap();
    let texts: [(&str, Vec<u8>); 3] = [
        ("no JSON", b"[ {\"content\": ".to_vec()),
        ("deep", "[".repeat(100_000).into_bytes()),
        ("no text", b"\xff\xff".to_vec()),
    ];
    for (what, text) in texts {
        let bad = home.dir.join("bad.json");
        std::fs::write(&bad, &text).unwrap();
        let editor = format!("cp {}", bad.display());
        let mut edit = home.command(CELLPHONE);
        edit.env("EDITOR", &editor);
        let done = run(edit.args(["edit", "agent-1"]), b"");
        assert_eq!(done.code, 65, "edit, {what}: {done:?}");
        assert!(
            done.err.contains("line 1, column "),
            "edit, {what}: {done:?}"
        );
        let done = home.run(&["import", "bad.json"]);
        assert_eq!(done.code, 65, "import, {what}: {done:?}");
        assert!(done.err.contains("bad.json"), "import, {what}: {done:?}");
        assert_eq!(
            std::fs::read(home.journal("agent-1")).unwrap(),
            before,
            "{what}"
        );
    }
    home.assert_well("bad edits");
}

/// Rewrites the journal line by line; the derived files go, as after a reboot.
fn rewrite(home: &Home, change: impl Fn(&str) -> String) {
    let text = std::fs::read_to_string(home.journal("agent-1")).unwrap();
    let opening: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let salt = u64::from_str_radix(opening["salt"].as_str().unwrap(), 16).unwrap();
    let lines: Vec<String> = text
        .lines()
        .map(|line| sealed(&change(line), salt))
        .collect();
    std::fs::write(home.journal("agent-1"), lines.join("\n") + "\n").unwrap();
    for derived in [".index", ".keys", ".durable", ".stamp"] {
        std::fs::remove_file(home.mailbox("agent-1").join(derived)).unwrap();
    }
}

#[test]
fn a_newer_format_is_read_and_never_written() {
    let home = with_mail();
    rewrite(&home, |line| line.replacen("\"v\":1,", "\"v\":2,", 1));
    let before = std::fs::read(home.journal("agent-1")).unwrap();
    assert!(before.windows(6).any(|bytes| bytes == b"\"v\":2,"));
    for args in READERS {
        let done = home.run(args);
        assert_eq!(done.code, 0, "{args:?}: {done:?}");
        assert!(done.out.contains("first"), "{args:?}: {done:?}");
    }
    for args in WRITERS {
        let done = home.run(args);
        assert_eq!(done.code, 78, "{args:?}: {done:?}");
        assert!(done.err.contains("format 2"), "{args:?}: {done:?}");
    }
    // Whoever reads his own mail has read it, recorded or not.
    for args in [
        &["show", "agent-1/1", "--as", "agent-1"][..],
        &["inbox", "--full", "--as", "agent-1"],
    ] {
        let done = home.run(args);
        assert_eq!(done.code, 0, "{args:?}: {done:?}");
        assert!(done.out.contains("first"), "{args:?}: {done:?}");
        assert!(done.err.contains("format 2"), "{args:?}: {done:?}");
    }
    std::fs::write(home.dir.join("note.txt"), "42").unwrap();
    let done = home.run(&["send", "agent-1", "look", "--file", "note.txt"]);
    assert_eq!(done.code, 78, "{done:?}");
    let files = home.mailbox("agent-1").join("files");
    assert!(!files.exists(), "a file of a message that was refused");
    assert_eq!(std::fs::read(home.journal("agent-1")).unwrap(), before);
}

#[test]
fn an_answer_from_a_mailbox_of_a_newer_format_is_refused_before_it_is_sent() {
    let home = with_mail();
    rewrite(&home, |line| line.replacen("\"v\":1,", "\"v\":2,", 1));
    let reply = ["reply", "agent-1/1", "an answer", "--as", "agent-1"];
    let done = home.run(&reply);
    assert_eq!(done.code, 78, "{done:?}");
    assert!(done.err.contains("format 2"), "{done:?}");
    assert_eq!(home.times("user", "an answer"), 0);
}

#[test]
fn a_content_beyond_a_mebibyte_is_told_to_go_by_file() {
    let home = with_mail();
    let long = "x".repeat((1 << 20) + 1);
    let batch = format!("{{\"content\": \"{long}\"}}\n");
    for (args, input, code) in [
        (&["send", "agent-1", "-"][..], &long, 2),
        (&["send", "agent-1", "--batch", "-"], &batch, 65),
        (&["reply", "agent-1/1", "-", "--as", "agent-1"], &long, 2),
        (&["broadcast", "-"], &long, 2),
    ] {
        let done = home.run_with(args, input.as_bytes());
        assert_eq!(done.code, code, "{args:?}: {done:?}");
        assert!(done.err.contains("--file"), "{args:?}: {done:?}");
    }
    assert_eq!(home.all("agent-1"), ["first", "second"]);
    let done = home.run_with(&["send", "agent-1", "-"], &long.as_bytes()[1..]);
    assert_eq!(done.code, 0, "exactly 1 MiB: {done:?}");
    home.assert_well("long contents");
}

#[test]
fn deep_or_huge_json_is_an_error_and_no_crash() {
    let home = with_mail();
    let deep = "[".repeat(1_000_000);
    let deep_entry = format!(
        "{{\"content\":\"x\",\"metadata\":{}",
        "{\"a\":".repeat(200_000)
    );
    let closed = format!(
        "{{\"content\":\"x\",\"metadata\":{}1{}}}",
        "{\"a\":".repeat(100_000),
        "}".repeat(100_000)
    );
    let huge_number = format!(
        "{{\"content\":\"x\",\"metadata\":{{\"n\":{}}}}}",
        "9".repeat(20 << 20)
    );
    for line in [&deep, &deep_entry, &closed, &huge_number] {
        let before = home.list(&["inbox", "agent-1", "--all"]).len();
        let text = format!("{{\"content\":\"good\"}}\n{line}\n");
        let done = home.run_with(
            &["send", "agent-1", "--batch", "-", "--json"],
            text.as_bytes(),
        );
        let told: String = done.err.chars().take(400).collect();
        assert!(matches!(done.code, 2 | 65), "batch: {} {told}", done.code);
        assert!(
            told.contains("line 2") || told.contains("at most 4 MiB"),
            "{told}"
        );
        assert_eq!(
            home.list(&["inbox", "agent-1", "--all"]).len(),
            before,
            "all or nothing"
        );
    }
    for text in [&deep, &deep_entry] {
        std::fs::write(home.dir.join("deep.json"), text).unwrap();
        let done = home.run(&["import", "deep.json"]);
        let told: String = done.err.chars().take(400).collect();
        assert_eq!(done.code, 65, "import: {told}");
    }
    let meta = format!("k={}", "[".repeat(100_000));
    let done = home.run(&["send", "agent-1", "with meta", "--meta", &meta]);
    assert!(
        matches!(done.code, 0 | 2),
        "{}: {:.400}",
        done.code,
        done.err
    );
    home.ok(&["send", "agent-1", "after all that"]);
    home.assert_well("deep JSON");
}

/// Somebody who holds a lock until he is dropped.
struct Holder(Child);

impl Holder {
    fn of(lock: &Path) -> Self {
        let mut child = std::process::Command::new("flock")
            .arg("--no-fork")
            .arg(lock)
            .args(["sh", "-c", "echo held; exec sleep 60"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut said)
            .unwrap();
        assert_eq!(said, "held\n");
        Self(child)
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        let sent = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a verb of a mailbox in which somebody holds `lock`.
fn against(lock: &str, args: &[&str], stopped: bool) -> (Home, Ran, u32) {
    let home = with_mail();
    home.ok(&["prune", "--as", "agent-1"]);
    let holder = Holder::of(&home.mailbox("agent-1").join(lock));
    if stopped {
        holder.signal("-STOP");
    }
    let began = std::time::Instant::now();
    let done = home.run(args);
    let took = began.elapsed();
    assert!(
        (4..8).contains(&took.as_secs()),
        "one deadline of 5 s: {took:?}"
    );
    let pid = holder.0.id();
    drop(holder);
    (home, done, pid)
}

#[test]
fn a_lock_held_past_the_deadline_is_75_and_names_its_holder() {
    if !has_tool("flock") {
        return;
    }
    let send = &["send", "agent-1", "third", "--json"][..];
    let cases = [
        (".lock", send, true),
        (".lock", &["next", "--as", "agent-1", "--json"], false),
        (".prune.lock", &["prune", "--as", "agent-1", "--json"], true),
    ];
    std::thread::scope(|scope| {
        for (lock, args, stopped) in cases {
            scope.spawn(move || {
                let (home, done, pid) = against(lock, args, stopped);
                assert_eq!(done.code, 75, "{args:?}: {done:?}");
                assert!(
                    done.err.contains(&format!("pid {pid}")),
                    "{args:?}: {done:?}"
                );
                assert_eq!(done.err.contains("stopped"), stopped, "{args:?}: {done:?}");
                assert!(
                    done.err.contains("\"outcome\":\"none\""),
                    "{args:?}: {done:?}"
                );
                assert_eq!(home.all("agent-1"), ["first", "second"]);
                home.ok(send);
                home.assert_well("a held lock");
            });
        }
        scope.spawn(move || {
            let (home, done, pid) = against(".render.lock", send, true);
            assert_eq!(
                done.code, 0,
                "the mail is accepted, the face is late: {done:?}"
            );
            assert!(done.err.contains(&format!("pid {pid}")), "{done:?}");
            assert_eq!(home.times("agent-1", "third"), 1);
            home.ok(&["send", "agent-1", "fourth"]);
            assert_eq!(home.shown("agent-1").len(), 4);
        });
    });
}

#[test]
fn a_clock_that_was_set_back_breaks_neither_order_nor_ids() {
    let home = with_mail();
    // As if both had been sent ten years ahead.
    rewrite(&home, |line| {
        line.replace("\"01", "\"02").replace(":\"2026-", ":\"2096-")
    });
    let future: Vec<String> = home
        .list(&["inbox", "agent-1", "--all"])
        .iter()
        .map(|it| it["id"].to_string())
        .collect();
    assert!(future.iter().all(|id| id.starts_with("\"02")), "{future:?}");
    for text in ["third", "fourth", "fifth"] {
        home.ok(&["send", "agent-1", text]);
    }
    let all = home.list(&["inbox", "agent-1", "--all"]);
    let ids: Vec<&str> = all.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    let seqs: Vec<u64> = all.iter().map(|it| it["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
    for text in ["first", "second", "third", "fourth", "fifth"] {
        let taken = home.ok(&["next", "--as", "agent-1", "--json"]).json();
        assert_eq!(taken["content"], text);
        home.ok(&["ack", taken["id"].as_str().unwrap(), "--as", "agent-1"]);
    }
    home.assert_well("a clock set back");
    home.ok(&["prune", "--as", "agent-1"]);
    let sent = home
        .ok(&["send", "agent-1", "after a prune", "--json"])
        .json();
    assert!(sent["id"].as_str().unwrap() > ids[4], "{sent}");
    assert_eq!(sent["name"], "agent-1/6");
    home.assert_well("a prune after it");
}

/// What `statfs` says of them, as the kernel lays it out.
const NETWORKS: [(&str, &str); 4] = [
    ("NFS", "6969000000000000"),
    ("SMB", "424d53fe00000000"),
    ("CIFS", "424d53ff00000000"),
    ("FUSE", "4655736500000000"),
];

#[test]
fn a_network_file_system_is_told_of_once() {
    if !has_tool("strace") {
        return;
    }
    for (what, magic) in NETWORKS {
        let home = Home::new();
        let on_it = |args: &[&str]| {
            let poke = format!("inject=fstatfs:poke_exit=@arg2={magic}");
            let strace = ["-f", "-qq", "-o", "/dev/null", "-e", &poke, CELLPHONE];
            run(home.command("strace").args(strace).args(args), b"")
        };
        let verbs: [&[&str]; 4] = [
            &["send", "agent-1", "first"],
            &["send", "agent-1", "second"],
            &["send", "agent-2", "third"],
            &["inbox", "agent-1"],
        ];
        for (n, args) in verbs.into_iter().enumerate() {
            let done = on_it(args);
            assert_eq!(done.code, 0, "{what}, {args:?}: {done:?}");
            let told = done.err.matches("network file system").count();
            assert_eq!(told, usize::from(n == 0), "{what}, {args:?}: {done:?}");
        }
        home.assert_well(what);
    }
    let home = Home::new();
    let done = home.ok(&["send", "agent-1", "on a disk of its own"]);
    assert_eq!(done.err, "");
}

#[test]
fn what_no_reader_of_the_journal_could_take_for_a_line_never_gets_into_it() {
    let long = "y".repeat(20 << 20);
    let home = with_mail();
    for line in [
        format!("{{\"content\":\"x\",\"metadata\":{{\"n\":\"{long}\"}}}}\n"),
        format!("{{\"content\":\"x\",\"key\":\"{long}\"}}\n"),
        format!("{{\"content\":\"x\",\"unheard-of\":\"{long}\"}}\n"),
    ] {
        let done = home.run_with(&["send", "agent-1", "--batch", "-"], line.as_bytes());
        assert!(matches!(done.code, 2 | 65), "{:.300}", done.err);
    }
    let whole = home.shown("agent-1");
    let mut edited = whole.clone();
    edited[0]["metadata"]["n"] = long.clone().into();
    let mut lengthened = whole.clone();
    lengthened[0]["content"] = long.clone().into();
    let entry = |field: &str| {
        let mut face = whole.clone();
        face.push(serde_json::json!({"content": "x", "from": "bob", field: long}));
        face
    };
    for (what, face) in [
        ("edited notes", edited),
        ("an edited content", lengthened),
        ("a foreign field", entry("extra")),
        ("a foreign content", entry("content")),
    ] {
        let text = serde_json::to_vec(&face).unwrap();
        let path = home.mailbox("agent-1").join("inbox.json");
        std::fs::write(&path, &text).unwrap();
        let done = home.run(&["send", "agent-1", what, "--json"]);
        assert_eq!(done.code, 0, "{what}: {:.300}", done.err);
        assert!(done.err.contains("inbox.json"), "{what}: {:.300}", done.err);
        let kept = rejected(&home);
        assert_eq!(kept.len(), 1, "{what}");
        assert!(std::fs::read(&kept[0]).unwrap() == text, "{what}");
        std::fs::remove_file(&kept[0]).unwrap();
        assert_eq!(home.times("agent-1", what), 1);
        home.assert_well(what);
    }
    assert_eq!(home.all("agent-1").len(), 6);
}
