//! SIGKILL before every system call by which a verb changes a file, each in a fresh copy of the same home; then the
//! verb is said again, as a person would.

use std::collections::{BTreeSet, HashMap};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Den, TASKCTL, each, home};

/// By these a program changes files, and tells what it did.
pub(super) const CALLS: &str = "openat,openat2,pwrite64,write,renameat2,fsync,fdatasync,unlinkat,mkdirat,ftruncate,\
                                utimensat,fchmodat,fallocate";

/// A verb, the home in which it runs, and what must have become of it in the end.
pub(super) struct Case {
    pub(super) prepare: &'static [&'static str],
    pub(super) verb: &'static str,
    /// Said again after it was done already, it may end so.
    pub(super) done_already: i32,
    /// Task, status and whose it is then.
    pub(super) then: &'static [(&'static str, &'static str, Option<&'static str>)],
    /// Whose mail has which words in it, once.
    pub(super) mail: &'static [(&'static str, &'static str)],
    /// What `lint` says of it, if anything.
    pub(super) found: &'static str,
}

/// The n-th call of its name.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) nth: usize,
    pub(super) line: String,
}

impl Case {
    pub(super) fn template(&self) -> Den {
        let den = Den::new();
        let batch = concat!(
            r#"{"id":"b1","name":"b1","assigned_to":"agent-2"}"#,
            "\n",
            r#"{"id":"b2","name":"b2","dependencies":["b1"]}"#,
            "\n"
        );
        std::fs::write(den.dir().join("batch"), batch).unwrap();
        for line in self.prepare {
            den.must(line);
        }
        den
    }

    fn traced(&self, den: &Den, options: &[&str]) -> Output {
        self.traced_with(den, options, &[])
    }

    pub(super) fn traced_with(&self, den: &Den, options: &[&str], more: &[&str]) -> Output {
        let mut strace = den.home.command("strace");
        strace
            .args(["-f", "-qq", "-s", "60"])
            .args(options)
            .arg(TASKCTL)
            .args(self.verb.split_whitespace())
            .args(more)
            .stdin(Stdio::null());
        strace.output().unwrap()
    }

    /// What the program itself calls to change a file; a child of it is somebody else.
    pub(super) fn calls(&self, template: &Den) -> Vec<Call> {
        let den = template.copy();
        let log = den.dir().join("trace");
        let log = home::path(&log);
        let done = self.traced(&den, &["-o", log, "-e", &format!("trace={CALLS}")]);
        assert_eq!(done.status.code(), Some(0), "{}: {done:?}", self.verb);
        let trace = std::fs::read_to_string(log).unwrap();
        let own = trace.split(' ').next().unwrap_or_default().to_owned();
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut calls = Vec::new();
        for line in trace.lines() {
            let call = line.strip_prefix(&own).map(str::trim_start);
            let Some((name, _)) = call.and_then(|call| call.split_once('(')) else {
                continue;
            };
            let nth = counts.entry(name).or_default();
            *nth += 1;
            let is_look = name.starts_with("openat") && !line.contains("O_CREAT");
            if !is_look && !line.contains(" = -1 ") {
                calls.push(Call {
                    name: name.to_owned(),
                    nth: *nth,
                    line: line.to_owned(),
                });
            }
        }
        assert!(calls.len() > 5, "{}: {trace}", self.verb);
        calls
    }

    /// In the end, however often it was said.
    pub(super) fn healed(&self, den: &Den, ids: &BTreeSet<String>) -> Result<(), String> {
        let tasks = den.tasks()?;
        den.whole(ids)?;
        den.well_but_for(self.found)?;
        for (id, status, agent) in self.then {
            let task = tasks.get(*id).ok_or_else(|| format!("there is no {id}"))?;
            let is_so = task["status"] == *status && task["assigned_to"].as_str() == *agent;
            if !is_so {
                return Err(format!("{id} is {task}"));
            }
        }
        for (agent, words) in self.mail {
            let times = den.mail(agent, words);
            if times != 1 {
                return Err(format!("{agent} heard {times} times of {words:?}"));
            }
        }
        Ok(())
    }

    fn killed_at(&self, template: &Den, call: &Call, landed: &AtomicUsize) -> Result<(), String> {
        let den = template.copy();
        let ids: BTreeSet<String> = template.tasks()?.into_keys().collect();
        let trace = format!("trace={}", call.name);
        let inject = format!("inject={}:signal=KILL:when={}", call.name, call.nth);
        // Never with `--seccomp-bpf`: strace 6.1 then drops the signal without a word, and nobody is killed.
        let done = self.traced(&den, &["-o", "/dev/null", "-e", &trace, "-e", &inject]);
        landed.fetch_add(
            usize::from(done.status.signal() == Some(9)),
            Ordering::Relaxed,
        );
        den.whole(&ids)?;
        // Whoever looks first finds each task once.
        let seen = den.tasks()?;
        if let Some(id) = ids.iter().find(|id| !seen.contains_key(*id)) {
            return Err(format!("{id} is not listed"));
        }
        let again = den.run(self.verb);
        if ![0, self.done_already].contains(&again.code) {
            return Err(format!("said again: {again:?}"));
        }
        self.healed(&den, &ids)
    }

    fn survives_kills(&self) {
        if !home::has_tool("strace") {
            return;
        }
        let template = self.template();
        let calls = self.calls(&template);
        let landed = AtomicUsize::new(0);
        let failed = each(calls.len(), |n| {
            let call = &calls[n];
            let verdict = self.killed_at(&template, call, &landed);
            verdict.map_err(|why| format!("#{n} before {}\n    {why}", call.line))
        });
        let (landed, of) = (landed.into_inner(), calls.len());
        assert!(
            landed * 100 >= of * 95,
            "{}: only {landed} of {of} kills landed",
            self.verb
        );
        assert!(
            failed.is_empty(),
            "{}: {} of {of} kills:\n{}",
            self.verb,
            failed.len(),
            failed.join("\n")
        );
    }
}

pub(super) const CREATE: Case = Case {
    prepare: &["create old --for agent-1 --no-mail"],
    verb: "create new --id new --for agent-1 --after t1",
    done_already: 2,
    then: &[
        ("t1", "pending", Some("agent-1")),
        ("new", "pending", Some("agent-1")),
    ],
    mail: &[("agent-1", "task new: new")],
    found: "",
};

pub(super) const BATCH: Case = Case {
    prepare: &["create old --for agent-2 --no-mail"],
    verb: "create --batch batch --no-mail",
    done_already: 2,
    then: &[
        ("t1", "pending", Some("agent-2")),
        ("b1", "pending", Some("agent-2")),
        ("b2", "pending", None),
    ],
    mail: &[],
    found: "",
};

const SET: Case = Case {
    prepare: &["create old --for agent-1 --no-mail"],
    verb: "set t1 priority critical",
    done_already: 0,
    then: &[("t1", "pending", Some("agent-1"))],
    mail: &[],
    found: "",
};

pub(super) const ASSIGN: Case = Case {
    prepare: &[
        "create old --for agent-1 --no-mail",
        "create other --for agent-1 --after t1 --no-mail",
        "start t1 --as agent-1",
    ],
    verb: "assign t1 agent-2",
    done_already: 0,
    then: &[
        ("t1", "pending", Some("agent-2")),
        ("t2", "pending", Some("agent-1")),
    ],
    mail: &[("agent-2", "task t1: old")],
    found: "",
};

const CLAIM: Case = Case {
    prepare: &["create old --no-mail"],
    verb: "claim t1 --as agent-1",
    done_already: 0,
    then: &[("t1", "pending", None)],
    mail: &[],
    found: "",
};

pub(super) const START: Case = Case {
    prepare: &["create old --no-mail", "create other --no-mail"],
    verb: "start t1 --as agent-1",
    done_already: 1,
    then: &[("t1", "running", Some("agent-1")), ("t2", "pending", None)],
    mail: &[],
    found: "",
};

pub(super) const COMPLETE: Case = Case {
    prepare: &[
        "create old --no-mail",
        "create other --for agent-1 --no-mail",
        "start t1 --as agent-1",
    ],
    verb: "complete t1 --result ok --as agent-1",
    done_already: 1,
    then: &[
        ("t1", "completed", Some("agent-1")),
        ("t2", "pending", Some("agent-1")),
    ],
    mail: &[("user", "task t1 completed: old")],
    found: "",
};

/// It goes to the archive in the same change.
const COMPLETE_SILENTLY: Case = Case {
    verb: "complete t1 --result ok --as agent-1 --no-mail",
    mail: &[],
    ..COMPLETE
};

const CANCEL: Case = Case {
    prepare: &[
        "create old --for agent-1 --no-mail",
        "create other --for agent-1 --after t1 --no-mail",
    ],
    verb: "cancel t1",
    done_already: 1,
    then: &[
        ("t1", "cancelled", Some("agent-1")),
        ("t2", "pending", Some("agent-1")),
    ],
    mail: &[("agent-1", "task t1 cancelled: old")],
    found: "blocked",
};

const REOPEN: Case = Case {
    prepare: &[
        "create old --for agent-1 --no-mail",
        "create other --for agent-1 --no-mail",
        "cancel t1 --no-mail",
    ],
    verb: "reopen t1",
    done_already: 1,
    then: &[
        ("t1", "pending", Some("agent-1")),
        ("t2", "pending", Some("agent-1")),
    ],
    mail: &[],
    found: "",
};

const DEPEND: Case = Case {
    prepare: &[
        "create old --for agent-1 --no-mail",
        "create other --for agent-2 --no-mail",
        "start t1 --as agent-1",
        "complete t1 --as agent-1 --no-mail",
    ],
    // It comes back from the archive, because somebody waits for it.
    verb: "dep add t2 t1",
    done_already: 0,
    then: &[
        ("t1", "completed", Some("agent-1")),
        ("t2", "pending", Some("agent-2")),
    ],
    mail: &[],
    found: "",
};

const ARCHIVE: Case = Case {
    prepare: &[
        "create old --for agent-1 --no-mail",
        "create other --for agent-2 --after t1 --no-mail",
        "start t1 --as agent-1",
        "complete t1 --as agent-1 --no-mail",
        "create third --for agent-1 --no-mail",
    ],
    verb: "dep rm t2 t1",
    done_already: 66,
    then: &[
        ("t1", "completed", Some("agent-1")),
        ("t2", "pending", Some("agent-2")),
        ("t3", "pending", Some("agent-1")),
    ],
    mail: &[],
    found: "",
};

pub(super) const RUN: Case = Case {
    prepare: &[
        "create old --for agent-1 --no-mail --retries 5 --shell date>>ran",
        "create other --for agent-1 --no-mail",
    ],
    verb: "run t1",
    done_already: 1,
    then: &[
        ("t1", "completed", Some("agent-1")),
        ("t2", "pending", Some("agent-1")),
    ],
    mail: &[],
    found: "",
};

#[test]
fn a_creation_killed_at_any_call_is_whole_or_not_there() {
    CREATE.survives_kills();
    BATCH.survives_kills();
}

#[test]
fn a_change_of_fields_killed_at_any_call_is_done_when_it_is_said_again() {
    SET.survives_kills();
    DEPEND.survives_kills();
}

#[test]
fn a_task_on_its_way_to_another_document_is_in_one_of_them_wherever_the_carrier_is_killed() {
    ASSIGN.survives_kills();
}

#[test]
fn whoever_is_killed_while_he_takes_a_task_takes_it_when_he_says_it_again() {
    CLAIM.survives_kills();
    START.survives_kills();
}

/// What is left of the old claim, beside the new one, must not end what the new one holds.
#[test]
fn a_claim_that_was_left_where_the_task_is_no_more_ends_nothing() {
    let den = CLAIM.template();
    den.must("claim t1 --as agent-1 --lease 1ms");
    let state = den.dir().join("runtime/tasks/unassigned.state.json");
    let old = std::fs::read(&state).unwrap();
    assert!(String::from_utf8_lossy(&old).contains("agent-1"));
    den.must("start t1 --as agent-1 --lease 1h");
    std::fs::write(&state, old).unwrap();
    den.must("set t1 priority high");
    let task = &den.tasks().unwrap()["t1"];
    assert_eq!(
        (&task["status"], &task["holder"]),
        (&"running".into(), &"agent-1".into())
    );
    den.well().unwrap();
}

#[test]
fn an_end_killed_at_any_call_is_told_once() {
    COMPLETE.survives_kills();
    CANCEL.survives_kills();
}

#[test]
fn what_goes_to_the_archive_is_not_lost_and_ends_as_it_was_said() {
    COMPLETE_SILENTLY.survives_kills();
    ARCHIVE.survives_kills();
    REOPEN.survives_kills();
}

#[test]
fn a_run_killed_at_any_call_is_tried_again() {
    RUN.survives_kills();
}
