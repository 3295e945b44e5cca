//! `config/voice.yaml`: which engine, voice and pace is meant where nobody says.

use std::path::Path;

use serde::Deserialize;

use super::engine::{Choice, Manner, Rate};
use super::error::Error;
use crate::root::Home;
use crate::store::{self, Dir, Open};

const LARGEST: u64 = 1 << 20;

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    pub engine: Choice,
    pub voice: Option<String>,
    pub rate: Rate,
}

impl Settings {
    /// As it stands; nothing yet is the default.
    pub fn load(home: &Home) -> Result<Self, Error> {
        let path = home.voice_yaml();
        let dir = match Dir::of(home, &home.config()) {
            Ok(dir) => dir,
            Err(error) if error.is_absent() => return Ok(Self::default()),
            Err(error) => return Err(error.into()),
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(file) = dir.file_if_any(&name, Open::Read)? else {
            return Ok(Self::default());
        };
        let bytes: Result<Vec<u8>, store::Error> = file.read_to_end(LARGEST);
        Self::parse(&String::from_utf8_lossy(&bytes?), &path)
    }

    /// What a text says; `path` is for the error.
    pub fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let says_nothing = |line: &str| line.is_empty() || line.starts_with('#');
        if text.lines().map(str::trim_start).all(says_nothing) {
            return Ok(Self::default());
        }
        serde_yaml::from_str(text).map_err(|error| {
            let at = error.location();
            let (line, column) = at.map_or((1, 1), |it| (it.line(), it.column()));
            Error::Settings {
                path: path.to_owned(),
                line,
                column,
                why: error.to_string(),
            }
        })
    }

    pub fn manner(&self) -> Manner {
        Manner {
            voice: self.voice.clone(),
            rate: self.rate,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text, Path::new("voice.yaml")).map_err(|it| it.to_string())
    }

    #[test]
    fn nothing_said_is_the_default() {
        for text in ["", "# engine: edge\n"] {
            assert_eq!(parse(text), Ok(Settings::default()));
        }
    }

    #[test]
    fn what_is_said_is_taken_and_a_fault_has_its_place() {
        let it = parse("engine: edge\nvoice: en-US-GuyNeural\nrate: 120\n").unwrap();
        assert_eq!(it.engine, Choice::Edge);
        assert_eq!(it.manner().voice.as_deref(), Some("en-US-GuyNeural"));
        assert_eq!(it.manner().rate.percent(), 120);
        for (text, said) in [
            ("engine: siri\n", "Unsupported TTS engine"),
            ("rate: 10\n", "a rate of 10 %"),
            ("pitch: 3\n", "pitch"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with("voice.yaml:1:"), "{error}");
            assert!(error.contains(said), "{error}");
        }
    }
}
