use std::path::{Path, PathBuf};

use crate::names::{Explain, Kind};
use crate::store;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Whether the records will be found is not known.
    #[error("the record may stand, or not: {0}")]
    Unsure(#[source] store::Error),
    #[error("{path} has records of format {found}, this program knows {known}", path = path.display())]
    Newer {
        path: PathBuf,
        found: u64,
        known: u64,
    },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Unsure(_) => Kind::OutcomeUnknown,
            Self::Newer { .. } => Kind::Config,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) | Self::Unsure(error) => error.hint(),
            Self::Newer { .. } => Some("use the newer program: nothing was written".into()),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Store(error) | Self::Unsure(error) => error.path(),
            Self::Newer { path, .. } => Some(path),
        }
    }
}
