//! Where a home is, and where everything lies in it. Every path of the toolkit is spelled here.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::names::{AgentId, Channel, Explain, Kind};

/// What makes a directory a home.
const MARKS: [&str; 2] = ["config/agent_comms", "runtime/mailbox"];

/// A directory with `config/` and `runtime/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The home that `flag` names, else `env`, else the nearest directory from `cwd` upwards that is one.
    /// Without a terminal there is no walking up from `/` or from the user's own directory.
    pub fn find(
        flag: Option<&Path>,
        env: Option<&OsStr>,
        cwd: &Path,
        interactive: bool,
        user_home: Option<&Path>,
    ) -> Result<Self, Error> {
        let named = flag.or_else(|| env.filter(|e| !e.is_empty()).map(Path::new));
        if let Some(dir) = named {
            let dir = cwd.join(dir);
            return match MARKS.iter().find(|mark| !dir.join(mark).is_dir()) {
                Some(lacks) => Err(Error::NotAHome { path: dir, lacks }),
                None => Ok(Self { dir }),
            };
        }
        let barred = !interactive && (cwd == Path::new("/") || Some(cwd) == user_home);
        cwd.ancestors()
            .filter(|_| !barred)
            .find(|dir| MARKS.iter().all(|mark| dir.join(mark).is_dir()))
            .map(Self::at)
            .ok_or(Error::NoHome)
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

    pub fn journal(&self, agent: &AgentId) -> PathBuf {
        self.mailbox(agent).join("journal.jsonl")
    }

    pub fn face(&self, agent: &AgentId) -> PathBuf {
        self.mailbox(agent).join("inbox.json")
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
