//! `MaxScore` in windows: in each, the terms that can make a document one of the best by themselves are summed up one after
//! the other, and the others are looked up only for documents that they might lift among them.

use super::Error;
use super::best::Leaders;
use super::filter::Filter;
use super::postings::Cursor;
use super::segment::Segment;

/// So many documents are looked at together: their sums stay at hand.
const WINDOW: usize = 2048;
const BITS: usize = 64;

/// A term in one segment.
pub(super) struct Way<'s> {
    cursor: Cursor<'s>,
    factor: u64,
    /// What it adds in the window at most.
    most: u64,
}

impl<'s> Way<'s> {
    pub(super) const fn new(cursor: Cursor<'s>, factor: u32) -> Self {
        let factor = factor as u64;
        Self {
            cursor,
            factor,
            most: 0,
        }
    }
}

/// The sums of the documents of a window that hold anything.
struct Window {
    sums: Box<[u64; WINDOW]>,
    held: [u64; WINDOW / BITS],
}

impl Window {
    fn new() -> Self {
        Self {
            sums: Box::new([0; WINDOW]),
            held: [0; WINDOW / BITS],
        }
    }

    fn add(&mut self, way: &mut Way<'_>, start: u32, end: u32) -> Result<(), Error> {
        way.cursor.seek(start)?;
        let factor = way.factor;
        way.cursor.each_before(end, |doc, impact| {
            let at = (doc - start) as usize % WINDOW;
            self.sums[at] += factor * u64::from(impact);
            self.held[at / BITS] |= 1 << (at % BITS);
        })
    }

    /// The next of them and its sum, both in turn; the window is empty again after the last.
    fn take(&mut self, from: &mut usize) -> Option<(u32, u64)> {
        loop {
            let held = self.held.get_mut(*from)?;
            if *held == 0 {
                *from += 1;
                continue;
            }
            let at = *from * BITS + held.trailing_zeros() as usize;
            *held &= *held - 1;
            let sum = std::mem::take(&mut self.sums[at]);
            return Some((u32::try_from(at).unwrap_or(0), sum));
        }
    }
}

/// Offers every document that may be one of the best, in their order.
pub(super) fn walk(
    segment: &Segment,
    mut ways: Vec<Way<'_>>,
    filter: &mut Filter<'_>,
    best: &mut Leaders<'_>,
) -> Result<(), Error> {
    let mut window = Window::new();
    let mut bounds = Vec::with_capacity(ways.len());
    let mut start = filter.seek(0)?;
    while start < segment.docs {
        let size = u32::try_from(WINDOW).unwrap_or(u32::MAX);
        let end = start.saturating_add(size).min(segment.docs);
        for way in &mut ways {
            way.most = way.factor * u64::from(way.cursor.bound_within(start, end));
        }
        ways.sort_unstable_by_key(|way| way.most);
        bounds.clear();
        bounds.extend(ways.iter().scan(0, |sum, way| {
            *sum += way.most;
            Some(*sum)
        }));
        let mut needed = best.needed();
        let first = bounds.partition_point(|&bound| bound < needed);
        let (optional, essential) = ways.split_at_mut(first);
        for way in essential {
            window.add(way, start, end)?;
        }
        let mut from = 0;
        while let Some((at, sum)) = window.take(&mut from) {
            let doc = start + at;
            if let Some(sum) = with_optional(doc, sum, optional, &bounds[..first], needed)?
                && filter.seek(doc)? == doc
                && filter.is_within(doc)?
            {
                best.offer(sum, segment.first + doc)?;
                needed = best.needed();
            }
        }
        start = filter.seek(end)?;
    }
    Ok(())
}

/// The sum with what the other terms add; `None` where it is not what is needed. Those that may add most are asked first.
fn with_optional(
    doc: u32,
    mut sum: u64,
    optional: &mut [Way<'_>],
    bounds: &[u64],
    needed: u64,
) -> Result<Option<u64>, Error> {
    for (way, bound) in optional.iter_mut().zip(bounds).rev() {
        if sum + bound < needed {
            return Ok(None);
        }
        way.cursor.seek(doc)?;
        if way.cursor.doc() == doc {
            sum += way.factor * u64::from(way.cursor.impact());
        }
    }
    Ok((sum >= needed).then_some(sum))
}
