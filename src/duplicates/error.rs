use std::path::PathBuf;

use crate::names::{Explain, Kind};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no {path}", path = path.display())]
    NoPath { path: PathBuf },
    #[error("the pattern {pattern:?} is none: {why}")]
    BadPattern { pattern: String, why: String },
    #[error("git, asked about {what:?}: {why}")]
    Git { what: String, why: String },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::NoPath { .. } | Self::BadPattern { .. } | Self::Git { .. } => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Git { .. } => Some(
                "a revision is a branch, a tag or a commit of the repository that the path is in"
                    .to_owned(),
            ),
            Self::NoPath { .. } => Some("paths are taken from the current directory".to_owned()),
            Self::BadPattern { .. } => {
                Some("patterns are those of .gitignore: *.min.js, vendor/, !keep.rs".to_owned())
            }
        }
    }
}
