//! The duplicate finder: files, code blocks, settings and names that a tree holds more than once.
//!
//! It reads a tree and writes nothing but its own cache. Groups are *classes*: all copies of one thing together, in an order that
//! depends neither on threads nor on the order of a directory. What cannot be read is told with its reason.

pub mod baseline;
pub mod code;
pub mod disk;
mod each;
mod error;
mod found;
mod gate;
mod identical;
mod names;
pub mod report;
mod scan;
pub mod settings;

pub use disk::Change;
pub use each::Tick;
pub use error::Error;
pub use found::{Class, Conflict, Found, Fragment, Sameness, Setting, Skipped, Totals};
pub use gate::{KINDS, Limits};
pub use identical::{Group, Identical, files};
pub use names::Name;
pub use scan::{Telling, Wanted, configs, copies, copies_at, duplicated, same_names};
