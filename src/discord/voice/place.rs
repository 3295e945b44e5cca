//! Where the bot ought to be heard, and how; kept in `runtime/discord/voice.json`, so that a restart changes nothing. Pure but for that.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::discord::error::Error;
use crate::discord::kept;
use crate::root::Home;
use crate::speech::{Choice, Manner, Rate, Settings};

const NAME: &str = "voice.json";

/// A voice channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Room {
    pub(super) guild: u64,
    pub(super) channel: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// Nobody has said: where the settings want it.
    #[default]
    Unsaid,
    In(Room),
    /// Somebody sent it away.
    Out,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) place: Place,
    /// As `/voice` chose; otherwise as `config/voice.yaml` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) engine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) voice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rate: Option<u16>,
}

pub(super) fn load(home: &Home) -> Result<Kept, Error> {
    kept::load(home, NAME)
}

pub(super) fn change(home: &Home, how: impl FnOnce(&mut Kept)) -> Result<(), Error> {
    kept::change(home, NAME, how)
}

impl Kept {
    /// With what nobody chose from the settings. Another engine has other voices.
    pub(super) fn chosen(&self, settings: &Settings) -> Result<(Choice, Manner), Error> {
        let engine = match &self.engine {
            Some(name) => name.parse()?,
            None => settings.engine,
        };
        let its_own = (engine == settings.engine).then(|| settings.voice.clone());
        let rate = self.rate.map(Rate::try_from).transpose()?;
        let manner = Manner {
            voice: self.voice.clone().or(its_own.flatten()),
            rate: rate.unwrap_or(settings.rate),
        };
        Ok((engine, manner))
    }
}

/// Who of the people is in which voice channel, as Discord tells it.
#[derive(Debug, Default)]
pub(super) struct People(HashMap<(u64, u64), u64>);

impl People {
    pub(super) fn saw(&mut self, guild: u64, user: u64, channel: Option<u64>) {
        match channel {
            Some(channel) => self.0.insert((guild, user), channel),
            None => self.0.remove(&(guild, user)),
        };
    }

    pub(super) fn channel(&self, guild: u64, user: u64) -> Option<u64> {
        self.0.get(&(guild, user)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_goes_before_what_is_set_and_an_engine_has_its_own_voices() {
        let settings = Settings {
            engine: Choice::Edge,
            voice: Some("en-US-GuyNeural".into()),
            rate: Rate::try_from(120).unwrap(),
        };
        let (engine, manner) = Kept::default().chosen(&settings).unwrap();
        assert_eq!((engine, manner), (Choice::Edge, settings.manner()));
        let kept = Kept {
            engine: Some("espeak-ng".into()),
            rate: Some(90),
            ..Kept::default()
        };
        let (engine, manner) = kept.chosen(&settings).unwrap();
        assert_eq!(engine, Choice::Espeak);
        assert_eq!((manner.voice, manner.rate.percent()), (None, 90));
    }

    #[test]
    fn whoever_leaves_is_nowhere() {
        let mut people = People::default();
        people.saw(1, 7, Some(4001));
        assert_eq!(people.channel(1, 7), Some(4001));
        assert_eq!(people.channel(2, 7), None);
        people.saw(1, 7, None);
        assert_eq!(people.channel(1, 7), None);
    }
}
