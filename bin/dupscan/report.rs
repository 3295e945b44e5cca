//! What was found, in the form that was asked for.

use std::path::{Path, PathBuf};

use dreamos::cli::{Context, Failure, Format, Own};
use dreamos::duplicates::{Found, report};
use dreamos::names::visible;
use serde::Serialize;

use super::{gate, place};

// No doc comment: clap would take it for the description of the verb.
#[derive(clap::Args)]
#[command(next_help_heading = "Reports")]
pub(crate) struct Report {
    /// Write the report to this file
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show the first two of each side by side
    #[arg(short, long)]
    snippets: bool,
    /// Show so many at most, the weightiest first; 0: all
    #[arg(short = 'n', long, value_name = "N", default_value = "0")]
    limit: usize,
}

#[derive(Serialize)]
struct Document<'f> {
    schema: &'static str,
    #[serde(flatten)]
    found: &'f Found,
}

const SCHEMA: &str = "dreamos.duplicates/1";

impl Report {
    pub(crate) fn write(
        &self,
        context: &Context,
        base: &Path,
        found: &Found,
    ) -> Result<(), Failure> {
        let shown = self.shown(found);
        let text = self.text(context, base, &shown);
        match &self.output {
            Some(path) => {
                gate::write(path, &text)?;
                context.note(&format!("written to {}", path.display()));
            }
            None => context.print(&text)?,
        }
        Ok(())
    }

    fn shown<'f>(&self, found: &'f Found) -> std::borrow::Cow<'f, Found> {
        if self.limit == 0 || found.clones.len() <= self.limit {
            return std::borrow::Cow::Borrowed(found);
        }
        let mut less = found.clone();
        less.clones.truncate(self.limit);
        std::borrow::Cow::Owned(less)
    }

    fn text(&self, context: &Context, base: &Path, found: &Found) -> String {
        let source = |name: &str| place::text(base, name);
        match context.format() {
            Format::Json | Format::Jsonl => json(found),
            Format::Own(Own::Sarif) => report::sarif(found),
            Format::Own(Own::CodeClimate) => report::code_climate(found),
            Format::Own(Own::Html) => report::html(found, &source),
            Format::Own(Own::Markdown) => report::markdown(found),
            Format::Plain | Format::Own(Own::Csv) => report::csv(found),
            Format::Table | Format::Own(_) => {
                let to_file = self.output.is_some();
                let look = report::Look {
                    width: if to_file { 160 } else { context.columns() },
                    colour: !to_file && context.strong("x") != "x",
                    snippets: self
                        .snippets
                        .then_some(&source as &dyn Fn(&str) -> Option<String>),
                };
                report::text(found, &look)
            }
        }
    }
}

/// A name that stays on its line and harms no terminal.
pub(crate) fn on_one_line(name: &str) -> String {
    visible(name).replace('\n', "\\n").replace('\t', "\\t")
}

fn json(found: &Found) -> String {
    let document = Document {
        schema: SCHEMA,
        found,
    };
    serde_json::to_string(&document).expect("every key is text") + "\n"
}
