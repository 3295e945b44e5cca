//! One segment: documents in the order in which they came, their words, and the terms that lead to them.
//!
//! In the file: a head of one page; `rows`, one a document; `times` of the documents, each beside a sum of what
//! it says, and the `spans` of those of a page;
//! `words` of each document in their order; `names` of agents and kinds; `terms`, sorted, and `buckets` that say
//! where in them those begin whose first bits are the same; the lists of documents (`postings`).

use std::cell::RefCell;
use std::collections::HashMap;

use xxhash_rust::xxh3::xxh3_64;

use super::disk::{Ahead, Aside, FORMAT, Listed, Part, Source, segment_name, sum};
use super::postings::{Cursor, Encoder, Found, NO_MORE};
use super::sheet::{
    Filling, PAGE, Page, Sheet, extent, per_page, take, take_i64, take_u32, take_u64,
};
use super::{Error, Term};
use crate::store::Dir;

const MAGIC: &[u8; 8] = b"dreamidx";
pub(super) const ROW: usize = 46;
pub(super) const TIME: usize = 16;
const SPAN: usize = 16;
const TERM: usize = 21;
const BUCKET: usize = 4;
/// So many terms begin with the same bits, on average.
const BUCKET_TERMS: u64 = 64;
const MOST_BITS: u32 = 24;
/// Of a document as many words are kept in their order.
pub(super) const MOST_WORDS: usize = 192;
const LONGEST_NAME: usize = u16::MAX as usize;

/// What is known of a document besides its terms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) at: i64,
    pub(super) offset: u64,
    /// Of its words, in the part of the segment that holds them.
    pub(super) words: u64,
    pub(super) length: u32,
    pub(super) day: u32,
    /// Of the names of its agent and kind, in their part of the segment.
    pub(super) agent: u32,
    pub(super) kind: u32,
    pub(super) weight: f32,
    /// How many words are kept.
    pub(super) kept: u16,
}

impl Row {
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        for number in [self.at.cast_unsigned(), self.offset, self.words] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [
            self.length,
            self.day,
            self.agent,
            self.kind,
            self.weight.to_bits(),
        ] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.kept.to_le_bytes());
    }

    pub(super) fn read(mut bytes: &[u8]) -> Self {
        let bytes = &mut bytes;
        Self {
            at: take_i64(bytes),
            offset: take_u64(bytes),
            words: take_u64(bytes),
            length: take_u32(bytes),
            day: take_u32(bytes),
            agent: take_u32(bytes),
            kind: take_u32(bytes),
            weight: f32::from_bits(take_u32(bytes)),
            kept: take(bytes).map_or(0, u16::from_le_bytes),
        }
    }
}

/// An open segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) source: Source,
    /// The ordinal of its first document.
    pub(super) first: u32,
    pub(super) docs: u32,
    /// Of its documents.
    pub(super) span: (i64, i64),
    rows: Sheet,
    times: Sheet,
    spans: Sheet,
    terms: Sheet,
    buckets: Sheet,
    bits: u32,
    words: (u64, u64),
    names: (u64, u64),
    postings: (u64, u64),
    /// Names that were read: few are of nearly all documents.
    known: RefCell<HashMap<u32, String>>,
}

/// So many names are kept.
const MOST_KNOWN: usize = 1024;
const HEAD_SUM: usize = PAGE - 4;

/// Where the parts of a segment lie; the others follow from the number of its documents.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    docs: u32,
    span: (i64, i64),
    words: (u64, u64),
    names: (u64, u64),
    terms: (u64, u64),
    buckets: u64,
    bits: u32,
    postings: (u64, u64),
}

impl Plan {
    fn rows(&self) -> Sheet {
        Sheet {
            at: PAGE as u64,
            count: u64::from(self.docs),
            size: ROW,
        }
    }

    fn times(&self) -> Sheet {
        Sheet {
            at: self.rows().end(),
            count: u64::from(self.docs),
            size: TIME,
        }
    }

    fn spans(&self) -> Sheet {
        Sheet {
            at: self.times().end(),
            count: self.times().pages(),
            size: SPAN,
        }
    }

    fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(PAGE);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&FORMAT.to_le_bytes());
        head.extend_from_slice(&self.docs.to_le_bytes());
        head.extend_from_slice(&self.bits.to_le_bytes());
        head.extend_from_slice(&self.span.0.to_le_bytes());
        head.extend_from_slice(&self.span.1.to_le_bytes());
        for (start, end) in [self.words, self.names, self.terms, self.postings] {
            head.extend_from_slice(&start.to_le_bytes());
            head.extend_from_slice(&end.to_le_bytes());
        }
        head.extend_from_slice(&self.buckets.to_le_bytes());
        head.resize(HEAD_SUM, 0);
        let told = sum(&head, 0);
        head.extend_from_slice(&told.to_le_bytes());
        head
    }
}

impl Segment {
    /// `None`: it is not there. A writer that merged it away may have removed it a moment ago.
    pub(super) fn open(dir: &Dir, listed: Listed, first: u32) -> Result<Option<Self>, Error> {
        let name = segment_name(listed.number);
        let Some(source) = Source::open(dir, &name)? else {
            return Ok(None);
        };
        let mut head = vec![0; PAGE];
        source.read(0, &mut head)?;
        let mut rest = head
            .strip_prefix(MAGIC)
            .ok_or_else(|| source.broken("it is no segment of an index"))?;
        let format = take_u32(&mut rest);
        if format > FORMAT {
            return Err(source.broken("a newer version wrote it"));
        }
        let told = sum(&head[..HEAD_SUM], 0);
        if format != FORMAT || head[HEAD_SUM..] != told.to_le_bytes() {
            return Err(source.broken("the sum of its head does not fit"));
        }
        let docs = take_u32(&mut rest);
        if told != listed.sum || docs != listed.docs {
            return Err(source.broken("it is not the one that the list names"));
        }
        let bits = take_u32(&mut rest);
        let span = (take_i64(&mut rest), take_i64(&mut rest));
        let mut part = || (take_u64(&mut rest), take_u64(&mut rest));
        let (words, names, terms, postings) = (part(), part(), part(), part());
        let buckets = take_u64(&mut rest);
        let plan = Plan {
            docs,
            span,
            words,
            names,
            terms,
            buckets,
            bits,
            postings,
        };
        if postings.1 > source.size() {
            return Err(source.broken("it is shorter than it says"));
        }
        Ok(Some(Self {
            first,
            docs,
            span,
            rows: plan.rows(),
            times: plan.times(),
            spans: plan.spans(),
            terms: Sheet {
                at: terms.0,
                count: terms.1,
                size: TERM,
            },
            buckets: Sheet {
                at: buckets,
                count: (1 << bits.min(MOST_BITS)) + 1,
                size: BUCKET,
            },
            bits: bits.min(MOST_BITS),
            words,
            names,
            known: RefCell::default(),
            postings,
            source,
        }))
    }

    pub(super) fn find(&self, term: Term, page: &mut Page) -> Result<Option<Found>, Error> {
        let bucket = if self.bits == 0 {
            0
        } else {
            term >> (64 - self.bits)
        };
        let mut bound = |index| {
            let record = self.buckets.record(&self.source, index, page)?;
            Ok::<_, Error>(record.try_into().map_or(0, u32::from_le_bytes))
        };
        let (mut low, mut high) = (u64::from(bound(bucket)?), u64::from(bound(bucket + 1)?));
        if high > self.terms.count {
            return Err(self.source.broken("it names what it does not hold"));
        }
        while low < high {
            let middle = low + (high - low) / 2;
            let (found, told) = self.term(middle, page)?;
            match found.cmp(&term) {
                std::cmp::Ordering::Equal => return Ok(Some(told)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    pub(super) fn term(&self, index: u64, page: &mut Page) -> Result<(Term, Found), Error> {
        let mut record = self.terms.record(&self.source, index, page)?;
        let record = &mut record;
        let term = take_u64(record);
        let found = Found {
            count: take_u32(record),
            place: take_u64(record),
            greatest: record.first().copied().unwrap_or(0),
        };
        Ok((term, found))
    }

    pub(super) const fn term_count(&self) -> u64 {
        self.terms.count
    }

    pub(super) fn cursor(&self, found: Found) -> Result<Cursor<'_>, Error> {
        let mut cursor = Cursor::new(&self.source, self.postings.1, self.docs);
        cursor.open(found)?;
        Ok(cursor)
    }

    /// All documents of a term, in their order; the cursor is one of this segment.
    fn each(
        &self,
        found: Found,
        cursor: &mut Cursor<'_>,
        mut take: impl FnMut(u32, u8),
    ) -> Result<(), Error> {
        let absent = || {
            self.source
                .broken("a term names a document that is not there")
        };
        if found.count == 1 {
            let doc = u32::try_from(found.place).map_err(|_| absent())?;
            if doc >= self.docs {
                return Err(absent());
            }
            take(doc, found.greatest);
            return Ok(());
        }
        cursor.open(found)?;
        while cursor.doc() != NO_MORE {
            if cursor.doc() >= self.docs {
                return Err(absent());
            }
            take(cursor.doc(), cursor.impact());
            cursor.advance()?;
        }
        Ok(())
    }

    pub(super) fn row(&self, doc: u32, page: &mut Page) -> Result<Row, Error> {
        let record = self.rows.record(&self.source, u64::from(doc), page)?;
        Ok(Row::read(record))
    }

    /// The words of a document in their order.
    pub(super) fn words(&self, row: &Row, out: &mut Vec<u32>) -> Result<(), Error> {
        let (at, length) = self.place_of_words(row)?;
        let mut bytes = [0; 4 + MOST_WORDS * 4];
        let bytes = &mut bytes[..length];
        self.source.read(at, bytes)?;
        let rest = self.checked_words(row, bytes)?;
        out.clear();
        out.extend(
            rest.chunks_exact(4)
                .map(|it| it.try_into().map_or(0, u32::from_le_bytes)),
        );
        Ok(())
    }

    /// The same as they lie there, four bytes each, for who reads one document after the other.
    fn words_in_turn<'a>(&self, row: &Row, ahead: &'a mut Ahead) -> Result<&'a [u8], Error> {
        let (at, length) = self.place_of_words(row)?;
        let bytes = ahead.read(&self.source, at, length, self.words.1)?;
        self.checked_words(row, bytes)
    }

    /// With the sum before them.
    fn place_of_words(&self, row: &Row) -> Result<(u64, usize), Error> {
        let length = 4 + usize::from(row.kept).min(MOST_WORDS) * 4;
        let at = self.words.0.saturating_add(row.words);
        if at.saturating_add(length as u64) > self.words.1 {
            return Err(self.source.broken("it names what it does not hold"));
        }
        Ok((at, length))
    }

    fn checked_words<'a>(&self, row: &Row, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        let (told, rest) = bytes.split_at(4);
        if told != sum(rest, row.words).to_le_bytes() {
            return Err(self
                .source
                .broken("the sum of the words of a fragment does not fit"));
        }
        Ok(rest)
    }

    pub(super) fn name(&self, place: u32) -> Result<String, Error> {
        if let Some(name) = self.known.borrow().get(&place) {
            return Ok(name.clone());
        }
        let name = self.name_read(place)?;
        let mut known = self.known.borrow_mut();
        if known.len() < MOST_KNOWN {
            known.insert(place, name.clone());
        }
        Ok(name)
    }

    fn name_read(&self, place: u32) -> Result<String, Error> {
        let at = self.names.0 + u64::from(place);
        let mut head = [0; 6];
        let bad = || self.source.broken("it names what it does not hold");
        if at + head.len() as u64 > self.names.1 {
            return Err(bad());
        }
        self.source.read(at, &mut head)?;
        let length = usize::from(u16::from_le_bytes([head[4], head[5]]));
        let mut name = vec![0; length];
        if at + (head.len() + length) as u64 > self.names.1 {
            return Err(bad());
        }
        self.source.read(at + head.len() as u64, &mut name)?;
        if head[..4] != sum(&name, u64::from(place)).to_le_bytes() {
            return Err(self.source.broken("the sum of a name does not fit"));
        }
        String::from_utf8(name).map_err(|_| bad())
    }

    pub(super) const fn time_pages(&self) -> u64 {
        self.spans.count
    }

    /// The page of times that a document is on.
    pub(super) fn page_of(doc: u32) -> u64 {
        u64::from(doc) / per_page(TIME)
    }

    /// The documents of a page of times.
    pub(super) fn on_page(&self, number: u64) -> std::ops::Range<u32> {
        let first = number * per_page(TIME);
        let end = (first + per_page(TIME)).min(u64::from(self.docs));
        let doc = |it| u32::try_from(it).unwrap_or(self.docs);
        doc(first)..doc(end)
    }

    /// First and last time of the documents of a page of times.
    pub(super) fn span_of(&self, number: u64, page: &mut Page) -> Result<(i64, i64), Error> {
        let mut record = self.spans.record(&self.source, number, page)?;
        Ok((take_i64(&mut record), take_i64(&mut record)))
    }

    /// The same for documents whose words are the same, as far as they are kept.
    pub(super) fn said(&self, doc: u32, page: &mut Page) -> Result<u64, Error> {
        let mut record = self.times.record(&self.source, u64::from(doc), page)?;
        take_i64(&mut record);
        Ok(take_u64(&mut record))
    }

    pub(super) fn time(&self, doc: u32, page: &mut Page) -> Result<i64, Error> {
        let mut record = self.times.record(&self.source, u64::from(doc), page)?;
        Ok(take_i64(&mut record))
    }
}

/// The names of agents and kinds that a new segment holds, and where.
#[derive(Default)]
pub(super) struct Names {
    places: HashMap<String, u32, foldhash::fast::FixedState>,
    bytes: Vec<u8>,
}

impl Names {
    pub(super) fn place(&mut self, name: &str) -> u32 {
        let name = &name[..name.floor_char_boundary(LONGEST_NAME)];
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        let place = u32::try_from(self.bytes.len()).unwrap_or(u32::MAX);
        let told = sum(name.as_bytes(), u64::from(place));
        self.bytes.extend_from_slice(&told.to_le_bytes());
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(name.as_bytes());
        self.places.insert(name.to_owned(), place);
        place
    }

    pub(super) fn weight(&self) -> usize {
        self.bytes.len() * 3
    }

    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.bytes.clear();
    }
}

/// A segment that is being written: first the documents one by one, then the terms in their order.
pub(super) struct Making<'a> {
    number: u64,
    aside: &'a Aside,
    plan: Plan,
    rows: Filling<'a>,
    times: Filling<'a>,
    spans: Filling<'a>,
    words: Part<'a>,
    page_span: Option<(i64, i64)>,
    row: Vec<u8>,
}

/// The second half of it.
pub(super) struct Listing<'a> {
    number: u64,
    aside: &'a Aside,
    plan: Plan,
    terms: Filling<'a>,
    postings: Part<'a>,
    /// How many terms lie before each bucket.
    buckets: Vec<u32>,
}

impl<'a> Making<'a> {
    pub(super) fn new(number: u64, aside: &'a Aside, docs: u32) -> Self {
        let mut plan = Plan {
            docs,
            span: (i64::MAX, i64::MIN),
            ..Plan::default()
        };
        plan.words.0 = plan.spans().end();
        Self {
            number,
            aside,
            rows: Filling::new(aside.part(plan.rows().at), ROW),
            times: Filling::new(aside.part(plan.times().at), TIME),
            spans: Filling::new(aside.part(plan.spans().at), SPAN),
            words: aside.part(plan.words.0),
            plan,
            page_span: None,
            row: Vec::with_capacity(ROW),
        }
    }

    /// `words` as they lie in memory: four bytes each.
    pub(super) fn document(&mut self, row: &Row, words: &[u8]) -> Result<(), Error> {
        let place = self.words.at() - self.plan.words.0;
        let row = Row {
            words: place,
            ..*row
        };
        self.words.put(&sum(words, place).to_le_bytes())?;
        self.words.put(words)?;
        self.row.clear();
        row.put(&mut self.row);
        self.rows.push(&self.row)?;
        if self.times.count() > 0 && self.times.count().is_multiple_of(per_page(TIME)) {
            self.turn()?;
        }
        let mut time = [0; TIME];
        time[..8].copy_from_slice(&row.at.to_le_bytes());
        time[8..].copy_from_slice(&xxh3_64(words).to_le_bytes());
        self.times.push(&time)?;
        let widened = |(from, to): (i64, i64)| (from.min(row.at), to.max(row.at));
        self.page_span = Some(widened(self.page_span.unwrap_or((row.at, row.at))));
        self.plan.span = widened(self.plan.span);
        Ok(())
    }

    fn turn(&mut self) -> Result<(), Error> {
        if let Some((from, to)) = self.page_span.take() {
            let mut span = [0; SPAN];
            span[..8].copy_from_slice(&from.to_le_bytes());
            span[8..].copy_from_slice(&to.to_le_bytes());
            self.spans.push(&span)?;
        }
        Ok(())
    }

    /// All documents are there. At most `most_terms` follow.
    pub(super) fn terms(mut self, names: &Names, most_terms: u64) -> Result<Listing<'a>, Error> {
        self.turn()?;
        self.rows.finish()?;
        self.times.finish()?;
        self.spans.finish()?;
        let mut plan = self.plan;
        plan.words.1 = self.words.finish()?;
        let mut part = self.aside.part(plan.words.1);
        part.put(&names.bytes)?;
        plan.names = (plan.words.1, part.finish()?);
        let on_a_page = |at: u64| at.next_multiple_of(PAGE as u64);
        plan.bits = (most_terms / BUCKET_TERMS)
            .checked_ilog2()
            .map_or(0, |bits| (bits + 1).min(MOST_BITS));
        let buckets = (1_usize << plan.bits) + 1;
        plan.buckets = on_a_page(plan.names.1);
        plan.terms.0 = plan.buckets + extent(buckets as u64, BUCKET);
        let postings = plan.terms.0 + extent(most_terms, TERM);
        plan.postings = (postings, postings);
        Ok(Listing {
            number: self.number,
            aside: self.aside,
            terms: Filling::new(self.aside.part(plan.terms.0), TERM),
            postings: self.aside.part(postings),
            plan,
            buckets: vec![0; buckets],
        })
    }
}

impl Listing<'_> {
    /// Terms come in their order, each once.
    pub(super) fn term(&mut self, term: Term, documents: &mut Encoder) -> Result<(), Error> {
        let (found, head, blocks) = documents.finish(self.postings.at());
        self.postings.put(&head)?;
        self.postings.put(blocks)?;
        let mut record = [0; TERM];
        record[..8].copy_from_slice(&term.to_le_bytes());
        record[8..12].copy_from_slice(&found.count.to_le_bytes());
        record[12..20].copy_from_slice(&found.place.to_le_bytes());
        record[20] = found.greatest;
        self.terms.push(&record)?;
        let bits = self.plan.bits;
        let bucket = if bits == 0 { 0 } else { term >> (64 - bits) };
        self.buckets[usize::try_from(bucket).unwrap_or(0) + 1] += 1;
        Ok(())
    }

    /// Writes the head at last and flushes: until then it is no segment.
    pub(super) fn finish(mut self) -> Result<Listed, Error> {
        self.plan.terms.1 = self.terms.finish()?.count;
        let mut buckets = Filling::new(self.aside.part(self.plan.buckets), BUCKET);
        let mut before = 0;
        for count in &self.buckets {
            before += count;
            buckets.push(&u32::to_le_bytes(before))?;
        }
        buckets.finish()?;
        self.plan.postings.1 = self.postings.finish()?;
        let head = self.plan.head();
        let mut part = self.aside.part(0);
        part.put(&head)?;
        part.finish()?;
        self.aside.sync()?;
        Ok(Listed {
            number: self.number,
            docs: self.plan.docs,
            sum: sum(&head[..HEAD_SUM], 0),
        })
    }
}

/// Writes one segment in place of several that follow one another.
pub(super) fn merge(segments: &[&Segment], number: u64, aside: &Aside) -> Result<Listed, Error> {
    let docs = segments.iter().map(|it| it.docs).sum();
    let mut making = Making::new(number, aside, docs);
    let mut names = Names::default();
    for segment in segments {
        let mut known: HashMap<u32, u32, foldhash::fast::FixedState> = HashMap::default();
        let (mut page, mut ahead) = (Page::ahead(), Ahead::default());
        for doc in 0..segment.docs {
            let mut row = segment.row(doc, &mut page)?;
            for place in [&mut row.agent, &mut row.kind] {
                if let Some(&new) = known.get(place) {
                    *place = new;
                } else {
                    let new = names.place(&segment.name(*place)?);
                    known.insert(*place, new);
                    *place = new;
                }
            }
            making.document(&row, segment.words_in_turn(&row, &mut ahead)?)?;
        }
    }
    let most_terms = segments.iter().map(|it| it.term_count()).sum();
    let mut listing = making.terms(&names, most_terms)?;
    merge_terms(segments, &mut listing)?;
    listing.finish()
}

/// A place in the terms of one segment.
struct Reading<'s> {
    segment: &'s Segment,
    /// The number of its first document in the new segment.
    base: u32,
    next: u64,
    page: Page,
    /// Of the list at hand: it keeps what it read ahead of the next.
    cursor: Cursor<'s>,
    term: Option<(Term, Found)>,
}

impl Reading<'_> {
    fn advance(&mut self) -> Result<(), Error> {
        self.term = None;
        if self.next < self.segment.term_count() {
            self.term = Some(self.segment.term(self.next, &mut self.page)?);
            self.next += 1;
        }
        Ok(())
    }
}

fn merge_terms(segments: &[&Segment], listing: &mut Listing<'_>) -> Result<(), Error> {
    let mut base = 0;
    let mut readings = Vec::new();
    for segment in segments {
        let mut reading = Reading {
            segment,
            base,
            next: 0,
            page: Page::ahead(),
            cursor: Cursor::new(&segment.source, segment.postings.1, segment.docs),
            term: None,
        };
        reading.advance()?;
        readings.push(reading);
        base += segment.docs;
    }
    let mut encoder = Encoder::new();
    while let Some(least) = readings.iter().filter_map(|it| Some(it.term?.0)).min() {
        encoder.clear();
        for reading in &mut readings {
            let Some((term, found)) = reading.term else {
                continue;
            };
            if term != least {
                continue;
            }
            let base = reading.base;
            let each = |doc, impact| encoder.push(base + doc, impact);
            reading.segment.each(found, &mut reading.cursor, each)?;
            reading.advance()?;
        }
        listing.term(least, &mut encoder)?;
    }
    Ok(())
}
