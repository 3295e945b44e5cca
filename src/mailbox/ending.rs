//! How a message became a dead letter.

use std::borrow::Cow;
use std::fmt;

use super::error::Error;
use super::journal::Journal;
use super::record::{ATTEMPTS, EXPIRED, Record};
use super::slot::{Slot, State};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Expired,
    GivenUp { attempts: u32 },
    Unfit(String),
    Discarded(String),
}

impl Ending {
    /// As its closing record says.
    pub(super) fn of(journal: &Journal, slot: &Slot) -> Result<Self, Error> {
        let line = journal.line(slot.last)?;
        let record = line.as_deref().and_then(|line| Record::parse(line).ok());
        let said = record.and_then(|record| record.why.map(Cow::into_owned));
        let attempts = slot.attempts;
        Ok(match (slot.state, said) {
            (State::Expired, _) => Self::Expired,
            (State::Dead, Some(why)) if why != ATTEMPTS => Self::Unfit(why),
            (State::Dead, _) => Self::GivenUp { attempts },
            (_, why) => Self::Discarded(why.unwrap_or_else(|| "discarded".into())),
        })
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str(EXPIRED),
            Self::GivenUp { attempts } => write!(f, "given up after {attempts} attempts"),
            Self::Unfit(why) => write!(f, "set aside: {why}"),
            Self::Discarded(why) => f.write_str(why),
        }
    }
}
