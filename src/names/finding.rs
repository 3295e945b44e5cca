use std::path::PathBuf;

use serde::Serialize;

/// Something that a `doctor` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable word: `journal-bad-record`, `unknown-key`, `left-over`, …
    pub what: &'static str,
    pub path: PathBuf,
    pub detail: String,
    /// `--fix` can mend it, or has.
    pub fixable: bool,
    pub fixed: bool,
}
