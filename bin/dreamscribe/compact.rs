use std::time::Duration;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::desk::TakenAway;
use dreamos::memory::{Telling, compact};
use dreamos::time::{Now, parse_span};
use serde::Serialize;

use super::desk::open;
use super::progress::Pace;

/// Fold old memories of little weight into summaries, which keep their ids
///
/// Those of one thread, or of one agent, day and template, become one; nothing that others refer to is folded. `show`
/// finds the summary by each id.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe compact --dry-run
  dreamscribe compact --older 90d")]
pub(crate) struct Compact {
    /// Of at least this age
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "30d")]
    older: Duration,
    /// Say what would be folded, and do nothing
    #[arg(long = "dry-run")]
    dry_run: bool,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    dry_run: bool,
    folded: u64,
    summaries: u64,
}

impl Run for Compact {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        let desk = open(context)?;
        if !self.dry_run {
            desk.may_take_memories_away()?;
        }
        let now = Now::read();
        let mode = self.dry_run.into();
        let pace = Pace::of(context, "folding");
        let telling = Telling {
            warn: &context.warner(),
            progress: &|it| pace.say(it),
        };
        let done = compact(&home, self.older, mode, now.wall, &telling)?;
        if !self.dry_run && done.folded > 0 {
            desk.tell_taken_away(
                TakenAway::Folded {
                    memories: done.folded,
                    summaries: done.summaries,
                },
                now,
            );
        }
        let would = if self.dry_run { "would fold" } else { "folded" };
        let line = format!(
            "{would} {} memories; summaries: {}",
            done.folded, done.summaries
        );
        let document = Document {
            schema: "dreamos.memory-compacted/1",
            dry_run: self.dry_run,
            folded: done.folded,
            summaries: done.summaries,
        };
        context.report(&line, &document);
        Ok(Exit::DONE)
    }
}
