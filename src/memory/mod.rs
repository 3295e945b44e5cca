//! What happened, as memories: logs, mail, task histories and devlogs become *fragments*, fragments are linked into
//! chronological threads, and agents and people ask.
//!
//! Files, all below `runtime/memories/`: `fragments/<day>.jsonl` is the truth, one fragment a line, in the day of its own
//! time; `threads/`, `insights/` and `index/` are derived from it and may be deleted at any moment.
//!
//! It never changes what it remembers from, and runs no model.

mod fragment;
pub mod index;
pub mod tell;
pub mod templates;
pub mod threads;

pub use fragment::{BadFragment, Connection, Fragment, Reason};
pub use tell::Insight;
