//! `runtime/discord/NAME.json`: what the bot remembers, each file replaced whole under one lock. A person may read and
//! change them while nobody writes.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::Error;
use crate::root::Home;
use crate::store::{self, Deadline, Dir, Lock, Open, Target, random_u64};

/// Format of the files.
const VERSION: u32 = 1;
const LOCK: &str = ".lock";
/// Held as long as a bot runs.
const RUNS: &str = ".running";
const ASIDE: &str = ".aside-";
const LARGEST: u64 = 16 << 20;
/// Somebody else may write for so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// One bot in a home.
pub(super) struct Alone {
    _lock: Lock,
}

pub(super) fn alone(home: &Home) -> Result<Alone, Error> {
    match Lock::acquire(&dir(home)?, RUNS, Deadline::after(Duration::ZERO)) {
        Ok(lock) => Ok(Alone { _lock: lock }),
        Err(store::Error::Busy { .. }) => Err(Error::RunsAlready),
        Err(error) => Err(error.into()),
    }
}

fn dir(home: &Home) -> Result<Dir, store::Error> {
    Dir::make_path(home.dir(), home.inside(&home.discord()))
}

/// As it stands; nothing yet is the default.
pub(super) fn load<T: DeserializeOwned + Default>(home: &Home, name: &str) -> Result<T, Error> {
    read(&dir(home)?, name)
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    it: T,
}

#[derive(Deserialize)]
struct Head {
    v: u32,
}

fn read<T: DeserializeOwned + Default>(dir: &Dir, name: &str) -> Result<T, Error> {
    let Some(file) = dir.file_if_any(name, Open::Read)? else {
        return Ok(T::default());
    };
    let bytes = file.read_to_end(LARGEST)?;
    let failed = |why: String| Error::Kept {
        path: dir.path().join(name),
        why,
    };
    // A newer format may have another shape: its number is looked at first.
    let head: Head = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
    if head.v > VERSION {
        return Err(failed(format!(
            "of format {}, newer than this program",
            head.v
        )));
    }
    let read: Result<Versioned<T>, _> = serde_json::from_slice(&bytes);
    read.map(|it| it.it)
        .map_err(|error| failed(error.to_string()))
}

/// Changes it; `change` says what else came of it.
pub(super) fn change<T: DeserializeOwned + Default + Serialize, R>(
    home: &Home,
    name: &str,
    change: impl FnOnce(&mut T) -> R,
) -> Result<R, Error> {
    let dir = dir(home)?;
    let _lock = Lock::acquire(&dir, LOCK, Deadline::after(PATIENCE))?;
    let mut kept: T = read(&dir, name)?;
    let before = serde_json::to_vec(&kept).expect("every key is text");
    let came = change(&mut kept);
    if serde_json::to_vec(&kept).expect("every key is text") == before {
        return Ok(came);
    }
    let kept = Versioned {
        v: VERSION,
        it: kept,
    };
    let mut text = serde_json::to_vec_pretty(&kept).expect("every key is text");
    text.push(b'\n');
    sweep(&dir);
    let aside = format!("{ASIDE}{:016x}", random_u64());
    let file = dir.file(&aside, Open::New)?;
    let written = file
        .write_at(0, &text)
        .and_then(|()| file.sync_data())
        .and_then(|()| dir.rename(&aside, name, Target::Replaced));
    if let Err(error) = written {
        // Left there it does no harm.
        let _ = dir.remove(&aside);
        return Err(error.into());
    }
    Ok(came)
}

/// What somebody left who was killed here: the lock is ours.
fn sweep(dir: &Dir) {
    for name in dir.file_names().unwrap_or_default() {
        if name.starts_with(ASIDE) {
            // Left there it does no harm.
            let _ = dir.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Some {
        all: Vec<u64>,
    }

    #[test]
    fn what_is_newer_or_broken_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        change(&home, "some.json", |it: &mut Some| it.all.push(7)).unwrap();
        assert_eq!(load::<Some>(&home, "some.json").unwrap().all, [7]);
        let path = home.discord().join("some.json");
        for (text, said) in [
            ("{\"v\": 2}", "newer"),
            ("{\"v\": 1, \"all\": 3}", "some.json"),
            ("{", "some.json"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = change(&home, "some.json", |it: &mut Some| it.all.push(8)).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
