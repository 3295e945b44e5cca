//! Lines of an append-only journal. A line counts only with its newline and its checksum; what a crash tore is
//! told from what somebody broke.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Error, File};

/// `,"sum":"0123456789abcdef"}`
const SUFFIX: usize = 26;
const TORN: &[u8] = b"#torn";
const READ_SIZE: usize = 1 << 20;
/// A message of 1 MiB whose every byte is escaped, with room to spare.
const MAX_LINE: usize = 16 << 20;

/// Written first when the last byte of a journal is no newline: what a killed writer left is fenced off.
pub(crate) const fn fence() -> &'static [u8] {
    b"#torn\n"
}

/// A checksum; another salt gives another one.
pub(crate) fn sum(bytes: &[u8], salt: u64) -> u64 {
    xxh3_64_with_seed(bytes, salt)
}

/// Ends the object that `out` holds from `start` on, without its closing brace, with the checksum of its bytes.
pub(crate) fn seal(out: &mut Vec<u8>, start: usize, salt: u64) {
    let sum = sum(&out[start..], salt);
    out.extend_from_slice(b",\"sum\":\"");
    out.extend((0..16).map(|i| b"0123456789abcdef"[((sum >> (60 - 4 * i)) & 15) as usize]));
    out.extend_from_slice(b"\"}\n");
}

/// Whether `line` (without newline) carries the checksum of its bytes.
pub(crate) fn verify(line: &[u8], salt: u64) -> bool {
    let Some(at) = line.len().checked_sub(SUFFIX) else {
        return false;
    };
    let (body, suffix) = line.split_at(at);
    if !suffix.starts_with(b",\"sum\":\"") || !suffix.ends_with(b"\"}") {
        return false;
    }
    let expected = suffix[8..24].iter().try_fold(0u64, |sum, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some((sum << 4) | u64::from(digit))
    });
    expected == Some(sum(body, salt))
}

/// The bytes that the checksum of a verified line is about.
pub(crate) fn unsealed(line: &[u8]) -> &[u8] {
    &line[..line.len().saturating_sub(SUFFIX)]
}

/// What stands at an offset of a journal.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Whole(&'a [u8]),
    /// Left by a crash: without newline, fenced, or with NULs where pages were lost.
    Torn,
}

/// Reads a journal line by line, without its newlines.
pub(crate) struct Lines<'f> {
    file: &'f File,
    end: u64,
    /// Offset in the file of `buffer[at]`.
    next: u64,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
}

impl<'f> Lines<'f> {
    /// From `start`, the beginning of a line, up to `end`.
    pub(crate) const fn new(file: &'f File, start: u64, end: u64) -> Self {
        Self {
            file,
            end,
            next: start,
            buffer: Vec::new(),
            at: 0,
            filled: 0,
        }
    }

    /// The offset, the length with newline, and what it is. A last line without newline is `Torn`.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, u64, Line<'_>)>, Error> {
        let length = loop {
            let have = &self.buffer[self.at..self.filled];
            if let Some(n) = find_newline(have) {
                break n + 1;
            }
            let have = have.len();
            if self.next + have as u64 >= self.end || have > MAX_LINE {
                if have == 0 {
                    return Ok(None);
                }
                let at = (self.next, have as u64);
                self.next += have as u64;
                self.at = self.filled;
                return Ok(Some((at.0, at.1, Line::Torn)));
            }
            self.fill()?;
        };
        let offset = self.next;
        let line = &self.buffer[self.at..self.at + length - 1];
        self.next += length as u64;
        self.at += length;
        let torn = line.ends_with(TORN) || line.contains(&0);
        Ok(Some((
            offset,
            length as u64,
            if torn { Line::Torn } else { Line::Whole(line) },
        )))
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.buffer.copy_within(self.at..self.filled, 0);
        self.filled -= self.at;
        self.at = 0;
        let from = self.next + self.filled as u64;
        let want = READ_SIZE.min(usize::try_from(self.end - from).unwrap_or(READ_SIZE));
        self.buffer.resize(self.filled + want, 0);
        let n = self.file.read_at(from, &mut self.buffer[self.filled..])?;
        if n == 0 {
            // The file is shorter than the end that we were told.
            self.end = from;
        }
        self.filled += n;
        self.buffer.truncate(self.filled);
        Ok(())
    }
}

fn find_newline(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&b| b == b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_or_another_salt_breaks_the_seal() {
        let mut out = br#"{"t":"ack","seq":1"#.to_vec();
        seal(&mut out, 0, 7);
        let line = &out[..out.len() - 1];
        assert!(verify(line, 7));
        assert!(!verify(line, 8));
        for i in 0..line.len() {
            let mut broken = line.to_vec();
            broken[i] ^= 1;
            assert!(!verify(&broken, 7), "a flipped bit at {i} passed");
        }
        assert!(!verify(b"", 7));
    }
}
