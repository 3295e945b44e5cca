//! The speakers of this machine, through Speech Dispatcher; the library that speaks to it is named here alone.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use tts::Tts;

use super::audio::Audio;
use super::engine::{Choice, Engine, Manner, Said, Voice};
use super::error::Error;
use super::text::pieces;

/// Of one utterance, in characters.
const LONGEST: usize = 500;
/// To begin, and then for each character: ten times what a slow voice needs. Without a device for sound nothing ever ends.
const TO_BEGIN: Duration = Duration::from_secs(20);
const A_CHARACTER: Duration = Duration::from_millis(500);
/// Whoever presses Ctrl-C waits no longer for a service that hangs.
const TO_HUSH: Duration = Duration::from_millis(500);

#[expect(clippy::unnecessary_wraps, reason = "as where there are none")]
pub(super) fn engine() -> Result<Box<dyn Engine>, Error> {
    Ok(Box::<Speakers>::default())
}

#[derive(Default)]
struct Speakers {
    /// What speaks now: its service says all that it was given even when we are gone.
    speaking: Speaking,
}

/// Its count of references is not atomic: whoever clones or drops it holds this.
type Speaking = Arc<Mutex<Option<Tts>>>;

impl Engine for Speakers {
    fn voices(&self) -> Result<Vec<Voice>, Error> {
        within(TO_BEGIN, || {
            let all = open()?.voices().map_err(failed)?;
            let all = all.iter().map(|it| Voice {
                name: it.name(),
                language: it.language().to_string(),
                about: it.name(),
            });
            Ok(all.collect())
        })
    }

    fn say(&self, text: &str, manner: &Manner) -> Result<Said, Error> {
        let all = pieces(text, LONGEST);
        if all.is_empty() {
            return Err(Error::Nothing);
        }
        for piece in all {
            let most = u32::try_from(piece.chars().count()).unwrap_or(u32::MAX);
            let (piece, manner) = (piece.to_owned(), manner.clone());
            let speaking = Arc::clone(&self.speaking);
            let said = within(TO_BEGIN + A_CHARACTER * most, move || {
                let (done, is_done) = mpsc::channel();
                *held(&speaking) = Some(begun(&piece, &manner, done)?);
                let ended = is_done.recv();
                *held(&speaking) = None;
                match ended {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(failed("somebody stopped it")),
                    Err(_) => Err(failed("it went away")),
                }
            });
            if matches!(said, Err(Error::TooLate { .. })) {
                self.hush();
            }
            said?;
        }
        Ok(Said::Aloud)
    }

    /// Nothing is heard of what was to be a file.
    fn audio(&self, _: &str, _: &Manner) -> Result<Audio, Error> {
        Err(Error::NoFile)
    }

    fn hush(&self) {
        let speaking = Arc::clone(&self.speaking);
        let hushed = within(TO_HUSH, move || match held(&speaking).as_mut() {
            Some(speaker) => speaker.stop().map(|_| ()).map_err(failed),
            None => Ok(()),
        });
        // It has come to its end already, or is out of our reach.
        drop(hushed);
    }
}

fn open() -> Result<Tts, Error> {
    Tts::default().map_err(failed)
}

fn held(speaking: &Speaking) -> std::sync::MutexGuard<'_, Option<Tts>> {
    speaking.lock().unwrap_or_else(PoisonError::into_inner)
}

/// It says `true` once all was heard, and `false` if that will not be.
fn begun(text: &str, manner: &Manner, done: mpsc::Sender<bool>) -> Result<Tts, Error> {
    let mut speaker = open()?;
    if let Some(wanted) = &manner.voice {
        let all = speaker.voices().map_err(failed)?;
        let is_it = |it: &&tts::Voice| {
            it.name() == *wanted || it.language().as_str().eq_ignore_ascii_case(wanted)
        };
        let voice = all.iter().find(is_it).ok_or_else(|| Error::NoVoice {
            engine: Choice::Speakers,
            voice: wanted.clone(),
        })?;
        speaker.set_voice(voice).map_err(failed)?;
    }
    speaker
        .set_rate(pace(manner.rate.percent()))
        .map_err(failed)?;
    let stopped = done.clone();
    // Nobody listens any more once the time is over.
    let end = move |_| done.send(true).unwrap_or(());
    let stop = move |_| stopped.send(false).unwrap_or(());
    speaker
        .on_utterance_end(Some(Box::new(end)))
        .and_then(|()| speaker.on_utterance_stop(Some(Box::new(stop))))
        .and_then(|()| speaker.speak(text, false))
        .map_err(failed)?;
    Ok(speaker)
}

/// From per cent to its own scale: -100 is half of its normal 0, and 100 three times that.
fn pace(percent: u16) -> f32 {
    let percent = f32::from(percent);
    if percent < 100.0 {
        (percent - 100.0) * 2.0
    } else {
        (percent - 100.0) / 2.0
    }
}

/// It may wait without end: a thread of its own does, and is left to it when the time is over.
fn within<T: Send + 'static>(
    most: Duration,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        // Nobody listens any more once the time is over.
        let _ = done.send(work());
    });
    match is_done.recv_timeout(most) {
        Ok(came) => came,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(Error::TooLate {
            engine: Choice::Speakers,
            seconds: most.as_secs(),
        }),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(failed("its client ended in an error")),
    }
}

fn failed<E: std::fmt::Display>(why: E) -> Error {
    Error::of(Choice::Speakers)(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_is_put_on_its_scale() {
        for (percent, pace_there) in [(50, -100.0), (100, 0.0), (200, 50.0), (300, 100.0)] {
            assert!((pace(percent) - pace_there).abs() < f32::EPSILON);
        }
    }
}
