use std::path::{Path, PathBuf};

use super::name::SecretName;
use super::seal::Unopened;
use crate::names::{Explain, Kind};
use crate::security::document::Unfit;
use crate::security::files;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Files(#[from] files::Error),
    #[error("{path} cannot be opened: {why}", path = path.display())]
    Unopened { path: PathBuf, why: Unopened },
    /// What was sealed is no store of ours.
    #[error("{path} is no store of secrets: {why}", path = path.display())]
    Malformed { path: PathBuf, why: Unfit },
    #[error("there is no key file {path}", path = path.display())]
    NoKeyFile { path: PathBuf },
    #[error("{path}:{line}: that is no age key", path = path.display())]
    BadKeyFile { path: PathBuf, line: usize },
    #[error("there is no store of secrets here")]
    NoStore,
    #[error("there is no secret {name}")]
    NoSecret { name: SecretName },
    #[error("{variable} is no UTF-8")]
    BadVariable { variable: String },
    #[error("{0:?} is no recipient: it would be age1…")]
    BadRecipient(String),
    #[error("there is nobody to seal it to")]
    NoRecipient,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Files(error) => error.kind(),
            Self::Unopened { why, .. } => why.kind(),
            Self::Malformed { why, .. } => match why {
                Unfit::Newer(_) => Kind::Config,
                Unfit::NoObject | Unfit::Member(_) => Kind::Corrupt,
            },
            Self::NoKeyFile { .. } | Self::BadKeyFile { .. } | Self::BadVariable { .. } => {
                Kind::Config
            }
            Self::NoStore | Self::NoSecret { .. } => Kind::Unknown,
            Self::BadRecipient(_) | Self::NoRecipient => Kind::Usage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Files(error) => error.hint(),
            Self::Unopened { why, .. } => why.hint(),
            Self::Malformed { .. } => Some("it was left as it is".into()),
            Self::NoKeyFile { .. } => Some("put it back where it was; it opens the store".into()),
            Self::BadKeyFile { .. } => Some("one AGE-SECRET-KEY-1… a line, or # and a note".into()),
            Self::NoStore => Some("the first `secctl secret set NAME` makes it".into()),
            Self::NoSecret { name } => Some(format!(
                "secctl secret set {name}, or the variable {}",
                name.variable()
            )),
            Self::BadVariable { .. } | Self::BadRecipient(_) | Self::NoRecipient => None,
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Files(error) => error.path(),
            Self::Unopened { path, .. }
            | Self::Malformed { path, .. }
            | Self::NoKeyFile { path }
            | Self::BadKeyFile { path, .. } => Some(path),
            Self::NoStore
            | Self::NoSecret { .. }
            | Self::BadVariable { .. }
            | Self::BadRecipient(_)
            | Self::NoRecipient => None,
        }
    }
}
