//! What a schedule says: when a task runs, by the clocks of which zone, and what becomes of times that were missed.
//!
//! It is written as a text, or as an object with the text in `cron`: `{"cron": "0 9 * * 1-5", "zone": "Europe/Berlin",
//! "seconds": false, "catch_up": "one" | "none" | "all:N", "max_age": "2d"}`. The text is
//!
//! * a line of five fields, as in Vixie's cron with L, W and # (six with `"seconds": true`), or `@hourly`, `@daily`,
//!   `@midnight`, `@weekly`, `@monthly`, `@yearly`, `@annually`;
//! * `@every 15m`, `@reboot`, or one instant: `2026-12-01T09:00:00Z`, or `2026-12-01T09:00` by the clocks of the zone;
//! * any of these after `TZ=Europe/Berlin` or `CRON_TZ=…`.
//!
//! Pure: no clock, and the machine's zone is handed in.

mod line;
mod zone;

use std::time::Duration;

use chrono::NaiveDateTime;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use self::line::{Line, Precision, number};
pub use self::zone::Zone;
use crate::names::{Explain, Kind};
use crate::time::{Timestamp, parse_span};

/// More runs at once are a flood, not a catch-up.
const MOST_RUNS: usize = 1000;
const MINUTE_MS: i64 = 60_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUp {
    /// One run for all that were missed.
    One,
    /// What is late is missed.
    None,
    /// So many runs, for the last of them.
    Last(usize),
}

#[derive(Clone, Debug)]
pub struct Schedule {
    /// Printed as it came: unknown keys stay.
    written: Value,
    when: When,
    zone: Zone,
    catch_up: CatchUp,
    max_age: Option<Duration>,
}

#[derive(Clone, Debug)]
enum When {
    Line(Box<Line>),
    Every(Duration),
    Reboot,
    Once(Timestamp),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    #[error("a schedule is a text, or an object with the text in `cron`")]
    NoSchedule,
    #[error("{key}: {found} is not {wants}")]
    Key {
        key: &'static str,
        found: String,
        wants: &'static str,
    },
    #[error("{name:?} is no zone")]
    UnknownZone {
        name: String,
        meant: Vec<&'static str>,
    },
    #[error("two zones: {in_text} in the text, {in_key} in `zone`")]
    TwoZones { in_text: Zone, in_key: Zone },
    #[error("{0:?} is none of the names of a schedule")]
    UnknownName(String),
    #[error("@every: {0:?} is no span of a second or more")]
    BadSpan(String),
    #[error("{0:?} is no instant")]
    BadInstant(String),
    #[error("{line:?} has {count} fields instead of five")]
    Fields { line: String, count: usize },
    #[error("{line:?} has six fields, and seconds were not asked for")]
    SixFields { line: String },
    #[error("{field}: {item:?} {why}")]
    Field {
        field: &'static str,
        item: String,
        why: String,
        hint: String,
    },
    #[error("{line:?} never fires: no such month has such a day")]
    NeverFires { line: String },
    #[error("{line:?}: {why}")]
    Refused { line: String, why: String },
}

impl Explain for BadSchedule {
    fn kind(&self) -> Kind {
        Kind::Usage
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSchedule => r#"such as "0 9 * * 1-5", "@every 15m", "2026-12-01T09:00""#.into(),
            Self::UnknownZone { meant, .. } if meant.is_empty() => {
                "use a name such as Europe/Berlin, or UTC".into()
            }
            Self::UnknownZone { meant, .. } => format!("did you mean {}?", meant.join(" or ")),
            Self::TwoZones { .. } => "leave one of them out".into(),
            Self::UnknownName(_) => {
                "use @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, @reboot or @every 15m".into()
            }
            Self::BadSpan(_) => "use 30s, 15m, 2h, 1d or 1h30m".into(),
            Self::BadInstant(_) => {
                "use 2026-12-01T09:00:00Z, or 2026-12-01T09:00 by the clocks of the zone".into()
            }
            Self::Fields { .. } => "minute, hour, day of the month, month, day of the week".into(),
            Self::SixFields { .. } => {
                r#"leave out the first field, or write {"cron": "…", "seconds": true}"#.into()
            }
            Self::Field { hint, .. } => hint.clone(),
            Self::NeverFires { .. } => "the last day of a month is L".into(),
            Self::Key { .. } | Self::Refused { .. } => return None,
        })
    }
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}

impl Schedule {
    /// `local` is the zone where none is written.
    pub fn parse(written: impl Into<Value>, local: Zone) -> Result<Self, BadSchedule> {
        let written = written.into();
        let nothing = Map::new();
        let (text, keys) = match &written {
            Value::String(text) => (text.as_str(), &nothing),
            Value::Object(keys) => (text_of(keys, "cron")?.ok_or(BadSchedule::NoSchedule)?, keys),
            _ => return Err(BadSchedule::NoSchedule),
        };
        let (in_text, text) = zone_before(text.trim())?;
        let in_key = text_of(keys, "zone")?.map(Zone::parse).transpose()?;
        let zone = match (in_text, in_key) {
            (Some(in_text), Some(in_key)) if in_text != in_key => {
                return Err(BadSchedule::TwoZones { in_text, in_key });
            }
            (in_text, in_key) => in_text.or(in_key).unwrap_or(local),
        };
        let precision = match keys.get("seconds") {
            None | Some(Value::Null | Value::Bool(false)) => Precision::Minutes,
            Some(Value::Bool(true)) => Precision::Seconds,
            Some(other) => return Err(bad_key("seconds", other, "true or false")),
        };
        Ok(Self {
            when: When::parse(text, precision, zone)?,
            zone,
            catch_up: catch_up(keys)?,
            max_age: max_age(keys)?,
            written,
        })
    }

    pub fn zone(&self) -> Zone {
        self.zone
    }

    pub fn catch_up(&self) -> CatchUp {
        self.catch_up
    }

    pub fn max_age(&self) -> Option<Duration> {
        self.max_age
    }

    pub fn is_at_boot(&self) -> bool {
        matches!(self.when, When::Reboot)
    }

    /// As one reads it aloud, with its zone.
    pub fn in_words(&self) -> String {
        match &self.when {
            When::Line(line) => format!("{} ({})", line.in_words(), self.zone),
            When::Every(span) => format!("Every {}, counted from the last start", in_units(*span)),
            When::Reboot => "Once after each start of the machine".into(),
            When::Once(at) => format!("Once, at {} ({})", self.show(*at), self.zone),
        }
    }

    /// What the clocks of its zone show at that instant.
    pub fn show(&self, at: Timestamp) -> String {
        self.zone.shown(at).format("%F %T %Z").to_string()
    }

    /// The last occurrence that is not after `at`. `anchor` is what `@every` counts from.
    pub(super) fn previous(&self, at: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        match &self.when {
            When::Line(line) => line.previous(at, self.zone),
            When::Every(span) => multiple(*span, anchor, at, 0),
            When::Once(once) => Some(*once).filter(|once| *once <= at),
            When::Reboot => None,
        }
    }

    /// The first occurrence after `at`.
    pub(super) fn following(&self, at: Timestamp, anchor: Timestamp) -> Option<Timestamp> {
        match &self.when {
            When::Line(line) => line.following(at, self.zone),
            When::Every(span) => multiple(*span, anchor, at.max(anchor), 1),
            When::Once(once) => Some(*once).filter(|once| *once > at),
            When::Reboot => None,
        }
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(to)
    }
}

/// The last multiple of the span that is not after `at`, or that many later ones. The anchor itself is none.
///
/// A pass comes each minute and starts a task some time later: counted from that very moment, `@every 15m` would
/// come each sixteen minutes. So it is counted from the beginning of the minute.
fn multiple(span: Duration, anchor: Timestamp, at: Timestamp, later: i64) -> Option<Timestamp> {
    let span = i64::try_from(span.as_millis()).ok()?;
    let unit = if span < MINUTE_MS { 1 } else { MINUTE_MS };
    let anchor = anchor.unix_ms() - anchor.unix_ms().rem_euclid(unit);
    let count = (at.unix_ms() - anchor).div_euclid(span) + later;
    (count > 0).then(|| Timestamp::from_unix_ms(anchor + count * span))
}

fn text_of<'a>(
    keys: &'a Map<String, Value>,
    key: &'static str,
) -> Result<Option<&'a str>, BadSchedule> {
    match keys.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(bad_key(key, other, "a text")),
    }
}

fn bad_key(key: &'static str, found: &Value, wants: &'static str) -> BadSchedule {
    let found = clip(&found.to_string());
    BadSchedule::Key { key, found, wants }
}

fn catch_up(keys: &Map<String, Value>) -> Result<CatchUp, BadSchedule> {
    let Some(text) = text_of(keys, "catch_up")? else {
        return Ok(CatchUp::One);
    };
    let last = || text.strip_prefix("all:")?.parse().ok();
    match text {
        "one" => Ok(CatchUp::One),
        "none" => Ok(CatchUp::None),
        _ => last()
            .filter(|runs| (1..=MOST_RUNS).contains(runs))
            .map(CatchUp::Last)
            .ok_or_else(|| {
                let wants = r#""one", "none" or "all:N" with N from 1 to 1000"#;
                bad_key("catch_up", &text.into(), wants)
            }),
    }
}

fn max_age(keys: &Map<String, Value>) -> Result<Option<Duration>, BadSchedule> {
    let wants = "a span such as 30m, 12h or 2d";
    let text = text_of(keys, "max_age")?;
    text.map(|text| parse_span(text).map_err(|_| bad_key("max_age", &text.into(), wants)))
        .transpose()
}

fn zone_before(text: &str) -> Result<(Option<Zone>, &str), BadSchedule> {
    let zoned = text.strip_prefix("CRON_TZ=");
    let Some(zoned) = zoned.or_else(|| text.strip_prefix("TZ=")) else {
        return Ok((None, text));
    };
    let (name, text) = zoned.split_once(char::is_whitespace).unwrap_or((zoned, ""));
    Ok((Some(Zone::parse(name)?), text.trim_start()))
}

fn in_units(span: Duration) -> String {
    let mut rest = span.as_millis();
    let mut text = String::new();
    for (unit, ms) in [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1000),
        ("ms", 1),
    ] {
        if rest >= ms {
            text = format!("{text}{}{unit}", rest / ms);
            rest %= ms;
        }
    }
    text
}

impl When {
    fn parse(text: &str, precision: Precision, zone: Zone) -> Result<Self, BadSchedule> {
        if text.starts_with('@') {
            return Self::named(text);
        }
        if let Some(at) = Timestamp::parse(text) {
            return Ok(Self::Once(at));
        }
        // 2026-… is no field.
        let year = text.get(..5).and_then(|start| start.strip_suffix('-'));
        if year.and_then(number).is_some() {
            let at = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
                .iter()
                .find_map(|form| {
                    NaiveDateTime::parse_from_str(&text.replacen(' ', "T", 1), form).ok()
                })
                .and_then(|shown| zone.first(shown));
            return at
                .map(Self::Once)
                .ok_or_else(|| BadSchedule::BadInstant(clip(text)));
        }
        Line::parse(text, precision).map(|line| Self::Line(line.into()))
    }

    fn named(text: &str) -> Result<Self, BadSchedule> {
        let (name, span) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let line = match (name, span.trim()) {
            ("@every", span) => {
                let span = parse_span(span)
                    .ok()
                    .filter(|span| *span >= Duration::from_secs(1))
                    .ok_or_else(|| BadSchedule::BadSpan(clip(span)))?;
                return Ok(Self::Every(span));
            }
            ("@reboot", "") => return Ok(Self::Reboot),
            ("@hourly", "") => "0 * * * *",
            ("@daily" | "@midnight", "") => "0 0 * * *",
            ("@weekly", "") => "0 0 * * 0",
            ("@monthly", "") => "0 0 1 * *",
            ("@yearly" | "@annually", "") => "0 0 1 1 *",
            _ => return Err(BadSchedule::UnknownName(clip(text))),
        };
        Line::parse(line, Precision::Minutes).map(|line| Self::Line(line.into()))
    }
}

#[cfg(test)]
mod tests;
