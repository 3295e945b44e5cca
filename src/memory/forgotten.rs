//! `forgotten.jsonl`: the ids of what never comes back, with who said so and when.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::error::Error;
use super::shelf::{self, Shelf};
use crate::store::Open;

const NAME: &str = "forgotten.jsonl";
const LARGEST: u64 = 256 << 20;

/// By sums of their ids.
#[derive(Default)]
pub(super) struct Forgotten(HashSet<u64, foldhash::fast::FixedState>);

impl Forgotten {
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.contains(&xxh3_64(id.as_bytes()))
    }
}

/// Whole or not at all: a torn line would bring somebody back. What a person wrote there stays.
pub(super) fn note(
    shelf: &Shelf,
    ids: &HashSet<String>,
    said: &dyn Fn(&str) -> Value,
) -> Result<(), Error> {
    let known = read(shelf)?;
    let mut text = match shelf.dir.file_if_any(NAME, Open::Read)? {
        Some(file) => file.read_to_end(LARGEST)?,
        None => Vec::new(),
    };
    if !text.is_empty() && !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    let mut ids: Vec<&String> = ids.iter().collect();
    ids.sort_unstable();
    for id in ids {
        if !known.has(id) {
            serde_json::to_writer(&mut text, &said(id)).expect("every key is text");
            text.push(b'\n');
        }
    }
    shelf::replace(&shelf.dir, NAME, &text)
}

/// What is never to come back, by its ids.
pub(super) fn read(shelf: &Shelf) -> Result<Forgotten, Error> {
    #[derive(Deserialize)]
    struct Note {
        memory_id: String,
    }
    let Some(file) = shelf.dir.file_if_any(NAME, Open::Read)? else {
        return Ok(Forgotten::default());
    };
    let bytes = file.read_to_end(LARGEST)?;
    let notes = bytes.split(|byte| *byte == b'\n');
    let ids = notes.filter_map(|line| serde_json::from_slice::<Note>(line).ok());
    let ids = ids.map(|it| xxh3_64(it.memory_id.as_bytes()));
    Ok(Forgotten(ids.collect()))
}
