//! The bytes that a miner is kept as: numbers of seven bits a byte, low ones first, and a checksum before them. What was
//! not written so is refused.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::miner::{Living, MOST_ALIASES, MOST_GROUPS, Miner, Pace};
use super::tokens::Form;
use crate::time::Timestamp;

/// Another one where tokens are found or hashed otherwise: what was learnt would not be found again.
const MAGIC: &[u8; 8] = b"dstmpl01";
const HEAD: usize = 16;

impl Miner {
    /// All that is known, exactly.
    pub fn save(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend([0; HEAD - MAGIC.len()]);
        let Pace {
            fresh,
            lines,
            settled,
            limit,
        } = self.pace;
        for number in [u64::from(self.next), fresh, lines, settled, limit] {
            put(&mut out, number);
        }
        put(&mut out, self.aliases.len() as u64);
        for (from, to) in &self.aliases {
            put(&mut out, u64::from(*from));
            put(&mut out, u64::from(*to));
        }
        put(&mut out, self.living.len() as u64);
        for living in &self.living {
            put_living(&mut out, living);
        }
        let sum = xxh3_64(&out[HEAD..]);
        out[MAGIC.len()..HEAD].copy_from_slice(&sum.to_le_bytes());
        out
    }

    /// Nothing if the bytes are not what `save` of this version made.
    pub fn load(bytes: &[u8]) -> Option<Self> {
        let (head, body) = bytes.split_at_checked(HEAD)?;
        let (magic, sum) = head.split_at(MAGIC.len());
        if magic != MAGIC || sum != xxh3_64(body).to_le_bytes() {
            return None;
        }
        read(body)
    }
}

/// The body, whose checksum says nothing about who wrote it.
pub(super) fn read(body: &[u8]) -> Option<Miner> {
    let mut rest = Rest(body);
    let next = rest.narrow()?;
    let pace = Pace {
        fresh: rest.number()?,
        lines: rest.number()?,
        settled: rest.number()?,
        limit: rest.number()?,
    };
    let mut aliases = BTreeMap::new();
    for _ in 0..rest.at_most(MOST_ALIASES)? {
        let (from, to) = (rest.narrow()?, rest.narrow()?);
        let ascends = aliases
            .last_key_value()
            .is_none_or(|(last, _)| *last < from);
        if !ascends || to >= from || from >= next {
            return None;
        }
        aliases.insert(from, to);
    }
    let mut living: Vec<Living> = Vec::new();
    for _ in 0..rest.at_most(MOST_GROUPS)? {
        let one = rest.living()?;
        let ascends = living.last().is_none_or(|last| last.group < one.group);
        if !ascends || one.group >= next || aliases.contains_key(&one.group) {
            return None;
        }
        let root = living.binary_search_by_key(&one.root, |older| older.group);
        let rooted = root.is_ok_and(|place| living[place].root == one.root);
        if one.root != one.group && !rooted {
            return None;
        }
        living.push(one);
    }
    let sound = rest.0.is_empty()
        && next > 0
        && pace.settled <= pace.lines
        && pace.limit > 0
        && pace.limit <= MOST_GROUPS as u64
        && living
            .iter()
            .try_fold(0_u64, |sum, one| sum.checked_add(one.count))
            .is_some_and(|lines| lines <= pace.lines);
    if !sound {
        return None;
    }
    let mut miner = Miner::default();
    miner.living = living;
    miner.aliases = aliases;
    miner.next = next;
    miner.pace = pace;
    miner.derive();
    Some(miner)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn put_living(out: &mut Vec<u8>, living: &Living) {
    let Living {
        group,
        root,
        form,
        firm,
        wild,
        count,
        first,
        last,
    } = living;
    put(out, u64::from(*group));
    put(out, u64::from(*root));
    put(out, *count);
    out.extend(first.unix_ms().to_le_bytes());
    out.extend(last.unix_ms().to_le_bytes());
    for places in [firm, wild] {
        let (low, high) = halves(*places);
        put(out, low);
        put(out, high);
    }
    put(out, form.as_str().len() as u64);
    out.extend(form.as_str().as_bytes());
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of it")]
fn halves(places: u128) -> (u64, u64) {
    (places as u64, (places >> 64) as u64)
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return None;
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn narrow(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn at_most(&mut self, most: usize) -> Option<usize> {
        let number = usize::try_from(self.number()?).ok()?;
        (number <= most).then_some(number)
    }

    fn bytes(&mut self, length: usize) -> Option<&[u8]> {
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn timestamp(&mut self) -> Option<Timestamp> {
        let bytes = self.bytes(8)?.try_into().ok()?;
        Some(Timestamp::from_unix_ms(i64::from_le_bytes(bytes)))
    }

    fn places(&mut self) -> Option<u128> {
        let (low, high) = (self.number()?, self.number()?);
        Some(u128::from(low) | u128::from(high) << 64)
    }

    fn living(&mut self) -> Option<Living> {
        let (group, root, count) = (self.narrow()?, self.narrow()?, self.number()?);
        let (first, last) = (self.timestamp()?, self.timestamp()?);
        let (places, wild) = (self.places()?, self.places()?);
        let length = usize::try_from(self.number()?).ok()?;
        let text = std::str::from_utf8(self.bytes(length)?).ok()?;
        let form = Form::parse(text, places)?;
        let sound = group > 0 && first <= last;
        sound.then_some(Living {
            group,
            root,
            form,
            firm: places,
            wild,
            count,
            first,
            last,
        })
    }
}
