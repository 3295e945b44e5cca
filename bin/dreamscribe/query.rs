use dreamos::cli::{Context, Error, Exit, Failure, Run, whole_text};
use dreamos::memory::Memory;
use serde::{Deserialize, Serialize};

use super::options::{Wanted, asked};
use super::output;

const LARGEST_BATCH: usize = 256 << 20;

/// Memories that speak of something, the best first
///
/// Words are taken by their stems; an id finds its memory. Those that say nearly the same are one line; what has a later
/// version says so. Mail is told to whoever may read it alone, as by every verb here that shows memories. Exit 1 where there
/// is none.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe query 'why did the deploy fail'
  dreamscribe query timeout --agent agent-3 --since 7d --type event
  dreamscribe query 'lock held' --task t12 --json | jq -r '.hits[].fragment.memory_id'
  dreamscribe query --batch queries.jsonl --limit 20 --json    # {\"qid\":\"q1\",\"text\":\"…\"} a line")]
pub(crate) struct Search {
    /// What to look for
    #[arg(value_name = "TEXT", required_unless_present = "batch", num_args = 1..)]
    text: Vec<String>,
    #[command(flatten)]
    wanted: Wanted,
    /// So many at most
    #[arg(short = 'n', long, value_name = "N", default_value = "10")]
    limit: usize,
    /// Many queries, one a line, as {"qid": …, "text": …}; each is answered on a line with ids; - is stdin
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    batch: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    qid: serde_json::Value,
    text: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    qid: &'a serde_json::Value,
    results: Vec<String>,
}

/// One a line.
fn queries(text: &str) -> Result<Vec<Asked>, Error> {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let query = |(n, line)| {
        serde_json::from_str(line)
            .map_err(|error| Error::usage(format!("line {} of the batch: {error}", n + 1)))
    };
    lines.map(query).collect()
}

impl Run for Search {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let filter = self.wanted.filter(context)?;
        if let Some(batch) = &self.batch {
            let queries = queries(&whole_text(batch, LARGEST_BATCH)?)?;
            let ids = |memory: &Memory<'_>| {
                let each = queries.iter();
                each.map(|it| memory.query_ids(&it.text, &filter, self.limit))
                    .collect()
            };
            let nothing = || vec![Vec::new(); queries.len()];
            let results: Vec<Vec<String>> = asked(context, ids)?.unwrap_or_else(nothing);
            let mut text = String::new();
            for (query, results) in queries.iter().zip(results) {
                let qid = &query.qid;
                let answer = serde_json::to_string(&Answer { qid, results });
                text += &answer.expect("every key is text");
                text.push('\n');
            }
            context.print(&text)?;
            return Ok(Exit::DONE);
        }
        let text = self.text.join(" ");
        let hits = asked(context, |memory| memory.query(&text, &filter, self.limit))?;
        let hits = hits.unwrap_or_default();
        output::hits(context, &hits)?;
        Ok(if hits.is_empty() {
            Exit::NO
        } else {
            Exit::DONE
        })
    }
}
