//! What sources tell becomes memories: in the order of its time, each once, linked to what was there before.
//!
//! In this order a batch is made durable: the fragments, the index, what is covered, the places of the sources. Whoever
//! is killed in between has fragments that the index or the places do not know of yet: the next one takes the former up,
//! and knows the latter by their ids.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::error::Error;
use super::keep::Keeper;
use super::recall::mend;
use super::saved::Linking;
use super::sources::{self, Found, House, Skip, Source, Wanted};
use crate::root::Home;
use crate::time::Timestamp;

/// So many memories, or so many bytes of them, are made durable at once.
const BATCH: u64 = 65_536;
pub(super) const BATCH_BYTES: usize = 32 << 20;
/// How far it is is told after so many.
const TOLD_AFTER: u64 = 4096;
/// So many places of what was passed over are told.
const MOST_TOLD: usize = 100;

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    pub added: u64,
    /// Of these, other versions of what was there.
    pub changed: u64,
    /// Was there already.
    pub known: u64,
    pub skipped: u64,
    /// Where the first of them are, and why they were passed over.
    pub places: Vec<(String, String)>,
    /// By source, how many were added.
    pub sources: BTreeMap<String, u64>,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub added: u64,
    pub known: u64,
    /// So much of so much is done: bytes of the files that are read, or memories that are indexed again.
    pub of: Option<(u64, u64)>,
}

impl Progress {
    /// Nothing is added: what is there is gone through.
    pub(super) const fn of(done: u64, all: u64) -> Self {
        Self {
            added: 0,
            known: 0,
            of: Some((done, all)),
        }
    }
}

/// Whom it is told how it goes.
pub struct Telling<'t> {
    pub warn: &'t dyn Fn(&str),
    pub progress: &'t dyn Fn(Progress),
}

impl<'t> Telling<'t> {
    /// To whom only what is wrong matters.
    pub(super) const fn warning(warn: &'t dyn Fn(&str)) -> Self {
        Self {
            warn,
            progress: &|_| {},
        }
    }
}

impl Ingested {
    fn skip(&mut self, skip: Skip) {
        self.skipped += 1;
        if self.places.len() < MOST_TOLD {
            self.places.push((skip.at, skip.why));
        }
    }

    pub fn add(&mut self, more: Self) {
        self.added += more.added;
        self.changed += more.changed;
        self.known += more.known;
        self.skipped += more.skipped;
        self.places.extend(more.places);
        self.places.truncate(MOST_TOLD);
        for (name, n) in more.sources {
            *self.sources.entry(name).or_default() += n;
        }
    }
}

/// Whoever takes up what is new, look by look; between two of them nothing is locked, and what linking knows stays in memory.
#[derive(Default)]
pub struct Ingester {
    linking: Option<Linking>,
}

impl Ingester {
    /// Takes up all that is new in these sources. An index that turns out to be broken is made anew, and what can be read
    /// again is.
    pub fn look(
        &mut self,
        home: &Home,
        house: &[House],
        wanted: &dyn Fn() -> Vec<Wanted>,
        now: Timestamp,
        telling: &Telling<'_>,
    ) -> Result<Ingested, Error> {
        let first = wanted();
        let may_be_read_again = first.iter().all(|it| it.stream.is_none());
        match self.take_up(home, house, first, now, telling) {
            Err(error) if error.is_of_a_broken_index() => {
                mend(home, &error, now, telling)?;
                if may_be_read_again {
                    return self.take_up(home, house, wanted(), now, telling);
                }
                Err(error)
            }
            other => other,
        }
    }

    /// Whatever fails, the next look begins with what was saved.
    fn take_up(
        &mut self,
        home: &Home,
        house: &[House],
        wanted: Vec<Wanted>,
        now: Timestamp,
        telling: &Telling<'_>,
    ) -> Result<Ingested, Error> {
        let keeper = Keeper::open(home, now, telling, self.linking.take())?;
        let (ingested, linking) = take_up(keeper, home, house, wanted, now, telling)?;
        self.linking = Some(linking);
        Ok(ingested)
    }
}

fn take_up(
    mut keeper: Keeper,
    home: &Home,
    house: &[House],
    wanted: Vec<Wanted>,
    now: Timestamp,
    telling: &Telling<'_>,
) -> Result<(Ingested, Linking), Error> {
    let mut ingested = Ingested::default();
    let mut sources = Vec::new();
    {
        let place = |name: &str| keeper.place_of(name);
        for which in house {
            sources.extend(sources::house(home, *which, &place, now)?);
        }
        for one in wanted {
            sources.push(sources::open(one, &place, now)?);
        }
    }
    let mut streams = Vec::with_capacity(sources.len());
    for source in sources {
        let mut stream = Stream { source, next: None };
        stream.pull(&mut ingested)?;
        streams.push(stream);
    }
    let mut since = 0;
    while let Some(at) = earliest(&streams)
        && let Some(found) = streams[at].next.take()
    {
        streams[at].pull(&mut ingested)?;
        take(
            &mut keeper,
            found,
            &streams[at].source.name(),
            &mut ingested,
        )?;
        since += 1;
        if since % TOLD_AFTER == 0 {
            (telling.progress)(progress(&streams, &ingested));
        }
        if since >= BATCH || keeper.waiting_bytes() >= BATCH_BYTES {
            // What was read ahead goes into the batch: its source is behind it.
            for stream in &mut streams {
                if let Some(found) = stream.next.take() {
                    take(&mut keeper, found, &stream.source.name(), &mut ingested)?;
                }
            }
            keeper.commit(&places(&streams))?;
            (telling.progress)(progress(&streams, &ingested));
            since = 0;
            for stream in &mut streams {
                stream.pull(&mut ingested)?;
            }
        }
    }
    keeper.commit(&places(&streams))?;
    (telling.progress)(progress(&streams, &ingested));
    let linking = keeper.finish(now)?;
    Ok((ingested, linking))
}

/// A source, and what it will give next.
struct Stream {
    source: Box<dyn Source>,
    next: Option<Found>,
}

impl Stream {
    fn pull(&mut self, ingested: &mut Ingested) -> Result<(), Error> {
        self.next = self.source.next(&mut |skip| ingested.skip(skip))?;
        Ok(())
    }
}

fn earliest(streams: &[Stream]) -> Option<usize> {
    let there = streams.iter().enumerate();
    let there = there.filter_map(|(at, stream)| Some((stream.next.as_ref()?.at, at)));
    there.min().map(|(_, at)| at)
}

fn take(
    keeper: &mut Keeper,
    found: Found,
    source: &str,
    ingested: &mut Ingested,
) -> Result<(), Error> {
    use super::keep::Kept;
    match keeper.take(found)? {
        Kept::Known => ingested.known += 1,
        kept @ (Kept::Added | Kept::Changed) => {
            ingested.added += 1;
            ingested.changed += u64::from(kept == Kept::Changed);
            match ingested.sources.get_mut(source) {
                Some(n) => *n += 1,
                None => drop(ingested.sources.insert(source.to_owned(), 1)),
            }
        }
    }
    Ok(())
}

fn places(streams: &[Stream]) -> Map<String, Value> {
    let place = |stream: &Stream| (stream.source.name(), stream.source.place());
    let places = streams.iter().map(place);
    places.filter(|(_, place)| !place.is_null()).collect()
}

fn progress(streams: &[Stream], ingested: &Ingested) -> Progress {
    let each = streams.iter().filter_map(|it| it.source.progress());
    let sum = each.fold((0, 0), |(a, b), (n, of)| (a + n, b + of));
    Progress {
        added: ingested.added,
        known: ingested.known,
        of: (sum.1 > 0).then_some(sum),
    }
}
