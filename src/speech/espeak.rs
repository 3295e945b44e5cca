//! `espeak-ng`, as a child: its text on stdin, a WAV file from its stdout.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::audio::Audio;
use super::engine::{Choice, Engine, Manner, Said, Voice};
use super::error::Error;

const PROGRAM: &str = "espeak-ng";
/// It needs a hundredth of that for the longest text.
const MOST: Duration = Duration::from_secs(30);
/// Its own pace, in words a minute.
const PACE: u32 = 175;

pub(super) struct Espeak;

impl Engine for Espeak {
    fn voices(&self) -> Result<Vec<Voice>, Error> {
        let printed = run(&["--voices"], "")?;
        let text = String::from_utf8_lossy(&printed);
        Ok(text.lines().skip(1).filter_map(voice).collect())
    }

    fn say(&self, text: &str, manner: &Manner) -> Result<Said, Error> {
        if text.trim().is_empty() {
            return Err(Error::Nothing);
        }
        let voice = manner.voice.as_deref().unwrap_or("en");
        // It speaks on with another one instead of saying so.
        if manner.voice.is_some()
            && !self
                .voices()?
                .iter()
                .any(|it| it.name.eq_ignore_ascii_case(voice))
        {
            return Err(Error::NoVoice {
                engine: Choice::Espeak,
                voice: voice.to_owned(),
            });
        }
        let pace = PACE * u32::from(manner.rate.percent()) / 100;
        let bytes = run(
            &["--stdin", "--stdout", "-v", voice, "-s", &pace.to_string()],
            text,
        )?;
        let audio = Audio::of_stream(bytes).ok_or_else(|| failed("it gave no WAV file"))?;
        Ok(Said::Audio(audio))
    }
}

/// ` 5  en-gb           --/M      English_(Great_Britain) gmw/en  (en 2)`; it is chosen by its language.
fn voice(line: &str) -> Option<Voice> {
    let mut columns = line.split_whitespace().skip(1);
    let language = columns.next()?;
    let about = columns.nth(1)?.replace('_', " ");
    Some(Voice {
        name: language.to_owned(),
        language: language.to_owned(),
        about,
    })
}

fn failed<E: std::fmt::Display>(why: E) -> Error {
    Error::of(Choice::Espeak)(why)
}

/// What it prints, within its time.
fn run(args: &[&str], text: &str) -> Result<Vec<u8>, Error> {
    let mut child = Command::new(PROGRAM)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (done, is_done) = mpsc::channel();
    // It may print before it has read all: each pipe has a thread of its own.
    let text = text.as_bytes().to_owned();
    std::thread::spawn(move || stdin.as_mut().map(|it| it.write_all(&text)));
    let told = std::thread::spawn(move || {
        let mut told = String::new();
        stderr.as_mut().map(|it| it.read_to_string(&mut told));
        told
    });
    std::thread::spawn(move || {
        let mut printed = Vec::new();
        let read = stdout.as_mut().map(|it| it.read_to_end(&mut printed));
        // Nobody listens any more once the time is over.
        let _ = done.send(read.transpose().map(|_| printed));
    });
    let Ok(printed) = is_done.recv_timeout(MOST) else {
        // Ended already is as good.
        let _ = child.kill();
        let _ = child.wait();
        return Err(Error::TooLate {
            engine: Choice::Espeak,
            seconds: MOST.as_secs(),
        });
    };
    let status = child.wait().map_err(failed)?;
    if !status.success() {
        let told = told.join().unwrap_or_default();
        return Err(failed(format!("{status}: {}", told.trim())));
    }
    printed.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_its_listing_is_a_voice() {
        let it = voice(" 2  en-gb           --/M      English_(Great_Britain) gmw/en (en 2)");
        assert_eq!(
            it,
            Some(Voice {
                name: "en-gb".into(),
                language: "en-gb".into(),
                about: "English (Great Britain)".into()
            })
        );
        assert_eq!(voice(""), None);
    }
}
