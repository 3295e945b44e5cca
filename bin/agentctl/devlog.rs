use clap::Subcommand;
use dreamos::agents::devlog::{Entry, entries};
use dreamos::cli::{Context, Error, Exit, Failure, Run, body};
use dreamos::names::AgentId;
use dreamos::time::{Now, Timestamp};
use serde::Serialize;

use super::desk::open;

/// What an agent tells in prose: read it, add to it, begin anew
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl devlog agent-3
  agentctl devlog agent-3 add \"The parser is done; next: the printer.\"
  git log -3 | agentctl devlog agent-3 add -
  agentctl devlog agent-3 clear                 # what was there stays in devlog.md.backup")]
pub(crate) struct Devlog {
    /// Whose
    #[arg(value_name = "AGENT")]
    agent: String,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Add an entry
    Add {
        /// - is standard input
        #[arg(value_name = "TEXT")]
        text: Option<String>,
    },
    /// Begin anew
    Clear,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    agent: &'a AgentId,
    entries: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Changed<'a> {
    schema: &'static str,
    agent: &'a AgentId,
    /// `added`, `cleared`
    what: &'static str,
    timestamp: Timestamp,
}

impl Run for Devlog {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let id = desk.resolve(&self.agent)?;
        match self.what {
            None => show(context, &id, &desk.devlog(&id)?)?,
            Some(What::Add { text }) => {
                let text = body(context, text.as_deref())?;
                let now = Now::read();
                desk.add_to_devlog(&id, &text, now)?;
                tell(context, &id, "added", now);
            }
            Some(What::Clear) => {
                let now = Now::read();
                desk.clear_devlog(&id, now)?;
                tell(context, &id, "cleared", now);
            }
        }
        Ok(Exit::DONE)
    }
}

fn show(context: &Context, agent: &AgentId, devlog: &str) -> Result<(), Error> {
    if context.format().is_json() {
        return context.print_json(&Document {
            schema: "dreamos.devlog/1",
            agent,
            entries: entries(devlog),
        });
    }
    context.print(&context.shown(devlog))
}

/// Agents write often: people are told nothing.
fn tell(context: &Context, agent: &AgentId, what: &'static str, now: Now) {
    if context.format().is_json() {
        context.report(
            "",
            &Changed {
                schema: "dreamos.noted/1",
                agent,
                what,
                timestamp: now.wall,
            },
        );
    }
}
