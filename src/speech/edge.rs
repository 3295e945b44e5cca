//! Microsoft's voices, as its browser reads pages aloud; the library that follows that wire is named here alone.

use std::sync::mpsc;
use std::time::Duration;

use msedge_tts::tts::SpeechConfig;
use msedge_tts::tts::client::{connect, connect_proxy};

use msedge_tts::voice::{get_voices_list, get_voices_list_proxy};

use super::audio::{Audio, Format};
use super::engine::{Choice, Engine, Manner, Said, Voice};
use super::error::Error;
use super::text::pieces;

const VOICE: &str = "en-US-GuyNeural";
const FORMAT: &str = "audio-24khz-48kbitrate-mono-mp3";
/// Of one request, in characters; the service takes 4,096 bytes, and one character escaped is at most six.
const LONGEST: usize = 680;
const MOST: Duration = Duration::from_mins(1);

pub(super) struct Edge {
    /// As `http://127.0.0.1:3128`.
    pub(super) proxy: Option<String>,
}

impl Engine for Edge {
    fn voices(&self) -> Result<Vec<Voice>, Error> {
        let proxy = self.proxy.clone();
        let all = within(move || match proxy {
            Some(proxy) => get_voices_list_proxy(&proxy),
            None => get_voices_list(),
        })?;
        let all = all.into_iter().map(|it| Voice {
            about: it.friendly_name.unwrap_or_default(),
            language: it.locale.unwrap_or_default(),
            name: it.short_name.unwrap_or(it.name),
        });
        Ok(all.collect())
    }

    fn say(&self, text: &str, manner: &Manner) -> Result<Said, Error> {
        let config = SpeechConfig {
            voice_name: escaped(manner.voice.as_deref().unwrap_or(VOICE)),
            audio_format: FORMAT.to_owned(),
            pitch: 0,
            rate: i32::from(manner.rate.percent()) - 100,
            volume: 0,
        };
        let mut bytes = Vec::new();
        for piece in pieces(text, LONGEST) {
            let (proxy, config, text) = (self.proxy.clone(), config.clone(), escaped(piece));
            let said = within(move || match proxy {
                Some(proxy) => connect_proxy(&proxy)?.synthesize(&text, &config),
                None => connect()?.synthesize(&text, &config),
            })?;
            if said.audio_bytes.is_empty() {
                return Err(failed("it sent no sound: is that one of its voices?"));
            }
            bytes.extend(said.audio_bytes);
        }
        if bytes.is_empty() {
            return Err(Error::Nothing);
        }
        let format = Format::Mp3;
        Ok(Said::Audio(Audio { format, bytes }))
    }
}

/// As it stands within a document of XML, in text and between quotes; what no such document may hold is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            it if it.is_control() => escaped.push(' '),
            it => escaped.push(it),
        }
    }
    escaped
}

/// The library waits without end: a thread of its own does, and is left to it when the time is over.
fn within<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, msedge_tts::error::Error> + Send + 'static,
) -> Result<T, Error> {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        // Nobody listens any more once the time is over.
        let _ = done.send(work());
    });
    match is_done.recv_timeout(MOST) {
        Ok(came) => came.map_err(failed),
        Err(mpsc::RecvTimeoutError::Timeout) => Err(Error::TooLate {
            engine: Choice::Edge,
            seconds: MOST.as_secs(),
        }),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err(failed("its client ended in an error")),
    }
}

fn failed<E: std::fmt::Display>(why: E) -> Error {
    Error::of(Choice::Edge)(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_document() {
        let text = "a < b & 'c' \"d\"></voice>\u{1}";
        assert_eq!(
            escaped(text),
            "a &lt; b &amp; &apos;c&apos; &quot;d&quot;&gt;&lt;/voice&gt; "
        );
    }
}
