//! `runtime/metrics/fold.json`: what was counted, and how far each log was read, replaced whole under one lock.

use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::error::Error;
use super::totals::{Folded, VERSION};
use crate::root::Home;
use crate::store::{
    self, Deadline, Dir, File, Hold, Lock, Open, Target, What, random_u64, try_hold,
};
use crate::time::Timestamp;

const LOCK: &str = ".lock";
const NAME: &str = "fold.json";
const ASIDE: &str = ".fold-";
/// Ten thousand names of agents and of tasks are two megabytes.
const LARGEST: u64 = 64 << 20;
/// Somebody else may fold for so long.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was counted, as long as nobody else may count.
pub(super) struct Kept {
    dir: Dir,
    _lock: Lock,
    pub(super) folded: Folded,
    /// As it lies on the disk.
    before: Option<Folded>,
}

#[derive(Deserialize)]
struct Head {
    v: u64,
}

impl Kept {
    /// A file that cannot be read is set aside, and all logs that are there are counted anew.
    pub(super) fn open(home: &Home, now: Timestamp, warn: &dyn Fn(&str)) -> Result<Self, Error> {
        let dir = Dir::make_path(home.dir(), home.inside(&home.metrics()))?;
        let lock = Lock::acquire(&dir, LOCK, Deadline::after(PATIENCE))?;
        let before = match read(&dir)? {
            Read::Nothing => None,
            Read::Folded(folded) => Some(*folded),
            Read::Broken(why) => {
                let rejected = format!("{NAME}.rejected-{}", now.to_utc().format("%Y%m%dT%H%M%SZ"));
                dir.rename(NAME, &rejected, Target::Replaced)?;
                let path = dir.path().join(rejected);
                warn(&format!(
                    "{NAME} could not be read ({why}): it is {} now, and the logs are counted anew",
                    path.display()
                ));
                None
            }
        };
        Ok(Self {
            dir,
            _lock: lock,
            folded: before.clone().unwrap_or_default(),
            before,
        })
    }

    /// As it lies on the disk.
    pub(super) fn before(self) -> Folded {
        self.before.unwrap_or_default()
    }

    /// Whole or not at all, also in a power cut.
    pub(super) fn save(&self) -> Result<(), Error> {
        if self.before.as_ref() == Some(&self.folded) {
            return Ok(());
        }
        // What somebody left who was killed here: the lock is ours.
        for name in self.dir.file_names()? {
            if name.starts_with(ASIDE) {
                self.dir.remove(&name)?;
            }
        }
        let mut text = serde_json::to_vec(&self.folded).expect("every key is text");
        text.push(b'\n');
        let aside = format!("{ASIDE}{:016x}", random_u64());
        let file = self.dir.file(&aside, Open::New)?;
        let written = file
            .write_at(0, &text)
            .and_then(|()| file.sync_data())
            .and_then(|()| self.dir.rename(&aside, NAME, Target::Replaced));
        if let Err(error) = written {
            // Left there it does no harm.
            let _ = self.dir.remove(&aside);
            return Err(error.into());
        }
        Ok(())
    }
}

enum Read {
    Nothing,
    Folded(Box<Folded>),
    Broken(String),
}

fn read(dir: &Dir) -> Result<Read, Error> {
    let Some(file) = dir.file_if_any(NAME, Open::Read)? else {
        return Ok(Read::Nothing);
    };
    let bytes = file.read_to_end(LARGEST)?;
    // A newer format may have another shape: its number is looked at first.
    match serde_json::from_slice(&bytes) {
        Ok(Head { v }) if v > VERSION.into() => {
            return Err(Error::Newer {
                path: file.path().into(),
                found: v,
                known: VERSION,
            });
        }
        Ok(_) => {}
        Err(error) => return Ok(Read::Broken(error.to_string())),
    }
    Ok(match serde_json::from_slice::<Folded>(&bytes) {
        Ok(folded) if folded.is_fit() => Read::Folded(Box::new(folded)),
        Ok(_) => Read::Broken("its histograms have another number of buckets".into()),
        Err(error) => Read::Broken(error.to_string()),
    })
}

/// Figures for a collector of text files: written aside, readable for everybody, and renamed.
pub fn write_textfile(path: &Path, text: &str) -> Result<(), Error> {
    let no_name = || Error::NoName { path: path.into() };
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(no_name)?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let dir = Dir::open(parent)?;
    if let Some(there) = dir.look(name)?
        && there.what != What::File
    {
        return Err(Error::NoFile { path: path.into() });
    }
    sweep(&dir, name);
    let (aside, file) = new_aside(&dir, name)?;
    let written = file
        .write_at(0, text.as_bytes())
        .and_then(|()| dir.set_mode(&aside, 0o644))
        .and_then(|()| dir.rename(&aside, name, Target::Replaced));
    if let Err(error) = written {
        // Left there it does no harm.
        let _ = dir.remove(&aside);
        return Err(error.into());
    }
    Ok(())
}

/// A file of our own beside `name`, held as long as it is written. A collector takes none with a dot for figures.
fn new_aside(dir: &Dir, name: &str) -> Result<(String, File), Error> {
    loop {
        let aside = format!(".{name}.{:016x}", random_u64());
        let file = dir.file(&aside, Open::New)?;
        // Somebody may sweep it before we hold it.
        let is_there = || Ok::<_, store::Error>(dir.ident(&aside)?.map(|it| it.ino));
        if try_hold(&file, Hold::Alone)? && is_there()? == Some(file.opened().ino) {
            return Ok((aside, file));
        }
    }
}

/// Removes what those left who were killed while they wrote: nobody holds it. What is not ours to open stays.
fn sweep(dir: &Dir, name: &str) {
    let is_aside = |it: &String| {
        let random = it.strip_prefix('.').and_then(|it| it.strip_prefix(name));
        let random = random.and_then(|it| it.strip_prefix('.'));
        random.is_some_and(|it| it.len() == 16 && it.bytes().all(|it| it.is_ascii_hexdigit()))
    };
    let names = dir.file_names().unwrap_or_default();
    for aside in names.iter().filter(|it| is_aside(it)) {
        let Ok(Some(file)) = dir.file_if_any(aside, Open::Read) else {
            continue;
        };
        if try_hold(&file, Hold::Alone).unwrap_or(false) {
            // Left there it does no harm.
            let _ = dir.remove(aside);
        }
    }
}
