//! A derived file, read and written through a cache of pages: one verb touches a few, a rebuild all of them.
//! Nothing is written before `flush`. What it holds may be anything: a page beyond the end reads as zeros.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::{Error, File};

const PAGE: u64 = 4096;
const PAGE_LEN: usize = 4096;
/// 64 MiB in memory; beyond that, what is not dirty is dropped.
const MOST: usize = 16_384;
/// Among so few pages one is found faster by looking at each than by its hash.
const FEW: usize = 16;
/// One `write` takes no more than this.
const MOST_RUN: usize = 1 << 20;

struct Page {
    number: u64,
    bytes: Box<[u8; PAGE_LEN]>,
    dirty: bool,
}

/// Spreads page numbers: they are ours and count up, so nobody can make them collide.
#[derive(Default)]
struct PageHasher(u64);

impl Hasher for PageHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

pub(crate) struct Pages {
    file: File,
    cache: Vec<Page>,
    /// Where in `cache` a page lies.
    places: HashMap<u64, usize, BuildHasherDefault<PageHasher>>,
    dirty: usize,
    /// Pages from here on are known to be empty: a file that is being made anew is not read.
    end: u64,
}

impl Pages {
    pub(crate) fn new(file: File) -> Self {
        let end = file.opened().size.div_ceil(PAGE);
        Self {
            file,
            cache: Vec::new(),
            places: HashMap::default(),
            dirty: 0,
            end,
        }
    }

    pub(crate) const fn file(&self) -> &File {
        &self.file
    }

    /// How many pages the file has.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// Forgets all content, in memory and in the file.
    pub(crate) fn clear(&mut self) -> Result<(), Error> {
        self.file.truncate(0)?;
        self.cache.clear();
        self.places.clear();
        self.dirty = 0;
        self.end = 0;
        Ok(())
    }

    /// How many pages `flush` would write.
    pub(crate) const fn unwritten(&self) -> usize {
        self.dirty
    }

    /// How many pages are in memory.
    #[cfg(test)]
    pub(crate) const fn held(&self) -> usize {
        self.cache.len()
    }

    /// So many pages wait to be written that it is time to `flush`: dirty ones are never dropped.
    pub(crate) const fn is_crowded(&self) -> bool {
        self.dirty >= MOST / 2
    }

    fn page(&mut self, number: u64) -> Result<&mut Page, Error> {
        let place = match self.known(number) {
            Some(place) => place,
            None => self.load(number)?,
        };
        Ok(&mut self.cache[place])
    }

    /// Where in `cache` a page lies, if it is there.
    fn known(&self, number: u64) -> Option<usize> {
        if self.cache.len() <= FEW {
            self.cache.iter().position(|page| page.number == number)
        } else {
            self.places.get(&number).copied()
        }
    }

    fn load(&mut self, number: u64) -> Result<usize, Error> {
        if self.cache.len() >= MOST {
            self.cache.retain(|page| page.dirty);
            self.places.clear();
            let kept = self.cache.iter().enumerate();
            self.places
                .extend(kept.map(|(place, page)| (page.number, place)));
        }
        let mut bytes = Box::new([0; PAGE_LEN]);
        if number < self.end {
            self.file.read_at(number * PAGE, &mut bytes[..])?;
        }
        let place = self.cache.len();
        self.cache.push(Page {
            number,
            bytes,
            dirty: false,
        });
        self.places.insert(number, place);
        Ok(place)
    }

    /// Bytes that lie within one page, as every field of ours does.
    pub(crate) fn view(&mut self, offset: u64, len: usize) -> Result<&[u8], Error> {
        let (at, page) = ((offset % PAGE) as usize, self.page(offset / PAGE)?);
        Ok(&page.bytes[at..at + len])
    }

    pub(crate) fn read<const N: usize>(&mut self, offset: u64) -> Result<[u8; N], Error> {
        let mut out = [0; N];
        out.copy_from_slice(self.view(offset, N)?);
        Ok(out)
    }

    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let (at, page) = ((offset % PAGE) as usize, self.page(offset / PAGE)?);
        page.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        let fresh = !std::mem::replace(&mut page.dirty, true);
        self.dirty += usize::from(fresh);
        Ok(())
    }

    pub(crate) fn read_u64(&mut self, offset: u64) -> Result<u64, Error> {
        self.read(offset).map(u64::from_le_bytes)
    }

    pub(crate) fn write_u64(&mut self, offset: u64, value: u64) -> Result<(), Error> {
        self.write(offset, &value.to_le_bytes())
    }

    /// Writes what changed, neighbouring pages together. What a failed one did not write stays to be written.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        let mut changed: Vec<usize> = (0..self.cache.len())
            .filter(|&place| self.cache[place].dirty)
            .collect();
        changed.sort_unstable_by_key(|&place| self.cache[place].number);
        let mut rest = &changed[..];
        let mut bytes = Vec::new();
        while let Some(&first) = rest.first() {
            let start = self.cache[first].number;
            let follows = |(&place, number): (&usize, u64)| self.cache[place].number == number;
            let run = rest
                .iter()
                .zip(start..)
                .take(MOST_RUN / PAGE_LEN)
                .take_while(|&pair| follows(pair))
                .count();
            bytes.clear();
            for &place in &rest[..run] {
                bytes.extend_from_slice(&self.cache[place].bytes[..]);
            }
            self.file.write_at(start * PAGE, &bytes)?;
            for &place in &rest[..run] {
                self.cache[place].dirty = false;
            }
            self.dirty -= run;
            self.end = self.end.max(start + run as u64);
            rest = &rest[run..];
        }
        Ok(())
    }

    /// What stands in the file, past the cache: for what is looked at once, and is not worth a page of memory.
    pub(crate) fn read_now<const N: usize>(&self, offset: u64) -> Result<[u8; N], Error> {
        let mut out = [0; N];
        self.file.read_at(offset, &mut out)?;
        Ok(out)
    }

    /// Writes past the cache, at once.
    pub(crate) fn write_now(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        if let Some(place) = self.known(offset / PAGE) {
            let at = (offset % PAGE) as usize;
            self.cache[place].bytes[at..at + bytes.len()].copy_from_slice(bytes);
        }
        self.file.write_at(offset, bytes)?;
        self.end = self.end.max(offset / PAGE + 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dir, Open};
    use super::*;

    #[test]
    fn what_was_flushed_is_there_for_the_next_one_and_what_was_not_is_not() {
        let home = tempfile::tempdir().unwrap();
        let dir = Dir::open(home.path()).unwrap();
        let mut pages = Pages::new(dir.file("pages", Open::Create).unwrap());
        for number in [0, 1, 2, 700, 701, 5] {
            pages.write_u64(number * PAGE + 8, number + 1).unwrap();
        }
        pages.flush().unwrap();
        assert_eq!(pages.unwritten(), 0);
        pages.write_u64(8, 99).unwrap();
        let mut again = Pages::new(dir.file("pages", Open::Write).unwrap());
        assert_eq!(again.end(), 702);
        for (number, value) in [
            (0, 1),
            (1, 2),
            (2, 3),
            (3, 0),
            (5, 6),
            (700, 701),
            (701, 702),
        ] {
            assert_eq!(again.read_u64(number * PAGE + 8).unwrap(), value);
        }
        assert_eq!(again.read_u64(1 << 60).unwrap(), 0, "beyond the end");
    }

    #[test]
    fn a_full_cache_drops_nothing_that_was_not_written() {
        let home = tempfile::tempdir().unwrap();
        let dir = Dir::open(home.path()).unwrap();
        let mut pages = Pages::new(dir.file("pages", Open::Create).unwrap());
        let wide = MOST as u64 + 10;
        for number in 0..wide {
            if number % 100 == 0 {
                pages.write_u64(number * PAGE, number + 1).unwrap();
            } else {
                pages.read_u64(number * PAGE).unwrap();
            }
        }
        assert!(pages.cache.len() < MOST);
        for number in (0..wide).step_by(100) {
            assert_eq!(pages.read_u64(number * PAGE).unwrap(), number + 1);
        }
        pages.flush().unwrap();
        let mut again = Pages::new(dir.file("pages", Open::Write).unwrap());
        assert_eq!(
            again.read_u64(wide / 100 * 100 * PAGE).unwrap(),
            wide / 100 * 100 + 1
        );
    }
}
