//! Copies of code: exact, renamed, edited.
//!
//! Text → tokens → statements and blocks → seeds → runs → chains → pairs that are compared → classes.

mod align;
mod blocks;
mod bounds;
mod chains;
mod classes;
mod compare;
pub mod language;
mod lex;
mod search;
mod seeds;
mod source;
mod tokens;

pub use language::Language;
pub use search::Options;
pub use source::Source;

use super::Class;
use source::Sources;

/// The classes of copies in these files; the same for any order of them and any number of threads, if `sources` are by their names.
pub fn search(sources: &[Source], options: &Options) -> Vec<Class> {
    let sources = Sources::new(sources);
    let pairs = search::pairs(&sources, options);
    classes::classes(&sources, &pairs)
}
