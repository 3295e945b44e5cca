//! Whether a build may pass: what is known already, and how much is too much.

use std::path::{Path, PathBuf};

use dreamos::cli::{Context, Error, Exit, Failure};
use dreamos::duplicates::baseline::Baseline;
use dreamos::duplicates::{Found, KINDS, Limits, disk};

use super::preset::Preset;

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
    let number = text.trim_end_matches('%').parse().ok();
    let number = number.filter(|it| (0.0..=100.0).contains(it));
    number.ok_or_else(|| "a number from 0 to 100 is wanted".to_owned())
}

impl Gate {
    /// Leaves what is new; an update keeps all as it is.
    pub(crate) fn sift(
        &self,
        context: &Context,
        preset: &Preset,
        found: &mut Found,
    ) -> Result<(), Failure> {
        let Some(path) = self.baseline.as_ref().or(preset.baseline.as_ref()) else {
            if self.update_baseline {
                let hint = "name it with --baseline FILE";
                return Err(Error::advice("there is no baseline to update", hint).into());
            }
            return Ok(());
        };
        let known = read(path)?;
        let shown = path.display();
        if self.update_baseline {
            let baseline = Baseline::of(found);
            write(path, &baseline.text())?;
            let count = baseline.fingerprints.len();
            context.note(&format!("{shown} knows {count} now"));
            return Ok(());
        }
        let Some(known) = known else {
            let hint = format!("--update-baseline --baseline {shown} makes it");
            return Err(Error::advice(format!("there is no baseline {shown}"), hint).into());
        };
        known.apply(found);
        Ok(())
    }

    /// What a build is told.
    pub(crate) fn judge(&self, context: &Context, preset: &Preset, found: &Found) -> Exit {
        if self.update_baseline {
            return Exit::DONE;
        }
        let own = (!self.fail_on.is_empty()).then_some(&self.fail_on);
        let limits = Limits {
            kinds: own.unwrap_or(&preset.fail_on).clone(),
            share: self.threshold.or(preset.threshold),
        };
        let broken = limits.broken(found);
        for sentence in &broken {
            context.complain(sentence);
        }
        if broken.is_empty() {
            Exit::DONE
        } else {
            Exit::NO
        }
    }
}

/// `None`: there is none yet. What cannot be read, or is newer than this program, is not written over either.
fn read(path: &Path) -> Result<Option<Baseline>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let known = Baseline::parse(&text);
            let known = known.map_err(|why| Error::usage(format!("{}: {why}", path.display())))?;
            Ok(Some(known))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => {
            let path = path.to_path_buf();
            Err(Error::File { path, source }.into())
        }
    }
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    disk::replace(path, text.as_bytes()).map_err(|source| {
        let path = path.to_path_buf();
        Error::File { path, source }.into()
    })
}
