use std::path::{Path, PathBuf};

use crate::names::{Explain, Kind};
use crate::store;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The limits that stand there count as if they were not there.
    #[error("{path}: {why}", path = path.display())]
    Limits { path: PathBuf, why: String },
    /// The line itself is written.
    #[error("the log was not closed: {0}")]
    NotClosed(#[source] store::Error),
    #[error("{path} cannot be read: {why}", path = path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{path} cannot be packed: {source}", path = path.display())]
    NotPacked {
        path: PathBuf,
        source: std::io::Error,
    },
}

impl Error {
    /// What goes wrong behind a line that is written.
    pub(super) fn behind_the_line(self) -> Self {
        match self {
            Self::Store(error) => Self::NotClosed(error),
            other => other,
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) | Self::NotClosed(error) => error.kind(),
            Self::Limits { .. } => Kind::Config,
            Self::Unreadable { .. } => Kind::Corrupt,
            Self::NotPacked { .. } => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Limits { .. } => Some(
                "it may say max_size, daily, compress_after, max_age, max_files and max_total"
                    .into(),
            ),
            Self::Unreadable { .. } => {
                Some("what could be read of it was read; remove it once you have looked".into())
            }
            Self::Store(error) | Self::NotClosed(error) => error.hint(),
            Self::NotPacked { .. } => None,
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Limits { path, .. }
            | Self::Unreadable { path, .. }
            | Self::NotPacked { path, .. } => Some(path),
            Self::Store(error) | Self::NotClosed(error) => error.path(),
        }
    }
}
