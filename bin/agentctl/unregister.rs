use dreamos::cli::{Context, Exit, Failure, Run, confirm};
use dreamos::desk::{Desk, Waiting};
use dreamos::names::AgentId;
use dreamos::time::Now;
use serde::Serialize;

use super::desk::open;
use super::dry_run::would;

/// Take a stopped agent out of config/agents.yaml; what it has stays, unless it is purged
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl unregister agent-3
  agentctl unregister agent-3 --purge            # its mailbox, state, devlog and tasks too
  agentctl unregister agent-3 --purge --yes      # also if mail waits for it")]
pub(crate) struct Unregister {
    /// Who
    #[arg(value_name = "AGENT")]
    agent: String,
    /// Remove all that it has: mailbox, archive and attachments, state and output, devlog, tasks, private keys
    #[arg(long)]
    purge: bool,
    /// Say what would be changed or removed, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    agent: &'a AgentId,
    purged: bool,
    /// How many messages waited in what was purged; `null`: they could not be read.
    waited: Option<u64>,
}

impl Run for Unregister {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        if self.purge {
            return self.purge(context, &desk);
        }
        let id = desk.resolve(&self.agent)?;
        if self.dry_run {
            return would(context, &desk.would_unregister(&id)?);
        }
        desk.unregister(&id)?;
        let mail = desk.home().mailbox(&id);
        context.report(
            &format!("unregistered {id}; its mail stays in {}", mail.display()),
            &Document {
                schema: "dreamos.unregistered/1",
                agent: &id,
                purged: false,
                waited: None,
            },
        );
        Ok(Exit::DONE)
    }
}

impl Unregister {
    fn purge(&self, context: &Context, desk: &Desk) -> Result<Exit, Failure> {
        let now = Now::read();
        let id = desk.whom_to_purge(&self.agent)?;
        if self.dry_run {
            return would(context, &desk.would_purge(&id, now)?);
        }
        let waits = desk.may_purge(&id, now)?;
        let waiting = match question(&id, waits) {
            None => Waiting::Kept,
            Some(question) if confirm(context, &question)? => Waiting::Removed,
            Some(_) => return Ok(Exit::NO),
        };
        let purged = desk.purge(&id, waiting, now)?;
        let waited = match purged.waited {
            Some(1..) | None => "; what waited for it is gone",
            Some(0) => "",
        };
        context.report(
            &format!("unregistered {id} and removed all that it had{waited}"),
            &Document {
                schema: "dreamos.unregistered/1",
                agent: &id,
                purged: true,
                waited: purged.waited,
            },
        );
        Ok(Exit::DONE)
    }
}

/// What a person must say yes to.
fn question(id: &AgentId, waits: Option<u64>) -> Option<String> {
    match waits {
        Some(0) => None,
        Some(1) => Some(format!("1 message waits for {id}: remove it too?")),
        Some(n) => Some(format!("{n} messages wait for {id}: remove them too?")),
        None => Some(format!("The mail of {id} can't be read: remove it too?")),
    }
}
