//! The face before the last one, which the next is written over.

use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;

use super::*;

impl Rig {
    fn inode(&self, name: &str) -> Option<u64> {
        std::fs::metadata(self.path(name)).ok().map(|it| it.ino())
    }

    /// Two messages have come in, one after the other: the faces take turns from now on.
    fn with_spare() -> Self {
        let rig = Self::new();
        rig.mail("one");
        rig.mail("two");
        assert!(rig.inode(".spare").is_some());
        rig
    }
}

#[test]
fn two_files_take_turns_while_mail_only_comes_in() {
    let rig = Rig::with_spare();
    let (face, spare) = (rig.inode("inbox.json"), rig.inode(".spare"));
    rig.mail("three");
    assert_eq!(
        (rig.inode("inbox.json"), rig.inode(".spare")),
        (spare, face)
    );
    rig.mail("four");
    assert_eq!(
        (rig.inode("inbox.json"), rig.inode(".spare")),
        (face, spare)
    );
    assert_eq!(rig.seqs_shown(), [1, 2, 3, 4]);
    let passing = |name: &String| name.starts_with(".face-");
    assert!(!rig.names().iter().any(passing), "{:?}", rig.names());
}

#[test]
fn nothing_lies_in_the_spare_that_the_face_does_not_show() {
    let rig = Rig::with_spare();
    assert!(rig.next().is_some());
    assert_eq!(rig.inode(".spare"), None);
    rig.mail("three");
    assert!(rig.text(".spare").contains("\"one\""));
    rig.ack(1).unwrap();
    assert_eq!(rig.inode(".spare"), None);
    rig.mail("four");
    assert!(!rig.text(".spare").contains("\"one\""));
    assert_eq!(rig.seqs_shown(), [2, 3, 4]);
}

#[test]
fn whoever_still_reads_an_old_face_reads_all_of_it() {
    let rig = Rig::with_spare();
    let old = rig.text("inbox.json");
    let mut file = std::fs::File::open(rig.path("inbox.json")).unwrap();
    let mut read = vec![0; 10];
    file.read_exact(&mut read).unwrap();
    for n in 3..8 {
        assert_eq!(rig.mail("more"), n);
    }
    file.read_to_end(&mut read).unwrap();
    assert_eq!(String::from_utf8(read).unwrap(), old);
    assert_eq!(rig.seqs_shown(), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_second_name_of_the_spare_keeps_what_it_says() {
    let rig = Rig::with_spare();
    let old = rig.text(".spare");
    std::fs::hard_link(rig.path(".spare"), rig.path("mine")).unwrap();
    rig.mail("three");
    rig.mail("four");
    assert_eq!(rig.text("mine"), old);
    assert_ne!(rig.inode("mine"), rig.inode("inbox.json"));
    assert_ne!(rig.inode("mine"), rig.inode(".spare"));
    assert_eq!(rig.seqs_shown(), [1, 2, 3, 4]);
}

#[test]
fn a_spare_that_is_not_as_we_left_it_is_not_used() {
    let half: fn(&Rig) = |rig| {
        let text = rig.text(".spare");
        std::fs::write(rig.path(".spare"), &text[..text.len() / 2]).unwrap();
    };
    let gone: fn(&Rig) = |rig| std::fs::remove_file(rig.path(".spare")).unwrap();
    let edited: fn(&Rig) = |rig| {
        std::fs::write(
            rig.path(".spare"),
            "[{\"from\":\"x\",\"content\":\"not mail\"}]",
        )
        .unwrap();
    };
    for harm in [half, gone, edited] {
        let rig = Rig::with_spare();
        harm(&rig);
        rig.mail("three");
        rig.mail("four");
        assert_eq!(rig.seqs_shown(), [1, 2, 3, 4]);
        assert_eq!(rig.pending(), [1, 2, 3, 4]);
        assert_eq!(rig.rejected(), Vec::<String>::new());
        let spare: Vec<Value> = serde_json::from_str(&rig.text(".spare")).unwrap();
        assert_eq!(spare.len(), 3);
    }
}

#[test]
fn an_edit_that_was_displaced_by_the_spare_is_merged() {
    let rig = Rig::with_spare();
    // As if it had been written between the last look and the swap: the stamp is not settled, and the edit lies in
    // the place of the face that was displaced.
    rig.mail("three");
    let mut entries = rig.face();
    entries.push(serde_json::json!({"from": "me", "content": "mine"}));
    let text = serde_json::to_vec_pretty(&entries).unwrap();
    std::fs::write(rig.path(".spare"), text).unwrap();
    let stamp = std::fs::read(rig.path(".stamp")).unwrap();
    std::fs::write(rig.path(".stamp"), unsettled(stamp)).unwrap();
    rig.mail("four");
    let contents: Vec<_> = rig
        .face()
        .iter()
        .map(|it| it["content"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(contents, ["one", "two", "three", "four", "mine"]);
    assert!(!rig.text(".spare").contains("mine"));
}

#[test]
fn the_spare_is_no_edit_where_the_face_is_to_be_made_anew() {
    let rig = Rig::with_spare();
    rig.mail("three");
    let mut entries: Vec<Value> = serde_json::from_str(&rig.text(".spare")).unwrap();
    entries.push(serde_json::json!({"from": "me", "content": "no mail"}));
    let text = serde_json::to_vec_pretty(&entries).unwrap();
    std::fs::write(rig.path(".spare"), text).unwrap();
    doctor::forget_rendering(&rig.mailbox.dir, false).unwrap();
    rig.mail("four");
    assert_eq!(rig.seqs_shown(), [1, 2, 3, 4]);
    assert_eq!(rig.pending(), [1, 2, 3, 4]);
}

/// The newest stamp in these bytes as it was before its swap was over.
fn unsettled(mut bytes: Vec<u8>) -> Vec<u8> {
    let rev = |bytes: &[u8], slot: usize| {
        u64::from_le_bytes(bytes[slot * 256 + 48..][..8].try_into().unwrap())
    };
    let newest = usize::from(rev(&bytes, 1) > rev(&bytes, 0));
    bytes[newest * 256 + 248..][..8].fill(0);
    bytes
}
