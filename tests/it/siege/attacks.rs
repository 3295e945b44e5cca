//! The attacks of the protocol that files and processes alone can show, each against a mailbox in use.
//! Those that need a kill at every call are in `kills.rs`, racing scripts in `foreign.rs`.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Guard, House, script};
use crate::home::has_tool;

fn load(face: &Path) -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(face).unwrap()).unwrap()
}

fn dump(face: &Path, entries: &[Value]) {
    std::fs::write(face, serde_json::to_vec_pretty(entries).unwrap()).unwrap();
}

fn dump_by_rename(face: &Path, entries: &[Value]) {
    let beside = face.with_file_name("inbox.json.tmp");
    dump(&beside, entries);
    std::fs::rename(&beside, face).unwrap();
}

const DUMPS: [fn(&Path, &[Value]); 2] = [dump, dump_by_rename];

fn theirs(content: &str) -> Value {
    json!({"id": content, "from": "user", "content": content})
}

fn many(house: &House, from: usize, to: usize) {
    let lines: Vec<String> = (from..to)
        .map(|n| format!("{{\"content\": \"m-{n}\"}}"))
        .collect();
    let lines = lines.join("\n");
    assert!(
        house
            .batch("send agent-1 --batch -", &lines)
            .status
            .success()
    );
}

fn all_pending_once(house: &House, contents: &[&str]) {
    let truths = house.check_settled();
    for content in contents {
        let them = truths["agent-1"].with_content(content);
        assert!(
            them.len() == 1 && them[0].is_pending(),
            "{content}: {them:?}"
        );
    }
}

#[test]
fn attack_1_a_stale_dump_discards_nothing_that_came_after_its_load() {
    for dump in DUMPS {
        let house = House::new();
        let face = house.face("agent-1");
        many(&house, 0, 256);
        let mut loaded = load(&face);
        assert_eq!(loaded.len(), 256);
        many(&house, 256, 300);
        house.must("send agent-1 urgent --mode PRIORITY --as captain");
        loaded.push(theirs("appended"));
        dump(&face, &loaded);
        house.must("send agent-1 after");
        let truth = house.check_settled().remove("agent-1").unwrap();
        assert_eq!(
            truth.pending().len(),
            303,
            "something was discarded or doubled"
        );
        assert_eq!(truth.with_content("appended").len(), 1);
    }
}

#[test]
fn attack_1_what_an_urgent_message_pushed_out_of_the_window_and_back_is_not_discarded() {
    for dump in DUMPS {
        let house = House::new();
        let face = house.face("agent-1");
        many(&house, 0, 256);
        house.must("send agent-1 urgent --mode PRIORITY --as captain");
        let mut loaded = load(&face);
        assert!(
            !loaded.iter().any(|it| it["content"] == "m-255"),
            "the window moved"
        );
        house.must("ack agent-1/257 --as agent-1");
        assert!(
            load(&face).iter().any(|it| it["content"] == "m-255"),
            "and moved back"
        );
        loaded.push(theirs("appended"));
        dump(&face, &loaded);
        house.must("send agent-1 after");
        let truth = house.check_settled().remove("agent-1").unwrap();
        assert_eq!(truth.pending().len(), 258);
        assert!(truth.with_content("urgent")[0].closed.as_deref() == Some("ack"));
    }
}

#[test]
fn attack_3_a_dump_caught_half_way_is_taken_over_once_it_is_whole() {
    let house = House::new();
    house.must("send agent-1 first");
    let face = house.face("agent-1");
    let mut entries = load(&face);
    entries.push(theirs("late"));
    let text = serde_json::to_string(&entries).unwrap();
    let (half, rest) = text.split_at(text.len() / 2);
    let slow = script(
        &house,
        "slow",
        "#!/bin/bash\nexec 3>\"$1\"\nprintf '%s' \"$2\" >&3\necho half\nread -r go\nprintf '%s' \"$3\" >&3\nexit 0\n",
    );
    let mut child = house
        .command("bash")
        .arg(&slow)
        .arg(&face)
        .args([half, rest])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut say = child.stdin.take().unwrap();
    let mut hear = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut slow = Guard(child);
    super::hear(&mut hear, "half");
    house.must("send agent-1 meanwhile");
    house.must("send agent-1 meanwhile-too");
    super::say(&mut say);
    assert!(slow.0.wait().unwrap().success());
    house.must("send agent-1 after");
    house.must("send agent-1 last");
    all_pending_once(
        &house,
        &[
            "first",
            "late",
            "meanwhile",
            "meanwhile-too",
            "after",
            "last",
        ],
    );
    let set_aside = std::fs::read_dir(house.mailbox("agent-1"))
        .unwrap()
        .any(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_string_lossy()
                .contains("rejected")
        });
    assert!(!set_aside, "it was set aside while it was written");
}

#[test]
fn attack_3_dumps_one_right_after_the_other_are_each_taken_over() {
    let house = House::new();
    house.must("send agent-1 first");
    let face = house.face("agent-1");
    for n in 0..40 {
        let mut entries = load(&face);
        entries.push(theirs(&format!("theirs-{}", 2 * n)));
        dump(&face, &entries);
        entries.push(theirs(&format!("theirs-{}", 2 * n + 1)));
        DUMPS[n % 2](&face, &entries);
        house.must("inbox agent-1");
    }
    let truth = house.check_settled().remove("agent-1").unwrap();
    assert_eq!(truth.pending().len(), 81);
    for n in 0..80 {
        assert_eq!(truth.with_content(&format!("theirs-{n}")).len(), 1, "{n}");
    }
}

/// A verb that sleeps before one of its calls; another overtakes it there.
fn delayed(house: &House, call: &str, nth: usize, verb: &str) -> Guard {
    let inject = format!("inject={call}:delay_enter=700000:when={nth}");
    let child = house
        .command("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e"])
        .arg(format!("trace={call}"))
        .arg("-e")
        .arg(inject)
        .arg(crate::home::CELLPHONE)
        .args(verb.split_whitespace())
        .spawn()
        .unwrap();
    Guard(child)
}

/// Asks without any lock, as a person who looks at the file would.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}");
    }
}

#[test]
fn attack_4_a_sender_that_appended_before_a_compaction_and_flushes_after_it_loses_nothing() {
    if !has_tool("strace") {
        return;
    }
    let house = House::new();
    house.must("send agent-1 done");
    house.must("ack --all --as agent-1");
    let journal = house.journal("agent-1");
    let mut sender = delayed(&house, "fdatasync", 1, "send agent-1 overtaken");
    until("it never appended", || {
        std::fs::read_to_string(&journal)
            .unwrap()
            .contains("overtaken")
    });
    house.must("prune agent-1");
    assert_eq!(sender.0.try_wait().unwrap(), None, "it was not overtaken");
    assert!(sender.0.wait().unwrap().success());
    all_pending_once(&house, &["overtaken"]);
}

#[test]
fn attack_4_what_is_sent_acked_and_edited_while_a_compaction_copies_is_in_the_new_generation() {
    if !has_tool("strace") {
        return;
    }
    let house = House::new();
    for content in ["done", "stays", "acked", "edited", "leased"] {
        house.must(&format!("send agent-1 {content} --key {content}"));
    }
    house.must("ack agent-1/1 --as agent-1");
    let mut prune = delayed(&house, "fdatasync", 1, "prune agent-1");
    until("it never copied", || {
        std::fs::read_dir(house.mailbox("agent-1"))
            .unwrap()
            .any(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with(".journal.")
            })
    });
    house.must("send agent-1 sent --key sent");
    house.must("ack agent-1/3 --as agent-1");
    let face = house.face("agent-1");
    let mut entries = load(&face);
    entries[1]["content"] = "changed".into();
    dump(&face, &entries);
    house.must("next --as agent-1");
    let again = house.json("send agent-1 sent --key sent");
    assert_eq!(again["repeated"], true);
    let again = house.json("send agent-1 done --key done");
    assert_eq!(again["repeated"], true);
    assert_eq!(prune.0.try_wait().unwrap(), None, "it was too quick");
    assert!(prune.0.wait().unwrap().success());
    let truth = house.check_settled().remove("agent-1").unwrap();
    assert_eq!(truth.generation, 2);
    let closed: Vec<u64> = truth
        .mail
        .iter()
        .filter(|(_, it)| !it.is_pending())
        .map(|(seq, _)| *seq)
        .collect();
    assert_eq!(closed, [1, 3]);
    all_pending_once(&house, &["stays", "changed", "leased", "sent"]);
    for key in ["done", "acked", "sent"] {
        assert_eq!(
            house.json(&format!("send agent-1 {key} --key {key}"))["repeated"],
            true,
            "{key}"
        );
    }
}

#[test]
fn attack_4_a_crowd_that_waits_for_the_lock_is_overtaken_by_a_compaction_and_loses_nothing() {
    if !has_tool("flock") {
        return;
    }
    let house = House::new();
    house.must("send agent-1 done");
    house.must("ack --all --as agent-1");
    let mut holder = house
        .command("flock")
        .arg("--no-fork")
        .arg(house.mailbox("agent-1").join(".lock"))
        .args(["sh", "-c", "echo held; read go"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut release = holder.stdin.take().unwrap();
    let mut hear = std::io::BufReader::new(holder.stdout.take().unwrap());
    let _holder = Guard(holder);
    super::hear(&mut hear, "held");
    let crowd: Vec<Guard> = (0..12)
        .map(|n| {
            let verb = if n % 4 == 3 {
                "prune agent-1".to_owned()
            } else {
                format!("send agent-1 crowd-{n}")
            };
            Guard(
                house
                    .cellphone(&verb)
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap(),
            )
        })
        .collect();
    // All of them are in the mailbox, and none can have the lock.
    until("they never came", || {
        crowd.iter().all(|it| {
            let files = std::fs::read_dir(format!("/proc/{}/fd", it.0.id()));
            files.is_ok_and(|mut files| {
                files.any(|file| {
                    file.is_ok_and(|file| {
                        std::fs::read_link(file.path()).is_ok_and(|it| it.ends_with("agent-1"))
                    })
                })
            })
        })
    });
    super::say(&mut release);
    for mut one in crowd {
        assert!(one.0.wait().unwrap().success());
    }
    let truth = house.check_settled().remove("agent-1").unwrap();
    assert_eq!(truth.pending().len(), 9);
}

#[test]
fn attack_8_a_ghost_of_what_was_acked_and_pruned_does_not_come_back() {
    for dump in DUMPS {
        let house = House::new();
        let face = house.face("agent-1");
        house.must("send agent-1 haunting --key haunting");
        house.must("send agent-1 stays");
        let mut loaded = load(&face);
        house.must("ack agent-1/1 --as agent-1");
        house.must("prune agent-1");
        loaded.push(theirs("appended"));
        dump(&face, &loaded);
        house.must("inbox agent-1");
        house.must("prune agent-1");
        // A second time, from a load that is older than two generations.
        dump(&face, &loaded);
        house.must("inbox agent-1");
        let truth = house.check_settled().remove("agent-1").unwrap();
        let contents: Vec<_> = truth
            .pending()
            .iter()
            .map(|it| it.content.clone())
            .collect();
        assert_eq!(contents, ["stays", "appended"]);
        let retried = house.json("send agent-1 haunting --key haunting");
        assert_eq!(
            (&retried["repeated"], &retried["name"]),
            (&json!(true), &json!("agent-1/1"))
        );
        assert_eq!(house.exit("next --as agent-1"), 0);
        house.check_settled();
    }
}

#[test]
fn attack_10_equal_nameless_entries_are_two_messages_and_never_four() {
    for dump in DUMPS {
        let house = House::new();
        let face = house.face("agent-1");
        house.must("send agent-1 first");
        let mut loaded = load(&face);
        loaded.push(json!({"content": "twin"}));
        loaded.push(json!({"content": "twin"}));
        dump(&face, &loaded);
        house.must("inbox agent-1");
        let twins = |house: &House| house.truth("agent-1").with_content("twin").len();
        assert_eq!(twins(&house), 2);
        // The script had loaded before the adoption, and dumps again.
        dump(&face, &loaded);
        house.must("inbox agent-1");
        assert_eq!(twins(&house), 2);
        // It loads what shows them now, and dumps that.
        let shown = load(&face);
        dump(&face, &shown);
        house.must("inbox agent-1");
        assert_eq!(twins(&house), 2);
        // A third of the same words, written later, is a third message.
        let mut third = load(&face);
        third.push(json!({"content": "twin"}));
        dump(&face, &third);
        house.must("inbox agent-1");
        assert_eq!(twins(&house), 3);
        house.check_settled();
    }
}

#[test]
fn attack_13_a_late_ack_does_not_end_the_second_taker_s_lease() {
    let house = House::new();
    house.must("send agent-1 work");
    let first = house.json("next --as agent-1 --lease 20ms");
    let second = house.json("next --as agent-1 --lease 60s --wait --timeout 10s");
    assert_eq!(second["attempts"], 2);
    let token = |taken: &Value| taken["token"].as_str().unwrap().to_owned();
    for verb in ["ack", "nack"] {
        let late = house.run(&format!(
            "{verb} agent-1/1 --as agent-1 --token {}",
            token(&first)
        ));
        assert_eq!(late.status.code(), Some(1), "{verb}: {late:?}");
        let truth = house.truth("agent-1");
        assert!(truth.mail[&1].is_pending());
        assert_eq!(
            house.exit("next --as agent-1"),
            1,
            "it was free again after a late {verb}"
        );
    }
    house.must(&format!(
        "ack agent-1/1 --as agent-1 --token {}",
        token(&second)
    ));
    let again = house.run(&format!(
        "ack agent-1/1 --as agent-1 --token {}",
        token(&second)
    ));
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    house.check_settled();
}

fn in_use() -> House {
    let house = House::new();
    house.must("send agent-1 done --key done");
    house.must("ack agent-1/1 --as agent-1");
    house.must("prune agent-1");
    house.must("send agent-1 leased --key leased");
    house.must("send agent-1 waits --key waits");
    house.must("next --as agent-1 --lease 60s");
    let face = house.face("agent-1");
    let mut entries = load(&face);
    entries.push(theirs("adopted"));
    dump(&face, &entries);
    house.must("inbox agent-1");
    house
}

#[test]
fn attack_16_deleting_what_is_derived_loses_no_mail_no_lease_and_no_key() {
    let derived = [".index", ".keys", ".durable", ".stamp"];
    let before = in_use();
    // Every subset of them.
    for subset in 1_usize..1 << derived.len() {
        let house = before.copy();
        house.must("inbox agent-1");
        let gone: Vec<&str> = (0..derived.len())
            .filter(|n| subset >> n & 1 == 1)
            .map(|n| derived[n])
            .collect();
        for name in &gone {
            std::fs::remove_file(house.mailbox("agent-1").join(name)).unwrap();
        }
        let stale = load(&house.face("agent-1"));
        for key in ["done", "leased", "waits"] {
            let retried = house.json(&format!("send agent-1 {key} --key {key}"));
            assert_eq!(retried["repeated"], true, "{key} without {gone:?}");
        }
        dump(&house.face("agent-1"), &stale);
        house.must("send agent-1 after");
        let truth = house.check_settled().remove("agent-1").unwrap();
        let contents: Vec<_> = truth
            .pending()
            .iter()
            .map(|it| it.content.clone())
            .collect();
        assert_eq!(
            contents,
            ["leased", "waits", "adopted", "after"],
            "without {gone:?}"
        );
        let next = house.json("next --as agent-1");
        assert_eq!(
            next["content"], "waits",
            "the lease is gone without {gone:?}"
        );
    }
}

#[test]
fn attack_16_derived_files_that_vanish_under_eight_senders_lose_nothing() {
    let house = House::new();
    house.must("send agent-1 first");
    let sender = script(
        &house,
        "sender",
        "#!/bin/bash\nfor (( i = 0; i < 40; i++ )); do cellphone send agent-1 ours-$1-$i --quiet --key ours-$1-$i || exit; done\n",
    );
    let mut senders: Vec<Guard> = (0..8)
        .map(|w| {
            Guard(
                house
                    .command("bash")
                    .arg(&sender)
                    .arg(w.to_string())
                    .spawn()
                    .unwrap(),
            )
        })
        .collect();
    let mut dice = super::Dice(16);
    while senders
        .iter_mut()
        .any(|it| it.0.try_wait().unwrap().is_none())
    {
        let name =
            [".index", ".keys", ".durable", ".stamp"][usize::try_from(dice.roll(4)).unwrap()];
        // Deleted just now, or not made again yet.
        let _ = std::fs::remove_file(house.mailbox("agent-1").join(name));
        std::thread::sleep(Duration::from_millis(3 + dice.roll(20)));
    }
    for mut sender in senders {
        assert!(sender.0.wait().unwrap().success());
    }
    house.must("send agent-1 last");
    let truth = house.check_settled().remove("agent-1").unwrap();
    assert_eq!(truth.pending().len(), 8 * 40 + 2);
    for w in 0..8 {
        for i in 0..40 {
            assert_eq!(truth.with_content(&format!("ours-{w}-{i}")).len(), 1);
        }
    }
}

#[test]
fn attack_16_a_deleted_journal_is_corruption_and_never_a_fresh_start() {
    let before = in_use();
    for verb in [
        "send agent-1 hello",
        "next --as agent-1",
        "ack --all --as agent-1",
        "inbox agent-1",
        "prune agent-1",
        "inbox agent-1 --json",
    ] {
        let house = before.copy();
        house.must("inbox agent-1");
        let face = std::fs::read(house.face("agent-1")).unwrap();
        std::fs::remove_file(house.journal("agent-1")).unwrap();
        let done = house.run(verb);
        assert_eq!(done.status.code(), Some(65), "{verb}: {done:?}");
        assert!(
            !house.journal("agent-1").exists(),
            "{verb} made a new journal"
        );
        assert_eq!(
            std::fs::read(house.face("agent-1")).unwrap(),
            face,
            "{verb} changed the face"
        );
    }
}
