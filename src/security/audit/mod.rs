//! The record of what was refused and of what needs a right of its own, each record chained to the one before it.
//!
//! Files, below `runtime/audit/`: `audit.jsonl`, which is written to; `audit.<time>-<n>.jsonl`, closed and never touched
//! again, `n` being the number of its last record; `.lock`, held by whoever writes; `.durable`, how far the open one is
//! flushed; `anchors/<n>.json`, how far journals and histories went when record `n` was written.
//!
//! Invariants: a record has the number after that of the one before it, and the hash of that one; both go on from file
//! to file. What `append` returns is flushed. What it fails with is not in the chain, or it says so. What a crash tore is
//! fenced off by the next writer and breaks no chain.
//!
//! Within one uid nobody is kept from rewriting the whole chain: that is seen only against a head that was published
//! elsewhere.
//!
//! Not here: what is worth a record (`desk`), and what the mail and the tasks tell of themselves.

mod alerts;
mod anchor;
mod append;
mod backwards;
mod chain;
mod compare;
mod entry;
mod error;
mod hash;
mod recent;
mod record;
mod report;
mod sources;
mod verify;
mod volumes;

pub use alerts::{ALERT, Alert, refuse, repeated};
pub use anchor::{ANCHOR, Anchor, anchor};
pub use append::append;
pub use entry::{Entry, Verdict};
pub use error::Error;
pub use hash::{BadHead, Hash, Head};
pub use recent::{Filter, recent};
pub use record::Record;
pub use report::{Finding, Progress, Report, What};
pub use verify::verify;
#[cfg(test)]
mod tests;
