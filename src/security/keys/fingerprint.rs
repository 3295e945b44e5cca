//! The short name of a public key.

use std::fmt;

use data_encoding::Encoding;
use sha2::{Digest as _, Sha256};

/// 80 bits: keys are looked up among those of one agent, and people compare it over the telephone.
const BYTES: usize = 10;

/// The first 80 bits of the SHA-256 of a public key; written in base32 (RFC 4648), small letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; BYTES]);

impl Fingerprint {
    pub(super) fn of(public: &[u8; 32]) -> Self {
        let hash = Sha256::digest(public);
        Self(*hash.first_chunk().expect("a hash has 32 bytes"))
    }

    pub fn parse(text: &str) -> Option<Self> {
        let is_ours = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        let bytes = base32().decode(text.to_ascii_uppercase().as_bytes()).ok()?;
        is_ours.then_some(Self(bytes.try_into().ok()?))
    }
}

const fn base32() -> Encoding {
    data_encoding::BASE32
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&base32().encode(&self.0).to_ascii_lowercase())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_sixteen_small_letters_and_read_back() {
        // printf '\0%.0s' {1..32} | sha256sum | xxd -r -p | head -c 10 | base32
        let zero = Fingerprint::of(&[0; 32]);
        assert_eq!(zero.to_string(), "mzuhvlpymk6xo3ep");
        assert_eq!(Fingerprint::parse("mzuhvlpymk6xo3ep"), Some(zero));
        for bad in [
            "",
            "MZUKVLPYYB4G63JA",
            "mzukvlpyyb4g63j",
            "mzuhvlpymk6xo3ep7",
            "mzukvlpyyb4g63j1",
        ] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
    }
}
