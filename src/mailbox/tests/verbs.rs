//! What each verb promises, alone and after another.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::record::Tag;
use super::visit::Visit;
use super::*;
use crate::names::{Explain as _, Kind, MessageId};

#[test]
fn a_mailbox_is_born_whole_and_closed_to_others() {
    let rig = Rig::new();
    assert_eq!(
        rig.names(),
        [".ballast", ".lock", "inbox.json", "journal.jsonl"]
    );
    assert_eq!(rig.face(), Vec::<Value>::new());
    let mode = |name: &str| {
        let meta = std::fs::metadata(rig.path(name)).unwrap();
        meta.permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for name in rig.names() {
        assert_eq!(mode(&name), 0o600, "{name}");
    }
    let again = Mailbox::open_or_create(rig.home.path(), &agent("agent-1"), rig.now).unwrap();
    assert_eq!(again.agent(), rig.mailbox.agent());
    let unknown = Mailbox::open(rig.home.path(), &agent("agent-9")).unwrap_err();
    assert_eq!(unknown.kind(), Kind::Unknown);
    assert_eq!(std::fs::read_dir(rig.home.path()).unwrap().count(), 1);
}

#[test]
fn what_is_sent_is_listed_taken_and_acknowledged() {
    let rig = Rig::new();
    let sent = rig.send(draft("build it"));
    assert_eq!((sent.at.seq, sent.repeated, sent.pending), (1, false, 1));
    assert_eq!(sent.key, sent.id.to_string());
    let listed = rig.inbox(Which::Pending);
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (listed[0].content.as_str(), listed[0].status),
        ("build it", Status::Queued)
    );
    assert_eq!((listed[0].id, listed[0].thread), (sent.id, Some(sent.id)));
    assert_eq!(rig.status(1), Status::Queued, "listing changes nothing");

    let taken = rig.next().unwrap();
    assert_eq!((taken.message.seq, taken.message.attempts), (1, 1));
    assert_eq!(taken.message.status, Status::Read);
    assert_eq!(taken.token, format!("{}:1", sent.id));
    assert!(rig.next().is_none());
    assert_eq!(rig.face()[0]["status"], "read");
    assert_eq!(
        rig.counts(),
        Counts {
            pending: 1,
            urgent: 0,
            leased: 1
        }
    );

    assert!(!rig.ack(1).unwrap()[0].repeated);
    assert_eq!(rig.face(), Vec::<Value>::new());
    assert_eq!(rig.status(1), Status::Acked);
    assert!(
        rig.ack(1).unwrap()[0].repeated,
        "the same owner may say it twice"
    );
    let other = rig
        .mailbox
        .ack(&permit("agent-3", None), &[1], &Claim::default(), rig.now);
    let error = other.unwrap_err();
    assert_eq!(error.kind(), Kind::No);
    assert!(error.to_string().contains("by agent-1"), "{error}");
    assert_eq!(rig.pending(), Vec::<u64>::new());
    let all: Vec<_> = rig
        .inbox(Which::All)
        .iter()
        .map(|m| (m.seq, m.status))
        .collect();
    assert_eq!(all, [(1, Status::Acked)]);
}

#[test]
fn urgent_mail_comes_first_and_bulk_last() {
    let rig = Rig::new();
    for (content, mode) in [
        ("bulk", Mode::Bulk),
        ("normal", Mode::Normal),
        ("task", Mode::Task),
        ("system", Mode::System),
        ("priority", Mode::Priority),
        ("captain", Mode::Captain),
    ] {
        rig.send(urgent(content, mode));
    }
    let order = [5, 6, 4, 2, 3, 1];
    assert_eq!(rig.pending(), order);
    assert_eq!(rig.seqs_shown(), order);
    assert_eq!(rig.counts().urgent, 2);
    let taken: Vec<_> = std::iter::from_fn(|| rig.next().map(|taken| taken.message.seq)).collect();
    assert_eq!(taken, order);
}

#[test]
fn a_batch_is_one_write_in_its_order_and_equal_keys_in_it_are_one_message() {
    let rig = Rig::new();
    let batch = vec![draft("a"), keyed("b", "k"), draft("c"), keyed("b", "k")];
    let sent = rig.try_send(batch).unwrap();
    let seqs: Vec<_> = sent.iter().map(|it| (it.at.seq, it.repeated)).collect();
    assert_eq!(seqs, [(1, false), (2, false), (3, false), (2, true)]);
    assert_eq!(sent[3].id, sent[1].id);
    assert!(sent[0].id < sent[1].id && sent[1].id < sent[2].id);
    assert_eq!(rig.pending(), [1, 2, 3]);
    assert_eq!(rig.seqs_shown(), [1, 2, 3]);
}

#[test]
fn too_long_a_message_or_a_missing_attachment_refuses_the_whole_batch() {
    let rig = Rig::new();
    let long = draft(&"x".repeat(MOST_CONTENT + 1));
    assert_eq!(
        rig.try_send(vec![draft("a"), long]).unwrap_err().kind(),
        Kind::Usage
    );
    let mut with_file = draft("see file");
    let sha = "ab".repeat(32);
    with_file
        .metadata
        .insert("attachments".into(), json!([{"sha256": sha}]));
    let error = rig.try_send(vec![draft("a"), with_file]).unwrap_err();
    assert!(matches!(error, Error::NoAttachment { .. }), "{error}");
    assert_eq!(rig.inbox(Which::All), []);
}

#[test]
fn a_known_key_gives_the_first_message_also_after_it_was_closed_and_pruned() {
    let mut rig = Rig::new();
    let first = rig.send(keyed("a", "k"));
    let again = rig.send(keyed("a, worded anew", "k"));
    assert_eq!(
        (again.at.seq, again.id, again.repeated),
        (1, first.id, true)
    );
    let mut by_another = keyed("b", "k");
    by_another.from = agent("agent-3");
    assert_eq!(rig.send(by_another).at.seq, 2, "a key is its sender's own");
    // The printed id serves as a key.
    let plain = rig.send(draft("c"));
    let retry = rig.send(keyed("c", &plain.id.to_string()));
    assert_eq!((retry.at.seq, retry.repeated), (3, true));

    rig.ack(1).unwrap();
    rig.ack(3).unwrap();
    assert!(rig.send(keyed("a", "k")).repeated);
    assert_eq!(rig.prune().removed, 2);
    for _ in 0..2 {
        let again = rig.send(keyed("a", "k"));
        assert_eq!(
            (again.at.seq, again.id, again.repeated),
            (1, first.id, true)
        );
        let retry = rig.send(keyed("c", &plain.id.to_string()));
        assert_eq!(
            (retry.at.seq, retry.id, retry.repeated),
            (3, plain.id, true)
        );
        rig.prune();
    }
    assert_eq!(rig.pending(), [2]);
    rig.pass(Duration::from_hours(192));
    rig.prune();
    assert_eq!(
        rig.send(keyed("a", "k")).at.seq,
        4,
        "keys are kept for 7 days"
    );
}

#[test]
fn a_message_given_back_is_delivered_again_and_the_attempt_counts() {
    let rig = Rig::new();
    rig.mail("a");
    assert_eq!(rig.nack(1).unwrap_err().kind(), Kind::No, "nobody holds it");
    rig.next().unwrap();
    let by_another = rig
        .mailbox
        .nack(&permit("agent-3", None), 1, &Claim::default(), rig.now);
    assert_eq!(by_another.unwrap_err().kind(), Kind::No);
    rig.nack(1).unwrap();
    assert_eq!(rig.status(1), Status::Queued);
    let again = rig.next().unwrap();
    assert_eq!(again.message.attempts, 2);
    assert!(again.token.ends_with(":2"));
}

#[test]
fn a_lease_is_anothers_until_its_token_or_force_is_shown() {
    let mut rig = Rig::new();
    rig.mail("a");
    let first = permit("agent-1", Some("run-1"));
    let second = permit("agent-1", Some("run-2"));
    let taken = rig
        .mailbox
        .next(&first, LEASE, rig.now)
        .unwrap()
        .value
        .unwrap();
    let stale = Claim {
        token: Some(taken.token.replace(":1", ":0")),
        force: false,
    };
    assert_eq!(
        rig.mailbox
            .ack(&first, &[1], &stale, rig.now)
            .unwrap_err()
            .kind(),
        Kind::No
    );
    let by_another = rig
        .mailbox
        .ack(&permit("agent-3", None), &[1], &Claim::default(), rig.now);
    let error = by_another.unwrap_err();
    assert!(matches!(error, Error::Leased { .. }), "{error}");
    assert_eq!(rig.recall("agent-2", 1).unwrap_err().kind(), Kind::No);

    // The lapsed holder's late word does not end the second taker's lease.
    rig.pass(LEASE);
    let retaken = rig
        .mailbox
        .next(&second, LEASE, rig.now)
        .unwrap()
        .value
        .unwrap();
    assert_eq!(retaken.message.attempts, 2);
    let late = Claim {
        token: Some(taken.token),
        force: false,
    };
    assert_eq!(
        rig.mailbox
            .ack(&first, &[1], &late, rig.now)
            .unwrap_err()
            .kind(),
        Kind::No
    );
    assert_eq!(
        rig.mailbox
            .nack(&first, 1, &Claim::default(), rig.now)
            .unwrap_err()
            .kind(),
        Kind::No
    );
    let force = Claim {
        token: None,
        force: true,
    };
    rig.mailbox
        .ack(&permit("agent-3", None), &[1], &force, rig.now)
        .unwrap();
    assert_eq!(rig.status(1), Status::Acked);
}

#[test]
fn a_new_run_of_the_agent_ends_the_leases_of_its_earlier_runs() {
    let rig = Rig::new();
    rig.mail("a");
    rig.mailbox
        .next(&permit("agent-1", Some("run-1")), LEASE, rig.now)
        .unwrap()
        .value
        .unwrap();
    let again = rig
        .mailbox
        .next(&permit("agent-1", Some("run-2")), LEASE, rig.now);
    assert_eq!(again.unwrap().value.unwrap().message.attempts, 2);
}

#[test]
fn a_jump_of_the_wall_clock_lapses_nothing() {
    let mut rig = Rig::new();
    rig.mail("a");
    rig.next().unwrap();
    rig.now.wall = rig.now.wall.plus(LEASE * 100);
    assert!(rig.next().is_none());
    rig.now.boot_ms += u64::try_from(LEASE.as_millis()).unwrap();
    assert_eq!(rig.next().unwrap().message.attempts, 2);
}

#[test]
fn only_its_sender_or_the_user_recalls_a_message() {
    let rig = Rig::new();
    for _ in 0..2 {
        rig.mail("a");
    }
    let error = rig.recall("agent-3", 1).unwrap_err();
    assert!(matches!(error, Error::NotTheSender { .. }), "{error}");
    rig.recall("agent-2", 1).unwrap();
    assert!(rig.recall("agent-2", 1).unwrap()[0].repeated);
    rig.recall("user", 2).unwrap();
    assert_eq!(
        (rig.status(1), rig.status(2)),
        (Status::Discarded, Status::Discarded)
    );
    assert!(rig.next().is_none());
    let dead: Vec<Value> = serde_json::from_str(&rig.text("dead.json")).unwrap();
    assert_eq!((dead.len(), &dead[0]["why"]), (2, &json!("recalled")));
    assert_eq!(rig.recall("agent-2", 9).unwrap_err().kind(), Kind::Unknown);
}

#[test]
fn an_answer_acknowledges_and_a_second_one_only_links() {
    let rig = Rig::new();
    rig.mail("a");
    let reply = MessageId::next(None, 5, || 5);
    rig.mailbox
        .may_reply(&me(), 1, &Claim::default(), rig.now)
        .unwrap();
    let done = rig
        .mailbox
        .replied(&me(), 1, reply, &Claim::default(), rig.now)
        .unwrap();
    assert!(!done.value.repeated);
    assert_eq!(rig.status(1), Status::Acked);
    let done = rig
        .mailbox
        .replied(&me(), 1, reply, &Claim::default(), rig.now)
        .unwrap();
    assert!(done.value.repeated);
    assert_eq!(rig.steps(1)[..3], ["queued", "acked", "replied"]);
    rig.mail("b");
    rig.recall("agent-2", 2).unwrap();
    let late = rig
        .mailbox
        .replied(&me(), 2, reply, &Claim::default(), rig.now);
    assert_eq!(late.unwrap_err().kind(), Kind::No);
}

#[test]
fn who_has_seen_it_and_when_is_told_in_order() {
    let mut rig = Rig::new();
    rig.mail("a");
    let second = Duration::from_secs(1);
    rig.pass(second);
    rig.mailbox.announce(&me(), &[1], rig.now).unwrap();
    assert_eq!(rig.status(1), Status::Announced);
    rig.pass(second);
    rig.mailbox.mark_read(&me(), &[1, 77], rig.now).unwrap();
    assert_eq!(rig.status(1), Status::Read);
    rig.mailbox.announce(&me(), &[1], rig.now).unwrap();
    assert_eq!(rig.status(1), Status::Read, "seen is seen");
    rig.pass(second);
    let taken = rig.next().unwrap();
    let history = rig.mailbox.history(&me(), 1, rig.now).unwrap().value;
    let lease = history.lease.unwrap();
    assert_eq!((lease.owner, lease.token), (agent("agent-1"), taken.token));
    assert_eq!(lease.lapses_at, rig.now.wall.plus(LEASE));
    rig.nack(1).unwrap();
    rig.ack(1).unwrap();
    let told = [
        "queued",
        "announced",
        "read",
        "announced",
        "leased",
        "nacked",
        "acked",
    ];
    assert_eq!(rig.steps(1), told);
    rig.prune();
    assert_eq!(rig.steps(1), told, "the archive tells it too");
    assert_eq!(
        rig.mailbox.history(&me(), 2, rig.now).unwrap_err().kind(),
        Kind::Unknown
    );
}

#[test]
fn messages_are_found_by_id_by_its_end_and_by_content() {
    let rig = Rig::new();
    let sent: Vec<_> = ["apple", "pear", "apple pie"]
        .map(|c| rig.send(draft(c)))
        .into();
    let id = sent[1].id;
    assert_eq!(rig.mailbox.find_id(&me(), id, rig.now).unwrap(), Some(2));
    let text = id.to_string();
    let tail = &text[text.len() - 8..];
    assert_eq!(
        rig.mailbox.find_tail(&me(), tail, rig.now).unwrap(),
        [(2, id)]
    );
    rig.ack(1).unwrap();
    let apples = |rig: &Rig| -> Vec<u64> {
        let found = rig
            .mailbox
            .select(&me(), &|m| m.content.contains("apple"), rig.now);
        found.unwrap().value.iter().map(|m| m.seq).collect()
    };
    assert_eq!(apples(&rig), [1, 3]);
    rig.prune();
    assert_eq!(apples(&rig), [1, 3]);
    assert_eq!(
        rig.mailbox.find_id(&me(), sent[0].id, rig.now).unwrap(),
        Some(1)
    );
    assert_eq!(
        rig.mailbox
            .find_id(&me(), MessageId::next(None, 9, || 9), rig.now)
            .unwrap(),
        None
    );
    let said = rig
        .mailbox
        .said(&me(), &agent("agent-2"), Timestamp::default(), 5, rig.now);
    let said: Vec<_> = said.unwrap().into_iter().map(|it| it.content).collect();
    assert_eq!(said, ["apple pie", "pear"]);
}

#[test]
fn mail_that_nobody_took_in_time_expires_and_its_sender_is_told_once() {
    let mut rig = Rig::new();
    let mut short = draft("soon");
    short.expires_at = Some(rig.now.wall.plus(Duration::from_mins(1)));
    let id = rig.send(short).id;
    rig.mail("stays");
    rig.pass(Duration::from_secs(59));
    assert_eq!(rig.pending(), [1, 2]);
    rig.pass(Duration::from_secs(1));
    let outcome = rig.mailbox.next(&me(), LEASE, rig.now).unwrap();
    assert_eq!(outcome.value.unwrap().message.seq, 2);
    let told = notices(&outcome.effects);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].to.as_str(), told[0].reply_to),
        ("agent-2", Some(id))
    );
    assert_eq!(told[0].key, Some(format!("notice:agent-1:{id}")));
    assert_eq!(rig.status(1), Status::Expired);
    let dead: Vec<Value> = serde_json::from_str(&rig.text("dead.json")).unwrap();
    assert_eq!((dead.len(), &dead[0]["why"]), (1, &json!("expired")));

    // Told again by every later verb, until that is recorded.
    let again = rig
        .mailbox
        .ack(&me(), &[2], &Claim::default(), rig.now)
        .unwrap();
    assert_eq!(notices(&again.effects).len(), 1);
    rig.mailbox.noticed(&me(), &[1], rig.now).unwrap();
    rig.mail("c");
    let outcome = rig.mailbox.next(&me(), LEASE, rig.now).unwrap();
    assert_eq!(notices(&outcome.effects).len(), 0);
    assert_eq!(rig.steps(1), ["queued", "expired", "noticed"]);
}

#[test]
fn mail_for_later_is_shown_but_not_delivered_before() {
    let mut rig = Rig::new();
    let mut later = urgent("later", Mode::Priority);
    later.not_before = Some(rig.now.wall.plus(Duration::from_mins(1)));
    rig.send(later);
    rig.mail("now");
    assert_eq!(rig.pending(), [1, 2]);
    assert_eq!(rig.seqs_shown(), [1, 2]);
    assert_eq!(rig.next().unwrap().message.seq, 2);
    assert!(rig.next().is_none());
    rig.pass(Duration::from_mins(1));
    assert_eq!(rig.next().unwrap().message.seq, 1);
}

#[test]
fn the_fifth_failed_attempt_gives_a_message_up() {
    for how in ["lapse", "nack"] {
        let mut rig = Rig::new();
        rig.mail("a");
        for n in 1..=5 {
            assert_eq!(rig.next().unwrap().message.attempts, n);
            match how {
                "lapse" => rig.pass(LEASE),
                _ => drop(rig.nack(1).unwrap()),
            }
        }
        let outcome = rig.mailbox.next(&me(), LEASE, rig.now).unwrap();
        assert!(outcome.value.is_none(), "{how}");
        assert_eq!(rig.status(1), Status::Dead, "{how}");
        assert_eq!(notices(&outcome.effects).len(), 1, "{how}");
        assert_eq!(rig.face(), Vec::<Value>::new(), "{how}");
        rig.mailbox.noticed(&me(), &[1], rig.now).unwrap();
        assert_eq!(rig.steps(1).last(), Some(&"noticed"));
        let dead: Vec<Value> = serde_json::from_str(&rig.text("dead.json")).unwrap();
        assert_eq!(dead[0]["why"], "given up after 5 attempts");
    }
}

#[test]
fn all_that_nobody_else_holds_is_acknowledged_at_once() {
    let rig = Rig::new();
    for _ in 0..400 {
        rig.mail("x");
    }
    rig.mailbox
        .next(&permit("agent-1", Some("run-1")), LEASE, rig.now)
        .unwrap()
        .value
        .unwrap();
    let mut later = draft("later");
    later.not_before = Some(rig.now.wall.plus(LEASE));
    rig.send(later);
    let done = rig
        .mailbox
        .ack_all(&permit("agent-1", Some("run-2")), rig.now)
        .unwrap()
        .value;
    assert_eq!(done.len(), 399);
    assert_eq!(rig.pending(), [1, 401]);
    assert_eq!(rig.seqs_shown(), [1, 401]);
}

#[test]
fn acknowledging_many_by_number_is_all_or_none() {
    let rig = Rig::new();
    for _ in 0..400 {
        rig.mail("x");
    }
    let seqs: Vec<u64> = (1..=400).collect();
    let with_unknown: Vec<u64> = (1..=401).collect();
    let claim = Claim::default();
    let refused = rig.mailbox.ack(&me(), &with_unknown, &claim, rig.now);
    assert_eq!(refused.unwrap_err().kind(), Kind::Unknown);
    assert_eq!(rig.pending(), seqs);
    let done = rig.mailbox.ack(&me(), &seqs, &claim, rig.now).unwrap();
    assert_eq!(done.value.len(), 400);
    assert_eq!(rig.pending(), Vec::<u64>::new());
}

#[test]
fn a_long_queue_shows_its_first_256_and_a_long_message_its_beginning() {
    let rig = Rig::new();
    let batch = (0..300).map(|n| draft(&n.to_string())).collect();
    rig.try_send(batch).unwrap();
    assert_eq!(rig.seqs_shown(), (1..=256).collect::<Vec<u64>>());
    assert_eq!(rig.inbox(Which::Pending).len(), 300);
    rig.ack(1).unwrap();
    assert_eq!(rig.seqs_shown(), (2..=257).collect::<Vec<u64>>());

    let rig = Rig::new();
    let long = "é".repeat(MOST_CONTENT / 2);
    let batch = (0..20).map(|_| draft(&long)).collect();
    rig.try_send(batch).unwrap();
    let face = rig.face();
    assert_eq!(face.len(), 20, "each takes hardly more than a KiB");
    assert_eq!(face[0]["content_truncated"], true);
    assert_eq!(face[0]["content"].as_str().unwrap(), "é".repeat(512));
    assert_eq!(rig.message(20).content, long);
    // An edit beside a shortened content leaves the content alone.
    let mut face = rig.face();
    face[0]["metadata"]["mine"] = json!(true);
    rig.dump(&face);
    let edited = rig.message(1);
    assert_eq!(
        (edited.content == long, &edited.metadata.to_map()["mine"]),
        (true, &json!(true))
    );
}

#[test]
fn the_window_is_as_full_as_its_256_messages_and_256_kib_allow() {
    const MOST_BYTES: usize = 256 << 10;
    for size in [1, 700, 3_000, 64 << 10, (64 << 10) + 1, 100_000] {
        let rig = Rig::new();
        rig.try_send(vec![draft(&"x".repeat(size)); 270]).unwrap();
        let (bytes, shown) = (rig.text("inbox.json").len(), rig.seqs_shown());
        assert_eq!(shown, (1..=shown.len() as u64).collect::<Vec<u64>>());
        assert!(bytes <= MOST_BYTES && shown.len() <= 256, "{size}: {bytes}");
        // Room for none like the last, whose number may have a digit more.
        let is_full = bytes + bytes / shown.len() + 1 > MOST_BYTES;
        assert!(
            shown.len() == 256 || is_full,
            "{size}: {}, {bytes}",
            shown.len()
        );
        // Made anew it is the same.
        std::fs::remove_file(rig.path("inbox.json")).unwrap();
        rig.pending();
        assert_eq!(rig.seqs_shown(), shown, "{size}");
    }
    let rig = Rig::new();
    let mut large = draft("x");
    large
        .metadata
        .insert("notes".into(), "y".repeat(300_000).into());
    rig.try_send(vec![large, draft("z")]).unwrap();
    assert_eq!(rig.seqs_shown(), [1], "always one");
}

#[test]
fn pruning_seals_what_is_over_and_keeps_what_waits() {
    let rig = Rig::new();
    for n in 1..=6 {
        rig.mail(&format!("message {n}"));
    }
    rig.next().unwrap();
    rig.ack(2).unwrap();
    rig.ack(4).unwrap();
    rig.recall("agent-2", 5).unwrap();
    let mut face = rig.face();
    face[2]["content"] = json!("message 6, edited");
    rig.dump(&face);
    let pruned = rig.prune();
    assert_eq!((pruned.removed, pruned.kept), (3, 3));
    assert_eq!(
        rig.names()
            .iter()
            .filter(|n| n.starts_with(".journal"))
            .count(),
        0
    );
    assert!(rig.path("archive/1.jsonl.zst").exists());
    assert_eq!(rig.pending(), [1, 3, 6]);
    assert_eq!(rig.message(6).content, "message 6, edited");
    let all: Vec<_> = rig
        .inbox(Which::All)
        .into_iter()
        .map(|m| (m.seq, m.status))
        .collect();
    assert_eq!(
        all,
        [
            (1, Status::Read),
            (2, Status::Acked),
            (3, Status::Queued),
            (4, Status::Acked),
            (5, Status::Discarded),
            (6, Status::Queued)
        ]
    );
    assert_eq!(rig.message(4).content, "message 4");
    assert_eq!(rig.history_lease_owner(1), Some(agent("agent-1")));
    assert_eq!(rig.mail("more"), 7);
    rig.ack(3).unwrap();
    rig.prune();
    assert_eq!(rig.pending(), [1, 6, 7]);
    assert_eq!(rig.seqs_shown(), [1, 6, 7]);
    assert_eq!(rig.message(6).content, "message 6, edited");
    assert_eq!(rig.message(5).content, "message 5");
    assert_eq!(rig.nack(1).unwrap().len(), 1);
    let again = rig.ack(3).unwrap();
    assert!(
        again[0].repeated,
        "it was acknowledged before it was sealed"
    );
    assert_eq!(rig.ack(99).unwrap_err().kind(), Kind::Unknown);
}

impl Rig {
    fn history_lease_owner(&self, seq: u64) -> Option<AgentId> {
        let history = self.mailbox.history(&me(), seq, self.now).unwrap().value;
        history.lease.map(|lease| lease.owner)
    }
}

#[test]
fn an_attachment_stays_as_long_as_its_message_and_a_while_longer() {
    let mut rig = Rig::new();
    let source = rig.home.path().join("picture.png");
    std::fs::write(&source, b"pixels").unwrap();
    let file = rig.mailbox.attach(&source).unwrap();
    assert_eq!((file.name.as_str(), file.bytes), ("picture.png", 6));
    assert_eq!(std::fs::read(&file.path).unwrap(), b"pixels");
    assert_eq!(rig.mailbox.attach(&source).unwrap(), file);
    std::fs::write(&source, b"other").unwrap();
    let stray = rig.mailbox.attach(&source).unwrap();

    let mut with_file = draft("see");
    let named = json!([file.note()]);
    with_file.metadata.insert("attachments".into(), named);
    rig.send(with_file);
    rig.prune();
    assert!(stray.path.exists(), "its message may be on its way");
    rig.pass(Duration::from_hours(2));
    assert_eq!(rig.prune().files_removed, [stray.path]);
    assert!(file.path.exists());
    rig.ack(1).unwrap();
    assert_eq!(rig.prune().files_removed, [file.path]);
}

#[test]
fn every_derived_file_may_vanish_at_any_time() {
    let derived = [
        ".index",
        ".keys",
        ".durable",
        ".stamp",
        ".ballast",
        "inbox.json",
        "dead.json",
    ];
    let mut rig = Rig::new();
    let mut acked = 0;
    for round in 0..3 * derived.len() {
        let name = derived[round % derived.len()];
        let before = rig.mail("a");
        rig.send(keyed("k", &format!("key-{round}")));
        rig.nack_next();
        let waiting = rig.pending();
        if rig.path(name).exists() {
            std::fs::remove_file(rig.path(name)).unwrap();
        }
        if round % 2 == 0 {
            rig.reopen();
        }
        assert!(
            rig.send(keyed("k", &format!("key-{round}"))).repeated,
            "{name}"
        );
        assert_eq!(rig.pending(), waiting, "{name}");
        rig.ack(before).unwrap();
        acked += 1;
        assert_eq!(rig.seqs_shown(), rig.pending(), "{name}");
        if round % 5 == 4 {
            rig.prune();
        }
    }
    let all = rig.inbox(Which::All);
    assert_eq!(all.len(), 2 * 3 * derived.len());
    assert_eq!(
        all.iter().filter(|m| m.status == Status::Acked).count(),
        acked
    );
    for name in derived {
        std::fs::remove_file(rig.path(name)).unwrap();
    }
    rig.reopen();
    let waiting = rig.pending();
    assert_eq!(
        rig.seqs_shown(),
        waiting,
        "a look alone shows them, all gone at once"
    );
}

impl Rig {
    fn nack_next(&self) {
        if let Some(taken) = self.next().filter(|taken| taken.message.attempts < 4) {
            self.nack(taken.message.seq).unwrap();
        }
    }
}

#[test]
fn a_derived_file_that_lies_is_made_anew() {
    let rig = Rig::new();
    for n in 0..40 {
        rig.send(keyed("x", &format!("key-{n}")));
    }
    rig.ack(3).unwrap();
    let waiting = rig.pending();
    for name in [".index", ".keys", ".durable", ".stamp"] {
        let len = usize::try_from(std::fs::metadata(rig.path(name)).unwrap().len()).unwrap();
        for at in (0..len).step_by((len / 60).max(5)) {
            let mut bytes = std::fs::read(rig.path(name)).unwrap();
            if at >= bytes.len() {
                continue;
            }
            bytes[at] ^= 0x5a;
            std::fs::write(rig.path(name), bytes).unwrap();
            assert_eq!(rig.pending(), waiting, "{name}, byte {at}");
            let again = rig.send(keyed("x", "key-17"));
            assert_eq!(
                (again.at.seq, again.repeated),
                (18, true),
                "{name}, byte {at}"
            );
            assert_eq!(rig.status(3), Status::Acked, "{name}, byte {at}");
        }
    }
}

#[test]
fn a_journal_that_is_gone_is_never_started_anew() {
    let rig = Rig::new();
    rig.mail("a");
    std::fs::remove_file(rig.path("journal.jsonl")).unwrap();
    for _ in 0..2 {
        let error = rig.try_send(vec![draft("b")]).unwrap_err();
        assert!(matches!(error, Error::JournalGone { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Corrupt);
        let error = rig.mailbox.inbox(&me(), Which::All, rig.now).unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
    }
    assert!(!rig.path("journal.jsonl").exists());
}

#[test]
fn a_directory_that_somebody_made_becomes_a_mailbox_with_what_lies_in_it() {
    let home = TempDir::new().unwrap();
    std::fs::create_dir(home.path().join("agent-1")).unwrap();
    let face = r#"[{"from": "agent-2", "content": "left here"}]"#;
    std::fs::write(home.path().join("agent-1/inbox.json"), face).unwrap();
    let rig = Rig {
        mailbox: Mailbox::open(home.path(), &agent("agent-1")).unwrap(),
        home,
        now: Now {
            wall: Timestamp::from_unix_ms(1_800_000_000_000),
            boot_ms: 1,
        },
    };
    let adopted = rig.inbox(Which::Pending);
    assert_eq!(adopted.len(), 1);
    assert_eq!(
        (adopted[0].content.as_str(), adopted[0].from.as_str()),
        ("left here", "agent-2")
    );
    assert_eq!(rig.seqs_shown(), [1]);
    assert_eq!(rig.pending(), [1]);
}

#[test]
fn a_broken_line_is_named_by_its_place_and_nothing_is_changed() {
    for (broken, why) in [
        (
            r#"{"t":"ack","seq":1,"sum":"0000000000000000"}"#,
            "checksum",
        ),
        ("nonsense", "checksum"),
    ] {
        let rig = Rig::new();
        rig.mail("a");
        let mut journal = rig.text("journal.jsonl");
        let line = journal.lines().count() + 1;
        journal.push_str(broken);
        journal.push('\n');
        std::fs::write(rig.path("journal.jsonl"), &journal).unwrap();
        for name in ["", ".index"] {
            if !name.is_empty() {
                std::fs::remove_file(rig.path(name)).unwrap();
            }
            for error in [
                rig.try_send(vec![draft("b")]).unwrap_err(),
                rig.ack(1).unwrap_err(),
                rig.mailbox.prune(&me(), rig.now).unwrap_err(),
                rig.mailbox
                    .inbox(&me(), Which::Pending, rig.now)
                    .unwrap_err(),
            ] {
                let text = error.to_string();
                assert!(text.contains(&format!("line {line}, column 1")), "{text}");
                assert!(text.contains(why), "{text}");
                assert_eq!(error.kind(), Kind::Corrupt);
            }
        }
        assert_eq!(rig.text("journal.jsonl"), journal);
    }
}

#[test]
fn a_torn_line_is_fenced_off_and_the_mail_around_it_stays() {
    let rig = Rig::new();
    rig.mail("a");
    for torn in [
        "{\"t\":\"send\",\"msg\":{\"se",
        "{\"t\":\"ack\",\"seq\":1\0\0\0",
    ] {
        let mut journal = rig.text("journal.jsonl");
        journal.push_str(torn);
        std::fs::write(rig.path("journal.jsonl"), journal).unwrap();
        let seq = rig.mail("b");
        assert!(rig.pending().contains(&seq) && rig.pending().contains(&1));
        std::fs::remove_file(rig.path(".index")).unwrap();
        assert!(rig.pending().contains(&seq) && rig.pending().contains(&1));
    }
    // A record complete but for its newline was never accepted.
    let seq = rig.mail("whole");
    let journal = rig.text("journal.jsonl");
    std::fs::write(rig.path("journal.jsonl"), journal.trim_end()).unwrap();
    for name in [".index", ".durable"] {
        std::fs::remove_file(rig.path(name)).unwrap();
    }
    assert!(!rig.pending().contains(&seq));
    let again = rig.mail("again");
    assert!(rig.pending().contains(&again));
    assert_eq!(rig.message(again).content, "again");
}

#[test]
fn numbers_that_a_crash_left_out_are_void() {
    let rig = Rig::new();
    for content in ["a", "b", "c"] {
        rig.mail(content);
    }
    let journal = rig.text("journal.jsonl");
    let lost: String = journal
        .lines()
        .map(|line| {
            if line.contains("\"content\":\"b\"") {
                "\0\0\0\0\n".to_owned()
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    std::fs::write(rig.path("journal.jsonl"), lost).unwrap();
    std::fs::remove_file(rig.path(".index")).unwrap();
    assert_eq!(rig.pending(), [1, 3]);
    let lost = rig.mailbox.message(&me(), 2, rig.now).unwrap_err();
    assert_eq!(lost.kind(), Kind::Unknown);
    assert_eq!(rig.ack(2).unwrap_err().kind(), Kind::No);
    assert_eq!(rig.mail("d"), 4);
    assert!(rig.text("journal.jsonl").contains(r#""t":"void","seq":2"#));
    assert_eq!(rig.pending(), [1, 3, 4]);
    rig.prune();
    assert_eq!(rig.pending(), [1, 3, 4]);
}

#[test]
fn a_newer_journal_is_read_and_never_written_to() {
    let rig = Rig::new();
    rig.mail("a");
    rig.next().unwrap();
    let journal = rig.text("journal.jsonl");
    let (first, rest) = journal.split_once('\n').unwrap();
    let mut line = first[..first.len() - 26]
        .replace("\"v\":1", "\"v\":2")
        .into_bytes();
    let salt = first.split("\"salt\":\"").nth(1).unwrap()[..16].to_owned();
    crate::store::seal(&mut line, 0, u64::from_str_radix(&salt, 16).unwrap());
    let newer = String::from_utf8(line).unwrap() + rest;
    std::fs::write(rig.path("journal.jsonl"), &newer).unwrap();
    std::fs::remove_file(rig.path(".index")).unwrap();
    for touch in [false, true] {
        if touch {
            rig.dump(&[json!({"from": "agent-2", "content": "new"})]);
        }
        let errors = [
            rig.mailbox
                .send(&me(), vec![draft("b")], rig.now)
                .unwrap_err(),
            rig.ack(1).unwrap_err(),
            rig.mailbox.prune(&me(), rig.now).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), Kind::Config, "{error}");
            assert!(error.to_string().contains("format 2"), "{error}");
        }
        assert_eq!(rig.pending(), [1], "reading still works");
        assert_eq!(rig.message(1).content, "a");
        assert_eq!(rig.steps(1)[0], "queued");
        assert_eq!(rig.text("journal.jsonl"), newer);
    }
    assert_eq!(
        rig.face()[0]["content"],
        "new",
        "an edit waits for the newer program"
    );
}

#[test]
fn pruning_is_due_by_itself_once_most_of_the_journal_is_waste() {
    let rig = Rig::new();
    let big = "x".repeat(200 << 10);
    for _ in 0..8 {
        let seq = rig.mail(&big);
        rig.ack(seq).unwrap();
    }
    assert!(rig.path("archive").exists());
    let size = std::fs::metadata(rig.path("journal.jsonl")).unwrap().len();
    assert!(size < 1 << 20, "{size} bytes");
    assert_eq!(rig.inbox(Which::All).len(), 8);
}

#[test]
fn of_many_that_expire_at_once_every_sender_is_told_a_few_a_verb() {
    let mut rig = Rig::new();
    let mut short = draft("soon");
    short.expires_at = Some(rig.now.wall.plus(Duration::from_secs(1)));
    rig.try_send(vec![short; 20]).unwrap();
    rig.pass(Duration::from_secs(1));
    let mut told = Vec::new();
    for round in 0..5 {
        let outcome = rig.mailbox.next(&me(), LEASE, rig.now).unwrap();
        let seqs: Vec<u64> = notices(&outcome.effects)
            .iter()
            .map(|notice| {
                let id = notice.reply_to.unwrap();
                rig.mailbox.find_id(&me(), id, rig.now).unwrap().unwrap()
            })
            .collect();
        // The first of them cannot be told at first: its sender's mailbox is busy, say.
        let could: Vec<u64> = seqs
            .into_iter()
            .filter(|&seq| seq != 1 || round > 1)
            .collect();
        rig.mailbox.noticed(&me(), &could, rig.now).unwrap();
        told.extend(could);
    }
    told.sort_unstable();
    assert_eq!(told, (1..=20).collect::<Vec<u64>>());
}

#[test]
fn what_became_of_a_lease_outlives_the_index() {
    let mut rig = Rig::new();
    rig.mail("a");
    rig.mail("b");
    let first = permit("agent-1", Some("run-1"));
    let second = permit("agent-1", Some("run-2"));
    let take = |rig: &Rig, who| {
        let taken = rig.mailbox.next(who, LEASE, rig.now).unwrap().value;
        taken.map(|taken| taken.message.seq)
    };
    assert_eq!(take(&rig, &first), Some(1));
    assert_eq!(take(&rig, &first), Some(2));
    // Ends both leases and takes one.
    assert_eq!(take(&rig, &second), Some(1));
    std::fs::remove_file(rig.path(".index")).unwrap();
    assert_eq!(rig.status(2), Status::Queued);
    assert!(rig.recall("agent-2", 2).is_ok());

    rig.pass(LEASE);
    rig.mailbox.mark_read(&me(), &[1], rig.now).unwrap();
    std::fs::remove_file(rig.path(".index")).unwrap();
    assert_eq!(rig.status(1), Status::Read);
    assert_eq!(
        rig.steps(1),
        ["queued", "leased", "nacked", "leased", "nacked", "read"]
    );
}

#[test]
fn a_new_run_takes_nothing_that_expired_under_the_lease_of_an_earlier_one() {
    let mut rig = Rig::new();
    let expires_at = Some(rig.now.wall.plus(LEASE / 2));
    rig.send(Draft {
        expires_at,
        ..draft("a")
    });
    let first = permit("agent-1", Some("run-1"));
    rig.mailbox.next(&first, LEASE, rig.now).unwrap();
    rig.pass(LEASE / 2);
    let second = permit("agent-1", Some("run-2"));
    let taken = rig.mailbox.next(&second, LEASE, rig.now).unwrap();
    assert!(taken.value.is_none());
    assert_eq!(notices(&taken.effects).len(), 1);
    assert_eq!(rig.status(1), Status::Expired);
}

#[test]
fn who_shows_late_what_he_flushed_before_a_compaction_hides_nothing() {
    let rig = Rig::new();
    rig.mail("first");
    let permit = me();
    let mut visit = Visit::new(&rig.mailbox, &permit, rig.now);
    let mut held = visit.hold().unwrap();
    held.push(&visit.record(Tag::Announced, 1));
    let written = held.commit().unwrap();
    visit.flush(&written).unwrap();
    // Meanwhile others send, and the journal makes room for the next generation.
    for _ in 0..5 {
        rig.mail("later");
    }
    rig.prune();
    visit.show();
    assert_eq!(visit.warnings, Vec::<String>::new());
    assert_eq!(rig.seqs_shown(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn what_a_killed_render_left_goes_with_a_prune_however_many_wait() {
    let rig = Rig::new();
    let full = face::MOST_MESSAGES;
    rig.try_send((0..full).map(|n| draft(&n.to_string())).collect())
        .unwrap();
    std::fs::copy(rig.path("inbox.json"), rig.path(".face-0000000000000001")).unwrap();
    // The face is full: a message beyond it makes no new one.
    rig.mail("last");
    assert!(rig.names().iter().any(|name| name.starts_with(".face-")));
    rig.prune();
    assert!(!rig.names().iter().any(|name| name.starts_with(".face-")));
    assert_eq!(rig.pending().len(), full + 1);
}
