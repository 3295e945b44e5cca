use std::time::Instant;

use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::speech::{Choice, Manner, Settings};
use serde::Serialize;

use super::asked::{choice, engine};

const TEXT: &str = "This is a test.";

/// Whether an engine speaks, and how long it takes; the speakers are heard
///
/// Without a name it tries those that need no network: espeak-ng and the speakers. It exits 1 if none of what it tried speaks.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  voice test
  voice test --engine edge        # asks Microsoft
  voice test --engine espeak-ng || echo 'no speech here'")]
pub(crate) struct Test {
    /// This one: espeak-ng, edge, gtts or speakers
    #[arg(long, value_name = "ENGINE")]
    engine: Option<String>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    engines: Vec<Each>,
}

#[derive(Serialize)]
struct Each {
    engine: &'static str,
    works: bool,
    ms: u128,
    why: Option<String>,
}

impl Run for Test {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let asked = match self.engine.as_deref() {
            Some(name) => vec![choice(Some(name), &Settings::default())?],
            None => vec![Choice::Espeak, Choice::Speakers],
        };
        let engines: Vec<Each> = asked.into_iter().map(|it| tried(context, it)).collect();
        let works = engines.iter().any(|it| it.works);
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.voice-test/1",
                engines,
            })?;
        } else {
            let mut table = Table::new(&["ENGINE", "WORKS", "MS", "WHY"]);
            for it in engines {
                let works = if it.works { "yes" } else { "no" };
                let why = it.why.unwrap_or_else(|| "-".into());
                table.row(vec![
                    it.engine.into(),
                    works.into(),
                    it.ms.to_string(),
                    context.shown(&why).into_owned(),
                ]);
            }
            context.print_table(&table)?;
        }
        Ok(if works { Exit::DONE } else { Exit::NO })
    }
}

fn tried(context: &Context, choice: Choice) -> Each {
    let began = Instant::now();
    let said = engine(context, choice)
        .and_then(|engine| Ok(engine.say(TEXT, &Manner::default()).map(drop)?));
    Each {
        engine: choice.name(),
        works: said.is_ok(),
        ms: began.elapsed().as_millis(),
        why: said.err().map(|failure| failure.message().to_owned()),
    }
}
