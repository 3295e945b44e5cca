use dreamos::cli::{Context, Error, Exit, Failure, Run, confirm};
use dreamos::desk::TakenAway;
use dreamos::memory::{Telling, forget};
use dreamos::time::Now;
use serde::Serialize;

use super::desk::open;
use super::options::{Wanted, asked};
use super::progress::Pace;

/// Forget memories for good: they are removed from disk and never come back, also if their source is read again
///
/// Name them, or say what they are; nothing is forgotten without one of both. The index is made anew.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe forget e-abc123
  dreamscribe forget --agent agent-9 --until 2026-01-01 --dry-run
  dreamscribe forget --task t12 --yes")]
pub(crate) struct Forget {
    /// The memories
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    #[command(flatten)]
    wanted: Wanted,
    /// Say what would be forgotten, and forget nothing
    #[arg(long = "dry-run")]
    dry_run: bool,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    dry_run: bool,
    forgotten: usize,
    ids: Vec<String>,
}

impl Run for Forget {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let filter = self.wanted.filter(context)?;
        if self.ids.is_empty() && filter == dreamos::memory::Filter::default() {
            return Err(Error::advice(
                "nothing says what to forget",
                "name memories, or use --agent, --type, --task, --thread, --since or --until",
            )
            .into());
        }
        let ids = asked(context, |memory| memory.named(&self.ids, &filter))?.unwrap_or_default();
        let question = format!("forget {} memories for good?", ids.len());
        let is_said = self.dry_run || !self.ids.is_empty() || ids.is_empty();
        if !is_said && !confirm(context, &question)? {
            return Ok(Exit::NO);
        }
        if !self.dry_run && !ids.is_empty() {
            let home = context.home()?;
            let by = context.speaker();
            let desk = open(context)?;
            desk.may_take_memories_away()?;
            let now = Now::read();
            let pace = Pace::of(context, "forgetting");
            let telling = Telling {
                warn: &context.warner(),
                progress: &|it| pace.say(it),
            };
            let forgotten = forget(&home, &ids, &by, now.wall, &telling)?;
            desk.tell_taken_away(TakenAway::Forgotten(forgotten), now);
        }
        let would = if self.dry_run {
            "would forget"
        } else {
            "forgot"
        };
        let line = format!("{would} {}", ids.len());
        let exit = if ids.is_empty() { Exit::NO } else { Exit::DONE };
        let document = Document {
            schema: "dreamos.memory-forgotten/1",
            dry_run: self.dry_run,
            forgotten: ids.len(),
            ids,
        };
        context.report(&line, &document);
        Ok(exit)
    }
}
