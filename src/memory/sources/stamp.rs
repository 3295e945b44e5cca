//! A time as logs write it: every way of writing that is common, each of them strictly. What cannot be, as the 32nd of a
//! month, is no time.

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone};

use crate::time::{Timestamp, instants};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `Jun 14 15:16:01`: a host and a program follow.
    Syslog,
    /// Seconds or milliseconds since 1970: in the midst of a line any number could be that.
    Epoch,
    /// Without a time of the day.
    Day,
    Other,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) at: Timestamp,
    pub(super) kind: Kind,
    /// Bytes.
    pub(super) length: usize,
}

/// The time that the text begins with. `zone`: what is meant where none is written. `near`: a year that is not written is
/// the last one in which the time is not later than a day after it.
pub(super) fn stamp<Z: TimeZone>(text: &str, zone: &Z, near: Timestamp) -> Option<Stamp> {
    let bytes = text.as_bytes();
    let first = *bytes.first()?;
    let mut pen = Pen { bytes, at: 0 };
    let (shown, kind) = if first.is_ascii_digit() {
        numeric(&mut pen)?
    } else if first.is_ascii_uppercase() {
        named(&mut pen)?
    } else {
        return None;
    };
    if pen.peek().is_some_and(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let at = match shown {
        Shown::Instant(at) => at,
        Shown::Clock { shown, offset } => match offset {
            Some(minutes) => {
                let utc = shown.checked_sub_signed(TimeDelta::minutes(minutes))?;
                Timestamp::from_unix_ms(utc.and_utc().timestamp_millis())
            }
            None => *instants(shown, zone).first()?,
        },
        Shown::Yearless(day, time) => {
            let latest = near.plus(std::time::Duration::from_hours(24));
            let year = near.to_utc().year();
            (year - 4..=year + 1).rev().find_map(|year| {
                let (month, day) = day;
                let day = NaiveDate::from_ymd_opt(year, month, day)?;
                let at = *instants(time.on(day)?, zone).first()?;
                (at <= latest).then_some(at)
            })?
        }
    };
    Some(Stamp {
        at,
        kind,
        length: pen.at,
    })
}

enum Shown {
    Instant(Timestamp),
    Clock {
        shown: NaiveDateTime,
        /// Minutes east of Greenwich.
        offset: Option<i64>,
    },
    /// Month and day.
    Yearless((u32, u32), Clock),
}

#[derive(Clone, Copy, Default)]
struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
    ms: u32,
}

impl Clock {
    fn on(self, day: NaiveDate) -> Option<NaiveDateTime> {
        // A leap second is as good as the one before it.
        let second = if self.second == 60 { 59 } else { self.second };
        day.and_hms_milli_opt(self.hour, self.minute, second, self.ms)
    }
}

#[derive(Clone)]
struct Pen<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Pen<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, wanted: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| wanted.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn digits(&self) -> usize {
        let rest = self.rest();
        let other = rest.iter().position(|byte| !byte.is_ascii_digit());
        other.unwrap_or(rest.len())
    }

    /// A number of exactly so many digits, of which no more follow.
    fn number(&mut self, digits: usize) -> Option<u32> {
        (self.digits() == digits).then(|| self.part(digits))?
    }

    /// A number of so many digits.
    fn part(&mut self, digits: usize) -> Option<u32> {
        let text = self.rest().get(..digits)?;
        let text = std::str::from_utf8(text).ok()?;
        let number = text
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| text.parse().ok())??;
        self.at += digits;
        Some(number)
    }

    /// `15:16`, `15:16:01`, `15:16:01.123456`; the mark between them is given.
    fn clock(&mut self, between: u8) -> Option<Clock> {
        let hour = self.number(2)?;
        self.eat(&[between])?;
        let minute = self.number(2)?;
        let mut clock = Clock {
            hour,
            minute,
            ..Clock::default()
        };
        let seconds = self.peek() == Some(between)
            && self
                .rest()
                .get(1..3)
                .is_some_and(|two| two.iter().all(u8::is_ascii_digit));
        if seconds {
            self.at += 1;
            clock.second = self.number(2)?;
            clock.ms = self.fraction(b".,");
        }
        Some(clock)
    }

    /// In milliseconds; what is finer is cut off.
    fn fraction(&mut self, marks: &[u8]) -> u32 {
        let mut after = self.clone();
        if after.eat(marks).is_none() || !(1..=9).contains(&after.digits()) {
            return 0;
        }
        let digits = after.digits();
        let ms = after.rest()[..digits]
            .iter()
            .chain(b"00")
            .take(3)
            .fold(0, |ms, digit| 10 * ms + u32::from(digit - b'0'));
        self.at = after.at + digits;
        ms
    }

    /// `Z`, `+02:00`, `+0200`, `+02`, ` +0200`, ` UTC`: minutes.
    fn offset(&mut self) -> Option<i64> {
        let mut pen = self.clone();
        let apart = pen.eat(b" ").is_some();
        let named = [&b"UTC"[..], b"GMT", b"Z"]
            .into_iter()
            .find(|name| pen.rest().starts_with(name));
        let minutes = if let Some(name) = named {
            pen.at += name.len();
            let ends = !pen.peek().is_some_and(|byte| byte.is_ascii_alphanumeric());
            ends.then_some(0)?
        } else {
            let sign = pen.eat(b"+-")?;
            let hours = pen.part(2)?;
            let colon = pen.eat(b":").is_some();
            let minutes = if colon || pen.digits() == 2 {
                pen.number(2)?
            } else if apart {
                return None;
            } else {
                0
            };
            let minutes =
                (hours <= 23 && minutes <= 59).then_some(i64::from(60 * hours + minutes))?;
            if sign == b'-' { -minutes } else { minutes }
        };
        self.at = pen.at;
        Some(minutes)
    }

    /// `Jun`, as its number.
    fn month(&mut self) -> Option<u32> {
        self.name(b"JanFebMarAprMayJunJulAugSepOctNovDec")
    }

    fn weekday(&mut self) -> Option<u32> {
        self.name(b"MonTueWedThuFriSatSun")
    }

    fn name(&mut self, names: &[u8]) -> Option<u32> {
        let name = self.rest().get(..3)?;
        let at = names.chunks(3).position(|one| one == name)?;
        self.at += 3;
        u32::try_from(at + 1).ok()
    }

    /// `4`, ` 4`, `04`
    fn day(&mut self) -> Option<u32> {
        let blank = self.eat(b" ").is_some();
        self.number(if blank || self.digits() == 1 { 1 } else { 2 })
    }
}

fn clock_on(day: NaiveDate, clock: Clock, pen: &mut Pen<'_>) -> Option<Shown> {
    let shown = clock.on(day)?;
    let offset = pen.offset();
    Some(Shown::Clock { shown, offset })
}

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// Of this century, or the end of the last one.
const fn full_year(short: u32) -> u32 {
    if short < 70 {
        2000 + short
    } else {
        1900 + short
    }
}

fn numeric(pen: &mut Pen<'_>) -> Option<(Shown, Kind)> {
    match pen.digits() {
        4 => long_date(pen),
        2 | 1 => short_date(pen),
        6 => {
            // 081109 203615
            let (year, month, day) = (pen.part(2)?, pen.part(2)?, pen.part(2)?);
            pen.eat(b" ")?;
            let day = date(full_year(year), month, day)?;
            (pen.digits() == 6).then_some(())?;
            let (hour, minute, second) = (pen.part(2)?, pen.part(2)?, pen.part(2)?);
            let clock = Clock {
                hour,
                minute,
                second,
                ms: 0,
            };
            Some((clock_on(day, clock, pen)?, Kind::Other))
        }
        8 => compact_date(pen),
        digits @ (10 | 13 | 16 | 19) => {
            let number: i64 = std::str::from_utf8(&pen.rest()[..digits])
                .ok()?
                .parse()
                .ok()?;
            pen.at += digits;
            let mut ms = match digits {
                10 => number.checked_mul(1000)?,
                13 => number,
                16 => number / 1000,
                _ => number / 1_000_000,
            };
            if digits == 10 {
                ms += i64::from(pen.fraction(b"."));
            }
            // From 2001 on they have so many digits; 2100 is later than what is written today.
            let sound = (1_000_000_000_000..4_102_444_800_000).contains(&ms);
            sound.then_some((Shown::Instant(Timestamp::from_unix_ms(ms)), Kind::Epoch))
        }
        _ => None,
    }
}

/// `2015-07-29T17:41:41,536Z`, `2015/07/29 17:41`, `2005-06-03-15.42.50.363779`, `2005.06.03`
fn long_date(pen: &mut Pen<'_>) -> Option<(Shown, Kind)> {
    let year = pen.number(4)?;
    let mark = pen.eat(b"-/.")?;
    let month = pen.number(2)?;
    pen.eat(&[mark])?;
    let day = date(year, month, pen.number(2)?)?;
    let before = pen.clone();
    if let Some(between) = pen.eat(b"T _-:t") {
        pen.eat(if between == b' ' { b" " } else { b"" });
        let colon = if between == b'-' && pen.rest().get(2) == Some(&b'.') {
            b'.'
        } else {
            b':'
        };
        if pen.digits() == 2 {
            if let Some(clock) = pen.clock(colon) {
                return Some((clock_on(day, clock, pen)?, Kind::Other));
            }
            // `2024-05-06 17 things`, but not `2024-05-06T99:00`.
            if between != b' ' {
                return None;
            }
        }
    }
    *pen = before;
    let shown = day.and_hms_opt(0, 0, 0)?;
    let whole = !pen.peek().is_some_and(|byte| b"-/._:T".contains(&byte));
    whole.then_some((
        Shown::Clock {
            shown,
            offset: None,
        },
        Kind::Day,
    ))
}

/// `20171223-22:15:29:606`, `20240506T101112Z`
fn compact_date(pen: &mut Pen<'_>) -> Option<(Shown, Kind)> {
    let (year, month, day) = (pen.part(4)?, pen.part(2)?, pen.part(2)?);
    let day = date(year, month, day)?;
    pen.eat(b"-T_ ")?;
    let clock = if pen.digits() == 6 {
        let (hour, minute, second) = (pen.part(2)?, pen.part(2)?, pen.part(2)?);
        Clock {
            hour,
            minute,
            second,
            ms: pen.fraction(b".,"),
        }
    } else {
        let mut clock = pen.short_hours()?;
        if clock.ms == 0 {
            clock.ms = pen.fraction(b":");
        }
        clock
    };
    Some((clock_on(day, clock, pen)?, Kind::Other))
}

impl Pen<'_> {
    /// As some programs write them: `9:5:7` too.
    fn short_hours(&mut self) -> Option<Clock> {
        let mut two = || {
            let digits = self.digits();
            (1..=2).contains(&digits).then(|| self.number(digits))?
        };
        let hour = two()?;
        self.eat(b":")?;
        let digits = self.digits();
        let minute = (1..=2).contains(&digits).then(|| self.number(digits))??;
        self.eat(b":")?;
        let digits = self.digits();
        let second = (1..=2).contains(&digits).then(|| self.number(digits))??;
        Some(Clock {
            hour,
            minute,
            second,
            ms: self.fraction(b".,"),
        })
    }
}

/// `17/06/09 20:10:40`, `03-17 16:13:38.811`, `10.30 16:49:06`, `10/Oct/2000:13:55:36 +0000`, `6 Oct 2000 13:55:36`
fn short_date(pen: &mut Pen<'_>) -> Option<(Shown, Kind)> {
    let first = pen.number(pen.digits())?;
    let mark = pen.eat(b"/-. ")?;
    let second = if pen.peek()?.is_ascii_alphabetic() {
        let month = pen.month()?;
        pen.eat(&[mark])?;
        let day = date(pen.number(4)?, month, first)?;
        pen.eat(b": ")?;
        return Some((clock_on(day, pen.clock(b':')?, pen)?, Kind::Other));
    } else {
        pen.number(2)?
    };
    if pen.eat(b" ").is_some() && mark != b'/' && mark != b' ' {
        let clock = pen.clock(b':')?;
        clock.on(date(2000, first, second)?)?;
        return Some((Shown::Yearless((first, second), clock), Kind::Other));
    }
    (mark == b'/').then_some(())?;
    pen.eat(b"/")?;
    let day = date(full_year(first), second, pen.number(2)?)?;
    pen.eat(b" ")?;
    Some((clock_on(day, pen.clock(b':')?, pen)?, Kind::Other))
}

/// `Jun 14 15:16:01`, `Sun Dec 04 04:47:44 2005`, `Sun Dec  4 04:47:44 CET 2005`, `Sun, 04 Dec 2005 04:47:44 +0100`
fn named(pen: &mut Pen<'_>) -> Option<(Shown, Kind)> {
    let weekday = pen.weekday().is_some();
    if weekday {
        if pen.eat(b",").is_some() {
            pen.eat(b" ")?;
            return short_date(pen);
        }
        pen.eat(b" ")?;
    }
    let month = pen.month()?;
    pen.eat(b" ")?;
    let day = pen.day()?;
    pen.eat(b" ")?;
    if pen.digits() == 4 {
        let day = date(pen.number(4)?, month, day)?;
        pen.eat(b" ")?;
        return Some((clock_on(day, pen.clock(b':')?, pen)?, Kind::Other));
    }
    let clock = pen.clock(b':')?;
    clock.on(date(2000, month, day)?)?;
    if !weekday {
        return Some((Shown::Yearless((month, day), clock), Kind::Syslog));
    }
    let mut after = pen.clone();
    let offset = after.offset();
    if offset.is_none() && after.rest().starts_with(b" ") {
        // The name of a zone that says nothing certain.
        let name = &after.rest()[1..];
        let length = name
            .iter()
            .take_while(|byte| byte.is_ascii_uppercase())
            .count();
        after.at += if (2..=5).contains(&length) {
            1 + length
        } else {
            0
        };
    }
    if after.eat(b" ").is_some()
        && let Some(year) = after.number(4)
    {
        *pen = after;
        let shown = clock.on(date(year, month, day)?)?;
        return Some((Shown::Clock { shown, offset }, Kind::Other));
    }
    Some((Shown::Yearless((month, day), clock), Kind::Other))
}
