use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::speech::{Audio, Format, LARGEST, Queue, Settings, spoken};
use dreamos::time::Now;
use serde::Serialize;

use super::asked::{How, choice, engine, text};
use super::generate::about;

/// Put a text or a file into the queue of what the bot plays in its voice channel
///
/// Nothing of it is heard before `discordbot` is in one. A file is deleted when it was played.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  voice enqueue 'the build is done'
  voice enqueue --file gong.wav")]
pub(crate) struct Enqueue {
    /// What; `-` for standard input
    #[arg(value_name = "TEXT", required_unless_present = "file")]
    text: Option<String>,
    /// A WAV or MP3 file instead
    #[arg(long, value_name = "AUDIO", conflicts_with_all = ["text", "engine", "voice", "rate"])]
    file: Option<PathBuf>,
    /// espeak-ng, edge or gtts; else that of config/voice.yaml, else espeak-ng
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
    #[command(flatten)]
    how: How,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    name: String,
    format: &'static str,
    bytes: usize,
    seconds: Option<f64>,
    before: usize,
}

impl Run for Enqueue {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        let audio = match &self.file {
            Some(file) => read(file)?,
            None => self.spoken(context, Settings::load(&home)?)?,
        };
        let queue = Queue::open(&home)?;
        let before = queue.waiting()?.len();
        let name = queue.put(&audio, Now::read().wall)?;
        let line = format!(
            "queued {name} ({}), {before} before it; it is heard once the bot is in a voice channel",
            about(&audio)
        );
        let document = Document {
            schema: "dreamos.voice-queued/1",
            name,
            format: audio.format.extension(),
            bytes: audio.bytes.len(),
            seconds: audio.duration().as_ref().map(Duration::as_secs_f64),
            before,
        };
        context.report(&line, &document);
        Ok(Exit::DONE)
    }
}

impl Enqueue {
    fn spoken(self, context: &Context, settings: Settings) -> Result<Audio, Failure> {
        let choice = choice(self.engine.as_deref(), &settings)?;
        let manner = self.how.manner(settings, choice)?;
        let given = self.text.expect("clap insists on it");
        Ok(engine(context, choice)?.audio(&spoken(&text(&given)?), &manner)?)
    }
}

/// One that can be played: known by its name and by how it begins.
fn read(path: &Path) -> Result<Audio, Failure> {
    let no_audio = || {
        let message = format!("{} is no WAV or MP3 file", path.display());
        Error::advice(message, "ffmpeg -i FILE FILE.mp3 makes one")
    };
    let format = Format::of(&path.to_string_lossy()).ok_or_else(no_audio)?;
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|source| Error::File {
            path: path.into(),
            source,
        })?;
    let audio = Audio { format, bytes };
    if !audio.is_sound() {
        return Err(no_audio().into());
    }
    if audio.bytes.len() as u64 > LARGEST {
        let most = LARGEST >> 20;
        return Err(Error::usage(format!("{} has more than {most} MiB", path.display())).into());
    }
    Ok(audio)
}
