use std::time::Duration;

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::time::parse_span;

use super::anyway::open_anyway;
use super::report::stops;

/// Stop everybody, those first that come after others
#[derive(clap::Args)]
pub(crate) struct Down {
    /// Kill what has not ended by then, whatever is configured
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    grace: Option<Duration>,
}

impl Run for Down {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let stopped = open_anyway(context)?.down(self.grace)?;
        let stopped = stopped.into_iter().filter(|(_, stopped)| {
            // Whoever did not run is not worth a line.
            !matches!(stopped, Ok(it) if it.was_over)
        });
        Ok(stops(context, stopped.collect()))
    }
}
