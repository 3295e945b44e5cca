use dreamos::cli::{Context, Exit, Failure, Run};

use super::options::{Wanted, asked};
use super::output;

/// The last memories, the newest first
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe recent
  dreamscribe recent --agent agent-3 -n 20
  dreamscribe recent --type message --since 1h --json")]
pub(crate) struct Recent {
    #[command(flatten)]
    wanted: Wanted,
    /// So many at most
    #[arg(short = 'n', long, value_name = "N", default_value = "5")]
    limit: usize,
}

impl Run for Recent {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let filter = self.wanted.filter(context)?;
        let all = asked(context, |memory| memory.recent(&filter, self.limit))?.unwrap_or_default();
        output::fragments(context, &all)?;
        Ok(if all.is_empty() { Exit::NO } else { Exit::DONE })
    }
}

/// Memories that say the same as one, the most alike first
///
/// A likeness of 1 is the same text. Exit 1 where there is none.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe similar e-abc123
  dreamscribe similar e-abc123 --at-least 0.5 --json")]
pub(crate) struct Similar {
    /// The memory
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    wanted: Wanted,
    /// So many at most
    #[arg(short = 'n', long, value_name = "N", default_value = "10")]
    limit: usize,
    /// Of this likeness, 0 to 1
    #[arg(long = "at-least", value_name = "LIKENESS", default_value = "0.2", value_parser = likeness)]
    at_least: f64,
}

fn likeness(text: &str) -> Result<f64, &'static str> {
    let number = text.parse::<f64>().ok();
    let number = number.filter(|it| (0.0..=1.0).contains(it));
    number.ok_or("use a number from 0 to 1")
}

impl Run for Similar {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let filter = self.wanted.filter(context)?;
        let mut all = asked(context, |memory| {
            memory.similar(&self.id, &filter, self.limit)
        })?
        .unwrap_or_default();
        all.retain(|hit| hit.score >= self.at_least);
        output::hits(context, &all)?;
        Ok(if all.is_empty() { Exit::NO } else { Exit::DONE })
    }
}
