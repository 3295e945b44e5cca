//! A whole scan: the tree, its files, what is found in them.

use std::collections::BTreeMap;

use super::code::{self, Choice, Source};
use super::disk::{self, Cache, Read, Tree, Walked};
use super::each::{Tick, each};
use super::settings;
use super::{Class, Error, Found, Skipped, Totals};

/// No person keeps longer ones.
const LARGEST_SETTINGS: u64 = 4 << 20;

/// How the copies of code in a tree are looked for.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub tree: Tree,
    pub choice: Choice,
    pub options: code::Options,
    /// Longer files are not read.
    pub largest: u64,
    /// What was found is kept, and told again if nothing has changed.
    pub cached: bool,
}

/// Told while it goes on: files that were read, files that were compared.
#[derive(Clone, Copy)]
pub struct Telling<'t> {
    pub reading: Tick<'t>,
    pub comparing: Tick<'t>,
}

/// Copies of code.
pub fn copies(wanted: &Wanted, telling: Telling) -> Result<Found, Error> {
    let walked = disk::walk(&wanted.tree)?;
    let cache = wanted
        .cached
        .then(|| Cache::of(&wanted.tree.base, way(wanted)))
        .flatten();
    if let Some(found) = cache.as_ref().and_then(|it| it.load(&walked.files)) {
        return Ok(found);
    }
    let (sources, skipped) = read(wanted, &walked, telling.reading);
    let found = searched(&sources, skipped, &wanted.options, telling);
    if let Some(cache) = cache {
        cache.save(&walked.files, &found);
    }
    Ok(found)
}

/// The same of the files that a revision of git held.
pub fn copies_at(wanted: &Wanted, revision: &str, telling: Telling) -> Result<Found, Error> {
    let files = disk::files_at(&wanted.tree.base, revision, wanted.largest)?;
    let read = |at: usize, (): &mut ()| code::readable(&files[at].0, &files[at].1, &wanted.choice);
    let read = each(
        files.len(),
        wanted.options.threads,
        || (),
        read,
        telling.reading,
    );
    let names = files.iter().map(|it| it.0.clone());
    let (sources, skipped) = parted(names.zip(read), Vec::new());
    Ok(searched(&sources, skipped, &wanted.options, telling))
}

/// All that is code, and what is not with its reason.
pub fn sources(wanted: &Wanted, telling: Telling) -> Result<(Vec<Source>, Vec<Skipped>), Error> {
    let walked = disk::walk(&wanted.tree)?;
    Ok(read(wanted, &walked, telling.reading))
}

fn read(wanted: &Wanted, walked: &Walked, tick: Tick) -> (Vec<Source>, Vec<Skipped>) {
    let read = |at: usize, (): &mut ()| {
        let file = &walked.files[at];
        match disk::read(file, wanted.largest) {
            Read::Bytes(bytes) => code::readable(&file.name, &bytes, &wanted.choice),
            Read::Not(why) => Err(why),
        }
    };
    let read = each(
        walked.files.len(),
        wanted.options.threads,
        || (),
        read,
        tick,
    );
    let names = walked.files.iter().map(|it| it.name.clone());
    parted(names.zip(read), walked.skipped.clone())
}

fn parted(
    read: impl Iterator<Item = (String, Result<Source, String>)>,
    mut skipped: Vec<Skipped>,
) -> (Vec<Source>, Vec<Skipped>) {
    let mut sources = Vec::new();
    for (file, source) in read {
        match source {
            Ok(source) => {
                skipped.extend(source.fault.as_ref().map(|(line, what)| Skipped {
                    file,
                    why: format!("line {line}: {what}; the rest is compared"),
                }));
                sources.push(source);
            }
            Err(why) => skipped.push(Skipped { file, why }),
        }
    }
    skipped.sort();
    (sources, skipped)
}

fn searched(
    sources: &[Source],
    skipped: Vec<Skipped>,
    options: &code::Options,
    telling: Telling,
) -> Found {
    let clones = code::search(sources, options, telling.comparing);
    let mut totals = Totals {
        files: sources.len(),
        lines: sources.iter().map(|it| it.lines).sum(),
        duplicated_lines: 0,
    };
    totals.duplicated_lines = duplicated(&clones).values().sum();
    Found {
        totals,
        clones,
        conflicts: Vec::new(),
        skipped,
    }
}

/// Lines of each file that stand in some fragment, each once.
pub fn duplicated(clones: &[Class]) -> BTreeMap<&str, usize> {
    let mut by_file: BTreeMap<&str, Vec<(usize, usize)>> = BTreeMap::new();
    for fragment in clones.iter().flat_map(|it| &it.fragments) {
        by_file
            .entry(&fragment.file)
            .or_default()
            .push((fragment.start, fragment.end));
    }
    let count = |mut ranges: Vec<(usize, usize)>| {
        ranges.sort_unstable();
        let mut counted = 0;
        let mut next = 0;
        for (start, end) in ranges {
            counted += (end + 1).saturating_sub(start.max(next));
            next = next.max(end + 1);
        }
        counted
    };
    by_file
        .into_iter()
        .map(|(file, ranges)| (file, count(ranges)))
        .collect()
}

/// All that decides what is found.
fn way(wanted: &Wanted) -> String {
    let options = code::Options {
        threads: 0,
        ..wanted.options
    };
    format!(
        "code {:?} {options:?} {:?} {}",
        wanted.tree, wanted.choice, wanted.largest
    )
}

/// Settings that are written again, and those that contradict each other.
pub fn configs(tree: &Tree, options: &settings::Options) -> Result<Found, Error> {
    let walked = disk::walk(tree)?;
    let mut skipped = walked.skipped;
    let mut texts: Vec<(&str, String)> = Vec::new();
    for file in walked
        .files
        .iter()
        .filter(|it| settings::format_of(&it.name).is_some())
    {
        let why = match disk::read(file, LARGEST_SETTINGS) {
            Read::Bytes(bytes) => match String::from_utf8(bytes) {
                Ok(text) => {
                    texts.push((&file.name, text));
                    continue;
                }
                Err(error) => format!(
                    "no UTF-8 text, byte {}",
                    error.utf8_error().valid_up_to() + 1
                ),
            },
            Read::Not(why) => why,
        };
        skipped.push(Skipped {
            file: file.name.clone(),
            why,
        });
    }
    let texts: Vec<settings::Text> = texts
        .iter()
        .map(|(file, text)| settings::Text { file, text })
        .collect();
    let mut found = settings::scan(&texts, options);
    found.skipped.append(&mut skipped);
    found.skipped.sort();
    Ok(found)
}
