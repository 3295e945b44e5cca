use std::fmt::Write as _;

use dreamos::cli::{Context, Exit, Failure, Format, Own, Run, Table};
use dreamos::duplicates::{self, Name, Skipped, Telling};
use serde::Serialize;

use super::place::{Look, Place};
use super::progress::Progress;
use super::report::on_one_line;
use dreamos::duplicates::report::cell;

/// The same class or function defined in many places, and how like the definitions are
///
/// Functions are told that stand in no class. 1.000 is the same everywhere: one of them is enough. `--format` is also csv.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dupscan names
  dupscan names --classes --least 3 -l python
  dupscan names --json | jq '.names[] | select(.similarity < 0.5) | .name'")]
pub(crate) struct Names {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    look: Look,
    /// Classes alone, no functions
    #[arg(long)]
    classes: bool,
    /// Defined in so many places at least
    #[arg(long, value_name = "N", default_value = "2")]
    least: usize,
}

#[derive(Serialize)]
struct Document<'n> {
    schema: &'static str,
    names: &'n [Name],
    skipped: &'n [Skipped],
}

impl Run for Names {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let settings = self.place.settings()?;
        let wanted = self.look.wanted(&self.place, &settings)?;
        let (names, skipped) = {
            let reading = Progress::new(context, "reading");
            let telling = Telling {
                reading: &|done, of| reading.tick(done, of),
                comparing: &|_, _| (),
            };
            duplicates::same_names(&wanted, self.least, !self.classes, telling)?
        };
        match context.format() {
            Format::Json | Format::Jsonl => context.print_json(&Document {
                schema: "dreamos.duplicate-names/1",
                names: &names,
                skipped: &skipped,
            })?,
            Format::Plain | Format::Own(Own::Csv) => context.print(&csv(&names))?,
            Format::Table | Format::Own(_) => context.print_table(&table(&names))?,
        }
        Ok(Exit::DONE)
    }
}

fn table(names: &[Name]) -> Table {
    let mut table = Table::new(&["PLACES", "NAME", "WHAT", "LANGUAGE", "LIKENESS", "WHERE"]);
    for name in names {
        let places: Vec<String> = name
            .definitions
            .iter()
            .map(|it| format!("{}:{}", on_one_line(&it.file), it.start))
            .collect();
        let (count, like) = (places.len().to_string(), format!("{:.3}", name.similarity));
        table.row(vec![
            count,
            name.name.clone(),
            name.what.clone(),
            name.language.clone(),
            like,
            places.join(" "),
        ]);
    }
    table
}

fn csv(names: &[Name]) -> String {
    let mut text = "name,what,language,similarity,file,start,end\r\n".to_owned();
    for name in names {
        for it in &name.definitions {
            let (what, language, like) = (&name.what, &name.language, name.similarity);
            write!(
                text,
                "{},{what},{language},{like},{},{},{}\r\n",
                cell(&name.name),
                cell(&it.file),
                it.start,
                it.end
            )
            .expect("a string grows");
        }
    }
    text
}
