//! `state.json` on disk. Written under the agent's lock: by its supervisor, or by whoever found that one dead.

use super::error::Error;
use super::state::{State, VERSION};
use crate::store::{self, Dir, Open, Target, random_u64};

pub(crate) const STATE: &str = "state.json";
const LARGEST: u64 = 1 << 20;

/// Whether it must outlive a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    Yes,
    No,
}

/// `None` where it was never started.
pub(crate) fn read(dir: &Dir) -> Result<Option<State>, Error> {
    let Some(file) = dir.file_if_any(STATE, Open::Read)? else {
        return Ok(None);
    };
    let bytes = file.read_to_end(LARGEST)?;
    let unreadable = |error: serde_json::Error| Error::State {
        path: file.path().into(),
        why: error.to_string(),
    };
    // A newer format may have another shape: its number is looked at first.
    let Head { v } = serde_json::from_slice(&bytes).map_err(unreadable)?;
    if v > VERSION {
        return Err(Error::Newer {
            path: file.path().into(),
            version: v.into(),
        });
    }
    serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
}

#[derive(serde::Deserialize)]
struct Head {
    v: u32,
}

/// Whole or not at all. On a full disk it is written over the old one, whose room is there.
pub(crate) fn write(dir: &Dir, state: &State, flush: Flush) -> Result<(), store::Error> {
    let mut text = serde_json::to_vec_pretty(state).expect("every key is text");
    text.push(b'\n');
    match replace(dir, &text, flush) {
        Err(error) if error.is_no_space() => overwrite(dir, text, flush).map_err(|_| error),
        other => other,
    }
}

fn overwrite(dir: &Dir, mut text: Vec<u8>, flush: Flush) -> Result<(), store::Error> {
    let file = dir.file(STATE, Open::Write)?;
    // Nothing is left of the old one: blanks behind the end are none of the text.
    let old = usize::try_from(file.size()?).unwrap_or(0);
    text.resize(text.len().max(old), b' ');
    file.write_at(0, &text)?;
    match flush {
        Flush::Yes => file.sync_data(),
        Flush::No => Ok(()),
    }
}

fn replace(dir: &Dir, text: &[u8], flush: Flush) -> Result<(), store::Error> {
    let aside = format!(".state-{:016x}", random_u64());
    let file = dir.file(&aside, Open::New)?;
    let written = file.write_at(0, text).and_then(|()| match flush {
        Flush::Yes => file.sync_data(),
        Flush::No => Ok(()),
    });
    if let Err(error) = written {
        dir.remove(&aside)?;
        return Err(error);
    }
    dir.rename(&aside, STATE, Target::Replaced)?;
    if flush == Flush::Yes {
        dir.sync()?;
    }
    Ok(())
}
