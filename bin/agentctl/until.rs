use std::time::{Duration, Instant};

use clap::ValueEnum;
use dreamos::agents::health::Activity;
use dreamos::cli::{Context, Exit, Failure, Interrupt, Run};
use dreamos::desk::{Desk, Standing};
use dreamos::names::AgentId;
use dreamos::time::{Now, parse_span};

use super::anyway::open_anyway;
use super::who::launching;

/// Wait until an agent has come so far: exit 0 when it has, 124 when not in time
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl wait agent-3 --for idle --timeout 10m
  agentctl wait agent-3 --for acked && agentctl stop agent-3")]
pub(crate) struct Wait {
    /// Whom
    #[arg(value_name = "AGENT")]
    agent: String,
    /// It says or its screen shows that it is idle; it does not run any more; it has acknowledged all its mail
    #[arg(
        long = "for",
        value_enum,
        value_name = "idle|exited|acked",
        hide_possible_values = true
    )]
    until: Until,
    /// Wait no longer than this
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    timeout: Option<Duration>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Until {
    Idle,
    Exited,
    Acked,
}

/// What nobody tells of is looked for so often.
const LOOK: Duration = Duration::from_millis(100);

impl Until {
    fn is_reached(self, desk: &Desk, id: &AgentId) -> Result<bool, Failure> {
        let standing = || -> Result<Standing, Failure> {
            let (_, standing) = desk
                .doing(std::slice::from_ref(id), &launching())?
                .remove(0);
            Ok(standing?)
        };
        let is_over = |it: &Standing| it.state.as_ref().is_none_or(|it| it.state.is_over());
        Ok(match self {
            Self::Acked => desk.counts(id, Now::read())?.pending == 0,
            Self::Exited => is_over(&standing()?),
            Self::Idle => {
                let it = standing()?;
                let activity = it.health.as_ref().map(|health| health.activity);
                activity == Some(Activity::Idle) && !is_over(&it)
            }
        })
    }
}

impl Run for Wait {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open_anyway(context)?;
        let id = desk.resolve_started(&self.agent)?;
        let interrupt = Interrupt::install()?;
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        while !self.until.is_reached(&desk, &id)? {
            if let Some(exit) = interrupt.exit() {
                return Ok(exit);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(Exit::TIMED_OUT);
            }
            std::thread::park_timeout(LOOK);
        }
        Ok(Exit::DONE)
    }
}
