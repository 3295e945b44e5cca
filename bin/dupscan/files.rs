use std::fmt::Write as _;

use dreamos::cli::{Context, Exit, Failure, Format, Own, Run};
use dreamos::duplicates::{self, Group, Skipped};
use serde::Serialize;

use super::place::Place;
use super::progress::Progress;
use super::report::on_one_line;

/// Files with the same bytes
///
/// Names of one file (hard links) are one, symbolic links are not followed, empty files are left out (--min-size 0 shows them).
/// `--format` is also csv.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dupscan files
  dupscan files ~/photos --min-size 1000000 --hidden --no-ignore
  dupscan files --json | jq -r '.groups[].files[1:][]'       # all but the first of each")]
pub(crate) struct Files {
    #[command(flatten)]
    place: Place,
    /// Of so many bytes at least
    #[arg(long, value_name = "BYTES", default_value = "1")]
    min_size: u64,
    /// Exit 1 if there are any
    #[arg(long)]
    fail: bool,
}

#[derive(Serialize)]
struct Document<'f> {
    schema: &'static str,
    files: usize,
    groups: &'f [Group],
    skipped: &'f [Skipped],
}

impl Run for Files {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let settings = self.place.settings()?;
        let tree = self.place.tree(&settings);
        let found = {
            let progress = Progress::new(context, "reading");
            duplicates::files(&tree, self.min_size, self.place.threads(), &|done, of| {
                progress.tick(done, of);
            })?
        };
        match context.format() {
            Format::Json | Format::Jsonl => context.print_json(&Document {
                schema: "dreamos.duplicate-files/1",
                files: found.files,
                groups: &found.groups,
                skipped: &found.skipped,
            })?,
            Format::Plain | Format::Own(Own::Csv) => context.print(&csv(&found.groups))?,
            Format::Table | Format::Own(_) => {
                context.print(&table(context, &found.groups))?;
                for Skipped { file, why } in &found.skipped {
                    context.trace(|| format!("not read: {file}: {why}"));
                }
            }
        }
        Ok(if self.fail && !found.groups.is_empty() {
            Exit::NO
        } else {
            Exit::DONE
        })
    }
}

fn table(context: &Context, groups: &[Group]) -> String {
    let mut text = String::new();
    let mut wasted = 0;
    for group in groups {
        let copies = group.files.len() as u64;
        wasted += group.size * (copies - 1);
        writeln!(
            text,
            "{}",
            context.strong(&format!("{copies} files of {} bytes", group.size))
        )
        .expect("a string grows");
        for file in &group.files {
            writeln!(text, "  {}", on_one_line(file)).expect("a string grows");
        }
    }
    writeln!(
        text,
        "{} groups, {wasted} bytes more than once",
        groups.len()
    )
    .expect("a string grows");
    text
}

fn csv(groups: &[Group]) -> String {
    let mut text = "group,size,hash,file\r\n".to_owned();
    for (at, group) in groups.iter().enumerate() {
        for file in &group.files {
            write!(
                text,
                "{},{},{},{}\r\n",
                at + 1,
                group.size,
                group.hash,
                duplicates::report::cell(file)
            )
            .expect("a string grows");
        }
    }
    text
}
