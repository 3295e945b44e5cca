use std::fmt::Write as _;
use std::path::PathBuf;

use dreamos::cli::{Audience, Context, Error, Exit, Failure, Interrupt, Run};
use dreamos::memory::{House, Ingested, Ingester, Input, Telling, Waker, Wanted};
use dreamos::time::Now;
use serde::Serialize;

use super::options::known_as;
use super::progress::Pace;

/// Remember what is new: events, mail, finished tasks and devlogs of this home, or any log
///
/// Each source is read from where it was left, so that it may be called as often as you like; what is remembered
/// already is known by its id. A log that was rotated is read on where it lies now: app.log.1, app.log-20261127,
/// app-2026-11-27.log, as long as it is not packed. A line without a time has that of its neighbour. What cannot be read
/// is counted and named, and the rest is remembered.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe ingest                           # all that this home tells
  dreamscribe ingest mail events --follow      # until Ctrl-C
  dreamscribe ingest /var/log/syslog --agent host
  zcat app.log.gz | dreamscribe ingest - --agent app
  dreamscribe ingest fragments.jsonl runtime/memory_corpus.json narrative_threads/
  */5 * * * * DREAMOS_HOME=/srv/swarm dreamscribe ingest -q")]
pub(crate) struct Ingest {
    /// events, mail, tasks, devlogs (all four if nothing is named), or files: a log, fragments (a JSON object a line), a
    /// devlog.md, `memory_corpus.json`, a directory of narrative threads; - is stdin
    #[arg(value_name = "SOURCE")]
    sources: Vec<String>,
    /// How files are read, if not by what they hold: text, fragments, corpus, threads, devlog
    #[arg(long, value_name = "FORMAT", value_parser = input)]
    input: Option<Input>,
    /// Who said what the files tell, where they do not say it
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// Go on as more comes, until Ctrl-C
    #[arg(short, long)]
    follow: bool,
}

fn input(name: &str) -> Result<Input, String> {
    let known = Input::ALL.iter().find(|(known, _)| *known == name);
    known.map(|(_, input)| *input).ok_or_else(|| {
        let names: Vec<&str> = Input::ALL.iter().map(|(name, _)| *name).collect();
        format!("use one of {}", names.join(", "))
    })
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    added: u64,
    changed: u64,
    known: u64,
    skipped: u64,
    places: Vec<Place>,
    sources: std::collections::BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct Place {
    at: String,
    why: String,
}

impl Ingest {
    fn split(&self) -> (Vec<House>, Vec<PathBuf>) {
        if self.sources.is_empty() {
            return (House::ALL.to_vec(), Vec::new());
        }
        let house = self.sources.iter().filter_map(|it| House::parse(it));
        let files = self.sources.iter().filter(|it| House::parse(it).is_none());
        (house.collect(), files.map(PathBuf::from).collect())
    }

    fn wanted(&self, files: &[PathBuf], agent: Option<&str>) -> Vec<Wanted> {
        let wanted = |path: &PathBuf| Wanted {
            stream: (path.as_os_str() == "-").then(|| Box::new(std::io::stdin()) as Box<_>),
            path: path.clone(),
            input: self.input,
            agent: agent.map(str::to_owned),
        };
        files.iter().map(wanted).collect()
    }
}

impl Run for Ingest {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        let (house, files) = self.split();
        let has_stdin = files.iter().any(|path| path.as_os_str() == "-");
        if self.follow && has_stdin {
            return Err(Error::usage("stdin has an end: --follow is for files").into());
        }
        let mut waker = self.follow.then(|| Waker::new(&home, &files));
        let interrupt = self.follow.then(Interrupt::at_once).transpose()?;
        let pace = Pace::of(context, "reading");
        let telling = Telling {
            warn: &context.warner(),
            progress: &|it| pace.say(it),
        };
        let agent = self.agent.as_deref();
        let agent = agent.map(|name| known_as(context, name)).transpose()?;
        let wanted = || self.wanted(&files, agent.as_deref());
        let mut looks = Ingester::default();
        let mut once = || looks.look(&home, &house, &wanted, Now::read().wall, &telling);
        let mut ingested = once()?;
        complain(context, &ingested);
        if let (Some(waker), Some(interrupt)) = (&mut waker, &interrupt) {
            interrupt.in_order();
            let audience = Audience::watch()?;
            while !interrupt.came() && !audience.is_gone() {
                waker.rest();
                let more = once()?;
                complain(context, &more);
                ingested.add(more);
            }
        }
        let line = said(&ingested);
        let told = |(at, why)| Place { at, why };
        let document = Document {
            schema: "dreamos.memory-ingested/1",
            added: ingested.added,
            changed: ingested.changed,
            known: ingested.known,
            skipped: ingested.skipped,
            places: ingested.places.into_iter().map(told).collect(),
            sources: ingested.sources,
        };
        context.report(&line, &document);
        Ok(interrupt.and_then(|it| it.exit()).unwrap_or(Exit::DONE))
    }
}

fn complain(context: &Context, ingested: &Ingested) {
    for (at, why) in &ingested.places {
        context.warn(&format!("passed over {at}: {why}"));
    }
    let more = ingested.skipped - ingested.places.len() as u64;
    if more > 0 {
        context.warn(&format!("passed over {more} more"));
    }
}

fn said(ingested: &Ingested) -> String {
    let mut line = format!("remembered {}", ingested.added);
    if ingested.changed > 0 {
        write!(line, ", of these {} new versions", ingested.changed).expect("a string grows");
    }
    if ingested.known > 0 {
        write!(line, "; {} were known", ingested.known).expect("a string grows");
    }
    if ingested.skipped > 0 {
        write!(line, "; passed over {}", ingested.skipped).expect("a string grows");
    }
    line
}
