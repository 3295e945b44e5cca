//! Where a home is, and where everything lies in it. Every path of the toolkit is spelled here.

use std::path::{Path, PathBuf};

use crate::names::{AgentId, Channel, Explain, Kind};

/// A directory with `config/` and `runtime/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn agents_yaml(&self) -> PathBuf {
        self.dir.join("config/agents.yaml")
    }

    pub fn mailboxes(&self) -> PathBuf {
        self.dir.join("runtime/mailbox")
    }

    pub fn mailbox(&self, agent: &AgentId) -> PathBuf {
        self.mailboxes().join(agent.as_str())
    }

    pub fn logs(&self) -> PathBuf {
        self.dir.join("runtime/logs")
    }

    pub fn log(&self, channel: Channel) -> PathBuf {
        self.logs().join(format!("{}.log", channel.as_str()))
    }

    pub fn cache(&self) -> PathBuf {
        self.dir.join("runtime/cache")
    }

    /// The compiled copy of `agents.yaml`.
    pub fn roster_cache(&self) -> PathBuf {
        self.cache().join("roster")
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no dreamos home here")]
    NoHome,
    #[error("{path} is no dreamos home: it lacks {lacks}")]
    NotAHome { path: PathBuf, lacks: &'static str },
    #[error("other users may write to {path}")]
    Open { path: PathBuf },
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Config
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoHome | Self::NotAHome { .. } => {
                "make one with `scripts/home DIR`, or name one with --home DIR or DREAMOS_HOME"
                    .into()
            }
            Self::Open { path } => format!("take the right away: chmod o-w {}", path.display()),
        })
    }
}
