//! Which documents of a segment count at all.

use super::postings::{Cursor, NO_MORE};
use super::segment::Segment;
use super::sheet::Page;
use super::words::{Field, exact};
use super::{Error, Only};
use crate::time::Timestamp;

/// Which documents of one segment count.
pub(super) struct Filter<'s> {
    cursors: Vec<Cursor<'s>>,
    among: Option<Among<'s>>,
    times: Option<Times<'s>>,
}

/// Those that the caller names, and of these what is still ahead.
struct Among<'s> {
    first: u32,
    ahead: &'s [u32],
}

struct Times<'s> {
    segment: &'s Segment,
    from: i64,
    to: i64,
    /// By page of times.
    pages: Vec<Within>,
    page: Page,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    None,
    Some,
    All,
}

impl<'s> Filter<'s> {
    /// `None`: nothing in the segment counts.
    pub(super) fn new(segment: &'s Segment, only: &Only<'s>) -> Result<Option<Self>, Error> {
        let agent = only.agent.map(|it| exact(Field::Agent, it));
        let kind = only.kind.map(|it| exact(Field::Kind, it));
        let terms = only.terms.iter().map(|it| exact(Field::Extra, it));
        let mut page = Page::new();
        let mut cursors = Vec::new();
        for term in agent.into_iter().chain(kind).chain(terms) {
            let Some(found) = segment.find(term, &mut page)? else {
                return Ok(None);
            };
            cursors.push(segment.cursor(found)?);
        }
        cursors.sort_by_key(|it| it.found.count);
        let among = only.among.map(|all| Among::of(segment, all));
        if among.as_ref().is_some_and(|it| it.ahead.is_empty()) {
            return Ok(None);
        }
        let from = only.since.map_or(i64::MIN, Timestamp::unix_ms);
        let to = only.until.map_or(i64::MAX, Timestamp::unix_ms);
        if segment.span.1 < from || segment.span.0 > to {
            return Ok(None);
        }
        let times = if segment.span.0 >= from && segment.span.1 <= to {
            None
        } else {
            Some(Times::new(segment, from, to)?)
        };
        Ok(Some(Self {
            cursors,
            among,
            times,
        }))
    }

    /// Nothing is asked but when it was.
    pub(super) fn is_wide(&self) -> bool {
        self.cursors.is_empty() && self.among.is_none()
    }

    /// The first document from `doc` on that holds all that it must.
    pub(super) fn seek(&mut self, doc: u32) -> Result<u32, Error> {
        let mut aim = doc;
        'again: loop {
            for cursor in &mut self.cursors {
                cursor.seek(aim)?;
                if cursor.doc() != aim {
                    aim = cursor.doc();
                    if aim == NO_MORE {
                        return Ok(NO_MORE);
                    }
                    continue 'again;
                }
            }
            let named = self.among.as_mut().map_or(aim, |it| it.seek(aim));
            if named == aim || named == NO_MORE {
                return Ok(named);
            }
            aim = named;
        }
    }

    pub(super) fn is_within(&mut self, doc: u32) -> Result<bool, Error> {
        match &mut self.times {
            None => Ok(true),
            Some(times) => times.holds(doc),
        }
    }
}

impl<'s> Among<'s> {
    /// Those of all that lie in the segment.
    fn of(segment: &Segment, all: &'s [u32]) -> Self {
        let first = all.partition_point(|it| *it < segment.first);
        let end = all.partition_point(|it| *it < segment.first + segment.docs);
        Self {
            first: segment.first,
            ahead: &all[first..end],
        }
    }

    /// The first of them from `doc` on.
    fn seek(&mut self, doc: u32) -> u32 {
        let passed = self.ahead.partition_point(|it| it - self.first < doc);
        self.ahead = &self.ahead[passed..];
        self.ahead.first().map_or(NO_MORE, |it| it - self.first)
    }
}

impl<'s> Times<'s> {
    fn new(segment: &'s Segment, from: i64, to: i64) -> Result<Self, Error> {
        let mut page = Page::ahead();
        let pages = (0..segment.time_pages())
            .map(|number| {
                let (first, last) = segment.span_of(number, &mut page)?;
                Ok(if last < from || first > to {
                    Within::None
                } else if first >= from && last <= to {
                    Within::All
                } else {
                    Within::Some
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            segment,
            from,
            to,
            pages,
            page: Page::new(),
        })
    }

    fn holds(&mut self, doc: u32) -> Result<bool, Error> {
        let page = usize::try_from(Segment::page_of(doc)).unwrap_or(usize::MAX);
        match self.pages.get(page) {
            None | Some(Within::None) => Ok(false),
            Some(Within::All) => Ok(true),
            Some(Within::Some) => {
                let at = self.segment.time(doc, &mut self.page)?;
                Ok((self.from..=self.to).contains(&at))
            }
        }
    }
}
