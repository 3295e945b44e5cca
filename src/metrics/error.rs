use std::path::{Path, PathBuf};

use crate::logs;
use crate::names::{Explain, Kind};
use crate::store;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the logs: {0}")]
    Logs(#[from] logs::Error),
    #[error("{path} was written by a newer program (format {found}, known is {known})", path = path.display())]
    Newer {
        path: PathBuf,
        found: u64,
        known: u32,
    },
    #[error("{path} names no file", path = path.display())]
    NoName { path: PathBuf },
    /// It would be replaced: a device, a pipe or a link.
    #[error("{path} is no plain file, which alone can be replaced", path = path.display())]
    NoFile { path: PathBuf },
    #[error("{listen:?} is no address: it is HOST:PORT, as 127.0.0.1:9777")]
    BadAddress { listen: String },
    #[error("{listen} can be reached from other machines, and no token is asked for")]
    Unguarded { listen: String },
    #[error("can't listen on {listen}: {source}")]
    Listen {
        listen: String,
        source: std::io::Error,
    },
    #[error("{path}: {why}", path = path.display())]
    Token { path: PathBuf, why: String },
    #[error("can't begin to answer: {0}")]
    Server(std::io::Error),
    #[error("can't keep a log: {0}")]
    Diagnostics(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Logs(error) => error.kind(),
            Self::Newer { .. } | Self::Token { .. } => Kind::Config,
            Self::NoName { .. }
            | Self::NoFile { .. }
            | Self::BadAddress { .. }
            | Self::Unguarded { .. } => Kind::Usage,
            Self::Listen { .. } => Kind::Unreachable,
            Self::Server(_) | Self::Diagnostics(_) => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Store(error) => return error.hint(),
            Self::Logs(error) => return error.hint(),
            Self::Newer { .. } => "use the newer program; nothing was changed".into(),
            Self::Unguarded { .. } => {
                "listen on 127.0.0.1, or name a file with a token: --token-file FILE".into()
            }
            Self::Listen { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
                "another program listens there: name another port with --listen 127.0.0.1:PORT"
                    .into()
            }
            Self::Token { .. } => {
                "openssl rand -hex 32 > FILE && chmod 600 FILE makes a good one".into()
            }
            Self::NoFile { .. } => "to print the figures, use metricsd export".into(),
            Self::NoName { .. }
            | Self::BadAddress { .. }
            | Self::Listen { .. }
            | Self::Server(_)
            | Self::Diagnostics(_) => return None,
        })
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Store(error) => error.path(),
            Self::Logs(error) => error.path(),
            Self::Newer { path, .. }
            | Self::NoName { path }
            | Self::NoFile { path }
            | Self::Token { path, .. } => Some(path),
            Self::BadAddress { .. }
            | Self::Unguarded { .. }
            | Self::Listen { .. }
            | Self::Server(_)
            | Self::Diagnostics(_) => None,
        }
    }
}
