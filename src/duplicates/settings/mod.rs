//! Settings that a tree holds more than once: equal and nearly equal blocks of YAML, JSON, TOML, INI, `.properties` and `.env`,
//! and settings that two places answer differently.
//!
//! Every format becomes one `tree` of keys and values with their lines; each mapping, section and list of mappings that holds
//! enough settings is a `block`, seen as a set of (path of keys below the block, value). Two blocks are compared by what
//! they share, weighed by how much it tells (`likeness`): keys alone are a schema and no copy. Copies come in `classes`, the
//! outermost block of a nest only; `conflicts` are looked for where blocks or files are meant to say the same.
//!
//! It reads no file: texts come in, plain values go out, the same for the same texts in any order.

mod blocks;
mod classes;
mod conflicts;
mod likeness;
mod read;
mod tree;

#[cfg(test)]
mod tests;

use super::{Found, Skipped, Totals};

pub use read::{Format, format_of};

/// One file of settings.
#[derive(Debug, Clone, Copy)]
pub struct Text<'t> {
    /// Below the root of the scan, with `/`.
    pub file: &'t str,
    pub text: &'t str,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// How like two blocks must be at least, 0 to 1.
    pub similarity: f64,
    /// How many settings a block must hold at least.
    pub least_settings: usize,
    /// Whether settings with several values are looked for as well.
    pub conflicts: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            similarity: 0.7,
            least_settings: 5,
            conflicts: true,
        }
    }
}

/// Finds copies and conflicts. What cannot be parsed stands in `skipped`, with the line and the reason.
pub fn scan(texts: &[Text], options: &Options) -> Found {
    let mut texts: Vec<Text> = texts.to_vec();
    texts.sort_unstable_by_key(|text| (text.file, text.text));
    let mut found = Found::default();
    let mut catalogue = blocks::Catalogue::default();
    // A copy from which something was taken out may be smaller than what is asked for.
    let least = (options.least_settings * 3).div_ceil(4);
    for (file, text) in texts.iter().enumerate() {
        let Some(format) = format_of(text.file) else {
            continue;
        };
        match read::documents(format, text.text) {
            Ok(documents) => catalogue.add(file, format, &documents, least),
            Err(fault) => found.skipped.push(Skipped {
                file: text.file.to_owned(),
                why: format!("line {}: {}", fault.line, fault.why),
            }),
        }
    }
    let classes = classes::find(&catalogue, options);
    if options.conflicts {
        found.conflicts = conflicts::find(&catalogue, &texts, &classes);
    }
    found.clones = classes
        .iter()
        .map(|class| class.told(&catalogue, &texts))
        .collect();
    found.totals = totals(&texts, &found);
    found
}

fn totals(texts: &[Text], found: &Found) -> Totals {
    let mut spans: Vec<(&str, usize, usize)> = found
        .clones
        .iter()
        .flat_map(|class| &class.fragments)
        .map(|fragment| (fragment.file.as_str(), fragment.start, fragment.end))
        .collect();
    spans.sort_unstable();
    let (mut duplicated_lines, mut reached) = (0, ("", 0));
    for (file, start, end) in spans {
        let from = if reached.0 == file {
            start.max(reached.1 + 1)
        } else {
            start
        };
        duplicated_lines += (end + 1).saturating_sub(from);
        reached = (
            file,
            if reached.0 == file {
                end.max(reached.1)
            } else {
                end
            },
        );
    }
    Totals {
        files: texts.len(),
        lines: texts.iter().map(|text| text.text.lines().count()).sum(),
        duplicated_lines,
    }
}
