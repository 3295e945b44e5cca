use std::path::{Path, PathBuf};

use super::batch::BadLine;
use super::breaker::Loop;
use crate::names::{
    AgentId, BadMessageId, Explain, Kind, NotFree, Origin, UnknownName, Unsure, Verb,
};
use crate::security::{self, Refusal};
use crate::{agents, logs, mailbox, store, tasks};

/// The rule by which mail that is not signed, or is forged, is refused.
pub(super) const SIGNATURES: &str = "signatures";
/// The rule by which text from outside is no ground for what needs a right of its own.
const TAINT: &str = "taint";

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Mailbox(#[from] mailbox::Error),
    #[error(transparent)]
    Agents(#[from] agents::Error),
    #[error(transparent)]
    Tasks(#[from] tasks::Error),
    #[error(transparent)]
    Logs(#[from] logs::Error),
    #[error(transparent)]
    Security(#[from] security::Error),
    #[error(transparent)]
    Audit(#[from] security::audit::Error),
    #[error(transparent)]
    Keys(#[from] security::keys::Error),
    #[cfg(feature = "age")]
    #[error(transparent)]
    Secrets(#[from] security::secrets::Error),
    #[cfg(feature = "age")]
    #[error(transparent)]
    Sealed(#[from] security::sealed::Error),
    #[error("{name:?} is for the log itself to say")]
    FieldOfOurs { name: String },
    #[error(transparent)]
    BadLine(#[from] BadLine),
    /// Of a task in a batch.
    #[error("line {line}: {error}")]
    OnLine {
        line: usize,
        error: Box<tasks::Error>,
    },
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{what} in {home}", home = home.display())]
    Name { what: UnknownName, home: PathBuf },
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Loop(#[from] Loop),
    #[error(
        "{who} may not {} {target} because of what {origin} wrote, unless a person approves it (rule {TAINT})",
        security::deed(*verb)
    )]
    Tainted {
        who: AgentId,
        verb: Verb,
        target: AgentId,
        origin: Origin,
        /// Under this it waits.
        id: String,
    },
    /// Neither an agent nor what runs because of text from outside approves anything.
    #[error("only a person at the terminal approves")]
    NotAPerson,
    #[error("nothing waits under {0:?}")]
    NoSuchApproval(String),
    #[error("mail of {from} is not signed, and the policy wants signatures (rule {SIGNATURES})")]
    Unsigned { from: AgentId },
    #[error(transparent)]
    BadMessageId(#[from] BadMessageId),
    #[error(transparent)]
    NotFree(#[from] NotFree),
    #[error("no agent has the role {role:?}")]
    NoSuchRole { role: String, known: Vec<String> },
    #[error("no message {0}")]
    NoSuchMessage(String),
    #[error("{name} could be {}", candidates.join(" or "))]
    Ambiguous {
        name: String,
        candidates: Vec<String>,
    },
    /// Its caller is a process that outlived its agent.
    #[error("this life of {agent} is over: {incarnation}")]
    DeadLife { agent: AgentId, incarnation: String },
    #[error("{agent} runs")]
    Runs { agent: AgentId },
    #[error("{agent} keeps its name and its mailbox")]
    Reserved { agent: AgentId },
    #[error("{id} was a name of {now}, and mail for it goes there")]
    Former { id: AgentId, now: AgentId },
    #[error("that is the name of {agent} already")]
    SameName { agent: AgentId },
    #[error("{agent} has a mailbox, but is not registered")]
    NotConfigured { agent: AgentId },
    #[error("{at} is {status}: only what is dead, expired or discarded is restored")]
    StillAlive {
        at: mailbox::Address,
        status: &'static str,
    },
}

impl Error {
    /// The rule that refused, as the audit trail names it.
    pub(super) fn rule(&self) -> &str {
        match self {
            Self::Refused(refusal) => refusal.rule(),
            Self::Mailbox(mailbox::Error::Full { rule, .. }) => rule,
            Self::Loop(_) => "loop-breaker",
            Self::Unsigned { .. } => SIGNATURES,
            Self::Tainted { .. } | Self::NotAPerson => TAINT,
            Self::Security(security::Error::Unproven(_)) => "identity",
            Self::Security(_) => "unreadable-policy",
            _ => "",
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Mailbox(e) => e.kind(),
            Self::Agents(e) => e.kind(),
            Self::Tasks(e) => e.kind(),
            Self::Logs(e) => e.kind(),
            Self::Security(e) => e.kind(),
            Self::Audit(e) => e.kind(),
            Self::Keys(e) => e.kind(),
            #[cfg(feature = "age")]
            Self::Secrets(e) => e.kind(),
            #[cfg(feature = "age")]
            Self::Sealed(e) => e.kind(),
            Self::OnLine { error, .. } => error.kind(),
            Self::BadLine(e) => e.kind(),
            Self::Store(e) => e.kind(),
            Self::Name { what, .. } => what.kind(),
            Self::Refused(e) => e.kind(),
            Self::Loop(e) => e.kind(),
            Self::NotFree(e) => e.kind(),
            Self::BadMessageId(_)
            | Self::Runs { .. }
            | Self::SameName { .. }
            | Self::FieldOfOurs { .. } => Kind::Usage,
            Self::Reserved { .. }
            | Self::Unsigned { .. }
            | Self::Tainted { .. }
            | Self::NotAPerson => Kind::Refused,
            Self::Former { .. } => Kind::CannotCreate,
            Self::NoSuchRole { .. }
            | Self::NoSuchMessage(_)
            | Self::NoSuchApproval(_)
            | Self::NotConfigured { .. }
            | Self::Ambiguous { .. } => Kind::Unknown,
            Self::StillAlive { .. } | Self::DeadLife { .. } => Kind::No,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Mailbox(e) => e.hint(),
            Self::Agents(e) => e.hint(),
            Self::Tasks(e) => e.hint(),
            Self::Logs(e) => e.hint(),
            Self::Security(e) => e.hint(),
            Self::Audit(e) => e.hint(),
            Self::Keys(e) => e.hint(),
            #[cfg(feature = "age")]
            Self::Secrets(e) => e.hint(),
            #[cfg(feature = "age")]
            Self::Sealed(e) => e.hint(),
            Self::OnLine { error, .. } => error.hint(),
            Self::BadLine(e) => e.hint(),
            Self::Store(e) => e.hint(),
            Self::Name { what, .. } => what.hint(),
            Self::Refused(e) => e.hint(),
            Self::Loop(e) => e.hint(),
            Self::NotFree(e) => e.hint(),
            Self::Tainted { id, .. } => Some(format!(
                "a person approves it with: secctl approve {id}; then say it again"
            )),
            Self::NoSuchApproval(_) => Some("secctl approvals lists what waits".into()),
            Self::NotAPerson => None,
            Self::Unsigned { from } => Some(format!("give it a key: secctl keys make {from}")),
            Self::BadMessageId(_) => Some(
                "name it as agent-3/17, 17, its id, or the last six or more characters of that"
                    .into(),
            ),
            Self::NoSuchRole { known, .. } if known.is_empty() => {
                Some("give agents a role in config/agents.yaml".into())
            }
            Self::NoSuchRole { known, .. } => Some(format!("roles: {}", known.join(", "))),
            Self::NoSuchMessage(_) => Some("see: cellphone inbox --all, cellphone search".into()),
            Self::Ambiguous { .. } => Some("give more characters of its id".into()),
            Self::NotConfigured { agent } => Some(format!("agentctl register {agent}")),
            Self::DeadLife { agent, .. } => Some(format!(
                "what it held is delivered again; see: agentctl status {agent}"
            )),
            Self::Runs { agent } => Some(format!("agentctl stop {agent}")),
            Self::Former { now, .. } => Some(format!(
                "it is free once that is gone: agentctl unregister {now} --purge"
            )),
            Self::Reserved { .. }
            | Self::SameName { .. }
            | Self::StillAlive { .. }
            | Self::FieldOfOurs { .. } => None,
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Mailbox(e) => e.path(),
            Self::Agents(e) => e.path(),
            Self::Tasks(e) => e.path(),
            Self::Logs(e) => e.path(),
            Self::Security(e) => e.path(),
            Self::Audit(e) => e.path(),
            Self::Keys(e) => e.path(),
            #[cfg(feature = "age")]
            Self::Secrets(e) => e.path(),
            #[cfg(feature = "age")]
            Self::Sealed(e) => e.path(),
            Self::OnLine { error, .. } => error.path(),
            Self::Store(e) => e.path(),
            _ => None,
        }
    }

    fn key(&self) -> Option<String> {
        match self {
            Self::Mailbox(e) => e.key(),
            _ => None,
        }
    }

    fn each(&self) -> &[Unsure] {
        match self {
            Self::Mailbox(e) => e.each(),
            _ => &[],
        }
    }
}
