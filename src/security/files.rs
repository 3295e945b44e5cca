//! The one file of keys and secrets that touches the world: small files, read whole, and replaced whole by whoever
//! holds the lock beside them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use crate::names::{Explain, Kind};
use crate::root::Home;
use crate::store::{self, Deadline, Dir, File, Lock, Look, Open, Target, random_u64, random_u128};

const PATIENCE: Duration = Duration::from_secs(5);
/// Nobody has so many keys or secrets.
const LARGEST: u64 = 4 << 20;
/// How a file is named until it is whole.
const UNFINISHED: &str = ".new-";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{path} may be read or written by others", path = path.display())]
    Open { path: PathBuf },
    #[error("{path} belongs to somebody else", path = path.display())]
    Foreign { path: PathBuf },
    #[error("{path} is larger than {} MiB", LARGEST >> 20, path = path.display())]
    Huge { path: PathBuf },
    #[error("{path} cannot be the name of a file with a key", path = path.display())]
    BadPath { path: PathBuf },
    #[error("{path} is there already", path = path.display())]
    Taken { path: PathBuf },
    #[error("can't make {path}: {source}", path = path.display())]
    Unmade { path: PathBuf, source: store::Error },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Open { .. } | Self::Foreign { .. } => Kind::Refused,
            Self::Huge { .. } => Kind::Corrupt,
            Self::BadPath { .. } => Kind::Usage,
            Self::Taken { .. } | Self::Unmade { .. } => Kind::CannotCreate,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Open { path } => Some(format!(
                "take the right away: chmod 600 {}; others may know it by now",
                path.display()
            )),
            Self::Foreign { .. } | Self::Huge { .. } => {
                Some("nothing was read or changed; move it away".into())
            }
            Self::Taken { .. } => Some("it was not touched; name another, or remove it".into()),
            Self::BadPath { .. } | Self::Unmade { .. } => None,
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Store(error) => error.path(),
            Self::Open { path }
            | Self::Foreign { path }
            | Self::Huge { path }
            | Self::BadPath { path }
            | Self::Taken { path }
            | Self::Unmade { path, .. } => Some(path),
        }
    }
}

/// What was read, wiped when it is dropped.
pub(super) type Bytes = Zeroizing<Vec<u8>>;

/// A file, there or not, in a directory that is there.
#[derive(Debug)]
pub(super) struct Place {
    dir: Dir,
    name: String,
}

impl Place {
    /// Of a file in a home, no link being followed; `None` where there is no such directory.
    pub(super) fn seek(home: &Home, path: &Path) -> Result<Option<Self>, Error> {
        let (parent, name) = split(path)?;
        match Dir::of(home, parent) {
            Err(error) if error.is_absent() => Ok(None),
            dir => Ok(Some(Self { dir: dir?, name })),
        }
    }

    /// As `seek`; the directory is made.
    pub(super) fn make(home: &Home, path: &Path) -> Result<Self, Error> {
        let (parent, name) = split(path)?;
        let dir = Dir::make_path(home.dir(), home.inside(parent))?;
        Ok(Self { dir, name })
    }

    /// Of a file that the user names, wherever it lies; links in the way to it are his.
    pub(super) fn seek_outside(path: &Path) -> Result<Option<Self>, Error> {
        let (parent, name) = split(path)?;
        match Dir::open(parent) {
            Err(error) if error.is_absent() => Ok(None),
            dir => Ok(Some(Self { dir: dir?, name })),
        }
    }

    /// As `seek_outside`; the directory and those above it are made.
    pub(super) fn make_outside(path: &Path) -> Result<Self, Error> {
        let (parent, name) = split(path)?;
        let dir = make_dir(parent)?;
        Ok(Self { dir, name })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }

    /// Held by whoever changes the file.
    pub(super) fn lock(&self, name: &str) -> Result<Lock, Error> {
        Ok(Lock::acquire(&self.dir, name, Deadline::after(PATIENCE))?)
    }

    /// The names of the files beside this one, and its own.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        Ok(self.dir.file_names()?)
    }

    pub(super) fn exists(&self) -> Result<bool, Error> {
        Ok(self.dir.exists(&self.name)?)
    }

    pub(super) fn read(&self) -> Result<Option<Bytes>, Error> {
        let file = self.dir.file_if_any(&self.name, Open::Read)?;
        file.as_ref().map(whole).transpose()
    }

    /// As `read`, of a file that nobody else may look into.
    pub(super) fn read_private(&self) -> Result<Option<Bytes>, Error> {
        let Some(file) = self.dir.file_if_any(&self.name, Open::Read)? else {
            return Ok(None);
        };
        let found = file.look()?;
        let path = file.path().to_owned();
        if found.uid != rustix::process::geteuid().as_raw() {
            return Err(Error::Foreign { path });
        }
        if !Self::is_private(&found) {
            return Err(Error::Open { path });
        }
        whole(&file).map(Some)
    }

    /// It is gone for good when this returns. Whoever calls it holds the lock.
    pub(super) fn remove(&self) -> Result<(), Error> {
        self.dir.remove(&self.name)?;
        Ok(self.dir.sync()?)
    }

    /// Nobody else may read, write or run it: those are the lowest six bits.
    pub(super) const fn is_private(found: &Look) -> bool {
        found.mode.trailing_zeros() >= 6
    }

    /// Durable before this returns. Whoever calls it holds the lock.
    pub(super) fn replace(&self, bytes: &[u8]) -> Result<(), Error> {
        self.put(bytes, File::sync_data)?;
        Ok(self.dir.sync()?)
    }

    /// As `replace`, of what may be lost with the power.
    pub(super) fn replace_for_now(&self, bytes: &[u8]) -> Result<(), Error> {
        self.put(bytes, |_| Ok(()))
    }

    fn put(
        &self,
        bytes: &[u8],
        flush: impl FnOnce(&File) -> Result<(), store::Error>,
    ) -> Result<(), Error> {
        self.sweep()?;
        let unfinished = format!("{UNFINISHED}{:016x}", random_u64());
        let file = self.dir.file(&unfinished, Open::New)?;
        let written = file.write_at(0, bytes).and_then(|()| flush(&file));
        let named =
            written.and_then(|()| self.dir.rename(&unfinished, &self.name, Target::Replaced));
        if let Err(error) = named {
            // What is left is swept by the next one: the first error is the one to tell.
            let _ = self.dir.remove(&unfinished);
            return Err(error.into());
        }
        Ok(())
    }

    /// Removes what others did not finish before they died: they held the lock that we hold.
    fn sweep(&self) -> Result<(), Error> {
        for name in self.names()? {
            if name.starts_with(UNFINISHED) {
                self.dir.remove(&name)?;
            }
        }
        Ok(())
    }
}

fn whole(file: &File) -> Result<Bytes, Error> {
    let bytes = Zeroizing::new(file.read_to_end(LARGEST + 1)?);
    if bytes.len() as u64 > LARGEST {
        return Err(Error::Huge {
            path: file.path().into(),
        });
    }
    Ok(bytes)
}

pub(super) fn split(path: &Path) -> Result<(&Path, String), Error> {
    let name = path.file_name().and_then(OsStr::to_str);
    match (path.parent(), name) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => {
            Ok((Path::new("."), name.into()))
        }
        (Some(parent), Some(name)) => Ok((parent, name.into())),
        _ => Err(Error::BadPath { path: path.into() }),
    }
}

fn make_dir(path: &Path) -> Result<Dir, Error> {
    match Dir::open(path) {
        Err(error) if error.is_absent() => {}
        dir => return Ok(dir?),
    }
    let (parent, name) = split(path)?;
    let parent = make_dir(parent)?;
    if parent.make_dir(&name)? {
        parent.sync()?;
    }
    Ok(parent.sub(&name)?)
}

/// 256 random bits.
pub(super) fn random_seed() -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    seed[..16].copy_from_slice(&random_u128().to_le_bytes());
    seed[16..].copy_from_slice(&random_u128().to_le_bytes());
    seed
}

pub(super) fn random_nonce() -> u128 {
    random_u128()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_and_what_the_dead_left_is_swept() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("made/with/all/file");
        assert!(Place::seek_outside(&path).unwrap().is_none());
        let file = Place::make_outside(&path).unwrap();
        assert!(file.read_private().unwrap().is_none());
        fs::write(path.with_file_name(".new-of-the-dead"), "half").unwrap();
        for text in ["longer than the next", "short"] {
            file.replace(text.as_bytes()).unwrap();
            assert_eq!(**file.read_private().unwrap().unwrap(), *text.as_bytes());
        }
        assert_eq!(file.names().unwrap(), ["file"]);
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    }

    #[test]
    fn what_others_may_look_into_or_lies_behind_a_link_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("key");
        let file = Place::make_outside(&path).unwrap();
        file.replace(b"x").unwrap();
        for open in [0o640, 0o604, 0o620, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(open)).unwrap();
            let error = file.read_private().unwrap_err();
            assert!(matches!(error, Error::Open { .. }), "{open:o}: {error}");
        }
        let aim = place.path().join("aim");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&path, &aim).unwrap();
        symlink(&aim, &path).unwrap();
        assert_eq!(file.read_private().unwrap_err().kind(), Kind::Refused);
        fs::remove_file(&path).unwrap();
        fs::hard_link(&aim, &path).unwrap();
        assert_eq!(file.read_private().unwrap_err().kind(), Kind::Refused);
    }

    #[test]
    fn no_link_on_the_way_in_a_home_is_followed() {
        let place = tempfile::tempdir().unwrap();
        let home = Home::at(place.path().join("home"));
        let elsewhere = place.path().join("elsewhere");
        fs::create_dir_all(home.dir().join("runtime")).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, home.dir().join("runtime/secrets")).unwrap();
        let store = home.secret_store();
        assert_eq!(
            Place::seek(&home, &store).unwrap_err().kind(),
            Kind::Refused
        );
        assert_eq!(
            Place::make(&home, &store).unwrap_err().kind(),
            Kind::Refused
        );
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    }
}
