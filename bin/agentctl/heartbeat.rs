use dreamos::agents::health::Activity;
use dreamos::cli::{Context, Exit, Failure, Run};

use super::desk::open;

/// Say that you live; called by agents, as often as their `heartbeat` promises
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl heartbeat
  while sleep 30; do agentctl heartbeat; done &")]
pub(crate) struct Heartbeat {}

impl Run for Heartbeat {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        open(context)?.beat(None, None)?;
        Ok(Exit::DONE)
    }
}

/// Say what you do; called by agents
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl activity \"epoch 5/100\"
  agentctl activity \"may I delete the branch?\" --needs-input
  agentctl activity --idle")]
pub(crate) struct Activities {
    /// In your own words
    #[arg(value_name = "TEXT", required_unless_present_any = ["idle", "needs_input"])]
    text: Option<String>,
    /// You wait for work
    #[arg(long)]
    idle: bool,
    /// You wait for a person
    #[arg(long, conflicts_with = "idle")]
    needs_input: bool,
}

impl Run for Activities {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let activity = match (self.idle, self.needs_input) {
            (true, _) => Activity::Idle,
            (_, true) => Activity::NeedsInput,
            (false, false) => Activity::Working,
        };
        let text = self.text.unwrap_or_default();
        open(context)?.beat(Some(activity), Some(&text))?;
        Ok(Exit::DONE)
    }
}
