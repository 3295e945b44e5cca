//! What memories are made of: each source hands out what it finds, oldest first, and knows how far it came.

mod corpus;
mod devlog;
mod events;
mod found;
mod given;
mod line;
mod lines;
mod mail;
mod rotated;
mod source;
mod stamp;
mod tasks;
mod text;

pub(super) use found::{Found, fingerprint};
pub use source::{House, Input, Wanted};
pub(super) use source::{Skip, Source, house, open};
