use dreamos::cli::{Context, Failure, Table};
use dreamos::names::AgentId;
use dreamos::root::Home;
use dreamos::security::keys::{self, PublicKey, Standing};
use dreamos::time::Timestamp;
use serde::Serialize;

#[derive(Serialize)]
struct Listed {
    schema: &'static str,
    keys: Vec<One>,
}

#[derive(Serialize)]
struct One {
    agent: AgentId,
    key: String,
    /// `current`, `retired`, `revoked`
    standing: &'static str,
    created_at: Timestamp,
    /// Until when it counts, or since when it does not.
    at: Option<Timestamp>,
    /// What mail to the agent is sealed to.
    recipient: Option<String>,
    /// It may sign here.
    own: bool,
}

impl One {
    fn of(agent: &AgentId, key: &PublicKey, recipient: Option<&str>, own: bool) -> Self {
        let (standing, at) = match key.standing {
            Standing::Current => ("current", None),
            Standing::Retired { until } => ("retired", Some(until)),
            Standing::Revoked { at } => ("revoked", Some(at)),
        };
        Self {
            agent: agent.clone(),
            key: key.id.to_string(),
            standing,
            created_at: key.created_at,
            at,
            recipient: recipient.map(Into::into),
            own,
        }
    }
}

pub(super) fn list(context: &Context, home: &Home) -> Result<(), Failure> {
    let mut all = Vec::new();
    for its in keys::list(home)? {
        match &its.keys {
            Ok(keys) => {
                let recipient = keys.recipient();
                let one = |key| One::of(&its.agent, key, recipient, its.is_own);
                all.extend(keys.keys().iter().map(one));
            }
            Err(error) => context.warn(&format!("{}: {error}", its.agent)),
        }
    }
    if context.format().is_json() {
        context.print_json(&Listed {
            schema: "dreamos.keys/1",
            keys: all,
        })?;
        return Ok(());
    }
    let mut table = Table::new(&["AGENT", "KEY", "STANDING", "SINCE", "SIGNS HERE"]);
    for it in all {
        table.row(vec![
            it.agent.to_string(),
            it.key,
            it.standing.to_owned(),
            it.created_at.to_string(),
            if it.own { "yes" } else { "no" }.to_owned(),
        ]);
    }
    context.print_table(&table)?;
    Ok(())
}
