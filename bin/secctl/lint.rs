use std::path::{Path, PathBuf};

use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::security::{Gravity, Policies, Policy};
use serde::Serialize;

use super::desk;

/// Tell what is wrong with a policy: 78 where it cannot be read, 1 where a rule is an error
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  secctl lint                            # that of this home
  secctl lint new.yaml && mv new.yaml config/security/policies.yaml")]
pub(crate) struct Lint {
    /// Another file than config/security/policies.yaml
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    /// `null`: there is no file, and the built-in policy holds.
    file: Option<String>,
    policy: String,
    complaints: Vec<Complaint>,
}

#[derive(Serialize)]
struct Complaint {
    gravity: &'static str,
    /// `null`: of the whole file.
    rule: Option<String>,
    why: String,
}

impl Run for Lint {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = desk::open(context)?;
        let policies = Policies::of(desk.home().clone());
        let policy = match &self.file {
            Some(path) => Policy::parse(&read(path)?, path)?,
            None => (*policies.current()?).clone(),
        };
        let others = desk.everybody()?;
        let found = policy.lint(desk.roster(), &others);
        let has_errors = found.iter().any(|it| it.gravity == Gravity::Error);
        let of_home = || Some(desk.home().policies()).filter(|path| path.exists());
        let document = Document {
            schema: "dreamos.policy-complaints/1",
            file: self
                .file
                .clone()
                .or_else(of_home)
                .map(|path| path.display().to_string()),
            policy: policy.hash().to_owned(),
            complaints: found
                .into_iter()
                .map(|it| Complaint {
                    gravity: it.gravity.as_str(),
                    rule: it.rule,
                    why: it.why,
                })
                .collect(),
        };
        if context.format().is_json() {
            context.print_json(&document)?;
        } else {
            context.print(&said(&document))?;
        }
        Ok(if has_errors { Exit::NO } else { Exit::DONE })
    }
}

/// A file that is not there is a slip of the pen, not of the disk.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => {
            Error::usage(format!("{}: there is no such file", path.display())).into()
        }
        _ => Error::File {
            path: path.into(),
            source,
        }
        .into(),
    })
}

/// Silence is praise.
fn said(document: &Document) -> String {
    let file = document.file.as_deref().unwrap_or("the built-in policy");
    let lines = document.complaints.iter().map(|it| {
        let rule = it.rule.as_deref().unwrap_or("the whole");
        format!("{file}: {}: {rule}: {}\n", it.gravity, it.why)
    });
    lines.collect()
}
