//! A disk that refuses a call: ENOSPC and EIO at every call by which a verb changes a file. What it says is true, and
//! nothing is needed afterwards but a disk that works again.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kills::{ASSIGN, BATCH, COMPLETE, CREATE, Call, Case, RUN, START};
use super::{Den, each, home};

/// A disk that is full refuses nothing else.
fn needs_room(call: &Call) -> bool {
    !["unlinkat", "ftruncate", "utimensat", "fchmodat"].contains(&call.name.as_str())
}

fn is_unknown(said: &str) -> bool {
    let errors = said
        .lines()
        .filter_map(|it| serde_json::from_str::<Value>(it).ok());
    let mut errors = errors.flat_map(|it| match it["changes"].as_array() {
        Some(changes) => changes.iter().map(|it| it["error"].clone()).collect(),
        None => vec![it],
    });
    errors.any(|it| it["outcome"] == "unknown")
}

impl Case {
    fn refused_at(&self, template: &Den, call: &Call, errno: &str) -> Result<(), String> {
        let den = template.copy();
        let before = den.tasks()?;
        let ids: BTreeSet<String> = before.keys().cloned().collect();
        let trace = format!("trace={}", call.name);
        let inject = format!("inject={}:error={errno}:when={}", call.name, call.nth);
        let options = ["-o", "/dev/null", "-e", &trace, "-e", &inject];
        let done = self.traced_with(&den, &options, &["--json"]);
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        let code = done.status.code().ok_or("it was killed")?;
        den.whole(&ids)?;
        let after = den.tasks()?;
        match code {
            0 if after == before => return Err(format!("nothing happened, and it says: {said}")),
            0 => {}
            74 | 75 if is_unknown(&said) => {}
            74 | 75 if after == before => {}
            74 | 75 => return Err(format!("it happened, and it says: {said}\n    {after:?}")),
            // What it ran met the same disk, and it says so.
            1 if said.contains("\"fault\":\"") => {}
            _ => return Err(format!("{code}: {said}")),
        }
        let again = den.run(self.verb);
        if ![0, self.done_already].contains(&again.code) {
            return Err(format!("said again: {again:?}, after {code}: {said}"));
        }
        self.healed(&den, &ids)
    }

    fn survives_refusals(&self) {
        if !home::has_tool("strace") {
            return;
        }
        let template = self.template();
        let calls = self.calls(&template);
        let mut jobs: Vec<(&Call, &str)> = calls.iter().map(|call| (call, "EIO")).collect();
        let full = calls.iter().filter(|call| needs_room(call));
        jobs.extend(full.map(|call| (call, "ENOSPC")));
        let failed = each(jobs.len(), |n| {
            let (call, errno) = jobs[n];
            let verdict = self.refused_at(&template, call, errno);
            verdict.map_err(|why| format!("{errno} at {}\n    {why}", call.line))
        });
        assert!(
            failed.is_empty(),
            "{}: {} of {}:\n{}",
            self.verb,
            failed.len(),
            jobs.len(),
            failed.join("\n")
        );
    }
}

/// Their mail has tests of its own.
const SILENT_CREATE: Case = Case {
    verb: "create new --id new --for agent-1 --after t1 --no-mail",
    mail: &[],
    ..CREATE
};

const SILENT_ASSIGN: Case = Case {
    verb: "assign t1 agent-2 --no-mail",
    mail: &[],
    ..ASSIGN
};

const SILENT_COMPLETE: Case = Case {
    verb: "complete t1 --result ok --as agent-1 --no-mail",
    mail: &[],
    ..COMPLETE
};

#[test]
fn a_creation_on_a_failing_disk_tells_the_truth() {
    SILENT_CREATE.survives_refusals();
    BATCH.survives_refusals();
}

#[test]
fn a_task_on_its_way_over_a_failing_disk_is_in_one_place_and_the_truth_is_told() {
    SILENT_ASSIGN.survives_refusals();
    START.survives_refusals();
}

#[test]
fn an_end_on_a_failing_disk_tells_the_truth() {
    SILENT_COMPLETE.survives_refusals();
}

#[test]
fn a_run_on_a_failing_disk_is_tried_again() {
    RUN.survives_refusals();
}
