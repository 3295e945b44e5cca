//! How a message is named: by a ULID (<https://github.com/ulid/spec>, written in lower case), or by the mailbox
//! and its number there.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::AgentId;
use crate::time::Timestamp;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 26;
/// What each byte stands for in either case; above 31: nothing.
const DIGITS: [u8; 256] = digits();

const fn digits() -> [u8; 256] {
    let mut digits = [u8::MAX; 256];
    let mut digit = 0;
    while digit < 32 {
        let byte = ALPHABET[digit as usize];
        digits[byte as usize] = digit;
        digits[byte.to_ascii_uppercase() as usize] = digit;
        digit += 1;
    }
    digits
}

/// 48 bits of Unix milliseconds, 80 bits of randomness. Orders as its text does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u128);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} names no message: use AGENT/SEQ, a number, an id, or the last six or more characters of an id"
)]
pub struct BadMessageId(pub String);

impl MessageId {
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    pub const fn bits(self) -> u128 {
        self.0
    }

    /// When it was given, by the clock of whoever gave it.
    pub const fn made_at(self) -> Timestamp {
        Timestamp::from_unix_ms((self.0 >> 80) as i64)
    }

    /// The next id of a mailbox: the clock's, or one more than the last where the clock has not moved on.
    pub fn next(last: Option<Self>, unix_ms: u64, random: impl FnOnce() -> u128) -> Self {
        match last {
            Some(last) if last.0 >> 80 >= u128::from(unix_ms) => Self(last.0 + 1),
            _ => Self((u128::from(unix_ms) << 80) | (random() & ((1 << 80) - 1))),
        }
    }

    pub fn parse(text: &str) -> Result<Self, BadMessageId> {
        let bad = || BadMessageId(text.chars().take(80).collect());
        // 26 × 5 = 130 bits: a first character above 7 does not fit.
        if text.len() != TEXT_LEN || text.as_bytes()[0] > b'7' {
            return Err(bad());
        }
        text.bytes()
            .try_fold(0u128, |bits, byte| {
                let digit = DIGITS[usize::from(byte)];
                (digit < 32).then_some((bits << 5) | u128::from(digit))
            })
            .map(Self)
            .ok_or_else(bad)
    }

    fn text(self) -> [u8; TEXT_LEN] {
        std::array::from_fn(|i| ALPHABET[((self.0 >> (5 * (TEXT_LEN - 1 - i))) & 31) as usize])
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.text();
        f.pad(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

impl Serialize for MessageId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let text = self.text();
        to.serialize_str(std::str::from_utf8(&text).expect("the alphabet is ASCII"))
    }
}

impl<'de> Deserialize<'de> for MessageId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A message as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageRef {
    /// `agent-3/17`
    At(AgentId, u64),
    /// `17`, in the caller's own mailbox
    Own(u64),
    /// a whole ULID
    Id(MessageId),
    /// the last six or more characters of a ULID, lower case
    Tail(String),
}

impl MessageRef {
    /// `AGENT/SEQ` needs the canonical id here; the programs resolve an alias first.
    pub fn parse(text: &str) -> Result<Self, BadMessageId> {
        let bad = || BadMessageId(text.chars().take(80).collect());
        if let Some((agent, seq)) = text.split_once('/') {
            let agent = AgentId::parse(agent).map_err(|_| bad())?;
            return seq
                .parse()
                .map(|seq| Self::At(agent, seq))
                .map_err(|_| bad());
        }
        if let Ok(id) = MessageId::parse(text) {
            return Ok(Self::Id(id));
        }
        if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
            return text.parse().map(Self::Own).map_err(|_| bad());
        }
        let lower = text.to_ascii_lowercase();
        if (6..TEXT_LEN).contains(&lower.len()) && lower.bytes().all(|b| ALPHABET.contains(&b)) {
            return Ok(Self::Tail(lower));
        }
        Err(bad())
    }
}

impl fmt::Display for MessageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(agent, seq) => write!(f, "{agent}/{seq}"),
            Self::Own(seq) => write!(f, "{seq}"),
            Self::Id(id) => write!(f, "{id}"),
            Self::Tail(tail) => f.write_str(tail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_orders_as_its_text() {
        let a = MessageId::next(None, 1_700_000_000_000, || 5);
        let b = MessageId::next(Some(a), 1_600_000_000_000, || 9);
        assert_eq!(MessageId::parse(&a.to_string()).unwrap(), a);
        assert_eq!(b.bits(), a.bits() + 1);
        assert_eq!(b.made_at().unix_ms(), 1_700_000_000_000);
        assert!(a.to_string() < b.to_string());
        assert_eq!(MessageId::parse(&a.to_string().to_uppercase()).unwrap(), a);
        assert!(MessageId::parse("8zzzzzzzzzzzzzzzzzzzzzzzzz").is_err());
    }

    #[test]
    fn a_message_can_be_named_four_ways() {
        let id = MessageId::from_bits(77);
        assert_eq!(MessageRef::parse("17"), Ok(MessageRef::Own(17)));
        assert_eq!(MessageRef::parse(&id.to_string()), Ok(MessageRef::Id(id)));
        assert_eq!(
            MessageRef::parse("ABCDEF"),
            Ok(MessageRef::Tail("abcdef".into()))
        );
        let at = MessageRef::At(AgentId::parse("agent-3").unwrap(), 17);
        assert_eq!(MessageRef::parse("agent-3/17"), Ok(at));
        assert!(MessageRef::parse("../etc/17").is_err());
        assert!(MessageRef::parse("abc").is_err());
    }
}
