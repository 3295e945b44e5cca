//! Journals and histories, as bytes: what rooms of their own write, so that nothing of what they say is known here.
//!
//! Each only grows, but a journal: what it has grown to is its generation. One that has taken another's place has the
//! next number, and the other one lies in `archive/`, packed or not yet, or still beside it.

use std::io::Read;

use serde::{Deserialize, Serialize};

use super::backwards::Backwards;
use super::hash::{Hash, Hasher};
use crate::names::AgentId;
use crate::root::Home;
use crate::store::{Dir, Error, File, Open};

const JOURNAL: &str = "journal.jsonl";
/// What a journal is called that has lost its name and is not in the archive yet.
const ASIDE: &str = ".journal.";
const ARCHIVE: &str = "archive";
const PLAIN: &str = ".jsonl";
const PACKED: &str = ".jsonl.zst";
const HISTORY: &str = ".history.jsonl";
const PIECE: usize = 256 << 10;

/// How far one of them went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extent {
    /// As seen from the home. Of what is in an archive, as if it were not packed.
    pub(super) path: String,
    #[serde(rename = "gen", skip_serializing_if = "Option::is_none", default)]
    pub(super) generation: Option<u64>,
    pub(super) len: u64,
    pub(super) sha256: String,
}

/// All of them, each as far as it goes by whole lines, which are flushed first: what is said to be there will be.
pub(super) fn survey(home: &Home) -> Result<Vec<Extent>, Error> {
    let dir = Dir::open(home.dir())?;
    let mut all = Vec::new();
    let mailboxes = home.mailboxes();
    for agent in agents(&dir, home.inside(&mailboxes), Dir::dir_names, "")? {
        let mailbox = dir.sub(home.inside(&home.mailbox(&agent)))?;
        let path = home.mailbox(&agent);
        // The journal first: what is sealed meanwhile is seen twice, not missed.
        if let Some(file) = mailbox.file_if_any(JOURNAL, Open::Read)? {
            let path = path.join(JOURNAL);
            all.push(extent(
                home.inside(&path),
                generation(&file)?,
                &Source::plain(file),
            )?);
        }
        for generation in sealed(&mailbox)? {
            if let Some(source) = in_archive(&mailbox, generation)? {
                let path = home
                    .sealed_journals(&agent)
                    .join(format!("{generation}{PLAIN}"));
                all.push(extent(home.inside(&path), Some(generation), &source)?);
            }
        }
    }
    for (path, suffix) in [(home.task_states(), HISTORY), (home.task_archive(), PLAIN)] {
        for agent in agents(&dir, home.inside(&path), Dir::file_names, suffix)? {
            let path = path.join(format!("{agent}{suffix}"));
            let inside = home.inside(&path);
            match dir.file_below(inside, Open::Read) {
                // Purged or renamed meanwhile.
                Err(error) if error.is_absent() => {}
                file => all.push(extent(inside, None, &Source::plain(file?))?),
            }
        }
    }
    Ok(all)
}

/// Whose names stand in a directory that may be absent.
fn agents(
    dir: &Dir,
    path: &str,
    names: fn(&Dir) -> Result<Vec<String>, Error>,
    suffix: &str,
) -> Result<Vec<AgentId>, Error> {
    let names = match dir.sub(path) {
        Err(error) if error.is_absent() => return Ok(Vec::new()),
        dir => names(&dir?)?,
    };
    let agent = |name: &String| AgentId::parse(name.strip_suffix(suffix)?).ok();
    Ok(names.iter().filter_map(agent).collect())
}

fn extent(path: &str, generation: Option<u64>, source: &Source) -> Result<Extent, Error> {
    let (len, hash) = source.extent()?;
    Ok(Extent {
        path: path.to_owned(),
        generation,
        len,
        sha256: hash.to_string(),
    })
}

/// Where the bytes are of which an extent tells.
pub(super) enum Found {
    Here(Source),
    /// The journal that stands there has another number.
    Generation(u64),
    Nowhere,
}

/// What an extent tells of, wherever it has got to.
pub(super) fn find(home: &Home, extent: &Extent) -> Result<Found, Error> {
    let dir = Dir::open(home.dir())?;
    let Some(number) = extent.generation else {
        return match dir.file_below(&extent.path, Open::Read) {
            Err(error) if error.is_absent() => Ok(Found::Nowhere),
            file => Ok(Found::Here(Source::plain(file?))),
        };
    };
    let Some(agent) = mailbox_of(home, &extent.path) else {
        return Ok(Found::Nowhere);
    };
    let mailbox = match dir.sub(home.inside(&home.mailbox(&agent))) {
        Err(error) if error.is_absent() => return Ok(Found::Nowhere),
        mailbox => mailbox?,
    };
    // It moves in this order only: beside the journal, then into the archive.
    let mut stands = Found::Nowhere;
    if let Some(file) = mailbox.file_if_any(JOURNAL, Open::Read)? {
        match generation(&file)? {
            Some(it) if it == number => return Ok(Found::Here(Source::plain(file))),
            Some(it) => stands = Found::Generation(it),
            None => {}
        }
    }
    for name in mailbox
        .file_names()?
        .iter()
        .filter(|it| it.starts_with(ASIDE))
    {
        if let Some(file) = mailbox.file_if_any(name, Open::Read)?
            && generation(&file)? == Some(number)
        {
            return Ok(Found::Here(Source::plain(file)));
        }
    }
    Ok(in_archive(&mailbox, number)?.map_or(stands, Found::Here))
}

fn mailbox_of(home: &Home, path: &str) -> Option<AgentId> {
    let below = path.strip_prefix(home.inside(&home.mailboxes()))?;
    AgentId::parse(below.strip_prefix('/')?.split('/').next()?).ok()
}

/// Whose it is.
pub(super) fn owner(home: &Home, path: &str) -> Option<AgentId> {
    mailbox_of(home, path).or_else(|| {
        let name = path.rsplit('/').next()?;
        let name = name.strip_suffix(HISTORY).or(name.strip_suffix(PLAIN))?;
        AgentId::parse(name).ok()
    })
}

/// The numbers of the generations in the archive.
fn sealed(mailbox: &Dir) -> Result<Vec<u64>, Error> {
    let names = match mailbox.sub(ARCHIVE) {
        Err(error) if error.is_absent() => return Ok(Vec::new()),
        archive => archive?.file_names()?,
    };
    let number = |name: &String| {
        let digits = name.strip_suffix(PACKED).or(name.strip_suffix(PLAIN))?;
        digits.parse().ok()
    };
    let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn in_archive(mailbox: &Dir, generation: u64) -> Result<Option<Source>, Error> {
    let archive = match mailbox.sub(ARCHIVE) {
        Err(error) if error.is_absent() => return Ok(None),
        archive => archive?,
    };
    // The packed one comes before the plain one goes.
    for (suffix, is_packed) in [(PLAIN, false), (PACKED, true)] {
        if let Some(file) = archive.file_if_any(&format!("{generation}{suffix}"), Open::Read)? {
            return Ok(Some(Source { file, is_packed }));
        }
    }
    Ok(None)
}

/// As the first line of a journal says it; `None` where it says none.
fn generation(journal: &File) -> Result<Option<u64>, Error> {
    #[derive(Deserialize)]
    struct Opening {
        #[serde(rename = "gen")]
        generation: u64,
    }
    let mut first = [0; 1024];
    let got = journal.read_at(0, &mut first)?;
    let line = first[..got].split(|byte| *byte == b'\n').next();
    let opening = line.and_then(|line| serde_json::from_slice::<Opening>(line).ok());
    Ok(opening.map(|it| it.generation))
}

/// The bytes of a journal or a history.
pub(super) struct Source {
    file: File,
    is_packed: bool,
}

/// What the first bytes are, beside those that were there once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Same,
    Otherwise,
    /// It has only so many.
    Short(u64),
}

impl Source {
    const fn plain(file: File) -> Self {
        Self {
            file,
            is_packed: false,
        }
    }

    fn extent(&self) -> Result<(u64, Hash), Error> {
        if self.is_packed {
            return self.digest(u64::MAX);
        }
        let size = self.file.size()?;
        let behind = Backwards::new(&self.file, size).next()?;
        self.file.sync_data()?;
        self.digest(size - behind.map_or(0, |it| it.len() as u64))
    }

    pub(super) fn begins(&self, extent: &Extent) -> Result<Begins, Error> {
        let (len, hash) = self.digest(extent.len)?;
        Ok(if len < extent.len {
            Begins::Short(len)
        } else if hash.to_string() == extent.sha256 {
            Begins::Same
        } else {
            Begins::Otherwise
        })
    }

    /// Of the first bytes, at most so many.
    fn digest(&self, most: u64) -> Result<(u64, Hash), Error> {
        let system = |error: std::io::Error| Error::system(self.file.path(), "read", &error);
        if self.is_packed {
            let unpacked = zstd::stream::Decoder::new(self.file.reader()).map_err(system)?;
            digest(unpacked.take(most)).map_err(system)
        } else {
            digest(self.file.reader().take(most)).map_err(system)
        }
    }
}

fn digest(mut bytes: impl Read) -> std::io::Result<(u64, Hash)> {
    let mut hasher = Hasher::default();
    let mut piece = vec![0; PIECE];
    let mut len = 0;
    loop {
        match bytes.read(&mut piece)? {
            0 => return Ok((len, hasher.finish())),
            got => {
                hasher.update(&piece[..got]);
                len += got as u64;
            }
        }
    }
}
