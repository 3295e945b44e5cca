use dreamos::cli::{Context, Exit, Failure, Run, Table};
use serde::Serialize;

use super::asked::{choice, engine, settings};

/// The voices of an engine
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  voice list
  voice list --engine edge --format plain | grep ^en-GB
  voice list --engine speakers")]
pub(crate) struct List {
    /// espeak-ng, edge, gtts or speakers; else that of config/voice.yaml, else espeak-ng
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    engine: &'static str,
    voices: Vec<Each>,
}

#[derive(Serialize)]
struct Each {
    name: String,
    language: String,
    about: String,
}

impl Run for List {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let choice = choice(self.engine.as_deref(), &settings(context)?)?;
        let mut all = engine(context, choice)?.voices()?;
        all.sort_by(|a, b| (&a.language, &a.name).cmp(&(&b.language, &b.name)));
        if context.format().is_json() {
            let voices = all.into_iter().map(|it| Each {
                name: it.name,
                language: it.language,
                about: it.about,
            });
            context.print_json(&Document {
                schema: "dreamos.voices/1",
                engine: choice.name(),
                voices: voices.collect(),
            })?;
            return Ok(Exit::DONE);
        }
        let mut table = Table::new(&["NAME", "LANGUAGE", "ABOUT"]);
        for it in all {
            table.row(vec![
                context.shown(&it.name).into_owned(),
                context.shown(&it.language).into_owned(),
                context.shown(&it.about).into_owned(),
            ]);
        }
        context.print_table(&table)?;
        Ok(Exit::DONE)
    }
}
