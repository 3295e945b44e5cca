//! Disks that are full: what is there can be dealt with, and once there is room again everything works.

use std::fs::File;

use std::io::Write as _;

use super::injected::{as_batch, error_of, repeated_with_their_keys};
use super::*;

const MESSAGES: usize = 450;
/// So many acknowledgements must pass on a full disk.
const ACKS: usize = 400;

/// Takes all the room there is.
fn fill(disk: &Disk) -> PathBuf {
    let filler = disk.root().join("filler");
    let mut file = File::create(&filler).unwrap();
    for size in [1 << 20, 64 << 10, 4 << 10, 512, 1] {
        while file.write(&vec![1; size]).is_ok_and(|n| n > 0) && file.sync_data().is_ok() {}
    }
    filler
}

fn used(disk: &Disk) -> u64 {
    let df = Command::new("df")
        .args(["--output=used", "-B1", path(&disk.root())])
        .output()
        .unwrap();
    let text = String::from_utf8(df.stdout).unwrap();
    text.lines().nth(1).unwrap().trim().parse().unwrap()
}

fn batch(home: &Home, contents: impl Iterator<Item = String>) {
    let lines: String = contents
        .map(|content| serde_json::json!({ "content": content }).to_string() + "\n")
        .collect();
    let mut send = home.command(CELLPHONE);
    send.args(["send", "agent-1", "--batch", "-", "--force"]);
    let ran = run(&mut send, lines.as_bytes());
    assert_eq!(ran.code, 0, "{ran:?}");
}

fn a_full_disk_is_worked_off(disk: &Disk) {
    let home = Home::at(disk.root().join("home"));
    batch(
        &home,
        (1..=MESSAGES).map(|n| format!("{n} {}", "x".repeat(1000))),
    );
    let before = home.pending("agent-1");
    assert_eq!(before.len(), MESSAGES);
    let filler = fill(disk);

    let mut refused = home.run(&["send", "agent-1", "no room", "--json"]);
    for n in 0..1000 {
        // What was allocated ahead is used up first.
        if refused.code != 0 {
            break;
        }
        let long = format!("{n} {}", "y".repeat(60_000));
        refused = home.run(&["send", "agent-1", &long, "--json", "--force"]);
    }
    assert_eq!(refused.code, 74, "{refused:?}");
    let pending = home.pending("agent-1");
    assert_eq!(pending[..MESSAGES], before);

    for n in 1..=ACKS {
        home.ok(&["ack", &format!("agent-1/{n}"), "--as", "agent-1"]);
    }
    assert_eq!(home.pending("agent-1"), pending[ACKS..], "an ack is final");
    let shown = home.shown_contents();
    assert_eq!(
        shown,
        pending[ACKS..ACKS + shown.len()],
        "the face is behind"
    );

    let before = used(disk);
    home.ok(&["prune", "--as", "agent-1"]);
    let after = used(disk);
    assert!(
        after < before,
        "prune freed nothing: {before}, {after} are used"
    );
    assert_eq!(home.pending("agent-1"), pending[ACKS..]);

    std::fs::remove_file(filler).unwrap();
    home.ok(&["send", "agent-1", "room again"]);
    home.ok(&["prune", "--as", "agent-1"]);
    let mut after = pending[ACKS..].to_vec();
    after.push("room again".into());
    assert_eq!(home.pending("agent-1"), after);
    home.assert_well("all that");
}

#[test]
fn on_a_full_tmpfs_400_acks_pass_and_prune_frees_space() {
    if has_privilege() {
        a_full_disk_is_worked_off(&Disk::tmpfs("size=4m"));
    }
}

#[test]
fn on_a_full_ext4_400_acks_pass_and_prune_frees_space() {
    if has_privilege() && has_tool("mkfs.ext4") {
        a_full_disk_is_worked_off(&Disk::image("ext4", 24 << 20));
    }
}

/// Sixty messages of so many bytes; half of them are over.
fn half_is_over(home: &Home, each: usize) {
    batch(home, (1..=60).map(|n| format!("{n} {}", "x".repeat(each))));
    for n in 1..=30 {
        home.ok(&["ack", &format!("agent-1/{n}"), "--as", "agent-1"]);
    }
}

/// Much waits, and much is over: the new journal does not fit beside the old one.
fn a_prune_without_room_gives_nothing_up(disk: &Disk, each: usize) {
    let home = Home::at(disk.root().join("home"));
    home.ok(&["send", "agent-1", "long ago"]);
    home.ok(&["ack", "--all", "--as", "agent-1"]);
    home.ok(&["prune", "--as", "agent-1"]);
    half_is_over(&home, each);
    let pending = home.pending("agent-1");
    let filler = fill(disk);
    let archive = home.mailbox("agent-1").join("archive");
    let archived = || std::fs::read_dir(&archive).unwrap().count();
    let before = (home.names("agent-1"), archived());
    for _ in 0..2 {
        let ran = home.run(&["prune", "--as", "agent-1", "--json"]);
        assert_eq!(ran.code, 74, "{ran:?}");
        let told = error_of(&ran);
        let message = told["message"].as_str().unwrap();
        let needed = (each * pending.len()).to_string();
        let digits = needed.len();
        let numbers = message.split(' ').filter(|word| word.len() >= digits);
        let numbers: Vec<u64> = numbers.filter_map(|word| word.parse().ok()).collect();
        let [needs, lacks] = numbers[..] else {
            panic!("it does not say how much: {message}");
        };
        assert!(
            needs > lacks && needs >= needed.parse().unwrap(),
            "{message}"
        );
        let after = (home.names("agent-1"), archived());
        assert_eq!(after, before, "something was given up for nothing");
    }
    assert_eq!(home.pending("agent-1"), pending);
    // What the error advises. The ack may prune by itself.
    let full = used(disk);
    home.ok(&["ack", "--all", "--as", "agent-1"]);
    home.ok(&["prune", "--as", "agent-1"]);
    assert!(used(disk) < full, "prune freed nothing");
    assert_eq!(home.pending("agent-1"), Vec::<String>::new());
    std::fs::remove_file(filler).unwrap();
    home.ok(&["send", "agent-1", "room again"]);
    home.ok(&["prune", "--as", "agent-1"]);
    home.assert_well("all of it");
}

#[test]
fn a_prune_that_finds_no_room_on_tmpfs_says_how_much_it_lacks_and_gives_nothing_up() {
    if has_privilege() {
        a_prune_without_room_gives_nothing_up(&Disk::tmpfs("size=8m"), 50_000);
    }
}

#[test]
fn a_prune_that_finds_no_room_on_ext4_says_how_much_it_lacks_and_gives_nothing_up() {
    if has_privilege() && has_tool("mkfs.ext4") {
        a_prune_without_room_gives_nothing_up(&Disk::image("ext4", 24 << 20), 100_000);
    }
}

#[test]
fn a_full_disk_gets_the_room_of_attachments_that_are_over() {
    if !has_privilege() {
        return;
    }
    let disk = Disk::tmpfs("size=12m");
    let home = Home::at(disk.root().join("home"));
    half_is_over(&home, 50_000);
    for name in ["over", "waits"] {
        let file = home.dir.join(name);
        std::fs::write(&file, name.repeat(500_000)).unwrap();
        home.ok(&["send", "agent-1", name, "--file", path(&file)]);
        std::fs::remove_file(&file).unwrap();
    }
    home.ok(&["ack", "agent-1/61", "--as", "agent-1"]);
    let files = home.mailbox("agent-1").join("files");
    let attached = || -> Vec<PathBuf> {
        let all = std::fs::read_dir(&files).unwrap();
        all.map(|it| it.unwrap().path()).collect()
    };
    assert_eq!(attached().len(), 2);
    let long_ago = std::time::SystemTime::now() - Duration::from_hours(2);
    for file in attached() {
        let file = File::options().write(true).open(file).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    let pending = home.pending("agent-1");
    let filler = fill(&disk);
    let full = used(&disk);
    home.ok(&["prune", "--as", "agent-1"]);
    assert!(used(&disk) < full, "prune freed nothing");
    assert_eq!(home.pending("agent-1"), pending);
    let left = attached();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(
        std::fs::read_to_string(&left[0])
            .unwrap()
            .starts_with("waits")
    );
    std::fs::remove_file(filler).unwrap();
    home.ok(&["prune", "--as", "agent-1"]);
    home.assert_well("all of it");
}

#[test]
fn where_no_file_can_be_made_mail_still_comes_and_goes() {
    if !has_privilege() {
        return;
    }
    let disk = Disk::tmpfs("size=8m,nr_inodes=200");
    let home = Home::at(disk.root().join("home"));
    for content in ["one", "two"] {
        home.ok(&["send", "agent-1", content]);
    }
    let mut fillers = Vec::new();
    loop {
        let filler = disk.root().join(format!("filler-{}", fillers.len()));
        if File::create(&filler).is_err() {
            break;
        }
        fillers.push(filler);
    }
    home.ok(&["send", "agent-1", "three"]);
    assert_eq!(
        home.shown_contents(),
        home.pending("agent-1"),
        "the ballast makes room for a face"
    );
    home.ok(&["ack", "agent-1/1", "--as", "agent-1"]);
    let taken = home.ok(&["next", "--as", "agent-1", "--json"]);
    assert_eq!(taken.json()["content"], "two");
    assert_eq!(home.pending("agent-1"), ["two", "three"]);
    let made = home.run(&["send", "agent-2", "a new mailbox"]);
    assert_eq!(made.code, 74, "{made:?}");
    for filler in fillers {
        std::fs::remove_file(filler).unwrap();
    }
    home.ok(&["send", "agent-2", "a new mailbox"]);
    home.ok(&["send", "agent-1", "four"]);
    assert_eq!(home.shown_contents(), ["two", "three", "four"]);
    home.ok(&["prune", "--as", "agent-1"]);
    home.assert_well("all that");
}

/// `ulimit -f`: the write is taken in part, the signal that would kill is ignored.
#[test]
fn a_write_that_is_taken_in_part_is_never_told_as_nothing_and_never_half_there() {
    let mut in_part = 0;
    for blocks in 1..24 {
        let home = Home::new();
        home.ok(&["send", "agent-1", "one", "--key", "k1"]);
        let size = std::fs::metadata(home.journal("agent-1")).unwrap().len();
        // Lines of some 400 bytes around a limit in blocks of 512.
        let contents: Vec<String> = (0..10)
            .map(|n| format!("{n} {}", "z".repeat(100)))
            .collect();
        let lines: Vec<Value> = contents
            .iter()
            .map(|content| serde_json::json!({ "content": content }))
            .collect();
        let limit = size / 512 + blocks;
        let script = format!("ulimit -f {limit}; exec \"$0\" \"$@\"");
        let mut send = home.command("sh");
        send.args(["-c", &script, CELLPHONE]);
        send.args(["send", "agent-1", "--batch", "-", "--force", "--json"]);
        let ran = run(&mut send, as_batch(&lines).as_bytes());
        let pending = home.pending("agent-1");
        assert_eq!(pending[0], "one");
        match ran.code {
            0 => assert_eq!(pending[1..], contents),
            74 => assert_eq!(pending.len(), 1, "{limit} blocks: {ran:?}"),
            75 => assert!(ran.err.contains("unknown"), "{ran:?}"),
            _ => panic!("{limit} blocks: {ran:?}"),
        }
        if ran.code == 75 {
            in_part += 1;
            repeated_with_their_keys(&home, &lines, &error_of(&ran));
            continue;
        }
        home.ok(&["send", "agent-1", "later"]);
        let all = home.all("agent-1");
        assert_eq!(all.last().unwrap(), "later");
        assert_eq!(all.len(), pending.len() + 1);
        assert_eq!(home.shown_contents(), home.pending("agent-1"));
    }
    assert!(in_part > 0, "no write was taken in part");
}

/// The home on that disk, whose only agent is this one.
fn home_of(disk: &Disk, agent: &str) -> Home {
    let home = Home::at(disk.root().join("home"));
    let yaml = format!("version: 1\nagents:\n  agent-1: {agent}\n");
    std::fs::write(home.dir.join("config/agents.yaml"), yaml).unwrap();
    home
}

fn agentctl(home: &Home, args: &[&str]) -> Ran {
    run(home.command(crate::lives::AGENTCTL).args(args), b"")
}

#[test]
fn a_stop_on_a_full_disk_is_kept_or_said_to_have_failed() {
    if !has_privilege() {
        return;
    }
    let disk = Disk::tmpfs("size=4m");
    let home = home_of(&disk, "{command: [sleep, '1000']}");
    let agentctl = |args: &[&str]| agentctl(&home, args);
    assert_eq!(agentctl(&["start", "agent-1"]).code, 0);
    let filler = fill(&disk);
    let stopped = agentctl(&["stop", "agent-1"]);
    assert!(matches!(stopped.code, 0 | 74), "{stopped:?}");
    let state = || agentctl(&["status", "agent-1", "--json"]);
    std::fs::remove_file(filler).unwrap();
    if stopped.code == 74 {
        // It ended all the same, and said again the stop is kept.
        assert_eq!(agentctl(&["stop", "agent-1"]).code, 0);
    }
    assert_eq!(agentctl(&["up"]).out, "", "a stop was lost");
    assert_eq!(state().json()["state"]["wanted"], "down");
    assert_eq!(agentctl(&["start", "agent-1"]).code, 0);
    assert_eq!(agentctl(&["stop", "agent-1"]).code, 0);
}

#[test]
fn on_a_full_disk_nothing_is_started_of_which_nobody_could_tell() {
    if !has_privilege() {
        return;
    }
    let disk = Disk::tmpfs("size=4m");
    let home = home_of(&disk, "{command: 'touch ran; exec sleep 1000'}");
    let agentctl = |args: &[&str]| agentctl(&home, args);
    assert_eq!(agentctl(&["list"]).code, 0);
    let filler = fill(&disk);
    let started = agentctl(&["start", "agent-1"]);
    assert_eq!(started.code, 74, "{started:?}");
    assert!(started.err.contains("No space left"), "{started:?}");
    assert!(!home.dir.join("ran").exists());
    assert_eq!(agentctl(&["status", "agent-1"]).code, 1);
    std::fs::remove_file(filler).unwrap();
    assert_eq!(agentctl(&["start", "agent-1"]).code, 0);
    assert_eq!(agentctl(&["stop", "agent-1"]).code, 0);
}

#[test]
fn how_an_agent_stands_is_told_right_while_there_is_no_room_to_write_it_down() {
    if !has_privilege() {
        return;
    }
    let disk = Disk::tmpfs("size=4m");
    let home = home_of(
        &disk,
        "{command: [sleep, '1000'], backoff: {initial: 1h, max: 1h}}",
    );
    let agentctl = |args: &[&str]| agentctl(&home, args);
    assert_eq!(agentctl(&["start", "agent-1"]).code, 0);
    let state = || agentctl(&["status", "agent-1", "--json"]).json()["state"].clone();
    let child = state()["child"]["pid"].as_i64().unwrap();
    let filler = fill(&disk);
    crate::lives::signal(i32::try_from(child).unwrap(), "KILL");
    crate::lives::until("in backoff", || state()["state"] == "backoff");
    std::fs::remove_file(filler).unwrap();
    assert_eq!(agentctl(&["stop", "agent-1"]).code, 0);
    assert_eq!(state()["state"], "stopped");
}

#[test]
fn what_ended_on_a_full_disk_is_not_started_anew() {
    if !has_privilege() {
        return;
    }
    let disk = Disk::tmpfs("size=4m");
    let home = home_of(&disk, "{command: 'read line < go; exit 0'}");
    let go = home.dir.join("go");
    assert!(Command::new("mkfifo").arg(&go).status().unwrap().success());
    let agentctl = |args: &[&str]| agentctl(&home, args);
    assert_eq!(agentctl(&["start", "agent-1"]).code, 0);
    let filler = fill(&disk);
    std::fs::write(&go, "line\n").unwrap();
    let state = || agentctl(&["status", "agent-1", "--json"]).json()["state"]["state"].clone();
    crate::lives::until("over", || state() == "exited");
    std::fs::remove_file(filler).unwrap();
    assert_eq!(agentctl(&["list"]).err, "");
    assert_eq!(state(), "exited");
}
