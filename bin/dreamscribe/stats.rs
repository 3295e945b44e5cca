use std::fmt::Write as _;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::memory::Stats as Known;
use serde::Serialize;

use super::options::asked;

/// How much is remembered, of what and by whom, and how much room it takes
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe stats
  dreamscribe stats --json | jq .types")]
pub(crate) struct Stats {}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    #[serde(flatten)]
    known: Known,
}

impl Run for Stats {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        #[expect(
            clippy::redundant_closure_for_method_calls,
            reason = "the method is of one lifetime, and asked for of any"
        )]
        let known = asked(context, |memory| memory.stats())?.unwrap_or_default();
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.memory-stats/1",
                known,
            })?;
            return Ok(Exit::DONE);
        }
        let mut text = format!(
            "memories   {}\nthreads    {}\ntemplates  {}\ndays       {}\nfragments  {} bytes\nindex      {} bytes\n",
            known.memories,
            known.threads,
            known.templates,
            known.days,
            known.fragment_bytes,
            known.index_bytes
        );
        if let (Some(oldest), Some(newest)) = (known.oldest, known.newest) {
            writeln!(text, "from       {oldest}\nto         {newest}").expect("a string grows");
        }
        for (what, counts) in [("type", &known.types), ("agent", &known.agents)] {
            for (name, n) in counts {
                writeln!(text, "{what:<10} {n} {name}").expect("a string grows");
            }
        }
        context.print(&context.shown(&text))?;
        Ok(Exit::DONE)
    }
}
