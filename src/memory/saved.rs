//! `index/linking.bin`: what mining and linking know, both of the same moment.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::error::Error;
use super::shelf;
use super::templates::Miner;
use super::threads::Linker;
use crate::store::{Dir, Open};

const NAME: &str = "linking.bin";
const VERSION: u64 = 1;
/// The sum of all that follows, and the length of the miner's part.
const HEAD: usize = 16;

/// What mining and linking know in memory, and under which sum the same was saved: as long as nobody saved another, it need
/// not be read again.
pub(super) struct Linking {
    pub(super) sum: u64,
    pub(super) miner: Miner,
    pub(super) linker: Linker,
    /// What each memory is tied to by more than a guess.
    pub(super) ties: Vec<u32>,
}

/// Returns the sum of it.
pub(super) fn write(derived: &Dir, miner: &Miner, linker: &Linker) -> Result<u64, Error> {
    let miner = miner.save();
    let mut bytes = vec![0; 8];
    bytes.extend_from_slice(&(miner.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&miner);
    bytes.extend_from_slice(&linker.save());
    let sum = xxh3_64_with_seed(&bytes[8..], VERSION);
    bytes[..8].copy_from_slice(&sum.to_le_bytes());
    shelf::replace(derived, NAME, &bytes)?;
    Ok(sum)
}

/// The sum of what was saved last, as it stands there: what is behind it is not looked at.
pub(super) fn sum(derived: &Dir) -> Result<Option<u64>, Error> {
    let Some(file) = derived.file_if_any(NAME, Open::Read)? else {
        return Ok(None);
    };
    let mut sum = [0; 8];
    let n = file.read_at(0, &mut sum)?;
    Ok((n == sum.len()).then(|| u64::from_le_bytes(sum)))
}

/// As it was saved.
pub(super) struct Saved {
    pub(super) sum: u64,
    bytes: Vec<u8>,
    /// Where the miner's part begins, and the linker's.
    parts: (usize, usize),
}

impl Saved {
    pub(super) fn miner(&self) -> &[u8] {
        self.bytes
            .get(self.parts.0..self.parts.1)
            .unwrap_or_default()
    }

    pub(super) fn linker(&self) -> &[u8] {
        self.bytes.get(self.parts.1..).unwrap_or_default()
    }
}

/// `None` where there is none; of what is not whole both parts are empty, and refused by whoever loads them.
pub(super) fn read(derived: &Dir) -> Result<Option<Saved>, Error> {
    const LARGEST: u64 = 2 << 30;
    let Some(file) = derived.file_if_any(NAME, Open::Read)? else {
        return Ok(None);
    };
    let bytes = file.read_to_end(LARGEST)?;
    let length = bytes.split_first_chunk().and_then(|(sum, rest)| {
        let is_whole = u64::from_le_bytes(*sum) == xxh3_64_with_seed(rest, VERSION);
        let length = u64::from_le_bytes(*rest.first_chunk()?);
        is_whole.then(|| usize::try_from(length).ok())?
    });
    let end = bytes.len();
    let sum = bytes.first_chunk().map_or(0, |it| u64::from_le_bytes(*it));
    let parts = length.map_or((end, end), |length| (HEAD, length.saturating_add(HEAD)));
    Ok(Some(Saved { sum, bytes, parts }))
}
