//! Readers against bytes that nobody meant: a kept corpus (`tests/fuzz/<target>/corpus/`) and random edits of it.
//!
//! In `cargo test` a target runs over its corpus and so many edits; `BOLERO_RANDOM_ITERATIONS=1000000` makes it
//! more, and `cargo bolero test fuzz::…` lets a fuzzer look for them. What ever went wrong is kept in the corpus.

mod face;
mod journal;
mod text;

use std::path::{Path, PathBuf};

use bolero::check;

/// The edits of one input: what, where, with what.
type Steps = Vec<(u8, u16, u8)>;

const MOST_STEPS: usize = 6;

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

/// The files of some directories below `tests/`, in order of their names.
fn corpus(dirs: &[&str]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for dir in dirs {
        below(&crate::home::checkout().join("tests").join(dir), &mut found);
    }
    found.sort();
    assert!(!found.is_empty());
    let named = |path: PathBuf| (path.display().to_string(), std::fs::read(&path).unwrap());
    found.into_iter().map(named).collect()
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

/// A document of the corpus, cut, doubled and sprinkled as `steps` says; `bits` are sprinkled beside those of JSON.
fn edited(corpus: &[(String, Vec<u8>)], bits: &[&str], which: u16, steps: &Steps) -> Vec<u8> {
    let mut bytes = corpus[usize::from(which) % corpus.len()].1.clone();
    bytes.truncate(8 << 10);
    for &(what, at, with) in steps.iter().take(MOST_STEPS) {
        let at = usize::from(at) % (bytes.len() + 1);
        match what % 6 {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(..at)),
            2 => bytes.insert(at, with),
            3 => {
                let n = usize::from(with) % (bits.len() + BITS.len());
                let bit = bits
                    .iter()
                    .chain(BITS)
                    .nth(n)
                    .expect("it is below their number");
                drop(bytes.splice(at..at, bit.bytes()));
            }
            4 => {
                let end = (at + usize::from(with)).min(bytes.len());
                drop(bytes.drain(at..end));
            }
            _ => {
                let (_, other) = &corpus[usize::from(with) % corpus.len()];
                bytes.extend_from_slice(&other[..other.len().min(2 << 10)]);
            }
        }
    }
    bytes
}

/// The documents as they are, then `runs` edits of them. The number that the oracle gets beside is any.
fn fuzz(
    corpus: &[(String, Vec<u8>)],
    bits: &[&str],
    runs: usize,
    oracle: impl Fn(&[u8], u16) + std::panic::RefUnwindSafe,
) {
    for (name, document) in corpus {
        for number in [0, u16::MAX / 3] {
            let run = std::panic::catch_unwind(|| oracle(document, number));
            assert!(run.is_ok(), "of {name}, with {number}");
        }
    }
    check!()
        .with_iterations(runs)
        .with_type::<(u16, u16, Steps)>()
        .for_each(|(which, number, steps)| {
            oracle(&edited(corpus, bits, *which, steps), *number);
        });
}

/// A home in memory, where there is room for that: thousands of mailboxes are made and flushed.
fn place() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}
