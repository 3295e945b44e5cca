use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tasks::Zone;

const MINUTE: Duration = Duration::from_mins(1);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn read(written: impl Into<Value>) -> Schedule {
    Schedule::parse(written, Zone::parse("Europe/Berlin").unwrap()).unwrap()
}

/// A task, and what becomes of it from pass to pass.
struct Task {
    schedule: Schedule,
    fired: Fired,
    ran: Vec<Timestamp>,
    missed: u64,
}

impl Task {
    fn new(written: impl Into<Value>, created: &str) -> Self {
        Self {
            schedule: read(written),
            fired: Fired {
                last_fire: None,
                last_start: None,
                boot: Some("first".into()),
                created: at(created),
            },
            ran: Vec::new(),
            missed: 0,
        }
    }

    fn look(&self, now: &str) -> Due {
        due(&self.schedule, &self.fired, at(now), "first")
    }

    fn pass(&mut self, now: Timestamp, boot: &str) -> Option<String> {
        let Due::Now {
            occurrences,
            missed,
            why,
        } = due(&self.schedule, &self.fired, now, boot)
        else {
            return None;
        };
        self.fired.last_fire = occurrences.last().copied();
        assert!(self.fired.last_fire.is_some(), "due, and nothing to run");
        self.fired.last_start = Some(now);
        self.fired.boot = Some(boot.into());
        self.ran.extend(occurrences);
        self.missed += missed;
        Some(why)
    }

    fn passes_at(&mut self, now: &str) -> Option<String> {
        self.pass(at(now), "first")
    }
}

fn later(next: &str, why: &str) -> Due {
    let at = at(next);
    Due::Later {
        at,
        why: why.into(),
    }
}

fn never(why: &str) -> Due {
    Due::Never { why: why.into() }
}

#[test]
fn three_days_off_are_one_run() {
    let mut task = Task::new("0 * * * *", "2026-06-01T12:30:00Z");
    let why = task.passes_at("2026-06-04T12:30:00Z").unwrap();
    assert_eq!(why, "due since 2026-06-04 14:00:00 CEST, 71 missed");
    assert_eq!(task.ran, [at("2026-06-04T12:00:00Z")]);
    assert_eq!(
        task.look("2026-06-04T12:59:59Z"),
        later("2026-06-04T13:00:00Z", "next at 2026-06-04 15:00:00 CEST")
    );
}

#[test]
fn the_last_few_run_where_all_are_wanted() {
    let written = json!({"cron": "0 * * * *", "catch_up": "all:3"});
    let mut task = Task::new(written, "2026-06-01T12:30:00Z");
    task.passes_at("2026-06-04T12:30:00Z").unwrap();
    let hours = [
        "2026-06-04T10:00:00Z",
        "2026-06-04T11:00:00Z",
        "2026-06-04T12:00:00Z",
    ];
    assert_eq!((task.ran, task.missed), (hours.map(at).to_vec(), 69));
}

#[test]
fn what_is_too_old_is_missed() {
    let written = json!({"cron": "0 * * * *", "catch_up": "all:9", "max_age": "90m"});
    let mut task = Task::new(written, "2026-06-01T12:30:00Z");
    task.passes_at("2026-06-01T18:30:00Z").unwrap();
    let hours = ["2026-06-01T17:00:00Z", "2026-06-01T18:00:00Z"];
    assert_eq!((task.ran, task.missed), (hours.map(at).to_vec(), 4));

    let written = json!({"cron": "0 9 * * *", "zone": "UTC", "max_age": "2h"});
    let mut task = Task::new(written, "2026-06-01T00:00:00Z");
    assert_eq!(
        task.look("2026-06-01T11:00:01Z"),
        later(
            "2026-06-02T09:00:00Z",
            "missed: 2026-06-01 09:00:00 UTC is older than max_age; next at 2026-06-02 09:00:00 UTC"
        )
    );
    task.passes_at("2026-06-02T11:00:00Z").unwrap();
    assert_eq!(task.missed, 1, "that of the day before");
}

#[test]
fn without_catching_up_only_what_is_on_time_runs() {
    let written = json!({"cron": "0 9 * * *", "zone": "UTC", "catch_up": "none"});
    let mut task = Task::new(written, "2026-06-01T00:00:00Z");
    assert_eq!(
        task.look("2026-06-01T09:01:00Z"),
        later(
            "2026-06-02T09:00:00Z",
            "catch_up is none and 2026-06-01 09:00:00 UTC is 1 min late; next at 2026-06-02 09:00:00 UTC"
        )
    );
    task.passes_at("2026-06-02T09:00:59.999Z").unwrap();
    assert_eq!(task.missed, 1);
}

#[test]
fn a_clock_that_is_set_back_fires_nothing_twice() {
    let mut task = Task::new("0 9 * * *", "2026-06-01T00:00:00Z");
    task.passes_at("2026-06-01T07:00:00Z").unwrap();
    assert_eq!(task.passes_at("2026-06-01T07:00:30Z"), None);
    assert_eq!(
        task.look("2026-06-01T06:59:00Z"),
        later(
            "2026-06-02T07:00:00Z",
            "the clock was set back: 2026-06-01 09:00:00 CEST has fired already; next at 2026-06-02 09:00:00 CEST"
        )
    );
    assert_eq!(task.passes_at("2026-06-01T07:00:00Z"), None);
}

#[test]
fn of_very_many_it_is_said_that_they_are_at_least_so_many() {
    let written = json!({"cron": "* * * * * *", "seconds": true});
    let mut task = Task::new(written, "2026-06-01T00:00:00Z");
    let why = task.passes_at("2036-06-01T00:00:00Z").unwrap();
    assert!(why.ends_with("at least 10000 missed"), "{why}");
    assert_eq!(task.missed, 10_000);
}

#[test]
fn every_so_often_counts_from_the_minute_of_the_last_start() {
    let mut task = Task::new("@every 15m", "2026-06-01T12:00:40Z");
    assert_eq!(
        task.look("2026-06-01T12:14:59Z"),
        later("2026-06-01T12:15:00Z", "next at 2026-06-01 14:15:00 CEST")
    );
    task.passes_at("2026-06-01T12:15:02Z").unwrap();
    // A run by hand moves it on.
    task.fired.last_start = Some(at("2026-06-01T12:20:07Z"));
    assert_eq!(task.passes_at("2026-06-01T12:34:01Z"), None);
    task.passes_at("2026-06-01T12:35:01Z").unwrap();
    task.passes_at("2026-06-01T14:00:01Z").unwrap();
    let ran = [
        "2026-06-01T12:15:00Z",
        "2026-06-01T12:35:00Z",
        "2026-06-01T13:50:00Z",
    ];
    assert_eq!((task.ran, task.missed), (ran.map(at).to_vec(), 4));
}

#[test]
fn at_boot_is_the_first_pass_of_a_boot_after_the_one_it_was_made_in() {
    let mut task = Task::new("@reboot", "2026-06-01T12:00:00Z");
    assert_eq!(
        task.look("2026-06-01T12:01:00Z"),
        never("waits for the next start of the machine")
    );
    let now = at("2026-06-01T11:00:00Z");
    assert!(task.pass(now, "second").is_some());
    assert!(task.pass(now.plus(MINUTE), "second").is_none());
    assert!(task.pass(now.plus(MINUTE), "third").is_some());
    assert_eq!(next(&task.schedule, &task.fired, now, 5), []);
}

#[test]
fn one_time_is_one_time() {
    let mut task = Task::new("2026-06-02T09:00", "2026-06-01T12:00:00Z");
    let time = "2026-06-02T07:00:00Z";
    assert_eq!(
        task.look("2026-06-01T12:01:00Z"),
        later(time, "next at 2026-06-02 09:00:00 CEST")
    );
    task.passes_at("2026-06-03T00:00:00Z").unwrap();
    assert_eq!(
        task.look("2026-06-04T00:00:00Z"),
        never("it has fired, and no more is to come")
    );
    assert_eq!(
        task.look("2026-06-02T00:00:00Z"),
        never("the clock was set back: 2026-06-02 09:00:00 CEST has fired already")
    );
    let written = json!({"cron": "2026-06-02T09:00", "catch_up": "none"});
    assert_eq!(
        Task::new(written, "2026-06-01T12:00:00Z").look("2026-06-02T08:00:00Z"),
        never("catch_up is none and 2026-06-02 09:00:00 CEST is 60 min late")
    );
    assert_eq!(
        Task::new("2026-06-02T09:00", time).look("2026-06-02T08:00:00Z"),
        never("its time was over when it was scheduled")
    );
}

#[test]
fn the_next_times_leave_out_what_is_due_or_has_fired() {
    let mut task = Task::new("30 2 * * *", "2026-03-27T12:00:00Z");
    let now = at("2026-03-28T02:00:00Z");
    let days = [
        "2026-03-29T01:00:00Z",
        "2026-03-30T00:30:00Z",
        "2026-03-31T00:30:00Z",
    ]
    .map(at);
    assert_eq!(next(&task.schedule, &task.fired, now, 3), days);
    task.fired.last_fire = Some(days[0]);
    assert_eq!(next(&task.schedule, &task.fired, now, 2), days[1..]);
}

/// Passes each minute of a week of Berlin, but for Wednesday and Thursday; on Friday noon the clock is set back by three
/// hours.
fn week(written: &str, monday: &str, next_monday: &str) -> (usize, u64) {
    let mut task = Task::new(written, monday);
    let day = |days: u64| at(monday).plus(Duration::from_hours(24 * days));
    let mut now = at(monday);
    let mut was_set_back = false;
    while now < at(next_monday) {
        task.pass(now, "first");
        now = now.plus(MINUTE);
        if now == day(2) {
            now = day(4);
        }
        if now == day(4).plus(Duration::from_hours(12)) && !was_set_back {
            now = now.minus(Duration::from_hours(3));
            was_set_back = true;
        }
    }
    (task.ran.len(), task.missed)
}

#[test]
fn a_week_of_passes_fires_what_it_should() {
    let cases = [
        // Wednesday's and Thursday's are one run; each other day has its own, also the one without a half past two and
        // the one with two of them.
        ("30 2 * * *", (6, 1), (6, 1)),
        ("15,45 2 * * *", (10, 3), (11, 3)),
        ("0 9 * * 1-5", (4, 1), (4, 1)),
        // 167 and 169 hours, but for the first, when it was made; 49 of them within the pause.
        ("0 * * * *", (118, 48), (120, 48)),
        ("*/15 * * * *", (475, 192), (483, 192)),
        ("@every 45m", (158, 64), (161, 64)),
        ("0 0 * * 0", (1, 0), (1, 0)),
    ];
    for (written, spring, autumn) in cases {
        let found = week(written, "2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z");
        assert_eq!(found, spring, "{written} in spring");
        let found = week(written, "2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z");
        assert_eq!(found, autumn, "{written} in autumn");
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Minutes(u64),
    Pause(u64),
    Back(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (1..300_u64).prop_map(Step::Minutes),
        (1..2 * 86_400_u64).prop_map(Step::Pause),
        (1..5 * 3600_u64).prop_map(Step::Back),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_fires_twice_and_each_fires_or_is_missed_once(
        cron in prop::sample::select(vec![
            "*/15 * * * *", "0 * * * *", "30 2 * * *", "15,45 1-3 * * *", "0 9 * * 1-5", "@every 45m",
        ]),
        catch_up in prop::sample::select(vec!["one", "none", "all:2", "all:50"]),
        max_age in prop::sample::select(vec![None, Some("40m"), Some("1d")]),
        steps in steps(),
        start in prop::sample::select(vec!["2026-03-26T12:00:10Z", "2026-10-22T12:00:10Z"]),
    ) {
        let mut task = Task::new(json!({"cron": cron, "catch_up": catch_up, "max_age": max_age}), start);
        let mut now = at(start);
        for step in steps {
            let passes = match step {
                Step::Minutes(minutes) => minutes,
                Step::Pause(seconds) => {
                    now = now.plus(Duration::from_secs(seconds));
                    1
                }
                Step::Back(seconds) => {
                    now = now.minus(Duration::from_secs(seconds));
                    1
                }
            };
            for _ in 0..passes {
                let before = task.ran.len();
                task.pass(now, "first");
                prop_assert!(task.ran[before..].iter().all(|at| *at <= now), "before its time");
                now = now.plus(MINUTE);
            }
        }
        prop_assert!(task.ran.is_sorted_by(|a, b| a < b), "twice: {:?}", task.ran);
        // What `@every` counts from moves with each start: its occurrences are no list.
        if let (Some(last), false) = (task.fired.last_fire, cron.starts_with('@')) {
            let after = |now: Timestamp| task.schedule.following(now, now).filter(|at| *at <= last);
            let all = successors(after(at(start)), |at| after(*at)).count();
            prop_assert_eq!(task.ran.len() + usize::try_from(task.missed).unwrap(), all);
        }
    }
}
