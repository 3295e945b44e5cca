use std::time::Duration;

use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::speech::{Audio, Format};
use serde::Serialize;

use super::asked::{How, choice, engine, settings, text};
use super::output::write;

/// Make a file of a text: WAV by espeak-ng, MP3 by edge and gtts
///
/// All of the text is said as it stands. The file is there whole or not at all.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  voice generate 'good morning' --output morning.wav
  voice generate - --engine edge --voice en-GB-SoniaNeural --output news.mp3 < news.txt
  voice generate 'good morning' --output - | aplay")]
pub(crate) struct Generate {
    /// What; `-` for standard input
    #[arg(value_name = "TEXT")]
    text: String,
    /// Where to; `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    output: String,
    /// espeak-ng, edge or gtts; else that of config/voice.yaml, else espeak-ng
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    output: &'a str,
    engine: &'static str,
    format: &'static str,
    bytes: usize,
    seconds: Option<f64>,
}

impl Run for Generate {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let settings = settings(context)?;
        let choice = choice(self.engine.as_deref(), &settings)?;
        let manner = self.how.manner(settings, choice)?;
        let audio = engine(context, choice)?.audio(&text(&self.text)?, &manner)?;
        let format = audio.format.extension();
        if Format::of(&self.output).is_some_and(|it| it != audio.format) {
            let message = format!("{choice} gives a file of the kind .{format}");
            return Err(Error::advice(message, "name the output so").into());
        }
        write(context, &self.output, &audio.bytes)?;
        // There it would stand in the midst of the sound.
        if self.output != "-" {
            let document = Document {
                schema: "dreamos.voice-file/1",
                output: &self.output,
                engine: choice.name(),
                format,
                bytes: audio.bytes.len(),
                seconds: audio.duration().as_ref().map(Duration::as_secs_f64),
            };
            context.report(&format!("{}: {}", self.output, about(&audio)), &document);
        }
        Ok(Exit::DONE)
    }
}

/// As `wav, 35784 bytes, 0.8 s`.
pub(crate) fn about(audio: &Audio) -> String {
    let about = format!("{}, {} bytes", audio.format.extension(), audio.bytes.len());
    match audio.duration() {
        Some(lasts) => format!("{about}, {:.1} s", lasts.as_secs_f64()),
        None => about,
    }
}
