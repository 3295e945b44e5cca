//! Every shape that the original wrote, as files where it wrote them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use dreamos::mailbox::import::{self, Parsed};

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/original")
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// All of the tree: the path below it, and what was read, `None` where it is no mail.
fn all() -> Vec<(String, Option<(Parsed, bool)>)> {
    let mut found = Vec::new();
    files(&tree(), &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let below = path
            .strip_prefix(tree())
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let bytes = std::fs::read(&path).unwrap();
        let read =
            import::spot(&below).map(|spot| (import::read(&bytes, &spot.source), spot.handled));
        (below, read)
    };
    found.into_iter().map(read).collect()
}

#[test]
fn every_sample_reads_as_the_table_says() {
    let mut table = String::new();
    for (path, read) in all() {
        let Some((parsed, handled)) = read else {
            writeln!(table, "{path}: no mail").unwrap();
            continue;
        };
        writeln!(table, "{path}: {} messages", parsed.mail.len()).unwrap();
        // Of a long list, the ends.
        let many = parsed.mail.len() > 10;
        for (i, mail) in parsed.mail.iter().enumerate() {
            if many && (2..parsed.mail.len() - 2).contains(&i) {
                continue;
            }
            let name = |name: &Option<String>| {
                name.as_deref()
                    .and_then(import::canonical_name)
                    .map_or("?".into(), |id| id.to_string())
            };
            writeln!(
                table,
                "  {} -> {} {}{} {} {} {:?}\n      {}",
                name(&mail.from),
                name(&mail.to),
                mail.mode,
                if mail.handled || handled {
                    " handled"
                } else {
                    ""
                },
                mail.timestamp
                    .map_or("no time".into(), |time| time.to_string()),
                mail.foreign_id.as_deref().unwrap_or("no id"),
                mail.content,
                serde_json::to_string(&mail.metadata).unwrap(),
            )
            .unwrap();
        }
        for unread in &parsed.unread {
            writeln!(
                table,
                "  unread {}:{} {}: {}",
                unread.line, unread.column, unread.why, unread.head
            )
            .unwrap();
        }
    }
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/original.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&kept, &table).unwrap();
    }
    assert_eq!(table, std::fs::read_to_string(kept).unwrap());
}

#[test]
fn a_copy_of_a_message_has_its_key_and_no_other_has() {
    let mut keys: Vec<(String, String)> = Vec::new();
    for (path, read) in all() {
        for mail in read.map(|(parsed, _)| parsed.mail).unwrap_or_default() {
            keys.push((mail.key, path.clone()));
        }
    }
    keys.sort();
    let shared: Vec<_> = keys
        .windows(2)
        .filter(|pair| pair[0].0 == pair[1].0)
        .collect();
    let paths: Vec<_> = shared
        .iter()
        .map(|pair| (&*pair[0].1, &*pair[1].1))
        .collect();
    assert_eq!(
        paths,
        [(
            "data/mailbox/agent2/20250609_153707.json",
            "data/mailbox/inbox/msg_0_agent1_to_agent2.json"
        )]
    );
}
