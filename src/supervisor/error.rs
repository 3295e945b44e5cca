use crate::names::{Explain, Kind};
use crate::store;

/// Why a supervisor cannot begin. Afterwards everything is a state.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the settings cannot be read: {0}")]
    Settings(String),
    #[error(
        "format {found} of the settings is not {known}: install agentctl and dreamos-superd together"
    )]
    Version { found: u32, known: u32 },
    #[error("can't {doing}: {source}")]
    System {
        doing: &'static str,
        source: std::io::Error,
    },
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Settings(_) | Self::Version { .. } => Kind::Config,
            Self::System { .. } => Kind::Io,
            Self::Store(error) => error.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Settings(_) => Some("start agents with `agentctl start`".into()),
            Self::Store(error) => error.hint(),
            Self::Version { .. } | Self::System { .. } => None,
        }
    }
}
