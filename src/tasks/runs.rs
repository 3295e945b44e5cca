//! What runs by itself: which tasks are due, that a run of theirs begins, and what becomes of it.
//!
//! A run is written down before it begins: no occurrence of a schedule runs twice, whatever is killed. It goes on as
//! long as somebody holds the lock on its log.

use std::time::Duration;

use serde_json::Value;

use super::board::Board;
use super::due::{self, Due, Fired};
use super::error::Error;
use super::record::{By, Note};
use super::run::Action;
use super::schedule::Schedule;
use super::state::{Ended, Run};
use super::task::{Status, Task};
use crate::names::{AgentId, Caller, Level};
use crate::store::File;
use crate::time::{Timestamp, parse_span};

/// After the first failure it is tried again so much later, then twice as much.
const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// A run that has been written down and is to be carried out now.
pub struct Begun {
    pub task: String,
    pub name: String,
    pub run: String,
    pub action: Action,
    /// For each of them it is carried out; at least once.
    pub occurrences: Vec<Timestamp>,
    pub missed: u64,
    pub timeout: Option<Duration>,
    /// Who does it: whose the task is, else the person.
    pub agent: AgentId,
    /// Where what it prints goes; locked as long as it goes on.
    pub(super) log: File,
    pub path: std::path::PathBuf,
}

/// Why a task with a schedule runs now, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub task: String,
    pub name: String,
    pub is_due: bool,
    pub why: String,
    pub next: Option<Timestamp>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// `None`: it did what it should.
    pub fault: Option<String>,
    pub exit: Option<i32>,
}

enum Verdict {
    Run {
        occurrences: Vec<Timestamp>,
        missed: u64,
        why: String,
    },
    No {
        why: String,
        next: Option<Timestamp>,
    },
}

impl Board<'_> {
    fn schedule_of(&self, at: usize) -> Result<Option<Schedule>, Error> {
        let task = &self.entries[at].task;
        let Some(written) = task.schedule.as_deref() else {
            return Ok(None);
        };
        let value: Value = serde_json::from_str(written).unwrap_or_default();
        let schedule =
            Schedule::parse(value, self.known.zone).map_err(|error| Error::BadField {
                field: format!("{}: schedule", task.id),
                why: error.to_string(),
                hint: None,
            })?;
        Ok(Some(schedule))
    }

    pub fn schedule(&self, id: &str) -> Result<Option<Schedule>, Error> {
        self.schedule_of(self.resolve(id)?)
    }

    pub fn fired(&self, id: &str) -> Result<Fired, Error> {
        Ok(self.fired_of(self.resolve(id)?))
    }

    fn fired_of(&self, at: usize) -> Fired {
        let entry = &self.entries[at];
        let runs = self.pages[entry.page].state.runs.get(&*entry.task.id);
        Fired {
            last_fire: runs.and_then(|runs| runs.last_fire),
            last_start: runs.and_then(|runs| runs.last_start),
            boot: runs.and_then(|runs| runs.boot.clone()),
            created: entry.task.created().unwrap_or(self.now),
        }
    }

    /// Every task with a schedule.
    fn scheduled(&self) -> Vec<usize> {
        let tasks = self.tasks().filter(|task| task.schedule.is_some());
        tasks.filter_map(|task| self.find(&task.id)).collect()
    }

    fn verdict(&self, at: usize) -> Result<Verdict, Error> {
        let entry = &self.entries[at];
        let no = |why: &str| Verdict::No {
            why: why.into(),
            next: None,
        };
        match entry.task.status {
            Status::Pending => {}
            Status::Running => return Ok(no("it runs")),
            Status::Completed | Status::Failed | Status::Cancelled => return Ok(no("it is over")),
        }
        if entry.task.run.is_none() {
            return Ok(no("it has nothing to run"));
        }
        if self.pages[entry.page].fault.is_some() {
            return Ok(no("its document cannot be read"));
        }
        if !self.is_free(at) {
            return Ok(no("what it waits for is not completed"));
        }
        let runs = self.pages[entry.page].state.runs.get(&*entry.task.id);
        if let Some(again) = runs.and_then(|runs| runs.next_attempt) {
            let why = format!("tried again at {again}");
            return Ok(if again <= self.now {
                Verdict::Run {
                    occurrences: runs.and_then(|runs| runs.last_fire).into_iter().collect(),
                    missed: 0,
                    why,
                }
            } else {
                Verdict::No {
                    why,
                    next: Some(again),
                }
            });
        }
        let Some(schedule) = self.schedule_of(at)? else {
            return Ok(no("it has no schedule"));
        };
        Ok(
            match due::due(&schedule, &self.fired_of(at), self.now, &self.known.boot) {
                Due::Now {
                    occurrences,
                    missed,
                    why,
                } => Verdict::Run {
                    occurrences,
                    missed,
                    why,
                },
                Due::Later { at, why } => Verdict::No {
                    why,
                    next: Some(at),
                },
                Due::Never { why } => Verdict::No { why, next: None },
            },
        )
    }

    /// What a pass would do now, and why.
    pub fn plans(&self) -> Vec<Plan> {
        let plan = |at: usize| {
            let task = &self.entries[at].task;
            let (is_due, why, next) = match self.verdict(at) {
                Ok(Verdict::Run { why, .. }) => (true, why, Some(self.now)),
                Ok(Verdict::No { why, next }) => (false, why, next),
                Err(error) => (false, error.to_string(), None),
            };
            Plan {
                task: task.id.to_string(),
                name: task.name.to_string(),
                is_due,
                why,
                next,
            }
        };
        self.scheduled().into_iter().map(plan).collect()
    }

    /// Schedules of which nothing comes, and why: of which task, a stable word, and the reason.
    pub fn idle_schedules(
        &self,
        last_pass: Option<Timestamp>,
    ) -> Vec<(String, &'static str, String)> {
        let mut found = Vec::new();
        // How often the most frequent one comes, and since when somebody waits for a pass.
        let mut shortest: Option<(Duration, String)> = None;
        let mut since = self.now;
        for at in self.scheduled() {
            let task = &self.entries[at].task;
            let id = task.id.to_string();
            if task.status.is_over() {
                continue;
            }
            let schedule = match self.schedule_of(at) {
                Ok(Some(schedule)) => schedule,
                Ok(None) => continue,
                Err(error) => {
                    found.push((id, "bad-schedule", error.to_string()));
                    continue;
                }
            };
            let fired = self.fired_of(at);
            let next = due::next(&schedule, &fired, self.now, 2);
            let is_due = matches!(self.verdict(at), Ok(Verdict::Run { .. }));
            if task.run.is_none() {
                found.push((
                    id,
                    "idle-schedule",
                    "it has a schedule and nothing to run".into(),
                ));
                continue;
            }
            if next.is_empty() && !is_due && !schedule.is_at_boot() {
                found.push((
                    id,
                    "idle-schedule",
                    "its schedule names no time to come".into(),
                ));
                continue;
            }
            since = since.min(fired.last_start.unwrap_or(fired.created));
            if let [one, two] = next.as_slice() {
                let period = two.since(*one);
                if shortest.as_ref().is_none_or(|(known, _)| period < *known) {
                    shortest = Some((period, id));
                }
            }
        }
        if let Some((period, id)) = shortest {
            let quiet = self.now.since(last_pass.unwrap_or(since));
            if quiet > 2 * period.max(Duration::from_mins(1)) {
                let since = last_pass.map_or_else(
                    || "no pass ever ran".into(),
                    |at| format!("the last pass ran at {at}"),
                );
                let hint = "`taskctl run --due` belongs into crontab, see `taskctl unit`";
                found.push((
                    id,
                    "no-pass",
                    format!("{since}, and it comes more often: {hint}"),
                ));
            }
        }
        found
    }

    /// Writes down that all that is due runs now. What cannot be said of a schedule is said once a pass.
    pub fn begin_due(&mut self, caller: &Caller) -> Result<Vec<Begun>, Error> {
        let mut begun = Vec::new();
        for at in self.scheduled() {
            let (occurrences, missed) = match self.verdict(at) {
                Ok(Verdict::Run {
                    occurrences,
                    missed,
                    ..
                }) => (occurrences, missed),
                Ok(Verdict::No { .. }) => continue,
                Err(error) => {
                    self.wake.warnings.push(error.to_string());
                    continue;
                }
            };
            begun.push(self.begin(at, caller, &occurrences, missed)?);
        }
        Ok(begun)
    }

    /// Writes down that a task runs now, because somebody says so.
    pub fn begin_one(&mut self, caller: &Caller, asked: &str) -> Result<Begun, Error> {
        let at = self.resolve(asked)?;
        let task = &self.entries[at].task;
        if task.status != Status::Pending {
            return Err(Error::Illegal {
                id: task.id.to_string(),
                status: task.status,
                wanted: "run",
            });
        }
        self.must_be_unclaimed(at, caller)?;
        self.must_be_free_to_start(at)?;
        self.begin(at, caller, &[], 0)
    }

    fn begin(
        &mut self,
        at: usize,
        caller: &Caller,
        occurrences: &[Timestamp],
        missed: u64,
    ) -> Result<Begun, Error> {
        let task = &self.entries[at].task;
        let id = task.id.to_string();
        let name = task.name.to_string();
        let action = action_of(task)?;
        let record = self.whole(at);
        let timeout = record.str("timeout").and_then(|span| parse_span(span).ok());
        let agent = task
            .assigned_to
            .as_deref()
            .and_then(|id| AgentId::parse(id).ok());
        self.must_be_whole(self.entries[at].page)?;
        let (run, log) = self.texts.shelf.new_run(&id, self.now)?;
        let path = log.path().to_owned();
        let by = By::from(caller);
        let note = Note {
            what: "run",
            by: &by,
            at: self.now,
            why: Some(format!("run {run}")),
        };
        let mut sets = self.times_of(Status::Running);
        sets.push(("status".into(), Some("running".into())));
        self.change(at, note, sets)?;
        let page = &mut self.pages[self.entries[at].page];
        let occurrence = occurrences.last().copied();
        let runs = page.state.runs.entry(id.clone()).or_default();
        runs.last_fire = occurrence.or(runs.last_fire);
        runs.last_start = Some(self.now);
        runs.boot = Some(self.known.boot.clone());
        runs.missed += missed;
        runs.next_attempt = None;
        runs.now = Some(Run {
            id: run.clone(),
            at: self.now,
            occurrence,
        });
        page.state_is_changed = true;
        page.claims_first = true;
        self.say(Level::Info, "task.run", at, &format!("runs as {run}"));
        Ok(Begun {
            task: id,
            name,
            run,
            action,
            occurrences: occurrences.to_vec(),
            missed,
            timeout,
            agent: agent.unwrap_or_else(AgentId::user),
            log,
            path,
        })
    }

    /// Writes down how a run ended: tried again, given up, over, or until the next time.
    pub fn end_run(
        &mut self,
        caller: &Caller,
        id: &str,
        run: &str,
        outcome: &Outcome,
        chance: f64,
    ) -> Result<(), Error> {
        let at = self.resolve(id)?;
        let page = self.entries[at].page;
        let retries = self.whole(at).retries().unwrap_or(0);
        let Some(runs) = self.pages[page].state.runs.get_mut(id) else {
            return Ok(());
        };
        // Somebody else has written down that it was lost.
        if runs.now.as_ref().is_none_or(|now| now.id != run) {
            return Ok(());
        }
        runs.now = None;
        runs.last = Some(Ended {
            id: run.to_owned(),
            at: self.now,
            outcome: outcome.fault.clone().unwrap_or_else(|| "completed".into()),
            exit: outcome.exit,
        });
        let attempt = runs.attempt;
        let again = outcome.fault.is_some() && attempt < retries;
        runs.attempt = if again { attempt + 1 } else { 0 };
        runs.next_attempt = again.then(|| self.now.plus(pause(attempt, chance)));
        self.pages[page].state_is_changed = true;
        if self.entries[at].task.status != Status::Running {
            // Cancelled meanwhile, or changed by hand: that stands.
            return Ok(());
        }
        let has_more = again || self.will_run_again(at)?;
        let fault = outcome.fault.clone();
        let status = match (&fault, has_more) {
            (_, true) => Status::Pending,
            (None, false) => Status::Completed,
            (Some(_), false) => Status::Failed,
        };
        let by = By::from(caller);
        let note = Note {
            what: if fault.is_some() {
                "run failed"
            } else {
                "run ended"
            },
            by: &by,
            at: self.now,
            why: Some(format!("run {run}")),
        };
        let mut sets = vec![
            ("status".to_owned(), Some(Value::from(status.as_str()))),
            ("error".to_owned(), fault.clone().map(Value::from)),
        ];
        if status.is_over() {
            sets.extend(self.times_of(status));
        }
        self.change(at, note, sets)?;
        match &fault {
            Some(why) if !again => {
                self.say(
                    Level::Warn,
                    "task.run_failed",
                    at,
                    &format!("run {run}: {why}"),
                );
                self.complain(at, run, why);
            }
            Some(why) => self.say(
                Level::Warn,
                "task.retried",
                at,
                &format!("run {run}: {why}"),
            ),
            None => self.say(
                Level::Info,
                "task.run_ended",
                at,
                &format!("run {run} ended well"),
            ),
        }
        Ok(())
    }

    fn will_run_again(&self, at: usize) -> Result<bool, Error> {
        let Some(schedule) = self.schedule_of(at)? else {
            return Ok(false);
        };
        let fired = self.fired_of(at);
        Ok(schedule.is_at_boot() || !due::next(&schedule, &fired, self.now, 1).is_empty())
    }

    /// The captain hears of what nobody tries again.
    fn complain(&mut self, at: usize, run: &str, why: &str) {
        let captain = AgentId::captain();
        let to = if self.known.agents.contains(&captain) {
            captain
        } else {
            AgentId::user()
        };
        let task = &self.entries[at].task;
        let log = self.texts.shelf.run_path(&task.id, run);
        let content = format!(
            "task {} failed: {}\n{why}\nlog: {}",
            task.id,
            task.name,
            log.display()
        );
        self.post(at, &AgentId::system(), to, content);
    }

    /// Runs whose runner was killed: what is left of them ends, and they have failed.
    pub(super) fn lost_runs(&mut self) -> Result<(), Error> {
        let mut lost = Vec::new();
        for page in &self.pages {
            for (id, runs) in &page.state.runs {
                let Some(now) = &runs.now else { continue };
                if self.find(id).is_some()
                    && page.fault.is_none()
                    && !self.texts.shelf.goes_on(id, &now.id)?
                {
                    lost.push((id.clone(), now.id.clone()));
                }
            }
        }
        let system = Caller {
            agent: AgentId::system(),
            incarnation: None,
            uid: 0,
            login: None,
            guest: None,
        };
        for (id, run) in lost {
            if self.texts.are_locked() {
                super::process::end_what_is_left(&run);
            }
            let outcome = Outcome {
                fault: Some("whoever ran it was killed".into()),
                exit: None,
            };
            self.end_run(&system, &id, &run, &outcome, 0.5)?;
        }
        Ok(())
    }
}

fn action_of(task: &Task<'_>) -> Result<Action, Error> {
    let field = || format!("{}: run", task.id);
    let Some(run) = task.run.as_deref() else {
        return Err(Error::BadField {
            field: field(),
            why: "it has nothing to run".into(),
            hint: Some(format!("taskctl set {} run 'COMMAND'", task.id)),
        });
    };
    let value: Value = serde_json::from_str(run).unwrap_or_default();
    Action::parse(&value).map_err(|why| Error::BadField {
        field: field(),
        why,
        hint: None,
    })
}

/// Doubled each time, up to an hour, and a part of it left to chance so that not all come at once.
fn pause(attempt: u32, chance: f64) -> Duration {
    let doubled = FIRST_PAUSE
        .saturating_mul(1 << attempt.min(10))
        .min(LONGEST_PAUSE);
    doubled.mul_f64(0.8 + 0.4 * chance)
}
