use dreamos::agents::control::Screen;
use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::names::AgentId;
use serde::Serialize;

use super::anyway::open_anyway;

/// What the terminal of an agent shows, as text
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl peek agent-3
  agentctl peek agent-3 -n 5
  agentctl peek agent-3 --json | jq .cursor")]
pub(crate) struct Peek {
    /// Whose
    #[arg(value_name = "AGENT")]
    agent: String,
    /// So many lines, the last that are not empty
    #[arg(short = 'n', value_name = "LINES", default_value_t = 40)]
    lines: usize,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    agent: &'a AgentId,
    #[serde(flatten)]
    screen: &'a Screen,
}

impl Run for Peek {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open_anyway(context)?;
        let agent = desk.resolve_started(&self.agent)?;
        let screen = desk.peek(&agent, self.lines)?;
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.screen/1",
                agent: &agent,
                screen: &screen,
            })?;
        } else if !screen.text.is_empty() {
            context.print(&format!("{}\n", context.shown(&screen.text)))?;
        }
        Ok(Exit::DONE)
    }
}
