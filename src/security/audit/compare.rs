//! Journals and histories beside the list of an anchor.

use std::path::PathBuf;

use super::anchor::{self, Listed};
use super::report::{Finding, What};
use super::sources::{self, Begins, Extent, Found};
use crate::root::Home;
use crate::store::Error;

/// An agent that was purged, all that it had, and by which record.
#[derive(Clone, Debug)]
pub(super) struct Purged {
    pub(super) n: u64,
    pub(super) agent: String,
}

/// How many of those that the list of record `n` names are as they were, and what the others are. A list that tells of a
/// file which `findings` name already says nothing more.
pub(super) fn compare(
    home: &Home,
    n: u64,
    sha256: &str,
    purged: &[Purged],
    findings: &mut Vec<Finding>,
) -> usize {
    let list = match anchor::read(home, n, sha256) {
        Ok(Listed::These(list)) => list,
        other => {
            let what = match other {
                Ok(Listed::Gone) => What::ListGone,
                Err(error) => What::Unreadable(error.to_string()),
                Ok(_) => What::ListChanged,
            };
            findings.push(finding(anchor::path(home, n), what));
            return 0;
        }
    };
    let mut intact = 0;
    for extent in list {
        match judge(home, n, &extent, purged) {
            None => intact += 1,
            Some(what) => {
                let path = home.dir().join(&extent.path);
                if !findings.iter().any(|it| it.path == path) {
                    findings.push(finding(path, what));
                }
            }
        }
    }
    intact
}

pub(super) const fn finding(path: PathBuf, what: What) -> Finding {
    Finding {
        path,
        line: None,
        n: None,
        what,
    }
}

fn judge(home: &Home, anchor: u64, extent: &Extent, purged: &[Purged]) -> Option<What> {
    match begins(home, extent) {
        Ok(Ok(Begins::Same)) => None,
        Ok(Ok(Begins::Otherwise)) => Some(What::Changed {
            anchor,
            len: extent.len,
        }),
        Ok(Ok(Begins::Short(now))) => Some(What::Shortened {
            anchor,
            len: extent.len,
            now,
        }),
        Ok(Err(Absent::Sealed(generation))) => Some(What::NotChecked {
            anchor,
            why: format!("generation {generation} is gone (kept 30 days)"),
        }),
        Ok(Err(Absent::Gone)) => Some(gone(home, anchor, extent, purged)),
        Err(error) => Some(What::Unreadable(error.to_string())),
    }
}

enum Absent {
    /// A journal of this generation, and a later one stands in its place.
    Sealed(u64),
    Gone,
}

fn begins(home: &Home, extent: &Extent) -> Result<Result<Begins, Absent>, Error> {
    Ok(match (sources::find(home, extent)?, extent.generation) {
        (Found::Here(source), _) => Ok(source.begins(extent)?),
        (Found::Generation(later), Some(it)) if later > it => Err(Absent::Sealed(it)),
        // An earlier one than was there: somebody has put it back.
        (Found::Generation(_) | Found::Nowhere, _) => Err(Absent::Gone),
    })
}

fn gone(home: &Home, anchor: u64, extent: &Extent, purged: &[Purged]) -> What {
    let owner = sources::owner(home, &extent.path);
    let purged = purged.iter().find(|it| {
        it.n > anchor
            && owner
                .as_ref()
                .is_some_and(|owner| owner.as_str() == it.agent)
    });
    match purged {
        Some(purged) => What::NotChecked {
            anchor,
            why: format!("{} was purged by record {}", purged.agent, purged.n),
        },
        None => What::Gone { anchor },
    }
}
