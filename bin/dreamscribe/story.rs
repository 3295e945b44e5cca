use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::memory::tell::{Chapter, markdown};
use serde::Serialize;

use super::options::{Wanted, asked};

/// What happened, as a text: days, threads, who did what and how it ended
///
/// Every sentence is of memories, which it names. Exit 1 where nothing happened.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe story --since yesterday
  dreamscribe story --task t12 > t12.md
  dreamscribe story --agent agent-3 --json | jq '.chapters[].title'")]
pub(crate) struct Story {
    #[command(flatten)]
    wanted: Wanted,
    /// Of the last N memories
    #[arg(short = 'n', long, value_name = "N", default_value = "1000")]
    limit: usize,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    chapters: Vec<Chapter>,
}

impl Run for Story {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let filter = self.wanted.filter(context)?;
        let chapters =
            asked(context, |memory| memory.story(&filter, self.limit))?.unwrap_or_default();
        let exit = if chapters.is_empty() {
            Exit::NO
        } else {
            Exit::DONE
        };
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.memory-story/1",
                chapters,
            })?;
        } else {
            context.print(&context.shown(&markdown(&chapters)))?;
        }
        Ok(exit)
    }
}
