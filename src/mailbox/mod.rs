//! (being built)

pub mod import;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the verbs that use it come next")
)]
mod index;
pub mod json;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the verbs that use it come next")
)]
mod keys;
mod message;
mod slot;

pub use message::{Address, Counts, Finding, History, Lease, Message, Sent, Status, Step, Taken};
