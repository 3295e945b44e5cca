//! Each violation that can be seen on disk, planted and named.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::sync::LazyLock;
use std::time::Duration;

use tempfile::TempDir;

use super::super::index::{Identity, Index};
use super::super::keys::Keys;
use super::super::read::Which;
use super::super::record::{self, Envelope, Letter, Opening, Record, Tag};
use super::super::render::DEAD;
use super::super::slot::{Slot, State};
use super::super::take::Claim;
use super::*;
use crate::names::{Act, Caller, Draft, MessageId, Mode, Verb};
use crate::store;

fn agent() -> AgentId {
    AgentId::parse("agent-1").unwrap()
}

fn permit(who: &str) -> Permit {
    Permit::grant(Act {
        verb: Verb::MailRepair,
        caller: Caller {
            agent: AgentId::parse(who).unwrap(),
            incarnation: None,
            uid: 0,
            login: None,
            guest: None,
        },
        target: agent(),
    })
}

/// So many seconds after the tests began: archives are kept by the times of their files.
fn at(seconds: i64) -> Now {
    static BEGAN: LazyLock<Now> = LazyLock::new(Now::read);
    Now {
        wall: Timestamp::from_unix_ms(BEGAN.wall.unix_ms() + seconds * 1000),
        boot_ms: BEGAN.boot_ms + 1_000_000 + seconds.unsigned_abs() * 1000,
    }
}

/// One mailbox in a home of its own.
struct Place {
    home: TempDir,
    mailbox: Mailbox,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mailbox = Mailbox::open_or_create(home.path(), &agent(), at(0)).unwrap();
        Self { home, mailbox }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join("agent-1").join(name)
    }

    fn send(&self, text: &str, now: Now, change: impl Fn(&mut Draft)) -> u64 {
        let from = AgentId::parse("agent-2").unwrap();
        let mut draft = Draft::new(from, agent(), text);
        change(&mut draft);
        let (sent, _) = self
            .mailbox
            .send(&permit("agent-2"), vec![draft], now)
            .unwrap();
        sent[0].at.seq
    }

    fn look(&self, now: Now) -> Vec<Finding> {
        self.mailbox
            .doctor(&permit("user"), false, now)
            .unwrap()
            .value
    }

    fn fix(&self, now: Now) -> Outcome<Vec<Finding>> {
        self.mailbox.doctor(&permit("user"), true, now).unwrap()
    }

    fn pending(&self, now: Now) -> Vec<String> {
        let inbox = self.mailbox.inbox(&permit("agent-1"), Which::Pending, now);
        inbox
            .unwrap()
            .value
            .into_iter()
            .map(|it| it.content)
            .collect()
    }

    fn journal(&self) -> Vec<u8> {
        fs::read(self.path(JOURNAL)).unwrap()
    }

    fn opening(&self) -> Opening {
        let journal = self.journal();
        Opening::parse(journal.split(|&b| b == b'\n').next().unwrap()).unwrap()
    }

    fn append(&self, bytes: &[u8]) {
        let mut journal = self.journal();
        journal.extend_from_slice(bytes);
        fs::write(self.path(JOURNAL), journal).unwrap();
    }

    fn append_record(&self, record: &Record<'_>) {
        let mut line = Vec::new();
        record.write(&mut line, self.opening().salt);
        self.append(&line);
    }

    fn append_send(&self, seq: u64, id: MessageId, text: &str) {
        let draft = Draft::new(AgentId::captain(), agent(), text);
        let letter = Letter::new(draft, seq, id, at(5).wall);
        let mut line = Vec::new();
        record::write_send(
            &mut line,
            &Envelope::default(),
            &letter,
            self.opening().salt,
        );
        self.append(&line);
    }

    fn id_at(now: Now) -> MessageId {
        MessageId::next(None, now.wall.unix_ms().unsigned_abs(), || 7)
    }

    /// Replaces the first occurrence in a line of the journal that holds `in_line`.
    fn break_line(&self, in_line: &str, from: &str, to: &str) {
        let text = String::from_utf8(self.journal()).unwrap();
        let lines: Vec<String> = text
            .split_inclusive('\n')
            .map(|line| {
                if line.contains(in_line) {
                    line.replacen(from, to, 1)
                } else {
                    line.to_owned()
                }
            })
            .collect();
        let broken = lines.concat();
        assert_ne!(broken, text, "nothing was broken");
        fs::write(self.path(JOURNAL), broken).unwrap();
    }

    /// As if nobody had looked since the boot.
    fn forget_derived(&self) {
        for name in [".index", ".keys"] {
            let _ = fs::remove_file(self.path(name));
        }
    }

    fn index(&self) -> Index {
        let dir = Dir::open(&self.path("")).unwrap();
        let index = Index::open(dir.file(INDEX, Open::Write).unwrap()).unwrap();
        assert!(index.is_of(&self.identity()));
        index
    }

    fn identity(&self) -> Identity {
        let opening = self.opening();
        Identity {
            r#gen: opening.generation,
            salt: opening.salt,
            boot: self.mailbox.boot,
        }
    }

    fn change_slot(&self, seq: u64, change: impl Fn(Slot) -> Slot) {
        let mut index = self.index();
        let slot = index.slot(seq).unwrap().unwrap();
        index.put(&change(slot)).unwrap();
        index.flush().unwrap();
    }
}

/// Three pending messages, one of each other fate.
fn plain() -> Place {
    let place = Place::new();
    for (n, text) in (0..).zip(["one", "two", "three", "four", "five"]) {
        place.send(text, at(n), |draft| {
            draft.key = Some(format!("key-{n}"));
        });
    }
    let (me, claim) = (permit("agent-1"), Claim::default());
    place.mailbox.ack(&me, &[4], &claim, at(6)).unwrap();
    place.mailbox.recall(&permit("agent-2"), 5, at(7)).unwrap();
    assert_eq!(place.pending(at(8)), PENDING);
    place
}

const PENDING: [&str; 3] = ["one", "two", "three"];
const LATER: i64 = 60;

/// A file: path, inode, mode, times, content.
type Seen = (PathBuf, u64, u32, i64, i64, Vec<u8>);

/// Every file below, with what tells whether it was touched.
fn tree(root: &Path) -> Vec<Seen> {
    let mut all = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(root)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let meta = fs::symlink_metadata(&path).unwrap();
        let bytes = if meta.is_file() {
            fs::read(&path).unwrap()
        } else {
            Vec::new()
        };
        let times = (meta.mtime(), meta.mtime_nsec());
        all.push((
            path.clone(),
            meta.ino(),
            meta.mode(),
            times.0,
            times.1,
            bytes,
        ));
        if meta.is_dir() {
            all.extend(tree(&path));
        }
    }
    all
}

fn words(findings: &[Finding]) -> BTreeSet<&'static str> {
    findings.iter().map(|it| it.what).collect()
}

/// A violation, and what becomes of it.
struct Case {
    word: &'static str,
    name: &'static str,
    plant: fn(&Place),
    /// The pending messages after `--fix`; `None`: it is to be mended by hand.
    after: Option<&'static [&'static str]>,
    /// What the detail says of the place.
    says: &'static str,
}

const fn case(
    word: &'static str,
    name: &'static str,
    plant: fn(&Place),
    after: Option<&'static [&'static str]>,
    says: &'static str,
) -> Case {
    Case {
        word,
        name,
        plant,
        after,
        says,
    }
}

const ALL: Option<&[&str]> = Some(&PENDING);

const CASES: &[Case] = &[
    case(
        word::JOURNAL_GONE,
        "journal removed",
        |it| {
            fs::remove_file(it.path(JOURNAL)).unwrap();
        },
        None,
        "put it back",
    ),
    case(
        word::JOURNAL_NO_OPENING,
        "first line broken",
        |it| {
            it.break_line(r#""t":"open""#, "agent-1", "agent-2");
        },
        None,
        "line 1, column 1",
    ),
    case(
        word::JOURNAL_NEWER,
        "format 2",
        |it| {
            let mut opening = it.opening();
            opening.version = VERSION + 1;
            let mut line = Vec::new();
            opening.write(&mut line, at(0).wall);
            let journal = fs::File::options()
                .write(true)
                .open(it.path(JOURNAL))
                .unwrap();
            journal.write_all_at(&line, 0).unwrap();
        },
        None,
        "format 2",
    ),
    case(
        word::JOURNAL_OF_ANOTHER,
        "journal of agent-7",
        |it| {
            let mut opening = it.opening();
            opening.mailbox = AgentId::parse("agent-7").unwrap();
            let mut line = Vec::new();
            opening.write(&mut line, at(0).wall);
            let journal = fs::File::options()
                .write(true)
                .open(it.path(JOURNAL))
                .unwrap();
            journal.write_all_at(&line, 0).unwrap();
        },
        None,
        "agent-7",
    ),
    case(
        word::JOURNAL_BAD_RECORD,
        "a changed content",
        |it| {
            it.break_line(r#""content":"two""#, "two", "owt");
        },
        Some(&["one", "three"]),
        "line 4, column 1: its checksum is wrong",
    ),
    case(
        word::JOURNAL_BAD_RECORD,
        "the same after a reboot",
        |it| {
            it.break_line(r#""content":"two""#, "two", "owt");
            it.forget_derived();
        },
        Some(&["one", "three"]),
        "line 4, column 1: its checksum is wrong",
    ),
    case(
        word::JOURNAL_BAD_RECORD,
        "a broken acknowledgement",
        |it| {
            it.break_line(r#""t":"ack""#, r#""seq":4"#, r#""seq":3"#);
            it.forget_derived();
        },
        Some(&["one", "two", "three", "four"]),
        "its checksum is wrong",
    ),
    case(
        word::JOURNAL_BAD_RECORD,
        "no JSON",
        |it| {
            it.append(b"{\"t\":\"ack\", seq}\n");
        },
        ALL,
        "column 13: no record",
    ),
    case(
        word::JOURNAL_BAD_RECORD,
        "a sealed record of a wrong type",
        |it| {
            let mut line = br#"{"t":"ack","seq":"one""#.to_vec();
            store::seal(&mut line, 0, it.opening().salt);
            it.append(&line);
        },
        ALL,
        "invalid type",
    ),
    case(
        word::JOURNAL_BAD_RECORD,
        "a sealed message without an id",
        |it| {
            let mut line = br#"{"t":"send","msg":{"seq":6}"#.to_vec();
            store::seal(&mut line, 0, it.opening().salt);
            it.append(&line);
            it.forget_derived();
        },
        ALL,
        "missing field",
    ),
    case(
        word::JOURNAL_BAD_RECORD,
        "numbers leap",
        |it| {
            it.append_send(1 << 40, Place::id_at(at(9)), "far");
            it.forget_derived();
        },
        ALL,
        "after 5",
    ),
    case(
        word::JOURNAL_ORPHAN,
        "an ack of what was never sent",
        |it| {
            it.append_record(&Record::new(Tag::Ack, 77, at(9).wall));
        },
        ALL,
        "number 77",
    ),
    case(
        word::SENT_TWICE,
        "another message under a number",
        |it| {
            it.append_send(3, Place::id_at(at(9)), "other");
        },
        ALL,
        "number 3",
    ),
    case(
        word::SEQ_NOT_RISING,
        "an older number comes late",
        |it| {
            it.append_send(8, Place::id_at(at(9)), "eight");
            for seq in [6, 7] {
                it.append_record(&Record::new(Tag::Void, seq, at(9).wall));
            }
            it.append_send(7, Place::id_at(at(10)), "seven");
        },
        Some(&["one", "two", "three", "eight"]),
        "number 7 comes after 8",
    ),
    case(
        word::SEQ_GAP,
        "numbers are missing",
        |it| {
            it.append_send(9, Place::id_at(at(9)), "nine");
            it.forget_derived();
        },
        Some(&["one", "two", "three", "nine"]),
        "3 of the numbers 6 to 8",
    ),
    case(
        word::ID_NOT_RISING,
        "an id goes back",
        |it| {
            it.append_send(6, Place::id_at(at(-900)), "six");
        },
        None,
        "number 6",
    ),
    case(
        word::INDEX_DIFFERS,
        "a slot of another state",
        |it| {
            it.change_slot(2, |slot| Slot {
                state: State::Acked,
                ..slot
            });
        },
        ALL,
        "seq 2: state",
    ),
    case(
        word::INDEX_DIFFERS,
        "a slot of another class",
        |it| {
            it.change_slot(2, |slot| Slot {
                class: crate::names::Class::Bulk,
                ..slot
            });
        },
        ALL,
        "seq 2: class",
    ),
    case(
        word::INDEX_DIFFERS,
        "a message points elsewhere",
        |it| {
            it.change_slot(2, |slot| Slot {
                send: super::super::slot::Span { offset: 1, len: 1 },
                ..slot
            });
        },
        ALL,
        "seq 2: the place of the message",
    ),
    case(
        word::INDEX_DIFFERS,
        "applied beyond the end",
        |it| {
            let mut index = it.index();
            index.set_applied(1 << 30);
            index.flush().unwrap();
        },
        ALL,
        "it goes to 1073741824",
    ),
    case(
        word::INDEX_DIFFERS,
        "the last number",
        |it| {
            let mut index = it.index();
            index.set_last_seq(99);
            index.flush().unwrap();
        },
        ALL,
        "the last number",
    ),
    case(
        word::INDEX_DIFFERS,
        "a bitmap loses a bit",
        |it| {
            let path = it.path(INDEX);
            let mut bytes = fs::read(&path).unwrap();
            // Pages: header, summary, due times of the chunks, head of the first chunk.
            let head = (1 + 1 + 16) * 4096;
            let bitmap = (head..head + 4096).find(|&at| bytes[at] == 0b111).unwrap();
            bytes[bitmap] = 0b101;
            fs::write(&path, bytes).unwrap();
        },
        ALL,
        "seq 2: the pending bitmap",
    ),
    case(
        word::INDEX_INVALID,
        "something else as index",
        |it| {
            fs::write(it.path(INDEX), vec![b'x'; 9000]).unwrap();
        },
        ALL,
        "no index",
    ),
    case(
        word::KEYS_DIFFER,
        "a key points elsewhere",
        |it| {
            let dir = Dir::open(&it.path("")).unwrap();
            let mut keys = Keys::open(dir.file(".keys", Open::Write).unwrap()).unwrap();
            let mut all = Vec::new();
            keys.each(|hash, value| all.push((hash, value))).unwrap();
            let (hash, value) = all[0];
            keys.put(hash, value + 1).unwrap();
            keys.flush().unwrap();
        },
        ALL,
        "1 keys",
    ),
    case(
        word::KEYS_DIFFER,
        "a key of nothing",
        |it| {
            let dir = Dir::open(&it.path("")).unwrap();
            let mut keys = Keys::open(dir.file(".keys", Open::Write).unwrap()).unwrap();
            keys.put(12345, 2).unwrap();
            keys.flush().unwrap();
        },
        ALL,
        "1 keys",
    ),
    case(
        word::KEYS_DIFFER,
        "the keys are empty",
        |it| {
            let dir = Dir::open(&it.path("")).unwrap();
            let mut keys = Keys::open(dir.file(".keys", Open::Write).unwrap()).unwrap();
            keys.reset(&it.identity()).unwrap();
            keys.flush().unwrap();
        },
        ALL,
        "6 keys",
    ),
    case(
        word::KEYS_INVALID,
        "something else as keys",
        |it| {
            fs::write(it.path(".keys"), vec![b'x'; 9000]).unwrap();
        },
        ALL,
        "no keys",
    ),
    case(
        word::DURABLE_BEYOND,
        "durable beyond the end",
        |it| {
            let opening = it.opening();
            let words = [opening.generation.to_le_bytes(), (1u64 << 30).to_le_bytes()].concat();
            let sum = store::sum(&words, opening.salt);
            fs::write(
                it.path(".durable"),
                [&words[..], &sum.to_le_bytes()].concat(),
            )
            .unwrap();
        },
        ALL,
        "durable to 1073741824",
    ),
    case(
        word::STAMP_INVALID,
        "something else as stamp",
        |it| {
            fs::write(it.path(".stamp"), vec![b'x'; 9000]).unwrap();
        },
        ALL,
        "no stamp",
    ),
    case(
        word::FACE_MISSING,
        "face removed",
        |it| {
            fs::remove_file(it.path(FACE)).unwrap();
        },
        ALL,
        "missing",
    ),
    case(
        word::FACE_MISSING,
        "face of NULs",
        |it| {
            fs::write(it.path(FACE), [0; 700]).unwrap();
        },
        ALL,
        "empty",
    ),
    case(
        word::FACE_INVALID,
        "face is no JSON",
        |it| {
            fs::write(it.path(FACE), b"[\n{\"id\": }\n]\n").unwrap();
        },
        ALL,
        "line 2, column 8",
    ),
    case(
        word::FACE_EDITED,
        "an entry was added",
        |it| {
            let text = fs::read_to_string(it.path(FACE)).unwrap();
            let more = text.replacen("\n]\n", ",\n{\"from\":\"me\",\"content\":\"new\",\"timestamp\":\"2027-01-15T08:00:00Z\"}\n]\n", 1);
            assert_ne!(text, more);
            fs::write(it.path(FACE), more).unwrap();
        },
        Some(&["one", "two", "three", "new"]),
        "edited",
    ),
    case(
        word::FACE_BEHIND,
        "a closed message is shown, though nobody edited",
        |it| {
            let stamp = fs::metadata(it.path(FACE)).unwrap();
            let text = fs::read_to_string(it.path(FACE)).unwrap();
            let shown = text.replacen("\"two\"", "\"owt\"", 1);
            assert_ne!(text, shown);
            let file = fs::File::options().write(true).open(it.path(FACE)).unwrap();
            file.write_all_at(shown.as_bytes(), 0).unwrap();
            file.set_modified(stamp.modified().unwrap()).unwrap();
        },
        ALL,
        "number 2 is not shown as it stands",
    ),
    case(
        word::FACE_BEHIND,
        "killed before the rendering",
        |it| {
            let seq = 6;
            it.append_send(seq, Place::id_at(at(9)), "six");
            let visit = Visit::new(&it.mailbox, &permit("user"), at(9));
            let written = visit.hold().unwrap().commit().unwrap();
            written.journal.flush(visit.dir()).unwrap();
        },
        Some(&["one", "two", "three", "six"]),
        "number 6 is not shown",
    ),
    case(
        word::DEAD_INVALID,
        "dead.json is no JSON",
        |it| {
            fs::write(it.path(DEAD), b"[{\n").unwrap();
        },
        ALL,
        "line 2",
    ),
    case(
        word::DEAD_LACKING,
        "dead.json removed",
        |it| {
            fs::remove_file(it.path(DEAD)).unwrap();
        },
        ALL,
        "number 5",
    ),
    case(
        word::ARCHIVE_BROKEN,
        "a cut archive",
        |it| {
            it.mailbox.prune(&permit("user"), at(9)).unwrap();
            let path = it.path("archive/1.jsonl.zst");
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        },
        None,
        "",
    ),
    case(
        word::ARCHIVE_BROKEN,
        "a changed archive",
        |it| {
            it.mailbox.prune(&permit("user"), at(9)).unwrap();
            let path = it.path("archive/1.jsonl.zst");
            let text = zstd::decode_all(&fs::read(&path).unwrap()[..]).unwrap();
            let text = String::from_utf8(text)
                .unwrap()
                .replace("\"two\"", "\"owt\"");
            fs::write(&path, zstd::encode_all(text.as_bytes(), 3).unwrap()).unwrap();
        },
        None,
        "line 4, column 1: its checksum",
    ),
    case(
        word::ARCHIVE_GENERATION,
        "sealed and not yet written",
        |it| {
            it.mailbox.prune(&permit("user"), at(9)).unwrap();
            fs::copy(
                it.path("archive/1.jsonl.zst"),
                it.path("archive/2.jsonl.zst"),
            )
            .unwrap();
            fs::set_permissions(
                it.path("archive/2.jsonl.zst"),
                fs::Permissions::from_mode(0o600),
            )
            .unwrap();
        },
        None,
        "generation is 2",
    ),
    case(
        word::ATTACHMENT_MISSING,
        "an attachment is gone",
        |it| {
            fs::remove_file(attach(it)).unwrap();
        },
        None,
        "number 6",
    ),
    case(
        word::ATTACHMENT_WRONG,
        "an attachment was changed",
        |it| {
            fs::write(attach(it), "other").unwrap();
        },
        None,
        "not what its name says",
    ),
    case(
        word::BALLAST,
        "no ballast",
        |it| {
            fs::remove_file(it.path(".ballast")).unwrap();
        },
        ALL,
        "missing",
    ),
    case(
        word::BALLAST,
        "too little ballast",
        |it| {
            fs::write(it.path(".ballast"), "x").unwrap();
        },
        ALL,
        "1 bytes",
    ),
    case(
        word::LEFT_OVER,
        "a face that was never installed",
        |it| {
            plant_file(it, ".face-00000000000000aa", b"[]\n");
        },
        ALL,
        "render",
    ),
    case(
        word::LEFT_OVER,
        "an edit that was displaced",
        |it| {
            plant_file(
                it,
                ".displaced-00000000000000aa",
                b"[{\"from\":\"me\",\"content\":\"new\",\"timestamp\":\"2027-01-15T08:00:00Z\"}]\n",
            );
        },
        Some(&["one", "two", "three", "new"]),
        "not merged",
    ),
    case(
        word::LEFT_OVER,
        "a prune that was killed",
        |it| {
            plant_file(it, ".journal.2.00000000000000aa", b"{\"t\":");
        },
        ALL,
        "prune",
    ),
    case(
        word::LEFT_OVER,
        "half compressed",
        |it| {
            it.mailbox.prune(&permit("user"), at(9)).unwrap();
            plant_file(it, "archive/.1.00000000000000aa", b"half");
        },
        ALL,
        "half compressed",
    ),
    case(
        word::MODE,
        "a readable journal",
        |it| {
            fs::set_permissions(it.path(JOURNAL), fs::Permissions::from_mode(0o644)).unwrap();
        },
        ALL,
        "mode 0644, 0600 is right",
    ),
    case(
        word::MODE,
        "a readable mailbox",
        |it| {
            fs::set_permissions(it.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        },
        ALL,
        "mode 0755, 0700 is right",
    ),
    case(
        word::NOT_PLAIN,
        "a link as face",
        |it| {
            fs::rename(it.path(FACE), it.path("elsewhere")).unwrap();
            std::os::unix::fs::symlink("elsewhere", it.path(FACE)).unwrap();
        },
        ALL,
        "a link",
    ),
    case(
        word::NOT_PLAIN,
        "a second name of the journal",
        |it| {
            fs::hard_link(it.path(JOURNAL), it.path("second")).unwrap();
        },
        None,
        "second name",
    ),
    case(
        word::NOT_PLAIN,
        "a directory as lock",
        |it| {
            fs::remove_file(it.path(".lock")).unwrap();
            fs::create_dir(it.path(".lock")).unwrap();
        },
        ALL,
        "a directory",
    ),
    case(
        word::NOT_PLAIN,
        "a pipe as dead.json",
        |it| {
            fs::remove_file(it.path(DEAD)).unwrap();
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            let kind = rustix::fs::FileType::Fifo;
            rustix::fs::mknodat(rustix::fs::CWD, it.path(DEAD), kind, mode, 0).unwrap();
        },
        ALL,
        "a pipe",
    ),
    case(
        word::NOT_PLAIN,
        "a file as archive",
        |it| {
            fs::write(it.path("archive"), "x").unwrap();
        },
        None,
        "a file where a directory belongs",
    ),
];

fn plant_file(it: &Place, name: &str, bytes: &[u8]) {
    fs::write(it.path(name), bytes).unwrap();
    fs::set_permissions(it.path(name), fs::Permissions::from_mode(0o600)).unwrap();
}

/// Sends a message with an attachment; where that lies.
fn attach(it: &Place) -> PathBuf {
    let source = it.home.path().join("source.txt");
    fs::write(&source, "attached").unwrap();
    let attached = it.mailbox.attach(&source).unwrap();
    it.send("with file", at(9), |draft| {
        let list = serde_json::json!([{"sha256": attached.sha256}]);
        draft.metadata.insert("attachments".into(), list);
    });
    attached.path
}

#[test]
fn what_is_applied_without_being_read_back_is_what_the_journal_says() {
    let place = Place::new();
    let drafts = |from: &str| -> Vec<Draft> {
        let from = AgentId::parse(from).unwrap();
        let modes = Mode::ALL.iter().cycle();
        let one = |(n, mode): (i64, &Mode)| Draft {
            mode: *mode,
            key: (n % 2 == 0).then(|| format!("key \"{n}\"")),
            not_before: (n % 5 == 0).then(|| at(1000 + n).wall),
            expires_at: (n % 7 == 0).then(|| at(2000 + n).wall),
            ..Draft::new(from.clone(), agent(), format!("line\n{n}"))
        };
        (0..40).zip(modes).map(one).collect()
    };
    for from in ["agent-2", "user", "agent-2", "agent-3"] {
        let sent = place.mailbox.send(&permit(from), drafts(from), at(1));
        assert_eq!(sent.unwrap().0.len(), 40);
        assert_eq!(place.look(at(2)), []);
    }
    let next = place.send("the next", at(3), |_| ());
    assert_eq!(next, 3 * 40 + 20 + 1, "a repeated key is no new message");
}

#[test]
fn each_violation_is_named_and_mended_without_deleting() {
    let failed: Vec<_> = CASES
        .iter()
        .filter(|case| std::panic::catch_unwind(|| try_case(case)).is_err())
        .map(|case| case.name)
        .collect();
    assert_eq!(failed, Vec::<&str>::new());
}

fn try_case(case: &Case) {
    let name = case.name;
    let place = plain();
    assert_eq!(place.look(at(LATER)), [], "{name}: before");
    (case.plant)(&place);
    let before = tree(place.home.path());
    let journal = place.path(JOURNAL).exists().then(|| place.journal());

    let found = place.look(at(LATER));
    assert_eq!(
        words(&found),
        BTreeSet::from([case.word]),
        "{name}: {found:?}"
    );
    let it = &found[0];
    assert!(it.detail.contains(case.says), "{name}: {}", it.detail);
    assert_eq!(
        (it.fixable, it.fixed),
        (case.after.is_some(), false),
        "{name}"
    );
    assert!(
        tree(place.home.path()) == before,
        "{name}: a look changes nothing"
    );

    let outcome = place.fix(at(LATER));
    assert_eq!(
        outcome.value[0].fixed,
        case.after.is_some(),
        "{name}: {outcome:?}"
    );
    let left = place.look(at(2 * LATER));
    match case.after {
        Some(after) => {
            assert_eq!(left, [], "{name}: after");
            assert_eq!(place.pending(at(2 * LATER)), after, "{name}");
            nothing_is_lost(&place, &before, journal.as_deref(), name);
            let is_whole = !outcome.warnings.iter().any(|it| it.contains("mended"));
            assert!(is_whole, "{name}: {:?}", outcome.warnings);
        }
        None => assert_eq!(words(&left), words(&found), "{name}: by hand"),
    }
}

/// Every line that the journal had is in some journal still, or was copied aside; and what was no JSON is kept.
fn nothing_is_lost(place: &Place, before: &[Seen], journal: Option<&[u8]>, name: &str) {
    let after = tree(place.home.path());
    let mut all: Vec<Vec<u8>> = after.iter().map(|it| it.5.clone()).collect();
    for (path, .., bytes) in &after {
        if path.to_string_lossy().ends_with(".zst") {
            all.push(zstd::decode_all(&bytes[..]).unwrap());
        }
    }
    let holds = |part: &[u8]| {
        all.iter().any(|bytes| {
            bytes
                .windows(part.len().max(1))
                .any(|window| window == part)
        })
    };
    for line in journal.unwrap_or_default().split_inclusive(|&b| b == b'\n') {
        assert!(
            holds(line),
            "{name}: lost {}",
            String::from_utf8_lossy(line)
        );
    }
    for (path, .., bytes) in before {
        let was_no_json = path.ends_with(FACE) || path.ends_with(DEAD);
        if was_no_json && serde_json::from_slice::<serde_json::Value>(bytes).is_err() {
            let is_blank = bytes.iter().all(|&b| b == 0);
            assert!(is_blank || holds(bytes), "{name}: lost {}", path.display());
        }
    }
}

/// Every kind of fault of a line, at once, each in its place.
#[test]
fn all_broken_lines_are_found_at_once_and_kept_byte_for_byte() {
    let place = plain();
    place.break_line(r#""content":"one""#, "one", "eno");
    place.break_line(r#""t":"ack""#, r#""seq":4"#, r#""seq":2"#);
    let planted = [
        &b"no JSON at all"[..],
        b"\xff\xfe bytes",
        b"{\"t\":\"ack\"",
        b"",
    ];
    for line in planted {
        place.append(&[line, b"\n"].concat());
    }
    place.append_record(&Record::new(Tag::Ack, 99, at(9).wall));
    let orphan = place.journal();
    let orphan = orphan.split_inclusive(|&b| b == b'\n').next_back().unwrap();
    let broken: Vec<Vec<u8>> = place
        .journal()
        .split_inclusive(|&b| b == b'\n')
        .filter(|line| !store::verify(line.strip_suffix(b"\n").unwrap(), place.opening().salt))
        .map(<[u8]>::to_vec)
        .collect();
    assert_eq!(broken.len(), 6);

    let found = place.look(at(LATER));
    let lines: Vec<&str> = found
        .iter()
        .map(|it| it.detail.split(':').next().unwrap())
        .collect();
    let expected = [
        "line 3, column 1",
        "line 8, column 1",
        "line 10, column 2",
        "line 11, column 1",
        "line 12, column 10",
        "line 13, column 1",
        "line 14, column 1",
    ];
    assert_eq!(lines, expected, "{found:?}");

    let fixed = place.fix(at(LATER)).value;
    assert!(fixed.iter().all(|it| it.fixed), "{fixed:?}");
    let kept: Vec<_> = fs::read_dir(place.path(""))
        .unwrap()
        .map(|it| it.unwrap())
        .filter(|it| {
            it.file_name()
                .to_string_lossy()
                .starts_with("journal.rejected-")
        })
        .collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].metadata().unwrap().mode() & 0o777, 0o600);
    let bytes = fs::read(kept[0].path()).unwrap();
    assert_eq!(bytes, [&broken.concat()[..], orphan].concat());
    assert_eq!(place.look(at(2 * LATER)), []);
    assert_eq!(place.pending(at(2 * LATER)), ["two", "three", "four"]);
}

#[test]
fn the_number_of_a_broken_message_is_not_given_again() {
    let place = Place::new();
    place.send("one", at(1), |_| {});
    place.send("two", at(2), |_| {});
    place.break_line(r#""content":"two""#, "two", "owt");
    place.forget_derived();
    place.fix(at(LATER));
    assert_eq!(place.send("three", at(LATER + 1), |_| {}), 3);
    assert_eq!(place.pending(at(2 * LATER)), ["one", "three"]);
    assert_eq!(place.look(at(3 * LATER)), []);
}

#[test]
fn a_number_that_was_said_to_be_void_is_not_said_again() {
    let place = plain();
    place.append_send(9, Place::id_at(at(9)), "nine");
    place.forget_derived();
    place.pending(at(10));
    let voids = |journal: &[u8]| {
        let text = String::from_utf8_lossy(journal).into_owned();
        text.matches(r#""t":"void""#).count()
    };
    assert_eq!(voids(&place.journal()), 3);
    let journal = place.journal();
    place.forget_derived();
    place.pending(at(11));
    assert!(place.journal() == journal);
}

#[test]
fn an_attachment_that_only_a_broken_line_names_is_kept() {
    let place = plain();
    let file = attach(&place);
    let old = std::time::SystemTime::now() - Duration::from_hours(2);
    fs::File::options()
        .write(true)
        .open(&file)
        .unwrap()
        .set_modified(old)
        .unwrap();
    place.break_line(r#""content":"with file""#, "with", "htiw");
    place.fix(at(LATER));
    assert_eq!(place.look(at(2 * LATER)), []);
    assert_eq!(fs::read(&file).unwrap(), b"attached");
}

#[test]
fn faults_of_several_kinds_are_mended_together() {
    let place = plain();
    place.break_line(r#""content":"one""#, "one", "eno");
    fs::write(place.path(".index"), vec![7; 5000]).unwrap();
    fs::write(place.path(FACE), "{").unwrap();
    fs::write(place.path(DEAD), "{").unwrap();
    fs::remove_file(place.path(".ballast")).unwrap();
    fs::set_permissions(place.path(".lock"), fs::Permissions::from_mode(0o640)).unwrap();
    plant_file(&place, ".journal.9.00000000000000aa", b"");
    let outcome = place.fix(at(LATER));
    assert!(outcome.value.iter().all(|it| it.fixed), "{outcome:?}");
    let found = words(&outcome.value);
    for word in [
        word::JOURNAL_BAD_RECORD,
        word::INDEX_INVALID,
        word::FACE_INVALID,
        word::DEAD_INVALID,
        word::BALLAST,
        word::MODE,
        word::LEFT_OVER,
    ] {
        // What stands behind a broken journal comes to light once that is mended, or is mended with it.
        let is_hidden = [word::INDEX_INVALID, word::FACE_INVALID, word::DEAD_INVALID];
        assert!(found.contains(word) || is_hidden.contains(&word), "{word}");
    }
    assert_eq!(place.look(at(2 * LATER)), []);
    assert_eq!(place.pending(at(2 * LATER)), ["two", "three"]);
    let repaired = outcome
        .effects
        .iter()
        .filter(|it| matches!(it, crate::names::Effect::Event(it) if it.event == "mail.repaired"));
    assert_eq!(repaired.count(), found.len());
}

/// A mailbox that has seen everything, looked at after every step.
#[test]
fn a_healthy_busy_mailbox_yields_no_findings() {
    let place = Place::new();
    let (me, user) = (permit("agent-1"), permit("user"));
    let claim = Claim::default();
    let mut clock = 0;
    let mut healthy = |what: &str| {
        clock += 100;
        assert_eq!(place.look(at(clock)), [], "after {what}");
        at(clock)
    };
    let now = healthy("creation");
    for n in 0..40 {
        place.send(&format!("text {n}"), now, |draft| {
            draft.key = (n % 3 == 0).then(|| format!("k{n}"));
            draft.mode = [Mode::Normal, Mode::Priority, Mode::Bulk][n % 3];
        });
    }
    let now = healthy("sends");
    place.send("text 3", now, |draft| draft.key = Some("k3".into()));
    let now = healthy("a repeated key");
    let taken = place
        .mailbox
        .next(&me, Duration::from_secs(50), now)
        .unwrap();
    let taken = taken.value.unwrap();
    let now = healthy("a lapsed lease");
    place
        .mailbox
        .ack(&me, &[taken.message.seq], &claim, now)
        .unwrap();
    let now = healthy("ack");
    let taken = place
        .mailbox
        .next(&me, Duration::from_secs(5_000), now)
        .unwrap();
    let seq = taken.value.unwrap().message.seq;
    let now = healthy("a lease");
    place.mailbox.nack(&me, seq, &claim, now).unwrap();
    let now = healthy("nack");
    place.mailbox.recall(&user, 10, now).unwrap();
    place.mailbox.announce(&me, &[11, 12], now).unwrap();
    place.mailbox.mark_read(&me, &[11, 13], now).unwrap();
    let now = healthy("recall and marks");
    place.send("later", now, |draft| {
        draft.not_before = Some(now.wall.plus(Duration::from_secs(150)));
    });
    place.send("soon gone", now, |draft| {
        draft.expires_at = Some(now.wall.plus(Duration::from_secs(50)));
    });
    healthy("times that come");
    let now = healthy("times that came");
    place.mailbox.counts(&me, now).unwrap();
    let now = healthy("an expiry");
    let text = fs::read_to_string(place.path(FACE)).unwrap();
    let edited = text.replacen("text 4\"", "changed\"", 1).replacen(
        "\n]\n",
        ",\n{\"from\":\"me\",\"content\":\"by hand\",\"timestamp\":\"2027-01-15T08:00:00Z\"}\n]\n",
        1,
    );
    fs::write(place.path(FACE), edited).unwrap();
    fs::set_permissions(place.path(FACE), fs::Permissions::from_mode(0o600)).unwrap();
    place.mailbox.counts(&me, now).unwrap();
    assert!(place.pending(now).contains(&"by hand".to_owned()));
    assert!(place.pending(now).contains(&"changed".to_owned()));
    let now = healthy("an edit by hand");
    let pruned = place.mailbox.prune(&user, now).unwrap().value;
    assert!(pruned.removed > 0);
    let now = healthy("prune");
    place.send("after", now, |draft| draft.key = Some("after".into()));
    place.mailbox.ack(&me, &[1], &claim, now).unwrap();
    let now = healthy("mail after prune");
    place.forget_derived();
    let now2 = healthy("derived files removed");
    place.mailbox.counts(&me, now).unwrap();
    healthy("derived files made anew");
    for n in 0..300 {
        place.send(&format!("{n} {}", "long ".repeat(500)), now2, |_| {});
    }
    let now = healthy("more than a face shows");
    place.append(b"{\"t\":\"send\",\"msg\":{");
    healthy("a torn line");
    place.send("behind it", now, |_| {});
    healthy("a fenced line");
    place.mailbox.ack_all(&me, now).unwrap();
    let now = healthy("all acknowledged");
    let before = tree(place.home.path());
    assert_eq!(place.fix(now).value, []);
    assert!(
        tree(place.home.path()) == before,
        "a repair of nothing changes nothing"
    );
}

#[test]
fn what_others_are_doing_meanwhile_is_no_finding() {
    let place = plain();
    let looks = std::sync::atomic::AtomicUsize::new(0);
    let is_over = || looks.load(std::sync::atomic::Ordering::Relaxed) >= 12;
    let open = || Mailbox::open(place.home.path(), &agent()).unwrap();
    let mut outcomes = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mailbox = open();
            for n in 0.. {
                let mut draft = Draft::new(AgentId::captain(), agent(), format!("{n}"));
                draft.key = Some(format!("{n}"));
                mailbox
                    .send(&permit("captain"), vec![draft], Now::read())
                    .unwrap();
                if is_over() {
                    break;
                }
            }
        });
        scope.spawn(|| {
            let (mailbox, me) = (open(), permit("agent-1"));
            while !is_over() {
                let lease = Duration::from_mins(1);
                let taken = mailbox.next(&me, lease, Now::read()).unwrap().value;
                if let Some(taken) = taken {
                    let seqs = [taken.message.seq];
                    mailbox
                        .ack(&me, &seqs, &Claim::default(), Now::read())
                        .unwrap();
                }
            }
        });
        scope.spawn(|| {
            while !is_over() {
                open().prune(&permit("user"), Now::read()).unwrap();
            }
        });
        let mailbox = open();
        while !is_over() {
            // Not unwrapped here: the others would never learn that it is over.
            outcomes.push(mailbox.doctor(&permit("user"), false, Now::read()));
            looks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    for outcome in outcomes {
        assert_eq!(outcome.unwrap().value, []);
    }
}

#[test]
fn a_file_of_another_user_is_named() {
    let place = plain();
    if !rustix::process::geteuid().is_root() {
        // Only root gives files away. `scripts/test` counts the line; the harness would swallow what a macro prints.
        let line = b"SKIPPED: needs root, to give a file away\n";
        std::io::stderr().write_all(line).unwrap();
        return;
    }
    std::os::unix::fs::chown(place.path(FACE), Some(12345), None).unwrap();
    let found = place.look(at(LATER));
    assert_eq!(words(&found), BTreeSet::from([word::WRONG_OWNER]));
    assert!(!found[0].fixable);
}

#[test]
fn what_lies_beside_the_mailboxes_is_named() {
    let place = plain();
    let root = place.home.path();
    assert_eq!(strays(root, false).unwrap(), []);
    fs::write(root.join("README"), "not ours").unwrap();
    fs::write(root.join("agent-9"), "a file").unwrap();
    std::os::unix::fs::symlink("agent-1", root.join("agent-8")).unwrap();
    fs::create_dir(root.join("Not An Agent")).unwrap();
    fs::write(root.join("Not An Agent/journal.jsonl"), "").unwrap();
    let bare = root.join(".new-00000000000000aa");
    fs::create_dir(&bare).unwrap();
    fs::write(bare.join(".lock"), "").unwrap();
    fs::write(bare.join(FACE), "[]\n").unwrap();
    let held = root.join(".new-00000000000000bb");
    fs::create_dir(&held).unwrap();
    let _lock = Lock::acquire(&Dir::open(&held).unwrap(), LOCK, wait()).unwrap();
    let full = root.join(".new-00000000000000cc");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("notes"), "mine").unwrap();

    let before = tree(root);
    let found = strays(root, false).unwrap();
    assert!(tree(root) == before);
    let told: Vec<_> = found
        .iter()
        .map(|it| {
            (
                it.what,
                it.path.file_name().unwrap().to_str().unwrap(),
                it.fixable,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (word::LEFT_OVER, ".new-00000000000000aa", true),
            (word::LEFT_OVER, ".new-00000000000000cc", false),
            (word::NO_AGENT, "Not An Agent", false),
            (word::NOT_PLAIN, "agent-8", false),
            (word::NOT_PLAIN, "agent-9", false),
        ]
    );
    let fixed = strays(root, true).unwrap();
    assert!(fixed.iter().all(|it| it.fixed == it.fixable));
    assert!(!bare.exists() && held.exists() && full.join("notes").exists());
    assert_eq!(strays(root, false).unwrap().len(), 4);
}
