//! `taskctl run --due` each minute, as cron says it, while the clock does what clocks do.
//!
//! The week in which Europe/Berlin puts its clocks forward, with two days in which nobody looks and a clock that is set
//! back by three hours; and the night in which the clocks are put back, until the next Monday's morning.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::{Den, TASKCTL};
use crate::home;

const LINES: [(&str, &str); 5] = [
    ("night", "TZ=Europe/Berlin 30 2 * * *"),
    ("quarters", "TZ=Europe/Berlin */15 * * * *"),
    ("hourly", "TZ=Europe/Berlin @hourly"),
    ("every", "@every 45m"),
    ("weekdays", "TZ=Europe/Berlin 0 9 * * 1-5"),
];

/// What fakes the clock of a program that calls the C library.
fn faketime() -> Option<PathBuf> {
    let places = std::fs::read_dir("/usr/lib").into_iter().flatten();
    let libraries = places.map(|it| it.unwrap().path().join("faketime/libfaketime.so.1"));
    let found = libraries.into_iter().find(|it| it.exists());
    if found.is_none() {
        home::skipped("faketime");
    }
    found
}

struct Week {
    den: Den,
    library: PathBuf,
    passes: u64,
}

fn at(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text)
        .unwrap()
        .timestamp()
}

impl Week {
    /// Its tasks are made at `start`.
    fn new(start: &str) -> Option<Self> {
        let week = Self {
            library: faketime()?,
            den: Den::new(),
            passes: 0,
        };
        let batch: String = LINES
            .iter()
            .map(|(id, line)| {
                let run = format!("echo $DREAMOS_OCCURRENCE >> {id}");
                json!({"id": id, "name": id, "schedule": line, "run": run}).to_string() + "\n"
            })
            .collect();
        std::fs::write(week.den.dir().join("batch"), batch).unwrap();
        let made = home::run(
            week.taskctl(at(start)).args(["create", "--batch", "batch"]),
            b"",
        );
        assert_eq!(made.code, 0, "{made:?}");
        Some(week)
    }

    /// `env -i` and what cron gives, besides what stops its clock at `now`.
    fn taskctl(&self, now: i64) -> Command {
        let mut command = Command::new(TASKCTL);
        command
            .current_dir(self.den.dir())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("DREAMOS_HOME", self.den.dir())
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_FMT", "%s")
            .env("FAKETIME", now.to_string())
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("FAKETIME_DISABLE_SHM", "1")
            .env("NO_FAKE_STAT", "1");
        command
    }

    /// Each minute from here, before there.
    fn passes(&mut self, from: &str, to: &str) {
        for now in (at(from)..at(to)).step_by(60) {
            let ran = home::run(self.taskctl(now).args(["run", "--due"]), b"");
            let is_silent = ran.code == 0 && ran.out.is_empty() && ran.err.is_empty();
            assert!(is_silent, "at {now}: {ran:?}");
            self.passes += 1;
        }
        let passes = self.known();
        let last = chrono::DateTime::from_timestamp(at(to) - 60, 0).unwrap();
        let last = last.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        assert_eq!(passes["last"], last, "the clock is not faked");
        assert_eq!(passes["count"], self.passes);
    }

    fn known(&self) -> Value {
        let text = std::fs::read(self.den.dir().join("runtime/tasks/passes.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn occurrences(&self, id: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.den.dir().join(id)).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// How often each has run by now; no occurrence twice.
    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let count = |(id, _): &(&'static str, _)| {
            let all = self.occurrences(id);
            let unique: BTreeSet<_> = all.iter().collect();
            assert_eq!(all.len(), unique.len(), "{id} ran twice: {all:?}");
            (*id, all.len())
        };
        LINES.iter().map(count).collect()
    }

    fn missed(&self, id: &str) -> u64 {
        let state = self.den.dir().join("runtime/tasks/unassigned.state.json");
        let state: Value = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
        state["runs"][id]["missed"].as_u64().unwrap_or(0)
    }
}

fn counts(of: [usize; 5]) -> BTreeMap<&'static str, usize> {
    LINES.iter().map(|it| it.0).zip(of).collect()
}

#[test]
fn a_week_in_spring_with_a_night_without_its_second_hour_a_gap_of_two_days_and_a_clock_set_back() {
    let Some(mut week) = Week::new("2026-03-27T06:59:30Z") else {
        return;
    };
    week.passes("2026-03-27T07:00:00Z", "2026-03-29T04:00:00Z");
    assert_eq!(week.counts(), counts([2, 180, 45, 60, 1]));
    // Half past two was not: it is run when the clock has jumped over it.
    let nights = ["2026-03-28T01:30:00.000Z", "2026-03-29T01:00:00.000Z"];
    assert_eq!(week.occurrences("night"), nights);
    // Nobody was there from Sunday morning to Tuesday morning: one run each, and what was missed is known.
    week.passes("2026-03-31T06:30:00Z", "2026-03-31T08:30:00Z");
    assert_eq!(week.counts(), counts([3, 188, 48, 63, 3]));
    let missed = LINES.map(|(id, _)| week.missed(id));
    assert_eq!(missed, [1, 202, 50, 66, 0]);
    // Half past ten becomes half past seven again.
    week.passes("2026-03-31T05:30:00Z", "2026-03-31T09:30:00Z");
    assert_eq!(week.counts(), counts([3, 192, 49, 64, 3]));
    week.passes("2026-03-31T09:30:00Z", "2026-04-03T07:00:00Z");
    assert_eq!(week.counts(), counts([6, 470, 118, 157, 5]));
    week.den.well().unwrap();
}

#[test]
fn in_autumn_a_night_with_its_second_hour_twice_and_a_monday() {
    let Some(mut week) = Week::new("2026-10-24T19:59:30Z") else {
        return;
    };
    // What names its hour is run in the first of the two; what goes by the clock in both.
    week.passes("2026-10-24T20:00:00Z", "2026-10-25T04:00:00Z");
    assert_eq!(week.counts(), counts([1, 32, 8, 10, 0]));
    assert_eq!(week.occurrences("night"), ["2026-10-25T00:30:00.000Z"]);
    week.passes("2026-10-25T04:00:00Z", "2026-10-26T08:30:00Z");
    assert_eq!(week.counts(), counts([2, 146, 37, 48, 1]));
    week.den.well().unwrap();
}
