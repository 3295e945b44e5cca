use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::desk::Stops;
use dreamos::time::Now;

use super::desk::open;
use super::report::starts;
use super::who::launching;

/// Start whoever ought to run and does not; cheap enough for cron, each minute
#[derive(clap::Args)]
#[command(
    after_help = "An agent ought to run unless it has `autostart: false` or somebody stopped it; and if its
supervisor or the machine went down while it was wanted. Whoever has been idle for its
`fallback_if_idle_minutes` is told to go on.

EXAMPLES
  agentctl up
  * * * * * DREAMOS_HOME=/srv/swarm agentctl up -q     # in a crontab, as the last net"
)]
pub(crate) struct Up {
    /// Those too who were stopped by hand
    #[arg(long)]
    all: bool,
}

impl Run for Up {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let stops = if self.all {
            Stops::Forgiven
        } else {
            Stops::Kept
        };
        let desk = open(context)?;
        let started = desk.up(stops, &launching())?;
        for (id, told) in desk.resume_the_idle(Now::read())? {
            match told {
                Ok(sent) => context.note(&format!("{id} was idle: {}", sent.at)),
                Err(error) => context.warn(&format!("{id} is idle, and was not told: {error}")),
            }
        }
        Ok(starts(context, started))
    }
}
