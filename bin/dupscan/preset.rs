//! `.dupscan.toml` of the tree that is looked through: what the command line does not say.

use std::path::{Path, PathBuf};

use dreamos::cli::{Error, Failure};
use dreamos::duplicates::KINDS;
use serde::Deserialize;

pub(crate) const NAME: &str = ".dupscan.toml";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a key of its own in the file"
)]
pub(crate) struct Preset {
    pub(crate) ignore: Vec<String>,
    pub(crate) languages: Vec<String>,
    pub(crate) min_tokens: Option<usize>,
    pub(crate) min_lines: Option<usize>,
    pub(crate) min_settings: Option<usize>,
    pub(crate) max_size: Option<u64>,
    pub(crate) exact: bool,
    pub(crate) generated: bool,
    pub(crate) any_text: bool,
    pub(crate) hidden: bool,
    pub(crate) fail_on: Vec<String>,
    pub(crate) threshold: Option<f64>,
    /// From the directory of this file.
    pub(crate) baseline: Option<PathBuf>,
}

impl Preset {
    /// Of the tree, else of the nearest directory above that has some, up to a repository's own.
    pub(crate) fn of(base: &Path) -> Result<Self, Failure> {
        let start = std::fs::canonicalize(base).unwrap_or_else(|_| base.to_path_buf());
        for dir in start.ancestors() {
            let path = dir.join(NAME);
            match std::fs::read_to_string(&path) {
                Ok(text) => return Self::parse(&text, &path),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::File { path, source }.into()),
            }
            if dir.join(".git").exists() {
                break;
            }
        }
        Ok(Self::default())
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Failure> {
        let read: Result<Self, _> = toml_edit::de::from_str(text);
        let mut settings = read.map_err(|error| {
            let place = error
                .span()
                .map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            let message = format!("{}:{place}: {}", path.display(), error.message().trim());
            Error::advice(
                message,
                "its keys are the long options: `dupscan help code`",
            )
        })?;
        settings.check(path)?;
        let dir = path.parent().unwrap_or(path);
        settings.baseline = settings.baseline.map(|it| dir.join(it));
        Ok(settings)
    }

    /// What the command line would not take either.
    fn check(&self, path: &Path) -> Result<(), Failure> {
        if let Some(kind) = self.fail_on.iter().find(|it| !KINDS.contains(&it.as_str())) {
            let message = format!("{}: fail-on knows no {kind:?}", path.display());
            return Err(Error::advice(message, format!("known are {}", KINDS.join(", "))).into());
        }
        if let Some(percent) = self.threshold.filter(|it| !(0.0..=100.0).contains(it)) {
            let message = format!("{}: threshold is {percent}", path.display());
            return Err(Error::advice(message, "a number from 0 to 100 is wanted").into());
        }
        Ok(())
    }
}
