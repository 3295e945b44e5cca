//! A whole scan: the tree, its files, what is found in them.

use std::collections::{BTreeMap, HashMap};

use super::code::{self, Choice, Source};
use super::disk::{self, Cache, Looked, Outcome, Read, Seen, Tree, Walked};
use super::each::{Tick, each};
use super::names::{Name, names};
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
    let cache = wanted.cached.then(|| cache(wanted)).flatten();
    if let Some(found) = cache.as_ref().and_then(|it| it.load(&walked)) {
        return Ok(found);
    }
    let kept = cache.as_ref().map(|it| it.load_read(&walked));
    let looked = look(wanted, &walked, kept.unwrap_or_default(), telling.reading);
    let (sources, skipped) = parted(walked.files.iter().map(|it| &*it.name), &looked);
    let skipped = joined(skipped, walked.skipped.clone());
    let found = searched(&sources, skipped, &wanted.options, telling);
    if let Some(cache) = cache {
        cache.save(&walked, &looked, &found);
    }
    Ok(found)
}

/// The same of the files that a revision of git held.
pub fn copies_at(wanted: &Wanted, revision: &str, telling: Telling) -> Result<Found, Error> {
    let files = disk::files_at(&wanted.tree.base, revision, wanted.largest)?;
    let look = |at: usize, (): &mut ()| {
        Looked::lasting(code::readable(&files[at].0, &files[at].1, &wanted.choice))
    };
    let threads = wanted.options.threads;
    let looked = each(files.len(), threads, || (), look, telling.reading);
    let names = files.iter().map(|it| &*it.0);
    let (sources, skipped) = parted(names, &looked);
    Ok(searched(&sources, skipped, &wanted.options, telling))
}

/// Names that many places define, and what was not read.
pub fn same_names(
    wanted: &Wanted,
    least: usize,
    functions: bool,
    telling: Telling,
) -> Result<(Vec<Name>, Vec<Skipped>), Error> {
    let walked = disk::walk(&wanted.tree)?;
    let looked = look(wanted, &walked, HashMap::new(), telling.reading);
    let (sources, skipped) = parted(walked.files.iter().map(|it| &*it.name), &looked);
    let skipped = joined(skipped, walked.skipped);
    Ok((names(&sources, least, functions), skipped))
}

/// Each file as it was read, now or before.
fn look(
    wanted: &Wanted,
    walked: &Walked,
    mut kept: HashMap<String, Outcome>,
    tick: Tick,
) -> Vec<Looked> {
    let kept: Vec<Option<Outcome>> = walked
        .files
        .iter()
        .map(|it| kept.remove(&it.name))
        .collect();
    let missing: Vec<&Seen> = walked
        .files
        .iter()
        .zip(&kept)
        .filter_map(|(file, kept)| kept.is_none().then_some(file))
        .collect();
    let look = |at: usize, (): &mut ()| match disk::read(missing[at], wanted.largest) {
        Read::Bytes(bytes) => {
            Looked::lasting(code::readable(&missing[at].name, &bytes, &wanted.choice))
        }
        Read::Not(why) => Looked {
            outcome: Err(why),
            lasts: false,
        },
    };
    let threads = wanted.options.threads;
    let mut looked = each(missing.len(), threads, || (), look, tick).into_iter();
    let next = |kept: Option<Outcome>| kept.map(Looked::lasting).or_else(|| looked.next());
    kept.into_iter().filter_map(next).collect()
}

/// What can be compared, and what is to be told of the rest.
fn parted<'l>(
    names: impl Iterator<Item = &'l str>,
    looked: &'l [Looked],
) -> (Vec<&'l Source>, Vec<Skipped>) {
    let mut sources = Vec::new();
    let mut skipped = Vec::new();
    for (file, looked) in names.zip(looked) {
        let file = file.to_owned();
        match &looked.outcome {
            Ok(source) => {
                skipped.extend(source.notes().map(|why| Skipped {
                    file: file.clone(),
                    why,
                }));
                sources.push(source);
            }
            Err(why) => skipped.push(Skipped {
                file,
                why: why.clone(),
            }),
        }
    }
    (sources, skipped)
}

fn joined(mut some: Vec<Skipped>, more: Vec<Skipped>) -> Vec<Skipped> {
    some.extend(more);
    some.sort();
    some
}

fn searched(
    sources: &[&Source],
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

/// Known by all that decides what is found, and by what decides what is read.
fn cache(wanted: &Wanted) -> Option<Cache> {
    let options = code::Options {
        threads: 0,
        ..wanted.options
    };
    let reading = format!("code {:?} {}", wanted.choice, wanted.largest);
    let way = format!("{reading} {:?} {options:?}", wanted.tree);
    Cache::of(&wanted.tree.base, &way, &reading)
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
