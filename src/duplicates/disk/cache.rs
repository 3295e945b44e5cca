//! What earlier scans found and read, below the user's cache directory. It may be deleted at any moment.
//!
//! `<tree and way>.json` is what was found, told again if nothing has changed; `<tree and reading>.tokens` is what was read,
//! so that only what changed is read again. Neither is believed if another program wrote it, or if it is broken.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::replace::replace;
use super::walk::{Seen, Stamp, Walked};
use crate::duplicates::code::Source;
use crate::duplicates::{Found, Skipped};

/// A file that was written so shortly before the scan may be written again under the same time.
const RACY_NS: i128 = 2_000_000_000;
/// More is not kept of one tree, packed.
const LARGEST: usize = 256 << 20;
/// What nobody asked for in so long is removed.
const OLD: Duration = Duration::from_hours(30 * 24);

/// The place of one tree, read and looked through in one way.
#[derive(Debug)]
pub struct Cache {
    dir: PathBuf,
    found: PathBuf,
    read: PathBuf,
    /// Who wrote, and what decides what is found.
    way: String,
    /// The same of what is read.
    reading: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    way: String,
    files: Vec<(String, Stamp)>,
    skipped: Vec<Skipped>,
    found: Found,
}

/// A file as it was read, or why it was not.
pub type Outcome = Result<Source, String>;

#[derive(Debug)]
pub struct Looked {
    pub outcome: Outcome,
    /// Whoever looks again at the same file finds the same: no disk was in the way.
    pub lasts: bool,
}

impl Looked {
    pub fn lasting(outcome: Outcome) -> Self {
        Self {
            outcome,
            lasts: true,
        }
    }
}

#[derive(Serialize)]
struct KeptRead<'r> {
    reading: &'r str,
    files: Vec<(&'r str, Stamp, &'r Outcome)>,
}

#[derive(Deserialize)]
struct LoadedRead {
    reading: String,
    files: Vec<(String, Stamp, Outcome)>,
}

impl Cache {
    /// `None`: the user has no directory for such.
    pub fn of(base: &Path, way: &str, reading: &str) -> Option<Self> {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|it| !it.is_empty())
                .map(PathBuf::from)
                .filter(|it| it.is_absolute())
        };
        let dir = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
        let dir = dir.join("dreamos/dupscan");
        let base = fs::canonicalize(base).ok()?;
        let path = |way: &str, end: &str| {
            let sum = xxh3_64(format!("{}\n{way}", base.display()).as_bytes());
            dir.join(format!("{sum:016x}.{end}"))
        };
        let program = program()?;
        Some(Self {
            found: path(way, "json"),
            read: path(reading, "tokens"),
            way: format!("{program} {way}"),
            reading: format!("{program} {reading}"),
            dir,
        })
    }

    /// What was found, if nothing has changed since.
    pub fn load(&self, walked: &Walked) -> Option<Found> {
        let kept: Kept = serde_json::from_slice(&fs::read(&self.found).ok()?).ok()?;
        let same = kept.way == self.way
            && kept.skipped == walked.skipped
            && kept.files.len() == walked.files.len();
        let mut each = kept.files.iter().zip(&walked.files);
        let same = same && each.all(|(kept, file)| kept.0 == file.name && kept.1 == file.stamp);
        same.then_some(kept.found)
    }

    /// What was read of files that are as they were.
    pub fn load_read(&self, walked: &Walked) -> HashMap<String, Outcome> {
        let mut files = self.read_back().unwrap_or_default();
        let mut as_it_was = HashMap::new();
        for file in &walked.files {
            if let Some((stamp, outcome)) = files.remove(&file.name)
                && stamp == file.stamp
            {
                as_it_was.insert(file.name.clone(), outcome);
            }
        }
        as_it_was
    }

    fn read_back(&self) -> Option<HashMap<String, (Stamp, Outcome)>> {
        let packed = fs::read(&self.read).ok()?;
        let (sum, packed) = packed.split_first_chunk::<8>()?;
        if u64::from_le_bytes(*sum) != xxh3_64(packed) {
            return None;
        }
        let bytes = zstd::decode_all(packed).ok()?;
        let loaded: LoadedRead = postcard::from_bytes(&bytes).ok()?;
        let files = loaded.files.into_iter();
        (loaded.reading == self.reading)
            .then(|| files.map(|(name, stamp, it)| (name, (stamp, it))).collect())
    }

    /// Kept for the next time; a cache that cannot be written is none.
    pub fn save(&self, walked: &Walked, looked: &[Looked], found: &Found) {
        let now = SystemTime::now();
        let since = now.duration_since(SystemTime::UNIX_EPOCH);
        let ns = since.map_or(0, |it| i128::try_from(it.as_nanos()).unwrap_or(0));
        let is_settled = |it: &Seen| it.stamp.changed_ns.max(it.stamp.modified_ns) <= ns - RACY_NS;
        if fs::create_dir_all(&self.dir).is_err() {
            return;
        }
        let files = walked.files.iter().zip(looked);
        let settled = files.filter(|it| is_settled(it.0) && it.1.lasts);
        let kept = KeptRead {
            reading: &self.reading,
            files: settled
                .map(|(file, it)| (&*file.name, file.stamp, &it.outcome))
                .collect(),
        };
        let all = kept.files.len() == walked.files.len();
        if let Some(packed) = packed(&kept) {
            // Without it all is read again.
            let _ = replace(&self.read, &packed);
        }
        if !all {
            return;
        }
        let kept = Kept {
            way: self.way.clone(),
            files: walked
                .files
                .iter()
                .map(|it| (it.name.clone(), it.stamp))
                .collect(),
            skipped: walked.skipped.clone(),
            found: found.clone(),
        };
        if let Ok(text) = serde_json::to_vec(&kept) {
            // Without it all is looked through again.
            let _ = replace(&self.found, &text);
        }
        self.sweep(now);
    }

    fn sweep(&self, now: SystemTime) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|it| it.modified());
            let age = modified.ok().and_then(|it| now.duration_since(it).ok());
            if age.is_some_and(|it| it > OLD) {
                // Whoever comes next tries again.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn packed(kept: &KeptRead) -> Option<Vec<u8>> {
    let bytes = postcard::to_stdvec(kept).ok()?;
    let packed = zstd::encode_all(&bytes[..], 1).ok()?;
    if packed.len() > LARGEST {
        return None;
    }
    let mut summed = xxh3_64(&packed).to_le_bytes().to_vec();
    summed.extend(packed);
    Some(summed)
}

/// Another build may find otherwise.
fn program() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    let meta = fs::metadata(path).ok()?;
    let (size, seconds, rest) = (meta.size(), meta.mtime(), meta.mtime_nsec());
    Some(format!(
        "{} {size} {seconds}.{rest:09}",
        env!("CARGO_PKG_VERSION")
    ))
}
