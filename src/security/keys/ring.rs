//! Keys are made, rotated, revoked, shown and brought from elsewhere.
//!
//! A new key is public before it is private, and the one before it is retired last: whoever dies in between leaves a key
//! that counts and that nobody has, which the next rotation retires. What mail is sealed to is public only once what
//! opens it lies there: mail that nobody can open would be lost.

use secrecy::SecretString;

use super::canonical::Content;
use super::error::Error;
use super::fingerprint::Fingerprint;
use super::private::{Key, Pair, Private};
use super::public::PublicKeys;
use super::signature::{Nonce, Signature};
use crate::names::AgentId;
use crate::root::Home;
use crate::security::document::Unfit;
use crate::security::files::{self, Place};
use crate::store::Lock;
use crate::time::Timestamp;

const LOCK: &str = ".lock";

/// The keys of an agent, or why they cannot be told.
#[derive(Debug)]
pub struct Listed {
    pub agent: AgentId,
    pub keys: Result<PublicKeys, Error>,
    /// It may sign here: its private file is in this home.
    pub is_own: bool,
}

/// Signs a message of `key`'s agent that is sent now.
pub fn sign(key: &Key, message: &Content<'_>, now: Timestamp) -> Signature {
    key.sign(message, Nonce::from_bits(files::random_nonce()), now)
}

/// What an agent signs with; `None` where it has no key. A key that is not current is an error: what it signs would be
/// taken for forged.
pub fn signing_key(home: &Home, agent: &AgentId) -> Result<Option<Key>, Error> {
    let Some(private) = private(home, agent)? else {
        return Ok(None);
    };
    let key = key_of(home, agent, &private)?;
    let known = public_keys(home, agent)?;
    let current = known.as_ref().and_then(|keys| keys.find(key.id()));
    match current.map(|key| key.standing) {
        Some(super::Standing::Current) => Ok(Some(key)),
        _ => Err(Error::NotCurrent {
            agent: agent.clone(),
            id: key.id(),
        }),
    }
}

/// What an agent opens sealed mail with.
pub fn identity(home: &Home, agent: &AgentId) -> Result<Option<SecretString>, Error> {
    let Some(private) = private(home, agent)? else {
        return Ok(None);
    };
    private.identity().map_err(malformed_private(home, agent))
}

pub fn public_keys(home: &Home, agent: &AgentId) -> Result<Option<PublicKeys>, Error> {
    let path = home.public_key(agent);
    let Some(place) = Place::seek(home, &path)? else {
        return Ok(None);
    };
    let Some(text) = place.read()? else {
        return Ok(None);
    };
    let keys = PublicKeys::parse(agent, &text);
    keys.map(Some).map_err(|why| Error::Malformed { path, why })
}

/// Every agent that is known to have or have had a key, by name.
pub fn list(home: &Home) -> Result<Vec<Listed>, Error> {
    let names = match Place::seek(home, &home.public_key(&AgentId::user()))? {
        Some(place) => place.names()?,
        None => Vec::new(),
    };
    let agents = names.iter().filter_map(|name| {
        let agent = AgentId::parse(name.strip_suffix(".json")?);
        // What has another name is none of ours.
        agent.ok()
    });
    agents
        .map(|agent| {
            let keys = public_keys(home, &agent);
            Ok(Listed {
                is_own: is_own(home, &agent)?,
                keys: keys.and_then(|keys| keys.ok_or_else(|| no_key(&agent))),
                agent,
            })
        })
        .collect()
}

/// A first key. `pair` is what mail to the agent is sealed to from now on.
pub fn make(
    home: &Home,
    agent: &AgentId,
    pair: Option<&Pair>,
    now: Timestamp,
) -> Result<Fingerprint, Error> {
    let _lock = lock(home)?;
    let known = public_keys(home, agent)?;
    let mut keys = known.unwrap_or_else(|| PublicKeys::new(agent));
    if is_own(home, agent)? {
        return complete(home, keys, now);
    }
    // Of one who died in the middle of this: the key that nobody has is retired below.
    if pair.is_none() {
        keys.set_recipient(None);
    }
    renew(home, keys, Private::new(agent, pair), &|| now)
}

/// What is left to do of a `make` that died once it had put down the private file.
fn complete(home: &Home, keys: PublicKeys, now: Timestamp) -> Result<Fingerprint, Error> {
    let agent = keys.agent().clone();
    let private = private(home, &agent)?.ok_or_else(|| no_key(&agent))?;
    let recipient = private.recipient();
    let recipient = recipient.map_err(malformed_private(home, &agent))?;
    if recipient.is_none() || keys.recipient() == recipient {
        return Err(Error::HasKey { agent });
    }
    let id = key_of(home, &agent, &private)?.id();
    publish(home, keys, id, recipient, now)
}

/// Another signing key in the place of the current one, which counts for what was signed until now. What mail is sealed
/// to stays: else what came before could not be opened any more. `pair` is for an agent that has none; `clock` says what
/// time it is.
pub fn rotate(
    home: &Home,
    agent: &AgentId,
    pair: Option<&Pair>,
    clock: impl Fn() -> Timestamp,
) -> Result<Fingerprint, Error> {
    let _lock = lock(home)?;
    let mut private = private(home, agent)?.ok_or_else(|| no_key(agent))?;
    let known = public_keys(home, agent)?;
    let keys = known.unwrap_or_else(|| PublicKeys::new(agent));
    let identity = private.identity().map_err(malformed_private(home, agent))?;
    if let (None, Some(pair)) = (identity, pair) {
        private.set_identity(pair);
    }
    renew(home, keys, private, &clock)
}

fn renew(
    home: &Home,
    mut keys: PublicKeys,
    mut private: Private,
    clock: &impl Fn() -> Timestamp,
) -> Result<Fingerprint, Error> {
    let agent = keys.agent().clone();
    let seed = files::random_seed();
    let key = Key::from_seed(agent.clone(), &seed);
    let public = Place::make(home, &home.public_key(&agent))?;
    let now = clock();
    keys.add(&key, now);
    public.replace(&keys.spell())?;
    private.set_seed(&seed, now);
    Place::make(home, &home.private_key(&agent))?.replace(&private.spell())?;
    let recipient = private.recipient();
    let recipient = recipient.map_err(malformed_private(home, &agent))?;
    // Whoever has just signed with the one before looked at the clock earlier still.
    publish(home, keys, key.id(), recipient, clock())
}

/// Once the private file lies there.
fn publish(
    home: &Home,
    mut keys: PublicKeys,
    id: Fingerprint,
    recipient: Option<&str>,
    now: Timestamp,
) -> Result<Fingerprint, Error> {
    if recipient.is_some() {
        keys.set_recipient(recipient);
    }
    keys.retire_all_but(id, now);
    Place::make(home, &home.public_key(keys.agent()))?.replace(&keys.spell())?;
    Ok(id)
}

/// Nothing that was ever signed with the key counts any more. The agent signs nothing until it is given another one.
pub fn revoke(home: &Home, agent: &AgentId, id: Fingerprint, now: Timestamp) -> Result<(), Error> {
    let _lock = lock(home)?;
    let mut keys = public_keys(home, agent)?.ok_or_else(|| no_key(agent))?;
    if !keys.revoke(id, now) {
        return Err(Error::UnknownKey {
            agent: agent.clone(),
            id,
        });
    }
    Ok(Place::make(home, &home.public_key(agent))?.replace(&keys.spell())?)
}

/// Gives what an agent opens and signs with to the name `new`, which signs with a key of its own: that of the old name
/// counts for what was signed until then, and its public file stays. Said again after a kill it goes on. `false` where
/// there was nothing to do.
///
/// The order: the new name can do all that the old one could; the old one's private file goes, so that from then on
/// nobody begins to sign with it; and only then it is read until when that counts. `clock` says what time it is.
pub fn rename(
    home: &Home,
    old: &AgentId,
    new: &AgentId,
    clock: impl Fn() -> Timestamp,
) -> Result<bool, Error> {
    if !is_own(home, old)? && !is_own(home, new)? {
        return Ok(false);
    }
    let _lock = lock(home)?;
    let theirs = private(home, new)?;
    let is_ours = theirs.as_ref().is_some_and(|it| it.is_from(old));
    let Some(mine) = private(home, old)? else {
        // Killed before the old one was retired, or all was done before.
        return if is_ours {
            retire(home, old, &clock)
        } else {
            Ok(false)
        };
    };
    match theirs {
        None => hand_over(home, old, new, mine, &clock)?,
        // Killed before the old one was removed.
        Some(_) if is_ours => {}
        Some(_) => {
            return Err(Error::InTheWay {
                agent: new.clone(),
                path: home.private_key(new),
            });
        }
    }
    Place::make(home, &home.private_key(old))?.remove()?;
    retire(home, old, &clock)?;
    Ok(true)
}

/// Whoever was revoked is so under any name, until he is given another key.
fn hand_over(
    home: &Home,
    old: &AgentId,
    new: &AgentId,
    private: Private,
    clock: &impl Fn() -> Timestamp,
) -> Result<(), Error> {
    let may_sign = match signing_key(home, old) {
        Ok(key) => key.is_some(),
        Err(Error::NotCurrent { .. }) => false,
        Err(error) => return Err(error),
    };
    let before = public_keys(home, old)?;
    let recipient = before.as_ref().and_then(PublicKeys::recipient);
    let mut keys = public_keys(home, new)?.unwrap_or_else(|| PublicKeys::new(new));
    keys.set_recipient(recipient);
    let private = private.for_name(new);
    if may_sign {
        return renew(home, keys, private, clock).map(drop);
    }
    Place::make(home, &home.public_key(new))?.replace(&keys.spell())?;
    Ok(Place::make(home, &home.private_key(new))?.replace(&private.spell())?)
}

/// What an agent signed with counts until now. Whether any key counted for longer.
fn retire(home: &Home, agent: &AgentId, clock: &impl Fn() -> Timestamp) -> Result<bool, Error> {
    let Some(mut keys) = public_keys(home, agent)? else {
        return Ok(false);
    };
    let counted = keys.current().is_some();
    if counted {
        keys.retire_all(clock());
        Place::make(home, &home.public_key(agent))?.replace(&keys.spell())?;
    }
    Ok(counted)
}

/// Whether the name `new` may get what `old` signs and opens with.
pub fn may_rename(home: &Home, old: &AgentId, new: &AgentId) -> Result<(), Error> {
    if private(home, old)?.is_none() {
        return Ok(());
    }
    public_keys(home, old)?;
    public_keys(home, new)?;
    match private(home, new)? {
        Some(theirs) if !theirs.is_from(old) => Err(Error::InTheWay {
            agent: new.clone(),
            path: home.private_key(new),
        }),
        _ => Ok(()),
    }
}

/// Removes what an agent signs and opens with. What it signed is verified as before, and nobody seals anything to it, nor
/// to a name that it had. Said again after a kill it goes on.
pub fn remove(
    home: &Home,
    agent: &AgentId,
    former: &[AgentId],
    clock: impl Fn() -> Timestamp,
) -> Result<(), Error> {
    let is_own = is_own(home, agent)?;
    // Keys that were brought from elsewhere are still those of somebody there.
    let names = former.iter().chain(is_own.then_some(agent));
    let mut sealed_to = Vec::new();
    for name in names {
        let keys = public_keys(home, name)?;
        sealed_to.extend(keys.filter(|keys| keys.recipient().is_some()));
    }
    if !is_own && sealed_to.is_empty() {
        return Ok(());
    }
    let _lock = lock(home)?;
    for keys in sealed_to {
        let name = keys.agent();
        if let Some(mut keys) = public_keys(home, name)? {
            keys.set_recipient(None);
            Place::make(home, &home.public_key(name))?.replace(&keys.spell())?;
        }
    }
    if is_own {
        Place::make(home, &home.private_key(agent))?.remove()?;
        retire(home, agent, &clock)?;
    }
    Ok(())
}

/// Takes the public file of an agent of another home. Keys that are known already must stand in it, and stay revoked if
/// they are.
pub fn import(home: &Home, text: &[u8]) -> Result<PublicKeys, Error> {
    let mut keys = PublicKeys::parse_any(text).map_err(Error::NotPublic)?;
    if text
        .windows(super::private::SEED.len())
        .any(|part| part == super::private::SEED.as_bytes())
    {
        return Err(Error::NotPublic(Unfit::Member(super::private::SEED)));
    }
    let agent = keys.agent().clone();
    let _lock = lock(home)?;
    if is_own(home, &agent)? {
        return Err(Error::HasKey { agent });
    }
    let path = home.public_key(&agent);
    if let Some(known) = public_keys(home, &agent)?
        && !keys.succeed(&known)
    {
        return Err(Error::OtherKeys { agent, path });
    }
    Place::make(home, &path)?.replace(&keys.spell())?;
    Ok(keys)
}

/// One lock for both directories.
fn lock(home: &Home) -> Result<Lock, Error> {
    let place = Place::make(home, &home.private_keys().join(LOCK))?;
    Ok(place.lock(LOCK)?)
}

fn private(home: &Home, agent: &AgentId) -> Result<Option<Private>, Error> {
    let Some(place) = Place::seek(home, &home.private_key(agent))? else {
        return Ok(None);
    };
    let Some(text) = place.read_private()? else {
        return Ok(None);
    };
    let private = Private::parse(agent, &text);
    private.map(Some).map_err(malformed_private(home, agent))
}

fn key_of(home: &Home, agent: &AgentId, private: &Private) -> Result<Key, Error> {
    private.key(agent).map_err(malformed_private(home, agent))
}

fn malformed_private(home: &Home, agent: &AgentId) -> impl Fn(Unfit) -> Error {
    let path = home.private_key(agent);
    move |why| Error::Malformed {
        path: path.clone(),
        why,
    }
}

fn is_own(home: &Home, agent: &AgentId) -> Result<bool, Error> {
    match Place::seek(home, &home.private_key(agent))? {
        Some(place) => Ok(place.exists()?),
        None => Ok(false),
    }
}

fn no_key(agent: &AgentId) -> Error {
    Error::NoKey {
        agent: agent.clone(),
    }
}

#[cfg(test)]
mod tests;
