use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::speech::{Format, Queue, Waiting};
use serde::Serialize;

/// What waits to be played in a voice channel, the next first
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  voice queue
  voice queue --json | jq '.waiting | length'")]
pub(crate) struct Waits {}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    waiting: Vec<Each>,
}

#[derive(Serialize)]
struct Each {
    name: String,
    /// `null` of what nobody can play.
    format: Option<&'static str>,
    bytes: u64,
}

impl Run for Waits {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let waiting: Vec<Waiting> = match Queue::of(&context.home()?)? {
            Some(queue) => queue.waiting()?,
            None => Vec::new(),
        };
        let all = waiting.into_iter().map(|it| Each {
            name: it.name,
            format: it.format.map(Format::extension),
            bytes: it.size,
        });
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.voice-queue/1",
                waiting: all.collect(),
            })?;
            return Ok(Exit::DONE);
        }
        let mut table = Table::new(&["NAME", "FORMAT", "BYTES"]);
        for it in all {
            let format = it.format.unwrap_or("none");
            let name = context.shown(&it.name).into_owned();
            table.row(vec![name, format.into(), it.bytes.to_string()]);
        }
        context.print_table(&table)?;
        Ok(Exit::DONE)
    }
}
