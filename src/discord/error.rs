use std::path::PathBuf;

use crate::names::{Explain, Kind};
use crate::{agents, desk, logs, mailbox, memory, store, tasks};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Desk(#[from] desk::Error),
    #[error("{}:{line}:{column}: {why}", path.display())]
    Settings {
        path: PathBuf,
        line: usize,
        column: usize,
        why: String,
    },
    #[error("{}: {why}", path.display())]
    Kept { path: PathBuf, why: String },
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("Discord does not take this token")]
    BadToken,
    #[error("Discord grants this bot no {intents}")]
    NoIntents { intents: String },
    #[error("Discord was asked for a connection {used} times within a day")]
    Spent { used: usize },
    #[error("Discord: {0}")]
    Wire(String),
    #[error("that is no address of a webhook of Discord's")]
    NoWebhook,
    #[error("Discord: {why}; {posted} of {of} messages were posted, the others were not")]
    InPart {
        posted: usize,
        of: usize,
        why: String,
    },
    /// Of several messages so many were surely posted.
    #[error("Discord: {why}; {posted} of {of} were surely posted, the next one may have been")]
    Unsure {
        posted: usize,
        of: usize,
        why: String,
    },
    #[error("the figures: {0}")]
    Metrics(String),
    #[error(transparent)]
    Memory(#[from] memory::Error),
    #[error("{0}")]
    Voice(Box<dyn Explain + Send + Sync>),
    #[error("this bot was built without a voice")]
    Mute,
    #[error("another bot runs in this home")]
    RunsAlready,
    #[error("no such code: {0}")]
    NoCode(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Desk(error) => error.kind(),
            Self::Memory(error) => error.kind(),
            Self::Settings { .. }
            | Self::Kept { .. }
            | Self::NoIntents { .. }
            | Self::NoWebhook => Kind::Config,
            Self::Store(error) => error.kind(),
            Self::Voice(error) => error.kind(),
            Self::InPart { .. } | Self::Unsure { .. } => Kind::OutcomeUnknown,
            Self::BadToken => Kind::Refused,
            Self::Spent { .. } | Self::RunsAlready => Kind::Busy,
            Self::Metrics(_) | Self::Wire(_) | Self::Mute => Kind::Unreachable,
            Self::NoCode(_) => Kind::Unknown,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Desk(error) => return error.hint(),
            Self::Memory(error) => return error.hint(),
            Self::Settings { .. } => "config/README.md tells each key".into(),
            Self::Kept { .. } => "it is the bot's own: move it away and it begins anew".into(),
            Self::Store(error) => return error.hint(),
            Self::BadToken => {
                "make a new one on Discord's developer page (Bot, Reset Token), then: secctl secret set discord_token".into()
            }
            Self::NoIntents { .. } => {
                "grant them on Discord's developer page (Bot, Privileged Gateway Intents), or set message_content: false".into()
            }
            Self::Spent { .. } => {
                "beyond 1,000 it resets the token; look why the bot ends, and start it again tomorrow".into()
            }
            Self::Voice(error) => return error.hint(),
            Self::NoWebhook => {
                "copy it there (Channel, Integrations, Webhooks); it begins with https://discord.com/api/webhooks/".into()
            }
            Self::InPart { .. } | Self::Unsure { .. } => "look into the channel before you post it again".into(),
            Self::Mute => "build it with the feature `voice`: make bots".into(),
            Self::Metrics(_) => return None,
            Self::Wire(_) => "discordbot check tells more".into(),
            Self::RunsAlready => "stop that one first".into(),
            Self::NoCode(_) => "ask for a new one there with /pair; it is good for ten minutes".into(),
        })
    }
}

macro_rules! through_desk {
    ($($error:ty),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::Desk(error.into())
            }
        })*
    };
}

through_desk!(agents::Error, mailbox::Error, tasks::Error, logs::Error);
