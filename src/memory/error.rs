use std::path::{Path, PathBuf};

use crate::names::{Explain, Kind};
use crate::{logs, mailbox, store, tasks};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("the logs: {0}")]
    Logs(#[from] logs::Error),
    #[error("the mail: {0}")]
    Mail(#[from] mailbox::Error),
    #[error("the tasks: {0}")]
    Tasks(#[from] tasks::Error),
    #[error(transparent)]
    Index(#[from] super::index::Error),
    #[error("{path} was written by a newer program (format {found}, known is {known})", path = path.display())]
    Newer {
        path: PathBuf,
        found: u64,
        known: u32,
    },
    #[error("{path} was written to meanwhile", path = path.display())]
    Changed { path: PathBuf },
    #[error("there is no memory {id:?}")]
    NoMemory { id: String },
    #[error("the memory {id:?} is of mail in the mailbox of {mailbox}")]
    NotYours { id: String, mailbox: String },
    #[error("there is no thread {id:?}")]
    NoThread { id: String },
    #[error("{path} is neither a file nor a directory", path = path.display())]
    NoSource { path: PathBuf },
    #[error("{path} is a stream: only text and fragments are read from one", path = path.display())]
    NoStream { path: PathBuf },
    #[error("{path}:{line}: {why}", path = path.display())]
    BadSource {
        path: PathBuf,
        line: u64,
        why: String,
    },
}

impl Error {
    /// The index is not as it was written: of the fragments it can be made anew.
    pub(super) const fn is_of_a_broken_index(&self) -> bool {
        matches!(self, Self::Index(super::index::Error::Broken { .. }))
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Logs(error) => error.kind(),
            Self::Mail(error) => error.kind(),
            Self::Tasks(error) => error.kind(),
            Self::Index(error) => error.kind(),
            Self::Newer { .. } => Kind::Config,
            Self::Changed { .. } => Kind::Busy,
            Self::NoMemory { .. } | Self::NoThread { .. } => Kind::Unknown,
            Self::NotYours { .. } => Kind::Refused,
            Self::NoSource { .. } | Self::NoStream { .. } => Kind::Usage,
            Self::BadSource { .. } => Kind::Corrupt,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Store(error) => return error.hint(),
            Self::Logs(error) => return error.hint(),
            Self::Mail(error) => return error.hint(),
            Self::Tasks(error) => return error.hint(),
            Self::Index(error) => return error.hint(),
            Self::Newer { .. } => "use the newer program; nothing was changed".into(),
            Self::Changed { .. } => "try again: what is there is kept".into(),
            Self::NoMemory { .. } => "`dreamscribe recent` shows some; `query` finds them by what they say".into(),
            Self::NotYours { .. } => "only who may read that mailbox, or sent the message, may see it".into(),
            Self::NoThread { .. } => "`dreamscribe threads` lists them".into(),
            Self::NoSource { .. } => "name a log, a fragments.jsonl, a memory_corpus.json, a devlog.md, a directory of narrative threads, or events, mail, tasks, devlogs".into(),
            Self::NoStream { .. } => "write it into a file, and name that".into(),
            Self::BadSource { .. } => "nothing of it was remembered: mend it and ingest it again".into(),
        })
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Store(error) => error.path(),
            Self::Newer { path, .. }
            | Self::Changed { path }
            | Self::NoSource { path }
            | Self::BadSource { path, .. } => Some(path),
            _ => None,
        }
    }
}
