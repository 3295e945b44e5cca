//! A file that a user asks for by name, with something in it that only he may read: it is his alone and empty, or it is
//! whole. What lies there already is not touched, but for an empty one, as somebody leaves who was killed.

use std::path::Path;

use super::files::{Error, Place};
use crate::store::{self, Dir, File, Hold, Open, try_hold};

/// One that nobody else fills meanwhile. Where it is not filled, it goes.
#[derive(Debug)]
pub struct NewFile {
    dir: Dir,
    name: String,
    file: File,
    is_filled: bool,
}

impl NewFile {
    pub fn make(path: &Path) -> Result<Self, Error> {
        let unmade = |source| Error::Unmade {
            path: path.into(),
            source,
        };
        let taken = || Error::Taken { path: path.into() };
        let (parent, name) = super::files::split(path)?;
        let dir = Dir::open(parent).map_err(unmade)?;
        let file = match dir.file(&name, Open::Create) {
            Err(store::Error::NotPlain { .. }) => return Err(taken()),
            file => file.map_err(unmade)?,
        };
        if !try_hold(&file, Hold::Alone).map_err(unmade)? {
            return Err(taken());
        }
        // Whoever held it may have filled it, or removed it.
        let found = file.look().map_err(unmade)?;
        let is_empty = found.ident.size == 0 && Place::is_private(&found);
        if !is_empty || dir.ident(&name).map_err(unmade)? != Some(found.ident) {
            return Err(taken());
        }
        Ok(Self {
            dir,
            name,
            file,
            is_filled: false,
        })
    }

    /// Durable before this returns.
    pub fn fill(mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_at(0, bytes)?;
        self.file.sync_data()?;
        self.dir.sync()?;
        self.is_filled = true;
        Ok(())
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_filled {
            // It is empty, or half of what nobody can use.
            let _ = self.dir.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::names::{Explain as _, Kind};

    #[test]
    fn it_is_whole_or_not_there_and_private() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("out");
        drop(NewFile::make(&path).unwrap());
        assert!(!path.exists());
        NewFile::make(&path).unwrap().fill(b"whole").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn what_is_there_is_not_touched_and_one_that_a_killed_one_left_is_filled() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("out");
        let taken = |why: &str| {
            let error = NewFile::make(&path).unwrap_err();
            assert!(matches!(error, Error::Taken { .. }), "{why}: {error}");
            assert_eq!(error.kind(), Kind::CannotCreate);
        };
        let mine = NewFile::make(&path).unwrap();
        taken("somebody is about to fill it");
        mine.fill(b"x").unwrap();
        taken("it is full");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        taken("others may read it");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        NewFile::make(&path).unwrap().fill(b"y").unwrap();
        fs::remove_file(&path).unwrap();
        let aim = place.path().join("aim");
        fs::write(&aim, "").unwrap();
        symlink(&aim, &path).unwrap();
        taken("it is a link");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        taken("it is a directory");
        let nowhere = NewFile::make(&place.path().join("missing/out")).unwrap_err();
        assert_eq!(nowhere.kind(), Kind::CannotCreate);
    }
}
