//! What every verb of every program understands, in any position.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, Args, ValueEnum};

use crate::time::{BadTime, Now, Timestamp, parse_past};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    #[default]
    Table,
    Json,
    Jsonl,
    Plain,
    Own(Own),
}

/// What only verbs print that say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// Shell variables, to be eval'ed.
    Env,
    /// Comma-separated, with a head (RFC 4180).
    Csv,
    Mermaid,
    Dot,
    /// One line an event, for people.
    Pretty,
    /// Pairs, one line an event.
    Logfmt,
    /// Its text format 0.0.4.
    Prometheus,
    /// OASIS SARIF 2.1.0.
    Sarif,
    /// The issues of Code Climate, as GitLab reads them.
    CodeClimate,
    Html,
    Markdown,
}

/// How each is called, and what it is; what is `Own` is not offered.
const FORMATS: [(Format, &str, &str); 15] = [
    (Format::Table, "table", "For people"),
    (Format::Json, "json", "One JSON document"),
    (Format::Jsonl, "jsonl", "One JSON object a line"),
    (Format::Plain, "plain", "Tab-separated, no head, no colour"),
    (Format::Own(Own::Env), "env", ""),
    (Format::Own(Own::Csv), "csv", ""),
    (Format::Own(Own::Mermaid), "mermaid", ""),
    (Format::Own(Own::Dot), "dot", ""),
    (Format::Own(Own::Pretty), "pretty", ""),
    (Format::Own(Own::Logfmt), "logfmt", ""),
    (Format::Own(Own::Prometheus), "prometheus", ""),
    (Format::Own(Own::Sarif), "sarif", ""),
    (Format::Own(Own::CodeClimate), "codeclimate", ""),
    (Format::Own(Own::Html), "html", ""),
    (Format::Own(Own::Markdown), "markdown", ""),
];

impl Format {
    pub const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }

    pub(super) fn as_str(self) -> &'static str {
        let named = FORMATS.iter().find(|(format, ..)| *format == self);
        named.map_or("", |(_, name, _)| name)
    }
}

fn format() -> impl TypedValueParser<Value = Format> {
    let values = FORMATS.map(|(format, name, what)| {
        let is_own = matches!(format, Format::Own(_));
        PossibleValue::new(name).help(what).hide(is_own)
    });
    PossibleValuesParser::new(values).map(|given| {
        let known = FORMATS.iter().find(|(_, name, _)| *name == given);
        known.expect("it is one of them").0
    })
}

/// An option that names a time that has been: 10m (ago), 18:30, yesterday.
pub fn moment(text: &str) -> Result<Timestamp, BadTime> {
    parse_past(text, Now::read().wall)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    #[default]
    Auto,
    Always,
    Never,
}

// No doc comment: clap would take it for the description of each verb.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Everywhere")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub struct Options {
    /// The home; else `$DREAMOS_HOME`, else the nearest one upwards
    #[arg(long, value_name = "DIR", global = true)]
    pub home: Option<PathBuf>,
    /// Also a home that other users may write to
    #[arg(long, global = true)]
    pub insecure_home: bool,
    /// Who speaks
    #[arg(long = "as", value_name = "AGENT", global = true)]
    pub speaker: Option<String>,
    /// Short for --format json
    #[arg(long, global = true, conflicts_with = "format")]
    json: bool,
    /// table, json, jsonl or plain
    #[arg(
        long,
        value_parser = format(),
        value_name = "FORMAT",
        global = true,
        hide_possible_values = true
    )]
    format: Option<Format>,
    /// Errors only
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say which files are read and written
    #[arg(short, long, action = ArgAction::Count, global = true)]
    pub verbose: u8,
    /// auto, always or never
    #[arg(
        long = "color",
        value_enum,
        value_name = "WHEN",
        global = true,
        hide_possible_values = true
    )]
    pub colour: Option<Colour>,
    /// Never ask, never open an editor
    #[arg(long, global = true)]
    pub no_input: bool,
    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub yes: bool,
}

impl Options {
    pub(super) fn for_home(home: Option<PathBuf>) -> Self {
        Self {
            home,
            ..Self::default()
        }
    }

    pub fn format(&self) -> Format {
        if self.json {
            Format::Json
        } else {
            self.format.unwrap_or_default()
        }
    }
}
