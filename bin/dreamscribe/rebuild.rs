use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::memory::{Telling, rebuild};
use dreamos::time::Now;
use serde::Serialize;

use super::progress::Pace;

/// Make the index, the threads and the insights anew of the fragments
///
/// What is derived may be deleted at any time; this brings it back. Fragments are not changed.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe rebuild")]
pub(crate) struct Rebuild {}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    memories: u32,
}

impl Run for Rebuild {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        let pace = Pace::of(context, "indexing");
        let telling = Telling {
            warn: &context.warner(),
            progress: &|it| pace.say(it),
        };
        let memories = rebuild(&home, Now::read().wall, &telling)?;
        let document = Document {
            schema: "dreamos.memory-rebuilt/1",
            memories,
        };
        context.report(&format!("indexed {memories} memories"), &document);
        Ok(Exit::DONE)
    }
}
