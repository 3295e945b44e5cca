//! What every verb of every program understands, in any position.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
    /// Tab-separated, no head, no colour
    Plain,
    /// Shell variables, to be eval'ed; where a verb says so
    #[value(hide = true)]
    Env,
}

impl Format {
    pub const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Jsonl)
    }
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
    /// Who speaks
    #[arg(long = "as", value_name = "AGENT", global = true)]
    pub speaker: Option<String>,
    /// Short for --format json
    #[arg(long, global = true, conflicts_with = "format")]
    json: bool,
    /// table, json, jsonl or plain
    #[arg(
        long,
        value_enum,
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
