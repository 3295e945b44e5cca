//! The files of a tree, and their bytes.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use ignore::overrides::OverrideBuilder;
use ignore::{DirEntry, WalkBuilder};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

use crate::duplicates::{Error, Skipped};

/// What is looked through.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Directories and files.
    pub roots: Vec<PathBuf>,
    /// Names are told below this directory.
    pub base: PathBuf,
    /// Patterns as in a .gitignore, besides those of the tree.
    pub ignored: Vec<String>,
    /// What .gitignore files leave out too.
    pub all: bool,
    /// Names that begin with a dot too.
    pub hidden: bool,
}

/// By which a file is known to be as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    pub size: u64,
    pub inode: u64,
    pub device: u64,
    pub modified_ns: i128,
    pub changed_ns: i128,
}

impl Stamp {
    fn of(meta: &Metadata) -> Self {
        let nanoseconds =
            |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Self {
            size: meta.size(),
            inode: meta.ino(),
            device: meta.dev(),
            modified_ns: nanoseconds(meta.mtime(), meta.mtime_nsec()),
            changed_ns: nanoseconds(meta.ctime(), meta.ctime_nsec()),
        }
    }
}

/// Plain files by their names, and what there is besides.
#[derive(Debug, Default)]
pub struct Walked {
    pub files: Vec<Seen>,
    pub skipped: Vec<Skipped>,
}

#[derive(Debug, Clone)]
pub struct Seen {
    pub path: PathBuf,
    /// Below the base, with `/`.
    pub name: String,
    pub stamp: Stamp,
}

pub fn walk(tree: &Tree) -> Result<Walked, Error> {
    let mut builder: Option<WalkBuilder> = None;
    for root in &tree.roots {
        if std::fs::symlink_metadata(root).is_err() {
            return Err(Error::NoPath { path: root.clone() });
        }
        match &mut builder {
            Some(builder) => {
                builder.add(root);
            }
            None => builder = Some(WalkBuilder::new(root)),
        }
    }
    let Some(mut builder) = builder else {
        return Ok(Walked::default());
    };
    builder
        .hidden(!tree.hidden)
        .follow_links(false)
        .overrides(overrides(tree)?)
        .sort_by_file_name(Ord::cmp)
        .require_git(false)
        .ignore(!tree.all)
        .git_ignore(!tree.all)
        .git_global(false)
        .git_exclude(!tree.all)
        .parents(!tree.all);
    // What git keeps is of no person.
    builder.filter_entry(|entry| entry.file_name() != ".git");
    let mut walked = Walked::default();
    for entry in builder.build() {
        match entry {
            Ok(entry) => walked.take(tree, &entry),
            Err(error) => walked.skipped.push(unread(tree, &error)),
        }
    }
    walked.files.sort_by(|a, b| a.name.cmp(&b.name));
    walked.skipped.sort();
    if tree.roots.len() > 1 {
        walked.once(tree);
    }
    Ok(walked)
}

/// A pattern of ours leaves out what it names.
fn overrides(tree: &Tree) -> Result<ignore::overrides::Override, Error> {
    let mut builder = OverrideBuilder::new(&tree.base);
    for pattern in &tree.ignored {
        let turned = pattern
            .strip_prefix('!')
            .map_or_else(|| format!("!{pattern}"), str::to_owned);
        builder.add(&turned).map_err(|error| Error::BadPattern {
            pattern: pattern.clone(),
            why: error.to_string(),
        })?;
    }
    builder.build().map_err(|error| Error::BadPattern {
        pattern: tree.ignored.join(" "),
        why: error.to_string(),
    })
}

fn unread(tree: &Tree, error: &ignore::Error) -> Skipped {
    let path = path_of(error);
    Skipped {
        file: path.map_or_else(|| ".".to_owned(), |path| name_of(tree, path)),
        why: error.io_error().map_or_else(
            || error.to_string(),
            |it| format!("unreadable: {}", bare(it)),
        ),
    }
}

/// Without the operation and the path that the walk puts before it.
fn bare(error: &io::Error) -> String {
    let text = error.to_string();
    text.rsplit(": ").next().unwrap_or(&text).to_owned()
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        _ => None,
    }
}

fn name_of(tree: &Tree, path: &Path) -> String {
    let below = path
        .strip_prefix(&tree.base)
        .or_else(|_| path.strip_prefix("."));
    below.unwrap_or(path).to_string_lossy().into_owned()
}

impl Walked {
    /// Roots may hold each other, or be written in two ways.
    fn once(&mut self, tree: &Tree) {
        let canonical = |path: &Path| {
            let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
            let parent = std::fs::canonicalize(parent.unwrap_or(Path::new("."))).ok();
            let whole = parent.zip(path.file_name()).map(|it| it.0.join(it.1));
            whole.unwrap_or_else(|| path.to_path_buf())
        };
        let mut seen = BTreeSet::new();
        self.files.retain(|it| seen.insert(canonical(&it.path)));
        let mut seen = BTreeSet::new();
        self.skipped
            .retain(|it| seen.insert((canonical(&tree.base.join(&it.file)), it.why.clone())));
    }

    fn take(&mut self, tree: &Tree, entry: &DirEntry) {
        let Some(sort) = entry.file_type() else {
            return;
        };
        if sort.is_dir() {
            return;
        }
        let name = name_of(tree, entry.path());
        let why = if sort.is_symlink() {
            "a symbolic link is not followed".to_owned()
        } else if !sort.is_file() {
            "neither a file nor a directory".to_owned()
        } else {
            match entry.metadata() {
                Ok(meta) => {
                    let stamp = Stamp::of(&meta);
                    let path = entry.path().to_path_buf();
                    self.files.push(Seen { path, name, stamp });
                    return;
                }
                Err(error) => format!("unreadable: {error}"),
            }
        };
        self.skipped.push(Skipped { file: name, why });
    }
}

/// What a file says, or why not.
pub enum Read {
    Bytes(Vec<u8>),
    Not(String),
}

/// All of it, if it is as it was seen, and no longer than `limit`.
pub fn read(file: &Seen, limit: u64) -> Read {
    if file.stamp.size > limit {
        return Read::Not(format!(
            "{} bytes, more than {limit} (--max-size)",
            file.stamp.size
        ));
    }
    let whole = || -> io::Result<(Vec<u8>, Stamp)> {
        let mut opened = File::open(&file.path)?;
        let mut bytes = Vec::with_capacity(usize::try_from(file.stamp.size).unwrap_or(0) + 1);
        opened.by_ref().take(limit + 1).read_to_end(&mut bytes)?;
        Ok((bytes, Stamp::of(&opened.metadata()?)))
    };
    match whole() {
        Ok((bytes, stamp)) if stamp == file.stamp && bytes.len() as u64 == stamp.size => {
            Read::Bytes(bytes)
        }
        Ok(_) => Read::Not("changed while it was read".to_owned()),
        Err(error) => Read::Not(format!("unreadable: {error}")),
    }
}

/// Whether nobody has written to it since.
pub fn is_as_it_was(file: &Seen) -> bool {
    let meta = std::fs::symlink_metadata(&file.path);
    meta.is_ok_and(|it| Stamp::of(&it) == file.stamp)
}

/// The sum of the first bytes.
pub fn head(file: &Seen, length: u64) -> io::Result<u128> {
    let mut sum = Xxh3Default::new();
    let mut bytes = Vec::new();
    File::open(&file.path)?
        .take(length)
        .read_to_end(&mut bytes)?;
    sum.update(&bytes);
    Ok(sum.digest128())
}

/// The sum of all bytes, and whether the file is still what it was.
pub fn sum(file: &Seen) -> io::Result<(u128, bool)> {
    let mut opened = File::open(&file.path)?;
    let mut sum = Xxh3Default::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match opened.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => sum.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok((
        sum.digest128(),
        Stamp::of(&opened.metadata()?) == file.stamp,
    ))
}
