//! Which lines are alike: online mining of log templates, in the family of Drain (He et al., 2017).
//!
//! A line becomes *tokens*; what is a value by its looks (numbers, ids, addresses, paths, dates) is one and the same token,
//! and a list of values is one value. Lines of the same tokens are one *group*, found by a hash without allocating. What
//! looks cannot tell is told by statistics: `settle` puts groups together that differ in a place where much has been seen.
//! That is judged anew each time, so that a place that turns out to hold a few words, each of them often, is parted
//! again; only where very many words have been seen the groups become one for ever, which is what bounds their number.
//!
//! No files: a [`Miner`] is saved to bytes and loaded from them. It never keeps the lines, and no clock decides.

mod group;
mod likeness;
mod miner;
mod saved;
#[cfg(test)]
mod tests;
mod tokens;

pub use group::{Group, Pattern};
pub use miner::Miner;
