use dreamos::cli::{Context, Exit, Failure, Interrupt, Run};
use dreamos::time::{Now, Timestamp, parse_span, parse_time};

use super::desk::open;

/// What an agent printed, a time before each line
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl logs agent-3
  agentctl logs agent-3 -f
  agentctl logs agent-3 --since 10m -n 1000")]
pub(crate) struct Logs {
    /// Whose
    #[arg(value_name = "AGENT")]
    agent: String,
    /// Go on as it prints more, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
    /// So many lines at most
    #[arg(short = 'n', long, value_name = "LINES", default_value_t = 40)]
    lines: usize,
    /// Only what was printed since (10m ago, 18:30, 2026-11-22T12:00:00Z)
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
}

/// A span is so long ago.
fn moment(text: &str) -> Result<Timestamp, String> {
    let now = Now::read().wall;
    parse_span(text)
        .map(|span| now.minus(span))
        .or_else(|_| parse_time(text, now))
        .map_err(|bad| bad.to_string())
}

impl Run for Logs {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let id = desk.resolve(&self.agent)?;
        // Before anything is shown: from then on Ctrl-C ends it in order.
        let interrupt = self.follow.then(Interrupt::install).transpose()?;
        let (mut tail, lines) = desk.output(&id, self.lines, self.since)?;
        show(context, &lines)?;
        let Some(interrupt) = interrupt else {
            return Ok(Exit::DONE);
        };
        while !interrupt.came() && !context.nobody_listens() {
            let mut lines = Vec::new();
            tail.go_on(&mut |line| lines.push(line))
                .map_err(dreamos::desk::Error::from)?;
            show(context, &lines)?;
            if lines.is_empty() {
                tail.wait();
            }
        }
        Ok(interrupt.exit().unwrap_or(Exit::DONE))
    }
}

fn show(context: &Context, lines: &[String]) -> Result<(), Failure> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut text = String::new();
    for line in lines {
        if context.format().is_json() {
            let (time, rest) = line.split_once(' ').unwrap_or(("", line));
            let line = serde_json::json!({"schema": "dreamos.output/1", "ts": time, "text": rest});
            text.push_str(&line.to_string());
        } else {
            text.push_str(&context.shown(line));
        }
        text.push('\n');
    }
    Ok(context.print(&text)?)
}
