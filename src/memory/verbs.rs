//! What changes memories beside taking them up: forgetting, folding, making anew.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use super::error::Error;
use super::fragment::Fragment;
use super::ingest::{BATCH_BYTES, Progress, Telling};
use super::keep::{self, Keeper, Note};
use super::recall::{Filter, Memory};
use super::shelf::Shelf;
use super::sources::Found;
use super::tell::{Fold, LIGHT, Plan, Told};
use super::templates::{Group, Miner};
use crate::root::Home;
use crate::time::Timestamp;

/// How far it is is told after so many.
const TOLD_AFTER: u64 = 1024;

/// All that is derived, made anew of the fragments; how many memories there are.
pub fn rebuild(home: &Home, now: Timestamp, telling: &Telling<'_>) -> Result<u32, Error> {
    keep::rebuild(home, now, telling)
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
    telling: &Telling<'_>,
) -> Result<u64, Error> {
    let ids: HashSet<String> = ids.iter().cloned().collect();
    let note = |id: &str| serde_json::json!({"memory_id": id, "at": now, "by": by});
    let note = Note {
        ids: &ids,
        said: &note,
    };
    keep::take_out(home, &|id| ids.contains(id), Some(note), now, telling)
}

/// Folds what is older than `older` and weighs little into summaries.
pub fn compact(
    home: &Home,
    older: Duration,
    mode: Mode,
    now: Timestamp,
    telling: &Telling<'_>,
) -> Result<Compacted, Error> {
    let Some(memory) = Memory::open(home, now, telling.warn, &|_| true)? else {
        return Ok(Compacted::default());
    };
    let patterns = Patterns(keep::miner(&Shelf::make(home)?)?);
    let mut plan = Plan::new(now, older, LIGHT);
    let (all, mut seen) = (u64::from(memory.len()), 0);
    memory.each(
        &Filter::default(),
        usize::MAX,
        |ordinal, fragment, thread| {
            if seen % TOLD_AFTER == 0 {
                (telling.progress)(Progress::of(seen, all));
            }
            seen += 1;
            let fragment = &patterns.spell(fragment);
            plan.see(&Told { fragment, thread }, ordinal);
        },
    )?;
    let folds = plan.finish();
    let compacted = Compacted {
        folded: folds.iter().map(|it| it.of.len() as u64).sum(),
        summaries: folds.len() as u64,
    };
    if mode == Mode::Rehearse || folds.is_empty() {
        return Ok(compacted);
    }
    let folded = fold(home, &memory, &folds, &patterns, now, telling)?;
    drop(memory);
    let is_folded = |id: &str| folded.contains(&xxh3_128(id.as_bytes()));
    keep::take_out(home, &is_folded, None, now, telling)?;
    Ok(compacted)
}

/// The summaries are durable before anything goes: their ids are made of what they stand for, so that whoever is killed in
/// between does not add them twice. Returns the sums of the ids that they stand for.
fn fold(
    home: &Home,
    memory: &Memory<'_>,
    folds: &[Fold],
    patterns: &Patterns,
    now: Timestamp,
    telling: &Telling<'_>,
) -> Result<HashSet<u128>, Error> {
    let mut keeper = Keeper::open(home, now, telling, None)?;
    let mut folded = HashSet::new();
    for fold in folds {
        let fragments = memory.numbered(&fold.of)?.into_iter();
        let fragments: Vec<Fragment> = fragments.map(|it| patterns.spell(it)).collect();
        // Somebody may have taken memories away before the lock was ours.
        if !fold.is_of(&fragments) {
            let path = home.memories();
            return Err(Error::Changed { path });
        }
        let summary = fold.summary(&fragments, now);
        folded.extend(summary.of.iter().map(|id| xxh3_128(id.as_bytes())));
        keeper.take(Found::summary(summary))?;
        if keeper.waiting_bytes() >= BATCH_BYTES {
            keeper.commit(&serde_json::Map::new())?;
        }
    }
    keeper.commit(&serde_json::Map::new())?;
    keeper.settle()?;
    Ok(folded)
}

/// A summary says what its lines have in common, not how that is called.
struct Patterns(Option<Miner>);

impl Patterns {
    fn spell(&self, fragment: Fragment) -> Fragment {
        let group = fragment.template.as_deref().and_then(Group::parse);
        let pattern = group.and_then(|it| self.0.as_ref()?.pattern(it));
        Fragment {
            template: pattern.map(|it| it.text),
            ..fragment
        }
    }
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
