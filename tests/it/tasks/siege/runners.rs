//! `run --due` and its runs, killed in the middle; and two passes at once.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Den;

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(15), "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A pass in the background; it is ended with the test.
struct Pass(Child);

impl Pass {
    fn begin(den: &Den) -> Self {
        let mut pass = den.taskctl("run --due");
        pass.stdin(Stdio::null());
        Self(pass.spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        assert_eq!(self.0.wait().unwrap().signal(), Some(9));
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        // Gone already, or about to be: either is what is wanted.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_there(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn lines(den: &Den, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(den.dir().join(name)).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

fn json(den: &Den, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(den.dir().join(name)).unwrap()).unwrap()
}

/// Its run says who it is and who its child is, and goes on until there is a file `end`.
fn with_one_that_is_due(retries: u32) -> Den {
    let den = Den::new();
    let run = "sh -c 'echo $$ >>grandchildren; while [ ! -e end ]; do sleep 0.02; done' & \
               echo $$ >>runs; wait";
    let task = serde_json::json!({"id": "job", "name": "job", "retries": retries, "run": run,
        "schedule": "* * * * *", "created_at": "2026-01-01T00:00:00Z"});
    std::fs::write(den.dir().join("batch"), format!("{task}\n")).unwrap();
    den.must("create --batch batch --no-mail");
    den
}

#[test]
fn a_pass_beside_another_is_silent_and_counted() {
    let den = with_one_that_is_due(0);
    let mut pass = Pass::begin(&den);
    until("the run has begun", || {
        lines(&den, "grandchildren").len() == 1
    });
    for _ in 0..3 {
        let ran = den.run("run --due");
        assert_eq!((ran.code, &*ran.out, &*ran.err), (0, "", ""));
    }
    assert_eq!(den.run("run --due --fail-if-locked").code, 75);
    assert_eq!(lines(&den, "runs").len(), 1, "two at once");
    std::fs::write(den.dir().join("end"), "").unwrap();
    assert!(pass.0.wait().unwrap().success());
    let ran = den.run("run --due");
    assert_eq!((ran.code, &*ran.out, &*ran.err), (0, "", ""));
    let passes = json(&den, "runtime/tasks/passes.json");
    assert_eq!(
        (&passes["skipped"], &passes["count"]),
        (&4.into(), &2.into())
    );
}

#[test]
fn what_a_killed_pass_left_is_ended_by_the_next_and_has_failed() {
    let den = with_one_that_is_due(0);
    let mut pass = Pass::begin(&den);
    until("the run has begun", || {
        lines(&den, "grandchildren").len() == 1
    });
    pass.kill();
    let left = [lines(&den, "runs"), lines(&den, "grandchildren")].concat();
    assert!(left.iter().all(|pid| is_there(pid)), "{left:?}");
    assert_eq!(den.tasks().unwrap()["job"]["status"], "running");
    let mut next = Pass::begin(&den);
    until("what was left is ended", || {
        !left.iter().any(|pid| is_there(pid))
    });
    until("it is counted as failed", || {
        let state = json(&den, "runtime/tasks/unassigned.state.json");
        state["runs"]["job"]["last"]["outcome"] == "whoever ran it was killed"
    });
    std::fs::write(den.dir().join("end"), "").unwrap();
    assert!(next.0.wait().unwrap().success());
    // It is not tried again; the captain knows.
    assert_eq!(
        den.mail("captain", "task job failed: job\nwhoever ran it was killed"),
        1
    );
}

#[test]
fn the_run_of_a_killed_pass_is_tried_again_by_its_policy_and_never_two_at_once() {
    let den = with_one_that_is_due(2);
    for n in 1..=2 {
        let mut pass = Pass::begin(&den);
        until("the run has begun", || {
            lines(&den, "grandchildren").len() == n
        });
        pass.kill();
        // The next pass ends it and waits for the time of the next attempt, or for the next minute.
        let ran = den.run("list --json");
        assert_eq!(ran.code, 0, "{ran:?}");
        den.must("archive");
        let runs = json(&den, "runtime/tasks/unassigned.state.json")["runs"]["job"].clone();
        assert_eq!(
            (&runs["attempt"], &runs["now"]),
            (&n.into(), &Value::Null),
            "{runs}"
        );
        assert!(runs["next_attempt"].is_string(), "{runs}");
        until("what was left is ended", || {
            let all = [lines(&den, "runs"), lines(&den, "grandchildren")].concat();
            !all.iter().any(|pid| is_there(pid))
        });
        // Its time is come.
        let mut state = json(&den, "runtime/tasks/unassigned.state.json");
        state["runs"]["job"]["next_attempt"] = "2026-01-01T00:00:00.000Z".into();
        std::fs::write(
            den.dir().join("runtime/tasks/unassigned.state.json"),
            state.to_string(),
        )
        .unwrap();
    }
    std::fs::write(den.dir().join("end"), "").unwrap();
    den.must("run --due");
    let runs = json(&den, "runtime/tasks/unassigned.state.json")["runs"]["job"].clone();
    assert_eq!(runs["last"]["outcome"], "completed", "{runs}");
    assert_eq!(lines(&den, "runs").len(), 3);
    assert_eq!(den.tasks().unwrap()["job"]["status"], "pending");
    den.well().unwrap();
}
