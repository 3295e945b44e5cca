//! The reader of the face: whatever a person or a script leaves as `inbox.json`, no verb ends by it, no mail is lost
//! by it, and nothing is taken over twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use dreamos::desk::{Breaker, Claim, Desk, Unknown, Which};
use dreamos::mailbox::import::{self, Source};
use dreamos::mailbox::{Address, Message, Status, json};
use dreamos::names::{AgentId, Caller, Draft, MessageId, Mode};
use dreamos::root;
use dreamos::time::{Now, Timestamp};

use super::{corpus, fuzz, place};
use crate::home::{Home, copy_tree};

/// Bytes that are no JSON are read twice, with a pause: these take long.
const RUNS: usize = 100;
const AGENT: &str = "agent-1";

/// A mailbox with mail of every kind, and a copy of it that is fuzzed.
struct Rig {
    home: Home,
    desk: Desk,
    agent: AgentId,
    warnings: Arc<Mutex<Vec<String>>>,
    known: BTreeMap<u64, Message>,
    /// The entries of the face, as they were rendered.
    entries: BTreeMap<u64, String>,
    rev: String,
    /// When the face at hand was rendered.
    rendered: SystemTime,
}

fn agent(name: &str) -> AgentId {
    AgentId::parse(name).unwrap()
}

impl Rig {
    fn new() -> Self {
        let home = Home::below(place());
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&warnings);
        let caller = Caller {
            agent: agent(AGENT),
            incarnation: None,
            uid: 0,
            login: None,
            guest: None,
        };
        let desk = Desk::open(root::Home::at(&home.dir), caller, move |warning| {
            heard.lock().unwrap().push(warning.to_owned());
        });
        let mut rig = Self {
            home,
            desk: desk.unwrap(),
            agent: agent(AGENT),
            warnings,
            known: BTreeMap::new(),
            entries: BTreeMap::new(),
            rev: String::new(),
            rendered: SystemTime::UNIX_EPOCH,
        };
        rig.fill();
        rig
    }

    fn send(&self, content: &str, mode: Mode, not_before: Option<Timestamp>) {
        let draft = Draft {
            mode,
            not_before,
            ..Draft::new(agent("agent-2"), agent(AGENT), content)
        };
        let sent = self
            .desk
            .send(draft, Unknown::Refuse, Breaker::Override, Now::read());
        sent.unwrap();
    }

    fn at(seq: u64) -> Address {
        Address {
            mailbox: agent(AGENT),
            seq,
        }
    }

    fn fill(&mut self) {
        let now = Now::read();
        self.send("one", Mode::Normal, None);
        self.send("two", Mode::Normal, None);
        self.send("three", Mode::Priority, None);
        let taken = self.desk.next(&self.agent, Duration::from_hours(24), now);
        assert_eq!(taken.unwrap().unwrap().message.seq, 3);
        let year_2100 = Timestamp::parse("2100-01-01T00:00:00Z");
        self.send("four", Mode::Bulk, year_2100);
        self.send("five", Mode::Normal, None);
        self.desk.ack(&Self::at(5), &Claim::default(), now).unwrap();
        self.send("six", Mode::Normal, None);
        let sender = Caller {
            agent: agent("agent-2"),
            ..self.desk.caller().clone()
        };
        let sender = self.desk.clone().speaking_as(sender);
        sender.recall(&Self::at(6), now).unwrap();
        self.send(&"long ".repeat(14_000), Mode::Normal, None);
        let face = std::fs::read_to_string(self.home.face(AGENT)).unwrap();
        let theirs = r#"[{"id":"theirs","from":"agent-4","content":"eight"},"#;
        let face = face.replacen("\"two\"", "\"two, edited\"", 1);
        let face = face.replacen('[', theirs, 1);
        std::fs::write(self.home.face(AGENT), face).unwrap();
        self.known = self.look();
        assert_eq!(self.known.len(), 8);
        assert_eq!(self.known[&2].content, "two, edited");
        let face = std::fs::read(self.home.face(AGENT)).unwrap();
        for item in json::items(&face).unwrap() {
            let seq = item.fields.get("seq").unwrap().get().parse().unwrap();
            self.entries.insert(seq, item.raw.to_owned());
            self.rev = item.fields.get("rev").unwrap().get().into();
        }
        assert_eq!(self.entries.len(), 6);
        let face = std::fs::metadata(self.home.face(AGENT)).unwrap();
        self.rendered = face.modified().unwrap();
        copy_tree(&self.home.mailbox(AGENT), &self.kept());
    }

    fn kept(&self) -> std::path::PathBuf {
        self.home.dir.join("kept")
    }

    /// `%1%` is the entry of the first message, `%id1%` its id, `%rev%` the rendering.
    fn fill_in(&self, text: &[u8]) -> Vec<u8> {
        let mut out = text.to_vec();
        let mut put = |name: &str, value: &str| {
            while let Some(at) = out
                .windows(name.len())
                .position(|part| part == name.as_bytes())
            {
                drop(out.splice(at..at + name.len(), value.bytes()));
            }
        };
        for (seq, entry) in &self.entries {
            put(&format!("%{seq}%"), entry);
        }
        for (seq, message) in &self.known {
            put(&format!("%id{seq}%"), &message.id.to_string());
        }
        put("%rev%", &self.rev);
        out
    }

    fn reset(&self) {
        std::fs::remove_dir_all(self.home.mailbox(AGENT)).unwrap();
        copy_tree(&self.kept(), &self.home.mailbox(AGENT));
        self.warnings.lock().unwrap().clear();
    }

    /// As if a while after it was rendered, so that `[]` counts, or at once, however long the run has taken by now.
    fn dump(&self, bytes: &[u8], late: bool) {
        std::fs::write(self.home.face(AGENT), bytes).unwrap();
        let after = if late {
            Duration::from_hours(1)
        } else {
            Duration::from_millis(1)
        };
        let face = std::fs::File::options()
            .write(true)
            .open(self.home.face(AGENT));
        face.unwrap().set_modified(self.rendered + after).unwrap();
    }

    fn look(&self) -> BTreeMap<u64, Message> {
        let all = self.desk.inbox(&self.agent, Which::All);
        let all = all.unwrap_or_else(|error| panic!("the verb does not go on: {error}"));
        all.into_iter().map(|it| (it.seq, it)).collect()
    }

    fn rejected(&self) -> Vec<Vec<u8>> {
        let mut names = self.home.names(AGENT);
        names.retain(|name| name.starts_with("inbox.json.rejected-"));
        let read = |name: &String| std::fs::read(self.home.mailbox(AGENT).join(name)).unwrap();
        names.iter().map(read).collect()
    }

    /// The face shows what waits, in its order.
    fn face_is_true(&self) {
        let pending = self.desk.inbox(&self.agent, Which::Pending).unwrap();
        let pending: Vec<u64> = pending.iter().map(|it| it.seq).collect();
        let face = std::fs::read(self.home.face(AGENT)).unwrap();
        let shown = json::items(&face).expect("the face is whole");
        let seq = |item: &json::Item| item.fields.get("seq").unwrap().get().parse().unwrap();
        let shown: Vec<u64> = shown.iter().map(seq).collect();
        assert_eq!(shown, pending);
    }

    fn judge(&self, bytes: &[u8], late: bool) {
        self.reset();
        self.dump(bytes, late);
        let first = self.look();
        for (seq, before) in &self.known {
            self.judge_one(before, &first[seq], bytes, late);
        }
        let kept = self.rejected();
        if must_be_kept(bytes) {
            assert_eq!(kept, [bytes], "it is not kept");
            assert_eq!(first, self.known, "of a file that cannot be read");
        }
        assert!(kept.iter().all(|it| it == bytes), "kept, but not as it was");
        assert_eq!(
            kept.is_empty(),
            self.warnings.lock().unwrap().is_empty(),
            "it is kept and nobody is told, or the other way round"
        );
        self.face_is_true();
        assert_eq!(self.look(), first, "a second look changes something");

        // A script that dumps the same once more: what has a name of its own is here already.
        self.dump(bytes, late);
        let second = self.look();
        let new = |all: &BTreeMap<u64, Message>, since: &BTreeMap<u64, Message>| {
            let new = all.values().filter(|it| !since.contains_key(&it.seq));
            new.cloned().collect::<Vec<_>>()
        };
        let named = |it: &Message| it.extra.contains_key("foreign_id");
        let once = new(&first, &self.known);
        let twice = new(&second, &first);
        assert_eq!(twice.iter().find(|it| named(it)), None, "adopted twice");
        assert!(twice.len() <= once.iter().filter(|it| !named(it)).count());
        assert_eq!(self.rejected(), kept, "the same bytes are kept once");

        for name in [".index", ".keys", ".durable", ".stamp", "inbox.json"] {
            std::fs::remove_file(self.home.mailbox(AGENT).join(name)).unwrap();
        }
        assert_eq!(self.look(), second, "the journal alone does not hold it");
        self.face_is_true();
        let found = self.desk.doctor(Some(&self.agent), false, Now::read());
        assert_eq!(found.unwrap(), []);
        for (seq, discarded) in second {
            if discarded.status == Status::Discarded {
                let again = self.desk.restore(&Self::at(seq), Now::read()).unwrap();
                let again = self.desk.message(&again.at).unwrap();
                assert_eq!(again.content, discarded.content);
            }
        }
    }

    fn judge_one(&self, before: &Message, after: &Message, bytes: &[u8], late: bool) {
        assert_eq!(
            (before.id, &before.from, before.timestamp, before.attempts),
            (after.id, &after.from, after.timestamp, after.attempts)
        );
        let id = before.id.to_string();
        let is_named = || {
            bytes
                .windows(id.len())
                .any(|part| part.eq_ignore_ascii_case(id.as_bytes()))
        };
        if before.status == after.status {
            // An escape or a letter that reads as another may spell it too.
            assert!(
                before == after || is_named() || bytes.contains(&b'\\'),
                "{after:?}"
            );
            return;
        }
        assert!(before.status.is_pending(), "what is over stays as it ended");
        assert_eq!(after.status, Status::Discarded);
        let items = json::items(bytes).expect("a file that is no array removes nothing");
        let there = |item: &json::Item| {
            let id = item
                .fields
                .str("id")
                .and_then(|id| MessageId::parse(&id).ok());
            id == Some(before.id)
        };
        assert!(!items.iter().any(there), "it is there and was discarded");
        let known: u64 = self.rev.parse().unwrap();
        let seen = |item: &json::Item| {
            let rev = item
                .fields
                .get("rev")
                .and_then(|rev| rev.get().parse().ok());
            rev.is_some_and(|rev: u64| rev <= known)
        };
        assert!(
            if items.is_empty() {
                late
            } else {
                items.iter().any(seen)
            },
            "whoever wrote it may never have seen what he left out"
        );
    }
}

/// Whether nothing can be made of it.
fn must_be_kept(bytes: &[u8]) -> bool {
    if bytes.iter().all(|&b| b == 0 || b.is_ascii_whitespace()) || json::items(bytes).is_ok() {
        return false;
    }
    let source = Source {
        file_name: "inbox.json".into(),
        folder: Some(AGENT.into()),
        sender: None,
    };
    let other = import::read(bytes, &source);
    json::depth(bytes).is_err() || other.mail.is_empty() || !other.unread.is_empty()
}

#[test]
fn whatever_stands_in_the_face_no_mail_is_lost_or_doubled_by_it() {
    let rig = Rig::new();
    let corpus = corpus(&["fuzz/face/corpus"]);
    let corpus: Vec<_> = corpus
        .iter()
        .map(|(name, text)| (name.clone(), rig.fill_in(text)))
        .collect();
    let mut bits: Vec<String> = rig.entries.values().cloned().collect();
    bits.extend(
        rig.known
            .values()
            .map(|it| format!("\"id\":\"{}\",", it.id)),
    );
    bits.push(format!("\"rev\":{},", rig.rev));
    let bits: Vec<&str> = bits.iter().map(String::as_str).collect();
    let rig = std::panic::AssertUnwindSafe(rig);
    fuzz(&corpus, &bits, RUNS, move |bytes, number| {
        let rig = &rig;
        rig.judge(bytes, number % 2 == 1);
    });
}
