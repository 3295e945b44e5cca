//! What runs by itself: once each occurrence, whatever the clock and the killers do.

use std::time::Duration;

use dreamos::desk::Ran;
use dreamos::time::{Now, Timestamp};
use serde_json::{Value, json};

use super::Rig;

fn at(text: &str) -> Now {
    Now {
        wall: Timestamp::parse(text).unwrap(),
        ..Now::read()
    }
}

impl Rig {
    fn pass(&self, now: Now) -> Vec<Ran> {
        let ran = self
            .user()
            .run_due(4, Duration::from_secs(5), now, &|| false)
            .unwrap();
        ran.expect("nobody else is at work")
    }

    /// As if it had been made then.
    fn scheduled(&self, id: &str, schedule: &Value, run: &Value, made: &str) {
        self.create(
            json!({"id": id, "name": id, "schedule": schedule, "run": run, "created_at": made}),
        );
    }

    fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.home.dir.join(name)).unwrap_or_default();
        text.lines().map(Into::into).collect()
    }
}

#[test]
fn what_is_due_runs_once_and_is_pending_again() {
    let rig = Rig::new();
    let line = "echo $DREAMOS_TASK $DREAMOS_AGENT $DREAMOS_OCCURRENCE >> ran";
    rig.scheduled(
        "a",
        &json!("TZ=UTC 0 9 * * *"),
        &json!(line),
        "2026-03-01T08:00:00Z",
    );
    assert_eq!(rig.pass(at("2026-03-01T08:59:59Z")).len(), 0);
    let ran = rig.pass(at("2026-03-01T09:00:10Z"));
    assert_eq!((ran.len(), &ran[0].outcome.fault), (1, &None));
    assert_eq!(rig.pass(at("2026-03-01T09:00:50Z")).len(), 0);
    assert_eq!(
        rig.pass(at("2026-03-01T08:30:00Z")).len(),
        0,
        "the clock was set back"
    );
    assert_eq!(rig.pass(at("2026-03-01T09:01:00Z")).len(), 0);
    assert_eq!(rig.lines("ran"), ["a user 2026-03-01T09:00:00.000Z"]);
    assert_eq!(rig.status("a"), "pending");
    // Three days off: one run, and two that are counted.
    let ran = rig.pass(at("2026-03-04T10:00:00Z"));
    assert_eq!((ran.len(), ran[0].missed), (1, 2));
    assert_eq!(rig.lines("ran").len(), 2);
}

#[test]
fn a_run_that_fails_is_tried_again_and_then_somebody_is_told() {
    let rig = Rig::new();
    rig.create(
        json!({"id": "a", "name": "backup", "retries": 1, "schedule": "TZ=UTC 0 9 * * *",
        "run": "echo no space; exit 3", "created_at": "2026-03-01T08:00:00Z"}),
    );
    let ran = rig.pass(at("2026-03-01T09:00:00Z"));
    assert_eq!(
        ran[0].outcome.fault.as_deref(),
        Some("it ended with exit code 3")
    );
    assert_eq!(std::fs::read_to_string(&ran[0].log).unwrap(), "no space\n");
    assert_eq!(rig.status("a"), "pending");
    let sheets = rig.user().sheets(Now::read()).unwrap();
    let again = sheets
        .board()
        .unwrap()
        .runs("a")
        .unwrap()
        .next_attempt
        .unwrap();
    drop(sheets);
    // The runs end by the real clock: what they are to be tried after is seen from there.
    let soon = Now {
        wall: again.minus(Duration::from_secs(1)),
        ..Now::read()
    };
    assert_eq!(rig.pass(soon).len(), 0);
    let later = Now {
        wall: again,
        ..Now::read()
    };
    assert_eq!(rig.pass(later).len(), 1);
    let captain = dreamos::names::AgentId::captain();
    let mail = rig
        .user()
        .inbox(&captain, dreamos::desk::Which::All)
        .unwrap();
    assert_eq!(mail.len(), 1);
    assert!(
        mail[0]
            .content
            .starts_with("task a failed: backup\nit ended with exit code 3\nlog: "),
        "{:?}",
        mail[0].content
    );
    assert_eq!(rig.status("a"), "pending", "until the next time");
}

#[test]
fn what_does_not_end_in_its_time_is_ended_with_all_that_it_started() {
    let rig = Rig::new();
    rig.create(json!({"id": "a", "name": "a", "timeout": "1s",
        "run": "trap '' TERM; sh -c 'trap \"\" TERM; sleep 1000' & echo $! > pid; sleep 1000"}));
    let ran = rig.user().run_task("a", Now::read(), &|| false).unwrap();
    assert_eq!(
        ran.outcome.fault.as_deref(),
        Some("it did not end within 1s and was ended")
    );
    let pid = rig.lines("pid")[0].clone();
    let gone = || {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |it| it.contains(") Z "))
    };
    let began = std::time::Instant::now();
    while !gone() {
        assert!(began.elapsed() < Duration::from_secs(10), "{pid} lives");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(rig.status("a"), "failed");
}

#[test]
fn a_task_may_send_a_message_and_one_with_a_time_is_over_then() {
    let rig = Rig::new();
    rig.scheduled(
        "post",
        &json!("2026-03-01T09:00:00Z"),
        &json!({"send": {"to": "agent-2", "content": "good morning", "mode": "PRIORITY"}}),
        "2026-03-01T08:00:00Z",
    );
    assert_eq!(rig.pass(at("2026-03-01T08:59:00Z")).len(), 0);
    assert_eq!(rig.pass(at("2026-03-01T09:00:00Z")).len(), 1);
    let to = dreamos::names::AgentId::parse("agent-2").unwrap();
    let mail = rig.user().inbox(&to, dreamos::desk::Which::All).unwrap();
    assert_eq!((mail.len(), mail[0].content.as_str()), (1, "good morning"));
    assert_eq!(rig.status("post"), "completed");
    assert_eq!(rig.ids("unassigned"), [""; 0]);
}

#[test]
fn each_of_the_last_missed_ones_runs_where_that_is_wanted() {
    let rig = Rig::new();
    rig.scheduled(
        "a",
        &json!({"cron": "0 * * * *", "zone": "UTC", "catch_up": "all:3"}),
        &json!(["sh", "-c", "echo $DREAMOS_OCCURRENCE >> ran"]),
        "2026-03-01T00:30:00Z",
    );
    let ran = rig.pass(at("2026-03-01T08:10:00Z"));
    assert_eq!(ran[0].missed, 5);
    assert_eq!(
        rig.lines("ran"),
        [
            "2026-03-01T06:00:00.000Z",
            "2026-03-01T07:00:00.000Z",
            "2026-03-01T08:00:00.000Z"
        ]
    );
}

#[test]
fn a_schedule_that_is_none_is_refused_where_it_is_written() {
    let rig = Rig::new();
    for (schedule, why) in [
        ("0 0 * * * *", "six"),
        ("0 0 30 2 *", "never"),
        ("TZ=Europe/Berln 0 9 * * *", "Europe/Berlin"),
        ("61 * * * *", "61"),
    ] {
        let refused = rig
            .try_create(json!({"name": "x", "schedule": schedule}))
            .unwrap_err();
        let hint = dreamos::names::Explain::hint(&refused).unwrap_or_default();
        let said = format!("{refused} {hint}");
        assert!(
            said.contains(why) && said.starts_with("schedule: "),
            "{schedule}: {said}"
        );
    }
}

#[test]
fn who_is_interrupted_ends_what_he_runs_and_says_so() {
    let rig = Rig::new();
    rig.create(json!({"id": "a", "name": "a", "run": "echo $$ > pid; sleep 1000"}));
    let mut run = rig.home.command(crate::home::TASKCTL);
    let mut run = run.args(["run", "a"]).spawn().unwrap();
    let began = std::time::Instant::now();
    while rig.lines("pid").is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never ran");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = rig.lines("pid")[0].clone();
    let asked = std::process::Command::new("kill")
        .args(["-INT", &run.id().to_string()])
        .status();
    assert!(asked.unwrap().success());
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    assert!(stat.is_err(), "it lives: {stat:?}");
    assert_eq!(rig.status("a"), "failed");
    assert_eq!(
        rig.task("a").str("error"),
        Some("it was interrupted and was ended")
    );
}
