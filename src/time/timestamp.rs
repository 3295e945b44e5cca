//! An instant of the wall clock, to the millisecond, in UTC.

use std::fmt;

use chrono::{DateTime, Datelike, SecondsFormat, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Unix milliseconds. Written as RFC 3339: `2026-11-22T12:00:00.123Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const fn from_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    #[must_use]
    pub fn minus(self, span: std::time::Duration) -> Self {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_unix_ms(self.unix_ms().saturating_sub(ms))
    }

    #[must_use]
    pub fn plus(self, span: std::time::Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }

    /// Zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    pub fn to_utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    pub fn parse(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|time| Self(time.timestamp_millis()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = self.to_utc();
        match written(&utc) {
            Some(text) => f.pad(std::str::from_utf8(&text).unwrap_or_default()),
            None => f.pad(&utc.to_rfc3339_opts(SecondsFormat::Millis, true)),
        }
    }
}

/// As nearly all are written, whose year has four digits: without an allocation, for there are millions of them.
fn written(utc: &DateTime<Utc>) -> Option<[u8; 24]> {
    let year = u32::try_from(utc.year()).ok().filter(|it| *it < 10_000)?;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    for (start, end, number) in [
        (0, 4, year),
        (5, 7, utc.month()),
        (8, 10, utc.day()),
        (11, 13, utc.hour()),
        (14, 16, utc.minute()),
        (17, 19, utc.second()),
        (20, 23, utc.timestamp_subsec_millis()),
    ] {
        let mut rest = number;
        for digit in text[start..end].iter_mut().rev() {
            *digit += (rest % 10).to_le_bytes()[0];
            rest /= 10;
        }
    }
    Some(text)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no RFC 3339 time")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn as_chrono_writes_it(at: Timestamp) -> String {
        at.to_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    proptest! {
        #[test]
        fn every_time_is_written_as_rfc_3339_has_it(ms in prop_oneof![
            any::<i64>(), -62_200_000_000_000..253_500_000_000_000_i64,
        ]) {
            let at = Timestamp::from_unix_ms(ms);
            prop_assert_eq!(at.to_string(), as_chrono_writes_it(at));
        }
    }

    #[test]
    fn a_year_of_four_digits_begins_and_ends_with_its_neighbours() {
        for text in ["0000-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"] {
            let at = Timestamp::parse(text).unwrap();
            assert_eq!(at.to_string(), text);
            for ms in [at.unix_ms() - 1, at.unix_ms() + 1] {
                let next = Timestamp::from_unix_ms(ms);
                assert_eq!(next.to_string(), as_chrono_writes_it(next));
            }
        }
    }
}
