use std::collections::HashMap;

use dreamos::cli::{Context, Error, Exit, Failure, Run, whole_bytes};
use dreamos::desk::Desk;
use dreamos::names::AgentId;
use dreamos::security::sealed::Opener;
use serde::{Deserialize, Serialize};

use super::desk;

/// What `seal` makes of as much as it takes.
const LONGEST: usize = 96 << 20;
/// What `cellphone` keeps of a mailbox in memory is no more.
const LONGEST_BATCH: usize = 1 << 30;

/// Open on standard input what was sealed to you: all of it is printed, or nothing
#[derive(clap::Args)]
#[command(
    after_help = "Your mail `cellphone` opens by itself. With --batch there is one message a line, as `cellphone … --format jsonl` prints
them, and one object a line is printed of each, in the same order: its `content`, or the `error` for which it stays sealed.

EXAMPLES
  secctl open < result.csv.age > result.csv
  secctl open agent-2 < result.csv.age             # another's, as the person at the terminal
  cellphone inbox --format jsonl | jq -c 'select(.sealed)' | secctl open --batch"
)]
pub(crate) struct Open {
    /// To whom it was sealed, if not to you
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
    /// Messages, one JSON object a line: {"to": AGENT, "content": …}
    #[arg(long, conflicts_with = "agent")]
    batch: bool,
}

#[derive(Serialize)]
struct Opened<'a> {
    schema: &'static str,
    to: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<serde_json::Value>,
}

/// Of a message, what is needed.
#[derive(Deserialize)]
struct Sealed<'a> {
    #[serde(borrow)]
    to: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    content: std::borrow::Cow<'a, str>,
}

impl Run for Open {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = desk::open(context)?;
        if self.batch {
            return batch(context, &desk);
        }
        let own = || Ok(desk.caller().agent.clone());
        let agent = self.agent.map_or_else(own, |name| desk.resolve(&name))?;
        let opener = desk.opener(&agent)?;
        let plain = opener.open(&input(LONGEST)?)?;
        if context.format().is_json() {
            tell(context, agent.as_str(), &Ok(text_of(&plain)?))?;
        } else {
            context.print_bytes(&plain)?;
        }
        Ok(Exit::DONE)
    }
}

/// What is no text was never sealed, which is told of it then.
fn input(limit: usize) -> Result<String, Error> {
    let bytes = whole_bytes(limit + 1)?;
    if bytes.len() > limit {
        let limit = limit >> 20;
        return Err(Error::usage(format!("it is longer than {limit} MiB")));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Ends as the worst of them.
fn batch(context: &Context, desk: &Desk) -> Result<Exit, Failure> {
    // All of it first: whoever writes it need not read meanwhile.
    let lines = input(LONGEST_BATCH)?;
    let read = |(number, line)| {
        let sealed = serde_json::from_str::<Sealed<'_>>(line);
        sealed.map_err(|error| Error::usage(format!("line {}: {error}", number + 1)))
    };
    let all: Vec<Sealed<'_>> = lines
        .lines()
        .enumerate()
        .map(read)
        .collect::<Result<_, _>>()?;
    let mut openers = HashMap::new();
    let mut worst = Exit::DONE;
    for sealed in all {
        let opener = openers
            .entry(sealed.to.to_string())
            .or_insert_with_key(|to| opener(desk, to));
        let plain = match opener {
            Ok(opener) => opener.open(&sealed.content).map_err(Failure::from),
            Err(failure) => Err(failure.clone()),
        };
        let text = plain.as_ref().map_err(Failure::clone);
        let text = text.and_then(|bytes| Ok(text_of(bytes)?));
        worst = worst.max(text.as_ref().err().map_or(Exit::DONE, Failure::exit));
        tell(context, &sealed.to, &text)?;
    }
    Ok(worst)
}

fn text_of(bytes: &[u8]) -> Result<&str, Error> {
    let why = |_| {
        Error::advice(
            "what it says is no UTF-8 text",
            "leave out --json and --batch",
        )
    };
    std::str::from_utf8(bytes).map_err(why)
}

fn opener(desk: &Desk, to: &str) -> Result<Opener, Failure> {
    let agent: AgentId = desk.resolve(to)?;
    Ok(desk.opener(&agent)?)
}

fn tell(context: &Context, to: &str, text: &Result<&str, Failure>) -> Result<(), Error> {
    context.print_json(&Opened {
        schema: "dreamos.opened/1",
        to,
        content: text.as_ref().ok().copied(),
        error: text.as_ref().err().map(Failure::document),
    })
}
