use dreamos::cli::{Context, Error, Exit, Failure, Run};

use super::desk::open;

/// Take a stopped agent out of config/agents.yaml; its mailbox stays
#[derive(clap::Args)]
pub(crate) struct Unregister {
    /// Who
    #[arg(value_name = "AGENT")]
    agent: String,
}

impl Run for Unregister {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let id = desk.resolve(&self.agent)?;
        let standing = desk.standing(std::slice::from_ref(&id)).pop();
        let state = standing.expect("one for each")?.state;
        if state.is_some_and(|state| !state.state.is_over()) {
            let hint = format!("agentctl stop {id}");
            return Err(Error::advice(format!("{id} runs"), hint).into());
        }
        desk.configure(&id, |registry| registry.unregister(&id))?;
        context.report(
            &format!(
                "unregistered {id}; its mail stays in {}",
                desk.home().mailbox(&id).display()
            ),
            &serde_json::json!({"schema": "dreamos.unregistered/1", "agent": id}),
        );
        Ok(Exit::DONE)
    }
}
