//! A derived file, read and written through a small cache of pages: one verb touches a few, a rebuild all of
//! them. Nothing is written before `flush`.

use std::collections::BTreeMap;

use super::{Error, File};

const PAGE: u64 = 4096;
const PAGE_LEN: usize = 4096;
/// 256 MiB in memory, then the dirty ones go to the file.
const MOST: usize = 65_536;

struct Page {
    bytes: [u8; PAGE_LEN],
    dirty: bool,
}

pub(crate) struct Pages {
    file: File,
    cache: BTreeMap<u64, Box<Page>>,
    /// Pages from here on are known to be empty: a file that is being made anew is not read.
    end: u64,
}

impl Pages {
    pub(crate) fn new(file: File) -> Self {
        let end = file.opened().size.div_ceil(PAGE);
        Self {
            file,
            cache: BTreeMap::new(),
            end,
        }
    }

    /// Forgets all content, in memory and in the file.
    pub(crate) fn clear(&mut self) -> Result<(), Error> {
        self.cache.clear();
        self.end = 0;
        self.file.truncate(0)
    }

    fn page(&mut self, number: u64) -> Result<&mut Page, Error> {
        if self.cache.len() >= MOST && !self.cache.contains_key(&number) {
            self.flush()?;
            self.cache.clear();
        }
        let (file, end) = (&self.file, self.end);
        match self.cache.entry(number) {
            std::collections::btree_map::Entry::Occupied(found) => Ok(found.into_mut()),
            std::collections::btree_map::Entry::Vacant(room) => {
                let mut page = Box::new(Page {
                    bytes: [0; PAGE_LEN],
                    dirty: false,
                });
                if number < end {
                    file.read_at(number * PAGE, &mut page.bytes)?;
                }
                Ok(room.insert(page))
            }
        }
    }

    pub(crate) fn read<const N: usize>(&mut self, offset: u64) -> Result<[u8; N], Error> {
        let mut out = [0; N];
        let (at, page) = ((offset % PAGE) as usize, self.page(offset / PAGE)?);
        // Every field of ours lies within one page.
        out.copy_from_slice(&page.bytes[at..at + N]);
        Ok(out)
    }

    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let (at, page) = ((offset % PAGE) as usize, self.page(offset / PAGE)?);
        page.bytes[at..at + bytes.len()].copy_from_slice(bytes);
        page.dirty = true;
        Ok(())
    }

    pub(crate) fn read_u64(&mut self, offset: u64) -> Result<u64, Error> {
        self.read(offset).map(u64::from_le_bytes)
    }

    pub(crate) fn write_u64(&mut self, offset: u64, value: u64) -> Result<(), Error> {
        self.write(offset, &value.to_le_bytes())
    }

    /// Writes what changed, neighbouring pages together.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        let mut run: Vec<u8> = Vec::new();
        let mut start = 0;
        for (&number, page) in &mut self.cache {
            if !page.dirty {
                continue;
            }
            if !run.is_empty()
                && (start * PAGE + run.len() as u64 != number * PAGE || run.len() > 1 << 20)
            {
                self.file.write_at(start * PAGE, &run)?;
                run.clear();
            }
            if run.is_empty() {
                start = number;
            }
            run.extend_from_slice(&page.bytes);
            page.dirty = false;
            self.end = self.end.max(number + 1);
        }
        if !run.is_empty() {
            self.file.write_at(start * PAGE, &run)?;
        }
        Ok(())
    }

    /// Writes past the cache, at once.
    pub(crate) fn write_now(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        self.write(offset, bytes)?;
        self.file.write_at(offset, bytes)
    }
}
