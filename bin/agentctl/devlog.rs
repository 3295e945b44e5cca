use clap::Subcommand;
use dreamos::cli::{Context, Exit, Failure, Run, body};
use dreamos::time::Now;

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

impl Run for Devlog {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let id = desk.resolve(&self.agent)?;
        match self.what {
            None => context.print(&context.shown(&desk.devlog(&id)?))?,
            Some(What::Add { text }) => {
                let text = body(context, text.as_deref())?;
                desk.add_to_devlog(&id, &text, Now::read())?;
            }
            Some(What::Clear) => desk.clear_devlog(&id, Now::read())?,
        }
        Ok(Exit::DONE)
    }
}
