use std::time::Duration;

use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::tasks::{Stats as Counted, stats};
use dreamos::time::Now;
use serde::Serialize;

use super::desk::open;
use super::item::{archived, live};

/// How many tasks there are of each kind, and how long the completed ones took
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl stats
  taskctl stats --json | jq .standing.ready")]
pub(crate) struct Stats {}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    #[serde(flatten)]
    stats: Counted,
}

impl Run for Stats {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let now = Now::read();
        let sheets = desk.sheets(now)?;
        let board = sheets.board()?;
        let archived = archived(&board)?;
        let records = archived.iter().map(|it| &it.record);
        let stats = stats(&live(&board, &desk.dead(&board)), records, now.wall);
        if context.format().is_json() {
            let schema = "dreamos.task-stats/1";
            context.print_json(&Document { schema, stats })?;
        } else {
            context.print_table(&table(&stats))?;
        }
        Ok(Exit::DONE)
    }
}

fn table(stats: &Counted) -> Table {
    let mut table = Table::new(&["WHAT", "WHICH", "N"]);
    let mut row = |what: &str, which: &str, n: String| {
        table.row(vec![what.to_owned(), which.to_owned(), n]);
    };
    for (what, counts) in [
        ("status", &stats.status),
        ("standing", &stats.standing),
        ("priority", &stats.priority),
        ("agent", &stats.agents),
    ] {
        for (which, n) in counts {
            row(what, which, n.to_string());
        }
    }
    row("overdue", "-", stats.overdue.to_string());
    if let Some(took) = stats.took {
        for (which, ms) in [
            ("p50", took.p50_ms),
            ("p95", took.p95_ms),
            ("longest", took.longest_ms),
        ] {
            row("took", which, format!("{:?}", Duration::from_millis(ms)));
        }
    }
    table
}
