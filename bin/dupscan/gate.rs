//! Whether a build may pass: what is known already, and how much is too much.

use std::path::{Path, PathBuf};

use dreamos::cli::{Context, Error, Exit, Failure};
use dreamos::duplicates::baseline::Baseline;
use dreamos::duplicates::{Found, Sameness};

use super::preset::{KINDS, Preset};

// No doc comment: clap would take it for the description of the verb.
#[derive(clap::Args)]
#[command(next_help_heading = "For CI")]
pub(crate) struct Gate {
    /// Exit 1 if there is any of these: exact, renamed, similar, conflict, any
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = KINDS)]
    fail_on: Vec<String>,
    /// Exit 1 if more than so many percent of the lines stand in copies
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    threshold: Option<f64>,
    /// Tell only what this file does not know
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Make all that is found known to it
    #[arg(long)]
    update_baseline: bool,
}

fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .trim_end_matches('%')
        .parse()
        .map_err(|_| "a number from 0 to 100 is wanted".to_owned())?;
    if (0.0..=100.0).contains(&number) {
        Ok(number)
    } else {
        Err("a number from 0 to 100 is wanted".to_owned())
    }
}

impl Gate {
    /// Leaves what is new; an update keeps all as it is.
    pub(crate) fn sift(
        &self,
        context: &Context,
        settings: &Preset,
        found: &mut Found,
    ) -> Result<(), Failure> {
        let Some(path) = self.baseline.as_ref().or(settings.baseline.as_ref()) else {
            if self.update_baseline {
                return Err(Error::advice(
                    "there is no baseline to update",
                    "name it with --baseline FILE",
                )
                .into());
            }
            return Ok(());
        };
        if self.update_baseline {
            let baseline = Baseline::of(found);
            replace(path, &baseline.text())?;
            context.note(&format!(
                "{} knows {} now",
                path.display(),
                baseline.fingerprints.len()
            ));
            return Ok(());
        }
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let shown = path.display();
                return Err(Error::advice(
                    format!("there is no baseline {shown}"),
                    format!("--update-baseline --baseline {shown} makes it"),
                )
                .into());
            }
            Err(source) => {
                return Err(Error::File {
                    path: path.clone(),
                    source,
                }
                .into());
            }
        };
        let baseline = Baseline::parse(&text)
            .map_err(|why| Error::usage(format!("{}: {why}", path.display())))?;
        baseline.apply(found);
        Ok(())
    }

    /// What a build is told.
    pub(crate) fn judge(&self, context: &Context, settings: &Preset, found: &Found) -> Exit {
        let kinds = if self.fail_on.is_empty() {
            &settings.fail_on
        } else {
            &self.fail_on
        };
        if self.update_baseline {
            return Exit::DONE;
        }
        let is_wanted = |kind: Sameness| {
            let name = match kind {
                Sameness::Exact => "exact",
                Sameness::Renamed => "renamed",
                Sameness::Similar => "similar",
            };
            kinds.iter().any(|it| it == name || it == "any")
        };
        let failing = found.clones.iter().filter(|it| is_wanted(it.kind)).count();
        let conflicts = if kinds.iter().any(|it| it == "conflict" || it == "any") {
            found.conflicts.len()
        } else {
            0
        };
        let share = share(found);
        let limit = self.threshold.or(settings.threshold);
        let too_much = limit.filter(|it| share > *it);
        if failing + conflicts > 0 {
            context.complain(&format!(
                "{} that may not be ({})",
                failing + conflicts,
                kinds.join(", ")
            ));
        }
        if let Some(limit) = too_much {
            context.complain(&format!(
                "{share:.1} % of the lines stand in copies, more than {limit} %"
            ));
        }
        if failing + conflicts > 0 || too_much.is_some() {
            Exit::NO
        } else {
            Exit::DONE
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "lines of a tree are few")]
fn share(found: &Found) -> f64 {
    100.0 * found.totals.duplicated_lines as f64 / found.totals.lines.max(1) as f64
}

/// Whole or not at all.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let aside = path.with_extension(format!("{}.aside", std::process::id()));
    let done = std::fs::write(&aside, text).and_then(|()| std::fs::rename(&aside, path));
    done.map_err(|source| {
        let _ = std::fs::remove_file(&aside);
        let path = path.to_path_buf();
        Error::File { path, source }.into()
    })
}
