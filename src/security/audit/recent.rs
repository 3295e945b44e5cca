//! The newest records, for whoever lists them.

use super::append::Trail;
use super::backwards::Backwards;
use super::entry::Verdict;
use super::error::Error;
use super::record::Record;
use super::volumes::{Closed, Volumes};
use crate::root::Home;
use crate::store::{File, Open};
use crate::time::Timestamp;

/// What is asked for; what is not said passes.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub who: Option<String>,
    pub verb: Option<String>,
    pub verdict: Option<Verdict>,
    pub since: Option<Timestamp>,
}

impl Filter {
    pub fn passes(&self, record: &Record) -> bool {
        let entry = &record.entry;
        self.who.as_ref().is_none_or(|who| *who == entry.who)
            && self.verb.as_ref().is_none_or(|verb| *verb == entry.verb)
            && self.verdict.is_none_or(|verdict| verdict == entry.verdict)
            && self.since.is_none_or(|since| record.at >= since)
    }
}

/// The last `most` records that pass, newest first. What is no record as it was written is passed over: `verify` tells
/// of it. No more is read than holds so many.
pub fn recent(home: &Home, filter: &Filter, most: usize) -> Result<Vec<Record>, Error> {
    let mut found = Vec::new();
    let Some(volumes) = Volumes::look(home)? else {
        return Ok(found);
    };
    for nth in (0..volumes.len()).rev() {
        let is_too_old = volumes
            .closed
            .get(nth)
            .is_some_and(|closed| filter.since.is_some_and(|since| closed.is_before(since)));
        if found.len() >= most || is_too_old {
            break;
        }
        volumes.with(nth, |file, size| {
            collect(file, size, filter, most, &mut found)
        })?;
    }
    Ok(found)
}

fn collect(
    file: &File,
    size: u64,
    filter: &Filter,
    most: usize,
    found: &mut Vec<Record>,
) -> Result<(), Error> {
    let mut lines = Backwards::new(file, size);
    // What stands behind the last newline counts for nothing.
    lines.next()?;
    while found.len() < most
        && let Some(line) = lines.next()?
    {
        let record = Record::parse(&line);
        found.extend(record.filter(|record| filter.passes(record)));
    }
    Ok(())
}

impl Trail {
    /// The newest records, newest first: those before the first that is older than `since`, at most `most`. What the
    /// open file does not reach back to is looked for in the one that was closed last; it holds so many that none
    /// before it is needed.
    pub(super) fn tail(&self, since: Timestamp, most: usize) -> Result<Vec<Record>, Error> {
        let mut found = Vec::new();
        if newest(self.file(), self.size(), since, most, &mut found)? {
            return Ok(found);
        }
        let last = Closed::all(self.dir())?.pop();
        if let Some(closed) = last.filter(|it| !it.is_before(since)) {
            let file = self.dir().file(&closed.name, Open::Read)?;
            newest(&file, file.size()?, since, most, &mut found)?;
        }
        Ok(found)
    }
}

/// Whether there is nothing before these that anybody wants.
fn newest(
    file: &File,
    size: u64,
    since: Timestamp,
    most: usize,
    found: &mut Vec<Record>,
) -> Result<bool, Error> {
    let mut lines = Backwards::new(file, size);
    lines.next()?;
    while found.len() < most {
        let Some(line) = lines.next()? else {
            return Ok(false);
        };
        match Record::parse(&line) {
            Some(record) if record.at < since => return Ok(true),
            record => found.extend(record),
        }
    }
    Ok(true)
}
