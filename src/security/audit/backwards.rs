//! The lines of a file from its end: what is newest is found whatever lies before it.

use memchr::memrchr;

use crate::store::{Error, File};

const FIRST_READ: usize = 8 << 10;
const MOST_READ: usize = 1 << 20;
/// No record of ours is nearly so long: what is longer need not be kept.
const MOST_LINE: usize = 4 << 20;

pub(super) struct Backwards<'f> {
    file: &'f File,
    /// The bytes of the file from `start` that were read and not told.
    buffer: Vec<u8>,
    start: u64,
    read: usize,
    is_over: bool,
}

impl<'f> Backwards<'f> {
    pub(super) const fn new(file: &'f File, size: u64) -> Self {
        Self {
            file,
            buffer: Vec::new(),
            start: size,
            read: FIRST_READ,
            is_over: false,
        }
    }

    /// First what stands behind the last newline, which may be nothing; then line after line, without newlines.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        loop {
            if let Some(at) = memrchr(b'\n', &self.buffer) {
                let line = self.buffer.split_off(at + 1);
                self.buffer.pop();
                return Ok(Some(line));
            }
            if self.start == 0 {
                let first = (!self.is_over).then(|| std::mem::take(&mut self.buffer));
                self.is_over = true;
                return Ok(first);
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), Error> {
        if self.buffer.len() > MOST_LINE {
            self.buffer.clear();
        }
        let want = self
            .read
            .min(usize::try_from(self.start).unwrap_or(self.read));
        self.start -= want as u64;
        let mut bytes = vec![0; want];
        let got = self.file.read_at(self.start, &mut bytes)?;
        bytes.truncate(got);
        bytes.append(&mut self.buffer);
        self.buffer = bytes;
        self.read = (self.read * 2).min(MOST_READ);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_from_the_end_whatever_their_length() {
        let text = format!("a\n\n{}\nb\ntorn", "x".repeat(20_000));
        let file = File::in_memory("text").unwrap();
        file.write_at(0, text.as_bytes()).unwrap();
        let mut lines = Backwards::new(&file, text.len() as u64);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            seen.push(String::from_utf8(line).unwrap());
        }
        seen.reverse();
        assert_eq!(seen.join("\n"), text);
    }
}
