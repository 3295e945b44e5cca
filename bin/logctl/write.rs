use dreamos::cli::{Context, Error, Exit, Failure, Run, whole_text};
use dreamos::desk::{Desk, Note};
use dreamos::names::{Channel, EventName, Level};
use dreamos::time::Now;
use serde::Serialize;
use serde_json::{Map, Value};

use super::desk::open;
use super::options::{channel, level};

/// What a text or a batch on standard input may be long.
const LONGEST: usize = 64 << 20;

/// Write an event of your own into a log
///
/// With `--batch` one JSON object a line: `event` must be there; `channel` (else system), `level` (else info), `msg`,
/// `agent`, `task` and the object `fields` may.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  logctl write system script.deployed 'version 12 is out' --field version=12
  make 2>&1 | tail -1 | logctl write tasks script.made - --task t5
  jq -c '{event: \"script.row\", fields: .}' rows | logctl write --batch -")]
pub(crate) struct Write {
    /// Into which
    #[arg(value_name = "CHANNEL", value_parser = channel(), hide_possible_values = true, required_unless_present = "batch")]
    channel: Option<Channel>,
    /// What happened, as script.deployed
    #[arg(value_name = "EVENT", required_unless_present = "batch")]
    event: Option<String>,
    /// In words; `-` for standard input
    #[arg(value_name = "MSG")]
    msg: Option<String>,
    /// debug, info, warn or error
    #[arg(long, value_name = "LEVEL", value_parser = level(), default_value = "info", hide_possible_values = true)]
    level: Level,
    /// One more field; JSON where it is that, else text
    #[arg(long = "field", value_name = "NAME=VALUE", value_parser = field)]
    fields: Vec<(String, Value)>,
    /// Whom it is about
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// About which task
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// Many, as JSON lines, `-` being standard input; where one is wrong none is written
    #[arg(long, value_name = "FILE", conflicts_with_all = ["channel", "event", "msg", "level", "fields", "agent", "task"])]
    batch: Option<String>,
}

fn field(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("use NAME=VALUE")?;
    if name.is_empty() || name.len() > 64 {
        return Err("a name has 1 to 64 bytes".into());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    written: usize,
}

impl Run for Write {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let notes = match &self.batch {
            Some(file) => desk.notes(&whole(file)?)?,
            None => vec![self.note(&desk)?],
        };
        let written = desk.write_log(notes, Now::read())?;
        if context.format().is_json() {
            let schema = "dreamos.log-written/1";
            context.report("", &Document { schema, written });
        }
        Ok(Exit::DONE)
    }
}

impl Write {
    fn note(self, desk: &Desk) -> Result<Note, Failure> {
        let msg = match self.msg.as_deref() {
            Some("-") => whole("-")?.trim_end_matches('\n').to_owned(),
            other => other.unwrap_or_default().to_owned(),
        };
        let task = self.task.map(|task| ("task".to_owned(), task.into()));
        let mut fields = Map::new();
        for (name, value) in task.into_iter().chain(self.fields) {
            if fields.insert(name.clone(), value).is_some() {
                return Err(Error::usage(format!("{name:?} is given twice")).into());
            }
        }
        let agent = self.agent.as_deref();
        Ok(Note {
            channel: self.channel.expect("clap insists on it"),
            level: self.level,
            event: EventName::parse(&self.event.expect("clap insists on it"))?,
            msg,
            agent: agent.map(|name| desk.resolve(name)).transpose()?,
            fields,
        })
    }
}

fn whole(file: &str) -> Result<String, Error> {
    let text = whole_text(file, LONGEST + 1)?;
    if text.len() > LONGEST {
        return Err(Error::TooLong { limit: LONGEST });
    }
    Ok(text)
}
