//! Readers against bytes that nobody meant: a kept corpus (`tests/fuzz/`, `tests/formats/original/`) and random
//! edits of it. Nothing panics, and what is written reads back as it was.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use bolero::check;
use dreamos::mailbox::import::{self, Source};
use dreamos::mailbox::json::{self, Writer};
use dreamos::names::{AgentId, MessageId, MessageRef, Mode};

const RUNS: usize = 4_000;

fn below(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            below(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn corpus(dirs: &[&str]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for dir in dirs {
        below(
            &Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests")
                .join(dir),
            &mut found,
        );
    }
    found.sort();
    let documents: Vec<_> = found
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(!documents.is_empty());
    documents
}

/// What JSON is made of: edits with these reach deeper than edits with random bytes.
const BITS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\ud83d",
    "\\u0000",
    "null",
    "1e999",
    "{}",
    "[[[[[[[[",
    "\n",
    "\0",
    "é",
    "\u{feff}",
    "\"a\":",
    "\"content\":\"x\"",
    "{\"content\":\"y\"}",
    "**From**: a\n",
    "-0.0",
];

/// A document of the corpus, cut, doubled and sprinkled as `steps` says.
fn edited(corpus: &[Vec<u8>], which: u16, steps: &[(u8, u16, u8)]) -> Vec<u8> {
    let mut bytes = corpus[usize::from(which) % corpus.len()].clone();
    bytes.truncate(8 << 10);
    for &(what, at, with) in steps {
        let at = usize::from(at) % (bytes.len() + 1);
        match what % 6 {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(..at)),
            2 => bytes.insert(at, with),
            3 => {
                let bit = BITS[usize::from(with) % BITS.len()];
                drop(bytes.splice(at..at, bit.bytes()));
            }
            4 => {
                let end = (at + usize::from(with)).min(bytes.len());
                drop(bytes.drain(at..end));
            }
            _ => {
                let other = &corpus[usize::from(with) % corpus.len()];
                bytes.extend_from_slice(&other[..other.len().min(2 << 10)]);
            }
        }
    }
    bytes
}

fn fuzz(dirs: &[&str], oracle: fn(&[u8])) {
    let corpus = corpus(dirs);
    for document in &corpus {
        oracle(document);
    }
    check!()
        .with_iterations(RUNS)
        .with_type::<(u16, Vec<(u8, u16, u8)>)>()
        .for_each(|(which, steps)| {
            oracle(&edited(&corpus, *which, &steps[..steps.len().min(6)]));
        });
}

#[test]
fn objects_read_back_with_every_field() {
    fuzz(&["fuzz/json", "formats/original"], |bytes| {
        let Ok(items) = json::items(bytes) else {
            return;
        };
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        for item in &items {
            writer.entry(item.fields.iter().map(|(name, raw)| (name, raw.get())));
        }
        writer.finish();
        let again = json::items(&out).expect("what we write reads");
        assert_eq!(items.len(), again.len());
        for (item, back) in items.iter().zip(&again) {
            assert_eq!(json::canonical(item.raw), json::canonical(back.raw));
            let names = |item: &json::Item| {
                item.fields
                    .iter()
                    .map(|(n, _)| n.to_owned())
                    .collect::<Vec<_>>()
            };
            assert_eq!(names(item), names(back));
        }
    });
}

#[test]
fn an_import_accounts_for_every_text_and_is_the_same_twice() {
    fuzz(&["fuzz/json", "formats/original"], |bytes| {
        for file_name in ["inbox.json", "note.md"] {
            let hint = Source {
                file_name: file_name.into(),
                ..Source::default()
            };
            let parsed = import::read(bytes, &hint);
            let again = import::read(bytes, &hint);
            assert_eq!(parsed.mail, again.mail);
            assert_eq!(parsed.unread, again.unread);
            let mut keys: Vec<_> = parsed.mail.iter().map(|mail| &mail.key).collect();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), parsed.mail.len(), "two messages share a key");
            assert!(
                parsed
                    .mail
                    .iter()
                    .all(|mail| !mail.content.trim().is_empty())
            );
            assert!(
                parsed
                    .unread
                    .iter()
                    .all(|part| part.line > 0 && part.column > 0)
            );
        }
    });
}

#[test]
fn names_read_back_as_they_are_written() {
    fuzz(&["fuzz/names"], |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end_matches('\n');
        if let Ok(id) = AgentId::parse(text) {
            assert_eq!(id.as_str(), text);
        }
        if let Ok(id) = MessageId::parse(text) {
            assert_eq!(MessageId::parse(&id.to_string()), Ok(id));
        }
        if let Ok(name) = MessageRef::parse(text) {
            assert_eq!(MessageRef::parse(&name.to_string()), Ok(name));
        }
        if let Ok(mode) = text.parse::<Mode>() {
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
        if let Some(id) = import::canonical_name(text) {
            assert_eq!(import::canonical_name(id.as_str()), Some(id));
        }
        let _ = import::spot(text);
    });
}
