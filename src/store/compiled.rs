//! Copies of what people write, in the form in which programs want it: keyed by the version of the file that they were
//! made from, so that a hot path parses no YAML. One that cannot be read, or is of another version, is as good as none.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Dir, Error, File, Ident, Open, Target, random_u64};
use crate::root::Home;

const LARGEST: u64 = 64 << 20;

/// One version of a file that people write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    dev: u64,
    ident: Ident,
}

impl Version {
    /// `None`: there is no such file. A link counts as itself: whoever opens it refuses it.
    pub(crate) fn of(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::symlink_metadata(path) {
            Ok(meta) => Ok(Some(Self {
                dev: meta.dev(),
                ident: Ident {
                    ino: meta.ino(),
                    size: meta.size(),
                    mtime_ns: i128::from(meta.mtime()) * 1_000_000_000
                        + i128::from(meta.mtime_nsec()),
                },
            })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn is_still(&self, now: Ident) -> bool {
        self.ident == now
    }

    /// The first line of a copy that was made from this version; `format` is that of the copy.
    fn heading(&self, format: u32) -> String {
        let Ident {
            ino,
            size,
            mtime_ns,
        } = self.ident;
        let dev = self.dev;
        format!("{{\"format\":{format},\"source\":[{dev},{ino},{size},{mtime_ns}]}}\n")
    }
}

/// What the copy says behind its first line, if there is one of this version.
pub(crate) fn compiled(home: &Home, path: &Path, of: &Version, format: u32) -> Option<Vec<u8>> {
    let copy = File::of(home, path, Open::Read).ok()?;
    let size = usize::try_from(copy.opened().size.min(LARGEST)).ok()?;
    // As young as its source: the source may have been edited again within the same tick of the clock.
    if copy.opened().mtime_ns <= of.ident.mtime_ns {
        return None;
    }
    let mut bytes = vec![0; size];
    let read = copy.read_at(0, &mut bytes).ok()?;
    bytes.truncate(read);
    let heading = of.heading(format);
    bytes.starts_with(heading.as_bytes()).then(|| {
        bytes.drain(..heading.len());
        bytes
    })
}

pub(crate) fn keep_compiled(
    cache: &Dir,
    name: &str,
    of: &Version,
    format: u32,
    says: &[u8],
) -> Result<(), Error> {
    let prefix = format!(".{name}-");
    // What a killed program left. Of two that compile at once one may lose its copy here; the other's stands.
    for left in cache.names()?.iter().filter(|it| it.starts_with(&prefix)) {
        cache.remove(left)?;
    }
    let mut copy = of.heading(format).into_bytes();
    copy.extend_from_slice(says);
    let aside = format!("{prefix}{:016x}", random_u64());
    let kept = cache
        .file(&aside, Open::New)
        .and_then(|file| file.write_at(0, &copy))
        .and_then(|()| cache.rename(&aside, name, Target::Replaced));
    if kept.is_err() {
        cache.remove(&aside)?;
    }
    kept
}
