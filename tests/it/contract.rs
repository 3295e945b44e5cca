//! `runtime/README.md` is a promise: a used home contains what its table lists, with the promised modes, and
//! nothing else; and every event in its logs is on the closed list.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use dreamos::logs::{self, Which};
use dreamos::names::{AgentId, Caller, Channel};
use dreamos::security::audit::{self, Entry, Verdict};
use dreamos::speech::Queue;
use dreamos::time::Now;

use crate::home::VOICE;
use crate::memory::DREAMSCRIBE;

fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn contract() -> String {
    std::fs::read_to_string(checkout().join("runtime/README.md")).unwrap()
}

fn cellphone(home: &Path, line: &str, input: &str) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cellphone"))
        .args(line.split_whitespace())
        .current_dir(home)
        .env_clear()
        .env("DREAMOS_HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(
        done.status.success(),
        "cellphone {line}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A home in which every kind of file has come to be.
pub(crate) fn used_home(home: &Path) {
    let made = Command::new(checkout().join("scripts/home"))
        .arg(home)
        .output()
        .unwrap();
    assert!(made.status.success());
    dreamos::agents::edit(&dreamos::root::Home::at(home), |_| Ok(())).unwrap();
    std::fs::write(home.join("figure.txt"), "42\n").unwrap();
    cellphone(home, "send agent-1 hello --key once", "");
    cellphone(home, "send agent-1 urgent --mode PRIORITY --as captain", "");
    cellphone(home, "send agent-1 figure --file figure.txt", "");
    cellphone(home, "broadcast everybody", "");
    cellphone(home, "next --as agent-1", "");
    cellphone(home, "ack --all --as agent-1", "");
    cellphone(home, "send agent-2 mistaken", "");
    cellphone(home, "recall agent-2/2", "");
    std::fs::write(
        home.join("runtime/mailbox/agent-2/inbox.json"),
        "[ this is no JSON",
    )
    .unwrap();
    cellphone(home, "send agent-2 again", "");
    let mut many = String::new();
    for n in 0..4 {
        writeln!(
            many,
            "{{\"content\": \"{}\"}}",
            format!("{n}-").repeat(150_000)
        )
        .unwrap();
    }
    cellphone(home, "send agent-3 --batch -", &many);
    cellphone(home, "ack --all --as agent-3", "");
    cellphone(home, "prune --as agent-3", "");
    damaged_and_mended(home);
    far_away(home);
    watched(home);
    renamed_and_gone(home);
    tasks(home);
    refused(home);
    logctl(home, "write bridge script.deployed");
    logctl(home, "write security script.deployed");
    logs(home);
    remembered(home);
    counted(home);
    limited(home);
    spoken(home);
    std::fs::remove_file(home.join("figure.txt")).unwrap();
}

/// Of two kinds, and something that nobody can play.
fn spoken(home: &Path) {
    let mp3 = home.join("sound.mp3");
    std::fs::write(&mp3, b"\xff\xfb\x90\x64").unwrap();
    for args in [["enqueue", "hello"], ["enqueue", "--file=sound.mp3"]] {
        let done = Command::new(VOICE)
            .args(args)
            .current_dir(home)
            .env("DREAMOS_HOME", home)
            .output()
            .unwrap();
        assert!(done.status.success(), "voice {args:?}: {done:?}");
    }
    std::fs::rename(mp3, home.join("runtime/voice_queue/notes.txt")).unwrap();
    // What the bot does with it in a voice channel.
    let queue = Queue::open(&dreamos::root::Home::at(home)).unwrap();
    for it in queue.waiting().unwrap() {
        if queue.read(&it).unwrap().is_none() {
            queue.set_aside(&it).unwrap();
        }
    }
    let kept = home.join("runtime/voice_queue/failed/notes.txt");
    std::fs::set_permissions(kept, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn damaged_and_mended(home: &Path) {
    let mailbox = home.join("runtime/mailbox/agent-4");
    cellphone(home, "send agent-4 whole", "");
    let journal = mailbox.join("journal.jsonl");
    let mut lines = std::fs::read(&journal).unwrap();
    lines.extend_from_slice(b"{\"t\":\"ack\",\"seq\":1,\"sum\":\"0000000000000000\"}\n");
    std::fs::write(&journal, lines).unwrap();
    std::fs::write(mailbox.join("dead.json"), "[ this is no JSON").unwrap();
    let index = mailbox.join(".index");
    std::fs::remove_file(&index).unwrap();
    std::fs::create_dir(&index).unwrap();
    std::fs::set_permissions(&index, std::fs::Permissions::from_mode(0o700)).unwrap();
    cellphone(home, "doctor agent-4 --fix", "");
}

/// An agent that has another name by now, and one that has none any more.
fn renamed_and_gone(home: &Path) {
    agentctl(home, "register agent-5");
    cellphone(home, "send agent-5 hello", "");
    agentctl(home, "rename agent-5 agent-6");
    agentctl(home, "register agent-7");
    cellphone(home, "send agent-7 hello", "");
    agentctl(home, "unregister agent-7 --purge --yes");
}

/// By a policy that counts.
fn limited(home: &Path) {
    let policy =
        "limits: [{rule: chatty, principals: '*', actions: mail.send, at_most: 9, per: 1h}]\n";
    std::fs::write(home.join("config/security/policies.yaml"), policy).unwrap();
    cellphone(home, "send agent-1 counted", "");
    for line in [
        "token issue agent-1 --out a.token",
        "token revoke agent-1",
        "keys make agent-1",
        "keys rotate agent-1",
        "keys import elsewhere.json",
        "secret set login",
        "secret rotate",
        "secret rm login",
        "audit anchor",
    ] {
        if line.starts_with("keys import") {
            let public = home.join("config/security/keys/agent-1.json");
            let public = std::fs::read_to_string(public).unwrap();
            let public = public.replace("\"agent-1\"", "\"elsewhere\"");
            std::fs::write(home.join("elsewhere.json"), public).unwrap();
        }
        assert_eq!(secctl(home, line), Some(0), "secctl {line}");
    }
    let shown = secctl(
        home,
        &format!("keys revoke agent-1 {}", key_of(home, "agent-1")),
    );
    assert_eq!(shown, Some(0));
    touched_by_text_from_outside(home);
    // Somebody edits the trail, is found, and puts it back.
    let trail = home.join("runtime/audit/audit.jsonl");
    let before = std::fs::read_to_string(&trail).unwrap();
    std::fs::write(&trail, before.replacen("refused", "allowed", 1)).unwrap();
    assert_eq!(secctl(home, "audit verify"), Some(1));
    std::fs::write(&trail, before).unwrap();
    assert_eq!(secctl(home, "audit verify"), Some(0));
    fill_the_trail(home);
    for name in ["a.token", "elsewhere.json", "s.key", ".s.key.lock"] {
        std::fs::remove_file(home.join(name)).unwrap();
    }
}

/// Until it is closed and another begun.
fn fill_the_trail(home: &Path) {
    let caller = Caller {
        agent: AgentId::user(),
        incarnation: None,
        uid: 0,
        login: None,
        guest: None,
    };
    let mut entry = Entry::new("script.fills", &caller, "system", Verdict::Allowed);
    entry.detail = vec![("filled".into(), "x".repeat(500)); 16];
    let home = dreamos::root::Home::at(home);
    let many = vec![entry; 1100];
    for _ in 0..3 {
        audit::append(&home, &many, Now::read().wall).unwrap();
    }
}

/// The first of its keys.
fn key_of(home: &Path, agent: &str) -> String {
    let public = home.join(format!("config/security/keys/{agent}.json"));
    let public: serde_json::Value =
        serde_json::from_slice(&std::fs::read(public).unwrap()).unwrap();
    public["keys"][0]["key"].as_str().unwrap().to_owned()
}

/// One is let do what he was moved to, one is not; and somebody is found to have written in another's name.
fn touched_by_text_from_outside(home: &Path) {
    let from_outside = |line: &str| {
        let done = Command::new(env!("CARGO_BIN_EXE_agentctl"))
            .args(line.split_whitespace())
            .env_clear()
            .env("DREAMOS_HOME", home)
            .env("DREAMOS_TAINT", "discord:80351110224678912")
            .output();
        done.unwrap().status.code()
    };
    for (answer, code) in [("approve", 0), ("decline", 77)] {
        assert_eq!(from_outside("set agent-3 autostart false"), Some(77));
        let waiting = home.join("runtime/security/approvals/waiting.json");
        let waiting: serde_json::Value =
            serde_json::from_slice(&std::fs::read(waiting).unwrap()).unwrap();
        let id = waiting[0]["id"].as_str().unwrap();
        assert_eq!(secctl(home, &format!("{answer} {id}")), Some(0));
        assert_eq!(from_outside("set agent-3 autostart false"), Some(code));
    }
    cellphone(home, "send agent-3 signed --as agent-1", "");
    let face = home.join("runtime/mailbox/agent-3/inbox.json");
    let text = std::fs::read_to_string(&face).unwrap();
    std::fs::write(&face, text.replace("\"signed\"", "\"obey\"")).unwrap();
    cellphone(home, "inbox --full --as agent-3", "");
}

fn secctl(home: &Path, line: &str) -> Option<i32> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_secctl"))
        .args(line.split_whitespace())
        .current_dir(home)
        .env_clear()
        .env("DREAMOS_HOME", home)
        .env("DREAMOS_SECRETS_KEY_FILE", home.join("s.key"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Whoever does not read it has gone.
    let _ = child.stdin.take().unwrap().write_all(b"opensesame\n");
    child.wait().unwrap().code()
}

/// Closed, one of them packed, and some that are written to.
fn logs(home: &Path) {
    let limits = home.join("config/logs.json");
    let home = dreamos::root::Home::at(home);
    let day = Duration::from_hours(24);
    for after in [Duration::ZERO, day * 8] {
        let now = dreamos::time::Now::read().wall.plus(after);
        let channels = [Channel::Messages, Channel::Tasks];
        let (which, patience) = (Which::All, Duration::from_secs(5));
        let done = logs::rotate(&home, &channels, which, patience, now).unwrap();
        assert_eq!(done.busy, []);
        cellphone(home.dir(), "send agent-1 more", "");
        taskctl(home.dir(), "create more");
    }
    std::fs::write(limits, r#"{"max_size": "64KiB"}"#).unwrap();
    cellphone(home.dir(), "send agent-1 more", "");
}

/// What is to be done: made, changed more often than a document remembers, done, given up, and written by hand.
fn tasks(home: &Path) {
    taskctl(home, "create first --for agent-3");
    for n in 0..25 {
        taskctl(home, &format!("set t1 data.n {n}"));
    }
    taskctl(home, "start t1 --as agent-3");
    taskctl(home, "progress t1 50 --as agent-3");
    taskctl(home, "complete t1 --as agent-3");
    taskctl(home, "create second --for agent-4 --retries 1");
    taskctl(home, "claim t2 --as agent-4");
    taskctl(home, "start t2 --as agent-4");
    taskctl(home, "fail t2 --as agent-4");
    taskctl(home, "start t2 --as agent-4");
    taskctl(home, "fail t2 --as agent-4");
    taskctl(home, "reopen t2");
    taskctl(home, "assign t2 agent-3");
    taskctl(home, "cancel t2");
    taskctl(home, "create third --for agent-2");
    let document = home.join("config/agent_comms/agent-2.json");
    let text = std::fs::read_to_string(&document).unwrap();
    taskctl(home, "set t3 name one");
    let edited = text.replace("\"third\"", "\"two\"");
    std::fs::write(&document, edited).unwrap();
    taskctl(home, "claim t3 --as agent-2 --start --lease 1ms");
    std::thread::sleep(Duration::from_millis(2));
    taskctl(home, "set t3 name other");
    by_itself(home);
}

/// What agent-1 may not do to others: a verb of each room.
fn refused(home: &Path) {
    taskctl(home, "create its --id its --for agent-2");
    for (program, line) in [
        (env!("CARGO_BIN_EXE_cellphone"), "inbox agent-2"),
        (env!("CARGO_BIN_EXE_agentctl"), "stop agent-2"),
        (env!("CARGO_BIN_EXE_taskctl"), "cancel its"),
        (env!("CARGO_BIN_EXE_logctl"), "rotate"),
        (env!("CARGO_BIN_EXE_secctl"), "token revoke agent-2"),
        (env!("CARGO_BIN_EXE_secctl"), "keys make agent-2"),
        (env!("CARGO_BIN_EXE_secctl"), "audit list"),
    ] {
        let done = Command::new(program)
            .args(line.split_whitespace())
            .args(["--as", "agent-1"])
            .env_clear()
            .env("DREAMOS_HOME", home)
            .output()
            .unwrap();
        assert_eq!(done.status.code(), Some(77), "{program} {line}: {done:?}");
    }
}

/// What was counted, after somebody had spoilt it.
fn counted(home: &Path) {
    let export = || {
        let done = Command::new(env!("CARGO_BIN_EXE_metricsd"))
            .arg("export")
            .env_clear()
            .env("DREAMOS_HOME", home)
            .output()
            .unwrap();
        assert!(done.status.success(), "metricsd export: {done:?}");
    };
    export();
    std::fs::write(home.join("runtime/metrics/fold.json"), "{ no JSON").unwrap();
    export();
}

/// What the original wanted done, and what runs by itself: well, badly, and beside another pass.
fn by_itself(home: &Path) {
    std::fs::write(
        home.join("old.json"),
        r#"{"tasks":[{"id":"old","name":"O"}]}"#,
    )
    .unwrap();
    let old = home.join("old.json");
    taskctl(home, &format!("import {}", old.display()));
    std::fs::remove_file(old).unwrap();
    taskctl(home, "create well --id well --schedule @reboot -- true");
    taskctl(home, "create ill --id ill --shell false");
    let ill = taskctl_ran(home, "run ill");
    assert_eq!(ill.status.code(), Some(1), "{ill:?}");
    taskctl(home, "run --due");
    taskctl(home, "run well");
    let runner = std::fs::File::open(home.join("runtime/tasks/.runner")).unwrap();
    runner.lock().unwrap();
    taskctl(home, "run --due");
}

fn taskctl_ran(home: &Path, line: &str) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_taskctl"))
        .args(line.split_whitespace())
        .env_clear()
        .env("DREAMOS_HOME", home)
        .output()
        .unwrap()
}

fn taskctl(home: &Path, line: &str) {
    let done = taskctl_ran(home, line);
    assert!(done.status.success(), "taskctl {line}: {done:?}");
}

/// With what a crash or a person left of it.
fn remembered(home: &Path) {
    let memories = home.join("runtime/memories");
    dreamscribe(home, "ingest");
    std::fs::write(memories.join("ingest.json"), "{ no JSON").unwrap();
    let days = std::fs::read_dir(memories.join("fragments")).unwrap();
    let day = days.map(|entry| entry.unwrap().path()).max().unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(day).unwrap();
    file.write_all(b"{\"memory_id\":\"half").unwrap();
    dreamscribe(home, "ingest");
    dreamscribe(home, "forget --type devlog --yes");
    dreamscribe(home, "forget --type message --yes");
    dreamscribe(home, "compact");
}

fn dreamscribe(home: &Path, line: &str) {
    let done = Command::new(DREAMSCRIBE)
        .args(line.split_whitespace())
        .env("DREAMOS_HOME", home)
        .output()
        .unwrap();
    assert!(
        matches!(done.status.code(), Some(0 | 1)),
        "dreamscribe {line}: {done:?}"
    );
}

fn logctl(home: &Path, line: &str) {
    let done = Command::new(env!("CARGO_BIN_EXE_logctl"))
        .args(line.split_whitespace())
        .env_clear()
        .env("DREAMOS_HOME", home)
        .output()
        .unwrap();
    assert!(done.status.success(), "logctl {line}: {done:?}");
}

/// A verb that takes the disk for a network file system.
fn far_away(home: &Path) {
    let looked = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e"])
        .arg("inject=fstatfs:poke_exit=@arg2=6969000000000000")
        .args([env!("CARGO_BIN_EXE_cellphone"), "check", "agent-4"])
        .env("DREAMOS_HOME", home)
        .stderr(Stdio::null())
        .status();
    assert!(looked.unwrap().success(), "mail waits for agent-4");
}

/// A watch with a kept cursor, until it has told its first message.
fn watched(home: &Path) {
    let mut watch = Command::new(env!("CARGO_BIN_EXE_cellphone"))
        .args(["watch", "agent-4", "--cursor", "job", "--once", "-v"])
        .env_clear()
        .env("DREAMOS_HOME", home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It follows from now on: whenever that is, one of these comes after it.
    while watch.try_wait().unwrap().is_none() {
        cellphone(home, "send agent-4 more -q", "");
    }
    assert!(watch.wait().unwrap().success());
}

/// An agent that runs and has printed more than one file may hold, as long as this lives.
struct Running<'h>(&'h Path);

impl<'h> Running<'h> {
    fn start(home: &'h Path) -> Self {
        let agents = "version: 1\nagents:\n  agent-1:\n    command: 'seq 1000; sleep 1000'\n    \
                      output: {bytes: 1000, older: 1}\n";
        std::fs::write(home.join("config/agents.yaml"), agents).unwrap();
        let running = Self(home);
        agentctl(home, "start agent-1");
        agentctl(home, "heartbeat --as agent-1");
        agentctl(home, "set agent-1 output.older 2");
        agentctl(home, "devlog agent-1 add begun");
        agentctl(home, "devlog agent-1 clear");
        running
    }
}

fn agentctl(home: &Path, line: &str) {
    let done = Command::new(env!("CARGO_BIN_EXE_agentctl"))
        .args(line.split_whitespace())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("DREAMOS_HOME", home)
        .output()
        .unwrap();
    assert!(done.status.success(), "agentctl {line}: {done:?}");
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        agentctl(self.0, "down --grace 0s");
    }
}

/// The first column of the table, and whether such a file only passes.
fn rows() -> Vec<(String, bool)> {
    contract()
        .lines()
        .filter_map(|line| {
            let (path, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
            let described = path.contains('/') || path.contains('.');
            described.then(|| {
                (
                    path.trim_end_matches('/').to_owned(),
                    rest.starts_with("passing:"),
                )
            })
        })
        .collect()
}

/// Whether `path` is of the shape `row`, in which `<…>` stands for a part of a name.
fn of_shape(row: &str, path: &str) -> bool {
    let mut rest = path;
    let mut row = row;
    while let Some((before, after)) = row.split_once('<') {
        let Some(tail) = rest.strip_prefix(before) else {
            return false;
        };
        row = after.split_once('>').expect("a placeholder is closed").1;
        let next: String = row.chars().take_while(|c| *c != '<').collect();
        let component = tail.split('/').next().unwrap_or_default().len();
        let end = if next.is_empty() {
            component
        } else {
            tail[..].find(&next).unwrap_or(usize::MAX)
        };
        if end == 0 || end > component {
            return false;
        }
        rest = &tail[end..];
    }
    rest == row
}

/// Those of tasks, all of which the used home has seen.
fn task_events(contract: &str) -> impl Iterator<Item = &str> {
    let names = contract.split('`');
    names.filter(|name| name.starts_with("task.") && !name.contains(' '))
}

fn walk(dir: &Path, base: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path
            .strip_prefix(base)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let meta = std::fs::symlink_metadata(&path).unwrap();
        let mode = if meta.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(
            meta.permissions().mode() & 0o777,
            mode,
            "mode of runtime/{name}"
        );
        found.push(name);
        if meta.is_dir() {
            walk(&path, base, found);
        }
    }
}

#[test]
fn a_used_home_holds_what_the_contract_lists_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    used_home(&home);
    crate::discord::used(&home);
    let _running = Running::start(&home);

    let rows = rows();
    let mut found = Vec::new();
    walk(&home.join("runtime"), &home.join("runtime"), &mut found);
    walk(&home.join("config/agent_comms"), &home, &mut found);
    walk(&home.join("config/security/keys"), &home, &mut found);
    let is_parent = |path: &str| {
        rows.iter().any(|(row, _)| {
            let depth = path.split('/').count();
            row.split('/').count() > depth
                && of_shape(
                    &row.split('/').take(depth).collect::<Vec<_>>().join("/"),
                    path,
                )
        })
    };
    let unlisted: Vec<_> = found
        .iter()
        .filter(|path| *path != "README.md" && !is_parent(path))
        .filter(|path| !rows.iter().any(|(row, _)| of_shape(row, path)))
        .collect();
    assert!(
        unlisted.is_empty(),
        "not in runtime/README.md: {unlisted:#?}"
    );
    let absent: Vec<_> = rows
        .iter()
        .filter(|(row, passing)| !passing && !found.iter().any(|path| of_shape(row, path)))
        .collect();
    assert!(
        absent.is_empty(),
        "listed in runtime/README.md, but never written: {absent:#?}"
    );

    let listed = contract();
    let mut events = BTreeSet::new();
    let logs = dreamos::root::Home::at(&home);
    for channel in Channel::ALL {
        let mut reader = logs::Reader::new(&logs, channel, logs::Place::default());
        while let Some(line) = reader.next().unwrap() {
            let entry = logs::Entry::parse(line.bytes()).expect("a log line is an event");
            events.insert(entry.event.into_owned());
        }
    }
    for event in task_events(&listed) {
        assert!(
            events.contains(event),
            "nothing tells of {event}: {events:?}"
        );
    }
    let others = ["mail.sent", "mail.refused", "agent.refused", "log.refused"];
    for event in others {
        assert!(events.contains(event), "{event}: {events:?}");
    }
    for event in events {
        assert!(
            listed.contains(&format!("`{event}`")),
            "{event} is not on the list of events"
        );
    }
}
