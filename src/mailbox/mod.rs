//! Mail of one agent in one directory: the journal is the truth, `inbox.json` its face.
//!
//! What was accepted is durable before anybody is told; what is reported follows from what is durable; what a
//! person or a foreign script writes into the face is merged back. The steps of every verb, and what a crash
//! between two of them leaves, are in `held.rs` (under the journal lock), `render.rs` (under the render lock) and
//! `prune.rs` (under the prune lock); how a mailbox gets another name, or goes, in `moves.rs` (under all three); rules
//! without a world around them in `bound.rs`, `fold.rs`, `merge.rs`, `face.rs`, `record.rs`, `stamp.rs` and `view.rs`. Files on
//! disk: `runtime/README.md`.
//!
//! Lock order: prune, render, journal; never two mailboxes at once.
//!
//! Not here: who may do what, names, logs, notices to other mailboxes (`desk`).

mod accepted;
mod adopt;
mod archive;
mod attach;
mod bound;
mod create;
mod doctor;
mod edit;
mod ending;
mod error;
mod face;
mod fold;
mod follow;
mod glance;
mod held;
pub mod import;
mod index;
mod journal;
pub mod json;
mod keys;
mod merge;
mod message;
mod metadata;
mod moves;
mod open;
mod prune;
mod read;
mod record;
mod render;
mod send;
mod slot;
mod stamp;
mod take;
#[cfg(test)]
mod tests;
mod tombstone;
mod view;
mod visit;
mod watch;

pub use accepted::{Accepted, Mark, accepted, owners};
pub use adopt::Adopted;
pub use attach::Attachment;
pub use bound::{Bound, Excess};
pub use doctor::strays;
pub use edit::Edited;
pub use error::Error;
pub(crate) use glance::{Glance, Glances};
pub use message::{Address, Counts, History, Lease, Message, Sent, Status, Step, Taken};
pub use metadata::Metadata;
pub use moves::{Waiting, is_left, may_rename, remove_rest};
pub use open::Mailbox;
pub use prune::Pruned;
pub use read::Which;
pub use send::{MOST_CONTENT, Said};
pub use take::{Claim, Done, Given, Judgement, Outcome, Source};
pub use tombstone::{former_names, had_name, moved};
pub use watch::{Trace, Waker, Watch};
