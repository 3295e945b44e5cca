use std::time::Duration;

use dreamos::cli::{Context, Exit, Failure, Run, body};
use dreamos::names::Mode;
use dreamos::time::parse_span;

use super::batch;
use super::phone::deliver::{Template, announce_queued, deliver, report_all, report_one, worst};
use super::phone::desk::open;
use super::phone::letter::{Letter, Threading};
use super::phone::open::{recipients, would_change};
use super::phone::sealed::sealer;
use super::phone::wait::{Stage, Wait};

/// Send a message: on the disk, and never lost, when this returns 0
#[derive(Debug, clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone send agent-3 \"resume\"
  cellphone send role:reviewer \"have a look\" --file result.txt
  git diff | cellphone send agent-1 -
  cellphone send agent-1 \"rotate the logs\" --key rotate-2026-11-24
  cellphone send agent-2 \"ready?\" --wait=reply --timeout 5m --retries 3
  cellphone send agent-1 - --seal < letter.txt  # only agent-1 can read it
  seq 3 | jq -c '{content: tostring}' | cellphone send agent-1 --batch -")]
pub(crate) struct Send {
    /// AGENT, role:ROLE, or several divided by commas
    #[arg(value_name = "TO")]
    to: String,
    /// The text; - is standard input, and so is a pipe where no text is given
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    #[command(flatten)]
    letter: Letter,
    #[command(flatten)]
    threading: Threading,
    /// Wait until it was announced, read, acked or answered
    #[arg(
        long,
        value_enum,
        value_name = "announced|read|ack|reply",
        hide_possible_values = true
    )]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "ack")]
    wait: Option<Stage>,
    /// Wait no longer than this (exit 124)
    #[arg(long, value_name = "SPAN", value_parser = parse_span, default_value = "30s", requires = "wait")]
    timeout: Duration,
    /// Tell the recipient again so many times while waiting
    #[arg(long, value_name = "N", default_value_t = 0, requires = "wait")]
    retries: u32,
    /// One JSON object a line, {"content": …, "mode": …, "key": …}; one flush for all; - is standard input
    #[arg(long, value_name = "PATH", conflicts_with_all = ["text", "key", "wait", "files", "seal"])]
    batch: Option<String>,
}

impl Run for Send {
    fn of_words(words: &[&str]) -> Option<Self> {
        let [to, text] = words else { return None };
        Some(Self {
            to: (*to).to_owned(),
            text: Some((*text).to_owned()),
            letter: Letter::default(),
            threading: Threading::default(),
            wait: None,
            timeout: Duration::from_secs(30),
            retries: 0,
            batch: None,
        })
    }

    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let unknown = self.threading.unknown();
        let to = recipients(&desk, &self.to, unknown)?;
        if self.letter.dry_run {
            return would_change(context, &desk, &to);
        }
        if let Some(path) = &self.batch {
            return batch::send(context, &desk, &to, path, &self.letter, &self.threading);
        }
        let sealer = sealer(context, &desk, &self.letter)?;
        let text = self.text.or_else(|| self.letter.names_of_files());
        let links = self.threading.links(&desk)?;
        let template = Template {
            content: body(context, text.as_deref())?,
            letter: &self.letter,
            usual_mode: Mode::Normal,
            links,
            unknown,
            sealer,
            note: None,
        };
        let wait = self.wait.map(|stage| Wait {
            stage: stage.into(),
            timeout: self.timeout,
            retries: self.retries,
        });
        let mut queued = announce_queued(context);
        let deliveries = deliver(context, &desk, &to, &template, wait.as_ref(), &mut queued)?;
        if let [delivery] = deliveries.as_slice() {
            return Ok(report_one(context, delivery, wait.as_ref()));
        }
        report_all(context, &deliveries, wait.as_ref());
        Ok(worst(&deliveries))
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches as _};

    use super::*;

    #[test]
    fn two_words_say_what_the_grammar_makes_of_them() {
        let words = ["agent-3", "resume"];
        let grammar = Send::augment_args(Command::new("send")).no_binary_name(true);
        let parsed = Send::from_arg_matches(&grammar.try_get_matches_from(words).unwrap()).unwrap();
        let plain = Send::of_words(&words).unwrap();
        assert_eq!(format!("{plain:?}"), format!("{parsed:?}"));
        assert!(Send::of_words(&words[..1]).is_none());
    }
}
