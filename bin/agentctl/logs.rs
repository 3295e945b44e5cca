use std::borrow::Cow;

use dreamos::agents::{Follow, Printed, dated};
use dreamos::cli::{Context, Exit, Failure, Interrupt, Run, moment};
use dreamos::time::Timestamp;
use serde_json::json;

use super::anyway::open_anyway;

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

impl Run for Logs {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open_anyway(context)?;
        let id = desk.resolve_started(&self.agent)?;
        // Before anything is shown: from then on Ctrl-C ends it in order.
        let interrupt = self.follow.then(Interrupt::install).transpose()?;
        let follow = if self.follow { Follow::Yes } else { Follow::No };
        let (mut tail, printed) = desk.output(&id, self.lines, self.since, follow)?;
        show(context, &printed)?;
        let Some(interrupt) = interrupt else {
            return Ok(Exit::DONE);
        };
        while !interrupt.came() && !context.nobody_listens() {
            let mut printed = Vec::new();
            let is_more = tail
                .go_on(&mut |it| printed.push(it))
                .map_err(dreamos::desk::Error::from)?;
            show(context, &printed)?;
            if printed.is_empty() && !is_more {
                tail.wait();
            }
        }
        Ok(interrupt.exit().unwrap_or(Exit::DONE))
    }
}

/// Lines, and between them that some may be missing.
fn show(context: &Context, printed: &[Printed]) -> Result<(), Failure> {
    let mut text = String::new();
    for it in printed {
        match it {
            Printed::Line(line) => {
                text.push_str(&shown(context, line));
                text.push('\n');
            }
            Printed::Gap => {
                context.print(&std::mem::take(&mut text))?;
                context.warn("lines may be missing here: their file was gone before it was read");
            }
        }
    }
    Ok(context.print(&text)?)
}

fn shown<'l>(context: &Context, line: &'l str) -> Cow<'l, str> {
    if !context.format().is_json() {
        return context.shown(line);
    }
    let (timestamp, text) = dated(line);
    let schema = "dreamos.output/1";
    json!({"schema": schema, "timestamp": timestamp, "text": text})
        .to_string()
        .into()
}
