//! Somebody who asks: who, where, and what waits for a word of theirs.

use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::error::Error;
use super::settings::Settings;
use super::voice::Mouth;
use crate::desk::{Desk, Launching};
use crate::mailbox::Address;
use crate::names::{AgentId, Caller, Guest};
use crate::root::Home;
use crate::time::{Now, Timestamp};

/// A button that ends or sends something is good for so long.
pub(super) const TO_CONFIRM: Duration = Duration::from_mins(1);
/// So many broadcasts wait for a confirmation at most.
const MOST_WAITING: usize = 100;

/// What all visits share.
pub(super) struct House {
    pub(super) home: Home,
    pub(super) settings: Settings,
    /// As whom the bot speaks.
    pub(super) own: Caller,
    environment: Vec<(OsString, OsString)>,
    waiting: Mutex<HashMap<u64, Waiting>>,
    pub(super) mouth: Arc<Mouth>,
}

/// A text that is sent to all once its writer confirms it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) by: u64,
    pub(super) text: String,
    pub(super) until: Timestamp,
}

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) guild: Option<u64>,
    pub(super) channel: u64,
}

pub(super) struct Visit<'h> {
    pub(super) house: &'h House,
    /// Which speaks for the one who asks.
    pub(super) desk: Desk,
    pub(super) guest: Guest,
    /// As he is called there.
    pub(super) name: String,
    pub(super) place: Place,
    /// Of the interaction or the message: the same twice is done once.
    pub(super) id: u64,
    pub(super) now: Now,
}

impl House {
    pub(super) fn new(
        home: Home,
        settings: Settings,
        own: Caller,
        environment: Vec<(OsString, OsString)>,
    ) -> Self {
        let mouth = Arc::new(Mouth::new(&home, &settings, &environment));
        Self {
            home,
            settings,
            own,
            environment,
            waiting: Mutex::default(),
            mouth,
        }
    }

    /// How it starts agents.
    pub(super) fn launching(&self) -> Launching {
        Launching {
            environment: self.environment.clone(),
            ..Launching::default()
        }
    }

    /// The bot itself.
    pub(super) fn desk(&self) -> Result<Desk, Error> {
        let warn = |why: &str| log::warn!("{why}");
        Ok(Desk::open(self.home.clone(), self.own.clone(), warn)?)
    }

    pub(super) fn visit(
        &self,
        id: u64,
        guest: Guest,
        name: String,
        place: Place,
    ) -> Result<Visit<'_>, Error> {
        let caller = Caller {
            guest: Some(guest.clone()),
            ..self.own.clone()
        };
        Ok(Visit {
            house: self,
            desk: self.desk()?.speaking_as(caller),
            guest,
            name,
            place,
            id,
            now: Now::read(),
        })
    }

    pub(super) fn keep(&self, id: u64, waiting: Waiting) {
        let mut all = self
            .waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        all.retain(|_, it| it.until > waiting.until.minus(TO_CONFIRM));
        if all.len() < MOST_WAITING {
            all.insert(id, waiting);
        }
    }

    /// Once: whoever presses twice sends once.
    pub(super) fn take(&self, id: u64, by: u64, now: Timestamp) -> Option<Waiting> {
        let mut all = self
            .waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_his = all
            .get(&id)
            .is_some_and(|it| it.by == by && it.until >= now);
        if is_his { all.remove(&id) } else { None }
    }
}

impl Visit<'_> {
    pub(super) fn agent(&self, name: &str) -> Result<AgentId, Error> {
        Ok(self.desk.resolve(name)?)
    }

    pub(super) fn message(&self, name: &str) -> Result<Address, Error> {
        Ok(self.desk.find(name)?)
    }

    /// All agents, in the order of the file.
    pub(super) fn agents(&self) -> Vec<AgentId> {
        let all = self.desk.roster().agents.iter();
        all.map(|it| it.id.clone()).collect()
    }

    /// As agent-1, 1 or 1,3.
    pub(super) fn several(&self, names: &str) -> Result<Vec<AgentId>, Error> {
        let mut all = Vec::new();
        for name in names.split([',', ' ']).filter(|it| !it.is_empty()) {
            let is_number = name.bytes().all(|it| it.is_ascii_digit());
            let name = if is_number {
                format!("agent-{name}")
            } else {
                name.to_owned()
            };
            let id = self.agent(&name)?;
            if !all.contains(&id) {
                all.push(id);
            }
        }
        Ok(all)
    }

    /// Of what is sent in his name: the same visit twice is the same message.
    pub(super) fn key(&self, to: &AgentId) -> String {
        format!("discord:{}:{to}", self.id)
    }
}
