use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::logs::{Depth, Limits, Survey, limits, survey};
use dreamos::names::Channel;
use dreamos::time::in_units;
use serde::Serialize;

/// What there is of each channel, how much it may become, and what says so
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  logctl stats
  logctl stats --lines                   # reads them all
  logctl stats --json | jq .used")]
pub(crate) struct Stats {
    /// How many lines there are, and how many of them are no events
    #[arg(long)]
    lines: bool,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    channels: Vec<Survey>,
    /// Bytes, as they lie on the disk.
    used: u64,
    limits: Limits,
    /// `null`: nobody has set any.
    limits_from: Option<String>,
}

impl Run for Stats {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        let depth = if self.lines {
            Depth::Lines
        } else {
            Depth::Files
        };
        let told = |error| Failure::from(dreamos::desk::Error::from(error));
        let path = home.logs_json();
        // Those that cannot be read are as if they were not there: writers think so too.
        let (limits, limits_from) = match limits(&home) {
            Ok(limits) => (limits, path.exists().then(|| path.display().to_string())),
            Err(error) => {
                context.warn(&error.to_string());
                (Limits::default(), None)
            }
        };
        let channels = survey(&home, &Channel::ALL, depth).map_err(told)?;
        let document = Document {
            schema: "dreamos.log-stats/1",
            used: channels.iter().map(|it| it.bytes).sum(),
            channels,
            limits,
            limits_from,
        };
        if context.format().is_json() {
            context.print_json(&document)?;
        } else {
            context.print_table(&table(&document))?;
            context.note(&said(&document));
        }
        Ok(Exit::DONE)
    }
}

fn table(document: &Document) -> Table {
    let head = [
        "CHANNEL", "FILES", "PACKED", "BYTES", "LINES", "FOREIGN", "OLDEST", "NEWEST",
    ];
    let mut table = Table::new(&head);
    for it in &document.channels {
        let some = |n: Option<u64>| n.map_or("-".into(), |n| n.to_string());
        let time =
            |at: Option<dreamos::time::Timestamp>| at.map_or("-".into(), |at| at.to_string());
        table.row(vec![
            it.channel.as_str().to_owned(),
            it.files.to_string(),
            it.packed.to_string(),
            it.bytes.to_string(),
            some(it.lines),
            some(it.foreign),
            time(it.oldest),
            time(it.newest),
        ]);
    }
    table
}

fn said(document: &Document) -> String {
    let (used, limits) = (document.used, &document.limits);
    let from = document.limits_from.as_deref().unwrap_or("by default");
    format!(
        "{used} of {} bytes; closed at {} bytes{}, packed after {}, kept for {} and {} a channel ({from})",
        limits.max_total,
        limits.max_size,
        if limits.daily { " or a new day" } else { "" },
        in_units(limits.compress_after),
        in_units(limits.max_age),
        limits.max_files,
    )
}
