//! Writes down what happened: one JSON line an event in `runtime/logs/<channel>.log`.
//!
//! Invariants: one `write` an event or a batch, so that lines of many writers never mix; a line that found no room
//! leaves nothing; nobody waits.
//!
//! Not here: what is worth a line (the rooms say so by their effects), reading, rotation.

mod append;

pub(crate) use append::append;
