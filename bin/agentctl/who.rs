//! Whom a verb is about, and what a start is given.

use dreamos::cli::{Error, Failure};
use dreamos::desk::{Desk, Launching};
use dreamos::names::AgentId;

// No doc comment: clap would take it for the description of each verb.
#[derive(clap::Args)]
pub(crate) struct Who {
    /// One or more agents
    #[arg(value_name = "AGENT", required_unless_present = "all")]
    agents: Vec<String>,
    /// All that have a command
    #[arg(long, conflicts_with = "agents")]
    all: bool,
}

impl Who {
    pub(crate) fn ids(&self, desk: &Desk) -> Result<Vec<AgentId>, Failure> {
        if self.all {
            let configured = desk.configured()?.into_iter();
            let all: Vec<AgentId> = configured
                .filter(|agent| agent.command.is_some())
                .map(|agent| agent.id)
                .collect();
            if all.is_empty() {
                return Err(Error::advice(
                    "no agent has a command",
                    "give one in config/agents.yaml",
                )
                .into());
            }
            return Ok(all);
        }
        let mut ids = Vec::new();
        for name in &self.agents {
            let id = desk.resolve_started(name)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}

/// The environment of whoever starts, for the agent.
pub(crate) fn launching() -> Launching {
    Launching {
        environment: std::env::vars_os().collect(),
        ..Launching::default()
    }
}
