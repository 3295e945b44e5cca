//! An inverted index on disk: a query reads what it asks for, never the corpus.
//!
//! Files, all below the directory that the caller names: `<number>.seg`, each a run of documents that never changes;
//! `index.json`, which of them count and in which order; and columns, one number a document, which the caller names. All of it is derived from the fragments and may be deleted at any moment.
//!
//! Documents are numbered from 0 in the order in which they are added. What is read carries a sum and a format: an index
//! that is not as it was written is an error, never an answer. A writer that dies leaves the index as it was.
//!
//! One writer at a time: its caller holds the lock. The texts themselves are not here, only where they lie.

mod best;
mod build;
mod column;
mod disk;
mod error;
mod families;
mod filter;
mod postings;
mod question;
mod rank;
mod search;
mod segment;
mod sheet;
#[cfg(test)]
mod tests;
mod walk;
mod words;
mod writer;

use crate::time::Timestamp;

pub use column::Column;
pub(crate) use column::write_column;
pub use error::Error;
pub use search::Index;
pub use writer::Writer;

/// A word or whatever else leads to documents, as a sum of it: no two of them are ever the same in practice, and each
/// is found by where it would lie.
type Term = u64;

/// What is to be found again.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    pub memory_id: &'a str,
    /// What stands early counts more.
    pub content: &'a str,
    pub at: Timestamp,
    pub agent: &'a str,
    pub kind: &'a str,
    /// What leads to it exactly as it is: `task:gt-1`, `thread:7`.
    pub extra_terms: &'a [String],
    /// The file that its line lies in, as the caller numbers them.
    pub day: u32,
    pub offset: u64,
    pub length: u32,
    pub weight: f32,
}

/// Where the line of a document lies, and what is known without it.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    pub day: u32,
    pub offset: u64,
    pub length: u32,
    pub at: Timestamp,
    pub agent: String,
    pub kind: String,
    pub weight: f32,
}

/// Which documents count at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Only<'q> {
    pub agent: Option<&'q str>,
    pub kind: Option<&'q str>,
    /// From then on.
    pub since: Option<Timestamp>,
    /// Up to then, itself included.
    pub until: Option<Timestamp>,
    /// All of them must be among its `extra_terms`.
    pub terms: &'q [String],
    /// None but these, in their order.
    pub among: Option<&'q [u32]>,
}

#[derive(Clone, Copy, Debug)]
pub struct Query<'q> {
    pub text: &'q str,
    pub only: Only<'q>,
    pub limit: usize,
}

/// A document that answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub ordinal: u32,
    pub score: f32,
    /// Others that say the same, best first.
    pub folded: Vec<u32>,
}
