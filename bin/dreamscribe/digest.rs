use dreamos::cli::{Context, Exit, Failure, Run, moment};
use dreamos::memory::tell::Form;
use dreamos::time::{Now, Timestamp};
use serde::Serialize;

use super::options::asked;

/// What was done, what failed, what waits and who did how much: for a channel, a voice or a page
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe digest
  dreamscribe digest --since 24h --for discord      # at most 2,000 characters
  dreamscribe digest --since 8h --for voice         # a minute to listen to")]
pub(crate) struct Digest {
    /// Since when: 24h (ago), yesterday, 2026-11-22T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment, default_value = "24h")]
    since: Timestamp,
    /// Whom it is for: markdown, discord or voice
    #[arg(long = "for", value_name = "FORM", value_parser = form, default_value = "markdown")]
    form: Form,
}

fn form(name: &str) -> Result<Form, &'static str> {
    Ok(match name {
        "markdown" => Form::Markdown,
        "discord" => Form::Discord,
        "voice" => Form::Voice,
        _ => return Err("use markdown, discord or voice"),
    })
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    since: Timestamp,
    text: String,
}

impl Run for Digest {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let now = Now::read().wall;
        let text = asked(context, |memory| memory.digest(self.since, now, self.form))?
            .unwrap_or_else(|| dreamos::memory::tell::digest(&[], self.since, now, self.form));
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.memory-digest/1",
                since: self.since,
                text,
            })?;
        } else {
            context.print(&context.shown(&format!("{}\n", text.trim_end())))?;
        }
        Ok(Exit::DONE)
    }
}
