//! What can go wrong with tasks.

use std::path::{Path, PathBuf};

use super::document::Fault;
use super::id::BadTaskId;
use super::task::Status;
use crate::names::{AgentId, Explain, Kind};
use crate::store;
use crate::time::Timestamp;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{}: {fault}", path.display())]
    Unreadable { path: PathBuf, fault: Fault },
    #[error("{} was written by a newer version ({version})", path.display())]
    Newer { path: PathBuf, version: u64 },
    #[error("{}: {why}", path.display())]
    BadState { path: PathBuf, why: String },
    #[error("the file: {why}")]
    NoTasks { why: String },
    #[error(transparent)]
    BadId(#[from] BadTaskId),
    #[error("no task {asked:?}")]
    NoTask { asked: String, nearest: Vec<String> },
    #[error("{id} is {status} and in the archive")]
    Over { id: String, status: Status },
    #[error("{asked:?} may be {}", ids.join(", "))]
    Ambiguous { asked: String, ids: Vec<String> },
    #[error("a task {id} exists already, {place}")]
    Exists { id: String, place: String },
    #[error("these would wait for one another: {}", ids.join(" → "))]
    Cycle { ids: Vec<String> },
    #[error("{id} cannot wait for {on}: there is no such task")]
    NoDependency { id: String, on: String },
    #[error("{id} does not wait for {on}")]
    NotAwaited { id: String, on: String },
    #[error("{field}: {why}")]
    BadField {
        field: String,
        why: String,
        hint: Option<String>,
    },
    #[error("{id} is {status}: it cannot be {wanted}")]
    Illegal {
        id: String,
        status: Status,
        wanted: &'static str,
    },
    #[error("{id} cannot start: {why}")]
    Held { id: String, why: String },
    #[error("{id} is claimed by {by}{}", until.map(|until| format!(" until {until}")).unwrap_or_default())]
    Claimed {
        id: String,
        by: AgentId,
        until: Option<Timestamp>,
    },
    #[error("{agent} does not hold {id}{}", by.as_ref().map(|by| format!(", {by} does")).unwrap_or_default())]
    NotHeld {
        id: String,
        agent: AgentId,
        by: Option<AgentId>,
    },
    #[error("{id} is for {assigned}, not for {agent}")]
    NotYours {
        id: String,
        agent: AgentId,
        assigned: String,
    },
    #[error("{id} needs {lacks}, which {agent} has not")]
    Unable {
        id: String,
        agent: AgentId,
        lacks: String,
    },
    /// Of several that were to be made at once, the `nth`, counted from 0.
    #[error("{error}")]
    OfSeveral { nth: usize, error: Box<Self> },
    #[error("nothing is ready for {agent}")]
    NothingReady { agent: AgentId },
    #[error("somebody writes to the documents of tasks all the time")]
    Restless,
    #[error("whether it was written is not known: {source}")]
    OutcomeUnknown { source: Box<Self> },
}

impl Error {
    /// Something may have happened before it.
    pub(crate) fn unsure(self) -> Self {
        match self {
            Self::OutcomeUnknown { .. } => self,
            source => Self::OutcomeUnknown {
                source: Box::new(source),
            },
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::OfSeveral { error, .. } => error.kind(),
            Self::Unreadable { .. } | Self::BadState { .. } | Self::NoTasks { .. } => Kind::Corrupt,
            Self::Newer { .. } => Kind::Config,
            Self::NoTask { .. } | Self::Ambiguous { .. } | Self::NotAwaited { .. } => Kind::Unknown,
            Self::BadId(_)
            | Self::Exists { .. }
            | Self::Cycle { .. }
            | Self::NoDependency { .. }
            | Self::BadField { .. } => Kind::Usage,
            Self::Illegal { .. }
            | Self::Held { .. }
            | Self::Claimed { .. }
            | Self::NotHeld { .. }
            | Self::NotYours { .. }
            | Self::Unable { .. }
            | Self::NothingReady { .. }
            | Self::Over { .. } => Kind::No,
            Self::Restless => Kind::Busy,
            Self::OutcomeUnknown { .. } => Kind::OutcomeUnknown,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::OfSeveral { error, .. } => error.hint(),
            Self::Unreadable { .. } => {
                Some("nothing was overwritten; mend it there, the others go on".into())
            }
            Self::Newer { .. } => Some("use the newer program; nothing was changed".into()),
            Self::BadState { .. } => {
                Some("move it aside: claims and the times of runs begin anew".into())
            }
            Self::NoTask { nearest, .. } if !nearest.is_empty() => {
                Some(format!("did you mean {}?", nearest.join(", ")))
            }
            Self::NoTask { .. } => Some("see: taskctl list --all".into()),
            Self::Over { id, status } => match status {
                Status::Failed | Status::Cancelled => {
                    Some(format!("to take it up again: taskctl reopen {id}"))
                }
                Status::Completed | Status::Pending | Status::Running => {
                    Some(format!("see: taskctl show {id}"))
                }
            },
            Self::NoTasks { .. } => Some("nothing was imported".into()),
            Self::BadId(_) => None,
            Self::Ambiguous { .. } => Some("give more of its id".into()),
            Self::Exists { .. } => Some("choose another id, or none: one is given".into()),
            Self::Cycle { .. } => {
                Some("nothing was changed; remove one of them: taskctl dep rm".into())
            }
            Self::NoDependency { .. } => Some("create that one first; see: taskctl list".into()),
            Self::BadField { hint, .. } => hint.clone(),
            Self::Illegal { id, status, wanted } => match status {
                Status::Pending if *wanted == "reopened" => None,
                Status::Pending => Some(format!("start it first: taskctl start {id}")),
                Status::Running => None,
                Status::Failed | Status::Cancelled => {
                    Some(format!("to take it up again: taskctl reopen {id}"))
                }
                Status::Completed => Some("what is completed stays so; create a new one".into()),
            },
            Self::Held { id, .. } | Self::NotAwaited { id, .. } => {
                Some(format!("see: taskctl show {id}"))
            }
            Self::Claimed { id, .. } => {
                Some(format!("wait until it lapses, or see: taskctl show {id}"))
            }
            Self::NotHeld { id, .. } => Some(format!("claim it first: taskctl claim {id}")),
            Self::NotYours { id, agent, .. } => {
                Some(format!("to hand it over: taskctl assign {id} {agent}"))
            }
            Self::Unable { .. } => Some("see capabilities in config/agents.yaml".into()),
            Self::NothingReady { .. } => {
                Some("to wait for one: --wait; what is blocked: taskctl list".into())
            }
            Self::Restless => Some("try again".into()),
            Self::OutcomeUnknown { .. } => {
                Some("look before it is said again: taskctl list".into())
            }
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Store(error) => error.path(),
            Self::OfSeveral { error, .. } => error.path(),
            Self::Unreadable { path, .. }
            | Self::Newer { path, .. }
            | Self::BadState { path, .. } => Some(path),
            Self::OutcomeUnknown { source } => source.path(),
            _ => None,
        }
    }
}
