use dreamos::cli::{Context, Exit, Failure, Run, Table, in_one_line};
use dreamos::memory::tell::Finding;
use dreamos::time::Now;
use serde::Serialize;

use super::options::{Wanted, asked};

/// What stands out: bursts, errors never seen before, threads that stall or were abandoned, hand-overs, failures that
/// come again
///
/// Exit 1 where nothing does.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe insights --since 7d
  dreamscribe insights --agent agent-3 --json | jq -r '.findings[].what'")]
pub(crate) struct Insights {
    #[command(flatten)]
    wanted: Wanted,
    /// In the last N memories
    #[arg(short = 'n', long, value_name = "N", default_value = "1000000")]
    limit: usize,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    findings: Vec<Finding>,
}

impl Run for Insights {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let filter = self.wanted.filter(context)?;
        let findings = asked(context, |memory| {
            memory.insights(&filter, self.limit, Now::read().wall)
        })?
        .unwrap_or_default();
        let exit = if findings.is_empty() {
            Exit::NO
        } else {
            Exit::DONE
        };
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.memory-insights/1",
                findings,
            })?;
            return Ok(exit);
        }
        let mut table = Table::new(&["KIND", "FROM", "TO", "WHAT"]);
        for it in findings {
            let kind = serde_json::to_value(it.kind).unwrap_or_default();
            table.row(vec![
                kind.as_str().unwrap_or_default().to_owned(),
                it.at.to_string(),
                it.last.to_string(),
                in_one_line(&it.what, 160),
            ]);
        }
        context.print_table(&table)?;
        Ok(exit)
    }
}
