//! What happened, as memories: logs, mail, task histories and devlogs become *fragments*, fragments are linked into
//! chronological threads, and agents and people ask.
//!
//! Files, all below `runtime/memories/`: `fragments/<day>.jsonl` is the truth, one fragment a line, in the day of its own
//! time; `ingest.json` tells how far each source was read, and `forgotten.jsonl` what never comes back. `threads/`,
//! `insights/` and `index/` are derived from the fragments and may be deleted at any moment.
//!
//! A fragment is in its day before its source counts as read, and is known by its id: whoever is killed in between loses
//! none and doubles none. What a person edits there is seen by its file, and indexed anew.
//!
//! It never changes what it remembers from, and runs no model.

mod beside;
mod derive;
mod error;
mod forgotten;
mod fragment;
pub mod index;
mod indexing;
mod ingest;
mod keep;
mod line;
mod numbers;
mod places;
mod recall;
mod saved;
mod shelf;
mod sight;
mod sources;
pub mod tell;
pub mod templates;
pub mod threads;
mod verbs;
mod waker;
mod writing;

pub use derive::Template;
pub use error::Error;
pub use fragment::{BadFragment, Connection, Fragment, Reason};
pub use ingest::{Ingested, Ingester, Progress, Telling};
pub use recall::{Filter, Hit, Memory, Thread, Topic, ask};
pub use sight::{LeftOut, Letter};
pub use sources::{House, Input, Wanted};
pub use tell::Insight;
pub use verbs::{Compacted, Mode, Stats, compact, forget, rebuild};
pub use waker::Waker;
