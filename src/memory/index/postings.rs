//! The documents that hold one term, in their order, each with its impact: what it adds to the score of its document, in
//! 255ths of what it could add at most. In blocks of 128 that carry a sum; a list of more than one begins with the last
//! document, the place and the greatest impact of each, so that a search passes over what cannot matter.
//!
//! A block: its sum (4 bytes), the width of a gap in bits (1), the impact of all or 0 (1), the gaps, the impacts unless
//! they are all the same. A gap counts the documents passed over.

use super::Error;
use super::disk::{Source, sum};

/// Documents in a block.
pub(super) const BLOCK: usize = 128;
const BLOCK_HEAD: usize = 6;
const LONGEST_BLOCK: usize = BLOCK_HEAD + BLOCK * 4 + BLOCK;
/// Of a block in the head of a list: last document, place, greatest impact.
const SKIP: usize = 9;
/// Of the head of a list: the sum of what follows, the length of all blocks.
const HEAD: usize = 8;
/// So much is read at once where one block follows the other.
const READ_AHEAD: usize = 1 << 14;
/// No document has it.
pub(super) const NO_MORE: u32 = u32::MAX;

/// The encoded documents of one term.
pub(super) struct Encoder {
    docs: Vec<u32>,
    impacts: Vec<u8>,
    /// The last document of the block before.
    before: u32,
    skips: Vec<u8>,
    blocks: Vec<u8>,
    count: u32,
    greatest: u8,
}

impl Encoder {
    pub(super) const fn new() -> Self {
        Self {
            docs: Vec::new(),
            impacts: Vec::new(),
            before: NO_MORE,
            skips: Vec::new(),
            blocks: Vec::new(),
            count: 0,
            greatest: 0,
        }
    }

    pub(super) fn clear(&mut self) {
        self.docs.clear();
        self.impacts.clear();
        self.before = NO_MORE;
        self.skips.clear();
        self.blocks.clear();
        self.count = 0;
        self.greatest = 0;
    }

    /// Documents come in their order.
    pub(super) fn push(&mut self, doc: u32, impact: u8) {
        self.docs.push(doc);
        self.impacts.push(impact);
        self.count += 1;
        if self.docs.len() == BLOCK {
            self.turn();
        }
    }

    fn turn(&mut self) {
        let at = self.blocks.len();
        let greatest = self.impacts.iter().copied().max().unwrap_or(0);
        self.greatest = self.greatest.max(greatest);
        self.blocks.extend_from_slice(&[0; 4]);
        encode(&self.docs, self.before, &self.impacts, &mut self.blocks);
        let told = sum(&self.blocks[at + 4..], u64::from(self.before));
        self.blocks[at..at + 4].copy_from_slice(&told.to_le_bytes());
        self.before = self.docs.last().copied().unwrap_or(self.before);
        self.skips.extend_from_slice(&self.before.to_le_bytes());
        let place = u32::try_from(at).unwrap_or(u32::MAX);
        self.skips.extend_from_slice(&place.to_le_bytes());
        self.skips.push(greatest);
        self.docs.clear();
        self.impacts.clear();
    }

    /// Hands over what is to be written, in two pieces, and how to find it again: `place` is where it will lie.
    pub(super) fn finish(&mut self, place: u64) -> (Found, Vec<u8>, &[u8]) {
        if self.count == 1 && self.docs.len() == 1 {
            let found = Found {
                count: 1,
                greatest: self.impacts[0],
                place: u64::from(self.docs[0]),
            };
            return (found, Vec::new(), &[]);
        }
        if !self.docs.is_empty() {
            self.turn();
        }
        let found = Found {
            count: self.count,
            greatest: self.greatest,
            place,
        };
        if self.skips.len() <= SKIP {
            return (found, Vec::new(), &self.blocks);
        }
        let mut head = vec![0; HEAD];
        let length = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        head[4..8].copy_from_slice(&length.to_le_bytes());
        head.extend_from_slice(&self.skips);
        let told = sum(&head[4..], place).to_le_bytes();
        head[..4].copy_from_slice(&told);
        (found, head, &self.blocks)
    }
}

/// What the dictionary says of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Documents that hold it.
    pub(super) count: u32,
    pub(super) greatest: u8,
    /// Of the list; of a single document, its number.
    pub(super) place: u64,
}

fn encode(docs: &[u32], before: u32, impacts: &[u8], out: &mut Vec<u8>) {
    let mut last = before;
    let mut widest = 0;
    for &doc in docs {
        widest |= doc.wrapping_sub(last).wrapping_sub(1);
        last = doc;
    }
    let width = 32 - widest.leading_zeros();
    let same = impacts.iter().all(|&it| it == impacts[0]) && impacts[0] != 0;
    out.push(width.to_le_bytes()[0]);
    out.push(if same { impacts[0] } else { 0 });
    let (mut bits, mut held) = (0_u64, 0);
    last = before;
    for &doc in docs {
        bits |= u64::from(doc.wrapping_sub(last).wrapping_sub(1)) << held;
        held += width;
        last = doc;
        while held >= 8 {
            out.push(bits.to_le_bytes()[0]);
            bits >>= 8;
            held -= 8;
        }
    }
    if held > 0 {
        out.push(bits.to_le_bytes()[0]);
    }
    if !same {
        out.extend_from_slice(impacts);
    }
}

/// How long a block is that begins so; `None` where none does.
fn length(bytes: &[u8], count: usize) -> Option<usize> {
    let (&width, &same) = (bytes.get(4)?, bytes.get(5)?);
    let gaps = (count * usize::from(width)).div_ceil(8);
    let impacts = if same == 0 { count } else { 0 };
    (width <= 32).then_some(BLOCK_HEAD + gaps + impacts)
}

/// One way through the documents of a term in one segment, then of another one.
pub(super) struct Cursor<'s> {
    source: &'s Source,
    /// Where the lists of the segment end.
    end: u64,
    /// How many documents the segment has.
    all: u32,
    pub(super) found: Found,
    skips: Vec<Skip>,
    /// Where the blocks begin and end in the file.
    blocks: (u64, u64),
    /// The block that is read, or is to be read next.
    block: usize,
    docs: Box<[u32; BLOCK]>,
    impacts: Box<[u8; BLOCK]>,
    held: usize,
    next: usize,
    window: Vec<u8>,
    window_at: u64,
    doc: u32,
}

#[derive(Clone, Copy)]
struct Skip {
    last: u32,
    place: u32,
    greatest: u8,
}

impl<'s> Cursor<'s> {
    /// Of no list yet. `end`: where the lists of the segment end; it has `all` documents.
    pub(super) fn new(source: &'s Source, end: u64, all: u32) -> Self {
        Self {
            source,
            end,
            all,
            found: Found {
                count: 0,
                greatest: 0,
                place: 0,
            },
            skips: Vec::new(),
            blocks: (0, 0),
            block: 0,
            docs: Box::new([0; BLOCK]),
            impacts: Box::new([0; BLOCK]),
            held: 0,
            next: 0,
            window: Vec::new(),
            window_at: 0,
            doc: NO_MORE,
        }
    }

    /// Goes to the first document of a list.
    pub(super) fn open(&mut self, found: Found) -> Result<(), Error> {
        self.found = found;
        self.skips.clear();
        self.blocks = (found.place, self.end);
        self.block = 0;
        self.next = 0;
        let count = found.count as usize;
        if count == 1 {
            let doc = u32::try_from(found.place).unwrap_or(NO_MORE);
            if doc >= self.all {
                return Err(self
                    .source
                    .broken("a term names a document that is not there"));
            }
            self.skips.push(Skip {
                last: doc,
                place: 0,
                greatest: found.greatest,
            });
            self.docs[0] = doc;
            self.impacts[0] = found.greatest;
            self.held = 1;
            self.doc = doc;
            return Ok(());
        }
        if count == 0 || found.count > self.all {
            return Err(self
                .source
                .broken("a term counts more documents than there are"));
        }
        if count <= BLOCK {
            self.skips.push(Skip {
                last: NO_MORE,
                place: 0,
                greatest: found.greatest,
            });
        } else {
            self.read_head(count.div_ceil(BLOCK))?;
        }
        self.load(0)
    }

    fn read_head(&mut self, blocks: usize) -> Result<(), Error> {
        let mut head = vec![0; HEAD + blocks * SKIP];
        if self.found.place + head.len() as u64 > self.blocks.1 {
            return Err(self.source.broken("a list is longer than its segment"));
        }
        self.source.read(self.found.place, &mut head)?;
        let (told, rest) = head.split_at(4);
        if told != sum(rest, self.found.place).to_le_bytes() {
            return Err(self.source.broken("the sum of a list does not fit"));
        }
        let start = self.found.place + head.len() as u64;
        let length = rest[..4].try_into().map_or(0, u32::from_le_bytes);
        self.blocks = (start, (start + u64::from(length)).min(self.blocks.1));
        self.skips.reserve_exact(blocks);
        for skip in rest[4..].chunks_exact(SKIP) {
            self.skips.push(Skip {
                last: skip[..4].try_into().map_or(0, u32::from_le_bytes),
                place: skip[4..8].try_into().map_or(0, u32::from_le_bytes),
                greatest: skip[8],
            });
        }
        Ok(())
    }

    /// `NO_MORE` behind the last.
    pub(super) fn doc(&self) -> u32 {
        self.doc
    }

    pub(super) fn impact(&self) -> u8 {
        self.impacts[self.next.min(BLOCK - 1)]
    }

    /// The greatest impact from `start` to before `end`, or more: nothing is read.
    pub(super) fn bound_within(&self, start: u32, end: u32) -> u8 {
        if self.doc >= end {
            return 0;
        }
        let ahead = self.skips.iter().skip(self.block_of(start));
        let mut greatest = 0;
        for skip in ahead {
            greatest = greatest.max(skip.greatest);
            if skip.last >= end - 1 {
                break;
            }
        }
        greatest
    }

    fn block_of(&self, target: u32) -> usize {
        let ahead = &self.skips[self.block.min(self.skips.len())..];
        // The next one mostly.
        let near = ahead.iter().take(4).position(|skip| skip.last >= target);
        self.block + near.unwrap_or_else(|| ahead.partition_point(|skip| skip.last < target))
    }

    pub(super) fn advance(&mut self) -> Result<(), Error> {
        self.next += 1;
        if self.next < self.held {
            self.doc = self.docs[self.next];
            return Ok(());
        }
        self.load(self.block + 1)
    }

    /// Takes all that come before `end`, with their impacts.
    pub(super) fn each_before(
        &mut self,
        end: u32,
        mut take: impl FnMut(u32, u8),
    ) -> Result<(), Error> {
        while self.doc < end {
            let ahead = self.next..self.held;
            let docs = &self.docs[ahead.clone()];
            let count = match docs.last() {
                Some(&last) if last < end => docs.len(),
                _ => docs.partition_point(|&doc| doc < end),
            };
            for (&doc, &impact) in docs[..count].iter().zip(&self.impacts[ahead]) {
                take(doc, impact);
            }
            // At least the one at hand, whatever order somebody gave them.
            self.next += count.max(1) - 1;
            self.advance()?;
        }
        Ok(())
    }

    /// Goes to the first document that is not before `target`.
    pub(super) fn seek(&mut self, target: u32) -> Result<(), Error> {
        if self.doc >= target {
            return Ok(());
        }
        let mut block = self.block;
        if self.skips.get(block).is_none_or(|it| it.last < target) {
            block = self.block_of(target);
            self.load(block)?;
            if self.doc >= target {
                return Ok(());
            }
        }
        let ahead = &self.docs[self.next..self.held];
        self.next += ahead.partition_point(|&doc| doc < target);
        if self.next < self.held {
            self.doc = self.docs[self.next];
            return Ok(());
        }
        // Only where a list of one block ends: the last of every other is known.
        self.load(block + 1)
    }

    fn load(&mut self, block: usize) -> Result<(), Error> {
        self.block = block;
        self.next = 0;
        let Some(skip) = self.skips.get(block).copied() else {
            self.held = 0;
            self.doc = NO_MORE;
            return Ok(());
        };
        if self.found.count == 1 {
            self.doc = self.docs[0];
            return Ok(());
        }
        let before = match block.checked_sub(1) {
            Some(it) => self.skips[it].last,
            None => NO_MORE,
        };
        let count = (self.found.count as usize - block * BLOCK).min(BLOCK);
        let at = self.blocks.0 + u64::from(skip.place);
        let found = self.block_bytes(at, count)?;
        let bytes = &self.window[found.0..found.1];
        let told = &bytes[..4];
        if *told != sum(&bytes[4..], u64::from(before)).to_le_bytes() {
            return Err(self.source.broken("the sum of a block does not fit"));
        }
        decode(
            bytes,
            before,
            &mut self.docs[..count],
            &mut self.impacts[..count],
        );
        self.held = count;
        self.doc = self.docs[0];
        Ok(())
    }

    /// Where in the window the block lies that begins at `at`.
    fn block_bytes(&mut self, at: u64, count: usize) -> Result<(usize, usize), Error> {
        let within = |window: &[u8], window_at: u64| {
            let start = usize::try_from(at.checked_sub(window_at)?).ok()?;
            let end = start + length(window.get(start..)?, count)?;
            (end <= window.len()).then_some((start, end))
        };
        if let Some(found) = within(&self.window, self.window_at) {
            return Ok(found);
        }
        let window_end = self.window_at + self.window.len() as u64;
        let follows = !self.window.is_empty() && (self.window_at..=window_end).contains(&at);
        let ahead = if follows { READ_AHEAD } else { LONGEST_BLOCK };
        let length = self.blocks.1.saturating_sub(at).min(ahead as u64);
        self.window_at = at;
        let length = usize::try_from(length).unwrap_or(0);
        self.source.read_into(&mut self.window, at, length)?;
        within(&self.window, self.window_at)
            .ok_or_else(|| self.source.broken("a block is longer than its list"))
    }
}

/// The lengths are those that `length` counted.
fn decode(bytes: &[u8], before: u32, docs: &mut [u32], impacts: &mut [u8]) {
    let (width, same) = (u32::from(bytes[4]), bytes[5]);
    let gaps = (docs.len() * usize::from(bytes[4])).div_ceil(8);
    let (packed, rest) = bytes[BLOCK_HEAD..].split_at(gaps);
    if same == 0 {
        impacts.copy_from_slice(rest);
    } else {
        impacts.fill(same);
    }
    let mask = (1_u64 << width) - 1;
    let mut ahead = [0; BLOCK * 4 + 8];
    ahead[..packed.len()].copy_from_slice(packed);
    let (mut at, mut last) = (0, before);
    for doc in docs {
        let eight = ahead[at / 8..].first_chunk().copied().unwrap_or_default();
        let gap = (u64::from_le_bytes(eight) >> (at % 8)) & mask;
        at += width as usize;
        last = last
            .wrapping_add(u32::try_from(gap).unwrap_or(u32::MAX))
            .wrapping_add(1);
        *doc = last;
    }
}
