use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::desk::Pruned;
use dreamos::time::Now;
use serde::Serialize;

use super::phone::desk::open;
use super::phone::document::Document;
use super::phone::open::would_change;

/// Move what is done into the archive and give its space back
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone prune                    # your own mailbox
  cellphone prune agent-3")]
pub(crate) struct Prune {
    /// Whose mailbox, if not your own
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
    /// Say which files would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    agent: &'a dreamos::names::AgentId,
    removed: u64,
    kept: u64,
    bytes_freed: u64,
    files_removed: Vec<std::borrow::Cow<'a, str>>,
}

impl Run for Prune {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let own = || Ok(desk.caller().agent.clone());
        let agent = self.agent.map_or_else(own, |name| desk.resolve(&name))?;
        if self.dry_run {
            return would_change(context, &desk, &[agent]);
        }
        let Pruned {
            removed,
            kept,
            bytes_freed,
            files_removed,
        } = desk.prune(&agent, Now::read())?;
        let line =
            format!("pruned {agent}: {removed} removed, {kept} kept, {bytes_freed} bytes freed");
        let files_removed = files_removed
            .iter()
            .map(|path| path.to_string_lossy())
            .collect();
        let body = Body {
            agent: &agent,
            removed,
            kept,
            bytes_freed,
            files_removed,
        };
        context.report(
            &line,
            &Document {
                schema: "dreamos.pruned/1",
                body,
            },
        );
        Ok(Exit::DONE)
    }
}
