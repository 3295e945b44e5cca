use dreamos::cli::{Context, Exit, Failure, Run, whole_text};
use dreamos::duplicates::{self, Telling, baseline, disk};

use super::place::{Look, Place};
use super::progress::Progress;
use super::report::Report;

const LONGEST_PATCH: usize = 256 << 20;

/// What a change wrote again: copies of which at least one is new, and where the others are
///
/// The change is what git shows between a revision and the tree, untracked files included; `A..B` is what is between two; - is a
/// patch on stdin whose result is the tree. Exit 1 if something was written again. `--format` is also sarif, codeclimate, csv, html
/// or markdown.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dupscan diff                                   # since the last commit
  dupscan diff origin/main --snippets
  git diff main... | dupscan diff - --json | jq -r '.clones[].fragments[].file'")]
pub(crate) struct Diff {
    /// A revision, or two with `..` between them, or -
    #[arg(value_name = "REV", default_value = "HEAD")]
    revision: String,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    look: Look,
    #[command(flatten)]
    output: Report,
}

impl Run for Diff {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let settings = self.place.settings()?;
        let wanted = self.look.wanted(&self.place, &settings)?;
        let change = if self.revision == "-" {
            disk::patch(&whole_text("-", LONGEST_PATCH)?)
        } else {
            disk::changes(&wanted.tree.base, &self.revision)?
        };
        let mut found = {
            let reading = Progress::new(context, "reading");
            let comparing = Progress::new(context, "comparing");
            let telling = Telling {
                reading: &|done, of| reading.tick(done, of),
                comparing: &|done, of| comparing.tick(done, of),
            };
            duplicates::copies(&wanted, telling)?
        };
        baseline::touched(&mut found, &change);
        self.output.write(context, &wanted.tree.base, &found)?;
        Ok(if found.clones.is_empty() {
            Exit::DONE
        } else {
            Exit::NO
        })
    }
}
