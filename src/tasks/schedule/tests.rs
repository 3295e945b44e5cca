use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate, TimeDelta, Timelike, Weekday};
use proptest::prelude::*;
use serde_json::json;

use super::*;

type Set = BTreeSet<u32>;

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn read(written: impl Into<Value>) -> Schedule {
    Schedule::parse(written, zone("Europe/Berlin")).unwrap()
}

fn error(written: impl Into<Value>) -> String {
    let error = Schedule::parse(written, Zone::UTC).unwrap_err();
    match error.hint() {
        Some(hint) => format!("{error} | {hint}"),
        None => error.to_string(),
    }
}

/// A field, and what it means: worked out beside croner.
fn set(low: u32, high: u32) -> impl Strategy<Value = (String, Set)> {
    let value = || low..=high;
    prop_oneof![
        Just(("*".into(), (low..=high).collect())),
        (1..=(high - low)).prop_map(move |step| {
            let all = (low..=high).filter(|value| (value - low).is_multiple_of(step));
            (format!("*/{step}"), all.collect())
        }),
        value().prop_map(|value| (value.to_string(), Set::from([value]))),
        (value(), value(), 1..=5_u32).prop_map(|(a, b, step)| {
            let (from, to) = (a.min(b), a.max(b));
            let all = (from..=to).filter(|value| (value - from).is_multiple_of(step));
            (format!("{from}-{to}/{step}"), all.collect())
        }),
        (proptest::collection::vec(value(), 1..4), value(), value()).prop_map(|(list, a, b)| {
            let mut text: Vec<String> = list.iter().map(ToString::to_string).collect();
            text.push(format!("{}-{}", a.min(b), a.max(b)));
            let range = a.min(b)..=a.max(b);
            (text.join(","), list.into_iter().chain(range).collect())
        }),
    ]
}

/// A line, read without croner; its days are those of the week only.
#[derive(Clone, Debug)]
struct Plain {
    text: String,
    seconds: Set,
    minutes: Set,
    hours: Set,
    weekdays: Set,
}

fn plain(seconds: impl Strategy<Value = (String, Set)>) -> impl Strategy<Value = Plain> {
    // Most changes are at night.
    let early = (0..5_u32, 0..5_u32).prop_map(|(a, b)| (format!("{a},{b}"), Set::from([a, b])));
    let hours = prop_oneof![set(0, 23), early];
    (seconds, set(0, 59), hours, set(0, 6)).prop_map(|(seconds, minutes, hours, weekdays)| Plain {
        text: format!("{} {} {} * * {}", seconds.0, minutes.0, hours.0, weekdays.0),
        seconds: seconds.1,
        minutes: minutes.1,
        hours: hours.1,
        weekdays: weekdays.1,
    })
}

impl Plain {
    fn matches(&self, shown: NaiveDateTime) -> bool {
        self.seconds.contains(&shown.second())
            && self.minutes.contains(&shown.minute())
            && self.hours.contains(&shown.hour())
            && self
                .weekdays
                .contains(&shown.weekday().num_days_from_sunday())
    }

    /// Vixie's clock, one step of real time after the other: what names its hours fires when the clocks get further than
    /// they ever were, the rest whenever they show it.
    fn walk(&self, zone: Zone, from: Timestamp, to: Timestamp, step: TimeDelta) -> Vec<Timestamp> {
        let goes_by_the_clock = self.text.split(' ').nth(2).unwrap().starts_with('*');
        let mut furthest = zone.shown(from).naive_local();
        let mut now = from;
        let mut fired = Vec::new();
        while now < to {
            now = now.plus(step.to_std().unwrap());
            let shown = zone.shown(now).naive_local();
            let mut is_due = false;
            if goes_by_the_clock {
                is_due = self.matches(shown);
            } else {
                while furthest < shown {
                    furthest += step;
                    is_due |= self.matches(furthest);
                }
            }
            if is_due {
                fired.push(now);
            }
        }
        fired
    }
}

/// When the clocks of a zone change, and by how many minutes.
const CHANGES: [(&str, &str, i64); 13] = [
    ("UTC", "2026-03-29T00:00:00Z", 0),
    ("Asia/Kolkata", "2026-10-25T00:00:00Z", 0),
    ("Europe/Berlin", "2026-03-29T01:00:00Z", 60),
    ("Europe/Berlin", "2026-10-25T01:00:00Z", -60),
    ("America/New_York", "2026-03-08T07:00:00Z", 60),
    ("America/New_York", "2026-11-01T06:00:00Z", -60),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z", 30),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z", -30),
    // Over midnight: the day itself begins late, or twice.
    ("Asia/Beirut", "2026-03-28T22:00:00Z", 60),
    ("Asia/Beirut", "2026-10-24T21:00:00Z", -60),
    ("America/Havana", "2026-03-08T05:00:00Z", 60),
    ("America/Havana", "2026-11-01T05:00:00Z", -60),
    // Samoa went over the date line: there was no 30 December.
    ("Pacific/Apia", "2011-12-30T10:00:00Z", 24 * 60),
];

fn agrees(plain: &Plain, change: usize, around: TimeDelta, step: TimeDelta, looks: &[f64]) {
    let (name, change, _) = CHANGES[change];
    let zone = zone(name);
    let around = around.to_std().unwrap();
    let (from, to) = (at(change).minus(around), at(change).plus(around));
    let expected = plain.walk(zone, from, to, step);
    let schedule = Schedule::parse(json!({"cron": plain.text, "seconds": true}), zone).unwrap();

    let after = |now| schedule.following(now, from).filter(|next| *next <= to);
    let found: Vec<_> = std::iter::successors(after(from), |now| after(*now)).collect();
    let odd = |found: &[Timestamp]| {
        let mut pairs = expected.iter().zip(found);
        let (expected, found) = pairs.find(|(expected, found)| expected != found)?;
        Some(format!("{found} instead of {expected}"))
    };
    assert_eq!(
        (found.len(), odd(&found)),
        (expected.len(), None),
        "{} in {name}",
        plain.text
    );

    let before = |now| schedule.previous(now, from).filter(|last| *last > from);
    let earlier = |now: &Timestamp| before(now.minus(Duration::from_millis(1)));
    let mut found: Vec<_> = std::iter::successors(before(to), earlier).collect();
    found.reverse();
    assert_eq!(
        (found.len(), odd(&found)),
        (expected.len(), None),
        "back: {} in {name}",
        plain.text
    );

    for look in looks {
        let now = from.plus(around.mul_f64(2.0 * look));
        let last = expected.iter().rfind(|fired| **fired <= now).copied();
        let next = expected.iter().find(|fired| **fired > now).copied();
        assert_eq!(before(now), last, "{} in {name} before {now}", plain.text);
        assert_eq!(after(now), next, "{} in {name} after {now}", plain.text);
    }
}

#[test]
fn the_clocks_change_where_the_walks_look() {
    for (name, change, minutes) in CHANGES {
        let shown = |now| zone(name).shown(now).naive_local();
        let second = Duration::from_secs(1);
        let jump = shown(at(change)) - shown(at(change).minus(second)) - TimeDelta::seconds(1);
        assert_eq!(jump, TimeDelta::minutes(minutes), "{name} at {change}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_minute_around_a_change_of_the_clocks(
        plain in plain(Just(("0".to_owned(), Set::from([0])))),
        change in 0..CHANGES.len(),
        looks in proptest::collection::vec(0.0..1.0, 10),
    ) {
        agrees(&plain, change, TimeDelta::hours(60), TimeDelta::minutes(1), &looks);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_second_around_a_change_of_the_clocks(
        plain in plain(set(0, 59)),
        change in 0..CHANGES.len() - 1,
        looks in proptest::collection::vec(0.0..1.0, 10),
    ) {
        agrees(&plain, change, TimeDelta::minutes(100), TimeDelta::seconds(1), &looks);
    }
}

#[test]
fn what_was_before_is_before_also_from_within_a_second() {
    let schedule = Schedule::parse("0 */23 * * *", zone("Asia/Beirut")).unwrap();
    let now = at("2026-10-24T20:59:59.999Z");
    assert_eq!(
        schedule.previous(now, now),
        Some(at("2026-10-24T20:00:00Z"))
    );
}

#[derive(Clone, Debug)]
enum Day {
    Number(u32),
    Last,
    LastWeekday,
    Nearest(u32),
    OfWeek(u32),
    Nth(u32, u32),
    LastOfWeek(u32),
}

fn day_of_month() -> impl Strategy<Value = Day> {
    prop_oneof![
        (1..=31_u32).prop_map(Day::Number),
        Just(Day::Last),
        Just(Day::LastWeekday),
        (1..=31_u32).prop_map(Day::Nearest),
    ]
}

fn day_of_week() -> impl Strategy<Value = Day> {
    prop_oneof![
        (0..=7_u32).prop_map(Day::OfWeek),
        (0..=7_u32, 1..=5_u32).prop_map(|(day, nth)| Day::Nth(day, nth)),
        (0..=7_u32).prop_map(Day::LastOfWeek),
    ]
}

impl Day {
    fn text(&self) -> String {
        match self {
            Self::Number(day) | Self::OfWeek(day) => day.to_string(),
            Self::Last => "L".into(),
            Self::LastWeekday => "lw".into(),
            Self::Nearest(day) => format!("{day}W"),
            Self::Nth(day, nth) => format!("{day}#{nth}"),
            Self::LastOfWeek(day) => format!("{day}L"),
        }
    }

    fn is(&self, date: NaiveDate) -> bool {
        let ends = |date: NaiveDate| date.succ_opt().unwrap().day() == 1;
        let works = |date: NaiveDate| !matches!(date.weekday(), Weekday::Sat | Weekday::Sun);
        let is_day = |day: u32| date.weekday().num_days_from_sunday() == day % 7;
        match *self {
            Self::Number(day) => date.day() == day,
            Self::Last => ends(date),
            Self::LastWeekday => {
                let rest = date.iter_days().skip(1);
                works(date)
                    && rest
                        .take_while(|day| day.month() == date.month())
                        .all(|day| !works(day))
            }
            // Of the days that are nearest and worked on, the first; it stays in its month.
            Self::Nearest(day) => date.with_day(day).is_some_and(|wanted| {
                let near = [0, -1, 1, -2, 2].map(|days| wanted + TimeDelta::days(days));
                let mut near = near.into_iter().filter(|near| near.month() == date.month());
                near.find(|near| works(*near)) == Some(date)
            }),
            Self::OfWeek(day) => is_day(day),
            Self::Nth(day, nth) => is_day(day) && date.day().div_ceil(7) == nth,
            Self::LastOfWeek(day) => {
                is_day(day) && (date + TimeDelta::days(7)).month() != date.month()
            }
        }
    }
}

/// `None`: each day, or each so many.
fn days(day: impl Strategy<Value = Day>) -> impl Strategy<Value = Result<Vec<Day>, u32>> {
    prop_oneof![
        Just(Err(1)),
        (2..6_u32).prop_map(Err),
        proptest::collection::vec(day, 1..4).prop_map(Ok),
    ]
}

fn days_text(days: &Result<Vec<Day>, u32>) -> String {
    match days {
        Err(1) => "*".into(),
        Err(step) => format!("*/{step}"),
        Ok(days) => days.iter().map(Day::text).collect::<Vec<_>>().join(","),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_day_of_five_years(
        of_month in days(day_of_month()),
        of_week in days(day_of_week()),
        months in set(1, 12),
    ) {
        let text = format!("0 0 {} {} {}", days_text(&of_month), months.0, days_text(&of_week));
        let fits = |date: NaiveDate| {
            let month_day = match &of_month {
                Err(step) => date.day0().is_multiple_of(*step),
                Ok(days) => days.iter().any(|day| day.is(date)),
            };
            let week_day = match &of_week {
                // From Sunday to the other Sunday, 0 to 7.
                Err(step) => [date.weekday().num_days_from_sunday(), 7 + date.weekday().num_days_from_sunday()]
                    .iter()
                    .any(|day| *day <= 7 && day.is_multiple_of(*step)),
                Ok(days) => days.iter().any(|day| day.is(date)),
            };
            let day = if of_month.is_err() || of_week.is_err() {
                month_day && week_day
            } else {
                month_day || week_day
            };
            day && months.1.contains(&date.month())
        };
        let first = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        let all = first.iter_days().take(5 * 365 + 1);
        let expected: Vec<_> = all.filter(|date| fits(*date)).collect();
        match Schedule::parse(text.clone(), Zone::UTC) {
            Err(BadSchedule::NeverFires { .. }) => prop_assert_eq!(expected, vec![]),
            Err(BadSchedule::Field { why, .. }) => prop_assert_eq!(why, "has both L and LW"),
            Err(other) => prop_assert!(false, "{text}: {other}"),
            Ok(schedule) => {
                let (from, to) = (at("2025-12-31T23:59:59Z"), at("2030-12-31T23:59:59Z"));
                let after = |now| schedule.following(now, from).filter(|next| *next <= to);
                let found = std::iter::successors(after(from), |now| after(*now));
                let found: Vec<_> = found.map(|found| found.to_utc().date_naive()).collect();
                prop_assert_eq!(found, expected, "{}", text);
            }
        }
    }

    #[test]
    fn no_text_panics(text in "(TZ=)?[@A-Z]{0,6}[0-9A-Z*/,#?:T -]{0,30}", any in ".{0,40}") {
        for text in [text, any] {
            if let Ok(schedule) = Schedule::parse(text.clone(), Zone::UTC) {
                prop_assert_eq!(serde_json::to_value(&schedule).unwrap(), json!(text));
                let _: String = schedule.in_words();
            }
        }
    }
}

#[test]
fn a_schedule_in_words() {
    let cases = [
        (
            "*/15 9-17 * * 1-5",
            "At every 15 minutes, of hour 9-17, on Monday, Tuesday, Wednesday, Thursday, and Friday (Europe/Berlin)",
        ),
        (
            "0-30/15 * * * *",
            "At minute 0, 15, and 30 past every hour (Europe/Berlin)",
        ),
        (
            "0 9 LW * *",
            "At 09:00, on the last weekday (Monday to Friday) of the month (Europe/Berlin)",
        ),
        (
            "0 9 13 * fri",
            "At 09:00, on day 13 or Friday (Europe/Berlin)",
        ),
        (
            "0 9 */2 * MON",
            "At 09:00, on day 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, and 31 (if it is also Monday) (Europe/Berlin)",
        ),
        (
            "0 9 ? 1-6/2 FRI#2,5L",
            "At 09:00, on the last Friday of the month and the 2nd Friday of the month, in January, March, and May (Europe/Berlin)",
        ),
        (
            "0 0 * * fri-sun",
            "At 00:00, on Sunday, Friday, and Saturday (Europe/Berlin)",
        ),
        (
            "TZ=Asia/Kolkata @weekly",
            "At 00:00, on Sunday (Asia/Kolkata)",
        ),
        ("CRON_TZ=UTC  @hourly", "At minute 0 past every hour (UTC)"),
        ("@every 90m", "Every 1h30m, counted from the last start"),
        ("@reboot", "Once after each start of the machine"),
        (
            "2026-12-01T09:00",
            "Once, at 2026-12-01 09:00:00 CET (Europe/Berlin)",
        ),
        (
            "2026-12-01T09:00:00Z",
            "Once, at 2026-12-01 10:00:00 CET (Europe/Berlin)",
        ),
        (
            "TZ=America/New_York 2026-03-08 02:30",
            "Once, at 2026-03-08 03:00:00 EDT (America/New_York)",
        ),
    ];
    for (text, words) in cases {
        assert_eq!(read(text).in_words(), words, "{text}");
    }
}

#[test]
fn an_object_says_more_and_is_printed_as_it_was_written() {
    let written = json!({
        "note": 7, "cron": "30 0 9 * * *", "seconds": true, "zone": "Asia/Kolkata", "max_age": "2d", "catch_up": "all:3",
    });
    let schedule = read(written.clone());
    assert_eq!(
        serde_json::to_string(&schedule).unwrap(),
        written.to_string()
    );
    assert_eq!(schedule.in_words(), "At 09:00:30 (Asia/Kolkata)");
    assert_eq!(schedule.catch_up(), CatchUp::Last(3));
    assert_eq!(schedule.max_age(), Some(Duration::from_hours(48)));

    let schedule = read(json!({"cron": "0 9 * * *", "zone": null}));
    assert_eq!(schedule.zone(), zone("Europe/Berlin"));
    assert_eq!(
        (schedule.catch_up(), schedule.max_age()),
        (CatchUp::One, None)
    );
}

#[test]
fn what_is_wrong_with_a_line_and_what_to_do() {
    let cases = [
        (
            "",
            "\"\" has 0 fields instead of five | minute, hour, day of the month, month, day of the week",
        ),
        (
            "0 9 * *",
            "\"0 9 * *\" has 4 fields instead of five | minute, hour, day of the month, month, day of the week",
        ),
        (
            "0 0 9 * * *",
            "\"0 0 9 * * *\" has six fields, and seconds were not asked for | leave out the first field, or write {\"cron\": \"…\", \"seconds\": true}",
        ),
        (
            "60 * * * *",
            "minute: \"60\" is not understood | use *, 0 to 59; lists with commas, ranges with -, steps as */5",
        ),
        (
            "0 9 * * +1",
            "day of the week: \"+1\" is not understood | use *, 0 to 7, or SUN to SAT, 5L or 5#2; lists with commas, ranges with -, steps as */5",
        ),
        (
            "0 9 * * 5#6",
            "day of the week: \"5#6\" is no such week of the month | 5#1 to 5#5",
        ),
        (
            "*/90 * * * *",
            "minute: \"*/90\" has no such step | steps go from 1 to 59; there is @every 90m",
        ),
        (
            "5/15 * * * *",
            "minute: \"5/15\" steps from one value to nowhere | write 5-59/15",
        ),
        (
            "0 22-6 * * *",
            "hour: \"22-6\" goes backwards | write 22-23,0-6",
        ),
        (
            "0 9 L,LW * *",
            "day of the month: \"L,LW\" has both L and LW | make two schedules of it",
        ),
        (
            "0 0 31W 2,4 *",
            "\"0 0 31W 2,4 *\" never fires: no such month has such a day | the last day of a month is L",
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(error(line), expected, "{line}");
    }
    // Croner would take the first two: a name anywhere, and nothing.
    for line in [
        "MON * * * *",
        "1,,2 * * * *",
        "0 9 * * L",
        "0 9 W * *",
        "*/0 * * * *",
        "0 9 * 1#2 *",
    ] {
        assert!(error(line).contains(" | "), "{line}");
    }
}

#[test]
fn what_is_wrong_with_the_rest_and_what_to_do() {
    let no_schedule = "a schedule is a text, or an object with the text in `cron` | such as \"0 9 * * 1-5\", \"@every 15m\", \"2026-12-01T09:00\"";
    let cases = [
        (json!(7), no_schedule),
        (json!({"zone": "UTC"}), no_schedule),
        (
            json!("@fortnightly"),
            "\"@fortnightly\" is none of the names of a schedule | use @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually, @reboot or @every 15m",
        ),
        (
            json!("@every 999ms"),
            "@every: \"999ms\" is no span of a second or more | use 30s, 15m, 2h, 1d or 1h30m",
        ),
        (
            json!("2026-02-30T09:00"),
            "\"2026-02-30T09:00\" is no instant | use 2026-12-01T09:00:00Z, or 2026-12-01T09:00 by the clocks of the zone",
        ),
        (
            json!("TZ=Europe/Berln @daily"),
            "\"Europe/Berln\" is no zone | did you mean Europe/Berlin?",
        ),
        (
            json!("TZ=berlin @daily"),
            "\"berlin\" is no zone | did you mean Europe/Berlin?",
        ),
        (
            json!("TZ=Middle/Earth @daily"),
            "\"Middle/Earth\" is no zone | use a name such as Europe/Berlin, or UTC",
        ),
        (
            json!({"cron": "TZ=UTC @daily", "zone": "Asia/Kolkata"}),
            "two zones: UTC in the text, Asia/Kolkata in `zone` | leave one of them out",
        ),
        (
            json!({"cron": "@daily", "seconds": "yes"}),
            "seconds: \"yes\" is not true or false",
        ),
        (
            json!({"cron": "@daily", "catch_up": "all:0"}),
            "catch_up: \"all:0\" is not \"one\", \"none\" or \"all:N\" with N from 1 to 1000",
        ),
        (
            json!({"cron": "@daily", "max_age": 5}),
            "max_age: 5 is not a text",
        ),
        (
            json!({"cron": "@daily", "max_age": "long"}),
            "max_age: \"long\" is not a span such as 30m, 12h or 2d",
        ),
    ];
    for (written, expected) in cases {
        assert_eq!(error(written.clone()), expected, "{written}");
    }
}

#[test]
fn rare_days_are_no_impossible_ones() {
    for text in ["0 0 29 2 *", "0 0 * 2 1#5", "0 0 30 2 1", "0 0 31 * *"] {
        read(text);
    }
}
