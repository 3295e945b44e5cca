//! Reads the whole trail and says what was done to it.

use std::path::{Path, PathBuf};

use super::anchor::{self, ANCHOR, LIST};
use super::chain::{Break, Chain, Place};
use super::compare::{Purged, compare, finding};
use super::entry::Verdict;
use super::error::Error;
use super::hash::Head;
use super::record::{self, Raw};
use super::report::{Finding, Progress, Report, What};
use super::volumes::{OPEN, Volumes};
use crate::names::Verb;
use crate::root::Home;
use crate::store::{File, Line, Lines};

/// So many lines from one word about the progress to the next.
const WORD: u64 = 1 << 14;

/// Checks the chain, the `published` heads, and the journals and histories against the lists of the published anchors
/// and of the newest one. What is wrong is in the report, an error is only that nothing could be checked.
pub fn verify(
    home: &Home,
    published: &[Head],
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, Error> {
    let mut reading = Reading::new(home, published);
    match Volumes::look(home)? {
        Some(volumes) => reading.read_all(&volumes, progress)?,
        None => reading.paths.push(home.audit().join(OPEN)),
    }
    let mut report = reading.report()?;
    for finding in &mut report.findings {
        if let Ok(path) = finding.path.strip_prefix(home.dir()) {
            finding.path = path.to_owned();
        }
    }
    Ok(report)
}

/// A record that says how far journals and histories went.
struct Anchored {
    n: u64,
    /// Hash of the list.
    list: String,
    is_published: bool,
}

struct Reading<'h> {
    home: &'h Home,
    published: Vec<Published>,
    chain: Chain,
    records: u64,
    /// Those of published heads, and the newest.
    anchored: Vec<Anchored>,
    purged: Vec<Purged>,
    paths: Vec<PathBuf>,
    findings: Vec<(Place, Finding)>,
    place: Place,
}

struct Published {
    head: Head,
    found: Option<bool>,
    place: Place,
}

impl<'h> Reading<'h> {
    fn new(home: &'h Home, published: &[Head]) -> Self {
        let start = Place { file: 0, line: 0 };
        let published = published.iter().map(|head| Published {
            head: *head,
            found: None,
            place: start,
        });
        Self {
            home,
            published: published.collect(),
            chain: Chain::new(),
            records: 0,
            anchored: Vec::new(),
            purged: Vec::new(),
            paths: Vec::new(),
            findings: Vec::new(),
            place: start,
        }
    }

    fn read_all(
        &mut self,
        volumes: &Volumes,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), Error> {
        let mut total = volumes.open.as_ref().map_or(0, |(_, size)| *size);
        for closed in &volumes.closed {
            total += volumes.dir.ident(&closed.name)?.map_or(0, |it| it.size);
        }
        let mut done = 0;
        for nth in 0..volumes.len() {
            volumes.with(nth, |file, size| {
                self.begin(nth, file.path());
                self.read(file, size, &mut |at| {
                    let done = done + at;
                    progress(Progress { done, total });
                })?;
                done += size;
                Ok(())
            })?;
        }
        progress(Progress { done, total });
        Ok(())
    }

    fn begin(&mut self, file: usize, path: &Path) {
        self.place = Place { file, line: 0 };
        self.paths.push(path.to_owned());
    }

    fn read(&mut self, file: &File, size: u64, progress: &mut dyn FnMut(u64)) -> Result<(), Error> {
        let mut lines = Lines::new(file, 0, size);
        while let Some((at, _, line)) = lines.next()? {
            self.place.line += 1;
            match line {
                Line::Whole(line) => self.line(line),
                Line::Torn => self.found(None, What::Torn),
            }
            if self.place.line.is_multiple_of(WORD) {
                progress(at);
            }
        }
        Ok(())
    }

    fn found(&mut self, n: Option<u64>, what: What) {
        let path = self.paths[self.place.file].clone();
        let line = Some(self.place.line);
        self.findings.push((
            self.place,
            Finding {
                path,
                line,
                n,
                what,
            },
        ));
    }

    fn line(&mut self, line: &[u8]) {
        let raw = Raw::parse(line);
        let whole = raw.as_ref().and_then(|raw| Some((raw, raw.head()?)));
        let Some((raw, head)) = whole else {
            self.chain.broken();
            let n = raw.map(|raw| raw.n);
            let what = match (n, record::newer(line)) {
                (_, Some(format)) => What::Newer(format),
                (Some(_), None) => What::Edited,
                (None, None) => return self.foreign(),
            };
            return self.found(n, what);
        };
        self.records += 1;
        self.chain.record(head, raw.prev, self.place);
        self.compare(raw, head);
    }

    /// Such lines behind each other are one finding.
    fn foreign(&mut self) {
        let Place { file, line } = self.place;
        if let Some((place, it)) = self.findings.last_mut()
            && let What::Foreign { lines } = &mut it.what
            && (place.file, place.line + *lines) == (file, line)
        {
            *lines += 1;
        } else {
            self.found(None, What::Foreign { lines: 1 });
        }
    }

    fn compare(&mut self, raw: &Raw<'_>, head: Head) {
        let mut is_published = false;
        for it in self.published.iter_mut().filter(|it| it.head.n == head.n) {
            // Of two with that number the right one stands, and the chain tells of the other.
            it.found = Some(it.found == Some(true) || it.head.hash == head.hash);
            it.place = self.place;
            is_published = true;
        }
        if raw.verb == ANCHOR {
            self.anchored.retain(|it| it.is_published);
            self.anchored.extend(raw.detail(LIST).map(|list| Anchored {
                n: head.n,
                list,
                is_published,
            }));
        } else if raw.verb == Verb::AgentPurge.as_str() && raw.verdict == Verdict::Allowed {
            self.purged.push(Purged {
                n: head.n,
                agent: raw.target.to_owned(),
            });
        }
    }

    fn report(mut self) -> Result<Report, Error> {
        self.tell_breaks();
        self.tell_published();
        // Stable: of one place that comes first which was seen first.
        self.findings
            .sort_by_key(|(place, _)| (place.file, place.line));
        let last = self.chain.head();
        let mut report = Report {
            files: self.paths.len(),
            records: self.records,
            head: (self.records > 0).then_some(last),
            findings: self.findings.into_iter().map(|(_, it)| it).collect(),
            ..Report::default()
        };
        tell_lists_beyond(self.home, last.n, &mut report.findings)?;
        for it in &self.anchored {
            report.anchors.push(it.n);
            // Those of the last list count: it names what the others do, and more.
            report.intact = compare(
                self.home,
                it.n,
                &it.list,
                &self.purged,
                &mut report.findings,
            );
        }
        Ok(report)
    }

    fn tell_breaks(&mut self) {
        for (place, n, it) in self.chain.breaks() {
            let what = match it {
                Break::Missing { from, to } => What::Missing { from, to },
                Break::Moved { from, to } => What::Moved { from, to },
                Break::Inserted => What::Inserted,
                Break::Unlinked => What::Unlinked,
            };
            let finding = Finding {
                path: self.paths[place.file].clone(),
                line: Some(place.line),
                n: Some(n),
                what,
            };
            self.findings.push((place, finding));
        }
    }

    fn tell_published(&mut self) {
        let last = self.chain.head().n;
        for it in std::mem::take(&mut self.published) {
            let what = match it.found {
                Some(true) => continue,
                Some(false) => What::Rewritten,
                // Further up the chain has a break there, which is told.
                None if it.head.n <= last => continue,
                None => What::Truncated {
                    last,
                    known: it.head.n,
                },
            };
            if what == What::Rewritten {
                self.place = it.place;
            }
            self.found(Some(it.head.n), what);
        }
    }
}

/// A list of which there is no record any more.
fn tell_lists_beyond(home: &Home, last: u64, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let newest = anchor::newest(home)?.filter(|known| *known > last);
    let is_told = findings
        .iter()
        .any(|it| matches!(it.what, What::Truncated { .. }));
    if let Some(known) = newest.filter(|_| !is_told) {
        let path = anchor::path(home, known);
        findings.push(finding(path, What::Truncated { last, known }));
    }
    Ok(())
}
