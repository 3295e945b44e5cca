//! A line of cron: which days and times it means, and when they are by the clocks of a zone.
//!
//! Where clocks are set forward or back, Vixie's rule holds. A line that names its hours fires once for each time: right
//! after the gap that its time fell into (once for all that fell into it), and in a repeated hour at the first of the
//! two. A line whose hours begin with `*` goes by what the clocks show: in a repeated hour twice, in a gap not at all.
//! Vixie counts a line with such minutes as one of these, too; then `*/15 2 * * *` would be left out in spring.

use chrono::DateTime;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

use super::{BadSchedule, Zone, clip};
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Precision {
    Minutes,
    /// The seconds come first.
    Seconds,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    cron: Cron,
    /// Its hours begin with `*`.
    goes_by_the_clock: bool,
    has_last_weekday: bool,
}

impl Line {
    pub(super) fn parse(text: &str, precision: Precision) -> Result<Self, BadSchedule> {
        let line = || clip(text);
        let parts: Vec<&str> = text.split_whitespace().collect();
        let fields = match (parts.len(), precision) {
            (5, _) => &FIELDS[1..],
            (6, Precision::Seconds) => &FIELDS[..],
            (6, Precision::Minutes) => return Err(BadSchedule::SixFields { line: line() }),
            (count, _) => {
                let line = line();
                return Err(BadSchedule::Fields { line, count });
            }
        };
        let mut pattern: Vec<String> = fields
            .iter()
            .zip(&parts)
            .map(|(field, part)| field.canonical(part))
            .collect::<Result<_, _>>()?;
        if pattern.len() == 5 {
            pattern.insert(0, "0".into());
        }
        let [.., hours, days, _, weekdays] = parts[..] else {
            unreachable!("five fields at least")
        };
        // Croner takes either day where neither is exactly `*`; for Vixie `*/2` leaves the day to the other field, too.
        let both_days = days.starts_with('*') || weekdays.starts_with('*');
        let cron = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Disallowed)
            .dom_and_dow(both_days)
            .build()
            .parse(&pattern.join(" "))
            .map_err(|why| BadSchedule::Refused {
                line: line(),
                why: why.to_string(),
            })?;
        // Croner looks on for three thousand years; the calendar repeats itself after four hundred.
        if cron
            .find_next_occurrence(&DateTime::UNIX_EPOCH, true)
            .is_err()
        {
            return Err(BadSchedule::NeverFires { line: line() });
        }
        Ok(Self {
            cron,
            goes_by_the_clock: hours.starts_with('*'),
            has_last_weekday: pattern[3].contains("LW"),
        })
    }

    pub(super) fn in_words(&self) -> String {
        let words = self.cron.describe();
        let words = words.trim_end_matches('.');
        if self.has_last_weekday {
            // Croner reads LW aloud as L.
            return words.replace(
                "the last day of the month",
                "the last weekday (Monday to Friday) of the month",
            );
        }
        words.into()
    }

    // Croner knows Vixie's two kinds of lines, but counts only lines of one minute in one hour as those that name their
    // hours: `0 2,14 * * *` would be left out in spring, and would come twice in autumn. So it looks for the zone of
    // the others only, and here through the calendar.

    /// The last that is not after `at`.
    pub(super) fn previous(&self, at: Timestamp, zone: Zone) -> Option<Timestamp> {
        let shown = zone.shown(whole_second(at));
        if self.goes_by_the_clock {
            let found = self.cron.find_previous_occurrence(&shown, true).ok()?;
            return Some(Timestamp::from_unix_ms(found.timestamp_millis()));
        }
        let shown = shown.naive_local();
        // In the second of two equal hours all of the first is over, not just what its clocks showed until now.
        let mut from = shown + zone.repeated_after(shown);
        let mut inclusive = true;
        loop {
            from = self.cron.find_previous_occurrence(&from, inclusive).ok()?;
            inclusive = false;
            match zone.first(from)? {
                found if found <= at => return Some(found),
                _ => {}
            }
        }
    }

    /// The first after `at`.
    pub(super) fn following(&self, at: Timestamp, zone: Zone) -> Option<Timestamp> {
        let shown = zone.shown(whole_second(at));
        if self.goes_by_the_clock {
            let found = self.cron.find_next_occurrence(&shown, false).ok()?;
            return Some(Timestamp::from_unix_ms(found.timestamp_millis()));
        }
        let mut from = shown.naive_local();
        loop {
            from = self.cron.find_next_occurrence(&from, false).ok()?;
            match zone.first(from)? {
                found if found > at => return Some(found),
                _ => {}
            }
        }
    }
}

/// No line fires within a second; from there croner, looking back at the end of the first of two equal hours, finds what
/// comes after it.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_unix_ms(at.unix_ms() - at.unix_ms().rem_euclid(1000))
}

/// One of the fields of a line. Each is read here before croner sees it: croner's errors do not say where, it replaces
/// the names of months and weekdays wherever they stand (`MON * * * *` is minute 1), skips what is empty between
/// commas, and cannot say `0-30/15` in words.
struct Field {
    name: &'static str,
    low: u16,
    high: u16,
    names: &'static [&'static str],
    days: Days,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Days {
    Neither,
    OfMonth,
    OfWeek,
}

const fn field(name: &'static str, low: u16, high: u16) -> Field {
    Field {
        name,
        low,
        high,
        names: &[],
        days: Days::Neither,
    }
}

const FIELDS: [Field; 6] = [
    field("second", 0, 59),
    field("minute", 0, 59),
    field("hour", 0, 23),
    Field {
        days: Days::OfMonth,
        ..field("day of the month", 1, 31)
    },
    Field {
        names: &[
            "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
        ],
        ..field("month", 1, 12)
    },
    Field {
        names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
        days: Days::OfWeek,
        ..field("day of the week", 0, 7)
    },
];

/// What is wrong with an item, and what to do.
struct Fault(String, String);

impl Field {
    /// Numbers only, and steps only alone.
    fn canonical(&self, text: &str) -> Result<String, BadSchedule> {
        if text == "?" && self.days != Days::Neither {
            return Ok("*".into());
        }
        let given: Vec<&str> = text.split(',').collect();
        let mut items = Vec::new();
        for item in &given {
            let read = self.item(&item.to_ascii_uppercase());
            items.push(read.map_err(|Fault(why, hint)| BadSchedule::Field {
                field: self.name,
                item: clip(item),
                why,
                hint,
            })?);
        }
        let has = |wanted: &str| items.iter().any(|item| item == wanted);
        if has("*") {
            return Ok("*".into());
        }
        if has("L") && has("LW") {
            // Croner would forget L.
            return Err(BadSchedule::Field {
                field: self.name,
                item: clip(text),
                why: "has both L and LW".into(),
                hint: "make two schedules of it".into(),
            });
        }
        if given.len() == 1 && text.starts_with('*') {
            return Ok(text.into());
        }
        Ok(items.join(","))
    }

    fn item(&self, item: &str) -> Result<String, Fault> {
        if let Some(day) = self.day(item)? {
            return Ok(day);
        }
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let (from, mut to) = match range.split_once('-') {
            _ if range == "*" => (self.low, self.high),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            None => (self.value(range)?, self.value(range)?),
        };
        if to == 0 && from > 0 && self.days == Days::OfWeek {
            to = 7;
        }
        if from > to {
            let hint = format!("write {from}-{},{}-{to}", self.high, self.low);
            return Err(Fault("goes backwards".into(), hint));
        }
        if step.is_some() && range != "*" && !range.contains('-') {
            let hint = format!(
                "write {item}",
                item = item.replace('/', &format!("-{}/", self.high))
            );
            return Err(Fault("steps from one value to nowhere".into(), hint));
        }
        let step = step.map_or(Ok(1), |step| self.step(step))?;
        if (range, step) == ("*", 1) {
            return Ok("*".into());
        }
        let all = (from..=to)
            .step_by(step.into())
            .map(|value| value.to_string());
        Ok(all.collect::<Vec<_>>().join(","))
    }

    /// L, LW, 15W; 5L, FRI#2.
    fn day(&self, item: &str) -> Result<Option<String>, Fault> {
        match self.days {
            Days::OfMonth if matches!(item, "L" | "LW") => Ok(Some(item.into())),
            Days::OfMonth => {
                let day = item.strip_suffix('W').map(|day| self.value(day));
                Ok(day.transpose()?.map(|day| format!("{day}W")))
            }
            Days::OfWeek => {
                if let Some((day, nth)) = item.split_once('#') {
                    let day = self.value(day)?;
                    if !matches!(nth, "1" | "2" | "3" | "4" | "5") {
                        let hint = format!("{day}#1 to {day}#5");
                        return Err(Fault("is no such week of the month".into(), hint));
                    }
                    return Ok(Some(format!("{day}#{nth}")));
                }
                let day = item.strip_suffix('L').map(|day| self.value(day));
                Ok(day.transpose()?.map(|day| format!("{day}L")))
            }
            Days::Neither => Ok(None),
        }
    }

    fn value(&self, text: &str) -> Result<u16, Fault> {
        let mut names = (self.low..).zip(self.names);
        names
            .find(|(_, name)| **name == text)
            .map(|(value, _)| value)
            .or_else(|| number(text))
            .filter(|value| (self.low..=self.high).contains(value))
            .ok_or_else(|| {
                let names = match self.names {
                    [first, .., last] => format!(", or {first} to {last}"),
                    _ => String::new(),
                };
                let days = match self.days {
                    Days::OfMonth => ", L, LW or 15W",
                    Days::OfWeek => ", 5L or 5#2",
                    Days::Neither => "",
                };
                let hint = format!(
                    "use *, {low} to {high}{names}{days}; lists with commas, ranges with -, steps as */5",
                    low = self.low,
                    high = self.high
                );
                Fault("is not understood".into(), hint)
            })
    }

    fn step(&self, text: &str) -> Result<u16, Fault> {
        let most = self.high - self.low;
        number(text)
            .filter(|step| (1..=most).contains(step))
            .ok_or_else(|| {
                let every = match (self.name, number(text)) {
                    ("minute", Some(step @ 60..)) => format!("; there is @every {step}m"),
                    ("hour", Some(step @ 24..)) => format!("; there is @every {step}h"),
                    _ => String::new(),
                };
                Fault(
                    "has no such step".into(),
                    format!("steps go from 1 to {most}{every}"),
                )
            })
    }
}

/// Digits only.
pub(super) fn number(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|digit| digit.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}
