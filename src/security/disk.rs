//! The one file of policy and identity that touches the world.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use super::Error;
use super::files::Place;
use super::identity::{Issued, Known, Unproven, hash_text, prove};
use super::plain;
use super::policy::{Policy, Question, Turn, count, enrolled};
use super::principal::Principal;
use crate::names::{AgentId, Finding, Roster, Token};
use crate::root::Home;
use crate::store::{self, Dir, File, Open, Version, compiled, keep_compiled, random_u128};
use crate::time::{Now, Timestamp};

/// Format of the compiled copy: another number, and every copy is made anew.
const FORMAT: u32 = 2;
const LARGEST: u64 = 1 << 20;
/// Below `cache/`.
const ENROL: &str = ".policies.lock";
const COPY: &str = "policy";
const LOCK: &str = ".lock";

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
        match self.compiled(version) {
            Some(policy) => Ok(policy),
            None => self.compile(version),
        }
    }

    fn compiled(&self, version: &Version) -> Option<Policy> {
        let copy = compiled(&self.home, &self.home.policy_cache(), version, FORMAT)?;
        Policy::of_copy(&copy)
    }

    fn compile(&self, version: &Version) -> Result<Policy, Error> {
        let path = self.home.policies();
        let file = File::of(&self.home, &path, Open::Read)?;
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
        let place = Place::make(&self.home, &self.home.rates())?;
        let _lock = place.lock(LOCK)?;
        let mut counts = counts(&place)?;
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
        // After a power cut everybody begins anew.
        place.replace_for_now(&text(&counts))?;
        Ok(None)
    }
}

/// Gives somebody a role, in the text of the file; what a person saved meanwhile is not written over. Whether it is new.
pub fn enrol(home: &Home, role: &str, member: &str) -> Result<bool, Error> {
    let lock = Place::make(home, &home.cache().join(COPY))?;
    let _lock = lock.lock(ENROL)?;
    let place = Place::make(home, &home.policies())?;
    let before = place
        .read()?
        .map(|it| String::from_utf8_lossy(&it).into_owned());
    let text = before.clone().unwrap_or_default();
    let principal = Principal::parse(member).map_err(|bad| Error::Unsound {
        path: place.path(),
        why: bad.to_string(),
    })?;
    if Policy::parse(text.as_bytes(), &place.path())?.gives(&principal, role) {
        return Ok(false);
    }
    let edited = enrolled(&text, role, member).ok_or_else(|| Error::Unsound {
        path: place.path(),
        why: format!(
            "it is written in a way that is not changed from here: add '{member}' to roles, {role}"
        ),
    })?;
    let now = place
        .read()?
        .map(|it| String::from_utf8_lossy(&it).into_owned());
    if now != before {
        return Err(Error::Unsound {
            path: place.path(),
            why: "somebody changed it meanwhile: try again".into(),
        });
    }
    place.replace(edited.as_bytes())?;
    Ok(true)
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
        let place = Place::seek(&self.home, &self.home.token(agent))?;
        let text = place
            .map(|place| place.read_private())
            .transpose()?
            .flatten();
        Ok(text.and_then(|text| Token::parse(&text)))
    }

    fn issued(&self, agent: &AgentId) -> Result<Vec<Issued>, Error> {
        let path = self.home.issued_tokens(agent);
        let place = Place::seek(&self.home, &path)?;
        place.map_or_else(|| Ok(Vec::new()), |place| issued_in(&place))
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
        let place = Place::make(&self.home, &self.home.issued_tokens(agent))?;
        let _lock = place.lock(LOCK)?;
        let mut all = issued_in(&place)?;
        change(&mut all);
        Ok(place.replace(&text(&all))?)
    }
}

fn token_of(path: &Path) -> Result<Token, String> {
    let place = Place::seek_outside(path);
    let text = place.and_then(|place| place.map(|place| place.read_private()).transpose());
    let text = text.map_err(|error| error.to_string())?;
    let text = text.flatten().ok_or("it is not there")?;
    Token::parse(&text).ok_or_else(|| "it is no token".into())
}

/// What cannot be read issues nothing, and is not written over.
fn issued_in(place: &Place) -> Result<Vec<Issued>, Error> {
    let Some(text) = place.read_private()? else {
        return Ok(Vec::new());
    };
    serde_json::from_slice(&text).map_err(|error| Error::Unsound {
        path: place.path(),
        why: error.to_string(),
    })
}

fn text(says: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(says).expect("every key is text");
    text.push(b'\n');
    text
}

/// One limit refused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TooOften {
    pub rule: String,
    pub again_in: Duration,
}

/// What cannot be read counts nothing: a count is no right.
fn counts(place: &Place) -> Result<BTreeMap<String, Timestamp>, Error> {
    let text = place.read()?;
    Ok(text
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default())
}

/// What lies in plain text in the files that people write, and looks as if nobody should read it.
pub fn plain_secrets(home: &Home) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    for dir in [home.config(), home.config().join("security")] {
        let Some(names) = names_in(home, &dir)? else {
            continue;
        };
        for name in names.iter().filter(|name| is_settings(name)) {
            let Some(text) = Place::seek(home, &dir.join(name))?
                .map(|place| place.read())
                .transpose()?
                .flatten()
            else {
                continue;
            };
            let text = String::from_utf8_lossy(&text);
            found.extend(plain::in_text(&text).map(|(line, what)| Finding {
                what: "plain-text-secret",
                path: dir.join(name),
                detail: format!("line {line}: {what} in plain text; see secctl secret set"),
                fixable: false,
                fixed: false,
            }));
        }
    }
    Ok(found)
}

fn names_in(home: &Home, dir: &Path) -> Result<Option<Vec<String>>, store::Error> {
    match Dir::of(home, dir) {
        Ok(dir) => dir.file_names().map(Some),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_settings(name: &str) -> bool {
    let end = name.rsplit_once('.').map(|(_, end)| end);
    matches!(end, Some("yaml" | "yml" | "json" | "toml" | "env"))
}
