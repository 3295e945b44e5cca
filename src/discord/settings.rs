//! `config/discord.yaml`: what people decide of the bot. No secret stands there.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::Error;
use crate::names::Level;

/// A place of Discord's, by its number: 1 to 20 digits, with or without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Snowflake(pub u64);

impl<'de> Deserialize<'de> for Snowflake {
    fn deserialize<D: serde::Deserializer<'de>>(it: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Spelled {
            Number(u64),
            Text(String),
        }
        let number = match Spelled::deserialize(it)? {
            Spelled::Number(number) => Some(number),
            Spelled::Text(text) => text.parse().ok(),
        };
        number
            .filter(|it| *it > 0)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a number that Discord gives is wanted"))
    }
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The only server that it obeys; all on which it is if none is named.
    pub guild: Option<Snowflake>,
    /// Of the original's commands.
    pub prefix: String,
    /// Whether Discord grants it the Message Content intent.
    pub message_content: bool,
    pub channels: Channels,
    /// Of the log lines that are posted.
    pub log_level: LevelName,
    pub voice: Voice,
}

/// What it does in a voice channel without being asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Voice {
    pub narrate: Vec<Told>,
}

/// What may be told aloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    /// What is wrong, when it begins.
    Alerts,
    /// What `/summary` answers.
    Digests,
}

impl Default for Voice {
    fn default() -> Self {
        Self {
            narrate: vec![Told::Alerts, Told::Digests],
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Channels {
    /// What is wrong, one message an incident.
    pub alerts: Option<Snowflake>,
    /// What agents tell in prose.
    pub devlog: Option<Snowflake>,
    /// Log lines.
    pub logs: Option<Snowflake>,
    /// What is sent to the bot and answers nothing that was said in a channel.
    pub announcements: Option<Snowflake>,
    /// The voice channel that it enters by itself.
    pub voice: Option<Snowflake>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelName(pub Level);

impl<'de> Deserialize<'de> for LevelName {
    fn deserialize<D: serde::Deserializer<'de>>(it: D) -> Result<Self, D::Error> {
        let name = String::deserialize(it)?;
        Level::parse(&name).map(Self).ok_or_else(|| {
            serde::de::Error::custom(format!("{name:?} is no level: debug, info, warn or error"))
        })
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            guild: None,
            prefix: "!".into(),
            message_content: false,
            channels: Channels::default(),
            log_level: LevelName(Level::Warn),
            voice: Voice::default(),
        }
    }
}

impl Settings {
    /// What a text says; `path` is for the error.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let says_nothing = |line: &str| line.is_empty() || line.starts_with('#');
        if text.lines().map(str::trim_start).all(says_nothing) {
            return Ok(Self::default());
        }
        let failed = |line, column, why| Error::Settings {
            path: PathBuf::from(path),
            line,
            column,
            why,
        };
        serde_yaml::from_str(text).map_err(|error| {
            let at = error.location();
            let (line, column) = at.map_or((1, 1), |it| (it.line(), it.column()));
            failed(line, column, error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text, Path::new("discord.yaml")).map_err(|it| it.to_string())
    }

    #[test]
    fn nothing_said_is_the_default() {
        for text in ["", "# guild: 1\n", "\n  # x\n"] {
            assert_eq!(parse(text), Ok(Settings::default()));
        }
    }

    #[test]
    fn numbers_may_stand_in_quotes() {
        let text = "guild: '80351110224678912'\nchannels:\n  alerts: 2003\nlog_level: error\n";
        let settings = parse(text).unwrap();
        assert_eq!(settings.guild, Some(Snowflake(80_351_110_224_678_912)));
        assert_eq!(settings.channels.alerts, Some(Snowflake(2003)));
        assert_eq!(settings.log_level, LevelName(Level::Error));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, said) in [
            ("guild: alice\n", "discord.yaml:1:"),
            ("guild: 0\n", "a number that Discord gives"),
            ("prefix: '!'\nguilds: 1\n", "guilds"),
            ("log_level: loud\n", "\"loud\" is no level"),
            ("token: abc\n", "token"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(said), "{text:?}: {why}");
        }
    }
}
