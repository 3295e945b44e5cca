use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::desk::Stops;

use super::desk::open;
use super::report::starts;
use super::who::launching;

/// Start whoever ought to run and does not; cheap enough for cron, each minute
#[derive(clap::Args)]
#[command(
    after_help = "An agent ought to run unless it has `autostart: false` or somebody stopped it; and if its
supervisor or the machine went down while it was wanted.

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
        let started = open(context)?.up(stops, &launching(Vec::new()))?;
        Ok(starts(context, started))
    }
}
