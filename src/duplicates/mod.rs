//! The duplicate finder: files, code blocks, settings and names that a tree holds more than once.
//!
//! It reads a tree and writes nothing but its own cache. Groups are *classes*: all copies of one thing together, in an order that
//! depends neither on threads nor on the order of a directory. What cannot be read is told with its reason.

pub mod code;
mod error;
mod found;
pub mod report;

pub use error::Error;
pub use found::{Class, Conflict, Found, Fragment, Sameness, Setting, Skipped, Totals};
