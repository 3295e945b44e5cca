use std::sync::Arc;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;

use dreamos::cli::{Context, Error, Exit, Failure, Interrupt, Run};
use dreamos::speech::{Choice, Engine, Manner, spoken};
use serde::Serialize;

use super::asked::{How, engine, settings, text};
use super::lines;

/// Say a text on this machine's speakers, to its end
///
/// No code, addresses and marks of Markdown are said, and of a long text the beginning. With `--lines` each line is said as it
/// arrives; when they come faster than they are said the newest three wait, and how many were skipped is said.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  voice say 'the build is done'
  make 2>&1 | tail -n 1 | voice say -
  tail -f app.log | voice say --lines --rate 150 -")]
pub(crate) struct Say {
    /// What; `-` for standard input
    #[arg(value_name = "TEXT")]
    text: String,
    #[command(flatten)]
    how: How,
    /// Each line as it arrives
    #[arg(long)]
    lines: bool,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    engine: &'static str,
    said: u64,
}

impl Run for Say {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        if self.lines && self.text != "-" {
            return Err(Error::advice("lines come from standard input", "use --lines -").into());
        }
        let choice = Choice::Speakers;
        let manner = self.how.manner(settings(context)?, choice)?;
        let engine: Arc<dyn Engine> = engine(context, choice)?.into();
        let speaker = Arc::clone(&engine);
        let interrupt = Interrupt::install()?;
        let (done, is_done) = mpsc::channel();
        let waiting = thread::current();
        thread::spawn(move || {
            // Nobody listens any more once a signal came.
            let _ = done.send(all(&*speaker, &manner, &self.text, self.lines));
            waiting.unpark();
        });
        let said = loop {
            if let Some(exit) = interrupt.exit() {
                engine.hush();
                return Ok(exit);
            }
            match is_done.try_recv() {
                Ok(said) => break said?,
                Err(TryRecvError::Empty) => thread::park(),
                Err(TryRecvError::Disconnected) => panic!("what speaks has panicked"),
            }
        };
        if context.format().is_json() {
            let document = Document {
                schema: "dreamos.voice-said/1",
                engine: choice.name(),
                said,
            };
            context.report("", &document);
        }
        Ok(Exit::DONE)
    }
}

/// How many texts were said.
fn all(engine: &dyn Engine, manner: &Manner, given: &str, by_lines: bool) -> Result<u64, Failure> {
    let mut said = 0;
    let mut say = |text: &str| {
        engine.say(text, manner)?;
        said += 1;
        Ok(())
    };
    if by_lines {
        lines::each(say)?;
    } else {
        say(&spoken(&text(given)?))?;
    }
    Ok(said)
}
