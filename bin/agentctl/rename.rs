use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::names::AgentId;
use dreamos::time::Now;
use serde::Serialize;

use super::desk::open;
use super::dry_run::would;

/// Give a stopped agent another name, with its mail, state, devlog, tasks and keys; the old name stays an alias
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl rename agent-3 reviewer       # mail for agent-3 still arrives, as reviewer/42
  agentctl rename agent-3 reviewer       # said again after a kill it goes on")]
pub(crate) struct Rename {
    /// Who
    #[arg(value_name = "OLD")]
    old: String,
    /// a-z, 0-9, '.', '_', '-'; nobody may answer to it yet
    #[arg(value_name = "NEW")]
    new: String,
    /// Say what would get which name, and rename nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    agent: &'a AgentId,
    from: &'a AgentId,
    repeated: bool,
}

impl Run for Rename {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let new = AgentId::parse(&self.new).map_err(|bad| Error::usage(bad.to_string()))?;
        if self.dry_run {
            return would(context, &desk.would_rename(&self.old, &new)?);
        }
        let renamed = desk.rename(&self.old, &new, Now::read())?;
        let (agent, from) = (&renamed.agent, &renamed.from);
        let already = if renamed.repeated { "already " } else { "" };
        context.report(
            &format!("{already}renamed {from} to {agent}; mail for {from} still arrives"),
            &Document {
                schema: "dreamos.renamed/1",
                agent,
                from,
                repeated: renamed.repeated,
            },
        );
        Ok(Exit::DONE)
    }
}
