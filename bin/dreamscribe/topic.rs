use std::fmt::Write as _;

use dreamos::cli::{Context, Exit, Failure, Run, in_one_line};
use dreamos::memory::Topic as Known;
use serde::Serialize;

use super::options::{Wanted, asked};

/// What is known of a topic: how many memories, by whom, what they are about, and the best of them
///
/// Exit 1 where there is nothing.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe topic deploy
  dreamscribe topic 'flaky tests' --since 30d --json")]
pub(crate) struct Topic {
    /// The topic
    #[arg(value_name = "TEXT", required = true, num_args = 1..)]
    text: Vec<String>,
    #[command(flatten)]
    wanted: Wanted,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    #[serde(flatten)]
    known: Known,
}

impl Run for Topic {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let text = self.text.join(" ");
        let filter = self.wanted.filter(context)?;
        let known = asked(context, |memory| memory.topic(&text, &filter))?
            .unwrap_or_else(|| Known::nothing(&text));
        let exit = if known.memory_count > 0 {
            Exit::DONE
        } else {
            Exit::NO
        };
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.memory-topic/1",
                known,
            })?;
            return Ok(exit);
        }
        if known.memory_count > 0 {
            let mut text = format!(
                "{} memories by {}\nabout {}\n",
                known.memory_count,
                known.related_agents.join(", "),
                known.key_insights.join(", ")
            );
            for one in &known.best {
                writeln!(
                    text,
                    "  {}  {}",
                    one.memory_id,
                    in_one_line(&one.content, 100)
                )
                .expect("a string grows");
            }
            context.print(&context.shown(&text))?;
        }
        Ok(exit)
    }
}
