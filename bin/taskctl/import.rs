use dreamos::cli::{Context, Exit, Failure, Run, whole_text};
use dreamos::names::Kind;
use dreamos::time::Now;
use serde::Serialize;

use super::options::DryRun;

/// What a file may be long.
const LONGEST: usize = 256 << 20;

/// Take over the original's lists of tasks, in any of their shapes; the same file twice adds nothing
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl import config/agent_comms/working_tasks.json
  taskctl import - < tasks.json")]
pub(crate) struct Import {
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    dry_run: bool,
    files: Vec<One>,
}

#[derive(Serialize)]
struct One {
    file: String,
    new: usize,
    known: usize,
    unread: Vec<Part>,
}

/// What is no task, and where it stands.
#[derive(Serialize)]
struct Part {
    place: String,
    why: String,
}

impl Run for Import {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = self.dry_run.open(context)?;
        let mut exit = Exit::DONE;
        let mut lines = Vec::new();
        let mut files = Vec::new();
        let would = if self.dry_run.is_dry {
            "would have "
        } else {
            ""
        };
        for file in self.files {
            let text = whole_text(&file, LONGEST)?;
            let imported = desk.import_tasks(text.as_bytes(), Now::read())?;
            for (place, why) in &imported.unread {
                context.warn(&format!("{file}: {place}: {why}"));
                exit = Exit::of(Kind::Corrupt);
            }
            let (new, known, bad) = (imported.new, imported.known, imported.unread.len());
            lines.push(format!(
                "{file}: {would}imported {new}, {known} known before, {bad} unreadable"
            ));
            let unread = imported
                .unread
                .into_iter()
                .map(|(place, why)| Part { place, why });
            files.push(One {
                file,
                new,
                known,
                unread: unread.collect(),
            });
        }
        let report = Document {
            schema: "dreamos.tasks-imported/1",
            dry_run: self.dry_run.is_dry,
            files,
        };
        context.report(&lines.join("\n"), &report);
        Ok(exit)
    }
}
