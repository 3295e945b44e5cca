//! Many records of one size in pages that carry a sum: any of them is one read away.

use super::Error;
use super::disk::{AHEAD, Part, Source, sum};

/// What lies around a record is seldom asked for as well: a larger one takes longer to read and to sum up.
pub(super) const PAGE: usize = 1024;
const SUM: usize = 4;
/// What of a page is for records.
const ROOM: usize = PAGE - SUM;

/// Where such records lie in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    pub(super) at: u64,
    pub(super) count: u64,
    /// Of a record.
    pub(super) size: usize,
}

/// The page that was read last, and those that were read with it.
#[derive(Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    /// The offset in the file where they begin.
    at: u64,
    /// That of the page whose sum fitted.
    held: Option<u64>,
    /// So much is read at once.
    piece: usize,
}

impl Page {
    pub(super) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            at: 0,
            held: None,
            piece: PAGE,
        }
    }

    /// For who reads page by page.
    pub(super) const fn ahead() -> Self {
        let mut page = Self::new();
        page.piece = AHEAD;
        page
    }
}

pub(super) const fn per_page(size: usize) -> u64 {
    (ROOM / size) as u64
}

/// How many bytes so many records take.
pub(super) const fn extent(count: u64, size: usize) -> u64 {
    count.div_ceil(per_page(size)) * PAGE as u64
}

impl Sheet {
    pub(super) const fn end(&self) -> u64 {
        self.at + extent(self.count, self.size)
    }

    pub(super) const fn pages(&self) -> u64 {
        self.count.div_ceil(per_page(self.size))
    }

    /// The records of one page, one after the other.
    pub(super) fn page<'p>(
        &self,
        source: &Source,
        number: u64,
        page: &'p mut Page,
    ) -> Result<&'p [u8], Error> {
        let at = self.at + number * PAGE as u64;
        let is_there = at >= page.at && at + PAGE as u64 <= page.at + page.bytes.len() as u64;
        if !is_there {
            let rest = usize::try_from(self.end().saturating_sub(at)).unwrap_or(PAGE);
            page.held = None;
            page.at = at;
            source.read_into(&mut page.bytes, at, rest.clamp(PAGE, page.piece))?;
        }
        let start = usize::try_from(at - page.at).unwrap_or(usize::MAX);
        if page.held != Some(at) {
            let (records, told) = page.bytes[start..start + PAGE].split_at(ROOM);
            if told != sum(records, at).to_le_bytes() {
                return Err(source.broken("the sum of a page does not fit"));
            }
            page.held = Some(at);
        }
        let first = number * per_page(self.size);
        let held = self.count.saturating_sub(first).min(per_page(self.size));
        let held = usize::try_from(held).unwrap_or(0);
        Ok(&page.bytes[start..start + held * self.size])
    }

    pub(super) fn record<'p>(
        &self,
        source: &Source,
        index: u64,
        page: &'p mut Page,
    ) -> Result<&'p [u8], Error> {
        let records = self.page(source, index / per_page(self.size), page)?;
        let within = usize::try_from(index % per_page(self.size)).unwrap_or(0) * self.size;
        records
            .get(within..within + self.size)
            .ok_or_else(|| source.broken("it names what it does not hold"))
    }
}

/// Writes such records one after the other.
pub(super) struct Filling<'f> {
    part: Part<'f>,
    at: u64,
    size: usize,
    count: u64,
    page: Vec<u8>,
}

impl<'f> Filling<'f> {
    pub(super) fn new(part: Part<'f>, size: usize) -> Self {
        Self {
            at: part.at(),
            part,
            size,
            count: 0,
            page: Vec::with_capacity(PAGE),
        }
    }

    pub(super) fn push(&mut self, record: &[u8]) -> Result<(), Error> {
        debug_assert_eq!(record.len(), self.size, "records of one size");
        if self.page.len() + self.size > ROOM {
            self.turn()?;
        }
        self.page.extend_from_slice(record);
        self.count += 1;
        Ok(())
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }

    fn turn(&mut self) -> Result<(), Error> {
        self.page.resize(ROOM, 0);
        let told = sum(&self.page, self.part.at());
        self.page.extend_from_slice(&told.to_le_bytes());
        self.part.put(&self.page)?;
        self.page.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Sheet, Error> {
        if !self.page.is_empty() {
            self.turn()?;
        }
        self.part.finish()?;
        Ok(Sheet {
            at: self.at,
            count: self.count,
            size: self.size,
        })
    }
}

/// Such records as they lie from an offset on.
pub(super) fn pages(records: &[u8], size: usize, at: usize) -> Vec<u8> {
    let mut all = Vec::with_capacity(records.len() + records.len() / 1000 + PAGE);
    for records in records.chunks(ROOM / size * size) {
        let place = (at + all.len()) as u64;
        let start = all.len();
        all.extend_from_slice(records);
        all.resize(start + ROOM, 0);
        let told = sum(&all[start..], place);
        all.extend_from_slice(&told.to_le_bytes());
    }
    all
}

/// The next number of a record; zero beyond its end.
pub(super) fn take_u32(bytes: &mut &[u8]) -> u32 {
    take(bytes).map_or(0, u32::from_le_bytes)
}

pub(super) fn take_u64(bytes: &mut &[u8]) -> u64 {
    take(bytes).map_or(0, u64::from_le_bytes)
}

pub(super) fn take_i64(bytes: &mut &[u8]) -> i64 {
    take(bytes).map_or(0, i64::from_le_bytes)
}

pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}
