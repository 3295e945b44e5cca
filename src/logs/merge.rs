//! Several channels as one, by time; the lines of one channel keep their order. Who asks again after the end gets what
//! came meanwhile.

use std::collections::VecDeque;

use super::entry::Entry;
use super::error::Error;
use super::filter::Filter;
use super::read::{Raw, Reader};
use crate::names::Channel;
use crate::root::Home;
use crate::time::Timestamp;

/// How every line of ours begins, and how long the time is that follows.
const HEAD: &[u8] = br#"{"v":1,"ts":""#;
const STAMP: usize = 24;

/// A time as it is written, which is in the order of time.
type Stamp = [u8; STAMP];

/// A line that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub channel: Channel,
    /// Its own, or of the event before it in its channel; zero where there is none.
    pub at: Timestamp,
    pub make: Make,
    pub bytes: Vec<u8>,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    Event,
    /// Somebody else wrote it.
    Foreign,
    /// An event that was cut off.
    Torn,
}

pub struct Merged {
    streams: Vec<Stream>,
    filter: Filter,
}

impl Merged {
    /// From the oldest line that can be asked for.
    pub fn all(home: &Home, channels: &[Channel], filter: Filter) -> Result<Self, Error> {
        let stream = |channel: &Channel| Ok(Stream::new(Stream::oldest(home, *channel, &filter)?));
        let streams = channels.iter().map(stream).collect::<Result<_, Error>>()?;
        Ok(Self { streams, filter })
    }

    /// From the last `n` lines of all that are asked for and there. No more logs are read than hold so many.
    pub fn last(
        home: &Home,
        channels: &[Channel],
        filter: Filter,
        n: usize,
    ) -> Result<Self, Error> {
        let stream = |channel: &Channel| Stream::last(home, *channel, &filter, n);
        let streams = channels.iter().map(stream).collect::<Result<_, Error>>()?;
        let mut merged = Self { streams, filter };
        let there = merged
            .streams
            .iter()
            .map(|it| it.ready.len())
            .sum::<usize>();
        for _ in n..there {
            drop(merged.first_ready());
        }
        Ok(merged)
    }

    /// The next line; `None` where there is no more, for now.
    #[expect(
        clippy::should_implement_trait,
        reason = "it goes on after its end, and it may fail"
    )]
    pub fn next(&mut self) -> Result<Option<Line>, Error> {
        for stream in &mut self.streams {
            if stream.ready.is_empty() && !stream.is_dry {
                stream.pull(&self.filter)?;
            }
        }
        let first = self.first_ready();
        if first.is_none() {
            for stream in &mut self.streams {
                stream.is_dry = false;
            }
        }
        Ok(first)
    }

    /// How many logs were removed before they were read to their end.
    pub fn lost(&self) -> u64 {
        self.streams.iter().map(|it| it.reader.lost()).sum()
    }

    /// Why logs were not read to their end: what they hold cannot be unpacked. Told once.
    pub fn take_unread(&mut self) -> Vec<String> {
        let streams = self.streams.iter_mut();
        streams.flat_map(|it| it.unread.drain(..)).collect()
    }

    /// The earliest that was read, whatever comes later.
    fn first_ready(&mut self) -> Option<Line> {
        let streams = self.streams.iter_mut();
        let streams = streams.filter(|it| !it.ready.is_empty());
        let first = streams.min_by_key(|it| it.ready.front().map(|line| line.order))?;
        let channel = first.reader.channel();
        Some(first.ready.pop_front()?.judged(channel))
    }
}

/// A line that was read: most of many are dropped again before anybody asks what they are.
struct Ready {
    /// The latest time in its channel so far: a clock that was set back does not bring it out of its order.
    order: Stamp,
    stamp: Stamp,
    is_torn: bool,
    bytes: Vec<u8>,
}

impl Ready {
    fn judged(self, channel: Channel) -> Line {
        let make = if Entry::parse(&self.bytes).is_some() {
            Make::Event
        } else if self.is_torn {
            Make::Torn
        } else {
            Make::Foreign
        };
        let at = std::str::from_utf8(&self.stamp).ok();
        Line {
            channel,
            at: at.and_then(Timestamp::parse).unwrap_or_default(),
            make,
            bytes: self.bytes,
        }
    }
}

/// One channel.
struct Stream {
    reader: Reader,
    /// The time of the last event, as it was written.
    stamp: Stamp,
    latest: Stamp,
    ready: VecDeque<Ready>,
    /// Its end was met since somebody was last told so.
    is_dry: bool,
    unread: Vec<String>,
}

impl Stream {
    const fn new(reader: Reader) -> Self {
        Self {
            reader,
            stamp: [0; STAMP],
            latest: [0; STAMP],
            ready: VecDeque::new(),
            is_dry: false,
            unread: Vec::new(),
        }
    }

    fn oldest(home: &Home, channel: Channel, filter: &Filter) -> Result<Reader, Error> {
        match filter.since {
            Some(since) => Reader::since(home, channel, since),
            None => Ok(Reader::after(home, channel, None)),
        }
    }

    /// At its end, the last `n` lines ready: each try goes back twice as far as the one before.
    fn last(home: &Home, channel: Channel, filter: &Filter, n: usize) -> Result<Self, Error> {
        let oldest = Self::oldest(home, channel, filter)?;
        let floor = oldest.place().after();
        let closed = oldest.closed()?;
        let mut back = 0;
        loop {
            let first = closed.len().saturating_sub(back);
            let after = first.checked_sub(1).map_or(floor, |it| Some(closed[it]));
            let mut stream = Self::new(Reader::after(home, channel, after));
            while !stream.is_dry {
                stream.pull(filter)?;
                if stream.ready.len() > n {
                    stream.ready.pop_front();
                }
            }
            if first == 0 || stream.ready.len() >= n {
                return Ok(stream);
            }
            back = (2 * back).max(1);
        }
    }

    /// One more line, unless there is none.
    fn pull(&mut self, filter: &Filter) -> Result<(), Error> {
        loop {
            let raw = match self.reader.next() {
                Ok(Some(raw)) => raw,
                Ok(None) => {
                    self.is_dry = true;
                    return Ok(());
                }
                Err(error @ Error::Unreadable { .. }) => {
                    self.unread.push(error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let bytes = raw.bytes();
            let is_ours = bytes.starts_with(HEAD);
            let own = if is_ours {
                stamp(&bytes[HEAD.len()..])
            } else {
                // Of another make, and an event all the same.
                let entry = Entry::parse(bytes);
                entry.and_then(|it| it.ts().to_string().as_bytes().try_into().ok())
            };
            self.stamp = own.unwrap_or(self.stamp);
            self.latest = self.latest.max(self.stamp);
            if filter.passes(bytes) {
                self.ready.push_back(Ready {
                    order: self.latest,
                    stamp: self.stamp,
                    is_torn: is_ours || matches!(raw, Raw::Torn(_)),
                    bytes: bytes.to_vec(),
                });
                return Ok(());
            }
        }
    }
}

/// What stands where the time of a line of ours does, if it is one.
fn stamp(text: &[u8]) -> Option<Stamp> {
    let (stamp, rest) = text.split_first_chunk()?;
    let is_one = rest.first() == Some(&b'"')
        && [
            (4, b'-'),
            (7, b'-'),
            (10, b'T'),
            (13, b':'),
            (16, b':'),
            (19, b'.'),
            (23, b'Z'),
        ]
        .iter()
        .all(|(at, sign)| stamp[*at] == *sign)
        && stamp.iter().filter(|it| it.is_ascii_digit()).count() == 17;
    is_one.then_some(*stamp)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const ALL: [Channel; 2] = [Channel::Tasks, Channel::System];

    fn event(minute: u32, n: u32) -> String {
        format!(
            "{{\"v\":1,\"ts\":\"2027-01-15T08:{minute:02}:00.000Z\",\"level\":\"info\",\"event\":\"a.b\",\"n\":{n}}}\n"
        )
    }

    fn home(dir: &Path) -> Home {
        let home = Home::at(dir);
        fs::create_dir_all(home.logs()).unwrap();
        let put = |name: &str, text: String| fs::write(home.logs().join(name), text).unwrap();
        put(
            "tasks.20270115T081000Z-1.log",
            event(1, 1) + &event(2, 2) + "alien\n",
        );
        put("tasks.20270115T082000Z-1.log", event(11, 5));
        put("tasks.log", event(21, 6) + &event(19, 7));
        put("system.log", event(2, 3) + &event(3, 4) + &event(20, 8));
        home
    }

    fn shown(merged: &mut Merged) -> Vec<String> {
        let mut all = Vec::new();
        while let Some(line) = merged.next().unwrap() {
            let text = String::from_utf8(line.bytes).unwrap();
            let n = text.split("\"n\":").nth(1).unwrap_or("alien");
            all.push(n.trim_end_matches('}').to_owned());
        }
        all
    }

    #[test]
    fn channels_come_by_time_and_each_in_its_own_order() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(dir.path());
        let mut all = Merged::all(&home, &ALL, Filter::default()).unwrap();
        let whole = ["1", "2", "alien", "3", "4", "5", "8", "6", "7"];
        assert_eq!(shown(&mut all), whole);
        // What comes later.
        let tasks = home.log(Channel::Tasks);
        let before = fs::read_to_string(&tasks).unwrap();
        fs::write(&tasks, before + &event(30, 9) + "begun").unwrap();
        assert_eq!(shown(&mut all), ["9"]);
        assert_eq!(shown(&mut all), Vec::<String>::new());
        assert_eq!((all.lost(), all.take_unread().len()), (0, 0));
    }

    #[test]
    fn the_last_lines_are_the_last_of_all_channels() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(dir.path());
        let whole = ["1", "2", "alien", "3", "4", "5", "8", "6", "7"];
        for n in 0..=10 {
            let mut last = Merged::last(&home, &ALL, Filter::default(), n).unwrap();
            assert_eq!(shown(&mut last), whole[9 - n.min(9)..], "{n}");
        }
        let since = Filter {
            since: Timestamp::parse("2027-01-15T08:11:00Z"),
            ..Filter::default()
        };
        let mut last = Merged::last(&home, &ALL, since, 4).unwrap();
        assert_eq!(shown(&mut last), ["5", "8", "6", "7"]);
    }

    #[test]
    fn what_cannot_be_unpacked_is_told_once_and_passed() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(dir.path());
        fs::write(
            home.logs().join("tasks.20270115T081500Z-1.log.gz"),
            "no gzip",
        )
        .unwrap();
        let mut all = Merged::all(&home, &ALL, Filter::default()).unwrap();
        assert_eq!(shown(&mut all).len(), 9);
        let unread = all.take_unread();
        assert!(
            unread[0].contains("tasks.20270115T081500Z-1.log.gz"),
            "{unread:?}"
        );
        assert_eq!((unread.len(), all.take_unread().len()), (1, 0));
    }

    #[test]
    fn what_was_cut_off_is_told_from_what_is_foreign() {
        let dir = tempfile::tempdir().unwrap();
        let home = home(dir.path());
        let torn = event(40, 9);
        fs::write(
            home.log(Channel::Tasks),
            format!("{}\n{{}}\n{}\nplain\n", &torn[..60], &torn[..30]),
        )
        .unwrap();
        let mut last = Merged::last(&home, &[Channel::Tasks], Filter::default(), 4).unwrap();
        let mut makes = Vec::new();
        while let Some(line) = last.next().unwrap() {
            assert_eq!(line.at.to_string(), "2027-01-15T08:40:00.000Z");
            makes.push(line.make);
        }
        assert_eq!(
            makes,
            [Make::Torn, Make::Foreign, Make::Torn, Make::Foreign]
        );
    }
}
