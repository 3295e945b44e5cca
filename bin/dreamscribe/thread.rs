use dreamos::cli::{Context, Exit, Failure, Run};

use super::options::of;
use super::output::told;

/// All memories of one thread, in the order of their time
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe thread e-abc123            # any memory of it names it
  dreamscribe thread e-abc123 --why      # and why each is in it")]
pub(crate) struct Thread {
    /// Any memory of it
    #[arg(value_name = "ID")]
    id: String,
    /// Each link, its reason and how sure it is
    #[arg(long)]
    why: bool,
}

impl Run for Thread {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let all = of(context, &self.id, |memory| memory.thread(&self.id))?;
        told(context, &all, self.why)?;
        Ok(Exit::DONE)
    }
}
