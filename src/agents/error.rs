use std::path::{Path, PathBuf};

use crate::names::{AgentId, Explain, Kind, NotFree};
use crate::store;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{path}{place}: {why}", path = path.display())]
    Malformed {
        path: PathBuf,
        place: Place,
        why: String,
    },
    #[error("{path} is of format {version}, newer than this program", path = path.display())]
    Newer { path: PathBuf, version: u64 },
    #[error("{path}: {id} stands there twice", path = path.display())]
    Twice { path: PathBuf, id: AgentId },
    #[error("{path}: {source}", path = path.display())]
    NotFree { path: PathBuf, source: NotFree },
    #[error("{path}: the alias {alias:?} of {agent} can be nobody's name", path = path.display())]
    BadAlias {
        path: PathBuf,
        alias: String,
        agent: AgentId,
    },
    #[error("{path}: {by} already answers to {alias:?}, an alias of {agent}", path = path.display())]
    AliasTaken {
        path: PathBuf,
        alias: String,
        agent: AgentId,
        by: AgentId,
    },
    #[error("{path} is larger than {} MiB", limit >> 20, path = path.display())]
    Huge { path: PathBuf, limit: u64 },
    #[error("can't look at {path}: {source}", path = path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Two keys that contradict each other, or one that names somebody unknown.
    #[error("{path}: {agent}: {why}", path = path.display())]
    BadSetting {
        path: PathBuf,
        agent: AgentId,
        why: String,
    },
    #[error("{path}: these wait for each other: {}", chain(circle), path = path.display())]
    Circle { path: PathBuf, circle: Vec<AgentId> },
    #[error("{agent} has no command")]
    NoCommand { agent: AgentId },
    #[error("{agent} cannot go on with its last session: {why}")]
    CannotResume { agent: AgentId, why: &'static str },
    #[error("{path} is no UTF-8, so that it can be told to nobody", path = path.display())]
    NoText { path: PathBuf },
    #[error("{path}: {why}", path = path.display())]
    State { path: PathBuf, why: String },
    /// Before anything was started.
    #[error("can't {doing}: {source}")]
    System {
        doing: &'static str,
        source: std::io::Error,
    },
    #[error("dreamos-superd is not installed beside this program, nor in the PATH")]
    NoSupervisor,
    #[error("the supervisor of {agent} {what}")]
    Supervisor { agent: AgentId, what: String },
    #[error("the supervisor of {agent} did not answer within {seconds} s")]
    NoAnswer { agent: AgentId, seconds: u64 },
    #[error("{agent} has no terminal")]
    NoTerminal { agent: AgentId },
    #[error("{agent} does not run")]
    NotRunning { agent: AgentId },
    #[error("somebody is typing on the terminal of {agent}")]
    Typing { agent: AgentId },
    #[error("as many as may be are attached to {agent}")]
    Crowded { agent: AgentId },
    #[error("more than {limit} bytes are not typed")]
    TooMuch { limit: usize },
    #[error(transparent)]
    CannotRegister(NotFree),
    #[error("{id} is not registered")]
    NotRegistered { id: AgentId },
    /// Of an earlier agent of the name that another was to get.
    #[error("{path} is there already", path = path.display())]
    InTheWay { path: PathBuf, id: AgentId },
    #[error("{key:?} is no key of an agent")]
    UnknownKey { key: String, meant: Option<String> },
    #[error("`id` is no key that can be changed")]
    IdIsNoKey,
    #[error("the value of {key} is no YAML: {why}")]
    BadValue { key: String, why: String },
    /// What the file would have been after the edit.
    #[error("that would be refused: {source}")]
    BadEdit { source: Box<Self> },
    #[error("can't edit {path}: {why}", path = path.display())]
    NotEdited { path: PathBuf, why: &'static str },
    #[error("somebody else is writing {path}", path = path.display())]
    KeepsChanging { path: PathBuf },
    #[error("the onboarding of {agent} is no template: {why}")]
    Template { agent: AgentId, why: String },
    #[error(transparent)]
    Store(#[from] store::Error),
}

fn chain(circle: &[AgentId]) -> String {
    let ids: Vec<&str> = circle.iter().map(AgentId::as_str).collect();
    ids.join(" after ")
}

/// Where in a file, counted from 1, if the reader knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(pub Option<(usize, usize)>);

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0
            .map_or(Ok(()), |(line, column)| write!(f, ":{line}:{column}"))
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Malformed { .. }
            | Self::Newer { .. }
            | Self::Twice { .. }
            | Self::NotFree { .. }
            | Self::BadAlias { .. }
            | Self::AliasTaken { .. }
            | Self::Huge { .. }
            | Self::BadSetting { .. }
            | Self::Circle { .. }
            | Self::NoCommand { .. }
            | Self::CannotResume { .. }
            | Self::NoText { .. }
            | Self::Template { .. }
            | Self::NoTerminal { .. }
            | Self::NoSupervisor => Kind::Config,
            Self::State { .. } => Kind::Corrupt,
            Self::CannotRegister(source) => source.kind(),
            Self::NotRegistered { .. } => Kind::Unknown,
            Self::InTheWay { .. } => Kind::CannotCreate,
            Self::UnknownKey { .. }
            | Self::IdIsNoKey
            | Self::BadValue { .. }
            | Self::TooMuch { .. }
            | Self::BadEdit { .. } => Kind::Usage,
            Self::NotEdited { .. } => Kind::Refused,
            Self::NotRunning { .. } => Kind::Unreachable,
            Self::KeepsChanging { .. }
            | Self::Typing { .. }
            | Self::Crowded { .. }
            | Self::NoAnswer { .. } => Kind::Busy,
            Self::Unreadable { .. } | Self::System { .. } | Self::Supervisor { .. } => Kind::Io,
            Self::Store(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Malformed { .. } | Self::BadSetting { .. } => {
                Some("config/README.md says what each key means".into())
            }
            Self::Newer { .. } => Some("use a newer dreamos; the file was left as it is".into()),
            Self::Twice { .. } => Some("make one of the two".into()),
            Self::NotFree { source, .. } | Self::CannotRegister(source) => source.hint(),
            Self::BadAlias { .. } => Some(
                "an alias follows the rules of a name; capitals are fine, reserved names are not"
                    .into(),
            ),
            Self::AliasTaken { .. } => {
                Some("choose another alias; case, '_' and '-' make no difference".into())
            }
            Self::Circle { .. } => Some("take one of them out of `after`".into()),
            Self::NoCommand { agent } => Some(format!(
                "say what it is: agentctl set {agent} command '[PROGRAM, ARGUMENT]', or harness claude"
            )),
            Self::CannotResume { agent, .. } => Some(format!(
                "start it without --resume, or: agentctl set {agent} harness claude"
            )),
            Self::NoText { .. } => Some("rename it".into()),
            Self::Template { .. } => Some(
                "it may name agent, role, roles, mailbox, home and incarnation, as {{ agent }}"
                    .into(),
            ),
            Self::NotRegistered { id } => Some(format!("register it: agentctl register {id}")),
            Self::InTheWay { id, .. } => Some(format!(
                "it is of an earlier agent: choose another name, or agentctl unregister {id} --purge"
            )),
            Self::UnknownKey { meant, .. } => Some(match meant {
                Some(meant) => format!("did you mean {meant}?"),
                None => "config/README.md lists the keys".into(),
            }),
            Self::IdIsNoKey => {
                Some("an agent is renamed as a whole: agentctl rename OLD NEW".into())
            }
            Self::BadValue { .. } => Some("quote it: '\"…\"'".into()),
            Self::BadEdit { source } => source.hint(),
            Self::NotEdited { .. } => Some("edit it by hand; it was left as it is".into()),
            Self::KeepsChanging { .. } => Some("nothing happened; try again".into()),
            Self::State { .. } => Some("stop the agent, move the file away, start it anew".into()),
            Self::NoSupervisor => Some("install it where agentctl is".into()),
            Self::NoAnswer { .. } => {
                Some("look whether it is stopped (ps -C dreamos-superd)".into())
            }
            Self::NoTerminal { agent } => Some(format!(
                "give it one (tty: true in config/agents.yaml) and a new life: agentctl restart {agent}"
            )),
            Self::NotRunning { agent } => Some(format!("agentctl start {agent}")),
            Self::Typing { .. } => Some("try again when he is done".into()),
            Self::Crowded { .. } => Some("detach somewhere, or look on: agentctl peek".into()),
            Self::TooMuch { .. } => Some("send it as mail: cellphone send".into()),
            Self::Huge { .. }
            | Self::Unreadable { .. }
            | Self::System { .. }
            | Self::Supervisor { .. } => None,
            Self::Store(error) => error.hint(),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Malformed { path, .. }
            | Self::Newer { path, .. }
            | Self::Twice { path, .. }
            | Self::NotFree { path, .. }
            | Self::BadAlias { path, .. }
            | Self::AliasTaken { path, .. }
            | Self::Huge { path, .. }
            | Self::BadSetting { path, .. }
            | Self::Circle { path, .. }
            | Self::NoText { path }
            | Self::NotEdited { path, .. }
            | Self::KeepsChanging { path }
            | Self::State { path, .. }
            | Self::InTheWay { path, .. }
            | Self::Unreadable { path, .. } => Some(path),
            Self::NoCommand { .. }
            | Self::CannotResume { .. }
            | Self::Template { .. }
            | Self::CannotRegister(_)
            | Self::NotRegistered { .. }
            | Self::UnknownKey { .. }
            | Self::IdIsNoKey
            | Self::BadValue { .. }
            | Self::BadEdit { .. }
            | Self::NoSupervisor
            | Self::NoAnswer { .. }
            | Self::NoTerminal { .. }
            | Self::NotRunning { .. }
            | Self::Typing { .. }
            | Self::Crowded { .. }
            | Self::TooMuch { .. }
            | Self::System { .. }
            | Self::Supervisor { .. } => None,
            Self::Store(error) => error.path(),
        }
    }
}
