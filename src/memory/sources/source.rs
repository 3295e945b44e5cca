//! Where memories come from: the house itself, or a file that somebody names.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::corpus::{Corpus, Threads};
use super::devlog::Devlogs;
use super::events::Events;
use super::found::Found;
use super::given::Given;
use super::mail::Mail;
use super::tasks::Archive;
use super::text::Text;
use crate::memory::error::Error;
use crate::names::Channel;
use crate::root::Home;
use crate::store::{self, Dir, File};
use crate::time::Timestamp;

/// What was passed over, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::memory) struct Skip {
    /// `path:line`.
    pub(in crate::memory) at: String,
    pub(in crate::memory) why: String,
}

pub(in crate::memory) trait Source {
    /// What it is called where its place is kept.
    fn name(&self) -> String;

    /// `None` where there is no more, for now.
    fn next(&mut self, skip: &mut dyn FnMut(Skip)) -> Result<Option<Found>, Error>;

    /// Behind what was given out: it goes on there.
    fn place(&self) -> Value;

    /// How much of how much it has read, where that is known.
    fn progress(&self) -> Option<(u64, u64)> {
        None
    }
}

/// What the house itself tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum House {
    Events,
    Mail,
    Tasks,
    Devlogs,
}

impl House {
    pub const ALL: [Self; 4] = [Self::Events, Self::Mail, Self::Tasks, Self::Devlogs];

    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "events" => Self::Events,
            "mail" => Self::Mail,
            "tasks" => Self::Tasks,
            "devlogs" => Self::Devlogs,
            _ => return None,
        })
    }
}

/// How a file is read, where somebody says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Any log, a line a memory.
    Text,
    /// A fragment a line.
    Fragments,
    /// `memory_corpus.json` of the original.
    Corpus,
    /// `narrative_threads/` of the original, or one file of it.
    Threads,
    /// Markdown, a `##` heading a memory.
    Devlog,
}

impl Input {
    pub const ALL: [(&'static str, Self); 5] = [
        ("text", Self::Text),
        ("fragments", Self::Fragments),
        ("corpus", Self::Corpus),
        ("threads", Self::Threads),
        ("devlog", Self::Devlog),
    ];
}

/// What is piped.
pub(super) type Stream = Box<dyn Read + Send>;

/// A file that somebody names.
pub struct Wanted {
    pub path: PathBuf,
    /// Read from here instead; the path is its name.
    pub stream: Option<Box<dyn Read + Send>>,
    /// Otherwise it is seen by what the file holds.
    pub input: Option<Input>,
    /// Who said what says nothing of it.
    pub agent: Option<String>,
}

/// Its sources; `place` knows how far each was read.
pub(in crate::memory) fn house(
    home: &Home,
    which: House,
    place: &dyn Fn(&str) -> Option<Value>,
    now: Timestamp,
) -> Result<Vec<Box<dyn Source>>, Error> {
    Ok(match which {
        House::Events => Channel::ALL
            .iter()
            .map(|channel| Box::new(Events::open(home, *channel, place, now)) as Box<dyn Source>)
            .collect(),
        House::Mail => Mail::open_all(home, place)?
            .into_iter()
            .map(|it| Box::new(it) as Box<dyn Source>)
            .collect(),
        House::Tasks => Archive::open_all(home, place)?
            .into_iter()
            .map(|it| Box::new(it) as Box<dyn Source>)
            .collect(),
        House::Devlogs => vec![Box::new(Devlogs::open(home, place, now)?)],
    })
}

/// A file that somebody names, or all that lie in a directory of threads.
pub(in crate::memory) fn open(
    wanted: Wanted,
    place: &dyn Fn(&str) -> Option<Value>,
    now: Timestamp,
) -> Result<Box<dyn Source>, Error> {
    let path = wanted.path.clone();
    if wanted.stream.is_none() && Dir::is_dir(&path) {
        return Ok(Box::new(Threads::of_dir(&path)?));
    }
    let (input, stream) = match (wanted.input, wanted.stream) {
        (Some(input), stream) => (input, stream),
        (None, None) => (seen(&path)?, None),
        (None, Some(stream)) => {
            let (input, stream) = heard(&path, stream)?;
            (input, Some(stream))
        }
    };
    if stream.is_some() && !matches!(input, Input::Text | Input::Fragments) {
        return Err(Error::NoStream { path });
    }
    let agent = wanted.agent;
    Ok(match input {
        Input::Text => Box::new(Text::open(&path, stream, agent, place, now)?),
        Input::Fragments => Box::new(Given::open(&path, stream, agent, place, now)?),
        Input::Corpus => Box::new(Corpus::read(&path)?),
        Input::Threads => Box::new(Threads::of_file(&path)?),
        Input::Devlog => Box::new(Devlogs::of_file(&path, agent, now)?),
    })
}

/// So much of the beginning tells what it is.
const ENOUGH: usize = 64 << 10;

/// What a file is, by its first bytes and its name.
fn seen(path: &Path) -> Result<Input, Error> {
    let file = File::open_foreign(path)?;
    let mut first = vec![0; ENOUGH];
    let n = file.read_at(0, &mut first)?;
    first.truncate(n);
    let text = String::from_utf8_lossy(&first);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let has = |ending: &str| path.extension().is_some_and(|it| it == ending);
    Ok(match () {
        () if begins_with_fragment(&first) || has("jsonl") => Input::Fragments,
        () if has("json") && text.starts_with('[') => Input::Threads,
        () if has("json") && text.starts_with('{') => Input::Corpus,
        () if has("md") => Input::Devlog,
        () => Input::Text,
    })
}

/// What a stream is, by its first bytes, which stay in it.
fn heard(path: &Path, mut stream: Stream) -> Result<(Input, Stream), Error> {
    let mut first = vec![0; ENOUGH];
    let n = stream
        .read(&mut first)
        .map_err(|error| store::Error::system(path, "read", &error))?;
    first.truncate(n);
    let input = if begins_with_fragment(&first) {
        Input::Fragments
    } else {
        Input::Text
    };
    Ok((input, Box::new(std::io::Cursor::new(first).chain(stream))))
}

fn begins_with_fragment(first: &[u8]) -> bool {
    let text = String::from_utf8_lossy(first);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let line = text.lines().next().unwrap_or_default();
    let object: Option<serde_json::Map<String, Value>> = serde_json::from_str(line).ok();
    object.is_some_and(|it| it.contains_key("content"))
}
