use dreamos::cli::{Context, Exit, Failure, Run};

use super::options::asked;
use super::output::told;

/// What is remembered of one task: all that names it, and what is linked to that
///
/// Exit 1 where there is nothing.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe task t12
  dreamscribe task t12 --json | jq -r '.fragments[].content'")]
pub(crate) struct Task {
    /// The task
    #[arg(value_name = "TASK")]
    id: String,
    /// Each link, its reason and how sure it is
    #[arg(long)]
    why: bool,
}

impl Run for Task {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let all = asked(context, |memory| memory.task(&self.id))?.unwrap_or_default();
        told(context, &all, self.why)?;
        Ok(if all.is_empty() { Exit::NO } else { Exit::DONE })
    }
}
