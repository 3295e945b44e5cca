//! The names of logs. `<channel>.log` is written to; `<channel>.<time>-<n>.log` was until then, and ends in `.gz`
//! once it is packed. By time and number they stand in the order in which they were written. Pure.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::names::Channel;
use crate::time::Timestamp;

const TIME: &str = "%Y%m%dT%H%M%SZ";

/// When a log was closed, and the how manieth of that second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Closed {
    /// Unix seconds.
    pub at: i64,
    pub n: u32,
}

impl Closed {
    /// Of the next that is closed: behind all others, also where the clock was set back.
    pub(super) fn after(last: Option<Self>, now: Timestamp) -> Self {
        let at = now.unix_ms().div_euclid(1000);
        match last {
            Some(last) if last.at >= at => match last.n.checked_add(1) {
                Some(n) => Self { at: last.at, n },
                None => Self {
                    at: last.at + 1,
                    n: 1,
                },
            },
            _ => Self { at, n: 1 },
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        // At fixed places: the parser for any format would be a third of what closes logs.
        let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
        let year = i32::try_from(number(0, 4)?).ok()?;
        let date = NaiveDate::from_ymd_opt(year, number(4, 6)?, number(6, 8)?)?;
        let time = date.and_hms_opt(number(9, 11)?, number(11, 13)?, number(13, 15)?)?;
        let closed = Self {
            at: time.and_utc().timestamp(),
            n: text.get(17..)?.parse().ok()?,
        };
        // Read back only as it is written: two names never mean the same.
        (closed.to_string() == text).then_some(closed)
    }

    pub fn time(self) -> Timestamp {
        Timestamp::from_unix_ms(self.at.saturating_mul(1000))
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time: DateTime<Utc> = DateTime::from_timestamp(self.at, 0).unwrap_or_default();
        write!(f, "{}-{}", time.format(TIME), self.n)
    }
}

impl Serialize for Closed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Closed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no closed log")))
    }
}

/// One file of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    pub channel: Channel,
    /// `None` of the one that is written to.
    pub closed: Option<Closed>,
    pub is_packed: bool,
}

impl Segment {
    pub(super) const fn current(channel: Channel) -> Self {
        Self {
            channel,
            closed: None,
            is_packed: false,
        }
    }

    pub(super) fn is_of(&self, channel: Channel, closed: Closed) -> bool {
        self.channel == channel && self.closed == Some(closed)
    }

    /// `None` of what is no log of ours.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (stem, is_packed) = match name.strip_suffix(".gz") {
            Some(stem) => (stem, true),
            None => (name, false),
        };
        let stem = stem.strip_suffix(".log")?;
        let (channel, closed) = match stem.split_once('.') {
            Some((channel, closed)) => (channel, Some(Closed::parse(closed)?)),
            None => (stem, None),
        };
        let channel = Channel::parse(channel)?;
        (closed.is_some() || !is_packed).then_some(Self {
            channel,
            closed,
            is_packed,
        })
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.channel.as_str())?;
        if let Some(closed) = self.closed {
            write!(f, ".{closed}")?;
        }
        f.write_str(if self.is_packed { ".log.gz" } else { ".log" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_as_it_is_written() {
        for name in [
            "system.log",
            "tasks.20261122T120000Z-1.log",
            "messages.20261122T120000Z-12.log.gz",
        ] {
            assert_eq!(Segment::parse(name).unwrap().to_string(), name);
        }
        for name in [
            "system.log.gz",
            "other.log",
            "system.log.1",
            "system.20261122T120000Z.log",
            "system.20261122T120000Z-01.log",
            "system.20261399T120000Z-1.log",
            ".system.20261122T120000Z-1.log.gz",
            "system..log",
        ] {
            assert_eq!(Segment::parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_next_is_behind_all_others_whatever_the_clock_says() {
        let now = Timestamp::from_unix_ms(1_800_000_000_999);
        let first = Closed::after(None, now);
        assert_eq!(
            first,
            Closed {
                at: 1_800_000_000,
                n: 1
            }
        );
        let second = Closed::after(Some(first), now);
        assert_eq!((second.at, second.n), (first.at, 2));
        let before = Timestamp::from_unix_ms(1_700_000_000_000);
        assert!(Closed::after(Some(second), before) > second);
        assert_eq!(
            Closed::after(Some(second), now.plus(std::time::Duration::from_secs(1))).n,
            1
        );
    }
}
