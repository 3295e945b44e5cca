//! Spans and times as people write them.

use std::time::Duration;

use super::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time: use 30s, 5m, 2h, 7d, 18:30, tomorrow 9:00, or 2026-11-22T12:00:00Z")]
pub struct BadTime(pub String);

/// `250ms`, `30s`, `5m`, `2h`, `7d`, `1h30m`; a bare number is seconds.
pub fn parse_span(text: &str) -> Result<Duration, BadTime> {
    let _ = text;
    Err(BadTime(text.into()))
}

/// An instant: RFC 3339, or a local date, time of day or span from now.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, BadTime> {
    let _ = now;
    Err(BadTime(text.into()))
}
