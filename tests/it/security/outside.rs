//! A link or a pipe in the place of each file and of each directory of a used home, and the verbs of all programs: none
//! waits, none reads or changes what lies outside, and what cannot be done is said.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::contract::used_home;
use crate::home::{CELLPHONE, Home, LOGCTL, METRICSD, SECCTL, TASKCTL, run};
use crate::lives::{AGENTCTL, Swarm};
use crate::siege::kills::each;
use crate::siege::place;

/// Nobody waits for a lock here, and nothing is so much.
const LONGEST: Duration = Duration::from_secs(10);

const VERBS: &[(&str, &str)] = &[
    (CELLPHONE, "send agent-1 hello --force --as captain"),
    (CELLPHONE, "inbox agent-1"),
    (CELLPHONE, "inbox agent-3 --all"),
    (CELLPHONE, "next --as agent-1"),
    (CELLPHONE, "ack --all --as agent-1"),
    (CELLPHONE, "prune --as agent-1"),
    (CELLPHONE, "search figure"),
    (CELLPHONE, "doctor"),
    (AGENTCTL, "list"),
    (AGENTCTL, "status agent-1"),
    (AGENTCTL, "logs agent-1"),
    (AGENTCTL, "heartbeat --as agent-1"),
    (AGENTCTL, "devlog agent-1 add hello"),
    (AGENTCTL, "devlog agent-1"),
    (AGENTCTL, "set agent-1 cwd /tmp"),
    (AGENTCTL, "doctor"),
    (TASKCTL, "list"),
    (TASKCTL, "create more --for agent-3"),
    (TASKCTL, "set its name other"),
    (TASKCTL, "run --due"),
    (LOGCTL, "tail -n 1000"),
    (LOGCTL, "stats"),
    (LOGCTL, "write bridge script.deployed"),
    (LOGCTL, "rotate"),
    (METRICSD, "export"),
    (SECCTL, "secret list"),
    (SECCTL, "secret set login"),
    (SECCTL, "keys list"),
    (SECCTL, "keys rotate agent-1"),
    (SECCTL, "token issue agent-1 --out a.token"),
    (SECCTL, "token revoke agent-1"),
    (SECCTL, "audit list"),
    (SECCTL, "audit verify"),
    (SECCTL, "audit anchor"),
    (SECCTL, "check agent-1 mail.send agent-2"),
    (SECCTL, "lint"),
    (AGENTCTL, "stop agent-2 --as agent-1"),
];

#[derive(Clone, Copy, Debug)]
enum Trap {
    Link,
    Pipe,
}

/// One that has seen everything, small enough to be copied often.
fn used() -> (tempfile::TempDir, PathBuf) {
    let place = place();
    let dir = place.path().join("used");
    used_home(&dir);
    // Both kinds of file of the trail, without the megabytes.
    let audit = dir.join("runtime/audit");
    fs::remove_dir_all(&audit).unwrap();
    let refuse = || {
        let mut command = Command::new(CELLPHONE);
        command.args(["inbox", "agent-2", "--as", "agent-1"]);
        assert_eq!(run(command.env("DREAMOS_HOME", &dir), b"").code, 77);
    };
    refuse();
    let open = audit.join("audit.jsonl");
    fs::rename(&open, audit.join("audit.20260101T000000Z-1.jsonl")).unwrap();
    refuse();
    let mut anchor = Command::new(SECCTL);
    anchor.args(["audit", "anchor"]).env("DREAMOS_HOME", &dir);
    assert_eq!(run(&mut anchor, b"").code, 0);
    // Its key is gone.
    fs::remove_dir_all(dir.join("runtime/secrets")).unwrap();
    let mut set = Command::new(SECCTL);
    set.args(["secret", "set", "login"]);
    set.env("DREAMOS_SECRETS_KEY_FILE", dir.join("s.key"));
    assert_eq!(run(set.env("DREAMOS_HOME", &dir), b"x").code, 0);
    (place, dir)
}

/// What lies in a home, one of each kind: two names that differ in numbers alone are of one.
fn targets(home: &Path) -> Vec<String> {
    let mut kinds = BTreeMap::new();
    let mut left = vec![home.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(home).unwrap().to_str().unwrap();
            if path.is_dir() {
                left.push(path.clone());
            }
            kinds.entry(kind(name)).or_insert_with(|| name.to_owned());
        }
    }
    kinds.into_values().collect()
}

/// Without its digits, of whatever base they are.
fn kind(name: &str) -> String {
    let parts = name.split(['/', '.', '-']).map(|part| {
        let is_number = part.bytes().any(|byte| byte.is_ascii_digit())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_hexdigit() || b"TZ".contains(&byte));
        if is_number { "#" } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// When somebody last read or wrote what lies below a directory, and what it is.
fn seen(dir: &Path) -> Vec<(PathBuf, [i64; 4], u32, u64)> {
    let mut found = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let times = [
            meta.atime(),
            meta.atime_nsec(),
            meta.mtime(),
            meta.mtime_nsec(),
        ];
        found.push((path.clone(), times, meta.mode(), meta.len()));
        if meta.is_dir() {
            let parts = fs::read_dir(&path).unwrap();
            left.extend(parts.map(|entry| entry.unwrap().path()));
        }
    }
    found.sort();
    found
}

/// As if nobody had read it since it was written: the next one who does is seen, with the mount options of today.
fn unread(dir: &Path) {
    let mut left = vec![dir.to_owned()];
    let mut all = Vec::new();
    while let Some(path) = left.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            let parts = fs::read_dir(&path).unwrap();
            left.extend(parts.map(|entry| entry.unwrap().path()));
        }
        if !meta.is_symlink() {
            all.push(path);
        }
    }
    let before = FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH);
    for path in all {
        File::open(path).unwrap().set_times(before).unwrap();
    }
}

/// What is wrong with a trap in the place of `target`, in words.
fn try_all(used: &Path, target: &str, trap: Trap) -> Vec<String> {
    let place = place();
    let home = Home::copy_of(used, place);
    let path = home.dir.join(target);
    let outside = home.dir.with_file_name("outside");
    fs::create_dir(&outside).unwrap();
    let moved = outside.join(path.file_name().unwrap());
    fs::rename(&path, &moved).unwrap();
    match trap {
        Trap::Link => symlink(&moved, &path).unwrap(),
        Trap::Pipe => {
            let made = Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
        }
    }
    unread(&outside);
    // Looking itself reads directories.
    seen(&outside);
    let before = seen(&outside);
    let mut wrong = Vec::new();
    for (program, line) in VERBS {
        let mut command = home.command(program);
        command.args(line.split_whitespace());
        command.env("DREAMOS_SECRETS_KEY_FILE", home.dir.join("s.key"));
        let ran = run(&mut command, b"hunter2\n");
        let program = Path::new(program).file_name().unwrap().to_str().unwrap();
        let what = format!("{trap:?} {target}: {program} {line}");
        if ran.took > LONGEST {
            wrong.push(format!("{what}: hangs"));
        }
        let is_said = match ran.code {
            0 => true,
            // An honest no is said on stdout.
            1 => !ran.out.is_empty() || !ran.err.is_empty() || line.starts_with("next"),
            _ => ran.err.contains("error: ") && ran.code < 79,
        };
        if !is_said {
            wrong.push(format!("{what}: {ran:?}"));
        }
        let after = seen(&outside);
        if after != before {
            wrong.push(format!("{what}: touched what lies outside"));
            return wrong;
        }
    }
    wrong
}

#[test]
fn what_lies_outside_of_a_home_is_reached_by_no_link_and_nobody_waits_for_a_pipe() {
    let (_place, used) = used();
    // The positive control: whoever reads is seen.
    let control = used.with_file_name("control");
    fs::create_dir(&control).unwrap();
    fs::write(control.join("file"), "x").unwrap();
    unread(&control);
    seen(&control);
    let before = seen(&control);
    assert_eq!(seen(&control), before);
    fs::read(control.join("file")).unwrap();
    assert_ne!(seen(&control), before, "the file system keeps no times");

    let targets = targets(&used);
    assert!(targets.len() > 60, "{targets:#?}");
    let jobs: Vec<(&String, Trap)> = targets
        .iter()
        .flat_map(|target| {
            let pipe = used.join(target).is_file().then_some(Trap::Pipe);
            [Some(Trap::Link), pipe]
                .into_iter()
                .flatten()
                .map(move |trap| (target, trap))
        })
        .collect();
    let wrong = each(jobs.len(), |n| {
        let (target, trap) = jobs[n];
        let wrong = try_all(&used, target, trap);
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("\n"))
        }
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_link_leads_to_a_supervisor_that_is_none() {
    let swarm = Swarm::new("agent-1:\n  command: 'sleep 1000'");
    swarm.ok(&["start", "agent-1"]);
    let control = swarm.file("agent-1", "control");
    let (aside, outside) = (
        control.with_file_name("aside"),
        swarm.home.dir.join("outside"),
    );
    let listener = UnixListener::bind(&outside).unwrap();
    listener.set_nonblocking(true).unwrap();
    fs::rename(&control, &aside).unwrap();
    symlink(&outside, &control).unwrap();
    for line in [
        &["stop", "agent-1"][..],
        &["restart", "agent-1"],
        &["peek", "agent-1"],
        &["status", "agent-1"],
        &["list"],
    ] {
        let ran = swarm.run(line);
        assert!(ran.took < LONGEST, "{line:?}: {ran:?}");
        let is_said = ran.code == 77 && ran.err.contains("control");
        assert!(
            is_said || !["stop", "restart", "peek"].contains(&line[0]),
            "{line:?}: {ran:?}"
        );
        let came = listener.accept().map(drop).map_err(|error| error.kind());
        assert_eq!(
            came,
            Err(ErrorKind::WouldBlock),
            "{line:?} speaks to somebody else"
        );
    }
    fs::remove_file(&control).unwrap();
    fs::rename(&aside, &control).unwrap();
    swarm.ok(&["stop", "agent-1"]);
}
