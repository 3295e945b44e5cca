use std::time::Duration;

use dreamos::cli::{Context, Exit, Failure, Format, Interrupt, Run};
use dreamos::desk::{Desk, Taking, Took};
use dreamos::time::{Now, parse_span};

use super::desk::open;
use super::item;
use super::show::{print, with};

/// Take a task, so that nobody else does: the given one, or the most urgent that you may take and can do
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl claim --as agent-3                         # exit 1 where nothing is ready
  taskctl claim --wait --timeout 10m --start
  id=$(taskctl claim --wait --format plain | cut -f1)")]
pub(crate) struct Claim {
    /// Which, if not the most urgent
    #[arg(value_name = "TASK")]
    task: Option<String>,
    /// Wait until it can be taken
    #[arg(long)]
    wait: bool,
    /// Wait no longer than this (exit 124)
    #[arg(long, value_name = "SPAN", value_parser = parse_span, requires = "wait")]
    timeout: Option<Duration>,
    /// How long it is yours without a sign of progress; else 30m, and for a person without end
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    lease: Option<Duration>,
    /// Start it at once
    #[arg(long)]
    start: bool,
}

impl Run for Claim {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let taking = if self.start {
            Taking::Start
        } else {
            Taking::Claim
        };
        let took = if self.wait {
            let interrupt = Interrupt::install()?;
            match self.await_one(&desk, taking, &interrupt)? {
                Some(took) => took,
                None => return Ok(interrupt.exit().unwrap_or(Exit::TIMED_OUT)),
            }
        } else {
            desk.take_task(self.task.as_deref(), taking, self.lease, Now::read())?
        };
        // It is taken: what cannot be shown is only warned of.
        if let Err(failure) = show(context, &desk, taking, &took) {
            context.warn(&format!("{} is yours, but: {}", took.id, failure.message()));
        }
        Ok(Exit::DONE)
    }
}

impl Claim {
    fn await_one(
        &self,
        desk: &Desk,
        taking: Taking,
        interrupt: &Interrupt,
    ) -> Result<Option<Took>, Failure> {
        let interrupted = || interrupt.came();
        let asked = self.task.as_deref();
        Ok(desk.take_task_wait(asked, taking, self.lease, self.timeout, &interrupted)?)
    }
}

fn show(context: &Context, desk: &Desk, taking: Taking, took: &Took) -> Result<(), Failure> {
    if context.options().quiet {
        return Ok(());
    }
    let now = Now::read();
    let sheets = desk.sheets(now)?;
    let board = sheets.board()?;
    with(desk, &board, &took.id, |it| {
        if context.format() == Format::Plain {
            return item::print(context, &board, std::slice::from_ref(it), now.wall);
        }
        if !context.format().is_json() {
            let done = match taking {
                Taking::Claim => "claimed",
                Taking::Start => "started",
            };
            let until = took.until.map(|at| format!(", yours until {at}"));
            let line = format!("{done} {}{}\n", took.id, until.unwrap_or_default());
            context.print(&line)?;
        }
        print(context, &board, it, now)
    })
}
