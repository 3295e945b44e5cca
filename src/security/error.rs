use std::path::{Path, PathBuf};

use super::Unproven;
use crate::names::{Explain, Kind};
use crate::store;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path}{}: {why}", place(*at), path = path.display())]
    Malformed {
        path: PathBuf,
        at: Option<(usize, usize)>,
        why: String,
    },
    #[error("{path}: {why}", path = path.display())]
    Unsound { path: PathBuf, why: String },
    #[error("{path} is of format {version}, newer than this program", path = path.display())]
    Newer { path: PathBuf, version: u64 },
    #[error("{path} is larger than {} MiB", limit >> 20, path = path.display())]
    Huge { path: PathBuf, limit: u64 },
    #[error("can't look at {path}: {source}", path = path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Unproven(#[from] Unproven),
    #[error(transparent)]
    Files(#[from] super::files::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// As compilers write it.
fn place(at: Option<(usize, usize)>) -> String {
    at.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"))
}

impl Error {
    /// The parser writes the place behind the reason; it stands in front already.
    pub(super) fn malformed(
        path: &Path,
        at: Option<(usize, usize)>,
        error: &serde_yaml::Error,
    ) -> Self {
        let mut why = error.to_string();
        if let Some((line, column)) = at {
            why = why.replacen(&format!(" at line {line} column {column}"), "", 1);
        }
        Self::Malformed {
            path: path.into(),
            at,
            why,
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            // Nothing of what it says can be known: a policy that cannot be read allows nothing.
            Self::Malformed { .. }
            | Self::Unsound { .. }
            | Self::Newer { .. }
            | Self::Huge { .. }
            | Self::Unreadable { .. } => Kind::Config,
            Self::Unproven(unproven) => unproven.kind(),
            Self::Files(error) => error.kind(),
            Self::Store(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Malformed { .. } | Self::Unsound { .. } => {
                Some("until it is mended nothing but reading is allowed; see: secctl lint".into())
            }
            Self::Newer { .. } => Some("use the program that wrote it".into()),
            Self::Huge { .. } | Self::Unreadable { .. } => None,
            Self::Unproven(unproven) => unproven.hint(),
            Self::Files(error) => error.hint(),
            Self::Store(error) => error.hint(),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Malformed { path, .. }
            | Self::Unsound { path, .. }
            | Self::Newer { path, .. }
            | Self::Huge { path, .. }
            | Self::Unreadable { path, .. } => Some(path),
            Self::Unproven(_) => None,
            Self::Files(error) => error.path(),
            Self::Store(error) => error.path(),
        }
    }
}
