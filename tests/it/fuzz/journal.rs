//! The reader of the journal: whatever stands behind a valid opening line, it says the same twice, and says where it
//! stops.

use std::path::Path;
use std::time::{Duration, Instant};

use dreamos::desk::{self, Desk, Which};
use dreamos::mailbox::{self, Message};
use dreamos::names::{AgentId, Caller};
use dreamos::root;
use dreamos::time::Now;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{corpus, fuzz, place};
use crate::home::Home;

const RUNS: usize = 1_200;
/// A dozen looks at a few lines.
const PATIENCE: Duration = Duration::from_secs(10);
const SALT: u64 = 7;
const OPENING: &str = "{\"t\":\"open\",\"v\":1,\"gen\":1,\"salt\":\"0000000000000007\",\
                       \"mailbox\":\"agent-1\",\"base_seq\":0,\"sum\":\"?\"}\n";
/// What is made from the journal, the face included: it is the other target's.
const DERIVED: [&str; 5] = [".index", ".keys", ".durable", ".stamp", "inbox.json"];

/// Lines whose checksum is `?` get the right one: what they say is fuzzed, and not only that they are sealed.
fn sealed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in text.split_inclusive(|&b| b == b'\n') {
        if let Some(body) = line.strip_suffix(b",\"sum\":\"?\"}\n") {
            let sum = xxh3_64_with_seed(body, SALT);
            out.extend_from_slice(body);
            out.extend(format!(",\"sum\":\"{sum:016x}\"}}\n").bytes());
        } else {
            out.extend_from_slice(line);
        }
    }
    out
}

struct Rig {
    home: Home,
    desk: Desk,
    agent: AgentId,
}

/// A line that stops everything.
#[derive(Clone, Debug, PartialEq)]
struct Fault {
    line: usize,
    column: usize,
    why: String,
}

impl Rig {
    fn new() -> Self {
        let home = Home::below(place());
        let agent = AgentId::parse("agent-1").unwrap();
        let caller = Caller {
            agent: agent.clone(),
            incarnation: None,
            uid: 0,
            login: None,
            guest: None,
        };
        let desk = Desk::open(root::Home::at(&home.dir), caller, |_| {}).unwrap();
        Self { home, desk, agent }
    }

    /// A mailbox that has never been used, with this journal.
    fn begin(&self, journal: &[u8]) {
        let dir = self.home.mailbox("agent-1");
        if dir.exists() {
            std::fs::remove_dir_all(&dir).unwrap();
        }
        std::fs::create_dir(&dir).unwrap();
        self.write(journal);
    }

    fn write(&self, journal: &[u8]) {
        std::fs::write(self.home.journal("agent-1"), journal).unwrap();
    }

    fn read(&self) -> Vec<u8> {
        std::fs::read(self.home.journal("agent-1")).unwrap()
    }

    fn forget(&self) {
        for name in DERIVED {
            // Some are made by the first verb that gets so far.
            let _ = std::fs::remove_file(self.home.mailbox("agent-1").join(name));
        }
    }

    /// Everything that is told of the mailbox, by scan and by index.
    fn look(&self) -> Result<Vec<Message>, Fault> {
        let all = self.inbox(Which::All)?;
        let mut waiting = self.inbox(Which::Pending)?;
        waiting.sort_by_key(|message| message.seq);
        let pending = all.iter().filter(|message| message.status.is_pending());
        assert_eq!(
            waiting,
            pending.cloned().collect::<Vec<_>>(),
            "the index and the journal differ"
        );
        Ok(all)
    }

    fn inbox(&self, which: Which) -> Result<Vec<Message>, Fault> {
        self.desk.inbox(&self.agent, which).map_err(|error| {
            let desk::Error::Mailbox(mailbox::Error::Corrupt {
                path,
                line,
                column,
                why,
            }) = error
            else {
                panic!("{error}");
            };
            assert_eq!(path, self.home.journal("agent-1"));
            Fault { line, column, why }
        })
    }

    /// The bytes of the lines before a fault, and the line itself.
    fn is_within(journal: &[u8], fault: &Fault) -> (Vec<u8>, Vec<u8>) {
        let lines: Vec<&[u8]> = journal.split_inclusive(|&b| b == b'\n').collect();
        assert!((1..=lines.len()).contains(&fault.line), "{fault:?}");
        let line = lines[fault.line - 1];
        assert!((1..=line.len()).contains(&fault.column), "{fault:?}");
        (lines[..fault.line - 1].concat(), line.to_vec())
    }

    /// What stands before the fault is read, and is still there once the fault is mended.
    fn mend(&self, fault: &Fault) {
        let whole = self.read();
        let (before, line) = Self::is_within(&whole, fault);
        self.begin(&before);
        let accepted = self.look().expect("it stops no earlier than it says");
        let accepted = ids(&accepted);
        self.begin(&whole);
        self.desk
            .doctor(Some(&self.agent), true, Now::read())
            .unwrap();
        // In the archive a line that says the impossible is still told of.
        let mended = self.inbox(Which::All).expect("doctor mends it");
        self.inbox(Which::Pending).expect("doctor mends it");
        let mended = ids(&mended);
        let lost = accepted.iter().find(|id| !mended.contains(id));
        assert_eq!(lost, None, "after --fix");
        let aside = aside(&self.home.mailbox("agent-1"));
        assert!(
            aside.windows(line.len()).any(|part| part == line),
            "the line is not kept"
        );
    }
}

fn ids(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|it| it.id.to_string()).collect()
}

/// All that was copied aside.
fn aside(mailbox: &Path) -> Vec<u8> {
    let mut aside = Vec::new();
    for entry in std::fs::read_dir(mailbox).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("journal.rejected-") {
            aside.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    aside
}

#[test]
fn a_journal_reads_the_same_at_once_and_bit_by_bit_and_names_the_line_that_is_no_record() {
    let rig = Rig::new();
    let bits = [
        "#torn\n",
        ",\"sum\":\"?\"}\n",
        "{\"t\":\"ack\",\"seq\":1,\"sum\":\"?\"}\n",
        "{\"t\":\"void\",\"seq\":2,\"sum\":\"?\"}\n",
        "\"seq\":",
        "\"18446744073709551615\"",
        "\"t\":\"send\"",
    ];
    let oracle = |text: &[u8], split: u16| {
        let began = Instant::now();
        let opening = sealed(OPENING.as_bytes());
        let records = sealed(text);
        let split = usize::from(split) % (records.len() + 1);
        rig.begin(&[&opening, &records[..split]].concat());
        // It may say that numbers are void, or fence off what is torn: then that stands in between.
        let _ = rig.look();
        let so_far = rig.read();
        rig.write(&[&so_far, &records[split..]].concat());
        let by_and_by = rig.look();
        rig.forget();
        let anew = rig.look();
        assert_eq!(by_and_by, anew, "an index made anew differs");
        if let Err(fault) = anew {
            rig.mend(&fault);
        }
        assert!(began.elapsed() < PATIENCE, "it takes for ever");
    };
    let oracle = std::panic::AssertUnwindSafe(oracle);
    fuzz(
        &corpus(&["fuzz/journal/corpus"]),
        &bits,
        RUNS,
        move |text, split| {
            let oracle = &oracle;
            oracle(text, split);
        },
    );
}
