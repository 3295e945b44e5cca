//! How large logs may grow and how long they are kept: `config/logs.json`, all of it optional. Pure.

use std::time::Duration;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::segment::Closed;
use crate::names::Channel;
use crate::time::{Timestamp, parse_span};

/// A log below this is never closed for its size, and no configuration is asked for.
pub(super) const LEAST: u64 = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// A log that is larger is closed.
    pub max_size: u64,
    /// A log is closed with the first line of a new day, in UTC.
    pub daily: bool,
    #[serde(serialize_with = "seconds")]
    pub compress_after: Duration,
    #[serde(serialize_with = "seconds")]
    pub max_age: Duration,
    /// Closed logs of one channel.
    pub max_files: usize,
    /// Of all logs together, those that are written to at their largest.
    pub max_total: u64,
}

const DAY: Duration = Duration::from_hours(24);

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_size: 10 << 20,
            daily: true,
            compress_after: DAY * 7,
            max_age: DAY * 30,
            max_files: 100,
            max_total: 512 << 20,
        }
    }
}

/// What is wrong with the limits, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unfit(pub(super) String);

impl Limits {
    pub(super) fn read(text: &[u8]) -> Result<Self, Unfit> {
        let fields: Map<String, Value> =
            serde_json::from_slice(text).map_err(|error| Unfit(error.to_string()))?;
        let mut limits = Self::default();
        for (name, value) in &fields {
            let is_known = limits.set(name, value);
            is_known.ok_or_else(|| Unfit(format!("{name} cannot be {value}")))?;
        }
        let all = Channel::ALL.len() as u64;
        if limits.max_size < LEAST {
            return Err(Unfit("max_size is at least 64KiB".into()));
        }
        if limits.max_total < limits.max_size.saturating_mul(all) {
            return Err(Unfit(format!(
                "max_total is at least {all} times max_size: so much may be written before anything is closed"
            )));
        }
        Ok(limits)
    }

    /// `None` of what is no limit, or no value for one.
    fn set(&mut self, name: &str, value: &Value) -> Option<()> {
        let span = || parse_span(value.as_str()?).ok();
        match name {
            "max_size" => self.max_size = bytes(value)?,
            "daily" => self.daily = value.as_bool()?,
            "compress_after" => self.compress_after = span()?,
            "max_age" => self.max_age = span()?,
            "max_files" => self.max_files = usize::try_from(value.as_u64()?).ok()?,
            "max_total" => self.max_total = bytes(value)?,
            _ => return None,
        }
        Some(())
    }

    pub(super) fn is_due(&self, log: &Grown, now: Timestamp) -> bool {
        log.size >= self.max_size || (self.daily && log.is_of_a_day_before(now))
    }
}

/// The log that a writer has just written to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grown {
    pub(super) size: u64,
    /// When the line before was written, if there is one.
    pub(super) before: Option<Timestamp>,
}

impl Grown {
    pub(super) fn is_of_a_day_before(&self, now: Timestamp) -> bool {
        const MS: i64 = 86_400_000;
        let day = |at: Timestamp| at.unix_ms().div_euclid(MS);
        self.before.is_some_and(|before| day(before) < day(now))
    }
}

/// A closed log and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) channel: Channel,
    pub(super) closed: Closed,
    pub(super) size: u64,
}

/// Which closed logs go: those too old, those too many, and then the oldest of all until there is room for every
/// channel to grow to its full size.
pub(super) fn retired(closed: &[Kept], limits: &Limits, now: Timestamp) -> Vec<Kept> {
    let mut all: Vec<&Kept> = closed.iter().collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.closed));
    let room = limits.max_size * Channel::ALL.len() as u64;
    let mut left = limits.max_total.saturating_sub(room);
    let mut counts = [0; Channel::ALL.len()];
    let mut retired = Vec::new();
    let mut is_full = false;
    for it in all {
        let count = &mut counts[it.channel as usize];
        *count += 1;
        // From the first that finds no room on: an older one is not kept instead of it.
        is_full |= it.size > left;
        let is_over = *count > limits.max_files || now.since(it.closed.time()) > limits.max_age;
        if is_over || is_full {
            retired.push(*it);
        } else {
            left -= it.size;
        }
    }
    retired
}

fn seconds<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(span.as_secs())
}

/// A number, or a text as `10MB` and `512KiB`.
fn bytes(value: &Value) -> Option<u64> {
    let Some(text) = value.as_str() else {
        return value.as_u64();
    };
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let unit = match text[end..].trim() {
        "" | "B" => 1,
        "kB" => 1000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn kept(channel: Channel, days: u64, size: u64) -> Kept {
        Kept {
            channel,
            closed: Closed::after(None, NOW.minus(DAY * u32::try_from(days).unwrap())),
            size,
        }
    }

    fn limits(text: &str) -> Limits {
        Limits::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_left_out_is_as_by_default() {
        assert_eq!(limits("{}"), Limits::default());
        let some = limits(r#"{"max_size": "100kB", "compress_after": "1d", "max_total": 4194304}"#);
        assert_eq!((some.max_size, some.max_total), (100_000, 4 << 20));
        assert_eq!((some.compress_after, some.max_age), (DAY, DAY * 30));
    }

    #[test]
    fn what_is_unfit_is_named() {
        for (text, why) in [
            (r#"{"max_size": 10}"#, "at least 64KiB"),
            (r#"{"max_size": "ten"}"#, "max_size cannot be \"ten\""),
            (
                r#"{"max_total": "1MiB"}"#,
                "max_total is at least 8 times max_size",
            ),
            (r#"{"compress_after": 7}"#, "compress_after cannot be 7"),
            (r#"{"max_sise": "1MB"}"#, "max_sise cannot be"),
            ("{\n\"daily\": yes}", "line 2 column 10"),
            ("[]", "line 1"),
        ] {
            let error = Limits::read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_log_is_closed_for_its_size_or_its_day() {
        let grown = |size, before| Grown { size, before };
        let limits = limits(r#"{"max_size": "64KiB"}"#);
        let yesterday = Some(NOW.minus(DAY));
        assert!(limits.is_due(&grown(65_536, Some(NOW)), NOW));
        assert!(!limits.is_due(&grown(65_535, Some(NOW)), NOW));
        assert!(limits.is_due(&grown(1, yesterday), NOW));
        assert!(!limits.is_due(&grown(1, None), NOW));
        // A clock that was set back makes no new day.
        assert!(!limits.is_due(&grown(1, Some(NOW.plus(DAY))), NOW));
        let never = Limits {
            daily: false,
            ..limits
        };
        assert!(!never.is_due(&grown(1, yesterday), NOW));
    }

    #[test]
    fn the_oldest_go_until_everything_has_room() {
        let limits = limits(
            r#"{"max_size": "64KiB", "max_total": "1MiB", "max_files": 2, "max_age": "10d"}"#,
        );
        let (a, b) = (Channel::Tasks, Channel::System);
        let all = [
            kept(a, 1, 1),
            kept(a, 2, 1),
            kept(a, 3, 1),
            kept(b, 4, 1),
            kept(b, 11, 1),
        ];
        assert_eq!(retired(&all, &limits, NOW), [all[2], all[4]]);
        // Half of it is for what is written to: 512 KiB are left.
        let half = 256 << 10;
        let all = [
            kept(a, 1, half),
            kept(b, 2, half),
            kept(b, 3, 1),
            kept(Channel::Captain, 4, 0),
        ];
        assert_eq!(retired(&all, &limits, NOW), [all[2], all[3]]);
    }
}
