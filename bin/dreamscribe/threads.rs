use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::time::Timestamp;
use serde::Serialize;

use super::options::{Wanted, asked};

/// Threads of more than one memory, in the order of their beginnings
///
/// Memories of one task, of one thread of mail, or that otherwise belong together; `thread ID --why` tells why.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe threads --since yesterday
  dreamscribe threads --agent agent-3 -n 5
  dreamscribe threads --json | jq -r '.threads[] | [.thread_id, (.memories | length)] | @tsv'")]
pub(crate) struct Threads {
    #[command(flatten)]
    wanted: Wanted,
    /// The newest N of them
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    threads: Vec<One>,
}

#[derive(Serialize)]
struct One {
    thread_id: String,
    from: Timestamp,
    to: Timestamp,
    memories: Vec<String>,
}

impl Run for Threads {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let filter = self.wanted.filter(context)?;
        let mut all = asked(context, |memory| memory.threads(&filter))?.unwrap_or_default();
        if let Some(limit) = self.limit {
            let first = all.len().saturating_sub(limit);
            all.drain(..first);
        }
        let exit = if all.is_empty() { Exit::NO } else { Exit::DONE };
        if context.format().is_json() {
            let one = |it: dreamos::memory::Thread| One {
                thread_id: it.id,
                from: it.from,
                to: it.to,
                memories: it.members,
            };
            context.print_json(&Document {
                schema: "dreamos.memory-threads/1",
                threads: all.into_iter().map(one).collect(),
            })?;
            return Ok(exit);
        }
        let mut table = Table::new(&["FROM", "TO", "MEMORIES", "THREAD"]);
        for it in all {
            table.row(vec![
                it.from.to_string(),
                it.to.to_string(),
                it.members.len().to_string(),
                it.id,
            ]);
        }
        context.print_table(&table)?;
        Ok(exit)
    }
}
