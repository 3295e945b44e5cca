use std::path::PathBuf;

use super::engine::Choice;
use crate::names::{Explain, Kind};
use crate::store;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("{}:{line}:{column}: {why}", path.display())]
    Settings {
        path: PathBuf,
        line: usize,
        column: usize,
        why: String,
    },
    // In the original's words.
    #[error("Unsupported TTS engine {0:?}")]
    NoEngine(String),
    #[error("{0} is not built in here")]
    Absent(Choice),
    #[error("{engine} has no voice {voice:?}")]
    NoVoice { engine: Choice, voice: String },
    #[error("a rate of {0} %")]
    Rate(u16),
    #[error("there is nothing to say")]
    Nothing,
    #[error("the speakers give no file")]
    NoFile,
    /// Its program or its service is not there, or said no.
    #[error("{engine}: {why}")]
    Failed { engine: Choice, why: String },
    #[error("{engine} did not end within {seconds} s")]
    TooLate { engine: Choice, seconds: u64 },
}

impl Error {
    /// What an engine or its library says, as an error of that engine.
    pub(super) fn of<E: std::fmt::Display>(engine: Choice) -> impl Fn(E) -> Self {
        move |why| Self::Failed {
            engine,
            why: why.to_string(),
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Store(error) => error.kind(),
            Self::Settings { .. } => Kind::Config,
            Self::NoEngine(_) | Self::NoVoice { .. } => Kind::Unknown,
            Self::Rate(_) | Self::Nothing | Self::NoFile => Kind::Usage,
            Self::Absent(_) | Self::Failed { .. } => Kind::Unreachable,
            Self::TooLate { .. } => Kind::TimedOut,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Store(error) => return error.hint(),
            Self::Settings { .. } => "config/README.md tells each key".into(),
            Self::NoEngine(_) => format!("there are {}", Choice::ALL.map(Choice::name).join(", ")),
            Self::Absent(_) => "build with the feature `speech`".into(),
            Self::NoVoice { engine, .. } => format!("voice list --engine {engine} names them"),
            Self::Rate(_) => "50 to 300 per cent".into(),
            Self::Nothing => return None,
            Self::NoFile => "choose espeak-ng, edge or gtts".into(),
            Self::Failed { engine, .. } => match engine {
                Choice::Espeak => "apt install espeak-ng".into(),
                Choice::Edge | Choice::Gtts => "espeak-ng needs no network".into(),
                Choice::Speakers => "apt install speech-dispatcher; spd-say hello tries it".into(),
            },
            Self::TooLate { engine, .. } => match engine {
                Choice::Speakers => "is there a sound device? voice generate writes a file".into(),
                Choice::Espeak | Choice::Edge | Choice::Gtts => "try again".into(),
            },
        })
    }
}
