//! Disks that are full: what is there can be dealt with, and once there is room again everything works.

use std::fs::File;

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
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

fn a_full_disk_is_worked_off(disk: &Disk) {
    let home = Home::on(disk.root().join("home"));
    batch(
        &home,
        (1..=MESSAGES).map(|n| format!("{n} {}", "x".repeat(1000))),
    );
    let before = home.pending();
    assert_eq!(before.len(), MESSAGES);
    let filler = fill(disk);

    let mut refused = home.try_cellphone(&["send", "agent-1", "no room", "--json"]);
    for n in 0..1000 {
        // What was allocated ahead is used up first.
        if refused.code != Some(0) {
            break;
        }
        let long = format!("{n} {}", "y".repeat(60_000));
        refused = home.try_cellphone(&["send", "agent-1", &long, "--json", "--force"]);
    }
    assert_eq!(refused.code, Some(74), "{refused:?}");
    let pending = home.pending();
    assert_eq!(pending[..MESSAGES], before);

    for n in 1..=ACKS {
        home.cellphone(&["ack", &format!("agent-1/{n}"), "--as", "agent-1"]);
    }
    assert_eq!(home.pending(), pending[ACKS..], "an ack is final");
    let shown = home.shown();
    assert_eq!(
        shown,
        pending[ACKS..ACKS + shown.len()],
        "the face is behind"
    );

    let before = used(disk);
    home.cellphone(&["prune", "--as", "agent-1"]);
    let after = used(disk);
    assert!(
        after < before,
        "prune freed nothing: {before}, {after} are used"
    );
    assert_eq!(home.pending(), pending[ACKS..]);

    std::fs::remove_file(filler).unwrap();
    home.cellphone(&["send", "agent-1", "room again"]);
    home.cellphone(&["prune", "--as", "agent-1"]);
    let mut after = pending[ACKS..].to_vec();
    after.push("room again".into());
    assert_eq!(home.pending(), after);
    home.doctor_has_nothing_to_say();
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
        home.cellphone(&["ack", &format!("agent-1/{n}"), "--as", "agent-1"]);
    }
}

/// Much waits, and much is over: the new journal does not fit beside the old one.
fn a_prune_without_room_gives_nothing_up(disk: &Disk, each: usize) {
    let home = Home::on(disk.root().join("home"));
    home.cellphone(&["send", "agent-1", "long ago"]);
    home.cellphone(&["ack", "--all", "--as", "agent-1"]);
    home.cellphone(&["prune", "--as", "agent-1"]);
    half_is_over(&home, each);
    let pending = home.pending();
    let filler = fill(disk);
    let archive = home.mailbox("agent-1").join("archive");
    let archived = || std::fs::read_dir(&archive).unwrap().count();
    let before = (home.names("agent-1"), archived());
    for _ in 0..2 {
        let ran = home.try_cellphone(&["prune", "--as", "agent-1", "--json"]);
        assert_eq!(ran.code, Some(74), "{ran:?}");
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
    assert_eq!(home.pending(), pending);
    // What the error advises. The ack may prune by itself.
    let full = used(disk);
    home.cellphone(&["ack", "--all", "--as", "agent-1"]);
    home.cellphone(&["prune", "--as", "agent-1"]);
    assert!(used(disk) < full, "prune freed nothing");
    assert_eq!(home.pending(), Vec::<String>::new());
    std::fs::remove_file(filler).unwrap();
    home.cellphone(&["send", "agent-1", "room again"]);
    home.cellphone(&["prune", "--as", "agent-1"]);
    home.doctor_has_nothing_to_say();
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
    let home = Home::on(disk.root().join("home"));
    half_is_over(&home, 50_000);
    for name in ["over", "waits"] {
        let file = home.dir.join(name);
        std::fs::write(&file, name.repeat(500_000)).unwrap();
        home.cellphone(&["send", "agent-1", name, "--file", path(&file)]);
        std::fs::remove_file(&file).unwrap();
    }
    home.cellphone(&["ack", "agent-1/61", "--as", "agent-1"]);
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
    let pending = home.pending();
    let filler = fill(&disk);
    let full = used(&disk);
    home.cellphone(&["prune", "--as", "agent-1"]);
    assert!(used(&disk) < full, "prune freed nothing");
    assert_eq!(home.pending(), pending);
    let left = attached();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(
        std::fs::read_to_string(&left[0])
            .unwrap()
            .starts_with("waits")
    );
    std::fs::remove_file(filler).unwrap();
    home.cellphone(&["prune", "--as", "agent-1"]);
    home.doctor_has_nothing_to_say();
}

#[test]
fn where_no_file_can_be_made_mail_still_comes_and_goes() {
    if !has_privilege() {
        return;
    }
    let disk = Disk::tmpfs("size=8m,nr_inodes=200");
    let home = Home::on(disk.root().join("home"));
    for content in ["one", "two"] {
        home.cellphone(&["send", "agent-1", content]);
    }
    let mut fillers = Vec::new();
    loop {
        let filler = disk.root().join(format!("filler-{}", fillers.len()));
        if File::create(&filler).is_err() {
            break;
        }
        fillers.push(filler);
    }
    home.cellphone(&["send", "agent-1", "three"]);
    assert_eq!(
        home.shown(),
        home.pending(),
        "the ballast makes room for a face"
    );
    home.cellphone(&["ack", "agent-1/1", "--as", "agent-1"]);
    let taken = home.cellphone(&["next", "--as", "agent-1", "--json"]);
    assert_eq!(taken.document()["content"], "two");
    assert_eq!(home.pending(), ["two", "three"]);
    let made = home.try_cellphone(&["send", "agent-2", "a new mailbox"]);
    assert_eq!(made.code, Some(74), "{made:?}");
    for filler in fillers {
        std::fs::remove_file(filler).unwrap();
    }
    home.cellphone(&["send", "agent-2", "a new mailbox"]);
    home.cellphone(&["send", "agent-1", "four"]);
    assert_eq!(home.shown(), ["two", "three", "four"]);
    home.cellphone(&["prune", "--as", "agent-1"]);
    home.doctor_has_nothing_to_say();
}

/// `ulimit -f`: the write is taken in part, the signal that would kill is ignored.
#[test]
fn a_write_that_is_taken_in_part_is_never_told_as_nothing_and_never_half_there() {
    let mut in_part = 0;
    for blocks in 1..24 {
        let home = Home::new();
        home.cellphone(&["send", "agent-1", "one", "--key", "k1"]);
        let size = std::fs::metadata(home.journal()).unwrap().len();
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
        let pending = home.pending();
        assert_eq!(pending[0], "one");
        match ran.code {
            Some(0) => assert_eq!(pending[1..], contents),
            Some(74) => assert_eq!(pending.len(), 1, "{limit} blocks: {ran:?}"),
            Some(75) => assert!(ran.err.contains("unknown"), "{ran:?}"),
            _ => panic!("{limit} blocks: {ran:?}"),
        }
        if ran.code == Some(75) {
            in_part += 1;
            repeated_with_their_keys(&home, &lines, &error_of(&ran));
            continue;
        }
        home.cellphone(&["send", "agent-1", "later"]);
        let all = home.all();
        assert_eq!(all.last().unwrap(), "later");
        assert_eq!(all.len(), pending.len() + 1);
        assert_eq!(home.shown(), home.pending());
    }
    assert!(in_part > 0, "no write was taken in part");
}
