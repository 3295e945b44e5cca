//! What the original kept: `memory_corpus.json`, one object of all memories, and `narrative_threads/`, lists of ids.

use std::collections::VecDeque;
use std::path::Path;

use serde_json::{Map, Value};

use super::found::{Found, made_id};
use super::given::of_fields;
use super::source::{Skip, Source};
use super::text::name;
use crate::memory::error::Error;
use crate::store::{Dir, File};
use crate::time::Timestamp;

/// The original rewrote it for each memory: it never grew beyond some megabytes.
const LARGEST: u64 = 512 << 20;

/// Read whole: it is one JSON value.
pub(super) struct Corpus {
    name: String,
    ready: VecDeque<(String, Value)>,
}

impl Corpus {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let all: Map<String, Value> = read(path)?;
        Ok(Self {
            name: name(path),
            ready: all.into_iter().collect(),
        })
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let bytes = File::open_foreign(path)?.read_to_end(LARGEST)?;
    serde_json::from_slice(&bytes).map_err(|error| Error::BadSource {
        path: path.into(),
        line: error.line() as u64,
        why: error.to_string(),
    })
}

impl Source for Corpus {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn next(&mut self, skip: &mut dyn FnMut(Skip)) -> Result<Option<Found>, Error> {
        while let Some((key, value)) = self.ready.pop_front() {
            let read = match value {
                Value::Object(fields) => {
                    // Its links are made anew, but what it linked is not forgotten.
                    let links = fields.get("connections").cloned();
                    of_fields(fields, Some(&key), None, None).map(|found| (found, links))
                }
                _ => Err("no object".to_owned()),
            };
            match read {
                Ok((mut found, links)) => {
                    if let Some(links @ Value::Array(_)) = links
                        && links.as_array().is_some_and(|it| !it.is_empty())
                    {
                        found.note("original_connections", links);
                    }
                    return Ok(Some(found));
                }
                Err(why) => skip(Skip {
                    at: format!("{}: {key:?}", self.name),
                    why,
                }),
            }
        }
        Ok(None)
    }

    fn place(&self) -> Value {
        Value::Null
    }
}

/// Threads as lists of ids: each becomes a memory that names them all, so that they are one thread here.
pub(super) struct Threads {
    name: String,
    ready: VecDeque<(String, Vec<Value>)>,
    bad: Vec<Skip>,
}

impl Threads {
    pub(super) fn of_dir(path: &Path) -> Result<Self, Error> {
        let dir = Dir::open(path)?;
        let mut threads = Self {
            name: name(path),
            ready: VecDeque::new(),
            bad: Vec::new(),
        };
        for file in dir.file_names()? {
            if Path::new(&file).extension().is_some_and(|it| it == "json") {
                threads.add(&path.join(&file));
            }
        }
        if threads.ready.is_empty() && threads.bad.is_empty() {
            return Err(Error::NoSource { path: path.into() });
        }
        Ok(threads)
    }

    pub(super) fn of_file(path: &Path) -> Result<Self, Error> {
        let mut threads = Self {
            name: name(path),
            ready: VecDeque::new(),
            bad: Vec::new(),
        };
        threads.add(path);
        match threads.bad.pop() {
            Some(bad) => Err(Error::BadSource {
                path: path.into(),
                line: 1,
                why: bad.why,
            }),
            None => Ok(threads),
        }
    }

    fn add(&mut self, path: &Path) {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        match read::<Vec<Value>>(path) {
            Ok(ids) => self.ready.push_back((stem.into_owned(), ids)),
            Err(error) => self.bad.push(Skip {
                at: path.display().to_string(),
                why: error.to_string(),
            }),
        }
    }
}

impl Source for Threads {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn next(&mut self, skip: &mut dyn FnMut(Skip)) -> Result<Option<Found>, Error> {
        for bad in self.bad.drain(..) {
            skip(bad);
        }
        let Some((stem, ids)) = self.ready.pop_front() else {
            return Ok(None);
        };
        let list = Value::Array(ids);
        // `thread_<Unix seconds>.json`.
        let at = stem
            .rsplit('_')
            .next()
            .and_then(|it| it.parse::<i64>().ok());
        let at = Timestamp::from_unix_ms(at.unwrap_or(0).saturating_mul(1000));
        let text = list.to_string();
        let id = made_id("t-", &[stem.as_bytes(), text.as_bytes()]);
        let mut found = Found::new(
            id,
            at,
            "unknown",
            "thread",
            format!("narrative thread {stem}"),
        );
        found.note("members", list);
        Ok(Some(found))
    }

    fn place(&self) -> Value {
        Value::Null
    }
}
