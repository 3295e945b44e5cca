//! What a scraper proves by that it may read the figures.

use std::hint::black_box;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::error::Error;

const LARGEST: u64 = 4096;
/// A shorter one can be guessed.
const LEAST: usize = 16;

/// Kept as its hash: two hashes have one length, so that a comparison tells nothing of it.
pub struct Token([u8; 32]);

impl Token {
    /// From a file that nobody else may read; blanks around it are none of it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let unfit = |why: String| Error::Token {
            path: path.into(),
            why,
        };
        let failed = |error: std::io::Error| unfit(error.to_string());
        // A pipe must not hang us before we have seen that it is one.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = std::fs::OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(failed)?;
        let meta = file.metadata().map_err(failed)?;
        if !meta.is_file() {
            return Err(unfit("it is no plain file".into()));
        }
        if meta.uid() != rustix::process::getuid().as_raw() {
            return Err(unfit("it belongs to somebody else".into()));
        }
        if meta.mode() & 0o077 != 0 {
            return Err(unfit("others may read or write it".into()));
        }
        let mut text = String::new();
        file.take(LARGEST + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
        if text.len() as u64 > LARGEST {
            return Err(unfit(format!("it is longer than {LARGEST} bytes")));
        }
        let text = text.trim();
        if text.len() < LEAST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unfit(format!(
                "a token is one word of at least {LEAST} visible characters"
            )));
        }
        Ok(Self(hash(text.as_bytes())))
    }

    /// In a time that does not depend on how far they agree.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        let given = hash(given);
        let differ = self.0.iter().zip(&given);
        black_box(differ.fold(0, |all, (a, b)| all | (a ^ b))) == 0
    }
}

fn hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_is_one_long_word_in_a_file_of_our_own() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("token");
        let read = |text: &str, mode| {
            write(&file, text).unwrap();
            set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            Token::read(&file)
        };
        let token = read("0123456789abcdef\n", 0o600).unwrap();
        assert!(token.is(b"0123456789abcdef"));
        for other in [&b""[..], b"0123456789abcdeg", b"0123456789abcdef\n"] {
            assert!(!token.is(other));
        }
        for (text, mode) in [
            ("0123456789abcdef", 0o640),
            ("0123456789abcde", 0o600),
            ("01234567 89abcdef", 0o600),
            ("", 0o600),
        ] {
            assert!(read(text, mode).is_err(), "{text:?} {mode:o}");
        }
        assert!(Token::read(place.path()).is_err());
        assert!(Token::read(&place.path().join("none")).is_err());
    }
}
