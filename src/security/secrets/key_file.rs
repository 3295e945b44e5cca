//! The user's key file, an age identity file: one key a line, the current one first. It never loses a key: the stores of
//! his other homes are sealed to the earlier ones.

use std::path::Path;

use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::error::Error;
use super::seal::{Identity, Unlock};
use super::store::sealed_with;
use crate::root::Home;
use crate::security::files::Place;
use crate::time::Timestamp;

/// What the key file opens. A program that runs for long asks anew each time: keys change.
pub fn unlock(path: &Path) -> Result<Unlock, Error> {
    let place = Place::seek_outside(path)?;
    let text = place.map(|place| place.read_private()).transpose()?;
    let text = text
        .flatten()
        .ok_or_else(|| Error::NoKeyFile { path: path.into() })?;
    Ok(Unlock::Identity(parse(path, &text)?))
}

/// As `unlock`, for whoever sets a secret: the first one needs a key that is not there yet. Where there is a store
/// already, its key is missing, and another would not open it.
pub fn unlock_or_make(home: &Home, path: &Path, now: Timestamp) -> Result<Unlock, Error> {
    match unlock(path) {
        Err(Error::NoKeyFile { .. }) if sealed_with(home)?.is_none() => {
            let place = Place::make_outside(path)?;
            let _lock = place.lock(&lock_name(&place))?;
            if !place.exists()? {
                place.replace(&with_key_before(&Identity::generate(), b"", now))?;
            }
            unlock(path)
        }
        other => other,
    }
}

/// A new key becomes the current one, durable before this returns.
pub(super) fn add(path: &Path, now: Timestamp) -> Result<Identity, Error> {
    let place = Place::make_outside(path)?;
    let _lock = place.lock(&lock_name(&place))?;
    let before = place.read_private()?.unwrap_or_default();
    // What cannot be read is not written over.
    parse(path, &before)?;
    let identity = Identity::generate();
    place.replace(&with_key_before(&identity, &before, now))?;
    Ok(identity)
}

fn lock_name(place: &Place) -> String {
    format!(".{}.lock", place.name())
}

fn parse(path: &Path, text: &[u8]) -> Result<Vec<Identity>, Error> {
    let bad = |line| Error::BadKeyFile {
        path: path.into(),
        line,
    };
    let text = std::str::from_utf8(text).map_err(|_| bad(1))?;
    let lines = text.lines().map(str::trim).enumerate();
    let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    keys.map(|(nth, line)| Identity::parse(line).ok_or_else(|| bad(nth + 1)))
        .collect()
}

fn with_key_before(identity: &Identity, rest: &[u8], now: Timestamp) -> Zeroizing<Vec<u8>> {
    let note = format!("# created: {now}\n# public key: {}\n", identity.recipient());
    let key = identity.spell();
    let parts = [note.as_bytes(), key.expose_secret().as_bytes(), b"\n", rest];
    let mut text = Zeroizing::new(Vec::with_capacity(parts.iter().map(|it| it.len()).sum()));
    for part in parts {
        text.extend_from_slice(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::names::{Explain as _, Kind};

    fn recipients(unlock: &Unlock) -> Vec<String> {
        match unlock {
            Unlock::Identity(all) => all.iter().map(Identity::recipient).collect(),
            Unlock::Passphrase(_) => panic!("a key file holds keys"),
        }
    }

    #[test]
    fn a_new_key_comes_first_and_no_key_and_no_note_is_lost() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("config/dreamos/secrets.key");
        let first = add(&path, Timestamp::default()).unwrap().recipient();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("# mine\n\n{text}")).unwrap();
        let second = add(&path, Timestamp::default()).unwrap().recipient();
        assert_eq!(recipients(&unlock(&path).unwrap()), [second, first]);
        assert!(fs::read_to_string(&path).unwrap().contains("# mine\n"));
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_key_file_that_cannot_be_read_is_neither_used_nor_written_over() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("secrets.key");
        assert!(matches!(unlock(&path), Err(Error::NoKeyFile { .. })));
        add(&path, Timestamp::default()).unwrap();
        let key = fs::read_to_string(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(unlock(&path).unwrap_err().kind(), Kind::Refused);
        assert_eq!(
            add(&path, Timestamp::default()).unwrap_err().kind(),
            Kind::Refused
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let torn = &key[..key.len() - 9];
        fs::write(&path, torn).unwrap();
        for error in [
            unlock(&path).unwrap_err(),
            add(&path, Timestamp::default()).unwrap_err(),
        ] {
            assert!(
                matches!(error, Error::BadKeyFile { line: 3, .. }),
                "{error}"
            );
            assert!(!error.to_string().contains("AGE-SECRET"), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), torn);
    }
}
