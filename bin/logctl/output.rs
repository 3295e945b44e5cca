//! Lines on their way out, many at a time.

use dreamos::cli::{Context, Error, Failure, Format, Own};
use dreamos::logs::{Line, Merged};

use super::speak::Speech;
use super::{document, words};

/// The same line in each format.
pub(crate) const LOOKS: &str = r#"  pretty  2026-11-22T12:00:00.000Z warn  tasks    task.failed agent-2: t5 failed task=t5
  json    {"v":1,"ts":"2026-11-22T12:00:00.000Z","level":"warn","channel":"tasks","event":"task.failed", …}
          (query: all of them as the lines of one document; with --format jsonl one a line)
  logfmt  v=1 ts=2026-11-22T12:00:00.000Z level=warn channel=tasks event=task.failed msg="t5 failed" …
  plain   time, level, channel, event, who, whom and message, with tabs between"#;
/// So much is printed at once.
const PIECE: usize = 64 << 10;

pub(crate) struct Output<'c> {
    context: &'c Context,
    text: String,
    lost: u64,
    speech: Option<Speech<'c>>,
}

impl<'c> Output<'c> {
    pub(crate) const fn new(context: &'c Context) -> Self {
        Self {
            context,
            text: String::new(),
            lost: 0,
            speech: None,
        }
    }

    /// Each line is said as well.
    pub(crate) fn spoken_by(self, speech: Option<Speech<'c>>) -> Self {
        Self { speech, ..self }
    }

    /// What is being said is heard to its end.
    pub(crate) fn end(self) {
        if let Some(speech) = self.speech {
            speech.end();
        }
    }

    /// All that there is, up to its end; how many lines that was.
    pub(crate) fn drain(
        &mut self,
        lines: &mut Merged,
        enough: impl Fn() -> bool,
    ) -> Result<u64, Failure> {
        let mut count = 0;
        while !enough()
            && !self.context.nobody_listens()
            && let Some(line) = lines.next().map_err(dreamos::desk::Error::from)?
        {
            self.add(&line)?;
            count += 1;
        }
        self.flush()?;
        self.complain(lines);
        Ok(count)
    }

    fn add(&mut self, line: &Line) -> Result<(), Error> {
        let spelled = match self.context.format() {
            Format::Json | Format::Jsonl => document::spelled(line) + "\n",
            Format::Plain => words::tabbed(line),
            Format::Own(Own::Logfmt) => words::logfmt(line),
            _ => words::pretty(self.context, line),
        };
        self.text.push_str(&spelled);
        if let Some(speech) = &mut self.speech {
            speech.say(&words::aloud(line));
        }
        if self.text.len() >= PIECE {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        if self.text.is_empty() {
            return Ok(());
        }
        let printed = self.context.print(&self.text);
        self.text.clear();
        printed
    }

    /// What could not be shown.
    pub(crate) fn complain(&mut self, lines: &mut Merged) {
        for why in lines.take_unread() {
            self.context.warn(&why);
        }
        if lines.lost() > self.lost {
            self.lost = lines.lost();
            self.context
                .warn("lines may be missing here: their log was removed before it was read");
        }
    }
}
