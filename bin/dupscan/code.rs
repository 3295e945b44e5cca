use std::sync::atomic::{AtomicUsize, Ordering};

use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::duplicates::baseline::Baseline;
use dreamos::duplicates::{self, Telling};

use super::gate::Gate;
use super::place::{Look, Place};
use super::progress::Progress;
use super::report::Report;

/// Code that stands there more than once: exact, renamed and edited copies
///
/// All copies of one thing are one group. `dupscan:ignore` in a comment above a copy leaves it out, `dupscan:ignore-start` and
/// `-end` all between them, `dupscan:ignore-file` the file. What is not read is told with its reason.
/// `--format` is also sarif, codeclimate, csv, html or markdown.
/// `.dupscan.toml` in the tree may say what stands here, by the long names: `min-tokens = 60`, `ignore = ["vendor/"]`.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dupscan code                                   # this directory
  dupscan code src --snippets -n 10
  dupscan code --exact --min-tokens 80 -i 'tests/' -l rust,python
  dupscan code --format html -o duplicates.html
  dupscan code --fail-on exact,renamed --baseline .dupscan-baseline.json
  dupscan code --new-since origin/main --fail-on any --format sarif -o dupscan.sarif")]
pub(crate) struct Code {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    look: Look,
    #[command(flatten)]
    output: Report,
    #[command(flatten)]
    gate: Gate,
    /// Tell only what this revision of git did not hold
    #[arg(
        long,
        value_name = "REV",
        help_heading = "For CI",
        conflicts_with = "update_baseline"
    )]
    new_since: Option<String>,
}

impl Run for Code {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let settings = self.place.settings()?;
        let wanted = self.look.wanted(&self.place, &settings)?;
        let read = AtomicUsize::new(0);
        let mut found = {
            let reading = Progress::new(context, "reading");
            let comparing = Progress::new(context, "comparing");
            let telling = Telling {
                reading: &|done, of| {
                    read.fetch_max(of, Ordering::Relaxed);
                    reading.tick(done, of);
                },
                comparing: &|done, of| comparing.tick(done, of),
            };
            let mut found = duplicates::copies(&wanted, telling)?;
            if let Some(revision) = &self.new_since {
                Baseline::of(&duplicates::copies_at(&wanted, revision, telling)?).apply(&mut found);
            }
            found
        };
        context.trace(|| match read.into_inner() {
            0 => "no file was read: what is known of them is as they are".to_owned(),
            1 => "1 file was read".to_owned(),
            many => format!("{many} files were read"),
        });
        self.gate.sift(context, &settings, &mut found)?;
        self.output.write(context, &wanted.tree.base, &found)?;
        Ok(self.gate.judge(context, &settings, &found))
    }
}
