//! A mailbox that gets another name, or goes.

use super::super::tombstone;
use super::*;
use crate::names::{Explain as _, Kind};

fn rename(rig: &mut Rig, new: &str) {
    let mailbox = Mailbox::open(rig.home.path(), rig.mailbox.agent()).unwrap();
    let moved = mailbox.rename(&me(), &agent(new), rig.now).unwrap();
    assert_eq!(moved.warnings, Vec::<String>::new());
    rig.mailbox = moved.value;
}

fn open(rig: &Rig, name: &str) -> Result<Mailbox, Error> {
    Mailbox::open(rig.home.path(), &agent(name))
}

fn remove(rig: &Rig, name: &str, waiting: Waiting) -> Result<Option<u64>, Error> {
    let removed = open(rig, name)?.remove(&me(), waiting, rig.now);
    removed.map(|it| it.value)
}

fn names(rig: &Rig) -> Vec<String> {
    let listing = std::fs::read_dir(rig.home.path()).unwrap();
    let mut names: Vec<String> = listing
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn findings(rig: &Rig, fix: bool) -> Vec<(&'static str, String, bool)> {
    let strays = strays(rig.home.path(), fix).unwrap();
    let own = rig.mailbox.doctor(&me(), fix, rig.now).unwrap().value;
    let all = strays.into_iter().chain(own);
    all.map(|it| {
        let name = it.path.file_name().unwrap().to_string_lossy().into_owned();
        (it.what, name, it.fixed)
    })
    .collect()
}

#[test]
fn a_renamed_mailbox_is_found_under_both_names_with_all_that_was_in_it() {
    let mut rig = Rig::new();
    rig.mail("first");
    rig.mail("second");
    rig.next().unwrap();
    rig.ack(1).unwrap();
    rig.prune();
    rename(&mut rig, "b");
    assert_eq!(names(&rig), ["agent-1", "b"]);
    for name in ["agent-1", "b"] {
        let mailbox = open(&rig, name).unwrap();
        assert_eq!(mailbox.agent().as_str(), "b");
        let all = mailbox.inbox(&me(), Which::All, rig.now).unwrap().value;
        let told: Vec<_> = all
            .iter()
            .map(|it| (it.seq, it.content.as_str(), it.to.as_str(), it.status))
            .collect();
        assert_eq!(
            told,
            [
                (1, "first", "b", Status::Acked),
                (2, "second", "b", Status::Queued)
            ]
        );
    }
    assert_eq!(rig.steps(1), ["queued", "leased", "acked"]);
    assert_eq!(rig.mail("third"), 3);
    let face: Vec<Value> =
        serde_json::from_slice(&std::fs::read(rig.home.path().join("b/inbox.json")).unwrap())
            .unwrap();
    assert_eq!((&face[0]["to"], &face[1]["to"]), (&"b".into(), &"b".into()));
    assert_eq!(findings(&rig, false), []);
    rig.prune();
    assert_eq!(findings(&rig, false), []);
}

#[test]
fn a_mailbox_may_be_renamed_often_and_get_a_name_back() {
    let mut rig = Rig::new();
    rig.mail("first");
    for (new, now) in [
        ("b", ["agent-1", "b", ""]),
        ("c", ["agent-1", "b", "c"]),
        ("agent-1", ["agent-1", "b", "c"]),
        ("b", ["agent-1", "b", "c"]),
    ] {
        rename(&mut rig, new);
        assert_eq!(names(&rig), now.map(str::to_owned)[..names(&rig).len()]);
        for name in names(&rig) {
            assert_eq!(open(&rig, &name).unwrap().agent().as_str(), new, "{name}");
        }
        assert_eq!(findings(&rig, false), [], "as {new}");
    }
    assert_eq!(rig.inbox(Which::Pending)[0].to.as_str(), "b");
    let former = former_names(rig.home.path(), &agent("b")).unwrap();
    assert_eq!(former, [agent("agent-1"), agent("c")]);
}

#[test]
fn a_name_that_somebody_has_is_not_taken_from_him() {
    let mut rig = Rig::new();
    rig.mail("first");
    let other = Mailbox::open_or_create(rig.home.path(), &agent("other"), rig.now).unwrap();
    other.rename(&me(), &agent("another"), rig.now).unwrap();
    std::fs::write(rig.home.path().join("stranger"), "mine").unwrap();
    for taken in ["other", "another", "stranger"] {
        let error = may_rename(rig.home.path(), &agent("agent-1"), &agent(taken)).unwrap_err();
        assert_eq!(error.kind(), Kind::CannotCreate, "{taken}");
        let error = open(&rig, "agent-1")
            .unwrap()
            .rename(&me(), &agent(taken), rig.now)
            .unwrap_err();
        assert!(matches!(error, Error::NameTaken { .. }), "{taken}: {error}");
    }
    rename(&mut rig, "b");
    let error = may_rename(rig.home.path(), &agent("agent-1"), &agent("c")).unwrap_err();
    assert_eq!(
        error.hint().as_deref(),
        Some("finish that first: agentctl rename agent-1 b")
    );
    may_rename(rig.home.path(), &agent("agent-1"), &agent("b")).unwrap();
    assert_eq!(
        names(&rig),
        ["agent-1", "another", "b", "other", "stranger"]
    );
}

#[test]
fn who_had_the_mailbox_open_before_it_moved_goes_on_in_it() {
    let mut rig = Rig::new();
    let before = open(&rig, "agent-1").unwrap();
    rename(&mut rig, "b");
    let (sent, _) = before
        .send(&permit("agent-2", None), vec![draft("late")], rig.now)
        .unwrap();
    assert_eq!(sent[0].at.seq, 1);
    assert_eq!(rig.inbox(Which::Pending)[0].content, "late");
    assert_eq!(
        before
            .inbox(&me(), Which::Pending, rig.now)
            .unwrap()
            .value
            .len(),
        1
    );
}

#[test]
fn who_was_renamed_still_closes_what_he_took_and_recalls_what_he_sent() {
    let mut rig = Rig::new();
    rig.mail("taken");
    rig.mail("closed");
    rig.mail("recalled");
    let taken = rig.next().unwrap();
    rig.ack(2).unwrap();
    rename(&mut rig, "b");
    let sender = Mailbox::open_or_create(rig.home.path(), &agent("agent-2"), rig.now).unwrap();
    sender.rename(&me(), &agent("c"), rig.now).unwrap();
    let (b, c) = (permit("b", None), permit("c", None));
    let claim = Claim {
        token: Some(taken.token),
        ..Claim::default()
    };
    let close = |seq| rig.mailbox.ack(&b, &[seq], &claim, rig.now);
    assert!(!close(1).unwrap().value[0].repeated);
    let again = rig.mailbox.ack(&b, &[2], &Claim::default(), rig.now);
    assert!(again.unwrap().value[0].repeated);
    let stranger = rig.mailbox.recall(&permit("d", None), 3, rig.now);
    assert!(matches!(stranger, Err(Error::NotTheSender { .. })));
    rig.mailbox.recall(&c, 3, rig.now).unwrap();
}

#[test]
fn attachments_are_named_where_they_lie_and_that_is_no_edit() {
    let mut rig = Rig::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("figure");
    std::fs::write(&file, "42").unwrap();
    let attach = |rig: &Rig| {
        let note = rig.mailbox.attach(&file).unwrap().note();
        let mut draft = draft("figure");
        draft
            .metadata
            .insert("attachments".into(), vec![note].into());
        rig.send(draft);
    };
    attach(&rig);
    let before = rig.face();
    rename(&mut rig, "b");
    let path = |value: &Value| value[0]["path"].as_str().unwrap().to_owned();
    let lies = rig.home.path().join("b/files");
    let message = rig.message(1);
    let told = path(&message.metadata.get("attachments").unwrap());
    assert!(Path::new(&told).starts_with(&lies), "{told}");
    assert_eq!(std::fs::read(&told).unwrap(), b"42");
    let inbox = rig.inbox(Which::Pending);
    assert_eq!(path(&inbox[0].metadata.get("attachments").unwrap()), told);
    let read = |name: &str| -> Vec<Value> {
        let face = rig.home.path().join(name).join("inbox.json");
        serde_json::from_slice(&std::fs::read(face).unwrap()).unwrap()
    };
    assert_eq!(path(&read("b")[0]["metadata"]["attachments"]), told);
    // A script that had loaded the old face dumps it again, and one the new face.
    for loaded in [before, read("b")] {
        let text = serde_json::to_vec(&loaded).unwrap();
        std::fs::write(rig.home.path().join("b/inbox.json"), text).unwrap();
        rig.inbox(Which::Pending);
        assert_eq!(rig.steps(1), ["queued"]);
        assert_eq!(path(&read("b")[0]["metadata"]["attachments"]), told);
    }
    assert_eq!(findings(&rig, false), []);
}

#[test]
fn a_mailbox_in_which_mail_waits_is_removed_only_on_purpose() {
    let rig = Rig::new();
    rig.mail("first");
    rig.mail("second");
    let error = remove(&rig, "agent-1", Waiting::Kept).unwrap_err();
    assert_eq!(
        error.to_string(),
        "2 messages wait for agent-1, and nobody has acknowledged them"
    );
    assert_eq!(rig.pending(), [1, 2]);
    assert_eq!(remove(&rig, "agent-1", Waiting::Removed).unwrap(), Some(2));
    assert_eq!(names(&rig), [""; 0]);
    assert!(matches!(
        open(&rig, "agent-1"),
        Err(Error::NoMailbox { .. })
    ));
}

#[test]
fn what_stands_in_the_face_alone_waits_too() {
    let rig = Rig::new();
    rig.dump(&[serde_json::json!({"from": "user", "content": "by hand"})]);
    let error = remove(&rig, "agent-1", Waiting::Kept).unwrap_err();
    assert!(
        matches!(error, Error::Waiting { waiting: 1, .. }),
        "{error}"
    );
}

#[test]
fn a_mailbox_that_cannot_be_read_is_removed_only_on_purpose() {
    let rig = Rig::new();
    rig.mail("first");
    std::fs::remove_file(rig.path("journal.jsonl")).unwrap();
    let error = remove(&rig, "agent-1", Waiting::Kept).unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert_eq!(remove(&rig, "agent-1", Waiting::Removed).unwrap(), None);
    assert_eq!(names(&rig), [""; 0]);
}

#[test]
fn who_had_the_mailbox_open_before_it_was_removed_is_refused_whatever_of_it_is_left() {
    // Taken out of its place and still whole, without its journal, empty, and gone.
    for step in 0..4 {
        let rig = Rig::new();
        rig.mail("first");
        let aside = rig.home.path().join(".gone-agent-1.0");
        std::fs::rename(rig.path(""), &aside).unwrap();
        if step > 0 {
            std::fs::remove_file(aside.join("journal.jsonl")).unwrap();
        }
        if step > 1 {
            std::fs::remove_dir_all(&aside).unwrap();
        }
        if step == 2 {
            std::fs::create_dir(rig.path("")).unwrap();
        }
        let error = rig.try_send(vec![draft("late")]).unwrap_err();
        assert!(matches!(error, Error::Gone { .. }), "{step}: {error}");
        assert_eq!(error.kind(), Kind::Unknown);
        let error = rig
            .mailbox
            .inbox(&me(), Which::Pending, rig.now)
            .unwrap_err();
        assert!(matches!(error, Error::Gone { .. }), "{step}: {error}");
        if step < 2 {
            let journal = std::fs::read_to_string(aside.join("journal.jsonl"));
            assert!(!journal.unwrap_or_default().contains("late"));
        }
    }
}

#[test]
fn what_killed_moves_and_removals_left_is_found_and_finished() {
    let mut rig = Rig::new();
    rig.mail("first");
    rename(&mut rig, "b");
    let place = rig.home.path().to_owned();
    let stone = std::fs::read_to_string(place.join("agent-1")).unwrap();
    // Prepared and not exchanged; written and not named; removed, but for its former name; taken out of its place.
    std::fs::write(place.join("c"), stone.replace("\"b\"", "\"c\"")).unwrap();
    std::fs::write(place.join(".moved-0"), &stone).unwrap();
    std::fs::write(place.join("d"), stone.replace("\"b\"", "\"e\"")).unwrap();
    std::fs::create_dir_all(place.join(".gone-e.0/archive")).unwrap();
    std::fs::write(place.join(".gone-e.0/archive/1.jsonl.zst"), "x").unwrap();
    let all = |fixed| {
        let names = [".gone-e.0", ".moved-0", "c", "d"];
        names.map(|name| ("left-over", name.to_owned(), fixed))
    };
    assert_eq!(findings(&rig, false), all(false));
    assert!(is_left(&place, &agent("e")).unwrap());
    assert_eq!(findings(&rig, true), all(true));
    assert!(!is_left(&place, &agent("e")).unwrap());
    assert_eq!(findings(&rig, false), []);
    assert_eq!(names(&rig), ["agent-1", "b"]);
    assert_eq!(rig.pending(), [1]);
}

#[test]
fn what_lives_is_no_left_over() {
    let rig = Rig::new();
    let parent = crate::store::Dir::open(rig.home.path()).unwrap();
    let (b, at) = (agent("b"), rig.now.wall);
    let stone = tombstone::Tombstone::new(agent("agent-1"), b, at);
    let (aside, _maker) = stone.write(&parent).unwrap();
    assert_eq!(findings(&rig, true), []);
    std::fs::rename(rig.home.path().join(aside), rig.home.path().join("b")).unwrap();
    assert_eq!(findings(&rig, true), []);
    assert!(matches!(open(&rig, "b"), Err(Error::NoMailbox { .. })));
    std::fs::rename(rig.path(""), rig.home.path().join(".gone-agent-1.0")).unwrap();
    let gone = parent.sub(".gone-agent-1.0").unwrap();
    let _lock = crate::store::Lock::try_acquire(&gone, ".lock")
        .unwrap()
        .unwrap();
    assert_eq!(strays(rig.home.path(), true).unwrap().len(), 0);
}

#[test]
fn a_removal_takes_former_names_and_what_earlier_ones_left_with_it() {
    let mut rig = Rig::new();
    rename(&mut rig, "b");
    rename(&mut rig, "c");
    std::fs::create_dir(rig.home.path().join(".gone-c.0")).unwrap();
    std::fs::create_dir(rig.home.path().join(".gone-d.0")).unwrap();
    remove(&rig, "b", Waiting::Kept).unwrap();
    assert_eq!(names(&rig), [".gone-c.0", ".gone-d.0", "agent-1", "b"]);
    remove_rest(rig.home.path(), &agent("c")).unwrap();
    assert_eq!(names(&rig), [".gone-d.0"]);
    remove_rest(rig.home.path(), &agent("c")).unwrap();
}
