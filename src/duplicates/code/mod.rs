//! Copies of code: exact, renamed, edited.
//!
//! Text → tokens → statements and blocks → seeds → runs → chains → pairs that are compared → classes.

mod align;
mod blocks;
mod bounds;
mod brackets;
mod chains;
mod classes;
mod compare;
mod definition;
mod gestalt;
mod language;
mod lex;
mod reading;
mod search;
mod seeds;
mod source;
#[cfg(test)]
mod tests;
mod tokens;

pub(super) use definition::{Definition, least_likeness};
pub use language::names as languages;
pub use reading::{Choice, readable};
pub use search::Options;
pub use source::Source;

use super::Class;
use super::each::Tick;
use source::Sources;

/// The classes of copies in these files; the same for any number of threads, if `sources` are by their names.
pub fn search(sources: &[&Source], options: &Options, tick: Tick) -> Vec<Class> {
    let sources = Sources::new(sources);
    let pairs = search::pairs(&sources, options, tick);
    let enough = if options.exact {
        compare::EXACT
    } else {
        compare::SIMILAR
    };
    classes::classes(&sources, &pairs, enough)
}
