//! What is known already: by fingerprints, which stay the same when lines move.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Change, Class, Conflict, Found, Totals, duplicated};

/// Of the file. 1: the first.
const FORMAT: u32 = 1;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    pub version: u32,
    /// In their order, one a line, so that a merge of two branches is a merge of lines.
    pub fingerprints: BTreeSet<String>,
}

impl Baseline {
    pub fn of(found: &Found) -> Self {
        Self {
            version: FORMAT,
            fingerprints: found
                .clones
                .iter()
                .map(|it| it.fingerprint.clone())
                .chain(found.conflicts.iter().map(fingerprint))
                .collect(),
        }
    }

    pub fn parse(text: &str) -> Result<Self, String> {
        let baseline: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if baseline.version > FORMAT {
            return Err(format!(
                "written by a newer program (version {}, known is {FORMAT})",
                baseline.version
            ));
        }
        Ok(baseline)
    }

    pub fn text(&self) -> String {
        format!("{:#}\n", serde_json::json!(self))
    }

    /// Leaves what is new.
    pub fn apply(&self, found: &mut Found) {
        keep(found, |it| !self.fingerprints.contains(&it.fingerprint));
        found
            .conflicts
            .retain(|it| !self.fingerprints.contains(&fingerprint(it)));
    }
}

/// Of the key, its files and what they say: lines may move.
fn fingerprint(conflict: &Conflict) -> String {
    let mut text = conflict.key.clone();
    for value in &conflict.values {
        for part in [&value.file, &value.value] {
            text.push('\0');
            text.push_str(part);
        }
    }
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// Leaves the classes that a change has written something of.
pub fn touched(found: &mut Found, change: &Change) {
    keep(found, |class| {
        class.fragments.iter().any(|it| is_written(it, change))
    });
}

/// Whether most lines of a fragment are of a change.
pub fn is_written(fragment: &super::Fragment, change: &Change) -> bool {
    let Some(ranges) = change.get(&fragment.file) else {
        return false;
    };
    let common = |&(start, end): &(usize, usize)| {
        (end.min(fragment.end) + 1).saturating_sub(start.max(fragment.start))
    };
    let written: usize = ranges.iter().map(common).sum();
    written * 2 >= fragment.end + 1 - fragment.start
}

fn keep(found: &mut Found, keeps: impl Fn(&Class) -> bool) {
    found.clones.retain(keeps);
    found.totals = Totals {
        duplicated_lines: duplicated(&found.clones).values().sum(),
        ..found.totals
    };
}
