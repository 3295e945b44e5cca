//! What a scan tells: plain values that every report is written from.

use serde::{Deserialize, Serialize};

/// One scan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    pub totals: Totals,
    /// The weightiest first; of equal ones by their first fragment.
    pub clones: Vec<Class>,
    /// Settings that are given different values under the same path (`dupscan config`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// What was not read, or not whole: nothing is passed over in silence.
    pub skipped: Vec<Skipped>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub files: usize,
    pub lines: usize,
    /// Lines that stand in some fragment, each once.
    pub duplicated_lines: usize,
}

/// How like the fragments of a class are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sameness {
    /// The same but for layout and comments.
    Exact,
    /// The same but for names and literals.
    Renamed,
    /// Edited: something was put in, taken out or changed.
    Similar,
}

/// All copies of one thing, together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Class {
    pub kind: Sameness,
    /// Of the two that are least like each other, 0 to 1; 1 is exact.
    pub similarity: f64,
    /// Of the largest fragment.
    pub lines: usize,
    /// Of the largest fragment: tokens of code, settings of a block.
    pub tokens: usize,
    /// Stays the same when lines move: of what the fragments say and the files that they are in.
    pub fingerprint: String,
    /// By file, then by line; two at least.
    pub fragments: Vec<Fragment>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fragment {
    /// Below the root of the scan, with `/`.
    pub file: String,
    /// The first line, from 1.
    pub start: usize,
    /// The last line.
    pub end: usize,
    /// The function, the class or the key that it is, where it is one whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// One setting with more than one value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The path of its keys, as `server.port`.
    pub key: String,
    /// By file, then by line.
    pub values: Vec<Setting>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    pub file: String,
    pub line: usize,
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Skipped {
    pub file: String,
    pub why: String,
}
