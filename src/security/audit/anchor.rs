//! How far journals and histories went, written down as a record of the chain and a list beside it.
//!
//! The list is flushed under a name with a dot, then its hash is chained, then it gets its own name: a list without the
//! dot proves that its record was there.

use serde::Deserialize;

use super::append::Trail;
use super::entry::{Entry, Verdict};
use super::error::Error;
use super::hash::{Hash, Head};
use super::sources::{self, Extent};
use crate::root::Home;
use crate::store::{self, Dir, Open, Target};
use crate::time::Timestamp;

pub const ANCHOR: &str = "audit.anchor";
/// In the detail of the record: the hash of the list.
pub(super) const LIST: &str = "list";
const FORMAT: u32 = 1;
const SUFFIX: &str = ".json";
const LARGEST: u64 = 256 << 20;

/// What is to be published: nothing that it covers can be changed unseen as long as somebody else has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub head: Head,
    /// How many journals and histories it covers.
    pub files: usize,
}

/// By `entry`, whose verb and detail are said here.
pub fn anchor(home: &Home, entry: Entry, now: Timestamp) -> Result<Anchor, Error> {
    let extents = sources::survey(home)?;
    let list = spelled(&extents, now);
    let entry = Entry {
        verb: ANCHOR.into(),
        verdict: Verdict::Allowed,
        detail: vec![
            (LIST.into(), Hash::of(&list).to_string()),
            ("files".into(), extents.len().to_string()),
        ],
        ..entry
    };
    let mut trail = Trail::open(home, now)?;
    let dir = Dir::make_path(home.dir(), home.inside(&home.anchors()))?;
    settle(&dir, trail.head().n)?;
    let name = name(trail.head().n + 1);
    let unborn = unborn(&name);
    put(&dir, &unborn, &list)?;
    let head = trail.append(&[entry], now)?;
    let named = dir.rename(&unborn, &name, Target::Replaced);
    named.and_then(|()| dir.sync()).map_err(Error::Unsure)?;
    Ok(Anchor {
        head,
        files: extents.len(),
    })
}

fn name(n: u64) -> String {
    format!("{n}{SUFFIX}")
}

fn unborn(name: &str) -> String {
    format!(".{name}")
}

fn put(dir: &Dir, name: &str, bytes: &[u8]) -> Result<(), store::Error> {
    dir.remove(name)?;
    let file = dir.file(name, Open::New)?;
    file.write_at(0, bytes)?;
    file.sync_data()?;
    dir.sync()
}

/// Lists that killed callers left get their names, those too whose record was never written: they prove nothing.
fn settle(dir: &Dir, last: u64) -> Result<(), store::Error> {
    for unborn in dir.file_names()? {
        let name = unborn.strip_prefix('.');
        let n = name.and_then(|name| name.strip_suffix(SUFFIX)?.parse::<u64>().ok());
        if let Some(name) = name.filter(|_| n.is_some_and(|n| n <= last)) {
            dir.rename(&unborn, name, Target::Replaced)?;
        }
    }
    Ok(())
}

/// A line each, so that two of them can be compared.
fn spelled(extents: &[Extent], now: Timestamp) -> Vec<u8> {
    let mut out = format!("{{\"v\":{FORMAT},\"at\":\"{now}\",\"files\":[").into_bytes();
    for (nth, extent) in extents.iter().enumerate() {
        out.extend_from_slice(if nth == 0 { b"\n" } else { b",\n" });
        serde_json::to_writer(&mut out, extent).expect("a vector takes every text");
    }
    out.extend_from_slice(b"\n]}\n");
    out
}

/// The list of record `n`, whose hash is `sha256`.
pub(super) enum Listed {
    These(Vec<Extent>),
    /// Another one than was recorded.
    Changed,
    Gone,
}

pub(super) fn path(home: &Home, n: u64) -> std::path::PathBuf {
    home.anchors().join(name(n))
}

pub(super) fn read(home: &Home, n: u64, sha256: &str) -> Result<Listed, store::Error> {
    let name = name(n);
    let Some(dir) = open(home)? else {
        return Ok(Listed::Gone);
    };
    let mut found = Listed::Gone;
    // Whoever was killed behind his record has not named it.
    for name in [unborn(&name), name] {
        let Some(file) = dir.file_if_any(&name, Open::Read)? else {
            continue;
        };
        let list = file.read_to_end(LARGEST)?;
        if Hash::of(&list).to_string() == sha256 {
            return Ok(parse(&list).map_or(Listed::Changed, Listed::These));
        }
        found = Listed::Changed;
    }
    Ok(found)
}

fn parse(list: &[u8]) -> Option<Vec<Extent>> {
    #[derive(Deserialize)]
    struct List {
        v: u32,
        files: Vec<Extent>,
    }
    let list: List = serde_json::from_slice(list).ok()?;
    (list.v == FORMAT).then_some(list.files)
}

/// The highest number of a record that had a list.
pub(super) fn newest(home: &Home) -> Result<Option<u64>, store::Error> {
    let Some(dir) = open(home)? else {
        return Ok(None);
    };
    let names = dir.file_names()?;
    let number = |it: &String| it.strip_suffix(SUFFIX)?.parse().ok();
    Ok(names.iter().filter_map(number).max())
}

fn open(home: &Home) -> Result<Option<Dir>, store::Error> {
    match Dir::open(home.dir())?.sub(home.inside(&home.anchors())) {
        Err(error) if error.is_absent() => Ok(None),
        dir => dir.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::verify;
    use super::*;
    use crate::names::{AgentId, Caller};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_600_000_000_000);
    const JOURNAL: &str = "runtime/mailbox/agent-1/journal.jsonl";
    const HISTORY: &str = "runtime/tasks/agent-1.history.jsonl";
    const ARCHIVE: &str = "runtime/tasks/archive/agent-1.jsonl";

    fn entry() -> Entry {
        let caller = Caller {
            agent: AgentId::user(),
            incarnation: None,
            uid: 1000,
            login: None,
            guest: None,
        };
        Entry::new("agent.purge", &caller, "agent-1", Verdict::Allowed)
    }

    fn journal(generation: u64, records: &[&str]) -> String {
        format!(
            "{{\"t\":\"open\",\"v\":1,\"gen\":{generation}}}\n{}\n",
            records.join("\n")
        )
    }

    fn put(home: &Home, path: &str, text: impl AsRef<[u8]>) {
        let path = home.dir().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn home(dir: &Path) -> Home {
        let home = Home::at(dir);
        put(&home, JOURNAL, journal(3, &["a", "b", "c"]) + "half a line");
        put(&home, &sealed(2), journal(2, &["d", "e"]));
        put(&home, HISTORY, "one\ntwo\n");
        put(&home, ARCHIVE, "over\n");
        home
    }

    fn sealed(generation: u64) -> String {
        format!("runtime/mailbox/agent-1/archive/{generation}.jsonl")
    }

    fn pack(home: &Home, generation: u64, text: &str) {
        let packed = zstd::encode_all(text.as_bytes(), 3).unwrap();
        put(home, &(sealed(generation) + ".zst"), packed);
    }

    fn found(home: &Home, published: &[Head]) -> Vec<String> {
        let report = verify(home, published, &mut |_| {}).unwrap();
        let findings = report.findings.iter();
        findings
            .map(|it| format!("{} {}", it.path.display(), it.what.word()))
            .collect()
    }

    #[test]
    fn what_grew_moved_or_was_packed_since_is_intact() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(dir.path());
        let anchor = anchor(&home, entry(), NOW).unwrap();
        assert_eq!((anchor.head.n, anchor.files), (1, 4));
        put(
            &home,
            JOURNAL,
            journal(3, &["a", "b", "c"]) + "half a line#torn\nd\n",
        );
        put(&home, HISTORY, "one\ntwo\nthree\n");
        assert_eq!(found(&home, &[anchor.head]), [""; 0]);
        // Pruned: beside the journal at first, then in the archive, then packed.
        let old = journal(3, &["a", "b", "c", "d"]);
        put(&home, JOURNAL, journal(4, &["c"]));
        put(&home, "runtime/mailbox/agent-1/.journal.4.0123", &old);
        assert_eq!(found(&home, &[anchor.head]), [""; 0]);
        fs::remove_file(home.dir().join("runtime/mailbox/agent-1/.journal.4.0123")).unwrap();
        put(&home, &sealed(3), &old);
        assert_eq!(found(&home, &[anchor.head]), [""; 0]);
        pack(&home, 3, &old);
        pack(&home, 2, &journal(2, &["d", "e"]));
        for generation in [2, 3] {
            fs::remove_file(home.dir().join(sealed(generation))).unwrap();
        }
        let report = verify(&home, &[anchor.head], &mut |_| {}).unwrap();
        assert_eq!((report.intact, report.findings), (4, Vec::new()));
        // Retired: nobody can know any more, and nobody claims to.
        fs::remove_file(home.dir().join(sealed(3) + ".zst")).unwrap();
        let report = verify(&home, &[anchor.head], &mut |_| {}).unwrap();
        let [it] = &report.findings[..] else {
            panic!("{report:?}")
        };
        assert!(report.is_clean());
        assert_eq!(
            it.to_string(),
            format!("{JOURNAL}: generation 3 is gone (kept 30 days): not checked against anchor 1")
        );
    }

    #[test]
    fn what_was_done_to_journals_and_histories_is_found() {
        type Tamper = fn(&Home);
        let cases: [(Tamper, &str); 9] = [
            (
                |it| put(it, JOURNAL, journal(3, &["a", "x", "c"])),
                "runtime/mailbox/agent-1/journal.jsonl changed",
            ),
            (
                |it| put(it, JOURNAL, journal(3, &["a", "c", "b"])),
                "runtime/mailbox/agent-1/journal.jsonl changed",
            ),
            (
                |it| put(it, JOURNAL, journal(3, &["a", "b"])),
                "runtime/mailbox/agent-1/journal.jsonl shortened",
            ),
            (
                |it| put(it, JOURNAL, journal(1, &["a"])),
                "runtime/mailbox/agent-1/journal.jsonl gone",
            ),
            (
                |it| put(it, &sealed(2), journal(2, &["d", "x"])),
                "runtime/mailbox/agent-1/archive/2.jsonl changed",
            ),
            (
                |it| put(it, HISTORY, "two\none\n"),
                "runtime/tasks/agent-1.history.jsonl changed",
            ),
            (
                |it| fs::remove_file(it.dir().join(ARCHIVE)).unwrap(),
                "runtime/tasks/archive/agent-1.jsonl gone",
            ),
            (
                |it| put(it, "runtime/audit/anchors/1.json", "{}"),
                "runtime/audit/anchors/1.json list-changed",
            ),
            (
                |it| fs::remove_file(it.anchors().join("1.json")).unwrap(),
                "runtime/audit/anchors/1.json list-gone",
            ),
        ];
        for (tamper, expected) in cases {
            let dir = tempfile::tempdir().unwrap();
            let home = home(dir.path());
            let published = anchor(&home, entry(), NOW).unwrap().head;
            tamper(&home);
            assert_eq!(found(&home, &[]), [expected]);
            // A later anchor covers nothing up for whoever has the published one.
            anchor(&home, entry(), NOW).unwrap();
            assert_eq!(found(&home, &[published]), [expected]);
        }
    }

    #[test]
    fn a_chain_that_ends_before_a_list_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(dir.path());
        anchor(&home, entry(), NOW).unwrap();
        fs::remove_file(home.audit().join("audit.jsonl")).unwrap();
        assert_eq!(
            found(&home, &[]),
            ["runtime/audit/anchors/1.json truncated"]
        );
    }

    #[test]
    fn a_purge_that_is_recorded_is_no_breach() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(dir.path());
        anchor(&home, entry(), NOW).unwrap();
        super::super::append(&home, &[entry()], NOW).unwrap();
        for path in ["runtime/mailbox/agent-1", "runtime/tasks"] {
            fs::remove_dir_all(home.dir().join(path)).unwrap();
        }
        let report = verify(&home, &[], &mut |_| {}).unwrap();
        assert_eq!((report.is_clean(), report.findings.len()), (true, 4));
    }

    #[test]
    fn whoever_is_killed_between_list_record_and_name_accuses_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(dir.path());
        let head = anchor(&home, entry(), NOW).unwrap().head;
        // Behind the record.
        fs::rename(
            home.anchors().join("1.json"),
            home.anchors().join(".1.json"),
        )
        .unwrap();
        assert_eq!(found(&home, &[head]), [""; 0]);
        // Before it.
        fs::copy(
            home.anchors().join(".1.json"),
            home.anchors().join(".2.json"),
        )
        .unwrap();
        assert_eq!(found(&home, &[head]), [""; 0]);
        anchor(&home, entry(), NOW).unwrap();
        let names = Dir::open(&home.anchors()).unwrap().names().unwrap();
        assert_eq!(names, ["1.json", "2.json"]);
        assert_eq!(found(&home, &[head]), [""; 0]);
    }
}
