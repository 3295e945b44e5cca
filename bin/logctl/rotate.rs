use std::time::Duration;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::logs::{Rotated, Which};
use dreamos::names::{Channel, Kind};
use dreamos::time::{Now, parse_span};
use serde::Serialize;

use super::desk::open;
use super::options::Channels;

/// Close logs that are due, pack and remove those that are old; programs do it by themselves as they write
///
/// A log that somebody writes to all the time is tried for a while, then named (exit 75); so is what is old and could not be
/// packed in that time.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  logctl rotate                          # what is due
  logctl rotate --all                    # all that hold anything
  logctl rotate tasks --all --dry-run")]
pub(crate) struct Rotate {
    #[command(flatten)]
    channels: Channels,
    /// All that hold anything
    #[arg(long, conflicts_with = "due")]
    all: bool,
    /// Those that have become too large or too old; this is the default
    #[arg(long)]
    due: bool,
    /// How long to try
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "5s")]
    timeout: Duration,
    /// Say what would be done, and do nothing
    #[arg(long = "dry-run")]
    dry_run: bool,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    dry_run: bool,
    #[serde(flatten)]
    rotated: Rotated,
}

impl Run for Rotate {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let desk = if self.dry_run {
            desk.rehearsing()
        } else {
            desk
        };
        let which = if self.all { Which::All } else { Which::Due };
        let rotated = desk.rotate_logs(&self.channels.named(), which, self.timeout, Now::read())?;
        let would = if self.dry_run { "would have " } else { "" };
        let mut lines = Vec::new();
        for (what, names) in [
            ("closed", &rotated.closed),
            ("packed", &rotated.packed),
            ("removed", &rotated.removed),
        ] {
            lines.extend(names.iter().map(|name| format!("{would}{what} {name}")));
        }
        let busy: Vec<&str> = rotated.busy.iter().copied().map(Channel::as_str).collect();
        if !busy.is_empty() {
            let busy = busy.join(", ");
            context.complain(&format!("busy: {busy} (somebody writes there; try again)"));
        }
        let unpacked = rotated.unpacked.join(", ");
        if !unpacked.is_empty() {
            let more = "try again, or give it more --timeout";
            context.complain(&format!("not packed yet: {unpacked} ({more})"));
        }
        let exit = if busy.is_empty() && unpacked.is_empty() {
            Exit::DONE
        } else {
            Exit::of(Kind::Busy)
        };
        if context.format().is_json() || !lines.is_empty() {
            let document = Document {
                schema: "dreamos.logs-rotated/1",
                dry_run: self.dry_run,
                rotated,
            };
            context.report(&lines.join("\n"), &document);
        }
        Ok(exit)
    }
}
