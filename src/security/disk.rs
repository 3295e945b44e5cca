//! The one file of this room's policy that touches the world.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Error;
use super::policy::{Policy, Question, Turn, count};
use crate::names::Roster;
use crate::root::Home;
use crate::store::{
    self, Deadline, Dir, File, Lock, Open, Target, Version, compiled, keep_compiled, random_u64,
};
use crate::time::{Now, Timestamp};

/// Format of the compiled copy: another number, and every copy is made anew.
const FORMAT: u32 = 1;
const LARGEST: u64 = 1 << 20;
/// Below `cache/`.
const COPY: &str = "policy";
/// How long somebody else may count.
const PATIENCE: Duration = Duration::from_secs(5);
const LOCK: &str = ".lock";
const RATES: &str = "rates.json";
const ASIDE: &str = ".rates-";
const LARGEST_RATES: u64 = 4 << 20;

/// The policy of a home, looked at anew each time: whoever changes it is obeyed by what runs already.
pub struct Policies {
    home: Home,
    read: Mutex<Option<(Version, Arc<Policy>)>>,
}

impl Policies {
    pub const fn of(home: Home) -> Self {
        Self {
            home,
            read: Mutex::new(None),
        }
    }

    /// A home without a file has the built-in policy; that it has none is all that is asked.
    pub fn current(&self) -> Result<Arc<Policy>, Error> {
        let path = self.home.policies();
        let unreadable = |source| Error::Unreadable {
            path: path.clone(),
            source,
        };
        let Some(version) = Version::of(&path).map_err(unreadable)? else {
            return Ok(Arc::new(Policy::builtin()));
        };
        // Nothing that was being done to it can be half done: it is replaced whole.
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match read.as_ref() {
            Some((known, policy)) if *known == version => Ok(Arc::clone(policy)),
            _ => {
                let policy = Arc::new(self.read(&version)?);
                *read = Some((version, Arc::clone(&policy)));
                Ok(policy)
            }
        }
    }

    fn read(&self, version: &Version) -> Result<Policy, Error> {
        let dir = Dir::open(self.home.dir())?;
        match self.compiled(&dir, version) {
            Some(policy) => Ok(policy),
            None => self.compile(&dir, version),
        }
    }

    fn compiled(&self, dir: &Dir, version: &Version) -> Option<Policy> {
        let below = self.home.policy_cache();
        let copy = compiled(dir, self.home.inside(&below), version, FORMAT)?;
        Policy::of_copy(&copy)
    }

    fn compile(&self, dir: &Dir, version: &Version) -> Result<Policy, Error> {
        let path = self.home.policies();
        let file = dir.file_below(self.home.inside(&path), Open::Read)?;
        if file.opened().size > LARGEST {
            return Err(Error::Huge {
                path,
                limit: LARGEST,
            });
        }
        let bytes = file.read_to_end(LARGEST)?;
        let policy = Policy::parse(&bytes, &path)?;
        if version.is_still(file.opened()) && version.is_still(file.ident()?) {
            // Without a copy the next program parses again: slower, not wrong.
            let _ = self.keep(version, &policy);
        }
        Ok(policy)
    }

    fn keep(&self, version: &Version, policy: &Policy) -> Result<(), store::Error> {
        let copy = policy.to_copy();
        let cache = Dir::make_path(self.home.dir(), self.home.inside(&self.home.cache()))?;
        keep_compiled(&cache, COPY, version, FORMAT, &copy)
    }

    /// Counts an act against the limits that are for it: all of them, or none where one refuses it.
    pub fn count(
        &self,
        policy: &Policy,
        question: &Question,
        roster: &Roster,
    ) -> Result<Option<TooOften>, Error> {
        let limits = policy.counting(question, roster);
        if limits.is_empty() {
            return Ok(None);
        }
        let dir = self.home.security();
        let dir = Dir::make_path(self.home.dir(), self.home.inside(&dir))?;
        let _lock = Lock::acquire(&dir, LOCK, Deadline::after(PATIENCE))?;
        let mut counts = counts(&dir)?;
        // Not before the lock was taken: the times of those who waited for it would not come in their order.
        let now = Now::read().wall;
        for limit in limits {
            let name = count(limit, question.principal);
            match limit.turn(counts.get(&name).copied(), now) {
                Turn::Granted(until) => drop(counts.insert(name, until)),
                Turn::Wait(again_in) => {
                    return Ok(Some(TooOften {
                        rule: limit.rule.clone(),
                        again_in,
                    }));
                }
            }
        }
        counts.retain(|_, until| *until > now);
        keep_counts(&dir, &counts)?;
        Ok(None)
    }
}

/// One limit refused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooOften {
    pub rule: String,
    pub again_in: Duration,
}

/// What cannot be read counts nothing: a count is no right.
fn counts(dir: &Dir) -> Result<BTreeMap<String, Timestamp>, store::Error> {
    let Some(file) = dir.file_if_any(RATES, Open::Read)? else {
        return Ok(BTreeMap::new());
    };
    let bytes = file.read_to_end(LARGEST_RATES)?;
    Ok(serde_json::from_slice(&bytes).unwrap_or_default())
}

/// Not flushed: after a power cut everybody begins anew.
fn keep_counts(dir: &Dir, counts: &BTreeMap<String, Timestamp>) -> Result<(), store::Error> {
    for left in dir.names()?.iter().filter(|name| name.starts_with(ASIDE)) {
        dir.remove(left)?;
    }
    let aside = format!("{ASIDE}{:016x}", random_u64());
    let text = serde_json::to_vec_pretty(counts).expect("texts and times");
    let kept = dir
        .file(&aside, Open::New)
        .and_then(|file: File| file.write_at(0, &text))
        .and_then(|()| dir.rename(&aside, RATES, Target::Replaced));
    if kept.is_err() {
        dir.remove(&aside)?;
    }
    kept
}
