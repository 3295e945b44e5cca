//! The readers, one a format: text in, [trees](super::tree) out, or the line and the reason why not.

mod json;
mod lines;
mod toml;
mod yaml;

use super::tree::{self, Node};

/// Deeper settings are nobody's; all that goes down into a tree relies on it.
const DEEPEST: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Yaml,
    /// With comments and trailing commas.
    Json,
    Toml,
    Ini,
    /// `.conf`: sections in brackets, braces or tags; keys and values with or without `=`.
    Conf,
    Properties,
    Env,
}

/// Why a text was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) why: String,
}

/// Written by package managers, not by people: all of it is there twice.
const GENERATED: [&str; 7] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "packages.lock.json",
    "project.assets.json",
    "gopkg.lock.toml",
    ".package-lock.json",
];

/// The format of a file of settings by its name; none, if it is no such file or a package manager's.
pub fn format_of(file: &str) -> Option<Format> {
    let name = file.rsplit('/').next().unwrap_or(file).to_ascii_lowercase();
    if GENERATED.contains(&name.as_str()) || name.ends_with(".min.json") {
        return None;
    }
    if name == ".env" || name.starts_with(".env.") {
        return Some(Format::Env);
    }
    let (stem, ending) = name.rsplit_once('.')?;
    if matches!(stem.rsplit(['.', '-']).next(), Some("lock")) && stem != "lock" {
        return None;
    }
    Some(match ending {
        "yaml" | "yml" => Format::Yaml,
        "json" | "jsonc" => Format::Json,
        "toml" => Format::Toml,
        "ini" | "cfg" => Format::Ini,
        "conf" => Format::Conf,
        "properties" => Format::Properties,
        "env" => Format::Env,
        _ => return None,
    })
}

/// The documents of one file; there is none in an empty one.
pub(super) fn documents(format: Format, text: &str) -> Result<Vec<Node>, Fault> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = match format {
        Format::Yaml => yaml::read(text),
        Format::Json => json::read(text),
        Format::Toml => toml::read(text),
        Format::Ini => lines::ini(text),
        Format::Conf => lines::conf(text),
        Format::Properties => Ok(lines::properties(text)),
        Format::Env => lines::env(text),
    }?;
    documents.iter_mut().for_each(tree::settle);
    Ok(documents)
}

impl Fault {
    fn new(line: usize, why: impl Into<String>) -> Self {
        Self {
            line,
            why: why.into(),
        }
    }

    fn too_deep(line: usize) -> Self {
        Self::new(line, format!("nested deeper than {DEEPEST}"))
    }
}

/// Which line a byte is on.
struct Breaks(Vec<usize>);

impl Breaks {
    fn of(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    fn line(&self, byte: usize) -> usize {
        self.0.partition_point(|place| *place < byte) + 1
    }
}
