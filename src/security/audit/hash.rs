//! Hashes, and the end of a chain as it is published: `N:HASH`. Pure.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::names::{Explain, Kind};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A SHA-256. Written as 64 small hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hash([u8; 32]);

impl Hash {
    /// What the first record has instead of the hash of the one before it.
    pub(super) const NONE: Self = Self([0; 32]);
    pub(super) const DIGITS: usize = 64;

    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of a record: `before` is that of the one before it, `body` all of it up to the member `hash`.
    pub(super) fn chained(before: Self, body: &[u8]) -> Self {
        let all = Sha256::new().chain_update(before.0).chain_update(body);
        // Without the member it is an object all the same: `jq -c 'del(.hash)'` prints what was hashed.
        Self(all.chain_update(b"}").finalize().into())
    }

    pub(super) fn parse(digits: &[u8]) -> Option<Self> {
        let value = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let (pairs, []) = digits.as_chunks::<2>() else {
            return None;
        };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = value(*high)? << 4 | value(*low)?;
        }
        Some(Self(bytes))
    }

    pub(super) fn spell(self, out: &mut Vec<u8>) {
        for byte in self.0 {
            out.extend([byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)]));
        }
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A SHA-256 of what comes in pieces.
#[derive(Default)]
pub(super) struct Hasher(Sha256);

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

/// The last record of a chain: with it everything before it stands fast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    pub n: u64,
    pub hash: Hash,
}

impl Head {
    /// Before the first record.
    pub(super) const NONE: Self = Self {
        n: 0,
        hash: Hash::NONE,
    };
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.n, self.hash)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no anchor: it is N:HASH, as `secctl audit anchor` prints it")]
pub struct BadHead(String);

impl Explain for BadHead {
    fn kind(&self) -> Kind {
        Kind::Usage
    }
}

impl FromStr for Head {
    type Err = BadHead;

    fn from_str(text: &str) -> Result<Self, BadHead> {
        let head = text.trim().split_once(':').and_then(|(n, hash)| {
            let n = n.parse().ok().filter(|n| *n > 0)?;
            let hash = Hash::parse(hash.as_bytes())?;
            Some(Self { n, hash })
        });
        head.ok_or_else(|| BadHead(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_back_as_it_is_written() {
        let head = Head {
            n: 17,
            hash: Hash::of(b"abc"),
        };
        let text = "17:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(head.to_string(), text);
        assert_eq!(text.parse(), Ok(head));
        for bad in [
            "",
            "17",
            "0:ba",
            &text[..66],
            &text.to_uppercase(),
            &format!("{text}0"),
        ] {
            assert!(bad.parse::<Head>().is_err(), "{bad}");
        }
    }
}
