use std::path::{Path, PathBuf};

use super::bound::Excess;
use super::message::Address;
use crate::names::{AgentId, Explain, Kind, Unsure};
use crate::store;
use crate::time::Timestamp;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{agent} has no mailbox yet")]
    NoMailbox { agent: AgentId },
    /// Whoever asks had opened it before.
    #[error("the mailbox of {agent} has been removed")]
    Gone { agent: AgentId },
    #[error("{} for {agent}, and nobody has acknowledged {}", messages(*waiting), them(*waiting))]
    Waiting { agent: AgentId, waiting: u64 },
    /// Somebody else has the name that a mailbox was to get.
    #[error("{path} is there already", path = path.display())]
    NameTaken { path: PathBuf },
    /// And to be renamed otherwise.
    #[error("the mailbox of {agent} is that of {now} already")]
    HalfRenamed { agent: AgentId, now: AgentId },
    #[error("no message {at}")]
    NoMessage { at: Address },
    #[error("{path}, line {line}, column {column}: {why}", path = path.display())]
    Corrupt {
        path: PathBuf,
        line: usize,
        column: usize,
        why: String,
    },
    #[error("{path} is missing, but what was made from it is there", path = path.display())]
    JournalGone { path: PathBuf },
    #[error("{path} has format {found}, this program knows {known}", path = path.display())]
    Newer {
        path: PathBuf,
        found: u32,
        known: u32,
    },
    #[error("{at} is {state} already{}", by_whom(by.as_deref(), *when))]
    Closed {
        at: Address,
        state: &'static str,
        by: Option<String>,
        when: Option<Timestamp>,
    },
    #[error("{at} is leased to {owner} until {until}")]
    Leased {
        at: Address,
        owner: String,
        until: Timestamp,
    },
    #[error("{at} is not leased to you")]
    NotYours { at: Address },
    #[error("{at} was sent by {from}, not by you")]
    NotTheSender { at: Address, from: AgentId },
    #[error("the disk did not confirm that {at} was written: it may or may not be there")]
    OutcomeUnknown {
        at: PathBuf,
        key: Option<String>,
        /// Of a batch, each of its messages.
        each: Vec<Unsure>,
    },
    /// Of what came before the verb's own work: what time does, and what a person did to the face.
    #[error(
        "the disk did not confirm that {at} was written: what was due there may or may not be \
         recorded, and nothing else was done"
    )]
    NotBegun { at: PathBuf },
    #[error(
        "what stays of {path} takes {needed} bytes in a new file, for which the disk lacks \
         {lacking} bytes",
        path = path.display()
    )]
    NoRoom {
        path: PathBuf,
        needed: u64,
        lacking: u64,
    },
    /// Nothing of the send was accepted.
    #[error("{from} may not send that to {to}: {excess} (rule {rule})")]
    Full {
        from: AgentId,
        to: AgentId,
        rule: String,
        excess: Excess,
    },
    #[error("a message holds at most 1 MiB, this one has {bytes} bytes")]
    TooLong { bytes: usize },
    #[error("what goes with a message holds at most 4 MiB, this has {bytes} bytes")]
    NotesTooLong { bytes: usize },
    #[error("{path} is {bytes} bytes, an attachment holds at most 64 MiB", path = path.display())]
    FileTooLong { path: PathBuf, bytes: u64 },
    #[error("the attachment {sha256} is no longer there")]
    NoAttachment { sha256: String },
    #[error("{name:?} cannot be the name of a cursor")]
    BadCursor { name: String },
    #[error("the edited text: {0}")]
    BadEdit(super::json::Fault),
}

impl Error {
    /// As whoever has not begun yet must tell it: that the outcome of something else is unknown is no doubt about
    /// what he was asked for.
    pub(super) fn not_begun(self) -> Self {
        match self {
            Self::OutcomeUnknown { at, .. } => Self::NotBegun { at },
            other => other,
        }
    }
}

fn messages(waiting: u64) -> String {
    match waiting {
        1 => "1 message waits".into(),
        n => format!("{n} messages wait"),
    }
}

const fn them(waiting: u64) -> &'static str {
    if waiting == 1 { "it" } else { "them" }
}

fn by_whom(by: Option<&str>, when: Option<Timestamp>) -> String {
    let by = by.map(|by| format!(" by {by}"));
    let when = when.map(|when| format!(" at {when}"));
    [by, when].into_iter().flatten().collect()
}

/// Whether a file of this name is one that a mailbox makes anew.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(super::doctor::may_go_aside)
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(e) => e.kind(),
            Self::NoMailbox { .. } | Self::Gone { .. } | Self::NoMessage { .. } => Kind::Unknown,
            Self::Corrupt { .. } | Self::JournalGone { .. } | Self::BadEdit(_) => Kind::Corrupt,
            Self::Newer { .. } => Kind::Config,
            Self::Closed { .. } | Self::Leased { .. } | Self::NotYours { .. } => Kind::No,
            Self::NotTheSender { .. } | Self::Waiting { .. } | Self::Full { .. } => Kind::Refused,
            Self::NameTaken { .. } | Self::HalfRenamed { .. } => Kind::CannotCreate,
            Self::OutcomeUnknown { .. } => Kind::OutcomeUnknown,
            Self::TooLong { .. }
            | Self::NotesTooLong { .. }
            | Self::FileTooLong { .. }
            | Self::BadCursor { .. } => Kind::Usage,
            Self::NoAttachment { .. } | Self::NotBegun { .. } | Self::NoRoom { .. } => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Store(store::Error::NotPlain { path, .. }) if is_ours(path) => {
                Some("nothing was followed; `cellphone doctor --fix` renames what is there".into())
            }
            Self::Store(e) => e.hint(),
            Self::NoMailbox { .. } => Some("send with --create to make one".into()),
            Self::Gone { .. } => Some("nothing was accepted or changed".into()),
            Self::Waiting { .. } => Some("to remove what waits as well, add --yes".into()),
            Self::NameTaken { .. } => Some("choose another name".into()),
            Self::HalfRenamed { agent, now } => {
                Some(format!("finish that first: agentctl rename {agent} {now}"))
            }
            Self::NoMessage { .. } => Some("see: cellphone search, cellphone inbox --all".into()),
            Self::Corrupt { .. } => Some(
                "nothing was changed; `cellphone doctor --fix` copies the bad lines aside".into(),
            ),
            Self::JournalGone { .. } => {
                Some("put the journal back from a copy; it is never started anew by itself".into())
            }
            Self::Newer { .. } => Some("use the newer program; reading still works".into()),
            Self::Closed { .. } => None,
            Self::Leased { .. } | Self::NotYours { .. } => {
                Some("give the token that `next` printed, or --force".into())
            }
            Self::NotTheSender { .. } => Some("only its sender recalls a message".into()),
            Self::OutcomeUnknown { key: Some(key), .. } => Some(format!(
                "try again with --key {key}: it will not be doubled"
            )),
            Self::OutcomeUnknown { each, .. } if !each.is_empty() => Some(
                "send the batch again, each message with its \"key\" below: none will be doubled"
                    .into(),
            ),
            // A send has its key: this is of a verb that closes or takes.
            Self::OutcomeUnknown { key: None, .. } => Some(
                "to repeat an ack is harmless; before anything else, look: cellphone inbox --all"
                    .into(),
            ),
            Self::TooLong { .. } | Self::NotesTooLong { .. } => {
                Some("use --file for what is larger".into())
            }
            Self::FileTooLong { .. } => {
                Some("put it where both can read it and send its path".into())
            }
            Self::Full { to, excess, .. } => Some(match excess {
                Excess::Pending { .. } => format!("again once {to} has acknowledged some"),
                Excess::OfSender { .. } => format!(
                    "again once {to} has acknowledged some; what is no longer needed: cellphone recall"
                ),
            }),
            Self::NotBegun { .. } => Some("try again".into()),
            Self::NoRoom { .. } => Some(
                "free that much elsewhere, or acknowledge mail: what is over is not copied".into(),
            ),
            Self::NoAttachment { .. } => Some("send it again with --file".into()),
            Self::BadCursor { .. } => Some("use up to 64 letters, digits, `-` and `_`".into()),
            Self::BadEdit(_) => Some("nothing was changed".into()),
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Store(e) => e.path(),
            Self::Corrupt { path, .. } | Self::JournalGone { path } | Self::Newer { path, .. } => {
                Some(path)
            }
            Self::OutcomeUnknown { at, .. } | Self::NotBegun { at } => Some(at),
            Self::NoRoom { path, .. } | Self::NameTaken { path } => Some(path),
            _ => None,
        }
    }

    fn key(&self) -> Option<String> {
        match self {
            Self::OutcomeUnknown { key, .. } => key.clone(),
            _ => None,
        }
    }

    fn each(&self) -> &[Unsure] {
        match self {
            Self::OutcomeUnknown { each, .. } => each,
            _ => &[],
        }
    }
}
