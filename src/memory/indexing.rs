//! The index is written on a thread of its own, so that whoever finds memories goes on meanwhile; a few are not worth one.

use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use super::fragment::Fragment;
use super::index::{Document, Error, Writer};
use super::shelf::Place;
use crate::store::Dir;
use crate::time::Timestamp;

/// So many are handed over at once, and so many times they may wait.
const SOME: usize = 512;
const MOST_WAITING: usize = 128;

/// What the index wants of a memory.
struct Entry {
    memory_id: String,
    content: String,
    at: Timestamp,
    agent: String,
    kind: String,
    terms: Vec<String>,
    place: Place,
    weight: f64,
}

enum Job {
    Add(Vec<Entry>),
    Commit,
    Merge,
}

/// Does what it is told; what went wrong is told by the next commit.
struct Worker {
    writer: Writer,
    failed: Option<Error>,
}

enum Where {
    Here {
        worker: Option<Box<Worker>>,
        outcome: Option<Result<(), Error>>,
    },
    Beside {
        jobs: Option<SyncSender<Job>>,
        outcomes: Receiver<Result<(), Error>>,
        thread: Option<JoinHandle<()>>,
    },
}

pub(super) struct Indexing {
    at: Where,
    some: Vec<Entry>,
}

impl Indexing {
    pub(super) fn open(dir: Dir) -> Result<Self, Error> {
        let worker = Worker {
            writer: Writer::open(dir)?,
            failed: None,
        };
        Ok(Self {
            at: Where::Here {
                worker: Some(Box::new(worker)),
                outcome: None,
            },
            some: Vec::new(),
        })
    }

    /// Its number is the next.
    pub(super) fn add(&mut self, fragment: Fragment, terms: Vec<String>, place: Place) {
        self.some.push(Entry {
            memory_id: fragment.memory_id,
            content: fragment.content,
            at: fragment.timestamp,
            agent: fragment.agent_id,
            kind: fragment.kind,
            terms,
            place,
            weight: fragment.narrative_weight,
        });
        if self.some.len() >= SOME {
            self.go_beside();
            let some = std::mem::take(&mut self.some);
            self.tell(Job::Add(some));
        }
    }

    fn go_beside(&mut self) {
        let Where::Here { worker, .. } = &mut self.at else {
            return;
        };
        let Some(mut worker) = worker.take() else {
            return;
        };
        let (jobs, work) = sync_channel::<Job>(MOST_WAITING);
        let (tell, outcomes) = channel();
        let thread = std::thread::spawn(move || {
            for outcome in work.into_iter().filter_map(|job| worker.take(job)) {
                // Nobody listens who does not ask.
                let _ = tell.send(outcome);
            }
        });
        self.at = Where::Beside {
            jobs: Some(jobs),
            outcomes,
            thread: Some(thread),
        };
    }

    fn tell(&mut self, job: Job) {
        match &mut self.at {
            Where::Here { worker, outcome } => {
                let told = worker.as_mut().and_then(|it| it.take(job));
                *outcome = told.or(outcome.take());
            }
            Where::Beside { jobs, .. } => {
                if let Some(jobs) = jobs {
                    jobs.send(job)
                        .expect("the thread ends after this end of the channel");
                }
            }
        }
    }

    /// Begins to make all that was added durable; its `outcome` is asked for before the next is begun.
    pub(super) fn begin_commit(&mut self) {
        let some = std::mem::take(&mut self.some);
        self.tell(Job::Add(some));
        self.tell(Job::Commit);
    }

    /// Begins to merge what commits left to be merged, which has its `outcome` as well; readers find the same meanwhile.
    pub(super) fn begin_merge(&mut self) {
        self.tell(Job::Merge);
    }

    /// What was added until then is in the index, and durable; or none of it since the last time.
    pub(super) fn outcome(&mut self) -> Result<(), Error> {
        match &mut self.at {
            Where::Here { outcome, .. } => outcome.take(),
            Where::Beside { outcomes, .. } => outcomes.recv().ok(),
        }
        .expect("each commit has an outcome")
    }
}

impl Drop for Indexing {
    /// Nobody writes any more once the lock of memories is free.
    fn drop(&mut self) {
        if let Where::Beside { jobs, thread, .. } = &mut self.at {
            *jobs = None;
            if let Some(thread) = thread.take() {
                // It has nothing more to say.
                let _ = thread.join();
            }
        }
    }
}

impl Worker {
    /// The outcome of a commit.
    fn take(&mut self, job: Job) -> Option<Result<(), Error>> {
        match job {
            Job::Add(some) => {
                if self.failed.is_none() {
                    self.failed = some.iter().find_map(|it| self.add(it).err());
                }
                None
            }
            Job::Commit => Some(match self.failed.take() {
                Some(error) => Err(error),
                None => self.writer.commit(),
            }),
            Job::Merge => Some(self.writer.merge()),
        }
    }

    fn add(&mut self, entry: &Entry) -> Result<(), Error> {
        let document = Document {
            memory_id: &entry.memory_id,
            content: &entry.content,
            at: entry.at,
            agent: &entry.agent,
            kind: &entry.kind,
            extra_terms: &entry.terms,
            day: entry.place.day.0,
            offset: entry.place.offset,
            length: entry.place.length,
            weight: as_f32(entry.weight),
        };
        self.writer.add(&document).map(drop)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a weight is a small number"
)]
const fn as_f32(weight: f64) -> f32 {
    weight as f32
}
