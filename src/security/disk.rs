//! The one file of policy and identity that touches the world.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Error;
use super::identity::{Issued, Known, Unproven, hash_text, prove};
use super::policy::{Policy, Question, Turn, count};
use crate::names::{AgentId, Roster, Token};
use crate::root::Home;
use crate::store::{
    self, Deadline, Dir, Lock, Open, Target, Version, compiled, keep_compiled, random_u64,
    random_u128,
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
const LARGEST_RATES: u64 = 4 << 20;
const LARGEST_TOKEN: u64 = 4096;

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

/// Who can prove that he is whom he says.
impl Policies {
    /// Whether the file at `shown` proves that its bearer is `agent`.
    pub fn prove(
        &self,
        agent: &AgentId,
        shown: Option<&Path>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(path) = shown else {
            return Err(Unproven::Missing {
                agent: agent.clone(),
            }
            .into());
        };
        let token = token_of(path).map_err(|why| Unproven::Unreadable {
            path: path.display().to_string(),
            why,
        })?;
        let known = Known {
            living: self.living(agent)?,
            issued: self.issued(agent)?,
        };
        Ok(prove(agent, &token, &known, now)?)
    }

    fn living(&self, agent: &AgentId) -> Result<Option<Token>, Error> {
        let path = self.home.token(agent);
        let dir = Dir::open(self.home.dir())?;
        match dir.file_below(self.home.inside(&path), Open::Read) {
            Ok(file) => Ok(Token::parse(&file.read_to_end(LARGEST_TOKEN)?)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn issued(&self, agent: &AgentId) -> Result<Vec<Issued>, Error> {
        let path = self.home.issued_tokens();
        let Some(dir) = (match Dir::open(&path) {
            Ok(dir) => Some(dir),
            Err(error) if error.is_absent() => None,
            Err(error) => return Err(error.into()),
        }) else {
            return Ok(Vec::new());
        };
        issued_in(&dir, &path, &format!("{agent}.json"))
    }

    /// Gives a token to what nobody supervises: its text, which nothing else keeps.
    pub fn issue(
        &self,
        agent: &AgentId,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Token, Error> {
        let token = Token::new(agent.clone(), None, [random_u128(), random_u128()]);
        self.change_issued(agent, |all| {
            all.retain(|it| it.expires_at.is_none_or(|at| at > now));
            all.push(Issued {
                hash: hash_text(&token),
                issued_at: now,
                expires_at,
            });
        })?;
        Ok(token)
    }

    /// Takes all back that were issued to it: how many there were.
    pub fn take_back(&self, agent: &AgentId) -> Result<usize, Error> {
        let mut taken = 0;
        self.change_issued(agent, |all| taken = std::mem::take(all).len())?;
        Ok(taken)
    }

    fn change_issued(
        &self,
        agent: &AgentId,
        change: impl FnOnce(&mut Vec<Issued>),
    ) -> Result<(), Error> {
        let path = self.home.issued_tokens();
        let dir = Dir::make_path(self.home.dir(), self.home.inside(&path))?;
        let _lock = Lock::acquire(&dir, LOCK, Deadline::after(PATIENCE))?;
        let name = format!("{agent}.json");
        let mut all = issued_in(&dir, &path, &name)?;
        change(&mut all);
        let mut text = serde_json::to_vec_pretty(&all).expect("every key is text");
        text.push(b'\n');
        Ok(replace(&dir, &name, &text, Flush::Yes)?)
    }
}

/// A token that others may read proves nothing.
fn token_of(path: &Path) -> Result<Token, String> {
    let told = |error: store::Error| error.to_string();
    let name = path.file_name().and_then(|name| name.to_str());
    let (Some(dir), Some(name)) = (path.parent(), name) else {
        return Err("it is no file".into());
    };
    let is_here = dir.as_os_str().is_empty();
    let dir = Dir::open(if is_here { Path::new(".") } else { dir }).map_err(told)?;
    let look = dir.look(name).map_err(told)?;
    let look = look.ok_or("it is not there")?;
    if look.mode & 0o077 != 0 {
        return Err("others may read or write it".into());
    }
    let file = dir.file(name, Open::Read).map_err(told)?;
    let bytes = file.read_to_end(LARGEST_TOKEN).map_err(told)?;
    Token::parse(&bytes).ok_or_else(|| "it is no token".into())
}

/// What cannot be read issues nothing, and is not written over.
fn issued_in(dir: &Dir, path: &Path, name: &str) -> Result<Vec<Issued>, Error> {
    let Some(file) = dir.file_if_any(name, Open::Read)? else {
        return Ok(Vec::new());
    };
    serde_json::from_slice(&file.read_to_end(LARGEST)?).map_err(|error| Error::Unsound {
        path: path.join(name),
        why: error.to_string(),
    })
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
    let mut text = serde_json::to_vec_pretty(counts).expect("texts and times");
    text.push(b'\n');
    replace(dir, RATES, &text, Flush::No)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flush {
    Yes,
    No,
}

/// Whole or not at all. Under the lock: what lies there under another name was left by a killed program.
fn replace(dir: &Dir, name: &str, text: &[u8], flush: Flush) -> Result<(), store::Error> {
    let prefix = format!(".{name}-");
    for left in dir.names()?.iter().filter(|it| it.starts_with(&prefix)) {
        dir.remove(left)?;
    }
    let aside = format!("{prefix}{:016x}", random_u64());
    let file = dir.file(&aside, Open::New)?;
    let is_flushed = flush == Flush::Yes;
    let kept = file
        .write_at(0, text)
        .and_then(|()| if is_flushed { file.sync_data() } else { Ok(()) })
        .and_then(|()| dir.rename(&aside, name, Target::Replaced));
    if kept.is_err() {
        dir.remove(&aside)?;
        return kept;
    }
    if is_flushed { dir.sync() } else { Ok(()) }
}
