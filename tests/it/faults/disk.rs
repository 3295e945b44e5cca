//! A disk that is really full.

use std::fmt::Write as _;

use super::mount::Mount;
use super::*;

const MESSAGES: usize = 450;
const ACKS: usize = 400;

/// Takes all the space there is, to the last byte.
fn fill(dir: &Path) -> PathBuf {
    let path = dir.join("fill");
    let mut file = std::fs::File::create(&path).unwrap();
    for piece in [1 << 20, 4096, 1] {
        while file.write_all(&vec![7; piece]).is_ok() {}
    }
    // The failing write is what was wanted; that its predecessors reach the disk matters where that is lazy.
    let _ = file.sync_all();
    path
}

fn a_full_disk(mount: &Mount, kind: &str) {
    let home = Home::at(&mount.dir.join("home"));
    let mut batch = String::new();
    for n in 0..MESSAGES {
        writeln!(batch, "{{\"content\": \"order {n}\"}}").unwrap();
    }
    let sent = home.run_with(&["send", "agent-1", "--batch", "-"], batch.as_bytes());
    assert_eq!(sent.code, 0, "{kind}: {sent:?}");
    let filler = fill(&mount.dir);

    // Longer than what was reserved behind the journal while there was space.
    let long = "x".repeat(900_000);
    let refused = home.run_with(&["send", "agent-1", "-", "--json"], long.as_bytes());
    assert_eq!(refused.code, 74, "{kind}: {refused:?}");
    assert_eq!(refused.json_error()["code"], 74);
    assert_eq!(
        home.all("agent-1").len(),
        MESSAGES,
        "{kind}: nothing happened"
    );

    let mut closed = 0;
    for n in 1..=ACKS {
        let done = home.run(&["ack", &format!("agent-1/{n}"), "--as", "agent-1", "--json"]);
        assert_eq!(done.code, 0, "{kind}: ack {n} of {ACKS}: {done:?}");
        closed += 1;
    }
    let left = home.run(&["inbox", "agent-1", "--json"]);
    assert_eq!(left.code, 0, "{kind}: {left:?}");
    let left = left.json()["messages"].as_array().unwrap().len();
    assert_eq!(left, MESSAGES - closed, "{kind}");

    let journal = home.mailbox("agent-1").join("journal.jsonl");
    let before = std::fs::metadata(&journal).unwrap().len();
    let pruned = home.run(&["prune", "--as", "agent-1", "--json"]);
    assert_eq!(pruned.code, 0, "{kind}: {pruned:?}");
    let after = std::fs::metadata(&journal).unwrap().len();
    assert!(after < before / 2, "{kind}: {before} bytes became {after}");

    std::fs::remove_file(filler).unwrap();
    let sent = home.ok(&["send", "agent-1", "space again", "--json"]);
    assert_eq!(sent.err, "", "{kind}: nothing needs a restart");
    home.ok(&["prune", "--as", "agent-1"]);
    assert_eq!(home.times("agent-1", "space again"), 1);
    assert_eq!(home.face("agent-1").len(), left + 1, "{kind}");
    home.assert_well(kind);
}

#[test]
fn on_a_full_tmpfs_400_acks_pass_and_prune_frees_space() {
    if let Some(mount) = Mount::tmpfs(4) {
        a_full_disk(&mount, "tmpfs");
    }
}

#[test]
fn on_a_full_ext4_400_acks_pass_and_prune_frees_space() {
    if let Some(mount) = Mount::looped("ext4", 16) {
        a_full_disk(&mount, "ext4");
    }
}
