//! Spans and times as people write them.

use std::time::Duration;

use chrono::{
    Datelike, Days, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike,
};

use super::Timestamp;

/// A longer span is a slip of the hand, and its end could not be written as a date.
const LONGEST: Duration = Duration::from_hours(24 * 36_500);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no time: use 30s, 5m, 2h, 7d, 18:30, tomorrow 9:00, or 2026-11-22T12:00:00Z")]
pub struct BadTime(pub String);

impl BadTime {
    fn of(text: &str) -> Self {
        Self(text.chars().take(80).collect())
    }
}

/// `250ms`, `30s`, `5m`, `2h`, `7d`, `2w`, `1h30m`; a bare number is seconds.
pub fn parse_span(text: &str) -> Result<Duration, BadTime> {
    let given = text.trim();
    let seconds = given
        .parse()
        .ok()
        .filter(|_| is_number(given))
        .map(Duration::from_secs);
    seconds
        .or_else(|| with_units(given))
        .filter(|span| *span <= LONGEST)
        .ok_or_else(|| BadTime::of(text))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn with_units(text: &str) -> Option<Duration> {
    let mut total_ms = None;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 7 * 86_400_000,
            _ => return None,
        };
        let part: u64 = number.parse::<u64>().ok()?.checked_mul(unit_ms)?;
        total_ms = Some(part.checked_add(total_ms.unwrap_or(0))?);
        rest = after;
    }
    total_ms.map(Duration::from_millis)
}

/// An instant: RFC 3339; a span from now (`2h`, `+2h`, `in 2h`); or a local time: `2026-11-22`,
/// `2026-11-22 18:30`, `tomorrow 9:00`, or `18:30`, which is the next time that the clock shows it.
///
/// The zone of this machine is looked up only where a local time is given.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, BadTime> {
    parse_in(text, now, &Local)
}

fn parse_in<Z: TimeZone>(text: &str, now: Timestamp, zone: &Z) -> Result<Timestamp, BadTime> {
    let given = text.trim();
    Timestamp::parse(given)
        .or_else(|| from_now(given, now))
        .or_else(|| local(given, now, zone))
        .ok_or_else(|| BadTime::of(text))
}

fn from_now(text: &str, now: Timestamp) -> Option<Timestamp> {
    let signed = text.strip_prefix('+').or_else(|| text.strip_prefix("in "));
    let span = match signed {
        Some(span) => span.trim(),
        // `1830` and `2026` are more likely meant as something else than as seconds.
        None if is_number(text) => return None,
        None => text,
    };
    parse_span(span).ok().map(|span| now.plus(span))
}

fn local<Z: TimeZone>(text: &str, now: Timestamp, zone: &Z) -> Option<Timestamp> {
    if let Some(time) = clock_time(text) {
        let today = today(now, zone);
        return (0..=1)
            .filter_map(|days| today.checked_add_days(Days::new(days)))
            .flat_map(|date| instants(date.and_time(time), zone))
            .find(|at| *at > now);
    }
    let (day, time) = match text.split_once([' ', 'T']) {
        Some((day, time)) => (day, clock_time(time.trim())?),
        None => (text, NaiveTime::MIN),
    };
    let date = match day {
        "yesterday" => today(now, zone).pred_opt()?,
        "today" => today(now, zone),
        "tomorrow" => today(now, zone).succ_opt()?,
        date => NaiveDate::parse_from_str(date, "%Y-%m-%d")
            .ok()
            .filter(|date| (1970..=9999).contains(&date.year()))?,
    };
    instants(date.and_time(time), zone).first().copied()
}

fn clock_time(text: &str) -> Option<NaiveTime> {
    ["%H:%M", "%H:%M:%S"]
        .iter()
        .find_map(|form| NaiveTime::parse_from_str(text, form).ok())
}

fn today<Z: TimeZone>(now: Timestamp, zone: &Z) -> NaiveDate {
    now.to_utc().with_timezone(zone).date_naive()
}

/// When the clocks of the zone show `shown`: twice where they are set back over it. Where they are set forward
/// over it, the first minute after the gap, as cron does.
pub(crate) fn instants<Z: TimeZone>(shown: NaiveDateTime, zone: &Z) -> Vec<Timestamp> {
    let at = |shown: NaiveDateTime| {
        let times = zone.from_local_datetime(&shown);
        let mut all: Vec<_> = [times.clone().earliest(), times.latest()]
            .into_iter()
            .flatten()
            .map(|time| Timestamp::from_unix_ms(time.timestamp_millis()))
            .collect();
        all.dedup();
        all
    };
    let whole_minute = shown.with_second(0).unwrap_or(shown);
    // A zone that changes its side of the date line leaves out a whole day.
    std::iter::once(shown)
        .chain((1..=24 * 60).map(|minutes| whole_minute + TimeDelta::minutes(minutes)))
        .map(at)
        .find(|times| !times.is_empty())
        .unwrap_or_default()
}

/// As `parse_time`, of what has been: a span is so long ago, and a clock's time the last that it was.
pub fn parse_past(text: &str, now: Timestamp) -> Result<Timestamp, BadTime> {
    if let Ok(span) = parse_span(text) {
        return Ok(now.minus(span));
    }
    let of_day = |day| parse_time(&format!("{day} {text}"), now).ok();
    let mut days = ["today", "yesterday"].into_iter().filter_map(of_day);
    days.find(|at| *at <= now)
        .map_or_else(|| parse_time(text, now), Ok)
}

/// `2d 3h`, `41m`, `250ms`: its largest unit and the one below, what is less left out.
pub fn in_units(span: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    let seconds = span.as_secs();
    let Some(largest) = UNITS.iter().position(|(size, _)| seconds >= *size) else {
        return format!("{}ms", span.subsec_millis());
    };
    let (size, unit) = UNITS[largest];
    let whole = format!("{}{unit}", seconds / size);
    match UNITS.get(largest + 1) {
        Some((below, unit)) if seconds % size >= *below => {
            format!("{whole} {}{unit}", seconds % size / below)
        }
        _ => whole,
    }
}

/// `3m ago`, `in 2h`, `now`: the largest whole unit, for a line that a person reads.
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let past = at <= now;
    let seconds = now.since(at).max(at.since(now)).as_secs();
    let amount = match seconds {
        0 => return "now".into(),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    };
    if past {
        format!("{amount} ago")
    } else {
        format!("in {amount}")
    }
}

#[cfg(test)]
mod tests {
    use chrono::{FixedOffset, MappedLocalTime, Utc};
    use proptest::prelude::*;

    use super::*;

    /// Berlin in 2026: UTC+1, and +2 from 29 March 01:00 UTC to 25 October 01:00 UTC.
    #[derive(Clone, Copy)]
    struct Berlin;

    fn hours(hours: i32) -> FixedOffset {
        FixedOffset::east_opt(hours * 3600).unwrap()
    }

    fn naive(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    impl TimeZone for Berlin {
        type Offset = FixedOffset;

        fn from_offset(_: &FixedOffset) -> Self {
            Self
        }

        fn offset_from_local_date(&self, _: &NaiveDate) -> MappedLocalTime<FixedOffset> {
            unreachable!("only date and time together are asked for")
        }

        fn offset_from_local_datetime(
            &self,
            local: &NaiveDateTime,
        ) -> MappedLocalTime<FixedOffset> {
            let (winter, summer) = (hours(1), hours(2));
            let fits = |offset| self.offset_from_utc_datetime(&(*local - offset)) == offset;
            match (fits(summer), fits(winter)) {
                (true, true) => MappedLocalTime::Ambiguous(summer, winter),
                (true, false) => MappedLocalTime::Single(summer),
                (false, true) => MappedLocalTime::Single(winter),
                (false, false) => MappedLocalTime::None,
            }
        }

        fn offset_from_utc_date(&self, _: &NaiveDate) -> FixedOffset {
            unreachable!("only date and time together are asked for")
        }

        fn offset_from_utc_datetime(&self, utc: &NaiveDateTime) -> FixedOffset {
            let summer = naive("2026-03-29 01:00")..naive("2026-10-25 01:00");
            if summer.contains(utc) {
                hours(2)
            } else {
                hours(1)
            }
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn berlin(text: &str, now: &str) -> String {
        parse_in(text, at(now), &Berlin)
            .unwrap()
            .to_utc()
            .format("%F %T")
            .to_string()
    }

    #[test]
    fn spans_of_every_unit() {
        let cases = [
            ("250ms", 250),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("2w", 1_209_600_000),
            ("1h30m", 5_400_000),
            ("90", 90_000),
            (" 0 ", 0),
        ];
        for (text, ms) in cases {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in [
            "",
            " ",
            "h",
            "5x",
            "-5s",
            "+5s",
            "1.5h",
            "5 m",
            "1h30",
            "5M",
            "٣s",
            "36501d",
            "18446744073709551615w",
            "99999999999999999999",
        ] {
            assert_eq!(parse_span(bad), Err(BadTime(bad.into())));
        }
    }

    #[test]
    fn times_as_people_write_them() {
        let now = "2026-06-10T10:00:00Z"; // 12:00 in Berlin
        let cases = [
            ("2026-11-22T12:00:00Z", "2026-11-22 12:00:00"),
            ("2026-11-22T12:00:00+05:30", "2026-11-22 06:30:00"),
            ("2026-11-22 12:00:00Z", "2026-11-22 12:00:00"),
            ("2026-11-22", "2026-11-21 23:00:00"),
            ("2026-11-22 18:30", "2026-11-22 17:30:00"),
            ("2026-11-22T18:30:05", "2026-11-22 17:30:05"),
            ("18:30", "2026-06-10 16:30:00"),
            ("9:00", "2026-06-11 07:00:00"),
            ("12:00", "2026-06-11 10:00:00"),
            ("today 9:00", "2026-06-10 07:00:00"),
            ("tomorrow 9:00", "2026-06-11 07:00:00"),
            ("tomorrow", "2026-06-10 22:00:00"),
            ("yesterday", "2026-06-08 22:00:00"),
            ("+2h", "2026-06-10 12:00:00"),
            ("in 2h", "2026-06-10 12:00:00"),
            ("1h30m", "2026-06-10 11:30:00"),
            ("+90", "2026-06-10 10:01:30"),
        ];
        for (text, expected) in cases {
            assert_eq!(berlin(text, now), expected, "{text}");
        }
        for bad in [
            "",
            "1830",
            "25:00",
            "2026-02-30",
            "tomorrow noon",
            "10000-01-01",
            "in",
            "+",
            "-2h",
            "T",
        ] {
            assert_eq!(parse_in(bad, at(now), &Berlin), Err(BadTime(bad.into())));
        }
    }

    #[test]
    fn a_time_that_the_clocks_skip_comes_right_after_the_gap() {
        assert_eq!(
            berlin("2026-03-29 02:30", "2026-01-01T00:00:00Z"),
            "2026-03-29 01:00:00"
        );
        assert_eq!(
            berlin("2:30", "2026-03-29T00:00:00Z"),
            "2026-03-29 01:00:00"
        );
    }

    #[test]
    fn a_time_that_the_clocks_show_twice_is_the_first_that_is_not_over() {
        assert_eq!(
            berlin("2026-10-25 02:30", "2026-01-01T00:00:00Z"),
            "2026-10-25 00:30:00"
        );
        assert_eq!(
            berlin("2:30", "2026-10-25T00:00:00Z"),
            "2026-10-25 00:30:00"
        );
        assert_eq!(
            berlin("2:30", "2026-10-25T00:45:00Z"),
            "2026-10-25 01:30:00"
        );
        assert_eq!(
            berlin("2:30", "2026-10-25T01:45:00Z"),
            "2026-10-26 01:30:00"
        );
    }

    #[test]
    fn a_span_is_told_by_its_two_largest_units() {
        for (ms, told) in [
            (0, "0ms"),
            (250, "250ms"),
            (59_999, "59s"),
            (2_460_000, "41m"),
            (3_605_000, "1h"),
            (5_400_000, "1h 30m"),
            (183_600_000, "2d 3h"),
            (2_592_000_000, "30d"),
        ] {
            assert_eq!(in_units(Duration::from_millis(ms)), told, "{ms}");
        }
    }

    #[test]
    fn a_time_that_has_been_is_never_one_to_come() {
        let now = Timestamp::from_unix_ms(1_800_000_000_000);
        let minute = Duration::from_mins(1);
        assert_eq!(parse_past("10m", now), Ok(now.minus(minute * 10)));
        for clock in ["0:00", "8:30", "23:59"] {
            let at = parse_past(clock, now).unwrap();
            assert!(
                at <= now && now.since(at) <= minute * 25 * 60,
                "{clock}: {at}"
            );
        }
        let whole = "2026-11-22T12:00:00.000Z";
        assert_eq!(parse_past(whole, now).unwrap().to_string(), whole);
        assert!(parse_past("soon", now).is_err());
    }

    #[test]
    fn a_person_reads_how_long_ago() {
        let now = at("2026-06-10T10:00:00Z");
        let cases = [
            ("2026-06-10T10:00:00.900Z", "now"),
            ("2026-06-10T09:59:59.100Z", "now"),
            ("2026-06-10T09:59:01Z", "59s ago"),
            ("2026-06-10T09:56:10Z", "3m ago"),
            ("2026-06-10T12:00:00Z", "in 2h"),
            ("2026-06-01T12:00:00Z", "8d ago"),
        ];
        for (text, expected) in cases {
            assert_eq!(relative(at(text), now), expected);
        }
    }

    proptest! {
        #[test]
        fn a_span_is_the_sum_of_its_parts(d in 0u64..99, h in 0u64..99, m in 0u64..99, s in 0u64..99) {
            let seconds = ((d * 24 + h) * 60 + m) * 60 + s;
            let span = parse_span(&format!("{d}d{h}h{m}m{s}s"));
            prop_assert_eq!(span, Ok(Duration::from_secs(seconds)));
        }

        /// The clock of the zone shows what was asked for, in the future and within a day; or it was set
        /// forward over that time.
        #[test]
        fn a_clock_time_is_the_next_one(minute in 0i64..525_600, hour in 0u32..24, min in 0u32..60) {
            let now = Timestamp::from_unix_ms(1_767_225_600_000 + minute * 60_000);
            let then = parse_in(&format!("{hour}:{min}"), now, &Berlin).unwrap();
            prop_assert!(then > now && then.since(now) <= Duration::from_hours(25));
            let shown = then.to_utc().with_timezone(&Berlin).time();
            let asked = NaiveTime::from_hms_opt(hour, min, 0).unwrap();
            prop_assert!(shown == asked || (hour == 2 && then == at("2026-03-29T01:00:00Z")));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _: Result<Timestamp, BadTime> = parse_in(&text, Timestamp::default(), &Utc);
        }
    }
}
