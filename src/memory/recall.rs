//! Whoever asks: reads the index for where memories lie, and of the fragments only what it tells. Nothing is locked or
//! changed, unless the fragments are not what the index knows: then it is brought up to date first, if nobody else is at
//! it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde::Serialize;

use super::derive::{self, Template};
use super::error::Error;
use super::fragment::{Connection, Fragment};
use super::index::{self, Index, Only, Query};
use super::ingest::Telling;
use super::keep::{self, Keeper};
use super::numbers::Numbers;
use super::shelf::{Shelf, Texts};
use super::sight::{LeftOut, Letter, Sight};
use super::tell::{Chapter, Finding, Form, Gather, Told, chapters, digest, remember};
use super::templates::Group;
use super::verbs::{self, Stats};
use crate::root::Home;
use crate::time::Timestamp;

/// What is told at once is held in memory: the last of so many.
const MOST_TOLD: usize = 50_000;

/// What a memory must be to be told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub agent: Option<String>,
    /// Under this name, where nothing is remembered of the first.
    pub or_agent: Option<String>,
    pub kind: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    pub task: Option<String>,
    /// By any memory of it.
    pub thread: Option<String>,
}

impl Filter {
    fn is_in_time(&self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }

    fn terms(&self) -> Vec<String> {
        self.task
            .iter()
            .map(|task| format!("task:{task}"))
            .collect()
    }

    fn only<'f>(&'f self, terms: &'f [String], among: Option<&'f [u32]>) -> Only<'f> {
        Only {
            agent: self.agent.as_deref(),
            kind: self.kind.as_deref(),
            since: self.since,
            // The index takes the last moment in.
            until: self.until.map(|it| it.minus(Duration::from_millis(1))),
            terms,
            among,
        }
    }
}

/// A memory that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    pub score: f64,
    pub fragment: Fragment,
    /// The first memory of its thread.
    pub thread: String,
    /// A later version of it.
    pub superseded_by: Option<String>,
    /// Others that say nearly the same.
    pub folded: Vec<String>,
}

/// What is known of a topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Topic {
    pub topic: String,
    pub memory_count: usize,
    pub key_insights: Vec<String>,
    pub related_agents: Vec<String>,
    pub best: Vec<Fragment>,
}

impl Topic {
    pub fn nothing(topic: &str) -> Self {
        Self {
            topic: topic.to_owned(),
            ..Self::default()
        }
    }
}

/// A thread in few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thread {
    /// Its first memory.
    pub id: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub members: Vec<String>,
}

/// Asks what is remembered; `None`: nothing ever was. Mail that the asker may not see is left out. An index that turns out
/// to be broken is made anew of the fragments, with a notice, and asked again.
pub fn ask<T>(
    home: &Home,
    now: Timestamp,
    warn: &dyn Fn(&str),
    may_see: &dyn Fn(Letter<'_>) -> bool,
    question: impl Fn(&Memory<'_>) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    let asked = || {
        let memory = Memory::open(home, now, warn, may_see)?;
        memory.as_ref().map(&question).transpose()
    };
    match asked() {
        Err(error) if error.is_of_a_broken_index() => {
            mend(home, &error, now, &Telling::warning(warn))?;
            asked()
        }
        other => other,
    }
}

/// Makes an index anew that turned out to be broken.
pub(super) fn mend(
    home: &Home,
    error: &Error,
    now: Timestamp,
    telling: &Telling<'_>,
) -> Result<(), Error> {
    (telling.warn)(&format!("the index is made anew of the fragments: {error}"));
    verbs::rebuild(home, now, telling).map(drop)
}

/// `None`: nothing was ever remembered.
fn brought_up_to_date(
    shelf: &Shelf,
    now: Timestamp,
    telling: &Telling<'_>,
) -> Result<Option<(Index, Numbers)>, Error> {
    if let Some(lock) = shelf.try_lock()? {
        // A reader may not be allowed to write: then it goes by what is there.
        let keeper = Keeper::with(shelf.again()?, lock, now, telling, None);
        match keeper.and_then(|it| it.finish(now)) {
            Ok(_) => {}
            Err(error) => (telling.warn)(&format!("the index is not up to date: {error}")),
        }
    }
    let there = keep::read(shelf)?;
    if there.is_some() || shelf.days()?.is_empty() {
        return Ok(there);
    }
    // Somebody makes it anew: what is remembered is not nothing.
    let lock = shelf.lock()?;
    Keeper::with(shelf.again()?, lock, now, telling, None)?.finish(now)?;
    keep::read(shelf)
}

pub struct Memory<'a> {
    shelf: Shelf,
    index: Index,
    numbers: Numbers,
    sight: Sight<'a>,
}

impl<'a> Memory<'a> {
    /// `None`: nothing was ever remembered.
    pub fn open(
        home: &Home,
        now: Timestamp,
        warn: &dyn Fn(&str),
        may_see: &'a dyn Fn(Letter<'_>) -> bool,
    ) -> Result<Option<Self>, Error> {
        let Some(shelf) = Shelf::open(home)? else {
            return Ok(None);
        };
        let there = match keep::current(&shelf)? {
            Some(there) => Some(there),
            None => brought_up_to_date(&shelf, now, &Telling::warning(warn))?,
        };
        let Some((index, numbers)) = there else {
            return Ok(None);
        };
        Ok(Some(Self {
            shelf,
            index,
            numbers,
            sight: Sight::new(may_see),
        }))
    }

    /// Of all that was asked so far.
    pub fn left_out(&self) -> LeftOut {
        self.sight.left_out()
    }

    /// How many there are.
    pub fn len(&self) -> u32 {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn texts(&self) -> Texts<'_> {
        Texts::new(&self.shelf)
    }

    /// One by its number, if it is to be seen.
    fn fragment(&self, texts: &mut Texts<'_>, ordinal: u32) -> Result<Option<Fragment>, Error> {
        self.seen(texts, ordinal, false)
    }

    fn seen(
        &self,
        texts: &mut Texts<'_>,
        ordinal: u32,
        ahead: bool,
    ) -> Result<Option<Fragment>, Error> {
        let fragment = texts.fragment(keep::place(&self.index, ordinal)?, ahead)?;
        Ok(fragment.filter(|it| self.sight.lets(ordinal, it)))
    }

    /// The best first.
    pub fn query(&self, text: &str, filter: &Filter, limit: usize) -> Result<Vec<Hit>, Error> {
        let filter = &self.by_name(filter)?;
        let terms = filter.terms();
        let among = self.members_of(filter)?;
        let neighbours = |ordinal| self.numbers.tie(ordinal);
        // Where the best are not to be seen, more are looked for than are told.
        let mut most = limit;
        loop {
            let query = Query {
                text,
                only: filter.only(&terms, among.as_deref()),
                limit: most,
            };
            let found = self.index.search(&query, &neighbours)?;
            let is_all = found.len() < most;
            let hits = self.shown(found, limit)?;
            if is_all || hits.len() >= limit {
                return Ok(hits);
            }
            most = most.saturating_mul(4);
        }
    }

    /// Of the best those that are to be seen.
    fn shown(&self, found: Vec<index::Hit>, limit: usize) -> Result<Vec<Hit>, Error> {
        let mut texts = self.texts();
        let mut hits = Vec::new();
        for mut hit in found {
            if hits.len() >= limit {
                break;
            }
            let mut fragment = self.fragment(&mut texts, hit.ordinal)?;
            let mut folded = Vec::new();
            for ordinal in std::mem::take(&mut hit.folded) {
                if fragment.is_some() {
                    folded.extend(self.id(&mut texts, ordinal)?);
                } else {
                    // The first that is to be seen stands for the others.
                    fragment = self.fragment(&mut texts, ordinal)?;
                    hit.ordinal = ordinal;
                }
            }
            let Some(fragment) = fragment else {
                continue;
            };
            hits.push(Hit {
                score: f64::from(hit.score),
                thread: self.thread_id(&mut texts, hit.ordinal)?,
                superseded_by: self.superseded_by(&mut texts, &fragment.memory_id)?,
                folded,
                fragment,
            });
        }
        Ok(hits)
    }

    /// The same, of whom it means.
    fn by_name(&self, filter: &Filter) -> Result<Filter, Error> {
        let mut filter = filter.clone();
        let (Some(agent), Some(other)) = (&filter.agent, filter.or_agent.take()) else {
            return Ok(filter);
        };
        let only = Only {
            agent: Some(agent),
            ..Only::default()
        };
        if self.index.recent(&only, 1)?.is_empty() {
            filter.agent = Some(other);
        }
        Ok(filter)
    }

    /// The numbers of all that are of the thread that is asked for, in their order.
    fn members_of(&self, filter: &Filter) -> Result<Option<Vec<u32>>, Error> {
        let Some(id) = &filter.thread else {
            return Ok(None);
        };
        let number = self.numbers.thread(self.number(id)?)?;
        self.numbers.members(number).map(Some)
    }

    /// Ids alone, the best first: what a batch of queries is answered with.
    pub fn query_ids(
        &self,
        text: &str,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let hits = self.query(text, filter, limit)?;
        Ok(hits.into_iter().map(|hit| hit.fragment.memory_id).collect())
    }

    fn id(&self, texts: &mut Texts<'_>, ordinal: u32) -> Result<Option<String>, Error> {
        let place = keep::place(&self.index, ordinal)?;
        Ok(derive::id_of(texts.line(place, false)?))
    }

    fn thread_id(&self, texts: &mut Texts<'_>, ordinal: u32) -> Result<String, Error> {
        let first = self.numbers.thread(ordinal)?;
        Ok(self.id(texts, first)?.unwrap_or_default())
    }

    fn superseded_by(&self, texts: &mut Texts<'_>, id: &str) -> Result<Option<String>, Error> {
        let later = self.index.with_term(&format!("supersedes:{id}"), 1)?;
        match later.first() {
            Some(ordinal) => self.id(texts, *ordinal),
            None => Ok(None),
        }
    }

    /// The number of a memory.
    fn number(&self, id: &str) -> Result<u32, Error> {
        let mut texts = self.texts();
        for ordinal in self.index.find(id)? {
            if self.id(&mut texts, ordinal)?.as_deref() == Some(id) {
                return Ok(ordinal);
            }
        }
        // Folded: its summary stands for it.
        let summary = self.index.with_term(&format!("of:{id}"), 1)?;
        let summary = summary.first().copied();
        summary.ok_or_else(|| Error::NoMemory { id: id.to_owned() })
    }

    /// One memory, and what else is known of it.
    pub fn show(&self, id: &str) -> Result<Hit, Error> {
        let ordinal = self.number(id)?;
        let mut texts = self.texts();
        let fragment = texts.fragment(keep::place(&self.index, ordinal)?, false)?;
        let fragment = fragment.ok_or_else(|| Error::NoMemory { id: id.to_owned() })?;
        if !self.sight.lets(ordinal, &fragment)
            && let Some(mailbox) = self.sight.kept_back(&fragment)
        {
            return Err(Error::NotYours {
                id: id.to_owned(),
                mailbox: mailbox.to_owned(),
            });
        }
        Ok(Hit {
            score: 1.0,
            thread: self.thread_id(&mut texts, ordinal)?,
            superseded_by: self.superseded_by(&mut texts, id)?,
            folded: Vec::new(),
            fragment,
        })
    }

    /// All memories of the thread of one, in the order of their time.
    pub fn thread(&self, id: &str) -> Result<Vec<Fragment>, Error> {
        let number = self.numbers.thread(self.number(id)?)?;
        let members = self.numbers.members(number)?;
        self.fragments(&members)
    }

    /// As they are numbered, each of them; who changes them meanwhile is told to wait.
    pub(super) fn numbered(&self, ordinals: &[u32]) -> Result<Vec<Fragment>, Error> {
        let mut texts = self.texts();
        let mut all = Vec::with_capacity(ordinals.len());
        for ordinal in ordinals {
            let place = keep::place(&self.index, *ordinal)?;
            let fragment = texts.fragment(place, false)?;
            all.push(fragment.ok_or_else(|| Error::Changed {
                path: self.shelf.path(place.day),
            })?);
        }
        Ok(all)
    }

    /// In the order of their time.
    fn fragments(&self, ordinals: &[u32]) -> Result<Vec<Fragment>, Error> {
        let mut texts = self.texts();
        let mut all = Vec::with_capacity(ordinals.len());
        for ordinal in ordinals {
            all.extend(self.fragment(&mut texts, *ordinal)?);
        }
        all.sort_by_key(|it| it.timestamp);
        Ok(all)
    }

    /// All that name a task, and those of their threads, in the order of their time.
    pub fn task(&self, id: &str) -> Result<Vec<Fragment>, Error> {
        self.fragments(&self.of_task(id)?)
    }

    fn of_task(&self, id: &str) -> Result<Vec<u32>, Error> {
        let named = self.index.with_term(&format!("task:{id}"), usize::MAX)?;
        let mut numbers = HashSet::new();
        for ordinal in &named {
            numbers.insert(self.numbers.thread(*ordinal)?);
        }
        let mut members: HashSet<u32> = named.into_iter().collect();
        for number in numbers {
            members.extend(self.numbers.members(number)?);
        }
        let mut members: Vec<u32> = members.into_iter().collect();
        members.sort_unstable();
        Ok(members)
    }

    /// The newest first.
    pub fn recent(&self, filter: &Filter, limit: usize) -> Result<Vec<Fragment>, Error> {
        let mut most = limit;
        loop {
            let chosen = self.chosen(filter, most)?;
            let is_all = chosen.len() < most;
            let mut texts = self.texts();
            let mut all = Vec::new();
            for ordinal in chosen {
                if all.len() >= limit {
                    break;
                }
                all.extend(self.fragment(&mut texts, ordinal)?);
            }
            if is_all || all.len() >= limit {
                return Ok(all);
            }
            most = most.saturating_mul(4);
        }
    }

    /// The numbers of the newest that are so, the newest first.
    fn chosen(&self, filter: &Filter, limit: usize) -> Result<Vec<u32>, Error> {
        let filter = &self.by_name(filter)?;
        let terms = filter.terms();
        let among = self.members_of(filter)?;
        let only = filter.only(&terms, among.as_deref());
        Ok(self.index.recent(&only, limit)?)
    }

    /// Those that say the same as one, the best first, itself left out.
    pub fn similar(&self, id: &str, filter: &Filter, limit: usize) -> Result<Vec<Hit>, Error> {
        const TELLING: usize = 24;
        let one = self.show(id)?.fragment;
        let words = self.index.telling(&one.content, TELLING)?.join(" ");
        let mut hits = Vec::new();
        for mut hit in self.query(&words, filter, limit + 1)? {
            let alike = std::mem::take(&mut hit.folded);
            if hit.fragment.memory_id != id {
                hits.push(hit);
            }
            // Those that are told as one elsewhere are what is asked for here.
            for other in alike.iter().filter(|other| *other != id).take(limit) {
                match self.show(other) {
                    Err(Error::NotYours { .. }) => {}
                    shown => hits.push(shown?),
                }
            }
        }
        for hit in &mut hits {
            hit.score = likeness(&one.content, &hit.fragment.content);
        }
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(limit);
        Ok(hits)
    }

    /// Shows the last that are so, in the order of their time, each with the number of its thread.
    pub fn tell(
        &self,
        filter: &Filter,
        limit: usize,
        mut see: impl FnMut(&Told<'_>),
    ) -> Result<u64, Error> {
        self.each(filter, limit, |_, fragment, thread| {
            let fragment = &fragment;
            see(&Told { fragment, thread });
        })
    }

    /// As `tell`, with the number of each.
    pub(super) fn each(
        &self,
        filter: &Filter,
        limit: usize,
        mut see: impl FnMut(u32, Fragment, u32),
    ) -> Result<u64, Error> {
        let mut ordinals = self.chosen(filter, limit.saturating_add(1))?;
        if ordinals.len() > limit {
            ordinals.truncate(limit);
            self.sight.cut(limit);
        }
        ordinals.reverse();
        let mut texts = self.texts();
        let mut count = 0;
        for ordinal in ordinals {
            if let Some(fragment) = self.seen(&mut texts, ordinal, true)? {
                count += 1;
                see(ordinal, fragment, self.numbers.thread(ordinal)?);
            }
        }
        Ok(count)
    }

    /// Threads of more than one memory that have any that is so, in the order of their beginnings.
    pub fn threads(&self, filter: &Filter) -> Result<Vec<Thread>, Error> {
        let all = self.numbers.threads()?;
        let mut counts: HashMap<u32, u32, foldhash::fast::FixedState> = HashMap::default();
        for number in &all {
            *counts.entry(*number).or_default() += 1;
        }
        let chosen: Option<HashSet<u32>> = if *filter == Filter::default() {
            None
        } else {
            let chosen = self.chosen(filter, usize::MAX)?;
            Some(chosen.iter().map(|it| all[*it as usize]).collect())
        };
        let mut members: BTreeMap<u32, Thread> = BTreeMap::new();
        let mut texts = self.texts();
        for (ordinal, number) in (0_u32..).zip(&all) {
            let is_asked = chosen.as_ref().is_none_or(|it| it.contains(number));
            if !is_asked || counts[number] < 2 {
                continue;
            }
            let Some(place) = self.index.place(ordinal)? else {
                continue;
            };
            let line = texts.line(keep::place(&self.index, ordinal)?, true)?;
            let Some(id) = derive::id_of(line) else {
                continue;
            };
            let thread = members.entry(*number).or_insert_with(|| Thread {
                id: id.clone(),
                from: place.at,
                to: place.at,
                members: Vec::new(),
            });
            thread.from = thread.from.min(place.at);
            thread.to = thread.to.max(place.at);
            thread.members.push(id);
        }
        Ok(members.into_values().collect())
    }

    /// The links of others to a memory, each with whose it is.
    pub fn linked_from(&self, id: &str) -> Result<Vec<(String, Connection)>, Error> {
        let mut others = Vec::new();
        for other in self.thread(id)? {
            for link in other.connections {
                if link.id == id {
                    others.push((other.memory_id.clone(), link));
                }
            }
        }
        Ok(others)
    }

    /// All that are so, in the order of their time, at most the last `limit`, told by `how`.
    fn told<T>(
        &self,
        filter: &Filter,
        limit: usize,
        how: impl FnOnce(&[Told<'_>]) -> T,
    ) -> Result<T, Error> {
        let mut all: Vec<(Fragment, u32)> = Vec::new();
        self.tell(filter, limit, |told| {
            all.push((told.fragment.clone(), told.thread));
        })?;
        Ok(in_order(all, limit, how))
    }

    /// What happened, thread by thread; of one task with what is linked to it.
    pub fn story(&self, filter: &Filter, limit: usize) -> Result<Vec<Chapter>, Error> {
        let Some(task) = &filter.task else {
            return self.told(filter, limit, chapters);
        };
        let mut texts = self.texts();
        let mut all = Vec::new();
        for ordinal in self.of_task(task)? {
            if let Some(fragment) = self.fragment(&mut texts, ordinal)?
                && filter.is_in_time(fragment.timestamp)
            {
                all.push((fragment, self.numbers.thread(ordinal)?));
            }
        }
        if all.len() > limit {
            self.sight.cut(limit);
        }
        Ok(in_order(all, limit, chapters))
    }

    pub fn digest(&self, since: Timestamp, now: Timestamp, form: Form) -> Result<String, Error> {
        // What came before tells which tasks wait.
        self.told(&Filter::default(), MOST_TOLD, |told| {
            digest(told, since, now, form)
        })
    }

    /// What an agent should remember, in at most so many bytes.
    pub fn context(&self, agent: &str, now: Timestamp, budget: usize) -> Result<String, Error> {
        self.told(&Filter::default(), MOST_TOLD, |told| {
            remember(told, agent, now, budget)
        })
    }

    pub fn insights(
        &self,
        filter: &Filter,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Finding>, Error> {
        let mut gather = Gather::default();
        self.tell(filter, limit, |told| gather.see(told))?;
        Ok(gather.finish(now))
    }

    pub fn topic(&self, text: &str, filter: &Filter) -> Result<Topic, Error> {
        const LOOKED_AT: usize = 200;
        const BEST: usize = 5;
        const INSIGHTS: usize = 8;
        let hits = self.query(text, filter, LOOKED_AT)?;
        let mut agents: BTreeMap<String, usize> = BTreeMap::new();
        let mut insights: BTreeMap<String, usize> = BTreeMap::new();
        for hit in &hits {
            *agents.entry(hit.fragment.agent_id.clone()).or_default() += 1;
            for insight in &hit.fragment.insights {
                *insights.entry(insight.content.clone()).or_default() += 1;
            }
        }
        let folded: usize = hits.iter().map(|hit| hit.folded.len()).sum();
        let mut key_insights = by_count(insights);
        key_insights.truncate(INSIGHTS);
        Ok(Topic {
            topic: text.to_owned(),
            memory_count: hits.len() + folded,
            key_insights,
            related_agents: by_count(agents),
            best: hits
                .into_iter()
                .take(BEST)
                .map(|hit| hit.fragment)
                .collect(),
        })
    }

    /// Of all lines, the most frequent first; with the memories of each where that is asked for.
    pub fn templates(&self, with_memories: bool) -> Result<Vec<Template>, Error> {
        let Some(miner) = keep::miner(&self.shelf)? else {
            return Ok(Vec::new());
        };
        let mut members: HashMap<Group, Vec<String>> = HashMap::new();
        if with_memories {
            self.tell(&Filter::default(), usize::MAX, |told| {
                let group = told.fragment.template.as_deref().and_then(Group::parse);
                if let Some(group) = group {
                    let id = told.fragment.memory_id.clone();
                    members.entry(miner.resolve(group)).or_default().push(id);
                }
            })?;
        }
        Ok(derive::templates(&miner, |group| {
            with_memories.then(|| members.remove(&group).unwrap_or_default())
        }))
    }

    /// The ids of those that are named, and of all that are so, whoever may read them.
    pub fn named(&self, ids: &[String], filter: &Filter) -> Result<Vec<String>, Error> {
        let mut all = Vec::new();
        let mut texts = self.texts();
        for id in ids {
            match self.number(id) {
                // It was torn, but not without its id.
                Err(Error::NoMemory { .. }) if self.shelf.is_aside(id)? => all.push(id.clone()),
                number => all.extend(self.id(&mut texts, number?)?),
            }
        }
        if *filter != Filter::default() {
            for ordinal in self.chosen(filter, usize::MAX)? {
                all.extend(self.id(&mut texts, ordinal)?);
            }
        }
        all.sort_unstable();
        all.dedup();
        Ok(all)
    }

    pub fn stats(&self) -> Result<Stats, Error> {
        let mut stats = Stats {
            memories: self.len(),
            ..Stats::default()
        };
        for ordinal in 0..self.len() {
            let Some(place) = self.index.place(ordinal)? else {
                continue;
            };
            stats.oldest = Some(stats.oldest.map_or(place.at, |it| it.min(place.at)));
            stats.newest = Some(stats.newest.map_or(place.at, |it| it.max(place.at)));
            *stats.types.entry(place.kind).or_default() += 1;
            *stats.agents.entry(place.agent).or_default() += 1;
        }
        let mut sizes: HashMap<u32, u32, foldhash::fast::FixedState> = HashMap::default();
        for number in self.numbers.threads()? {
            *sizes.entry(number).or_default() += 1;
        }
        let threads = sizes.values().filter(|n| **n > 1).count();
        stats.threads = u32::try_from(threads).unwrap_or(u32::MAX);
        stats.templates = keep::miner(&self.shelf)?.map_or(0, |it| it.patterns().count());
        for day in self.shelf.days()? {
            stats.days += 1;
            stats.fragment_bytes += self.shelf.size(day)?;
        }
        stats.index_bytes = verbs::index_bytes(&self.shelf)?;
        Ok(stats)
    }
}

/// Told in the order of their time, at most the last `limit`.
fn in_order<T>(
    mut all: Vec<(Fragment, u32)>,
    limit: usize,
    how: impl FnOnce(&[Told<'_>]) -> T,
) -> T {
    all.sort_by_key(|(fragment, _)| fragment.timestamp);
    let told = all.iter().map(|(fragment, thread)| Told {
        fragment,
        thread: *thread,
    });
    let told: Vec<Told<'_>> = told.skip(all.len().saturating_sub(limit)).collect();
    how(&told)
}

/// How many of the words of both are in both; 1 is the same words.
fn likeness(one: &str, other: &str) -> f64 {
    let words = |text: &str| -> HashSet<String> {
        let words = text.split(|it: char| !it.is_alphanumeric());
        let words = words.filter(|it| !it.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let (one, other) = (words(one), words(other));
    let common = one.intersection(&other).count();
    let all = one.len() + other.len() - common;
    if all == 0 {
        1.0
    } else {
        count(common) / count(all)
    }
}

fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

/// The most frequent first.
fn by_count(counts: BTreeMap<String, usize>) -> Vec<String> {
    let mut all: Vec<(String, usize)> = counts.into_iter().collect();
    all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    all.into_iter().map(|(name, _)| name).collect()
}
