use dreamos::cli::{Context, Exit, Failure, Format, Run, Table, in_one_line};
use dreamos::desk;
use dreamos::logs::{Counts, Make, Merged};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::document;
use super::options::{Channels, Wanted};
use super::output::Output;

/// Of the value of a field in a table.
const LONGEST_CELL: usize = 80;

/// All lines that are asked for, the oldest first, or how many there are of each kind
///
/// Exit 1 where there is none.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  logctl query --agent agent-3 --since yesterday
  logctl query tasks --event task.failed --json
  logctl query --grep 'timed out' --count
  logctl query --since 24h --by level,event")]
pub(crate) struct Query {
    #[command(flatten)]
    channels: Channels,
    #[command(flatten)]
    wanted: Wanted,
    /// The newest N of them
    #[arg(short = 'n', long = "lines", value_name = "N")]
    most: Option<usize>,
    /// Only how many there are
    #[arg(long)]
    count: bool,
    /// How many there are of each value of these fields: level, channel, event, agent, who, task or any other
    #[arg(
        long,
        value_name = "FIELD",
        value_delimiter = ',',
        value_parser = field,
        conflicts_with = "count"
    )]
    by: Vec<String>,
}

fn field(name: &str) -> Result<String, &'static str> {
    match name {
        "" => Err("name a field: level, channel, event, agent, who, task or any other"),
        _ => Ok(name.to_owned()),
    }
}

#[derive(Default, Serialize)]
struct Document {
    schema: &'static str,
    /// Lines that were asked for.
    count: u64,
    /// Of these, what is no event.
    foreign: u64,
    /// Logs that could not be unpacked to their end, or were removed before they were read.
    unread: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<Box<RawValue>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counts: Option<Vec<Count>>,
}

#[derive(Serialize)]
struct Count {
    of: Map<String, Value>,
    n: u64,
}

impl Run for Query {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        let (channels, filter) = (self.channels.named(), self.wanted.filter(context)?);
        let lines = match self.most {
            None => Merged::all(&home, &channels, filter),
            Some(n) => Merged::last(&home, &channels, filter, n),
        };
        let mut lines = lines.map_err(desk::Error::from)?;
        let is_document = context.format() == Format::Json;
        let count = if self.count || !self.by.is_empty() {
            counted(context, &mut lines, self.by)?
        } else if is_document {
            listed(context, &mut lines)?
        } else {
            Output::new(context).drain(&mut lines, || false)?
        };
        Ok(if count > 0 { Exit::DONE } else { Exit::NO })
    }
}

fn unread(context: &Context, lines: &mut Merged) -> u64 {
    let unread = lines.take_unread();
    for why in &unread {
        context.warn(why);
    }
    unread.len() as u64 + lines.lost()
}

fn listed(context: &Context, lines: &mut Merged) -> Result<u64, Failure> {
    let mut document = Document {
        schema: "dreamos.log-query/1",
        ..Document::default()
    };
    let mut all = Vec::new();
    while let Some(line) = lines.next().map_err(desk::Error::from)? {
        document.count += 1;
        document.foreign += u64::from(line.make != Make::Event);
        all.extend(document::raw(&line));
    }
    document.lines = Some(all);
    document.unread = unread(context, lines);
    context.print_json(&document)?;
    Ok(document.count)
}

fn counted(context: &Context, lines: &mut Merged, by: Vec<String>) -> Result<u64, Failure> {
    let mut document = Document {
        schema: "dreamos.log-query/1",
        ..Document::default()
    };
    let names = by.clone();
    let mut counts = Counts::by(by);
    while let Some(line) = lines.next().map_err(desk::Error::from)? {
        document.count += 1;
        document.foreign += u64::from(line.make != Make::Event);
        counts.add(&line);
    }
    document.unread = unread(context, lines);
    let rows = counts.sorted();
    if context.format().is_json() {
        let row = |(values, n): (Vec<Option<String>>, u64)| Count {
            of: names
                .iter()
                .cloned()
                .zip(values.into_iter().map(Value::from))
                .collect(),
            n,
        };
        document.counts = (!names.is_empty()).then(|| rows.into_iter().map(row).collect());
        context.print_json(&document)?;
    } else if names.is_empty() {
        context.print(&format!("{}\n", document.count))?;
    } else {
        context.print_table(&table(&names, rows))?;
    }
    Ok(document.count)
}

fn table(names: &[String], rows: Vec<(Vec<Option<String>>, u64)>) -> Table {
    let head: Vec<String> = names
        .iter()
        .map(|name| in_one_line(&name.to_uppercase(), LONGEST_CELL))
        .collect();
    let mut table = Table::titled([vec!["N".to_owned()], head].concat());
    for (values, n) in rows {
        let values = values.into_iter();
        let cells = values.map(|it| it.map_or("-".into(), |it| in_one_line(&it, LONGEST_CELL)));
        table.row([n.to_string()].into_iter().chain(cells).collect());
    }
    table
}
