//! What people may read of what is derived: `threads/<day>.json`, the threads that began on a day, one a line, and
//! `insights/`. All of it may be deleted: `rebuild` makes it anew.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::index::{Index, Only};
use super::keep::place;
use super::line;
use super::shelf::{self, Day, Place, Shelf, Texts};
use super::tell::{Finding, Gather, Told};
use super::templates::{Group, Miner, Pattern};
use crate::store::Dir;
use crate::time::Timestamp;

const THREADS: &str = "threads";

/// Threads, by their numbers.
type Dirty = HashSet<u32, foldhash::fast::FixedState>;

/// One line of `threads/<day>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    thread_id: String,
    from: Timestamp,
    to: Timestamp,
    agents: BTreeSet<String>,
    memories: Vec<String>,
}

/// Brings them from the old numbers of threads to the new ones.
pub(super) fn threads(
    shelf: &Shelf,
    index: &Index,
    old: Option<&[u32]>,
    new: &[u32],
) -> Result<(), Error> {
    let dir = shelf.derived(THREADS)?;
    shelf::sweep(&dir)?;
    let dirty = old.map(|old| dirty(old, new));
    if let Some(dirty) = dirty
        && patch(shelf, &dir, index, &dirty, new)?
    {
        return Ok(());
    }
    for name in dir.file_names()? {
        dir.remove(&name)?;
    }
    let made = lines(shelf, index, &|_| true, new)?;
    for (day, lines) in made {
        write(&dir, day, &lines)?;
    }
    Ok(())
}

/// The threads that are not as they were, by their old and their new numbers.
fn dirty(old: &[u32], new: &[u32]) -> Dirty {
    let mut dirty = Dirty::default();
    for (at, number) in new.iter().enumerate() {
        match old.get(at) {
            Some(before) if before == number => {}
            Some(before) => {
                dirty.insert(*before);
                dirty.insert(*number);
            }
            None => {
                dirty.insert(*number);
            }
        }
    }
    dirty
}

/// `false`: a file of them cannot be read, and all are made anew.
fn patch(
    shelf: &Shelf,
    dir: &Dir,
    index: &Index,
    dirty: &Dirty,
    new: &[u32],
) -> Result<bool, Error> {
    let mut texts = Texts::new(shelf);
    let mut gone: BTreeMap<Day, HashSet<String>> = BTreeMap::new();
    for number in dirty {
        let place = place(index, *number)?;
        let id = id_of(texts.line(place, false)?);
        gone.entry(place.day).or_default().extend(id);
    }
    let mut made = lines(shelf, index, &|it| dirty.contains(&it), new)?;
    for (day, gone) in gone {
        let name = name(day);
        let exists = dir.exists(&name)?;
        let Some(mut lines) = shelf::derived::<Vec<Line>>(dir, &name)?.or((!exists).then(Vec::new))
        else {
            return Ok(false);
        };
        lines.retain(|it| !gone.contains(&it.thread_id));
        lines.extend(made.remove(&day).unwrap_or_default());
        lines.sort_by(|a, b| (a.from, &a.thread_id).cmp(&(b.from, &b.thread_id)));
        write(dir, day, &lines)?;
    }
    Ok(true)
}

fn name(day: Day) -> String {
    format!("{}.json", day.name())
}

fn write(dir: &Dir, day: Day, lines: &[Line]) -> Result<(), Error> {
    let name = name(day);
    if lines.is_empty() {
        return match dir.remove(&name) {
            Err(error) if error.is_absent() => Ok(()),
            other => Ok(other?),
        };
    }
    let mut text = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        text.extend_from_slice(if n == 0 { b"[\n" } else { b",\n" });
        serde_json::to_writer(&mut text, line).expect("every key is text");
    }
    text.extend_from_slice(b"\n]\n");
    shelf::replace(dir, &name, &text)
}

/// Of the threads that are asked for, those of more than one memory, by the day of their beginning.
fn lines(
    shelf: &Shelf,
    index: &Index,
    is_asked: &dyn Fn(u32) -> bool,
    new: &[u32],
) -> Result<BTreeMap<Day, Vec<Line>>, Error> {
    // A thread is called by the number of its first memory.
    let mut counts = vec![0_u32; new.len()];
    for number in new.iter().filter(|it| is_asked(**it)) {
        counts[*number as usize] += 1;
    }
    let mut texts = Texts::new(shelf);
    let mut all: BTreeMap<u32, (Day, Line)> = BTreeMap::new();
    for (ordinal, number) in (0_u32..).zip(new) {
        if counts[*number as usize] < 2 {
            continue;
        }
        let Some(about) = index.place(ordinal)? else {
            continue;
        };
        let place = Place {
            day: Day(about.day),
            offset: about.offset,
            length: about.length,
        };
        let Some(id) = id_of(texts.line(place, true)?) else {
            continue;
        };
        let (_, line) = all.entry(*number).or_insert_with(|| {
            let line = Line {
                thread_id: id.clone(),
                from: about.at,
                to: about.at,
                agents: BTreeSet::new(),
                memories: Vec::new(),
            };
            (place.day, line)
        });
        line.from = line.from.min(about.at);
        line.to = line.to.max(about.at);
        if !line.agents.contains(&about.agent) {
            line.agents.insert(about.agent.clone());
        }
        line.memories.push(id);
    }
    let mut days: BTreeMap<Day, Vec<Line>> = BTreeMap::new();
    for (day, line) in all.into_values() {
        days.entry(day).or_default().push(line);
    }
    Ok(days)
}

pub(super) fn id_of(line: &[u8]) -> Option<String> {
    let quick = line::id_of(line).map(str::to_owned);
    quick.or_else(|| line::parse(line).ok().map(|it| it.memory_id))
}

const INSIGHTS: &str = "insights";
const PATTERNS: &str = "patterns.json";
const FINDINGS: &str = "findings.json";
/// Of so many of the last memories findings are made.
const LAST: usize = 20_000;

#[derive(Serialize)]
struct Patterns {
    v: u32,
    #[serde(rename = "patterns")]
    all: Vec<Template>,
}

/// Lines that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Template {
    pub id: String,
    /// `<*>` stands for what differs.
    pub text: String,
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
    /// Where they are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memories: Option<Vec<String>>,
}

/// The most frequent first.
pub(super) fn templates(
    miner: &Miner,
    mut memories: impl FnMut(Group) -> Option<Vec<String>>,
) -> Vec<Template> {
    let template = |it: Pattern| Template {
        memories: memories(it.group),
        id: it.group.to_string(),
        text: it.text,
        count: it.count,
        first: it.first,
        last: it.last,
    };
    let mut all: Vec<Template> = miner.patterns().map(template).collect();
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
    all
}

#[derive(Serialize)]
struct Findings<'f> {
    v: u32,
    made_at: Timestamp,
    #[serde(rename = "findings")]
    all: &'f [Finding],
}

/// The templates of all lines, and what stands out in the last memories.
pub(super) fn insights(
    shelf: &Shelf,
    index: &Index,
    miner: &Miner,
    threads: &[u32],
    now: Timestamp,
) -> Result<(), Error> {
    let dir = shelf.derived(INSIGHTS)?;
    shelf::sweep(&dir)?;
    let patterns = Patterns {
        v: 1,
        all: templates(miner, |_| None),
    };
    keep(&dir, PATTERNS, &patterns)?;
    let mut last = index.recent(&Only::default(), LAST)?;
    last.reverse();
    let mut texts = Texts::new(shelf);
    let mut gather = Gather::default();
    for ordinal in last {
        if let Some(fragment) = texts.fragment(place(index, ordinal)?, true)? {
            gather.see(&Told {
                fragment: &fragment,
                thread: threads.get(ordinal as usize).copied().unwrap_or(ordinal),
            });
        }
    }
    let findings = gather.finish(now);
    let made = Findings {
        v: 1,
        made_at: now,
        all: &findings,
    };
    keep(&dir, FINDINGS, &made)
}

fn keep(dir: &Dir, name: &str, document: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(document).expect("every key is text");
    text.push(b'\n');
    shelf::replace(dir, name, &text)
}
