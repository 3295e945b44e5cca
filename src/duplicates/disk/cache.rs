//! What an earlier scan found, below the user's cache directory. It may be deleted at any moment.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::walk::{Seen as File, Stamp};
use crate::duplicates::Found;

/// Of what lies there. 1: the first.
const FORMAT: u32 = 1;
/// A file that was written so shortly before the scan may be written again under the same time.
const RACY_NS: i128 = 2_000_000_000;

/// The place of one tree, looked through in one way.
#[derive(Debug)]
pub struct Cache {
    path: PathBuf,
    /// What decides what is found.
    way: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    format: u32,
    program: String,
    way: String,
    files: Vec<(String, Stamp)>,
    found: Found,
}

impl Cache {
    /// `None`: the user has no directory for such.
    pub fn of(base: &Path, way: String) -> Option<Self> {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|it| !it.is_empty())
                .map(PathBuf::from)
                .filter(|it| it.is_absolute())
        };
        let dir = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
        let base = fs::canonicalize(base).ok()?;
        let name = format!(
            "{:016x}.json",
            xxh3_64(format!("{}\n{way}", base.display()).as_bytes())
        );
        Some(Self {
            path: dir.join("dreamos/dupscan").join(name),
            way,
        })
    }

    /// What was found, if nothing has changed since.
    pub fn load(&self, files: &[File]) -> Option<Found> {
        let kept: Kept = serde_json::from_slice(&fs::read(&self.path).ok()?).ok()?;
        let same = kept.format == FORMAT
            && kept.program == program()
            && kept.way == self.way
            && kept.files.len() == files.len();
        let each = kept.files.iter().zip(files);
        let same = same
            && each
                .into_iter()
                .all(|(kept, file)| kept.0 == file.name && kept.1 == file.stamp);
        same.then_some(kept.found)
    }

    /// Kept for the next time; a cache that cannot be written is none.
    pub fn save(&self, files: &[File], found: &Found) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.map_or(0, |it| i128::try_from(it.as_nanos()).unwrap_or(0));
        if files
            .iter()
            .any(|it| it.stamp.changed_ns.max(it.stamp.modified_ns) > now - RACY_NS)
        {
            return;
        }
        let kept = Kept {
            format: FORMAT,
            program: program(),
            way: self.way.clone(),
            files: files.iter().map(|it| (it.name.clone(), it.stamp)).collect(),
            found: found.clone(),
        };
        if let Ok(text) = serde_json::to_vec(&kept) {
            let _ = self.write(&text);
        }
    }

    /// Whole or not at all.
    fn write(&self, text: &[u8]) -> std::io::Result<()> {
        let dir = self.path.parent().expect("a file lies in a directory");
        fs::create_dir_all(dir)?;
        let aside = self
            .path
            .with_extension(format!("{}.aside", std::process::id()));
        let written = fs::File::create(&aside).and_then(|mut file| file.write_all(text));
        let done = written.and_then(|()| fs::rename(&aside, &self.path));
        if done.is_err() {
            let _ = fs::remove_file(&aside);
        }
        done
    }
}

/// Another build may find otherwise.
fn program() -> String {
    format!(
        "{} {}",
        env!("CARGO_PKG_VERSION"),
        option_env!("DREAMOS_COMMIT").unwrap_or_default()
    )
}
