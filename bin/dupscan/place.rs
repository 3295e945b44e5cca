//! What is looked through, and how: of the command line, else of the tree's own settings.

use std::path::{Path, PathBuf};

use dreamos::cli::{Error, Failure};
use dreamos::duplicates::Wanted;
use dreamos::duplicates::code::{self, Choice, Options};
use dreamos::duplicates::disk::Tree;

use super::preset::Preset;

const LARGEST: u64 = 8 << 20;

// No doc comments on these: clap would take them for the description of the verb.
#[derive(clap::Args)]
pub(crate) struct Place {
    /// Directories and files; this directory if nothing is named
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Leave out what this pattern of a .gitignore names; `!` before it: nothing but that
    #[arg(short, long, value_name = "PATTERN")]
    ignore: Vec<String>,
    /// Read what .gitignore files leave out too
    #[arg(long)]
    no_ignore: bool,
    /// Read what begins with a dot too
    #[arg(long)]
    hidden: bool,
    /// Threads; as many as there are processors if it is not said
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

#[derive(clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub(crate) struct Look {
    /// Only what is the same but for layout and comments
    #[arg(long)]
    exact: bool,
    /// No copy is shorter [default: 40]
    #[arg(long, value_name = "N")]
    min_tokens: Option<usize>,
    /// The same in lines [default: 5]
    #[arg(long, value_name = "N")]
    min_lines: Option<usize>,
    /// Only these languages: rust, python, go, typescript, java, c, csharp, shell, ruby, php, kotlin, swift, text
    #[arg(short, long, value_name = "LANGUAGE", value_delimiter = ',')]
    languages: Vec<String>,
    /// Also copies between files that say a program wrote them
    #[arg(long)]
    generated: bool,
    /// Read texts and data as well, as lines of words
    #[arg(long)]
    any_text: bool,
    /// Files with more bytes are not read [default: 8388608]
    #[arg(long, value_name = "BYTES")]
    max_size: Option<u64>,
    /// Look again though nothing has changed
    #[arg(long)]
    no_cache: bool,
}

impl Place {
    /// One directory is the root that names are told from; else it is where we stand.
    pub(crate) fn base(&self) -> PathBuf {
        match &self.paths[..] {
            [one] if one.is_dir() => one.clone(),
            _ => PathBuf::from("."),
        }
    }

    pub(crate) fn settings(&self) -> Result<Preset, Failure> {
        Preset::of(&self.base())
    }

    pub(crate) fn tree(&self, settings: &Preset) -> Tree {
        let base = self.base();
        let roots = if self.paths.is_empty() {
            vec![base.clone()]
        } else {
            self.paths.clone()
        };
        let mut ignored = settings.ignore.clone();
        ignored.extend(self.ignore.iter().cloned());
        Tree {
            roots,
            base,
            ignored,
            all: self.no_ignore,
            hidden: self.hidden || settings.hidden,
        }
    }

    pub(crate) fn threads(&self) -> usize {
        let available = || std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or_else(available).max(1)
    }
}

impl Look {
    pub(crate) fn wanted(&self, place: &Place, settings: &Preset) -> Result<Wanted, Failure> {
        let defaults = Options::default();
        let languages = if self.languages.is_empty() {
            &settings.languages
        } else {
            &self.languages
        };
        if let Some(unknown) = languages
            .iter()
            .find(|it| !code::languages().any(|known| known == **it))
        {
            let known: Vec<&str> = code::languages().collect();
            let hint = format!("known are {}", known.join(", "));
            return Err(Error::advice(format!("no language is called {unknown:?}"), hint).into());
        }
        Ok(Wanted {
            tree: place.tree(settings),
            choice: Choice {
                languages: languages.clone(),
                generated: self.generated || settings.generated,
                any_text: self.any_text || settings.any_text,
            },
            options: Options {
                exact: self.exact || settings.exact,
                least_tokens: self
                    .min_tokens
                    .or(settings.min_tokens)
                    .unwrap_or(defaults.least_tokens),
                least_lines: self
                    .min_lines
                    .or(settings.min_lines)
                    .unwrap_or(defaults.least_lines),
                threads: place.threads(),
            },
            largest: self.max_size.or(settings.max_size).unwrap_or(LARGEST),
            cached: !self.no_cache,
        })
    }
}

/// What a report shows of a file: as it lies there now.
pub(crate) fn text(base: &Path, name: &str) -> Option<String> {
    let bytes = std::fs::read(base.join(name)).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
