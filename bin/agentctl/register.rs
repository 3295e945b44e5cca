use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::names::AgentId;

use super::desk::open;

/// Write a new agent into config/agents.yaml; everything else in it stays as it is
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl register agent-5 --role worker --set restart=always -- ./worker --verbose
  agentctl register scribe --set harness=claude --set cwd=projects/book")]
pub(crate) struct Register {
    /// a-z, 0-9, '.', '_', '-'
    #[arg(value_name = "ID")]
    id: String,
    /// A group that mail may be sent to; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Any key of config/README.md, its value in YAML; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// What is started
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Run for Register {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let id = AgentId::parse(&self.id).map_err(|bad| Error::usage(bad.to_string()))?;
        let list = |words: &[String]| serde_json::json!(words).to_string();
        let (roles, command) = (list(&self.roles), list(&self.command));
        let mut fields = Vec::new();
        if !self.roles.is_empty() {
            fields.push(("roles", roles.as_str()));
        }
        if !self.command.is_empty() {
            fields.push(("command", command.as_str()));
        }
        for setting in &self.settings {
            let setting = setting.split_once('=');
            fields.push(setting.ok_or_else(|| Error::usage("write --set KEY=VALUE"))?);
        }
        desk.register(&id, &fields)?;
        context.report(
            &format!("registered {id}"),
            &serde_json::json!({"schema": "dreamos.registered/1", "agent": id}),
        );
        Ok(Exit::DONE)
    }
}
