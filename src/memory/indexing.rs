//! What the index is told of each memory; it is written on a thread of its own.

use std::ops::Range;
use std::sync::mpsc::Sender;

use super::beside::Work;
use super::fragment::Fragment;
use super::index::{Document, Error, Writer};
use super::shelf::Place;
use crate::store::Dir;
use crate::time::Timestamp;

/// What the index wants of some memories. Their texts are one: to free many on another thread than they were made on takes
/// longer than to copy them.
#[derive(Default)]
pub(super) struct Batch {
    text: String,
    terms: Vec<String>,
    entries: Vec<Entry>,
}

struct Entry {
    memory_id: Range<usize>,
    content: Range<usize>,
    agent: Range<usize>,
    kind: Range<usize>,
    terms: Range<usize>,
    at: Timestamp,
    place: Place,
    weight: f64,
}

impl Batch {
    pub(super) fn add(&mut self, fragment: &Fragment, terms: Vec<String>, place: Place) {
        let mut put = |text: &str| {
            let start = self.text.len();
            self.text.push_str(text);
            start..self.text.len()
        };
        let entry = Entry {
            memory_id: put(&fragment.memory_id),
            content: put(&fragment.content),
            agent: put(&fragment.agent_id),
            kind: put(&fragment.kind),
            terms: self.terms.len()..self.terms.len() + terms.len(),
            at: fragment.timestamp,
            place,
            weight: fragment.narrative_weight,
        };
        self.terms.extend(terms);
        self.entries.push(entry);
    }

    fn documents(&self) -> impl Iterator<Item = Document<'_>> {
        let text = |range: &Range<usize>| &self.text[range.clone()];
        self.entries.iter().map(move |entry| Document {
            memory_id: text(&entry.memory_id),
            content: text(&entry.content),
            at: entry.at,
            agent: text(&entry.agent),
            kind: text(&entry.kind),
            extra_terms: &self.terms[entry.terms.clone()],
            day: entry.place.day.0,
            offset: entry.place.offset,
            length: entry.place.length,
            weight: as_f32(entry.weight),
        })
    }
}

pub(super) enum Job {
    /// Their numbers are the next.
    Add(Batch),
    /// All that was added becomes durable.
    Commit,
    /// What commits left to be merged is; readers find the same meanwhile.
    Merge,
}

/// Tells what became of each commit and merge: all that was added before is in the index, and durable, or none of it since
/// the last one.
pub(super) struct Indexer {
    writer: Writer,
    failed: Option<Error>,
    outcomes: Sender<Result<(), Error>>,
}

impl Indexer {
    pub(super) fn open(dir: Dir, outcomes: Sender<Result<(), Error>>) -> Result<Self, Error> {
        Ok(Self {
            writer: Writer::open(dir)?,
            failed: None,
            outcomes,
        })
    }

    fn add(&mut self, batch: &Batch) -> Result<(), Error> {
        batch
            .documents()
            .try_for_each(|it| self.writer.add(&it).map(drop))
    }
}

impl Work for Indexer {
    type Job = Job;

    fn take(&mut self, job: Job) {
        let outcome = match job {
            Job::Add(batch) => {
                if self.failed.is_none() {
                    self.failed = self.add(&batch).err();
                }
                return;
            }
            Job::Commit => match self.failed.take() {
                Some(error) => Err(error),
                None => self.writer.commit(),
            },
            Job::Merge => self.writer.merge(),
        };
        // Nobody listens who does not ask.
        let _ = self.outcomes.send(outcome);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a weight is a small number"
)]
const fn as_f32(weight: f64) -> f32 {
    weight as f32
}
