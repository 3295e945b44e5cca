//! Whoever changes memories: holds the lock, knows what is there, and adds to it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::derive;
use super::error::Error;
use super::forgotten::{self, Forgotten};
use super::fragment::{Connection, Fragment, Reason, said};
use super::index::{self, Index};
use super::ingest::{Progress, Telling};
use super::line;
use super::numbers::{NO_TIE, Numbers, write_threads, write_ties};
use super::places::{self, Places};
use super::saved::{self, Linking};
use super::shelf::{self, Change, Covered, Day, Place, Shelf, Texts};
use super::sources::{Found, fingerprint};
use super::templates::{Group, Miner};
use super::threads::{Link, Linker};
use super::writing::Writing;
use crate::root::Home;
use crate::store::{Dir, Lock};
use crate::time::Timestamp;

/// Of `days.json`.
const VERSION: u32 = 1;
const DERIVED: &str = "index";
const TERMS: &str = "terms";
const DAYS: &str = "days.json";
/// What linking knows is written again once so many memories came, and half as many again as there were.
const SAVE_AFTER: u32 = 100_000;
/// How far it is is told after so many.
const TOLD_AFTER: u64 = 1024;
const UNLINKED: &str = "what is known of threads and templates cannot be read";
/// What a thread of the original lists.
const MEMBERS: &str = "members";
/// What was said under the id of a memory that a summary stands for: nobody knows any more.
const FOLDED: u64 = 0;

/// What the index covers.
#[derive(Default, Serialize, Deserialize)]
struct Days {
    v: u32,
    /// Memories in the index then.
    count: u32,
    #[serde(rename = "days")]
    covered: BTreeMap<Day, Covered>,
}

/// What became of one that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Added,
    /// Another version of a memory that is there.
    Changed,
    Known,
}

pub(super) struct Keeper {
    /// Before the lock: it ends with whatever it does.
    writing: Writing,
    shelf: Arc<Shelf>,
    _lock: Lock,
    derived: Dir,
    index: Option<Index>,
    covered: BTreeMap<Day, Covered>,
    /// So many bytes were taken since the last commit, about.
    waiting: usize,
    linker: Linker,
    linker_saved: u32,
    /// Of what was saved last.
    sum: u64,
    miner: Miner,
    places: Places,
    /// Of what was added since it was opened.
    fresh: Fresh,
    /// Is never remembered again.
    forgotten: Forgotten,
    /// Of a thread's number, an id that belongs to it.
    joins: Vec<(u32, String)>,
    /// What each memory is tied to by more than a guess.
    ties: Vec<u32>,
    begun: Option<Begun>,
    ingested_at: Timestamp,
}

/// A commit that goes on while more is taken.
struct Begun {
    count: u32,
    sources: Map<String, Value>,
}

/// The ids of what was added, by their numbers, and what was said of each.
#[derive(Default)]
struct Fresh {
    base: u32,
    text: String,
    ends: Vec<usize>,
    known: HashMap<u64, u64, foldhash::fast::FixedState>,
}

impl Fresh {
    fn add(&mut self, id: &str, said: u64) {
        self.text.push_str(id);
        self.ends.push(self.text.len());
        self.known.insert(xxh3_64(id.as_bytes()), said);
    }

    fn id(&self, ordinal: u32) -> Option<&str> {
        let at = ordinal.checked_sub(self.base)? as usize;
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        Some(&self.text[start..end])
    }
}

/// The first line of each template that lines say they are of: what they say stays true when they are learnt again, in
/// whatever order.
#[derive(Default)]
struct Groups(BTreeMap<Group, (Timestamp, Timestamp, Place)>);

impl Groups {
    fn see(&mut self, fragment: &Fragment, place: Place) {
        let template = fragment.template.as_deref().and_then(Group::parse);
        let Some(group) = template.filter(|_| is_line(&fragment.kind)) else {
            return;
        };
        // Who was told first made the group.
        let told = (fragment.ingested_at, fragment.timestamp, place);
        let first = self.0.entry(group).or_insert(told);
        if (told.0, told.1) < (first.0, first.1) {
            *first = told;
        }
    }
}

impl Keeper {
    /// What somebody was killed over is taken up first, and what a person changed is indexed anew.
    /// What linking knew when it was saved last need not be read again.
    pub(super) fn open(
        home: &Home,
        now: Timestamp,
        telling: &Telling<'_>,
        linking: Option<Linking>,
    ) -> Result<Self, Error> {
        let shelf = Shelf::make(home)?;
        let lock = shelf.lock()?;
        Self::with(shelf, lock, now, telling, linking)
    }

    pub(super) fn with(
        shelf: Shelf,
        lock: Lock,
        now: Timestamp,
        telling: &Telling<'_>,
        linking: Option<Linking>,
    ) -> Result<Self, Error> {
        let warn = telling.warn;
        shelf.sweep()?;
        let derived = shelf.derived(DERIVED)?;
        shelf::sweep(&derived)?;
        let places = places::read(&shelf, now, warn)?;
        let mut keeper = match Self::as_it_is(shelf, lock, derived, places, now, linking)? {
            Ok(keeper) => keeper,
            Err((shelf, lock, places, why)) => {
                warn(&format!("the index is made anew of the fragments: {why}"));
                Self::anew(shelf, lock, places, now)?
            }
        };
        keeper.forgotten = forgotten::read(&keeper.shelf)?;
        keeper.take_up(now, telling)?;
        keeper.writing.begin(keeper.covered.clone());
        Ok(keeper)
    }

    /// With an empty index.
    pub(super) fn anew(
        shelf: Shelf,
        lock: Lock,
        places: Places,
        now: Timestamp,
    ) -> Result<Self, Error> {
        shelf.dir.remove_tree(DERIVED, DAYS)?;
        let derived = shelf.derived(DERIVED)?;
        let shelf = Arc::new(shelf);
        Ok(Self {
            writing: Writing::open(Arc::clone(&shelf), terms(&derived)?)?,
            shelf,
            _lock: lock,
            derived,
            index: None,
            covered: BTreeMap::new(),
            waiting: 0,
            linker: Linker::default(),
            linker_saved: 0,
            sum: 0,
            miner: Miner::default(),
            places,
            fresh: Fresh::default(),
            forgotten: Forgotten::default(),
            joins: Vec::new(),
            ties: Vec::new(),
            begun: None,
            ingested_at: now,
        })
    }

    /// Or why it cannot be used.
    #[expect(
        clippy::type_complexity,
        reason = "what is given back is what was taken"
    )]
    fn as_it_is(
        shelf: Shelf,
        lock: Lock,
        derived: Dir,
        places: Places,
        now: Timestamp,
        linking: Option<Linking>,
    ) -> Result<Result<Self, (Shelf, Lock, Places, String)>, Error> {
        let terms = terms(&derived)?;
        let index = match Index::open(&terms) {
            Ok(index) => index,
            Err(error @ index::Error::Broken { .. }) => {
                return Ok(Err((shelf, lock, places, error.to_string())));
            }
            Err(error) => return Err(error.into()),
        };
        let count = index.as_ref().map_or(0, Index::len);
        let days: Option<Days> = shelf::derived(&derived, DAYS)?;
        // A newer one says other things by the same names.
        let days = days.filter(|it| it.v == VERSION).unwrap_or_default();
        let mut covered = days.covered;
        let linking = match linking_of(&derived, &terms, linking)? {
            Ok(linking) if linking.linker.len() <= count && days.count <= count => linking,
            Ok(_) => return Ok(Err((shelf, lock, places, UNLINKED.to_owned()))),
            Err(why) => return Ok(Err((shelf, lock, places, why.to_owned()))),
        };
        // Of the index, but not covered yet: somebody was killed in between.
        let mut texts = Texts::new(&shelf);
        for ordinal in days.count..count {
            let place = place(index.as_ref().expect("it counts some"), ordinal)?;
            let line = texts.line(place, true)?.to_vec();
            covered
                .entry(place.day)
                .or_default()
                .reach(place.offset, &line);
        }
        for (day, covered) in &mut covered {
            match shelf.change(*day, covered)? {
                Change::Nothing => {}
                Change::Grown => covered.settle(&shelf, *day)?,
                Change::Edited => {
                    let why = format!("{} was edited", shelf.path(*day).display());
                    return Ok(Err((shelf, lock, places, why)));
                }
            }
        }
        drop(texts);
        let shelf = Arc::new(shelf);
        Ok(Ok(Self {
            writing: Writing::open(Arc::clone(&shelf), terms)?,
            fresh: Fresh {
                base: count,
                ..Fresh::default()
            },
            linker_saved: linking.linker.len(),
            sum: linking.sum,
            shelf,
            _lock: lock,
            derived,
            index,
            covered,
            waiting: 0,
            linker: linking.linker,
            miner: linking.miner,
            places,
            forgotten: Forgotten::default(),
            joins: Vec::new(),
            ties: linking.ties,
            begun: None,
            ingested_at: now,
        }))
    }

    /// What lies there and nobody has indexed or linked yet.
    fn take_up(&mut self, now: Timestamp, telling: &Telling<'_>) -> Result<(), Error> {
        let warn = telling.warn;
        self.link_what_is_indexed()?;
        let mut behind: Vec<(Timestamp, Place)> = Vec::new();
        let mut groups = Groups::default();
        for day in self.shelf.days()? {
            let from = self.covered.get(&day).map_or(0, |it| it.size);
            if self.shelf.is_covered(day, from)? {
                continue;
            }
            if let Some(aside) = self.shelf.mend_end(day, now)? {
                warn(&format!(
                    "the end of {} was torn: it is {} now",
                    self.shelf.path(day).display(),
                    aside.display()
                ));
            }
            let mut bad = 0_u64;
            let covered = self.covered.entry(day).or_default();
            let end = self.shelf.scan(day, from, |offset, line| {
                covered.reach(offset, line);
                match line::parse(line) {
                    Ok(fragment) => {
                        let place = Place {
                            day,
                            offset,
                            length: u32::try_from(line.len()).unwrap_or(0),
                        };
                        groups.see(&fragment, place);
                        behind.push((fragment.timestamp, place));
                    }
                    Err(_) => bad += 1,
                }
                Ok(())
            })?;
            // What is no line is covered, too.
            covered.size = end;
            covered.settle(&self.shelf, day)?;
            if bad > 0 {
                warn(&format!(
                    "{}: {bad} lines are no fragments, and are passed over",
                    self.shelf.path(day).display()
                ));
            }
        }
        if behind.is_empty() {
            return Ok(());
        }
        behind.sort_by_key(|(at, _)| *at);
        let view = self.shelf.again()?;
        let mut texts = Texts::new(&view);
        for (group, (_, _, place)) in groups.0 {
            if let Some(line) = texts.fragment(place, false)? {
                self.miner.plant(&line.content, line.timestamp, group);
            }
        }
        let of = behind.len() as u64;
        for (n, (_, place)) in (0..).zip(behind) {
            if n % TOLD_AFTER == 0 {
                (telling.progress)(Progress::of(n, of));
            }
            let Some(fragment) = texts.fragment(place, true)? else {
                continue;
            };
            self.link_again(&fragment);
            self.writing.index(fragment, place);
        }
        drop(texts);
        self.begin_commit(Map::new());
        self.settle()?;
        self.index = Index::open(&terms(&self.derived)?)?;
        self.fresh = Fresh {
            base: self.linker.len(),
            ..Fresh::default()
        };
        Ok(())
    }

    /// What the index has and linking does not know, because somebody was killed before that was saved.
    fn link_what_is_indexed(&mut self) -> Result<(), Error> {
        let Some(index) = &self.index else {
            return Ok(());
        };
        let view = self.shelf.again()?;
        let mut texts = Texts::new(&view);
        let mut behind = Vec::new();
        for ordinal in self.linker.len()..index.len() {
            let place = place(index, ordinal)?;
            let fragment = texts.fragment(place, true)?;
            behind.push(fragment.ok_or_else(|| Error::Changed {
                path: self.shelf.path(place.day),
            })?);
        }
        for fragment in behind {
            self.link_again(&fragment);
        }
        Ok(())
    }

    /// Of a fragment that lies there already.
    fn link_again(&mut self, fragment: &Fragment) {
        let links = self.linker.link(fragment);
        self.ties.push(tie(&links));
        if is_line(&fragment.kind) {
            self.miner.learn(&fragment.content, fragment.timestamp);
        }
        self.await_members(fragment);
    }

    pub(super) fn place_of(&self, source: &str) -> Option<Value> {
        self.places.sources.get(source).cloned()
    }

    pub(super) const fn waiting_bytes(&self) -> usize {
        self.waiting
    }

    /// Adds what is new.
    pub(super) fn take(&mut self, mut found: Found) -> Result<Kept, Error> {
        let mut kept = Kept::Added;
        if self.forgotten.has(&found.id) {
            return Ok(Kept::Known);
        }
        if let Some(said) = self.said(&found.id)? {
            let now = found.fingerprint();
            if !found.may_change || said == now || said == FOLDED {
                return Ok(Kept::Known);
            }
            // The next version of it that is not there yet; or one that is.
            let first = found.id.clone();
            let mut last = first.clone();
            for n in 2_u32.. {
                let id = format!("{first}~{n}");
                // Of what was forgotten in part nobody can tell which part is told again.
                if self.forgotten.has(&id) {
                    return Ok(Kept::Known);
                }
                match self.said(&id)? {
                    Some(said) if said == now => return Ok(Kept::Known),
                    Some(_) => last = id,
                    None => {
                        found.id = id;
                        break;
                    }
                }
            }
            found.context.insert("supersedes".into(), last.into());
            kept = Kept::Changed;
        }
        let said = found.fingerprint();
        self.waiting += found.size();
        let (mut fragment, share) = self.fragment(found);
        let links = self.linker.link(&fragment);
        self.ties.push(tie(&links));
        fragment.connections = links
            .into_iter()
            .filter_map(|link| {
                let id = self.id_of(link.to).transpose()?;
                Some(id.map(|id| Connection {
                    id,
                    reason: link.reason,
                    score: (f64::from(link.score) * 1000.0).round() / 1000.0,
                }))
            })
            .collect::<Result<_, Error>>()?;
        if let Some(whole) = whole_of(&fragment.memory_id)
            && self.said(whole)?.is_some()
        {
            fragment.connections.push(Connection {
                id: whole.to_owned(),
                reason: Reason::Identifier,
                score: 1.0,
            });
        }
        self.fresh.add(&fragment.memory_id, said);
        self.await_members(&fragment);
        self.writing.add(fragment, share);
        Ok(kept)
    }

    /// And the part of all lines that its template has. Its insights and its weight come as it is written.
    fn fragment(&mut self, found: Found) -> (Fragment, f64) {
        let template = is_line(&found.kind).then(|| self.miner.learn(&found.content, found.at));
        let share = template.map(|it| self.miner.share(it));
        let fragment = Fragment {
            memory_id: found.id,
            timestamp: found.at,
            ingested_at: self.ingested_at,
            agent_id: found.agent,
            kind: found.kind,
            content: found.content,
            context: found.context,
            insights: Vec::new(),
            connections: Vec::new(),
            narrative_weight: 0.0,
            template: template.map(|it| it.to_string()),
            rest: found.rest,
        };
        (fragment, share.unwrap_or(0.0))
    }

    /// A thread that somebody else had made, and what an id says by its shape: both may come later.
    fn await_members(&mut self, fragment: &Fragment) {
        if let Some(whole) = whole_of(&fragment.memory_id) {
            self.joins.push((self.linker.len() - 1, whole.to_owned()));
        }
        if let Some(Value::Array(ids)) = said(&fragment.context, MEMBERS) {
            let ids = ids.iter().filter_map(Value::as_str);
            let number = self.linker.len() - 1;
            self.joins.extend(ids.map(|id| (number, id.to_owned())));
        }
    }

    /// Once all that came is in the index.
    fn join_members(&mut self) -> Result<(), Error> {
        let joins = std::mem::take(&mut self.joins);
        if joins.is_empty() {
            return Ok(());
        }
        let Some(index) = Index::open(&terms(&self.derived)?)? else {
            return Ok(());
        };
        let mut texts = Texts::new(&self.shelf);
        for (number, id) in joins {
            for ordinal in index.find(&id)? {
                let line = texts.line(place(&index, ordinal)?, false)?;
                if derive::id_of(line).as_deref() == Some(id.as_str())
                    && self.linker.unite(number, ordinal)
                {
                    self.ties[number as usize] = ordinal;
                }
            }
        }
        Ok(())
    }

    /// What was said under an id, if anything was.
    fn said(&self, id: &str) -> Result<Option<u64>, Error> {
        if let Some(said) = self.fresh.known.get(&xxh3_64(id.as_bytes())) {
            return Ok(Some(*said));
        }
        let Some(index) = &self.index else {
            return Ok(None);
        };
        for ordinal in index.find(id)? {
            let mut texts = Texts::new(&self.shelf);
            let there = texts.fragment(place(index, ordinal)?, false)?;
            if let Some(there) = there.filter(|it| it.memory_id == id) {
                return Ok(Some(fingerprint(
                    there.timestamp,
                    &there.agent_id,
                    &there.kind,
                    &there.content,
                    &there.context,
                )));
            }
        }
        // Folded into a summary, which keeps its id alone: whatever was said, it is known.
        let folded = index.with_term(&format!("of:{id}"), 1)?;
        Ok((!folded.is_empty()).then_some(FOLDED))
    }

    fn id_of(&self, ordinal: u32) -> Result<Option<String>, Error> {
        if let Some(id) = self.fresh.id(ordinal) {
            return Ok(Some(id.to_owned()));
        }
        let Some(index) = self.index.as_ref().filter(|it| ordinal < it.len()) else {
            return Ok(None);
        };
        let mut texts = Texts::new(&self.shelf);
        let line = texts.line(place(index, ordinal)?, false)?;
        Ok(derive::id_of(line))
    }

    /// Begins to make durable what was taken; it goes on while more is taken.
    pub(super) fn commit(&mut self, places: &Map<String, Value>) -> Result<(), Error> {
        let kept = &self.places.sources;
        let is_known = |(name, place): (&String, &Value)| kept.get(name) == Some(place);
        if self.waiting == 0 && self.begun.is_none() && places.iter().all(is_known) {
            return Ok(());
        }
        self.settle()?;
        self.begin_commit(places.clone());
        self.waiting = 0;
        let grown = self.linker.len() - self.linker_saved;
        if grown > SAVE_AFTER.max(self.linker_saved / 2) {
            self.settle()?;
            self.save_linking()?;
        }
        Ok(())
    }

    fn begin_commit(&mut self, sources: Map<String, Value>) {
        self.writing.begin_commit();
        self.begun = Some(Begun {
            count: self.linker.len(),
            sources,
        });
    }

    /// What was begun is durable once this returned.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        let Some(begun) = self.begun.take() else {
            return Ok(());
        };
        self.covered.extend(self.writing.outcome()?);
        let days = Days {
            v: VERSION,
            count: begun.count,
            covered: self.covered.clone(),
        };
        let text = serde_json::to_vec(&days).expect("every key is text");
        shelf::replace(&self.derived, DAYS, &text)?;
        if begun.sources.is_empty() {
            return Ok(());
        }
        self.places.sources.extend(begun.sources);
        self.places.write(&self.shelf)
    }

    /// What is derived beside the index, brought up to date.
    pub(super) fn finish(mut self, now: Timestamp) -> Result<Linking, Error> {
        self.settle()?;
        self.writing.begin_merge();
        let count = self.linker.len();
        let numbers = Numbers::open(&terms(&self.derived)?)?;
        if count != self.linker_saved || !numbers.are_of(count) || count == 0 {
            self.derive(&numbers, now)?;
        }
        self.writing.merged()?;
        Ok(Linking {
            sum: self.sum,
            miner: self.miner,
            linker: self.linker,
            ties: self.ties,
        })
    }

    fn derive(&mut self, numbers: &Numbers, now: Timestamp) -> Result<(), Error> {
        let count = self.linker.len();
        self.miner.settle();
        self.save_linking()?;
        let Some(index) = Index::open(&terms(&self.derived)?)? else {
            return Ok(());
        };
        let old = numbers.threads().unwrap_or_default();
        let old = (!old.is_empty()).then_some(old);
        let new: Vec<u32> = (0..count).map(|it| self.linker.thread_of(it)).collect();
        derive::threads(&self.shelf, &index, old.as_deref(), &new)?;
        write_threads(&terms(&self.derived)?, &new)?;
        derive::insights(&self.shelf, &index, &self.miner, &new, now)
    }

    fn save_linking(&mut self) -> Result<(), Error> {
        self.join_members()?;
        // Before what knows how many they are.
        write_ties(&terms(&self.derived)?, &self.ties)?;
        self.sum = saved::write(&self.derived, &self.miner, &self.linker)?;
        self.linker_saved = self.linker.len();
        Ok(())
    }
}

/// What linking knows, as it is in memory or was saved; or why it cannot be used.
fn linking_of(
    derived: &Dir,
    terms: &Dir,
    known: Option<Linking>,
) -> Result<Result<Linking, &'static str>, Error> {
    let sum = saved::sum(derived)?;
    if let Some(known) = known.filter(|it| Some(it.sum) == sum) {
        return Ok(Ok(known));
    }
    let (sum, linker, miner) = match saved::read(derived)? {
        None => (0, Some(Linker::default()), Some(Miner::default())),
        Some(it) => (it.sum, Linker::load(it.linker()), Miner::load(it.miner())),
    };
    let (Some(linker), Some(miner)) = (linker, miner) else {
        return Ok(Err(UNLINKED));
    };
    let mut ties = Numbers::open(terms)?.ties().unwrap_or_default();
    if ties.len() < linker.len() as usize {
        return Ok(Err("what memories are tied to cannot be read"));
    }
    ties.truncate(linker.len() as usize);
    Ok(Ok(Linking {
        sum,
        miner,
        linker,
        ties,
    }))
}

/// What readers need, where the index covers just what lies there, by a look at each file.
pub(super) fn current(shelf: &Shelf) -> Result<Option<(Index, Numbers)>, Error> {
    let derived = match shelf.dir.sub(DERIVED) {
        Err(error) if error.is_absent() => return Ok(None),
        other => other?,
    };
    let days = shelf::derived::<Days>(&derived, DAYS)?;
    let Some(days) = days.filter(|it| it.v == VERSION) else {
        return Ok(None);
    };
    let there = shelf.days()?;
    if there.len() != days.covered.len() {
        return Ok(None);
    }
    for day in there {
        let Some(covered) = days.covered.get(&day) else {
            return Ok(None);
        };
        if !shelf.is_unchanged(day, covered)? {
            return Ok(None);
        }
    }
    let terms = match derived.sub(TERMS) {
        Err(error) if error.is_absent() => return Ok(None),
        other => other?,
    };
    let Ok(Some(index)) = Index::open(&terms) else {
        return Ok(None);
    };
    let numbers = Numbers::open(&terms)?;
    let is_whole = index.len() == days.count && numbers.are_of(days.count);
    Ok(is_whole.then_some((index, numbers)))
}

/// What readers need; `None` where nothing is indexed.
pub(super) fn read(shelf: &Shelf) -> Result<Option<(Index, Numbers)>, Error> {
    let derived = match shelf.dir.sub(DERIVED) {
        Err(error) if error.is_absent() => return Ok(None),
        other => other?,
    };
    let terms = match derived.sub(TERMS) {
        Err(error) if error.is_absent() => return Ok(None),
        other => other?,
    };
    let numbers = Numbers::open(&terms)?;
    Ok(Index::open(&terms)?.map(|index| (index, numbers)))
}

/// All that is derived is made anew of the fragments, which stay as they are.
pub(super) fn rebuild(home: &Home, now: Timestamp, telling: &Telling<'_>) -> Result<u32, Error> {
    let shelf = Shelf::make(home)?;
    let lock = shelf.lock()?;
    let places = places::read(&shelf, now, telling.warn)?;
    let mut keeper = Keeper::anew(shelf, lock, places, now)?;
    keeper.take_up(now, telling)?;
    let count = keeper.linker.len();
    keeper.finish(now)?;
    Ok(count)
}

/// What is written down of those that never come back.
pub(super) struct Note<'n> {
    pub(super) ids: &'n HashSet<String>,
    pub(super) said: &'n dyn Fn(&str) -> Value,
}

/// Takes these memories out of their days, then makes the index anew. With a note of each they never come back.
pub(super) fn take_out(
    home: &Home,
    is_meant: &dyn Fn(&str) -> bool,
    note: Option<Note<'_>>,
    now: Timestamp,
    telling: &Telling<'_>,
) -> Result<u64, Error> {
    let shelf = Shelf::make(home)?;
    let lock = shelf.lock()?;
    shelf.sweep()?;
    let is_for_good = note.is_some();
    if let Some(note) = note {
        forgotten::note(&shelf, note.ids, note.said)?;
    }
    let mut taken = 0;
    for day in shelf.days()? {
        taken += shelf.without(day, is_meant)?;
    }
    // What is folded stays, in its summary; what is forgotten is nowhere.
    if is_for_good {
        taken += shelf.without_asides(is_meant)?;
    }
    let places = places::read(&shelf, now, telling.warn)?;
    let mut keeper = Keeper::anew(shelf, lock, places, now)?;
    keeper.take_up(now, telling)?;
    keeper.finish(now)?;
    Ok(taken)
}

/// What is known of templates, if anything is.
pub(super) fn miner(shelf: &Shelf) -> Result<Option<Miner>, Error> {
    let derived = match shelf.dir.sub(DERIVED) {
        Err(error) if error.is_absent() => return Ok(None),
        other => other?,
    };
    Ok(saved::read(&derived)?.and_then(|it| Miner::load(it.miner())))
}

fn terms(derived: &Dir) -> Result<Dir, Error> {
    derived.make_dir(TERMS)?;
    Ok(derived.sub(TERMS)?)
}

pub(super) fn place(index: &Index, ordinal: u32) -> Result<Place, Error> {
    let place = index.place(ordinal)?;
    // What is beyond the index lies nowhere.
    let Some(place) = place else {
        return Ok(Place {
            day: Day(0),
            offset: 0,
            length: 0,
        });
    };
    Ok(Place {
        day: Day(place.day),
        offset: place.offset,
        length: place.length,
    })
}

/// Whether memories of a kind are lines like others.
fn is_line(kind: &str) -> bool {
    kind == "log" || kind.ends_with("event")
}

/// `bd-12` of `bd-12.3`: what an id names as the whole that it is a part of.
fn whole_of(id: &str) -> Option<&str> {
    let (whole, part) = id.rsplit_once('.')?;
    let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !whole.is_empty()).then_some(whole)
}

/// What somebody said that it belongs to: guesses tie nothing.
fn tie(links: &[Link]) -> u32 {
    let is_said = |it: &&Link| matches!(it.reason, Reason::Task | Reason::Thread | Reason::Reply);
    links.iter().find(is_said).map_or(NO_TIE, |it| it.to)
}
