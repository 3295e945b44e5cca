//! What can go wrong with the index.

use std::path::{Path, PathBuf};

use crate::names::{Explain, Kind};
use crate::store;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Derived from the fragments: whoever meets it makes the index anew.
    #[error("{} is not as it was written: {why}", path.display())]
    Broken { path: PathBuf, why: &'static str },
    /// More than numbers of 32 bits count.
    #[error("{} holds as many fragments as it can", path.display())]
    Full { path: PathBuf },
}

impl Error {
    /// The index must be made anew from the fragments.
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Broken { .. })
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Broken { .. } => Kind::Corrupt,
            Self::Full { .. } => Kind::Refused,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Broken { .. } => {
                Some("run `dreamscribe rebuild`: it is made anew from the fragments".into())
            }
            Self::Full { .. } => None,
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Store(error) => error.path(),
            Self::Broken { path, .. } | Self::Full { path } => Some(path),
        }
    }
}
