//! What several verbs understand.

use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use dreamos::cli::{Context, Error, Failure, moment};
use dreamos::desk::Desk;
use dreamos::logs::Filter;
use dreamos::names::{AgentId, Channel, Level};
use dreamos::time::Timestamp;
use regex::bytes::{Regex, RegexBuilder};

/// A pattern that needs more than that, compiled, is no pattern for a log.
const MOST_REGEX: usize = 1 << 20;

// No doc comments on these: clap would take them for the description of the verb.
#[derive(clap::Args)]
pub(crate) struct Channels {
    /// Of these alone: system, agents, tasks, messages, captain, devlog, bridge, security
    #[arg(value_name = "CHANNEL", value_parser = channel(), hide_possible_values = true)]
    channels: Vec<Channel>,
}

impl Channels {
    /// Each once; all where none is named.
    pub(crate) fn named(&self) -> Vec<Channel> {
        let all = Channel::ALL.into_iter();
        all.filter(|it| self.channels.is_empty() || self.channels.contains(it))
            .collect()
    }
}

pub(crate) fn channel() -> impl TypedValueParser<Value = Channel> {
    PossibleValuesParser::new(Channel::ALL.map(Channel::as_str))
        .map(|name| Channel::parse(&name).expect("it is one of them"))
}

pub(crate) fn level() -> impl TypedValueParser<Value = Level> {
    PossibleValuesParser::new(Level::ALL.map(Level::as_str))
        .map(|name| Level::parse(&name).expect("it is one of them"))
}

#[derive(clap::Args)]
pub(crate) struct Wanted {
    /// What this agent did, or what was done to it; under its other names as well
    #[arg(long, value_name = "AGENT")]
    agent: Option<String>,
    /// At least so grave: debug, info, warn or error
    #[arg(long, value_name = "LEVEL", value_parser = level(), hide_possible_values = true)]
    level: Option<Level>,
    /// Not before: 10m (ago), 18:30, yesterday, 2026-11-22T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Timestamp>,
    /// Before this time, written in the same way
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Timestamp>,
    /// Of this name; `mail.` for all of mail
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// About this task
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// About the message of this id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Whose line, as it stands in the file, has a match for this regular expression
    #[arg(long, value_name = "REGEX", value_parser = pattern)]
    grep: Option<Regex>,
}

impl Wanted {
    pub(crate) fn filter(self, context: &Context) -> Result<Filter, Failure> {
        let agents = match &self.agent {
            None => Vec::new(),
            // Logs are read also where the configuration cannot be.
            Some(name) => {
                let caller = context.caller(AgentId::user());
                Desk::open_anyway(context.home()?, caller, context.warner())?.names_in_logs(name)?
            }
        };
        Ok(Filter {
            agents,
            level: self.level,
            since: self.since,
            until: self.until,
            event: self.event,
            task: self.task,
            id: self.id,
            grep: self.grep,
        })
    }
}

fn pattern(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).size_limit(MOST_REGEX).build();
    // What the expression itself looks like stands in the error already.
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it is too large".into(),
        other => format!("it is no regular expression: {other}"),
    })
}

/// How many of the newest lines.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Most {
    All,
    Last(usize),
}

impl FromStr for Most {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match (text, text.parse()) {
            ("all", _) => Ok(Self::All),
            (_, Ok(n)) => Ok(Self::Last(n)),
            _ => Err(Error::usage("use a number, or all")),
        }
    }
}
