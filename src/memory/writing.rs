//! Memories are weighed, printed and written day by day, and handed on to the index: on threads of their own where there
//! are many, so that whoever finds and links them goes on meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::Value;

use super::beside::{Beside, Work};
use super::error::Error;
use super::fragment::{Fragment, said};
use super::index;
use super::indexing::{Batch, Indexer, Job as Indexed};
use super::shelf::{Append, Covered, Day, Place, Shelf};
use super::tell;
use crate::store::Dir;

/// So many are handed over at once.
const SOME: usize = 512;

/// A memory on its way; its number is the next.
enum Coming {
    /// Is to be written.
    New {
        /// Without its insights and its weight.
        fragment: Fragment,
        /// The part of all lines that its template has.
        share: f64,
    },
    /// Lies there already.
    There { fragment: Fragment, place: Place },
}

enum Job {
    Take(Vec<Coming>),
    Covered(BTreeMap<Day, Covered>),
    Commit,
    Merge,
}

/// How far the days are that a commit wrote to.
type Written = BTreeMap<Day, Covered>;

/// What whoever finds memories has of it: they are added, and made durable batch by batch.
pub(super) struct Writing {
    scribe: Beside<Scribe>,
    some: Vec<Coming>,
    /// What was written comes back: it is freed where it was made, for elsewhere that takes longer.
    done: Receiver<Vec<Coming>>,
    written: Receiver<Result<Written, Error>>,
    indexed: Receiver<Result<(), index::Error>>,
}

impl Writing {
    pub(super) fn open(shelf: Arc<Shelf>, terms: Dir) -> Result<Self, Error> {
        let (tell_written, written) = channel();
        let (tell_indexed, indexed) = channel();
        let (give_back, done) = channel();
        let scribe = Scribe {
            shelf,
            append: Append::default(),
            indexer: Beside::new(Indexer::open(terms, tell_indexed)?),
            written: tell_written,
            done: give_back,
        };
        Ok(Self {
            scribe: Beside::new(scribe),
            some: Vec::new(),
            done,
            written,
            indexed,
        })
    }

    /// How far each day is, before anything is added.
    pub(super) fn begin(&mut self, covered: BTreeMap<Day, Covered>) {
        self.scribe.tell(Job::Covered(covered));
    }

    pub(super) fn add(&mut self, fragment: Fragment, share: f64) {
        self.take(Coming::New { fragment, share });
    }

    /// One that lies there is only to be found.
    pub(super) fn index(&mut self, fragment: Fragment, place: Place) {
        self.take(Coming::There { fragment, place });
    }

    fn take(&mut self, coming: Coming) {
        self.some.push(coming);
        if self.some.len() >= SOME {
            self.scribe.go();
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let some = std::mem::take(&mut self.some);
        self.scribe.tell(Job::Take(some));
        for mut done in self.done.try_iter() {
            done.clear();
            self.some = done;
        }
    }

    /// Begins to make all that was added durable; its `outcome` is asked for before the next is begun.
    pub(super) fn begin_commit(&mut self) {
        self.hand_over();
        self.scribe.tell(Job::Commit);
    }

    /// What was added until then is on disk, and in the index; or what of it is on disk is not known to the index yet.
    pub(super) fn outcome(&mut self) -> Result<Written, Error> {
        let written = self.written.recv().expect("each commit has an outcome")?;
        self.merged()?;
        Ok(written)
    }

    /// Begins to merge what commits left to be merged; it ends with `merged`.
    pub(super) fn begin_merge(&mut self) {
        self.scribe.tell(Job::Merge);
    }

    pub(super) fn merged(&mut self) -> Result<(), Error> {
        let indexed = self.indexed.recv();
        Ok(indexed.expect("each commit and merge has an outcome")?)
    }
}

struct Scribe {
    shelf: Arc<Shelf>,
    append: Append,
    indexer: Beside<Indexer>,
    written: Sender<Result<Written, Error>>,
    done: Sender<Vec<Coming>>,
}

impl Work for Scribe {
    type Job = Job;

    fn take(&mut self, job: Job) {
        match job {
            Job::Take(mut some) => {
                if some.len() >= SOME {
                    self.indexer.go();
                }
                let mut batch = Batch::default();
                for coming in &mut some {
                    self.write(coming, &mut batch);
                }
                self.indexer.tell(Indexed::Add(batch));
                let _ = self.done.send(some);
            }
            Job::Covered(covered) => self.append = Append::behind(covered),
            Job::Commit => {
                let written = self.append.commit(&self.shelf);
                // What is not on disk is in no index.
                if written.is_ok() {
                    self.indexer.tell(Indexed::Commit);
                }
                // Nobody listens who does not ask.
                let _ = self.written.send(written);
            }
            Job::Merge => self.indexer.tell(Indexed::Merge),
        }
    }
}

impl Scribe {
    fn write(&mut self, coming: &mut Coming, batch: &mut Batch) {
        let (fragment, place) = match coming {
            Coming::There { fragment, place } => (fragment, *place),
            Coming::New { fragment, share } => {
                tell::weigh(fragment, *share);
                let place = self.append.add(fragment);
                (fragment, place)
            }
        };
        batch.add(fragment, exact_terms(fragment), place);
    }
}

/// What a query may ask for exactly.
fn exact_terms(fragment: &Fragment) -> Vec<String> {
    let mut terms = Vec::new();
    for (key, term) in [("task_id", "task"), ("thread", "thread")] {
        if let Some(value) = fragment.context_text(key) {
            terms.push(format!("{term}:{value}"));
        }
    }
    if let Some(template) = &fragment.template {
        terms.push(format!("template:{template}"));
    }
    if let Some(id) = fragment.context_text("supersedes") {
        terms.push(format!("supersedes:{id}"));
    }
    if let Some(Value::Array(ids)) = said(&fragment.context, "of") {
        terms.extend(
            ids.iter()
                .filter_map(Value::as_str)
                .map(|id| format!("of:{id}")),
        );
    }
    terms
}
