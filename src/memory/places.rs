//! `ingest.json`: how far each source was read.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::Error;
use super::shelf::{self, Shelf};
use crate::store::{Open, Target};
use crate::time::Timestamp;

const NAME: &str = "ingest.json";
const VERSION: u32 = 1;
const LARGEST: u64 = 64 << 20;

/// How far each source was read.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Places {
    v: u32,
    pub(super) sources: Map<String, Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Places {
    pub(super) fn write(&mut self, to: &Shelf) -> Result<(), Error> {
        self.v = VERSION;
        let mut text = serde_json::to_vec_pretty(self).expect("every key is text");
        text.push(b'\n');
        shelf::replace(&to.dir, NAME, &text)
    }
}

/// A file of places that cannot be read is set aside: what is read again is known by its ids.
pub(super) fn read(shelf: &Shelf, now: Timestamp, warn: &dyn Fn(&str)) -> Result<Places, Error> {
    let Some(file) = shelf.dir.file_if_any(NAME, Open::Read)? else {
        return Ok(Places::default());
    };
    let path = file.path().to_owned();
    // A newer format may have another shape: its number is looked at first.
    let read = serde_json::from_slice::<Value>(&file.read_to_end(LARGEST)?);
    let version = read.as_ref().ok().and_then(|it| it.get("v")?.as_u64());
    if let Some(found) = version.filter(|it| *it > VERSION.into()) {
        return Err(Error::Newer {
            path,
            found,
            known: VERSION,
        });
    }
    match read.and_then(serde_json::from_value::<Places>) {
        Ok(places) => Ok(places),
        Err(error) => {
            let at = now.to_utc().format("%Y%m%dT%H%M%SZ");
            let name = format!("{NAME}.rejected-{at}");
            shelf.dir.rename(NAME, &name, Target::Replaced)?;
            warn(&format!(
                "{NAME} could not be read ({error}): it is {name} now, and all sources are read again"
            ));
            Ok(Places::default())
        }
    }
}
