use dreamos::cli::{Context, Exit, Failure, Run, body};
use dreamos::names::AgentId;
use serde::Serialize;

use super::desk::open;

/// Type on the terminal of an agent; whether it understood, nobody knows: mail is the better way
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl type agent-3 'read your mail' --enter
  agentctl type agent-3 - < prompt.txt
  agentctl type agent-3 '' --enter              # Enter alone")]
pub(crate) struct Type {
    /// Whose
    #[arg(value_name = "AGENT")]
    agent: String,
    /// What; - for standard input. Keys (escapes, returns, Ctrl-C) are left out
    #[arg(value_name = "TEXT")]
    text: String,
    /// Press Enter afterwards, up to three times until the screen changes
    #[arg(long)]
    enter: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    agent: &'a AgentId,
    screen_changed: bool,
}

impl Run for Type {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let agent = desk.resolve(&self.agent)?;
        let text = body(context, Some(&self.text))?;
        let screen_changed = desk.type_text(&agent, &text, self.enter)?;
        let line = if screen_changed {
            "typed, unconfirmed: the screen changed"
        } else {
            "typed, unconfirmed: the screen did not change"
        };
        context.report(
            line,
            &Document {
                schema: "dreamos.typed/1",
                agent: &agent,
                screen_changed,
            },
        );
        Ok(Exit::DONE)
    }
}
