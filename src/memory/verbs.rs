//! What changes memories beside taking them up: forgetting, folding, making anew.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::Serialize;

use super::error::Error;
use super::fragment::Fragment;
use super::keep::{self, Keeper};
use super::recall::{Filter, Memory};
use super::shelf::Shelf;
use super::sources::Found;
use super::tell::{LIGHT, Plan, Told};
use super::templates::Group;
use crate::root::Home;
use crate::time::Timestamp;

/// All that is derived, made anew of the fragments; how many memories there are.
pub fn rebuild(home: &Home, now: Timestamp, warn: &dyn Fn(&str)) -> Result<u32, Error> {
    keep::rebuild(home, now, warn)
}

/// What became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    pub folded: u64,
    pub summaries: u64,
}

/// How much there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    pub memories: u32,
    /// Of more than one memory.
    pub threads: u32,
    pub templates: usize,
    pub days: usize,
    pub fragment_bytes: u64,
    pub index_bytes: u64,
    pub oldest: Option<Timestamp>,
    pub newest: Option<Timestamp>,
    pub types: BTreeMap<String, u64>,
    pub agents: BTreeMap<String, u64>,
}

/// Whether something is done or only told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Do,
    Rehearse,
}

impl From<bool> for Mode {
    fn from(dry_run: bool) -> Self {
        if dry_run { Self::Rehearse } else { Self::Do }
    }
}

/// Removes these memories; they never come back.
pub fn forget(
    home: &Home,
    ids: &[String],
    by: &str,
    now: Timestamp,
    warn: &dyn Fn(&str),
) -> Result<u64, Error> {
    let ids: HashSet<String> = ids.iter().cloned().collect();
    let note = |id: &str| serde_json::json!({"memory_id": id, "at": now, "by": by});
    keep::take_out(home, &ids, Some(&note), now, warn)
}

/// Folds what is older than `older` and weighs little into summaries.
pub fn compact(
    home: &Home,
    older: Duration,
    mode: Mode,
    now: Timestamp,
    warn: &dyn Fn(&str),
) -> Result<Compacted, Error> {
    let Some(memory) = Memory::open(home, now, warn)? else {
        return Ok(Compacted::default());
    };
    let mut plan = Plan::new(now, older, LIGHT);
    let miner = keep::miner(&Shelf::make(home)?)?;
    memory.tell(&Filter::default(), usize::MAX, |told| {
        // A summary says what its lines have in common, not how that is called.
        let group = told.fragment.template.as_deref().and_then(Group::parse);
        let pattern = group.and_then(|it| miner.as_ref()?.pattern(it));
        let fragment = Fragment {
            template: pattern.map(|it| it.text),
            ..told.fragment.clone()
        };
        plan.see(&Told {
            fragment: &fragment,
            thread: told.thread,
        });
    })?;
    let summaries = plan.finish();
    let folded: HashSet<String> = summaries.iter().flat_map(|it| it.of.clone()).collect();
    let compacted = Compacted {
        folded: folded.len() as u64,
        summaries: summaries.len() as u64,
    };
    if mode == Mode::Rehearse || summaries.is_empty() {
        return Ok(compacted);
    }
    drop(memory);
    // The summaries are durable before anything goes: their ids are made of what they stand for, so that whoever is
    // killed in between does not add them twice.
    let mut keeper = Keeper::open(home, now, warn)?;
    for summary in summaries {
        keeper.take(Found::summary(summary))?;
    }
    keeper.commit(&serde_json::Map::new())?;
    keeper.settle()?;
    drop(keeper);
    keep::take_out(home, &folded, None, now, warn)?;
    Ok(compacted)
}

/// How many bytes the index takes.
pub(super) fn index_bytes(shelf: &Shelf) -> Result<u64, Error> {
    let index = shelf.dir.sub("index")?;
    let mut bytes = 0;
    for dir in [&index, &index.sub("terms")?] {
        for name in dir.file_names()? {
            bytes += dir.ident(&name)?.map_or(0, |it| it.size);
        }
    }
    Ok(bytes)
}
