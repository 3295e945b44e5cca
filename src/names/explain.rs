//! What every error can say of itself. Exit codes are chosen from the kind, in `cli/failure.rs` alone.

use super::MessageId;

/// The dozen ways in which something can go wrong, as a caller must tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An honest "no".
    No,
    Usage,
    /// A state file that cannot be read as what it should be.
    Corrupt,
    /// No such agent, task or message.
    Unknown,
    Unreachable,
    Bug,
    CannotCreate,
    /// A failed system call; nothing happened.
    Io,
    /// A lock that stayed busy; nothing happened, try again.
    Busy,
    /// It may or may not have happened: try again with the key.
    OutcomeUnknown,
    Refused,
    Config,
    TimedOut,
}

/// One of several messages whose outcome is unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsure {
    /// Makes a retry safe.
    pub key: String,
    pub id: MessageId,
}

pub trait Explain: std::error::Error {
    fn kind(&self) -> Kind;

    /// What to do next, where we know it.
    fn hint(&self) -> Option<String> {
        None
    }

    /// The file that the error is about.
    fn path(&self) -> Option<&std::path::Path> {
        None
    }

    /// The key that makes a retry safe, where the outcome is unknown.
    fn key(&self) -> Option<String> {
        None
    }

    /// The same of several at once, in their order.
    fn each(&self) -> &[Unsure] {
        &[]
    }
}
