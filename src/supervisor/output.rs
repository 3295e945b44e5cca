//! `output.log`: what a child prints, a time before each line, bounded however much it is.

use anstream::adapter::StripBytes;

use super::Error;
use crate::agents::settings::Output;
use crate::store::{Dir, File, Open, Target};
use crate::time::Timestamp;

pub(super) const LOG: &str = "output.log";
/// So much of the end of what a life printed is shown where it failed.
const TAIL: usize = 2 << 10;

pub(super) struct Log {
    file: File,
    size: u64,
    limits: Output,
    escapes: StripBytes,
    text: Text,
    tail: Vec<u8>,
}

impl Log {
    pub(super) fn open(dir: &Dir, limits: Output) -> Result<Self, Error> {
        let file = dir.file(LOG, Open::AppendCreate)?;
        let size = file.size()?;
        remove_beyond(dir, limits.older)?;
        Ok(Self {
            file,
            size,
            limits,
            escapes: StripBytes::new(),
            text: Text::new(limits.raw),
            tail: Vec::new(),
        })
    }

    /// Another life begins, on a line of its own.
    pub(super) fn begin(&mut self) {
        self.tail.clear();
        // Whatever the last one was amid of, an escape sequence or a line, ended with it.
        self.escapes = StripBytes::new();
        self.text.after_return = false;
        self.text.is_amid_line = false;
        if self.size > 0 && !self.ends_with_line_break() {
            self.append(b"\n");
        }
    }

    fn ends_with_line_break(&self) -> bool {
        let mut last = [0];
        matches!(self.file.read_at(self.size - 1, &mut last), Ok(1)) && last == *b"\n"
    }

    /// What finds no room on the disk is dropped: a full disk must not stop the child.
    pub(super) fn take(&mut self, dir: &Dir, bytes: &[u8], now: Timestamp) {
        self.text.now = now;
        if self.limits.raw {
            self.text.take(bytes);
        } else {
            for piece in self.escapes.strip_next(bytes) {
                self.text.take(piece);
            }
        }
        let printed = std::mem::take(&mut self.text.printed);
        self.tail
            .extend_from_slice(&printed[printed.len().saturating_sub(TAIL)..]);
        let over = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..over);
        let lines = std::mem::take(&mut self.text.lines);
        self.append(&lines);
        if self.size >= self.limits.bytes {
            // Tried again after the next output; what cannot be put aside at all is given up.
            let is_stuck = self.rotate(dir).is_err() && self.size >= 2 * self.limits.bytes;
            if is_stuck && self.file.truncate(0).is_ok() {
                self.size = 0;
            }
        }
        self.text.reuse(printed, lines);
    }

    fn append(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.file.append_once(bytes) {
                Ok(taken) if taken > 0 => {
                    self.size += taken as u64;
                    bytes = &bytes[taken..];
                }
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn rotate(&mut self, dir: &Dir) -> Result<(), Error> {
        for n in (0..self.limits.older).rev() {
            match dir.rename(&name(n), &name(n + 1), Target::Replaced) {
                Err(error) if error.is_absent() => {}
                other => other?,
            }
        }
        if self.limits.older == 0 {
            dir.remove(LOG)?;
        }
        self.file = dir.file(LOG, Open::AppendCreate)?;
        self.size = self.file.size()?;
        // Whatever was cut in two has its time on both halves.
        self.text.is_amid_line = false;
        Ok(())
    }

    /// The end of what this life printed.
    pub(super) fn tail(&self) -> String {
        String::from_utf8_lossy(&self.tail).into_owned()
    }
}

fn name(n: u32) -> String {
    match n {
        0 => LOG.to_owned(),
        n => format!("{LOG}.{n}"),
    }
}

/// Those that are more than are kept now.
fn remove_beyond(dir: &Dir, older: u32) -> Result<(), Error> {
    let mut n = older + 1;
    while dir.exists(&name(n))? {
        dir.remove(&name(n))?;
        n += 1;
    }
    Ok(())
}

/// Lines with their times, without what only a terminal understands.
struct Text {
    now: Timestamp,
    is_raw: bool,
    is_amid_line: bool,
    after_return: bool,
    lines: Vec<u8>,
    printed: Vec<u8>,
}

impl Text {
    fn new(is_raw: bool) -> Self {
        Self {
            now: Timestamp::default(),
            is_raw,
            is_amid_line: false,
            after_return: false,
            lines: Vec::new(),
            printed: Vec::new(),
        }
    }

    /// Whoever returns to the beginning of a line to write over it begins a new one here.
    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.after_return {
                self.after_return = false;
                if bytes[0] != b'\n' && self.is_amid_line {
                    self.end_line();
                }
            }
            let is_raw = self.is_raw;
            let is_end = |byte: &u8| *byte == b'\n' || (*byte == b'\r' && !is_raw);
            let end = bytes.iter().position(is_end);
            self.text(&bytes[..end.unwrap_or(bytes.len())]);
            match end.map(|at| bytes[at]) {
                Some(b'\n') => self.end_line(),
                Some(_) => self.after_return = true,
                None => return,
            }
            bytes = &bytes[end.map_or(bytes.len(), |at| at + 1)..];
        }
    }

    fn text(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        self.begin_line();
        self.lines.extend_from_slice(text);
        self.printed.extend_from_slice(text);
    }

    fn begin_line(&mut self) {
        if !self.is_amid_line {
            let time = self.now.to_string();
            self.lines.extend_from_slice(time.as_bytes());
            self.lines.push(b' ');
            self.is_amid_line = true;
        }
    }

    /// An empty one has its time too.
    fn end_line(&mut self) {
        self.begin_line();
        self.lines.push(b'\n');
        self.printed.push(b'\n');
        self.is_amid_line = false;
    }

    /// Their room is kept for the next time, unless it was an unusual lot.
    fn reuse(&mut self, mut printed: Vec<u8>, mut lines: Vec<u8>) {
        const USUAL: usize = 128 << 10;
        printed.clear();
        lines.clear();
        if lines.capacity() + printed.capacity() <= 2 * USUAL {
            (self.printed, self.lines) = (printed, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn logged(limits: Output, pieces: &[&str]) -> (Vec<String>, String) {
        let place = tempfile::tempdir().unwrap();
        let dir = Dir::open(place.path()).unwrap();
        let mut log = Log::open(&dir, limits).unwrap();
        log.begin();
        for piece in pieces {
            log.take(&dir, piece.as_bytes(), NOW);
        }
        let mut files: Vec<String> = dir.names().unwrap();
        files.sort();
        let texts = files
            .iter()
            .map(|name| std::fs::read_to_string(place.path().join(name)).unwrap());
        (texts.collect(), log.tail())
    }

    #[test]
    fn every_line_has_its_time_and_no_escape_sequence_is_left() {
        let pieces = [
            "one\ntw",
            "o\r\n\x1b[3",
            "1mred\x1b[0m\n",
            "\x1b]0;title\x07",
            "\r10%\r\r20%\n\n",
            "ä",
        ];
        let (files, tail) = logged(Output::default(), &pieces);
        assert_eq!(tail, "one\ntwo\nred\n10%\n20%\n\nä");
        let lines: Vec<&str> = files[0].lines().collect();
        assert_eq!(lines.len(), 7);
        for (line, text) in lines.iter().zip(tail.lines()) {
            assert_eq!(*line, format!("{NOW} {text}"));
        }
    }

    #[test]
    fn raw_output_keeps_what_it_was_and_still_has_its_times() {
        let raw = Output {
            raw: true,
            ..Output::default()
        };
        let (files, _) = logged(raw, &["\x1b[31mred\x1b[0m\r\n"]);
        assert_eq!(files[0], format!("{NOW} \x1b[31mred\x1b[0m\r\n"));
    }

    #[test]
    fn older_ones_that_are_not_kept_any_more_go() {
        let place = tempfile::tempdir().unwrap();
        for n in 0..6 {
            std::fs::write(place.path().join(name(n)), "line\n").unwrap();
        }
        let dir = Dir::open(place.path()).unwrap();
        let limits = Output {
            older: 2,
            ..Output::default()
        };
        Log::open(&dir, limits).unwrap();
        let mut files = dir.names().unwrap();
        files.sort();
        assert_eq!(files, ["output.log", "output.log.1", "output.log.2"]);
    }

    #[test]
    fn another_life_is_not_amid_what_the_last_one_was_amid_of() {
        let place = tempfile::tempdir().unwrap();
        let dir = Dir::open(place.path()).unwrap();
        let mut log = Log::open(&dir, Output::default()).unwrap();
        log.take(&dir, b"\x1b]0;a title that has no end", NOW);
        log.begin();
        log.take(&dir, b"hello\n", NOW);
        let text = std::fs::read_to_string(place.path().join(LOG)).unwrap();
        assert_eq!(text, format!("{NOW} hello\n"));
    }

    #[test]
    fn what_cannot_be_put_aside_grows_for_a_while_only() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join(name(1))).unwrap();
        let dir = Dir::open(place.path()).unwrap();
        let limits = Output {
            bytes: 1_000,
            ..Output::default()
        };
        let mut log = Log::open(&dir, limits).unwrap();
        for _ in 0..500 {
            log.take(&dir, b"a line of some length\n", NOW);
            let size = std::fs::metadata(place.path().join(LOG)).unwrap().len();
            assert!(size < 2_100, "{size}");
        }
    }

    #[test]
    fn the_logs_are_never_larger_than_they_may_be() {
        let limits = Output {
            bytes: 1_000,
            older: 2,
            raw: false,
        };
        let line = "x".repeat(70) + "\n";
        let many: Vec<&str> = std::iter::repeat_n(line.as_str(), 500).collect();
        let (files, tail) = logged(limits, &many);
        assert_eq!(files.len(), 3);
        assert!(files.iter().all(|text| text.len() < 1_100));
        assert!(tail.len() <= TAIL && tail.ends_with("x\n"));
    }
}
