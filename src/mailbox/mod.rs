//! (being built)

pub mod import;
pub mod json;
mod message;

pub use message::{Address, Counts, Finding, History, Lease, Message, Sent, Status, Step, Taken};
