use std::path::PathBuf;

use crate::names::{Explain, Kind};
use crate::store;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("there is no {path}", path = path.display())]
    NoPath { path: PathBuf },
    #[error("the pattern {pattern:?} is none: {why}")]
    BadPattern { pattern: String, why: String },
    #[error("git, asked about {what:?}: {why}")]
    Git { what: String, why: String },
    #[error("{path}: {why}", path = path.display())]
    BadFile { path: PathBuf, why: String },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::NoPath { .. }
            | Self::BadPattern { .. }
            | Self::Git { .. }
            | Self::BadFile { .. } => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Git { .. } => Some(
                "a revision is a branch, a tag or a commit of the repository that the path is in"
                    .to_owned(),
            ),
            Self::BadFile { .. } => None,
            Self::NoPath { .. } => Some("paths are taken from the current directory".to_owned()),
            Self::BadPattern { .. } => {
                Some("patterns are those of .gitignore: *.min.js, vendor/, !keep.rs".to_owned())
            }
        }
    }
}
