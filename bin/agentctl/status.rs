use std::fmt::Write as _;

use dreamos::agents::health::Health;
use dreamos::agents::state::State;
use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::{Now, relative};
use serde::Serialize;

use super::anyway::open_anyway;
use super::list::{One, one};
use super::who::launching;

/// How one agent stands, and by what that is seen; exit 1 if it does not run
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl status agent-3
  agentctl status agent-3 -q && echo it runs")]
pub(crate) struct Status {
    /// Whose, if not your own
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(flatten)]
    one: One<'a>,
}

impl Run for Status {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open_anyway(context)?;
        let id = match &self.agent {
            Some(name) => desk.resolve_started(name)?,
            None => desk.caller().agent.clone(),
        };
        let mut standing = desk.doing(std::slice::from_ref(&id), &launching())?;
        let (_, it) = standing.pop().expect("one for each");
        let it = it?;
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.agent/1",
                one: one(&id, Ok(&it)),
            })?;
        } else if !context.options().quiet {
            match &it.state {
                None => context.print(&format!("{id} was never started\n"))?,
                Some(state) => context.print(&told(state, it.health.as_ref()))?,
            }
        }
        let runs = it.state.is_some_and(|state| !state.state.is_over());
        Ok(if runs { Exit::DONE } else { Exit::NO })
    }
}

fn told(state: &State, health: Option<&Health>) -> String {
    let now = Now::read().wall;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        writeln!(text, "{name:<11} {value}").expect("a string grows");
    };
    line("agent", state.agent.as_str());
    if let Some(health) = health {
        line("health", &format!("{}: {}", health.state, health.evidence));
        line("activity", health.activity.as_str());
    }
    line("state", state.state.as_str());
    line(
        "since",
        &format!("{} ({})", state.since, relative(state.since, now)),
    );
    line("why", &state.reason);
    line("seen by", &state.evidence);
    if let Some(child) = state.child {
        line("pid", &child.pid.to_string());
    }
    if let Some(incarnation) = &state.incarnation {
        line("incarnation", incarnation);
    }
    line("restarts", &state.restarts.to_string());
    if let Some(exit) = state.exit {
        line("last exit", &exit.to_string());
    }
    if let Some(at) = state.next_start {
        line("next start", &format!("{at} ({})", relative(at, now)));
    }
    text
}
