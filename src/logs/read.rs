//! Reads a channel line by line, from its oldest log to the one that is written to, through rotation and packing,
//! and goes on where it ended. No line is left out and none comes twice, unless its log was removed unread: that is
//! counted.

use std::collections::VecDeque;
use std::io::Read as _;
use std::sync::LazyLock;
use std::time::Duration;

use memchr::memmem::Finder;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::close::segments;
use super::error::Error;
use super::packed::unpack;
use super::segment::{Closed, Segment};
use crate::names::Channel;
use crate::root::Home;
use crate::store::{self, Dir, File, Open};
use crate::time::Timestamp;

const PIECE: usize = 256 << 10;
/// None of ours is nearly so long. Of a longer one, as of what unpacks to gigabytes, only the beginning is given out.
const MOST_LINE: usize = 32 << 20;
/// As long as any of ours.
const BEGINNING: usize = 64 << 10;
/// So much of its first line tells one log from another.
const HEAD: usize = 256;
/// The times of files lag behind the clock.
const SLACK: Duration = Duration::from_secs(1);
/// How a line of ours begins, and nothing within a line but an object of the same make.
static START: LazyLock<Finder> = LazyLock::new(|| Finder::new(br#"{"v":1,"ts":""#));
/// A log is looked for again so often while others rename and remove.
const TRIES: usize = 100;

/// How far a reader has come in a channel. Whoever keeps it goes on there, whatever was rotated meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The last closed log that was read to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Closed>,
    /// Of the first line of the log behind it; `None` where none of that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    head: Option<u64>,
    #[serde(default)]
    offset: u64,
}

impl Place {
    /// The last closed log that was read to its end.
    pub(super) const fn after(&self) -> Option<Closed> {
        self.after
    }
}

pub struct Reader {
    home: Home,
    channel: Channel,
    place: Place,
    open: Option<Opened>,
    /// The closed logs that follow, as they were when somebody last looked: all that are closed later follow them.
    ahead: VecDeque<Segment>,
    buffer: Vec<u8>,
    /// The part of the buffer that was not given out yet.
    start: usize,
    /// It is in the middle of a line of which no more is given out.
    is_too_long: bool,
    lost: u64,
}

struct Opened {
    segment: Segment,
    source: Source,
}

enum Source {
    Plain {
        file: File,
        at: u64,
    },
    Packed {
        from: Box<dyn std::io::Read + Send>,
        path: std::path::PathBuf,
    },
}

/// One line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raw<'l> {
    Whole(&'l [u8]),
    /// What a crash or a full disk cut off: the last of a closed log, or what another line came behind. Or the beginning
    /// of what is too long to be a line.
    Torn(&'l [u8]),
}

impl<'l> Raw<'l> {
    pub const fn bytes(self) -> &'l [u8] {
        match self {
            Self::Whole(line) | Self::Torn(line) => line,
        }
    }
}

impl Reader {
    pub fn new(home: &Home, channel: Channel, place: Place) -> Self {
        Self {
            home: home.clone(),
            channel,
            place,
            open: None,
            ahead: VecDeque::new(),
            buffer: Vec::new(),
            start: 0,
            is_too_long: false,
            lost: 0,
        }
    }

    /// Without the logs that were closed before, and that nobody has written to since: they hold nothing later. The time
    /// in a name alone does not tell: it is that at which whoever closed it began to.
    pub fn since(home: &Home, channel: Channel, since: Timestamp) -> Result<Self, Error> {
        let mut reader = Self::new(home, channel, Place::default());
        let Some(logs) = reader.logs()? else {
            return Ok(reader);
        };
        for segment in behind(&logs, channel, None)? {
            let Some(ident) = logs.ident(&segment.to_string())? else {
                break;
            };
            let ms = i64::try_from(ident.mtime_ns / 1_000_000).unwrap_or(i64::MAX);
            let closed = segment.closed.map_or(since, Closed::time);
            let last = closed.max(Timestamp::from_unix_ms(ms));
            if last.plus(SLACK) >= since {
                break;
            }
            reader.place.after = segment.closed;
        }
        Ok(reader)
    }

    /// From the log behind a closed one, or from the oldest.
    pub(super) fn after(home: &Home, channel: Channel, after: Option<Closed>) -> Self {
        let place = Place {
            after,
            ..Place::default()
        };
        Self::new(home, channel, place)
    }

    /// The closed logs that it will read, as it is now.
    pub(super) fn closed(&self) -> Result<Vec<Closed>, Error> {
        let segments = self.segments()?.into_iter();
        let closed = segments.filter_map(|it| it.closed);
        Ok(closed.filter(|it| Some(*it) > self.place.after).collect())
    }

    /// Behind all that is there now.
    pub fn end(home: &Home, channel: Channel) -> Result<Self, Error> {
        let mut reader = Self::new(home, channel, Place::default());
        reader.place.after = reader
            .segments()?
            .into_iter()
            .filter_map(|it| it.closed)
            .max();
        while reader.next()?.is_some() {}
        Ok(reader)
    }

    pub const fn channel(&self) -> Channel {
        self.channel
    }

    /// Behind the last line that was given out.
    pub const fn place(&self) -> Place {
        self.place
    }

    /// How many logs were removed before they were read to their end.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// The next line; `None` where there is no more, for now.
    #[expect(
        clippy::should_implement_trait,
        reason = "a line is lent out of the buffer"
    )]
    pub fn next(&mut self) -> Result<Option<Raw<'_>>, Error> {
        let mut searched = 0;
        loop {
            if self.is_too_long {
                self.pass_over();
                searched = 0;
            }
            let unseen = &self.buffer[self.start + searched..];
            if let Some(end) = memchr::memchr(b'\n', unseen) {
                let (from, to) = (self.start, self.start + searched + end);
                self.start = to + 1;
                if self.place.offset == 0 {
                    self.place.head = Some(head_of(&self.buffer[from..=to]));
                }
                if let Some(rest) = behind_torn(&self.buffer[from..to]) {
                    self.start = from + rest;
                    self.place.offset += rest as u64;
                    return Ok(Some(Raw::Torn(&self.buffer[from..from + rest])));
                }
                self.place.offset += (to + 1 - from) as u64;
                return Ok(Some(Raw::Whole(&self.buffer[from..to])));
            }
            searched = self.buffer.len() - self.start;
            if searched >= MOST_LINE {
                return Ok(Some(self.beginning()));
            }
            if self.fill()? {
                continue;
            }
            if self.open.is_none() {
                if !self.open_next()? {
                    return Ok(None);
                }
                searched = 0;
                continue;
            }
            if !self.is_closed()? {
                // What has no end yet may be taken back by its writer.
                if self.rewind()? {
                    searched = 0;
                    continue;
                }
                return Ok(None);
            }
            // What came between the last read and the renaming.
            if self.fill()? {
                continue;
            }
            if self.is_too_long {
                self.start = self.buffer.len();
            }
            self.finish();
            searched = 0;
            let rest = self.start;
            if rest < self.buffer.len() {
                self.start = self.buffer.len();
                return Ok(Some(Raw::Torn(&self.buffer[rest..])));
            }
        }
    }

    /// Of a line that has no end yet and is too long already: the rest of it is passed over.
    fn beginning(&mut self) -> Raw<'_> {
        let (from, to) = (self.start, self.start + BEGINNING);
        if self.place.offset == 0 {
            self.place.head = Some(head_of(&self.buffer[from..to]));
        }
        self.start = to;
        self.place.offset += BEGINNING as u64;
        self.is_too_long = true;
        Raw::Torn(&self.buffer[from..to])
    }

    /// As far as the line goes of which the beginning was given out, or the buffer. A line of ours that came behind it is
    /// no part of it: what may be the beginning of one stays.
    fn pass_over(&mut self) {
        let unseen = &self.buffer[self.start..];
        let end = memchr::memchr(b'\n', unseen);
        let passed = match end {
            Some(end) => behind_torn(&unseen[..end]).unwrap_or(end + 1),
            None => unseen.len().saturating_sub(BEGINNING),
        };
        self.start += passed;
        self.place.offset += passed as u64;
        self.is_too_long = end.is_none();
    }

    fn logs(&self) -> Result<Option<Dir>, Error> {
        match Dir::of(&self.home, &self.home.logs()) {
            Err(error) if error.is_absent() => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    fn segments(&self) -> Result<Vec<Segment>, Error> {
        let Some(logs) = self.logs()? else {
            return Ok(Vec::new());
        };
        Ok(behind(&logs, self.channel, None)?)
    }

    /// More bytes; `false` at the end of what is open, or where nothing is.
    fn fill(&mut self) -> Result<bool, Error> {
        let Some(open) = &mut self.open else {
            return Ok(false);
        };
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let held = self.buffer.len();
        self.buffer.resize(held + PIECE, 0);
        let read = open.source.read(&mut self.buffer[held..]);
        self.buffer.truncate(held + *read.as_ref().unwrap_or(&0));
        if matches!(read, Err(Error::Unreadable { .. })) {
            // It is told once; whoever asks again gets the next log.
            self.finish();
            self.buffer.clear();
        }
        Ok(read? > 0)
    }

    /// To behind the last whole line. Where somebody has cut the log off, to its beginning: then `true`.
    fn rewind(&mut self) -> Result<bool, Error> {
        self.buffer.clear();
        self.start = 0;
        let offset = self.place.offset;
        if let Some(Opened {
            source: Source::Plain { file, at },
            ..
        }) = &mut self.open
        {
            *at = offset;
            if file.size()? < offset {
                *at = 0;
                self.lose();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether what is open will never grow again; then its last name is known, unless it was removed.
    fn is_closed(&mut self) -> Result<bool, Error> {
        let inode = match &self.open {
            Some(Opened {
                segment: Segment { closed: None, .. },
                source: Source::Plain { file, .. },
            }) => file.opened().ino,
            _ => return Ok(true),
        };
        let Some(logs) = self.logs()? else {
            return Ok(true);
        };
        let current = Segment::current(self.channel).to_string();
        if logs.ident(&current)?.is_some_and(|it| it.ino == inode) {
            return Ok(false);
        }
        if let (Some(renamed), Some(open)) = (self.renamed(&logs, inode)?, &mut self.open) {
            open.segment = renamed;
        }
        Ok(true)
    }

    /// What has become of the log that is open; `None` where it was removed.
    fn renamed(&self, logs: &Dir, inode: u64) -> Result<Option<Segment>, Error> {
        for _ in 0..TRIES {
            let candidates = behind(logs, self.channel, self.place.after)?;
            // The only one that can be it: those behind it were begun later.
            let Some(first) = candidates.first() else {
                return Ok(None);
            };
            let name = first.to_string();
            let is_it = logs.ident(&name)?.is_some_and(|it| it.ino == inode)
                || (self.place.head.is_some() && head(logs, *first)? == self.place.head);
            // One that is packed or removed at this moment is looked for under its next name.
            if is_it || logs.exists(&name)? {
                return Ok(is_it.then_some(*first));
            }
        }
        Ok(None)
    }

    /// What is open was read to its end.
    fn finish(&mut self) {
        let closed = self.open.take().and_then(|it| it.segment.closed);
        self.is_too_long = false;
        self.place = Place {
            after: closed.or(self.place.after),
            head: None,
            offset: 0,
        };
    }

    /// Opens the log in which the reader is, or the next one; `false` where there is none.
    fn open_next(&mut self) -> Result<bool, Error> {
        for _ in 0..TRIES {
            let Some(logs) = self.logs()? else {
                return Ok(false);
            };
            let is_behind = |it: &Segment| it.closed <= self.place.after;
            while self.ahead.front().is_some_and(is_behind) {
                self.ahead.pop_front();
            }
            if self.place.head.is_some() || self.ahead.is_empty() {
                self.ahead = behind(&logs, self.channel, self.place.after)?.into();
            }
            let newest = self.ahead.back().and_then(|it| it.closed);
            let current = Segment::current(self.channel);
            if let Some(known) = self.place.head {
                let mut found = None;
                let mut is_gone = false;
                let candidates = self.ahead.iter().copied().chain([current]);
                for (nth, segment) in candidates.enumerate() {
                    if head(&logs, segment)? == Some(known) {
                        found = Some(nth);
                        break;
                    }
                    is_gone |= segment.closed.is_some() && !logs.exists(&segment.to_string())?;
                }
                match found {
                    Some(nth) => drop(self.ahead.drain(..nth)),
                    // It may have been that one, packed meanwhile; or the current one, closed meanwhile.
                    None if is_gone || self.newest(&logs)? != newest => continue,
                    None => self.lose(),
                }
            }
            let segment = self.ahead.front().copied().unwrap_or(current);
            match self.open(&logs, segment) {
                // Packed or removed since we looked.
                Ok(false) if segment.closed.is_some() => self.ahead.clear(),
                // Closed since we looked: what stands there now was begun behind one that we have not read.
                Ok(_) if segment.closed.is_none() && self.newest(&logs)? != newest => {
                    self.open = None;
                }
                // It is told once, and passed over: the others are read.
                Err(Error::Store(error @ store::Error::NotPlain { .. }))
                    if segment.closed.is_some() =>
                {
                    self.place = Place {
                        after: segment.closed,
                        ..Place::default()
                    };
                    return Err(Error::Unreadable {
                        path: logs.path().join(segment.to_string()),
                        why: error.to_string(),
                    });
                }
                other => return other,
            }
        }
        Ok(false)
    }

    fn newest(&self, logs: &Dir) -> Result<Option<Closed>, Error> {
        let all = behind(logs, self.channel, self.place.after)?;
        Ok(all.last().and_then(|it| it.closed))
    }

    fn lose(&mut self) {
        self.lost += 1;
        self.is_too_long = false;
        self.place.head = None;
        self.place.offset = 0;
    }

    fn open(&mut self, logs: &Dir, segment: Segment) -> Result<bool, Error> {
        let Some(file) = logs.file_if_any(&segment.to_string(), Open::Read)? else {
            return Ok(false);
        };
        self.buffer.clear();
        self.start = 0;
        let source = if segment.is_packed {
            let path = file.path().to_owned();
            let mut from = unpack(file);
            let mut before = from.by_ref().take(self.place.offset);
            // What cannot be unpacked is told with the first line that is asked for.
            drop(std::io::copy(&mut before, &mut std::io::sink()));
            Source::Packed {
                from: Box::new(from),
                path,
            }
        } else {
            if file.size()? < self.place.offset {
                // Somebody else has cut it off.
                self.lose();
            }
            Source::Plain {
                file,
                at: self.place.offset,
            }
        };
        self.open = Some(Opened { segment, source });
        Ok(true)
    }
}

impl Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        match self {
            Self::Plain { file, at } => {
                let n = file.read_at(*at, buffer)?;
                *at += n as u64;
                Ok(n)
            }
            Self::Packed { from, path } => from.read(buffer).map_err(|error| Error::Unreadable {
                path: path.clone(),
                why: error.to_string(),
            }),
        }
    }
}

/// The closed logs of a channel behind one of them, in their order; of one that is there twice, the plain.
fn behind(
    logs: &Dir,
    channel: Channel,
    after: Option<Closed>,
) -> Result<Vec<Segment>, store::Error> {
    let mut found: Vec<Segment> = segments(logs)?
        .into_iter()
        .filter(|it| it.channel == channel && it.closed.is_some() && it.closed > after)
        .collect();
    found.sort_by_key(|it| (it.closed, it.is_packed));
    found.dedup_by_key(|it| it.closed);
    Ok(found)
}

/// Where a line of ours begins that came behind what has no end.
fn behind_torn(line: &[u8]) -> Option<usize> {
    let at = START.find(line.get(1..)?)? + 1;
    // One that holds such an object is whole.
    serde_json::from_slice::<IgnoredAny>(line)
        .is_err()
        .then_some(at)
}

fn head_of(line: &[u8]) -> u64 {
    store::sum(&line[..line.len().min(HEAD)], 0)
}

/// As `head_of` of the first line; `None` where there is none, or it cannot be read.
fn head(logs: &Dir, segment: Segment) -> Result<Option<u64>, Error> {
    let file = match logs.file_if_any(&segment.to_string(), Open::Read) {
        Ok(Some(file)) => file,
        Ok(None) | Err(store::Error::NotPlain { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut start = vec![0; HEAD];
    let n = if segment.is_packed {
        let mut n = 0;
        let mut from = unpack(file);
        while let Ok(more @ 1..) = from.read(&mut start[n..]) {
            n += more;
        }
        n
    } else {
        file.read_at(0, &mut start)?
    };
    let start = &start[..n];
    Ok(match memchr::memchr(b'\n', start) {
        Some(end) => Some(head_of(&start[..=end])),
        None if n == HEAD => Some(head_of(start)),
        None => None,
    })
}
