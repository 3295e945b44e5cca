//! The clocks of a zone.

use std::fmt;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

use super::{BadSchedule, clip};
use crate::time::{Timestamp, instants};

/// Known by its name: `Europe/Berlin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone(Tz);

impl Zone {
    pub const UTC: Self = Self(Tz::UTC);

    pub fn parse(name: &str) -> Result<Self, BadSchedule> {
        name.parse()
            .map(Self)
            .map_err(|_| BadSchedule::UnknownZone {
                name: clip(name),
                meant: nearest(name),
            })
    }

    pub(super) fn shown(self, at: Timestamp) -> DateTime<Tz> {
        at.to_utc().with_timezone(&self.0)
    }

    /// When its clocks show that for the first time, or the end of the gap that it falls into.
    pub(super) fn first(self, shown: NaiveDateTime) -> Option<Timestamp> {
        instants(shown, &self.0).first().copied()
    }

    /// How long after the first time they show it again.
    pub(super) fn repeated_after(self, shown: NaiveDateTime) -> TimeDelta {
        match self.0.from_local_datetime(&shown) {
            MappedLocalTime::Ambiguous(first, second) => second - first,
            MappedLocalTime::Single(_) | MappedLocalTime::None => TimeDelta::zero(),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name())
    }
}

/// By the whole name or by the city, the smallest distance only.
fn nearest(asked: &str) -> Vec<&'static str> {
    let fold = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
    let asked = fold(&clip(asked));
    let distance = |zone: &Tz| {
        let name = fold(zone.name());
        let city = name.rsplit('/').next().unwrap_or(&name);
        strsim::osa_distance(&asked, &name).min(strsim::osa_distance(&asked, city))
    };
    let all = TZ_VARIANTS.iter().map(|zone| (distance(zone), zone.name()));
    let near: Vec<_> = all
        .filter(|(far, _)| *far <= 2.min(asked.len() / 3))
        .collect();
    let best = near.iter().map(|(far, _)| *far).min();
    let nearest = near.iter().filter(|(far, _)| Some(*far) == best);
    nearest.map(|(_, name)| *name).take(3).collect()
}
