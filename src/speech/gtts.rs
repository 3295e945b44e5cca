//! Google's voices, as its translator reads a text aloud: one form a piece, and an MP3 in base64 within what it answers.

use std::time::Duration;

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::audio::{Audio, Format};
use super::engine::{Choice, Engine, Manner, Said, Voice};
use super::error::Error;
use super::text::pieces;

const URL: &str = "https://translate.google.com/_/TranslateWebserverUi/data/batchexecute";
/// What the translator calls reading aloud.
const CALL: &str = "jQ1olc";
/// Of one request, in characters.
const LONGEST: usize = 100;
const MOST: Duration = Duration::from_secs(30);
/// Below this it is asked to speak slowly; it has no other pace.
const SLOW: u16 = 80;
/// Its voices are its languages; these are the ones that many speak.
const LANGUAGES: &[(&str, &str)] = &[
    ("ar", "Arabic"),
    ("bn", "Bengali"),
    ("cs", "Czech"),
    ("da", "Danish"),
    ("de", "German"),
    ("el", "Greek"),
    ("en", "English"),
    ("es", "Spanish"),
    ("fi", "Finnish"),
    ("fr", "French"),
    ("hi", "Hindi"),
    ("hu", "Hungarian"),
    ("id", "Indonesian"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
    ("nl", "Dutch"),
    ("no", "Norwegian"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ro", "Romanian"),
    ("ru", "Russian"),
    ("sv", "Swedish"),
    ("th", "Thai"),
    ("tr", "Turkish"),
    ("uk", "Ukrainian"),
    ("vi", "Vietnamese"),
    ("zh-CN", "Chinese (Simplified)"),
];

pub(super) struct Gtts;

impl Engine for Gtts {
    fn voices(&self) -> Result<Vec<Voice>, Error> {
        let all = LANGUAGES.iter().map(|(language, about)| Voice {
            name: (*language).to_owned(),
            language: (*language).to_owned(),
            about: (*about).to_owned(),
        });
        Ok(all.collect())
    }

    fn say(&self, text: &str, manner: &Manner) -> Result<Said, Error> {
        let language = manner.voice.as_deref().unwrap_or("en");
        let is_slow = manner.rate.percent() < SLOW;
        let client = reqwest::blocking::Client::builder()
            .timeout(MOST)
            .build()
            .map_err(failed)?;
        let mut bytes = Vec::new();
        for piece in pieces(text, LONGEST) {
            let form = [("f.req", asked(piece, language, is_slow))];
            let answer = client.post(URL).form(&form).send().map_err(whole)?;
            let answer = answer.error_for_status().map_err(whole)?;
            let answer = answer.text().map_err(whole)?;
            // Success is what it says, not its status.
            let sound = sound(&answer)
                .ok_or_else(|| failed(format!("it sent no sound: does it speak {language:?}?")))?;
            bytes.extend(sound);
        }
        if bytes.is_empty() {
            return Err(Error::Nothing);
        }
        let format = Format::Mp3;
        Ok(Said::Audio(Audio { format, bytes }))
    }
}

/// What is wanted, as JSON within JSON.
fn asked(text: &str, language: &str, is_slow: bool) -> String {
    let pace = if is_slow { json!(true) } else { Value::Null };
    let inner = json!([text, language, pace, "null"]).to_string();
    json!([[[CALL, inner, null, "generic"]]]).to_string()
}

/// `)]}'`, an empty line, a length, and a line of JSON that holds JSON that holds base64.
fn sound(answer: &str) -> Option<Vec<u8>> {
    let line = answer.lines().find(|it| it.contains(CALL))?;
    let outer: Value = serde_json::from_str(line).ok()?;
    let call = outer
        .as_array()?
        .iter()
        .find(|it| it.get(1).and_then(Value::as_str) == Some(CALL))?;
    let inner: Value = serde_json::from_str(call.get(2)?.as_str()?).ok()?;
    let bytes = BASE64.decode(inner.get(0)?.as_str()?.as_bytes()).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

fn failed<E: std::fmt::Display>(why: E) -> Error {
    Error::of(Choice::Gtts)(why)
}

/// With what lies behind it: the library's own words name no cause.
fn whole(error: reqwest::Error) -> Error {
    if error.is_timeout() {
        return Error::TooLate {
            engine: Choice::Gtts,
            seconds: MOST.as_secs(),
        };
    }
    let error = error.without_url();
    let mut told = error.to_string();
    let mut behind = std::error::Error::source(&error);
    while let Some(it) = behind {
        told = format!("{told}: {it}");
        behind = it.source();
    }
    failed(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_in_its_own_form() {
        assert_eq!(
            asked("text", "en", false),
            r#"[[["jQ1olc","[\"text\",\"en\",null,\"null\"]",null,"generic"]]]"#
        );
        assert!(asked("text", "en", true).contains(r#"\"en\",true,"#));
    }

    #[test]
    fn sound_is_found_in_what_it_answers_or_it_has_failed() {
        let answer =
            ")]}'\n\n123\n[[\"wrb.fr\",\"jQ1olc\",\"[\\\"c291bmQ=\\\"]\",null]]\n25\n[[\"e\",4]]\n";
        assert_eq!(sound(answer), Some(b"sound".to_vec()));
        for answer in [
            "",
            ")]}'\n\n3\n[[\"wrb.fr\",\"jQ1olc\",null,null]]\n",
            ")]}'\n\n3\n[[\"wrb.fr\",\"jQ1olc\",\"[\\\"\\\"]\"]]\n",
            "<html>jQ1olc",
        ] {
            assert_eq!(sound(answer), None, "{answer}");
        }
    }
}
