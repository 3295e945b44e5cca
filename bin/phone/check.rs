use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::mailbox::Counts;
use dreamos::time::Now;
use serde::Serialize;

use super::desk::open;
use super::document::Document;

/// Ask whether there is mail: exit 0 if there is, 1 if not; says nothing. Fit for a prompt
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone check && cellphone inbox
  PS1='$(cellphone check --count) \\$ '")]
pub(crate) struct Check {
    /// Whose, if not your own
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
    /// Print how many wait
    #[arg(long)]
    count: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    agent: &'a dreamos::names::AgentId,
    #[serde(flatten)]
    counts: Counts,
}

impl Run for Check {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let own = || Ok(desk.caller().agent.clone());
        let agent = self.agent.map_or_else(own, |name| desk.resolve(&name))?;
        let counts = desk.counts(&agent, Now::read())?;
        if context.format().is_json() {
            let body = Body {
                agent: &agent,
                counts,
            };
            context.print_json(&Document {
                schema: "dreamos.counts/1",
                body,
            })?;
        } else if self.count {
            context.print(&format!("{}\n", counts.pending))?;
        }
        Ok(if counts.pending == 0 {
            Exit::NO
        } else {
            Exit::DONE
        })
    }
}
