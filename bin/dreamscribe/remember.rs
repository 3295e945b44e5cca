use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::Now;
use serde::Serialize;

use super::options::{asked, known_as};

/// What an agent should remember when it starts, in so many bytes and never more
///
/// Its open tasks and mail that waits first, then what was decided and what failed, what others told it, and what else
/// weighs most; each once, the newest last.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe context                                # for whoever asks
  dreamscribe context --agent agent-3 --budget 2000
  claude -p \"$(dreamscribe context --agent agent-3) Go on.\"")]
pub(crate) struct Remember {
    /// The agent; whoever asks, if nobody is named
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// So many bytes
    #[arg(long, value_name = "BYTES", default_value = "2000")]
    budget: usize,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    agent: String,
    budget: usize,
    text: String,
}

impl Run for Remember {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let agent = self.agent.unwrap_or_else(|| context.speaker());
        let agent = known_as(context, &agent)?;
        let text = asked(context, |memory| {
            memory.context(&agent, Now::read().wall, self.budget)
        })?
        .unwrap_or_default();
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.memory-context/1",
                agent,
                budget: self.budget,
                text,
            })?;
        } else {
            context.print(&context.shown(&text))?;
        }
        Ok(Exit::DONE)
    }
}
