//! A home in which somebody put links, pipes and sockets where files belong, and names that point elsewhere.
//! Refused or healed in time; nothing outside the home is touched.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trap {
    LinkOutside,
    Loop,
    Pipe,
    Socket,
    Directory,
    HardLink,
    /// Only root makes those.
    Device,
}

const TRAPS: [Trap; 6] = [
    Trap::LinkOutside,
    Trap::Loop,
    Trap::Pipe,
    Trap::Socket,
    Trap::Directory,
    Trap::HardLink,
];

/// What must not change.
const OUTSIDE: &[u8] = b"[]\nsomebody else's\n";

/// Puts a trap where `path` was; `outside` is a directory beside the home with one file in it.
fn set(trap: Trap, path: &Path, outside: &Path) {
    if std::fs::symlink_metadata(path).is_ok_and(|it| it.is_dir()) {
        std::fs::remove_dir_all(path).unwrap();
    } else {
        // Not all of them exist before the first use.
        let _ = std::fs::remove_file(path);
    }
    let file = outside.join("file");
    match trap {
        Trap::LinkOutside => symlink(&file, path).unwrap(),
        Trap::Loop => symlink(path.file_name().unwrap(), path).unwrap(),
        Trap::Pipe => {
            let made = Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        }
        Trap::Socket => drop(UnixListener::bind(path).unwrap()),
        Trap::Directory => {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join("inside"), "x").unwrap();
        }
        Trap::HardLink => std::fs::hard_link(&file, path).unwrap(),
        Trap::Device => {
            let mut mknod = Command::new("mknod");
            let made = mknod.arg(path).args(["c", "1", "3"]).status().unwrap();
            assert!(made.success());
        }
    }
}

fn with_mail(place: &Path) -> (Home, PathBuf) {
    let home = Home::at(place.join("home"));
    home.ok(&["send", "agent-1", "first"]);
    home.ok(&["send", "agent-1", "second", "--key", "k"]);
    home.ok(&["send", "agent-1", "over"]);
    home.ok(&["ack", "agent-1/3", "--as", "agent-1"]);
    let outside = place.join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("file"), OUTSIDE).unwrap();
    std::fs::write(home.dir.join("note.txt"), "42\n").unwrap();
    (home, outside)
}

const VERBS: [&[&str]; 6] = [
    &["send", "agent-1", "third", "--file", "note.txt", "--json"],
    &["inbox", "agent-1", "--json"],
    &["next", "--as", "agent-1", "--json"],
    &["ack", "--all", "--as", "agent-1", "--json"],
    &["prune", "--as", "agent-1", "--json"],
    &["doctor", "--json"],
];

/// What a verb may do about a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// 77, naming the path, and nothing happens.
    Refuse,
    /// As usual, or 77: it is not needed by every verb.
    RefuseOrGoOn,
}

/// Every trap in the place of one file, and every verb; what is wrong then, in words.
fn try_all(target: &str, then: Then, traps: &[Trap]) -> Vec<String> {
    let mut wrong = Vec::new();
    for &trap in traps {
        // A directory is what those are.
        if trap == Trap::Directory && ["files", "archive"].contains(&target) {
            continue;
        }
        let place = tempfile::tempdir().unwrap();
        let (home, outside) = with_mail(place.path());
        let path = home.mailbox("agent-1").join(target);
        set(trap, &path, &outside);
        let before = snapshot(&outside);
        for args in VERBS {
            let began = std::time::Instant::now();
            let done = home.run(args);
            let what = format!("{target} {trap:?} {}", args[0]);
            if began.elapsed().as_secs() >= 10 {
                wrong.push(format!("{what}: hangs"));
            }
            let doctor = args[0] == "doctor";
            let fine = match done.code {
                0 => doctor || then == Then::RefuseOrGoOn,
                77 => {
                    let by_hand = ["journal.jsonl", "files", "archive"].contains(&target);
                    done.err.contains(target) && (by_hand || done.err.contains("doctor --fix"))
                }
                1 => doctor,
                _ => false,
            };
            if !fine {
                wrong.push(format!("{what}: {done:?}"));
            }
            if snapshot(&outside) != before {
                wrong.push(format!("{what}: touched what lies outside"));
            }
        }
        // Out of the way, everything is there and goes on.
        wrong.extend(out_of_the_way(&home, target, trap, place.path()));
        if snapshot(&outside) != before {
            wrong.push(format!(
                "{target} {trap:?}: mending touched what lies outside"
            ));
        }
        if target != "journal.jsonl" {
            let all = home.run(&["inbox", "agent-1", "--all", "--json"]);
            for text in ["first", "second"] {
                if all.code == 0 && !all.out.contains(text) {
                    wrong.push(format!("{target} {trap:?}: {text} is lost: {all:?}"));
                }
            }
        }
    }
    wrong
}

fn is_trap(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::symlink_metadata(path).is_ok_and(|it| !it.is_file() || it.nlink() > 1)
}

/// Has the trap renamed, or where that is for a person to do moves it away; what does not work then, in words.
fn out_of_the_way(home: &Home, target: &str, trap: Trap, place: &Path) -> Vec<String> {
    let mut wrong = Vec::new();
    let path = home.mailbox("agent-1").join(target);
    // That nobody holds a lock any more that lay there before takes 5 s to be sure of: once is enough.
    let takes_long = target.ends_with("lock") && trap != Trap::LinkOutside;
    let by_hand = ["files", "archive"].contains(&target) || takes_long;
    if target == "journal.jsonl" {
        home.run(&["doctor", "--fix"]);
        if !is_trap(&path) {
            wrong.push(format!("{target} {trap:?}: the truth was touched"));
        }
        return wrong;
    }
    if !is_trap(&path) {
        // Healed.
    } else if by_hand {
        std::fs::rename(&path, place.join("moved")).unwrap();
    } else {
        let kind = |path: &Path| std::fs::symlink_metadata(path).unwrap().file_type();
        let before = kind(&path);
        let done = home.run(&["doctor", "--fix"]);
        if done.code != 0 {
            wrong.push(format!("{target} {trap:?}, doctor --fix: {done:?}"));
        }
        let prefix = format!("not-plain-{}-", target.trim_start_matches('.'));
        let kept = std::fs::read_dir(home.mailbox("agent-1"))
            .unwrap()
            .map(|it| it.unwrap().path())
            .find(|it| {
                it.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with(&prefix)
            });
        if kept.is_none_or(|kept| kind(&kept) != before) {
            wrong.push(format!("{target} {trap:?} is not kept"));
        }
    }
    // A prune that was refused half-way is taken up again by the next one.
    for args in [
        &["send", "agent-1", "later", "--json"][..],
        &["prune", "--as", "agent-1"],
        &["doctor"],
    ] {
        let done = home.run(args);
        if done.code != 0 {
            wrong.push(format!(
                "{target} {trap:?}, out of the way, {args:?}: {done:?}"
            ));
        }
    }
    wrong
}

/// These traps in the place of every file.
fn everywhere(traps: &[Trap]) {
    let targets = [
        ("journal.jsonl", Then::Refuse),
        (".lock", Then::RefuseOrGoOn),
        ("inbox.json", Then::RefuseOrGoOn),
        (".index", Then::RefuseOrGoOn),
        (".keys", Then::RefuseOrGoOn),
        (".stamp", Then::RefuseOrGoOn),
        (".durable", Then::RefuseOrGoOn),
        (".spare", Then::RefuseOrGoOn),
        (".render.lock", Then::RefuseOrGoOn),
        (".prune.lock", Then::RefuseOrGoOn),
        (".ballast", Then::RefuseOrGoOn),
        ("dead.json", Then::RefuseOrGoOn),
        ("files", Then::RefuseOrGoOn),
        ("archive", Then::RefuseOrGoOn),
        ("inbox.json.rejected-20260101T000000Z", Then::RefuseOrGoOn),
        (".face-0123456789abcdef", Then::RefuseOrGoOn),
        (".displaced-0123456789abcdef", Then::RefuseOrGoOn),
        (".journal.2.0123456789abcdef", Then::RefuseOrGoOn),
    ];
    let wrong = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for (target, then) in targets {
            let wrong = &wrong;
            scope.spawn(move || {
                let found = try_all(target, then, traps);
                wrong.lock().unwrap().extend(found);
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_is_no_plain_file_is_refused_in_time_and_nothing_outside_is_touched() {
    everywhere(&TRAPS);
}

#[test]
fn a_device_is_refused_in_time() {
    let place = tempfile::tempdir().unwrap();
    let probe = place.path().join("probe");
    let made = Command::new("mknod")
        .arg(&probe)
        .args(["c", "1", "3"])
        .output()
        .unwrap();
    if made.status.success() {
        everywhere(&[Trap::Device]);
    } else {
        skipped("mknod, which root may do");
    }
}

#[test]
fn a_mailbox_or_the_directory_of_all_behind_a_link_is_refused() {
    let mut wrong = Vec::new();
    for target in [
        "runtime/mailbox/agent-1",
        "runtime/mailbox",
        "runtime/logs",
        "runtime/cache",
    ] {
        for trap in TRAPS {
            if trap == Trap::Directory || (trap == Trap::HardLink && target == "runtime") {
                continue;
            }
            let place = tempfile::tempdir().unwrap();
            let (home, outside) = with_mail(place.path());
            let path = home.dir.join(target);
            set(trap, &path, &outside);
            if trap == Trap::LinkOutside {
                std::fs::remove_file(&path).unwrap();
                symlink(&outside, &path).unwrap();
            }
            let before = snapshot(&outside);
            for args in VERBS {
                let began = std::time::Instant::now();
                let done = home.run(args);
                let what = format!("{target} {trap:?} {}", args[0]);
                if began.elapsed().as_secs() >= 10 {
                    wrong.push(format!("{what}: hangs"));
                }
                // What is only said beside the mail stops no mail.
                let beside = target.ends_with("logs") || target.ends_with("cache");
                let fine = match done.code {
                    0 => beside,
                    1 => args[0] == "doctor" || beside && args[0] == "next",
                    74 | 77 | 78 => true,
                    _ => false,
                };
                if !fine {
                    wrong.push(format!("{what}: {done:?}"));
                }
                if snapshot(&outside) != before {
                    wrong.push(format!("{what}: touched what lies outside"));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_name_that_is_a_path_reaches_nothing_outside_the_home() {
    let place = tempfile::tempdir().unwrap();
    let (home, _) = with_mail(place.path());
    let beside = snapshot(place.path());
    let outside = |found: Vec<(PathBuf, Option<Vec<u8>>)>| -> Vec<(PathBuf, Option<Vec<u8>>)> {
        found
            .into_iter()
            .filter(|(path, _)| !path.starts_with(&home.dir))
            .collect()
    };
    let beside = outside(beside);
    let long = "a".repeat(5000);
    let names = [
        "../x",
        "../../outside",
        "agent-1/../../etc",
        "/etc/passwd",
        "agent-1/",
        "a\nb",
        ".",
        "..",
        "",
        ".new-0123456789abcdef",
        "-",
        "\u{202e}agent-1",
        &long,
    ];
    for name in names {
        let key = format!("key-of-{name}");
        let address = format!("{name}/1");
        let attacks: [(&[&str], bool); 9] = [
            (&["send", "--create", "--", name, "hi"], false),
            (&["send", name, "hi", "--create"], false),
            (&["inbox", name], false),
            (&["next", "--as", name], false),
            (&["edit", name, "--no-input"], false),
            (&["show", &address], false),
            (&["ack", &address, "--as", "agent-1"], false),
            (&["restore", &address], false),
            // A key is a text, not a name.
            (&["send", "agent-1", &key, "--key", &key, "--force"], true),
        ];
        for (args, may_pass) in attacks {
            let done = home.run(args);
            let shown: Vec<String> = args
                .iter()
                .map(|it| it.chars().take(40).collect())
                .collect();
            // An empty name is none: then it is the caller himself who is asked about.
            let own = name.is_empty() && done.code < 3;
            let fine = own || matches!(done.code, 2 | 66 | 77) || (may_pass && done.code == 0);
            assert!(fine, "{shown:?}: {} {:.300}", done.code, done.err);
            assert!(!done.err.contains('\u{202e}'), "{:.300}", done.err);
        }
    }
    let mut mailboxes: Vec<String> = std::fs::read_dir(home.mailboxes())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    mailboxes.retain(|name| !["agent-1", "user"].contains(&name.as_str()));
    assert!(mailboxes.is_empty(), "{mailboxes:?}");
    assert!(
        outside(snapshot(place.path())) == beside,
        "something outside was touched"
    );
    home.assert_well("names that are paths");
}

#[test]
fn an_attachment_that_is_no_file_of_ones_own_is_refused_in_time() {
    let place = tempfile::tempdir().unwrap();
    let (home, outside) = with_mail(place.path());
    let before = snapshot(&outside);
    for trap in [Trap::Loop, Trap::Pipe, Trap::Socket, Trap::Directory] {
        let path = home.dir.join("attached");
        set(trap, &path, &outside);
        let done = home.run(&["send", "agent-1", "look", "--file", "attached"]);
        assert!(matches!(done.code, 2 | 66 | 74 | 77), "{trap:?}: {done:?}");
        assert!(done.err.contains("attached"), "{trap:?}: {done:?}");
    }
    for path in ["/dev/zero", "/dev/tty", "nonesuch", ""] {
        let done = home.run(&["send", "agent-1", "look", "--file", path]);
        assert!(matches!(done.code, 2 | 66 | 74 | 77), "{path}: {done:?}");
    }
    assert!(snapshot(&outside) == before);
    assert_eq!(home.times("agent-1", "look"), 0);
    home.assert_well("attachments that are none");
}

/// Root reads everything: somebody else must try.
#[test]
fn a_file_that_may_not_be_read_is_refused_and_its_mail_is_there_once_it_may() {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    const NOBODY: u32 = 65534;
    let place = tempfile::tempdir().unwrap();
    if chown(place.path(), Some(NOBODY), Some(NOBODY)).is_err() {
        skipped("root, to be somebody else");
        return;
    }
    if !has_tool("setpriv") {
        return;
    }
    let (home, _) = with_mail(place.path());
    let program = place.path().join("cellphone");
    std::fs::copy(CELLPHONE, &program).unwrap();
    let all = format!("{NOBODY}:{NOBODY}");
    let owned = Command::new("chown")
        .args(["-R", &all])
        .arg(place.path())
        .status()
        .unwrap();
    assert!(owned.success());
    let run_as_nobody = |args: &[&str]| {
        let id = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
        let mut command = home.command("setpriv");
        command
            .args(id)
            .arg("--clear-groups")
            .arg(&program)
            .args(args);
        run(&mut command, b"")
    };
    for target in [
        "journal.jsonl",
        "inbox.json",
        ".lock",
        ".index",
        ".keys",
        ".stamp",
        ".durable",
        "dead.json",
        "",
    ] {
        let path = home.mailbox("agent-1").join(target);
        if !path.exists() {
            continue;
        }
        let mode = std::fs::metadata(&path).unwrap().permissions();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o0)).unwrap();
        for args in [
            &["send", "agent-1", "unread"][..],
            &["inbox", "agent-1"],
            &["ack", "agent-1/1", "--as", "agent-1"],
        ] {
            let done = run_as_nobody(args);
            assert!(matches!(done.code, 0 | 74), "{target}, {args:?}: {done:?}");
            assert!(done.code == 0 || done.err.contains("denied"), "{done:?}");
            let must = ["journal.jsonl", ".lock", ""].contains(&target);
            assert!(!must || done.code == 74, "{target}, {args:?}: {done:?}");
        }
        // A face in its place, where there was none to be read, is not locked away.
        if let Ok(now) = std::fs::metadata(&path)
            && now.permissions().mode().trailing_zeros() >= 9
        {
            std::fs::set_permissions(&path, mode).unwrap();
        }
        let done = run_as_nobody(&["inbox", "agent-1", "--all", "--json"]);
        assert_eq!(done.code, 0, "{target}: {done:?}");
        for text in ["first", "second", "over"] {
            assert!(done.out.contains(text), "{target}: {text} is lost");
        }
        let done = run_as_nobody(&["send", "agent-1", "later", "--force"]);
        assert_eq!(done.code, 0, "{target}: {done:?}");
    }
}
