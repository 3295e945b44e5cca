use dreamos::agents::health::Health;
use dreamos::agents::state::State;
use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::desk::Standing;
use dreamos::names::AgentId;
use dreamos::time::{Now, relative};
use serde::Serialize;

use super::desk::open;
use super::who::launching;

/// Who exists, and how each stands
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl list
  agentctl list --json | jq -r '.agents[] | select(.state.state == \"fatal\") | .agent'")]
pub(crate) struct List {}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    agents: Vec<One<'a>>,
}

#[derive(Serialize)]
pub(crate) struct One<'a> {
    agent: &'a AgentId,
    /// `null`: never started.
    state: Option<&'a State>,
    health: Option<&'a Health>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

impl Run for List {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let ids: Vec<AgentId> = desk
            .roster()
            .agents
            .iter()
            .map(|it| it.id.clone())
            .collect();
        let standing: Vec<(AgentId, Result<Standing, Failure>)> = desk
            .doing(&ids, &launching())?
            .into_iter()
            .map(|(id, it)| (id, it.map_err(Failure::from)))
            .collect();
        if context.format().is_json() {
            let agents = standing.iter().map(|(id, it)| one(id, it.as_ref()));
            context.print_json(&Document {
                schema: "dreamos.agents/1",
                agents: agents.collect(),
            })?;
            return Ok(Exit::DONE);
        }
        let now = Now::read().wall;
        let mut table = Table::new(&[
            "AGENT", "HEALTH", "STATE", "ACTIVITY", "SINCE", "PID", "RESTARTS", "WHY",
        ]);
        for (id, it) in &standing {
            let state = it.as_ref().ok().and_then(|it| it.state.as_ref());
            let health = it.as_ref().ok().and_then(|it| it.health.as_ref());
            let dash = || "-".to_owned();
            table.row(vec![
                id.to_string(),
                health.map_or("-", |it| it.state.as_str()).to_owned(),
                state.map_or("-", |it| it.state.as_str()).to_owned(),
                health.map_or("-", |it| it.activity.as_str()).to_owned(),
                state.map_or_else(dash, |it| relative(it.since, now)),
                state
                    .and_then(|it| it.child)
                    .map_or_else(dash, |it| it.pid.to_string()),
                state.map_or_else(dash, |it| it.restarts.to_string()),
                match it {
                    Ok(_) => health.map_or_else(String::new, |it| it.evidence.clone()),
                    Err(failure) => failure.message().to_owned(),
                },
            ]);
        }
        context.print_table(&table)?;
        Ok(Exit::DONE)
    }
}

pub(crate) fn one<'a>(agent: &'a AgentId, it: Result<&'a Standing, &Failure>) -> One<'a> {
    let (state, health, error) = match it {
        Ok(it) => (it.state.as_ref(), it.health.as_ref(), None),
        Err(failure) => (None, None, Some(failure.document())),
    };
    One {
        agent,
        state,
        health,
        error,
    }
}
