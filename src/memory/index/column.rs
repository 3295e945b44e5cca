//! A number of every document, as that of its thread, in a file of its own: threads are merged later, documents never
//! change.

use super::Error;
use super::disk::{FORMAT, Source, replace, sum};
use super::sheet::{PAGE, Page, Sheet, pages, take_u32};
use crate::store::Dir;

const MAGIC: &[u8; 8] = b"dreamcol";
const HEAD: usize = 20;
const NUMBER: usize = 4;

/// One number a document, as they were when they were opened.
#[derive(Debug)]
pub struct Column {
    source: Source,
    sheet: Sheet,
}

impl Column {
    /// `None`: none were written.
    pub(crate) fn open(dir: &Dir, name: &str) -> Result<Option<Self>, Error> {
        let Some(source) = Source::open(dir, name)? else {
            return Ok(None);
        };
        let mut head = [0; HEAD];
        source.read(0, &mut head)?;
        let mut rest = head
            .strip_prefix(MAGIC)
            .ok_or_else(|| source.broken("it is no such file"))?;
        let format = take_u32(&mut rest);
        if format > FORMAT {
            return Err(source.broken("a newer version wrote it"));
        }
        let count = take_u32(&mut rest);
        if format != FORMAT || take_u32(&mut rest) != sum(&head[..HEAD - 4], 0) {
            return Err(source.broken("the sum of its head does not fit"));
        }
        let sheet = Sheet {
            at: PAGE as u64,
            count: u64::from(count),
            size: NUMBER,
        };
        if source.size() < sheet.end() {
            return Err(source.broken("it is shorter than it says"));
        }
        Ok(Some(Self { source, sheet }))
    }

    /// Of so many documents.
    pub fn len(&self) -> u64 {
        self.sheet.count
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `None`: the document was added after they were written.
    pub fn of(&self, ordinal: u32) -> Result<Option<u32>, Error> {
        let index = u64::from(ordinal);
        if index >= self.sheet.count {
            return Ok(None);
        }
        let mut page = Page::new();
        let mut record = self.sheet.record(&self.source, index, &mut page)?;
        Ok(Some(take_u32(&mut record)))
    }

    /// Of all documents, one number an ordinal.
    pub fn all(&self) -> Result<Vec<u32>, Error> {
        let mut page = Page::ahead();
        let mut all = Vec::with_capacity(usize::try_from(self.sheet.count).unwrap_or(0));
        for number in 0..self.sheet.pages() {
            let records = self.sheet.page(&self.source, number, &mut page)?;
            all.extend(records.chunks_exact(NUMBER).map(|mut it| take_u32(&mut it)));
        }
        Ok(all)
    }
}

/// Replaces the numbers of all documents: one an ordinal.
pub(crate) fn write_column(dir: &Dir, name: &str, numbers: &[u32]) -> Result<(), Error> {
    let count = u32::try_from(numbers.len()).map_err(|_| Error::Full {
        path: dir.path().join(name),
    })?;
    let mut bytes = Vec::with_capacity(PAGE);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    let told = sum(&bytes, 0);
    bytes.extend_from_slice(&told.to_le_bytes());
    bytes.resize(PAGE, 0);
    let records: Vec<u8> = numbers.iter().flat_map(|it| it.to_le_bytes()).collect();
    bytes.extend_from_slice(&pages(&records, NUMBER, PAGE));
    replace(dir, name, &bytes)
}
