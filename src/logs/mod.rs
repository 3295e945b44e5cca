//! Writes down what happened and reads it back: one JSON line an event in `runtime/logs/<channel>.log`.
//!
//! Files: `<channel>.log`, which is written to; `<channel>.<time>-<n>.log[.gz]`, closed and never changed again;
//! `config/logs.json`, how large they grow and how long they are kept.
//!
//! Invariants: one `write` an event or a batch, so that lines of many writers never mix; a line that found no room
//! leaves nothing; nobody waits. Whoever writes holds the log shared, whoever renames it holds it alone. All logs
//! together stay below `max_total`.
//!
//! Not here: what is worth a line (the rooms say so by their effects), what is counted (`metrics`).

mod append;
mod close;
mod count;
mod entry;
mod error;
mod filter;
mod limits;
mod line;
mod merge;
mod packed;
mod read;
mod redact;
mod segment;
mod survey;
#[cfg(test)]
mod tests;
mod watch;

pub use append::append;
pub use close::{Rotated, Which, limits, rehearse, rotate};
pub use count::Counts;
pub use entry::{Entry, fields};
pub use error::Error;
pub use filter::Filter;
pub use limits::Limits;
pub(crate) use line::is_ours;
pub use merge::{Line, Make, Merged};
pub use read::{Place, Raw, Reader};
pub use redact::text as redacted;
pub use segment::{Closed, Segment};
pub use survey::{Depth, Survey, survey};
pub use watch::Waker;
