//! What runs by itself: one pass over all that is due, or one task because somebody says so.
//!
//! It is written down before it begins and after it ends; in between no lock is held.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use super::{Breaker, Desk, Done, Error, Unknown};
use crate::logs::{self, Which};
use crate::names::{AgentId, Channel, Draft, Verb};
use crate::store::random_u64;
use crate::tasks::{self, Action, Begun, Plan, Post, RunOutcome, Runner};
use crate::time::Now;

/// What takes longer is left for the next pass.
const LOGS_PATIENCE: Duration = Duration::from_secs(1);

/// A run that is over.
#[derive(Clone, Debug)]
pub struct Ran {
    pub task: String,
    pub name: String,
    pub run: String,
    pub missed: u64,
    pub log: PathBuf,
    pub outcome: RunOutcome,
}

impl Desk {
    /// What a pass would run now, and why; nothing is changed.
    pub fn plan_tasks(&self, now: Now) -> Done<Vec<Plan>> {
        Ok(self.sheets(now)?.board()?.plans())
    }

    /// Runs all that is due, `jobs` at a time; `None` where another pass is at work. What is due of the logs is done
    /// as well: whoever has cron needs nothing else that comes by.
    pub fn run_due(
        &self,
        jobs: usize,
        patience: Duration,
        now: Now,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Done<Option<Vec<Ran>>> {
        let ran = self.pass(jobs, patience, now, interrupted)?;
        if ran.is_some() {
            self.tidy_logs(Now::read());
        }
        Ok(ran)
    }

    fn tidy_logs(&self, now: Now) {
        if let Err(error) = logs::rotate(
            &self.home,
            &Channel::ALL,
            Which::Due,
            LOGS_PATIENCE,
            now.wall,
        ) {
            (self.warn)(&format!("the logs: {error}"));
        }
    }

    fn pass(
        &self,
        jobs: usize,
        patience: Duration,
        now: Now,
        interrupted: &(dyn Fn() -> bool + Sync),
    ) -> Done<Option<Vec<Ran>>> {
        self.permit(Verb::TaskRun, &AgentId::unassigned())?;
        let Some(runner) = Runner::take(&self.home, patience)? else {
            return Ok(None);
        };
        runner.note(now.wall)?;
        // To look costs less than to change, and most passes find nothing.
        if self.plan_tasks(now)?.iter().all(|plan| !plan.is_due) {
            self.settle_if_running(now)?;
            return Ok(Some(Vec::new()));
        }
        let begun = self.change_tasks(now, |board| Ok(board.begin_due(&self.caller)?))?;
        let next = AtomicUsize::new(0);
        let (over, ran) = channel();
        let work = |over: Sender<_>| {
            while let Some(one) = begun.get(next.fetch_add(1, Ordering::Relaxed)) {
                // Somebody listens as long as we are here.
                let _ = over.send(self.run_to_its_end(one, interrupted));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..jobs.min(begun.len()) {
                let (work, over) = (&work, over.clone());
                let thread = std::thread::Builder::new();
                if thread.spawn_scoped(scope, move || work(over)).is_err() {
                    // No more are to be had: those that are there do it all.
                    break;
                }
            }
            work(over);
        });
        ran.into_iter().collect::<Done<Vec<Ran>>>().map(Some)
    }

    /// What a killed pass left is ended by the next, also where nothing is due.
    fn settle_if_running(&self, now: Now) -> Done<()> {
        let sheets = self.sheets(now)?;
        if sheets.board()?.has_runs() {
            return self.settle_tasks(now);
        }
        Ok(())
    }

    /// Runs one task now, whatever its schedule says.
    pub fn run_task(&self, asked: &str, now: Now, interrupted: &dyn Fn() -> bool) -> Done<Ran> {
        let begun = self.change_tasks(now, |board| {
            self.may(Verb::TaskRun, board, asked)?;
            Ok(board.begin_one(&self.caller, asked)?)
        })?;
        self.run_to_its_end(&begun, interrupted)
    }

    fn run_to_its_end(&self, begun: &Begun, interrupted: &dyn Fn() -> bool) -> Done<Ran> {
        let outcome = match &begun.action {
            Action::Send { send } => self.send_for(begun, send),
            _ => tasks::carry_out(begun, self.home.dir(), interrupted),
        };
        #[expect(clippy::cast_precision_loss, reason = "53 bits of chance are enough")]
        let chance = (random_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let noted = self.change_tasks(Now::read(), |board| {
            Ok(board.end_run(&self.caller, &begun.task, &begun.run, &outcome, chance)?)
        });
        noted.map_err(|error| match error {
            // It ran, whatever else is known of it.
            Error::Tasks(error) => Error::Tasks(error.unsure()),
            other => other,
        })?;
        Ok(Ran {
            task: begun.task.clone(),
            name: begun.name.clone(),
            run: begun.run.clone(),
            missed: begun.missed,
            log: begun.path.clone(),
            outcome,
        })
    }

    /// One message for each occurrence, and none twice.
    fn send_for(&self, begun: &Begun, post: &Post) -> RunOutcome {
        for n in 0..begun.occurrences.len().max(1) {
            let mut draft = Draft::new(begun.agent.clone(), post.to.clone(), post.content.clone());
            draft.mode = post.mode.unwrap_or(draft.mode);
            draft.key = Some(format!("task:{}:{}:{n}", begun.task, begun.run));
            draft
                .metadata
                .insert("task".into(), begun.task.clone().into());
            if let Err(error) = self.send(draft, Unknown::Refuse, Breaker::Override, Now::read()) {
                return RunOutcome {
                    fault: Some(error.to_string()),
                    exit: None,
                };
            }
        }
        RunOutcome {
            fault: None,
            exit: None,
        }
    }
}
