//! What a scan found, as text that people, forges and spreadsheets read.
//!
//! Pure: from [`Found`](super::Found), and where code is shown from the caller's reader, to one text. The same scan gives the same
//! bytes. Names, values and code come from strangers; each format makes them harmless in its own way. What is left out for
//! its length is counted in its place.
//!
//! Does not write files, does not choose a format, and knows nothing of thresholds.

mod align;
mod code_climate;
mod csv;
mod html;
mod markdown;
mod sarif;
mod snippets;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod uri;
mod words;

pub use code_climate::code_climate;
pub use csv::{cell, csv};
pub use html::html;
pub use markdown::markdown;
pub use sarif::sarif;
pub use snippets::Reader;
pub use summary::{Kind, Worst, by_kind, worst};
pub use text::{Look, text};
