//! What people and scripts write into `inbox.json`, and what comes of it.

use std::fs::File;
use std::time::SystemTime;

use serde_json::json;

use super::*;

fn warnings(rig: &Rig) -> Vec<String> {
    rig.mailbox
        .inbox(&me(), Which::Pending, rig.now)
        .unwrap()
        .warnings
}

impl Rig {
    fn three() -> Self {
        let rig = Self::new();
        for content in ["a", "b", "c"] {
            rig.mail(content);
        }
        rig
    }

    /// Overwrites the face with bytes, as if that happened so long after the clock of this test.
    fn overwrite(&self, bytes: &[u8], after: Duration) {
        std::fs::write(self.path("inbox.json"), bytes).unwrap();
        let wall = Duration::from_millis(u64::try_from(self.now.wall.unix_ms()).unwrap());
        let face = File::options()
            .write(true)
            .open(self.path("inbox.json"))
            .unwrap();
        face.set_modified(SystemTime::UNIX_EPOCH + wall + after)
            .unwrap();
    }

    fn dead(&self) -> Vec<(u64, String)> {
        let dead: Vec<Value> = serde_json::from_str(&self.text("dead.json")).unwrap();
        let of = |entry: &Value| {
            (
                entry["seq"].as_u64().unwrap(),
                entry["why"].as_str().unwrap().into(),
            )
        };
        dead.iter().map(of).collect()
    }
}

#[test]
fn an_edit_is_taken_over_and_the_message_stays_the_same() {
    let rig = Rig::three();
    let mut face = rig.face();
    face[1]["content"] = json!("b, but \"better\"\nin two lines");
    face[1]["metadata"] = json!({"deep": {"list": [1, 2.50, "x"]}});
    face[1]["colour"] = json!({"new": ["field"]});
    face[2]["mode"] = json!("PRIORITY");
    let id = rig.message(2).id;
    rig.dump(&face);
    assert_eq!(rig.pending(), [3, 1, 2], "the mode decides the order");
    let edited = rig.message(2);
    assert_eq!(
        (edited.id, edited.content.as_str()),
        (id, "b, but \"better\"\nin two lines")
    );
    assert_eq!(
        edited.metadata.to_map()["deep"],
        json!({"list": [1, 2.50, "x"]})
    );
    assert_eq!(edited.extra["colour"], json!({"new": ["field"]}));
    assert_eq!(rig.seqs_shown(), [3, 1, 2]);
    assert_eq!(rig.steps(2), ["queued", "edited"]);
    std::fs::remove_file(rig.path(".index")).unwrap();
    assert_eq!(rig.message(2), edited, "the journal holds it");
    rig.prune();
    assert_eq!(rig.message(2), edited);
    assert_eq!(rig.inbox(Which::All)[1], edited);
}

#[test]
fn a_number_of_any_size_is_kept_in_a_field_that_nobody_knows() {
    let rig = Rig::new();
    let numbers = r#"{"a": 123456789012345678901234567890, "b": -9223372036854775809, "c": 1e400, "d": 0.10}"#;
    let numbers: serde_json::Map<String, Value> = serde_json::from_str(numbers).unwrap();
    let mut sent = draft("numbers");
    sent.extra.clone_from(&numbers);
    sent.metadata.clone_from(&numbers);
    rig.send(sent);
    let mut face = rig.face();
    face[0]["content"] = json!("numbers, edited");
    face[0]["e"] = numbers["a"].clone();
    rig.dump(&face);
    let message = rig.message(1);
    assert_eq!(message.content, "numbers, edited");
    let mut expected = numbers.clone();
    expected.insert("e".into(), numbers["a"].clone());
    let digits = |map: &serde_json::Map<String, Value>| Value::from(map.clone()).to_string();
    assert_eq!(digits(&message.extra), digits(&expected));
    assert_eq!(digits(&message.metadata.to_map()), digits(&numbers));
}

#[test]
fn names_that_the_parser_keeps_for_itself_harm_nobody() {
    for name in ["Number", "RawValue"] {
        let reserved = format!(r#"{{"$serde_json::private::{name}":"[x"}}"#);
        for entry in [
            format!(r#"{{"content":"theirs","id":"1","x":{reserved}}}"#),
            format!(r#"{{"content":"theirs","id":"1","metadata":{reserved}}}"#),
            format!(r#"{{"content":"theirs","id":"1",{}"#, &reserved[1..]),
        ] {
            let rig = Rig::three();
            let face = rig.text("inbox.json");
            std::fs::write(
                rig.path("inbox.json"),
                face.replacen('[', &format!("[{entry},"), 1),
            )
            .unwrap();
            assert!(rig.pending().starts_with(&[1, 2, 3]), "{entry}");
            let taken = rig.pending().len() == 4;
            assert_ne!(taken, rig.rejected().len() == 1, "{entry}");
            let found = rig.mailbox.doctor(&me(), false, rig.now).unwrap().value;
            assert_eq!(found, [], "{entry}");

            let rig = Rig::three();
            let edit = &entry[r#"{"content":"theirs","id":"1","#.len()..entry.len() - 1];
            let face = rig.text("inbox.json").replacen(
                "\"metadata\": {}",
                &format!("\"metadata\": {{}}, {edit}"),
                1,
            );
            std::fs::write(rig.path("inbox.json"), face).unwrap();
            assert_eq!(rig.pending(), [1, 2, 3], "{entry}");
            assert_eq!(rig.message(1).content, "a");
            assert_eq!(
                rig.text("journal.jsonl").contains("\"edit\""),
                rig.rejected().is_empty()
            );
        }
    }
}

#[test]
fn what_only_the_journal_says_cannot_be_edited() {
    let rig = Rig::three();
    let before = rig.inbox(Which::All);
    let mut face = rig.face();
    for (field, value) in [
        ("status", json!("acked")),
        ("attempts", json!(4)),
        ("from", json!("agent-9")),
        ("timestamp", json!("2001-01-01T00:00:00Z")),
    ] {
        face[0][field] = value;
    }
    rig.dump(&face);
    assert_eq!(rig.inbox(Which::All), before);
    assert_eq!(rig.face()[0]["from"], "agent-2");
}

#[test]
fn a_removed_entry_is_discarded_and_kept_as_a_dead_letter() {
    let rig = Rig::three();
    let mut face = rig.face();
    face.remove(1);
    rig.dump(&face);
    assert_eq!(rig.pending(), [1, 3]);
    assert_eq!(rig.status(2), Status::Discarded);
    assert_eq!(rig.dead(), [(2, "removed".into())]);
    assert_eq!(rig.seqs_shown(), [1, 3]);
}

#[test]
fn an_added_entry_becomes_mail_once() {
    let rig = Rig::three();
    let mut face = rig.face();
    face.push(json!({"from": "agent-2", "content": "d", "priority": "urgent"}));
    face.push(json!({"id": "msg_17", "from": "agent-3", "message": "e", "timestamp": "2026-01-02T03:04:05Z"}));
    for round in 0..3 {
        rig.dump(&face);
        let all = rig.inbox(Which::All);
        assert_eq!(all.len(), 5, "round {round}");
        assert_eq!(
            (all[3].content.as_str(), all[3].mode),
            ("d", Mode::Priority)
        );
        assert_eq!(
            (all[4].content.as_str(), all[4].from.as_str()),
            ("e", "agent-3")
        );
        assert_eq!(all[4].extra["foreign_id"], "msg_17");
        assert_eq!(rig.face().len(), 5);
    }
}

#[test]
fn equal_entries_without_names_are_two_messages_and_not_four() {
    let rig = Rig::new();
    let twin = json!({"from": "agent-2", "content": "twin"});
    rig.dump(&[twin.clone(), twin.clone()]);
    assert_eq!(rig.pending(), [1, 2]);
    // One who saw them adds another.
    let mut face = rig.face();
    face.push(twin.clone());
    rig.dump(&face);
    assert_eq!(rig.pending(), [1, 2, 3]);
    // The same file twice, as a killed merge leaves it.
    let twins = serde_json::to_vec(&[twin.clone(), twin]).unwrap();
    std::fs::write(rig.path(".displaced-0000000000000001"), &twins).unwrap();
    std::fs::write(rig.path("inbox.json"), &twins).unwrap();
    assert_eq!(rig.pending(), [1, 2, 3, 4, 5]);
}

#[test]
fn a_stale_copy_discards_and_changes_nothing_and_adds_what_is_new() {
    let rig = Rig::three();
    let stale = rig.face();
    rig.mail("d");
    rig.send(urgent("e", Mode::Priority));
    rig.ack(1).unwrap();
    let mut now = rig.face();
    now.iter_mut().find(|m| m["seq"] == 2).unwrap()["content"] = json!("b, edited");
    rig.dump(&now);
    assert_eq!(rig.message(2).content, "b, edited");
    let mut append = stale;
    append.push(json!({"from": "agent-3", "content": "appended"}));
    rig.dump(&append);
    assert_eq!(rig.pending(), [5, 2, 3, 4, 6]);
    assert_eq!(
        rig.message(2).content,
        "b, edited",
        "an old version is no edit"
    );
    assert_eq!(rig.status(1), Status::Acked);
    assert_eq!(rig.message(6).content, "appended");
}

#[test]
fn what_was_pushed_out_of_the_window_and_back_is_not_taken_for_removed() {
    let rig = Rig::new();
    rig.try_send((0..256).map(|_| draft("x")).collect())
        .unwrap();
    let urgent_one = rig.send(urgent("!", Mode::Priority)).at.seq;
    assert_eq!(rig.face().len(), 256);
    // Loaded while message 256 was out of the window, dumped when it is back.
    let stale = rig.face();
    assert!(!rig.seqs_shown().contains(&256));
    rig.ack(urgent_one).unwrap();
    assert!(rig.seqs_shown().contains(&256));
    rig.dump(&stale);
    assert_eq!(rig.pending().len(), 256);
}

#[test]
fn a_face_of_messages_that_are_over_brings_none_of_them_back() {
    let rig = Rig::three();
    let old = rig.face();
    for seq in 1..=3 {
        rig.ack(seq).unwrap();
    }
    for _ in 0..2 {
        rig.dump(&old);
        assert_eq!(rig.pending(), Vec::<u64>::new());
        rig.prune();
    }
    assert_eq!(rig.inbox(Which::All).len(), 3);
}

#[test]
fn an_unreadable_face_is_set_aside_once_and_the_mail_stays() {
    let rig = Rig::three();
    let broken = br#"[{"from": "agent-2", "content": "oops" "#;
    std::fs::write(rig.path("inbox.json"), broken).unwrap();
    let warned = warnings(&rig);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("line 1"), "{warned:?}");
    let kept = rig.rejected();
    assert_eq!(kept.len(), 1);
    assert_eq!(std::fs::read(rig.path(&kept[0])).unwrap(), broken);
    assert_eq!(rig.seqs_shown(), [1, 2, 3]);
    assert_eq!(warnings(&rig), Vec::<String>::new());
    std::fs::write(rig.path("inbox.json"), broken).unwrap();
    assert_eq!(warnings(&rig).len(), 1);
    assert_eq!(rig.rejected(), kept, "the same bytes are kept once");
    std::fs::write(rig.path("inbox.json"), b"{{{").unwrap();
    assert_eq!(warnings(&rig).len(), 1);
    assert_eq!(rig.rejected().len(), 2);
    assert_eq!(rig.pending(), [1, 2, 3]);
}

#[test]
fn an_unreadable_dead_json_is_set_aside_once_and_the_dead_letters_are_there() {
    let rig = Rig::three();
    let kept = || {
        let mut names = rig.names();
        names.retain(|name| name.starts_with("dead.json.rejected-"));
        names
    };
    let recall = |seq| {
        let outcome = rig.mailbox.recall(&permit("agent-2", None), seq, rig.now);
        outcome.unwrap().warnings
    };
    assert_eq!(recall(1), Vec::<String>::new());
    let broken = b"[\n  {\"seq\": 1, \"note\": \"mine\",]\n";
    std::fs::write(rig.path("dead.json"), broken).unwrap();
    let warned = recall(2);
    assert_eq!(warned.len(), 1, "{warned:?}");
    let names = kept();
    assert_eq!(names.len(), 1, "{names:?}");
    for part in ["dead.json: line 2, column ", &names[0]] {
        assert!(warned[0].contains(part), "{warned:?}");
    }
    assert_eq!(std::fs::read(rig.path(&names[0])).unwrap(), broken);
    assert_eq!(rig.dead(), [(1, "recalled".into()), (2, "recalled".into())]);
    std::fs::write(rig.path("dead.json"), broken).unwrap();
    assert_eq!(recall(3).len(), 1);
    assert_eq!(kept(), names, "the same bytes are kept once");
    assert_eq!(rig.dead().len(), 3);
    std::fs::write(rig.path("dead.json"), b"{}").unwrap();
    rig.mail("d");
    assert_eq!(recall(4).len(), 1);
    assert_eq!(kept().len(), 2, "others are kept too");
    // A power cut may empty it: nobody wrote that.
    for empty in [&b""[..], b"\0\0\0"] {
        std::fs::write(rig.path("dead.json"), empty).unwrap();
        let seq = rig.mail("e");
        assert_eq!(recall(seq), Vec::<String>::new());
    }
    assert_eq!(kept().len(), 2);
}

#[test]
fn an_entry_that_makes_no_sense_is_refused_and_the_others_are_taken() {
    let rig = Rig::three();
    let mut face = rig.face();
    face[0]["mode"] = json!("NONSENSE");
    face[1]["content"] = json!("b, edited");
    rig.dump(&face);
    let warned = warnings(&rig);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("NONSENSE"), "{warned:?}");
    assert_eq!(rig.rejected().len(), 1);
    assert_eq!(rig.message(2).content, "b, edited");
    assert_eq!(rig.pending(), [1, 2, 3]);
}

#[test]
fn an_edit_of_what_somebody_works_on_is_set_aside() {
    let rig = Rig::three();
    rig.next().unwrap();
    let mut face = rig.face();
    face[0]["content"] = json!("changed under his hands");
    rig.dump(&face);
    assert!(warnings(&rig)[0].contains("agent-1/1 is being worked on"));
    assert_eq!(rig.message(1).content, "a");
    assert_eq!(rig.rejected().len(), 1);
}

#[test]
fn an_empty_array_discards_what_its_writer_had_time_to_see() {
    let rig = Rig::three();
    rig.overwrite(b"[]", Duration::from_secs(1));
    assert_eq!(rig.pending(), [1, 2, 3]);
    rig.overwrite(b"[]\n", Duration::from_secs(5));
    assert_eq!(rig.pending(), Vec::<u64>::new());
    assert_eq!(rig.dead().len(), 3);
}

#[test]
fn an_empty_or_lost_face_is_absent_never_everything_removed() {
    let rig = Rig::three();
    for bytes in [&b""[..], b"\0\0\0\0\0\0\0\0", b"\n \n"] {
        rig.overwrite(bytes, Duration::from_secs(9));
        assert_eq!(rig.pending(), [1, 2, 3]);
        assert_eq!(rig.seqs_shown(), [1, 2, 3]);
    }
    std::fs::remove_file(rig.path("inbox.json")).unwrap();
    assert_eq!(rig.pending(), [1, 2, 3]);
    rig.mail("d");
    assert_eq!(rig.seqs_shown(), [1, 2, 3, 4]);
    assert_eq!(rig.rejected(), Vec::<String>::new());
}

#[test]
fn a_face_made_anew_shows_what_a_prune_left_and_what_nobody_remembers_to_be_durable() {
    let rig = Rig::three();
    rig.ack(1).unwrap();
    rig.prune();
    std::fs::remove_file(rig.path("inbox.json")).unwrap();
    assert_eq!(rig.pending(), [2, 3]);
    assert_eq!(rig.seqs_shown(), [2, 3]);
    for lost in ["inbox.json", ".durable"] {
        std::fs::remove_file(rig.path(lost)).unwrap();
    }
    assert_eq!(rig.counts().pending, 2);
    assert_eq!(rig.seqs_shown(), [2, 3]);
}

#[test]
fn a_durable_mark_that_fell_back_hides_nothing_that_a_face_has_shown() {
    let rig = Rig::new();
    rig.mail("a");
    // As by a slow one who flushed before the others and says so after them.
    let early = std::fs::read(rig.path(".durable")).unwrap();
    rig.mail("b");
    rig.mail("c");
    std::fs::write(rig.path(".durable"), early).unwrap();
    std::fs::remove_file(rig.path("inbox.json")).unwrap();
    assert_eq!(rig.counts().pending, 3);
    assert_eq!(rig.seqs_shown(), [1, 2, 3]);
}

#[test]
fn without_a_stamp_nothing_counts_as_removed() {
    let rig = Rig::three();
    let mut face = rig.face();
    face.remove(0);
    face[0]["content"] = json!("b, edited");
    std::fs::remove_file(rig.path(".stamp")).unwrap();
    rig.dump(&face);
    assert_eq!(rig.pending(), [1, 2, 3]);
    assert_eq!(rig.message(2).content, "b, edited");
}

#[test]
fn what_a_killed_renderer_left_is_merged_before_it_is_removed() {
    let rig = Rig::three();
    let mut face = rig.face();
    face[0]["content"] = json!("a, edited");
    let text = serde_json::to_vec(&face).unwrap();
    std::fs::write(rig.path(".displaced-0000000000000001"), text).unwrap();
    rig.mail("d");
    assert_eq!(rig.message(1).content, "a, edited");
    assert!(
        !rig.names()
            .iter()
            .any(|name| name.starts_with(".displaced-"))
    );
    assert_eq!(rig.seqs_shown(), [1, 2, 3, 4]);
}

#[test]
fn an_editor_gets_the_window_and_what_it_leaves_is_merged() {
    let rig = Rig::three();
    let given = rig.mailbox.edit_begin(&me(), rig.now).unwrap().value;
    let mut entries: Vec<Value> = serde_json::from_slice(&given).unwrap();
    assert_eq!(entries.len(), 3);
    rig.mail("while the editor is open");
    entries[0]["content"] = json!("a, edited");
    entries.remove(1);
    entries.push(json!({"content": "written in the editor"}));
    let edited = serde_json::to_vec_pretty(&entries).unwrap();
    let outcome = rig
        .mailbox
        .edit_finish(&me(), &given, &edited, rig.now)
        .unwrap();
    assert_eq!(outcome.warnings, Vec::<String>::new());
    let done = outcome.value;
    assert_eq!(
        (done.edited, done.discarded, done.adopted),
        (vec![1], vec![2], vec![5])
    );
    assert_eq!(rig.pending(), [1, 3, 4, 5]);
    assert_eq!(rig.message(1).content, "a, edited");
    assert_eq!(rig.message(5).content, "written in the editor");
    assert_eq!(rig.seqs_shown(), [1, 3, 4, 5]);

    // Going back to what stood there before is an edit too.
    let given = rig.mailbox.edit_begin(&me(), rig.now).unwrap().value;
    let mut entries: Vec<Value> = serde_json::from_slice(&given).unwrap();
    entries[0]["content"] = json!("a");
    let edited = serde_json::to_vec(&entries).unwrap();
    rig.mailbox
        .edit_finish(&me(), &given, &edited, rig.now)
        .unwrap();
    assert_eq!(rig.message(1).content, "a");

    // Unchanged, or not JSON: nothing.
    let given = rig.mailbox.edit_begin(&me(), rig.now).unwrap().value;
    let journal = rig.text("journal.jsonl");
    rig.mailbox
        .edit_finish(&me(), &given, &given, rig.now)
        .unwrap();
    let error = rig
        .mailbox
        .edit_finish(&me(), &given, b"[{]", rig.now)
        .unwrap_err();
    assert!(matches!(error, Error::BadEdit(_)), "{error}");
    assert_eq!(rig.text("journal.jsonl"), journal);
    // Everything removed is meant, in an editor.
    rig.mailbox
        .edit_finish(&me(), &given, b"[]", rig.now)
        .unwrap();
    assert_eq!(rig.pending(), Vec::<u64>::new());
}
