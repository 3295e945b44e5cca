use dreamos::cli::{Context, Exit, Failure, Run};

use super::desk::open;

/// Change one key of an agent in config/agents.yaml; a running one takes it at its next start
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl set agent-3 restart always
  agentctl set agent-3 backoff.max 5m
  agentctl set agent-3 env '{COLOUR: blue}'
  agentctl set agent-3 cwd --unset")]
pub(crate) struct Set {
    /// Whose
    #[arg(value_name = "AGENT")]
    agent: String,
    /// As in config/README.md; a point goes one level down
    #[arg(value_name = "KEY")]
    key: String,
    /// In YAML
    #[arg(
        value_name = "VALUE",
        required_unless_present = "unset",
        allow_hyphen_values = true
    )]
    value: Option<String>,
    /// Take the key away
    #[arg(long, conflicts_with = "value")]
    unset: bool,
}

impl Run for Set {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let id = desk.resolve(&self.agent)?;
        let (key, value) = (self.key.as_str(), self.value.as_deref());
        desk.configure(&id, |registry| match value {
            Some(value) => registry.set(&id, key, value),
            None => registry.unset(&id, key),
        })?;
        let runs = desk.standing(std::slice::from_ref(&id)).pop();
        let runs = runs.and_then(Result::ok).and_then(|it| it.state);
        if runs.is_some_and(|state| !state.state.is_over()) {
            context.note(&format!(
                "{id} runs with the old value; agentctl restart {id}"
            ));
        }
        context.report(
            &format!("set {key} of {id}"),
            &serde_json::json!({"schema": "dreamos.configured/1", "agent": id, "key": key}),
        );
        Ok(Exit::DONE)
    }
}
