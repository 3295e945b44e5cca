//! What speaks, and how it is asked to.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::audio::Audio;
use super::error::Error;

/// An engine by its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// A child of ours; needs no network.
    #[default]
    Espeak,
    /// Microsoft's, over the network.
    Edge,
    /// Google's, over the network.
    Gtts,
    /// Heard on this machine.
    Speakers,
}

impl Choice {
    pub const ALL: [Self; 4] = [Self::Espeak, Self::Edge, Self::Gtts, Self::Speakers];

    pub fn name(self) -> &'static str {
        match self {
            Self::Espeak => "espeak-ng",
            Self::Edge => "edge",
            Self::Gtts => "gtts",
            Self::Speakers => "speakers",
        }
    }

    /// `proxy` is for those that need a network, as `http://127.0.0.1:3128`.
    pub fn engine(self, proxy: Option<&str>) -> Result<Box<dyn Engine>, Error> {
        Ok(match self {
            Self::Espeak => Box::new(super::espeak::Espeak),
            Self::Edge => Box::new(super::edge::Edge {
                proxy: proxy.map(str::to_owned),
            }),
            Self::Gtts => Box::new(super::gtts::Gtts),
            Self::Speakers => return super::speakers::engine(),
        })
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Choice {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|it| it.name() == name);
        // As its program was called before, and as people call the others.
        let known = known.or(match name {
            "espeak" => Some(Self::Espeak),
            "edge-tts" => Some(Self::Edge),
            "google" => Some(Self::Gtts),
            "tts" => Some(Self::Speakers),
            _ => None,
        });
        known.ok_or_else(|| Error::NoEngine(name.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: serde::Deserializer<'de>>(it: D) -> Result<Self, D::Error> {
        String::deserialize(it)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Per cent of the engine's own pace: 50 to 300.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(u16);

impl Rate {
    pub fn percent(self) -> u16 {
        self.0
    }
}

impl Default for Rate {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<u16> for Rate {
    type Error = Error;

    fn try_from(percent: u16) -> Result<Self, Error> {
        if (50..=300).contains(&percent) {
            Ok(Self(percent))
        } else {
            Err(Error::Rate(percent))
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(it: D) -> Result<Self, D::Error> {
        Self::try_from(u16::deserialize(it)?).map_err(serde::de::Error::custom)
    }
}

/// How something is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// As the engine names it; its own first one if nobody chose.
    pub voice: Option<String>,
    pub rate: Rate,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// What is given to choose it.
    pub name: String,
    /// As `en` or `en-GB`.
    pub language: String,
    /// What people call it.
    pub about: String,
}

/// What became of a text.
#[derive(Debug)]
pub enum Said {
    Audio(Audio),
    /// It was heard, to its end.
    Aloud,
}

pub trait Engine: Send + Sync {
    /// All that it knows, by language and name.
    fn voices(&self) -> Result<Vec<Voice>, Error>;

    /// Says all of a text, or nothing: what is not whole is an error.
    fn say(&self, text: &str, manner: &Manner) -> Result<Said, Error>;

    /// What it says at this moment is heard no further. What gives files has nothing to end.
    fn hush(&self) {}

    /// As a file; of one that gives none an error.
    fn audio(&self, text: &str, manner: &Manner) -> Result<Audio, Error> {
        match self.say(text, manner)? {
            Said::Audio(audio) => Ok(audio),
            Said::Aloud => Err(Error::NoFile),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_has_names() {
        for it in Choice::ALL {
            assert_eq!(it.name().parse::<Choice>().unwrap(), it);
        }
        assert_eq!("espeak".parse::<Choice>().unwrap(), Choice::Espeak);
        let error = "siri".parse::<Choice>().unwrap_err();
        assert_eq!(error.to_string(), "Unsupported TTS engine \"siri\"");
    }

    #[test]
    fn a_pace_has_bounds() {
        assert_eq!(Rate::try_from(150).unwrap().percent(), 150);
        for percent in [0, 49, 301] {
            assert!(Rate::try_from(percent).is_err());
        }
    }
}
