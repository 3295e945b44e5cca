//! The store: it is opened, looked into or changed, and sealed again, by one at a time.

use std::ffi::OsStr;
use std::path::Path;

use secrecy::SecretString;

use super::error::Error;
use super::key_file;
use super::name::SecretName;
use super::seal::{SealedWith, Unlock, open_with, seal_for, sealed};
use super::vault::{Listed, Vault};
use crate::root::Home;
use crate::security::files::Place;
use crate::time::Timestamp;

const LOCK: &str = ".lock";

/// What a store is sealed with from now on.
#[derive(Debug)]
pub enum NewKey<'p> {
    /// A new key, which is put into this file.
    File(&'p Path),
    Passphrase(SecretString),
}

/// What opens the store; `None` where there is none.
pub fn sealed_with(home: &Home) -> Result<Option<SealedWith>, Error> {
    let Some(place) = Place::seek(home, &home.secret_store())? else {
        return Ok(None);
    };
    let Some(text) = read(&place)? else {
        return Ok(None);
    };
    let found = sealed(&text);
    found.map(Some).map_err(|why| Error::Unopened {
        path: place.path(),
        why,
    })
}

/// The first one makes the store.
pub fn set(
    home: &Home,
    name: &SecretName,
    value: &SecretString,
    note: Option<&str>,
    unlock: &Unlock,
    now: Timestamp,
) -> Result<(), Error> {
    change(home, unlock, |vault| {
        let mut vault = vault.unwrap_or_else(Vault::new);
        vault.set(name, value, note, now);
        Ok(vault)
    })
}

pub fn get(home: &Home, name: &SecretName, unlock: &Unlock) -> Result<SecretString, Error> {
    let vault = look(home, unlock)?.ok_or(Error::NoStore)?;
    vault.get(name).ok_or_else(|| no_secret(name))
}

/// Names and times, by name.
pub fn list(home: &Home, unlock: &Unlock) -> Result<Vec<Listed>, Error> {
    let vault = look(home, unlock)?;
    Ok(vault.map_or_else(Vec::new, |vault| vault.list()))
}

pub fn remove(home: &Home, name: &SecretName, unlock: &Unlock) -> Result<(), Error> {
    change(home, unlock, |vault| {
        let mut vault = vault.ok_or(Error::NoStore)?;
        if vault.remove(name) {
            Ok(vault)
        } else {
            Err(no_secret(name))
        }
    })
}

/// Seals the whole store anew. A new key is in its file, before the earlier ones, before anything is sealed to it: the
/// file opens the store before and after, and at every instant in between.
pub fn rotate_key(
    home: &Home,
    unlock: &Unlock,
    to: NewKey<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let place = Place::make(home, &home.secret_store())?;
    let _lock = place.lock(LOCK)?;
    let vault = open(&place, unlock)?.ok_or(Error::NoStore)?;
    let to = match to {
        NewKey::File(path) => Unlock::Identity(vec![key_file::add(path, now)?]),
        NewKey::Passphrase(passphrase) => Unlock::Passphrase(passphrase),
    };
    close(&place, &vault, &to)
}

/// What a bot, a bridge or a poster logs in with: the value of the variable `name.variable()`, if it is not empty, else
/// what the store says. `unlock` is asked only then.
pub fn read_for_program(
    home: &Home,
    name: &SecretName,
    env_override: Option<&OsStr>,
    unlock: &dyn Fn() -> Result<Unlock, Error>,
) -> Result<SecretString, Error> {
    match env_override.filter(|value| !value.is_empty()) {
        Some(value) => value
            .to_str()
            .map(SecretString::from)
            .ok_or_else(|| Error::BadVariable {
                variable: name.variable(),
            }),
        // Where there is no store, its key is no help.
        None if sealed_with(home)?.is_none() => Err(no_secret(name)),
        None => get(home, name, &unlock()?),
    }
}

fn look(home: &Home, unlock: &Unlock) -> Result<Option<Vault>, Error> {
    match Place::seek(home, &home.secret_store())? {
        Some(place) => open(&place, unlock),
        None => Ok(None),
    }
}

fn change(
    home: &Home,
    unlock: &Unlock,
    edit: impl FnOnce(Option<Vault>) -> Result<Vault, Error>,
) -> Result<(), Error> {
    let place = Place::make(home, &home.secret_store())?;
    let _lock = place.lock(LOCK)?;
    let vault = edit(open(&place, unlock)?)?;
    close(&place, &vault, unlock)
}

fn open(place: &Place, unlock: &Unlock) -> Result<Option<Vault>, Error> {
    let Some(text) = read(place)? else {
        return Ok(None);
    };
    let path = place.path();
    let opened = open_with(unlock, &text);
    let opened = opened.map_err(|why| Error::Unopened {
        path: path.clone(),
        why,
    })?;
    let vault = Vault::parse(&opened);
    vault
        .map(Some)
        .map_err(|why| Error::Malformed { path, why })
}

/// What is no text is no armor, and is told so when it is opened.
fn read(place: &Place) -> Result<Option<String>, Error> {
    let text = place.read_private()?;
    Ok(text.map(|text| String::from_utf8_lossy(&text).into_owned()))
}

fn close(place: &Place, vault: &Vault, unlock: &Unlock) -> Result<(), Error> {
    let sealed = seal_for(unlock, &vault.spell())?;
    Ok(place.replace(sealed.as_bytes())?)
}

fn no_secret(name: &SecretName) -> Error {
    Error::NoSecret { name: name.clone() }
}

#[cfg(test)]
mod tests;
