use std::num::NonZeroUsize;
use std::time::Duration;

use dreamos::cli::{Context, Exit, Failure, Interrupt, Run as Runs, Table};
use dreamos::desk::{Desk, Ran};
use dreamos::names::Kind;
use dreamos::time::{Now, Timestamp, parse_span};
use serde::Serialize;

use super::desk::open;

/// Run what is due, or one task now
///
/// `--due` is one pass for cron: it says nothing as long as all goes well, and runs nothing twice.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  * * * * * DREAMOS_HOME=/srv/swarm taskctl run --due     # a line for crontab -e
  taskctl run --due --dry-run          # what would run, and why not the others
  taskctl run backup                   # now, whatever its schedule says

EXIT STATUS
  0   done, or another pass is at work
  1   a task failed: a line on standard error says which, and where its log is
  75  another pass is at work, with --fail-if-locked")]
pub(crate) struct Run {
    #[arg(
        value_name = "TASK",
        required_unless_present = "due",
        conflicts_with = "due"
    )]
    tasks: Vec<String>,
    /// All that is due by its schedule
    #[arg(long)]
    due: bool,
    /// So many at a time
    #[arg(long, value_name = "N", default_value = "8", requires = "due")]
    jobs: NonZeroUsize,
    /// Wait so long for another pass to end
    #[arg(long, value_name = "SPAN", value_parser = parse_span, requires = "due")]
    wait: Option<Duration>,
    /// That another pass is at work is a failure
    #[arg(long, requires = "due")]
    fail_if_locked: bool,
    /// Say what would run and why, and run nothing
    #[arg(long = "dry-run", requires = "due")]
    is_dry: bool,
}

#[derive(Serialize)]
struct Report {
    schema: &'static str,
    /// Another pass was at work: nothing was done.
    locked: bool,
    runs: Vec<One>,
}

#[derive(Serialize)]
struct One {
    task: String,
    run: String,
    /// `null`: it did what it should.
    fault: Option<String>,
    exit: Option<i32>,
    missed: u64,
    log: String,
}

impl One {
    fn of(ran: &Ran) -> Self {
        Self {
            task: ran.task.clone(),
            run: ran.run.clone(),
            fault: ran.outcome.fault.clone(),
            exit: ran.outcome.exit,
            missed: ran.missed,
            log: ran.log.display().to_string(),
        }
    }
}

#[derive(Serialize)]
struct Plans {
    schema: &'static str,
    tasks: Vec<Plan>,
}

#[derive(Serialize)]
struct Plan {
    task: String,
    name: String,
    due: bool,
    why: String,
    next: Option<Timestamp>,
}

impl Runs for Run {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        if self.is_dry {
            return plans(context, &desk);
        }
        let interrupt = Interrupt::install()?;
        if !self.due {
            let exit = now(context, &desk, &self.tasks, &interrupt);
            return Ok(interrupt.exit().unwrap_or(exit));
        }
        let patience = self.wait.unwrap_or_default();
        let ran = desk.run_due(self.jobs.get(), patience, Now::read(), &|| interrupt.came())?;
        let exit = match &ran {
            None if self.fail_if_locked => Exit::of(Kind::Busy),
            None => Exit::DONE,
            Some(ran) => complain(context, ran),
        };
        if context.format().is_json() {
            let runs = ran.iter().flatten().map(One::of).collect();
            context.print_json(&Report {
                schema: "dreamos.runs/1",
                locked: ran.is_none(),
                runs,
            })?;
        }
        Ok(interrupt.exit().unwrap_or(exit))
    }
}

/// A line for each that failed: cron mails it.
fn complain(context: &Context, ran: &[Ran]) -> Exit {
    let mut exit = Exit::DONE;
    for one in ran {
        if let Some(fault) = &one.outcome.fault {
            let (task, log) = (&one.task, one.log.display());
            context.warn(&format!("task {task}: {fault}; its log: {log}"));
            exit = Exit::of(Kind::No);
        }
    }
    exit
}

fn now(context: &Context, desk: &Desk, tasks: &[String], interrupt: &Interrupt) -> Exit {
    let mut worst = Exit::DONE;
    let mut all = Vec::new();
    let mut lines = Vec::new();
    for task in tasks {
        if interrupt.came() {
            break;
        }
        match desk.run_task(task, Now::read(), &|| interrupt.came()) {
            Ok(ran) => {
                worst = worst.max(complain(context, std::slice::from_ref(&ran)));
                if ran.outcome.fault.is_none() {
                    lines.push(format!("ran {}; its log: {}", ran.task, ran.log.display()));
                }
                all.push(One::of(&ran));
            }
            Err(error) => {
                let failure = Failure::from(error);
                worst = worst.max(failure.exit());
                context.fail(&failure);
            }
        }
    }
    let report = Report {
        schema: "dreamos.runs/1",
        locked: false,
        runs: all,
    };
    if context.format().is_json() || !lines.is_empty() {
        context.report(&lines.join("\n"), &report);
    }
    worst
}

fn plans(context: &Context, desk: &Desk) -> Result<Exit, Failure> {
    let plans = desk.plan_tasks(Now::read())?;
    if context.format().is_json() {
        let tasks = plans.into_iter().map(|plan| Plan {
            task: plan.task,
            name: plan.name,
            due: plan.is_due,
            why: plan.why,
            next: plan.next,
        });
        context.print_json(&Plans {
            schema: "dreamos.plans/1",
            tasks: tasks.collect(),
        })?;
        return Ok(Exit::DONE);
    }
    let mut table = Table::new(&["TASK", "DUE", "NEXT", "WHY", "NAME"]);
    for plan in plans {
        table.row(vec![
            plan.task,
            if plan.is_due { "now" } else { "-" }.to_owned(),
            plan.next
                .map_or_else(|| "-".to_owned(), |at| at.to_string()),
            plan.why,
            plan.name,
        ]);
    }
    context.print_table(&table)?;
    Ok(Exit::DONE)
}
