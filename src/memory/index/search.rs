//! Looks for documents: those that may be among the best by their terms (`MaxScore`), then the best by all that is known
//! of these few.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::best::{Best, Leader, Leaders};
use super::disk::{List, read_list};
use super::filter::Filter;
use super::postings::Found;
use super::question::Question;
use super::rank::{self, Standing};
use super::segment::Segment;
use super::sheet::Page;
use super::walk::{Way, walk};
use super::words::{Field, Words, exact, tokens};
use super::{Error, Hit, Only, Place, Query, Term};
use crate::store::Dir;
use crate::time::Timestamp;

/// So many are looked at closely, or a few times as many as are asked for.
const CANDIDATES: usize = 100;
const CANDIDATES_A_HIT: usize = 4;
/// Where most of them say the same, so many times as many are looked at, once.
const MORE: usize = 8;
/// So many are asked for their neighbours.
const NEIGHBOURED: usize = 64;
/// A writer may merge segments away between the list and them: the list is read again.
const TRIES: usize = 5;

/// An index as it was when it was opened.
#[derive(Debug)]
pub struct Index {
    segments: Vec<Segment>,
    docs: u32,
}

/// A document of one segment.
#[derive(Clone, Copy)]
struct Spot {
    segment: usize,
    doc: u32,
}

impl Index {
    /// `None`: there is none.
    pub(crate) fn open(dir: &Dir) -> Result<Option<Self>, Error> {
        for _ in 0..TRIES {
            let Some(list) = read_list(dir)? else {
                return Ok(None);
            };
            if let Some(segments) = open_all(dir, &list)? {
                let docs = segments.last().map_or(0, |it| it.first + it.docs);
                return Ok(Some(Self { segments, docs }));
            }
        }
        Err(Error::Broken {
            path: dir.path().into(),
            why: "a segment that is listed is not there",
        })
    }

    pub fn len(&self) -> u32 {
        self.docs
    }

    pub fn is_empty(&self) -> bool {
        self.docs == 0
    }

    /// The documents of that id, the newest first: there is one, unless a text bears two ids.
    pub fn find(&self, memory_id: &str) -> Result<Vec<u32>, Error> {
        self.holding(exact(Field::Id, memory_id))
    }

    /// `None`: there is no such document.
    pub fn place(&self, ordinal: u32) -> Result<Option<Place>, Error> {
        let Some(spot) = self.spot(ordinal) else {
            return Ok(None);
        };
        let segment = &self.segments[spot.segment];
        let row = segment.row(spot.doc, &mut Page::new())?;
        Ok(Some(Place {
            day: row.day,
            offset: row.offset,
            length: row.length,
            at: Timestamp::from_unix_ms(row.at),
            agent: segment.name(row.agent)?,
            kind: segment.name(row.kind)?,
            weight: row.weight,
        }))
    }

    /// Those with one of the `extra_terms` of the document, the newest by their own time first.
    pub fn with_term(&self, term: &str, limit: usize) -> Result<Vec<u32>, Error> {
        let terms = [term.to_owned()];
        let only = Only {
            terms: &terms,
            ..Only::default()
        };
        self.recent(&only, limit)
    }

    /// The newest by their own time, the newest first; of those of one moment the one that was added last.
    pub fn recent(&self, only: &Only<'_>, limit: usize) -> Result<Vec<u32>, Error> {
        let mut best = Best::new(limit);
        for segment in self.segments.iter().rev() {
            let Some(mut filter) = Filter::new(segment, only)? else {
                continue;
            };
            if filter.is_wide() {
                recent_of(segment, &mut filter, &mut best)?;
            } else {
                recent_holding(segment, &mut filter, &mut best)?;
            }
        }
        Ok(best.into_sorted().into_iter().map(|(_, it)| !it).collect())
    }

    /// The terms of a text that tell most of it, the most telling first: a question for what is like it.
    pub fn telling(&self, text: &str, most: usize) -> Result<Vec<String>, Error> {
        let mut words = Words::new();
        let mut seen = HashMap::new();
        let mut pages = self.pages();
        for token in tokens(text).take(rank::MOST_TOLD) {
            words.cut(token);
            let whole = words.split.wholes.first().or(words.split.parts.first());
            let Some(&term) = whole else { continue };
            seen.entry(term).or_insert((token, 0_u32)).1 += 1;
        }
        let mut told = Vec::new();
        for (term, (token, often)) in seen {
            let found = self.lookup(term, &mut pages)?;
            let holding = holding(&found);
            // What nobody else holds leads to nobody else.
            if holding > 1 {
                let rarity = rank::rarity(holding, u64::from(self.docs));
                told.push((rank::telling(rarity, often), term, token));
            }
        }
        told.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        told.truncate(most);
        Ok(told.into_iter().map(|(.., it)| it.to_owned()).collect())
    }

    /// The best answers, the best first. `neighbours` says to which documents one is tied, and how strongly (0 to 1).
    pub fn search(
        &self,
        query: &Query<'_>,
        neighbours: &dyn Fn(u32) -> Vec<(u32, f32)>,
    ) -> Result<Vec<Hit>, Error> {
        let question = Question::of(query.text);
        let terms = self.weighed(&question)?;
        let named = self.named(&question, &query.only)?;
        let few = CANDIDATES.max(query.limit.saturating_mul(CANDIDATES_A_HIT));
        let mut hits = Vec::new();
        for most in [few, few.saturating_mul(MORE)] {
            let mut candidates = self.candidates(&terms, &query.only, most)?;
            let all = candidates.len() < most;
            // What lies together is read together.
            candidates.sort_unstable_by_key(Leader::newest);
            hits = self.judged(query, &question, &terms, &named, candidates, neighbours)?;
            if all || hits.len() >= query.limit {
                break;
            }
        }
        Ok(hits)
    }

    fn spot(&self, ordinal: u32) -> Option<Spot> {
        let segment = self
            .segments
            .partition_point(|it| it.first + it.docs <= ordinal);
        let doc = ordinal.checked_sub(self.segments.get(segment)?.first)?;
        Some(Spot { segment, doc })
    }

    pub(super) fn pages(&self) -> Vec<Page> {
        self.segments.iter().map(|_| Page::new()).collect()
    }

    /// What each segment has of a term.
    fn lookup(&self, term: Term, pages: &mut [Page]) -> Result<Vec<Option<Found>>, Error> {
        self.segments
            .iter()
            .zip(pages)
            .map(|(segment, page)| segment.find(term, page))
            .collect()
    }

    fn holding(&self, term: Term) -> Result<Vec<u32>, Error> {
        let mut ordinals = Vec::new();
        for (segment, found) in self
            .segments
            .iter()
            .zip(self.lookup(term, &mut self.pages())?)
        {
            let Some(found) = found else { continue };
            let mut cursor = segment.cursor(found)?;
            while cursor.doc() < segment.docs {
                ordinals.push(segment.first + cursor.doc());
                cursor.advance()?;
            }
        }
        ordinals.reverse();
        Ok(ordinals)
    }

    /// Terms that any document holds, with what they weigh.
    fn weighed(&self, question: &Question) -> Result<Vec<Weighed>, Error> {
        let mut pages = self.pages();
        let mut terms = Vec::with_capacity(question.asked.len());
        for asked in &question.asked {
            let found = self.lookup(asked.term, &mut pages)?;
            let holding = holding(&found);
            if holding > 0 {
                let weight = asked.weight * rank::rarity(holding, u64::from(self.docs));
                terms.push(Weighed {
                    term: asked.term,
                    factor: rank::factor(weight).max(1),
                    found,
                });
            }
        }
        Ok(terms)
    }

    /// The documents whose id is asked for.
    fn named(&self, question: &Question, only: &Only<'_>) -> Result<Vec<u32>, Error> {
        let mut named = Vec::new();
        for &id in &question.ids {
            for ordinal in self.holding(id)? {
                if !named.contains(&ordinal) && self.is_among(ordinal, only)? {
                    named.push(ordinal);
                }
            }
        }
        Ok(named)
    }

    fn is_among(&self, ordinal: u32, only: &Only<'_>) -> Result<bool, Error> {
        let Some(spot) = self.spot(ordinal) else {
            return Ok(false);
        };
        let segment = &self.segments[spot.segment];
        let Some(mut filter) = Filter::new(segment, only)? else {
            return Ok(false);
        };
        Ok(filter.seek(spot.doc)? == spot.doc && filter.is_within(spot.doc)?)
    }

    /// The best by their terms alone, with the sums of their impacts: what the search begins with.
    #[cfg(test)]
    pub(super) fn by_terms(&self, query: &Query<'_>) -> Result<Vec<(u64, Vec<u32>)>, Error> {
        let terms = self.weighed(&Question::of(query.text))?;
        let leaders = self.candidates(&terms, &query.only, query.limit)?;
        Ok(leaders
            .into_iter()
            .map(|it| (it.sum, [&[it.first], &*it.later].concat()))
            .collect())
    }

    /// The best by their terms alone, the best first.
    fn candidates(
        &self,
        terms: &[Weighed],
        only: &Only<'_>,
        most: usize,
    ) -> Result<Vec<Leader>, Error> {
        let mut best = Leaders::new(most, self);
        for (index, segment) in self.segments.iter().enumerate() {
            let mut ways = Vec::new();
            for term in terms {
                if let Some(found) = term.found[index] {
                    ways.push(Way::new(segment.cursor(found)?, term.factor));
                }
            }
            if !ways.is_empty()
                && let Some(mut filter) = Filter::new(segment, only)?
            {
                walk(segment, ways, &mut filter, &mut best)?;
            }
        }
        Ok(best.into_sorted())
    }

    /// The best of the candidates by all that is known of them.
    fn judged(
        &self,
        query: &Query<'_>,
        question: &Question,
        terms: &[Weighed],
        named: &[u32],
        candidates: Vec<Leader>,
        neighbours: &dyn Fn(u32) -> Vec<(u32, f32)>,
    ) -> Result<Vec<Hit>, Error> {
        let mut standing = Standing::new(question.order.iter().map(|&term| {
            let held = terms.iter().find(|it| it.term == term);
            (low(term), held.map_or(0.0, Weighed::weight))
        }));
        let mut judged = Vec::with_capacity(candidates.len());
        let mut pages = self.pages();
        for leader in candidates {
            let sum = leader.sum;
            let (ordinal, copies) = leader.into_newest_first();
            let words = self.words(ordinal, &mut pages)?;
            judged.push(Judged {
                ordinal,
                copies,
                score: rank::score(sum) + standing.gain(&words),
                words,
            });
        }
        judged.sort_unstable_by(better);
        smooth(&mut judged, neighbours);
        let highest = judged.iter().map(|it| it.score).fold(0.0, f32::max);
        // Those that are named come first, in their order.
        for (place, &ordinal) in named.iter().enumerate() {
            for one in &mut judged {
                one.copies.retain(|&it| it != ordinal);
            }
            let known = judged.iter().position(|it| it.ordinal == ordinal);
            let mut one = match known {
                Some(index) => judged.swap_remove(index),
                None => Judged {
                    ordinal,
                    copies: Vec::new(),
                    score: 0.0,
                    words: self.words(ordinal, &mut pages)?,
                },
            };
            one.score = rank::named(highest, named.len() - place);
            judged.push(one);
        }
        judged.sort_unstable_by(better);
        Ok(folded(judged, named, query.limit))
    }

    fn words(&self, ordinal: u32, pages: &mut [Page]) -> Result<Vec<u32>, Error> {
        let spot = self.spot(ordinal).unwrap_or(Spot { segment: 0, doc: 0 });
        let segment = &self.segments[spot.segment];
        let row = segment.row(spot.doc, &mut pages[spot.segment])?;
        let mut words = Vec::new();
        segment.words(&row, &mut words)?;
        Ok(words)
    }

    pub(super) fn said(&self, ordinal: u32, pages: &mut [Page]) -> Result<u64, Error> {
        let spot = self.spot(ordinal).unwrap_or(Spot { segment: 0, doc: 0 });
        self.segments[spot.segment].said(spot.doc, &mut pages[spot.segment])
    }
}

/// A term of the question.
struct Weighed {
    term: Term,
    factor: u32,
    /// By segment.
    found: Vec<Option<Found>>,
}

impl Weighed {
    /// What it adds to a score at most.
    fn weight(&self) -> f32 {
        rank::score(u64::from(self.factor) * 255)
    }
}

struct Judged {
    /// The newest of those that say it.
    ordinal: u32,
    copies: Vec<u32>,
    score: f32,
    words: Vec<u32>,
}

/// Of two that are as good the one that was added later.
fn better(a: &Judged, b: &Judged) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then(b.ordinal.cmp(&a.ordinal))
}

/// The words that documents keep are the lower halves of their terms.
fn low(term: Term) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the lower half of it")]
    let low = term as u32;
    low
}

fn holding(found: &[Option<Found>]) -> u64 {
    found.iter().flatten().map(|it| u64::from(it.count)).sum()
}

fn open_all(dir: &Dir, list: &List) -> Result<Option<Vec<Segment>>, Error> {
    let mut first = 0_u32;
    let mut segments = Vec::with_capacity(list.segments.len());
    for listed in &list.segments {
        let Some(segment) = Segment::open(dir, *listed, first)? else {
            return Ok(None);
        };
        first = first
            .checked_add(segment.docs)
            .ok_or_else(|| segment.source.broken("it counts too many fragments"))?;
        segments.push(segment);
    }
    Ok(Some(segments))
}

fn recent_holding(
    segment: &Segment,
    filter: &mut Filter<'_>,
    best: &mut Best,
) -> Result<(), Error> {
    let mut page = Page::new();
    let mut doc = 0;
    loop {
        doc = filter.seek(doc)?;
        if doc >= segment.docs {
            return Ok(());
        }
        if filter.is_within(doc)? {
            best.offer(
                age_key(segment.time(doc, &mut page)?),
                !(segment.first + doc),
            );
        }
        doc += 1;
    }
}

/// Page by page of times, those first that end last.
fn recent_of(segment: &Segment, filter: &mut Filter<'_>, best: &mut Best) -> Result<(), Error> {
    let (mut page, mut times) = (Page::ahead(), Page::new());
    let mut order = Vec::new();
    for number in 0..segment.time_pages() {
        order.push((segment.span_of(number, &mut page)?.1, number));
    }
    order.sort_unstable_by_key(|&it| Reverse(it));
    for (last, number) in order {
        if !best.would_take(age_key(last), 0) {
            break;
        }
        for doc in segment.on_page(number) {
            if filter.is_within(doc)? {
                best.offer(
                    age_key(segment.time(doc, &mut times)?),
                    !(segment.first + doc),
                );
            }
        }
    }
    Ok(())
}

fn folded(judged: Vec<Judged>, named: &[u32], limit: usize) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    let mut told: Vec<Vec<u32>> = Vec::new();
    for mut one in judged {
        one.words.sort_unstable();
        one.words.dedup();
        let known = told.iter().position(|it| rank::alike(it, &one.words));
        if let Some(known) = known
            && !named.contains(&one.ordinal)
        {
            hits[known].folded.push(one.ordinal);
            hits[known].folded.append(&mut one.copies);
        } else if hits.len() < limit {
            hits.push(Hit {
                ordinal: one.ordinal,
                score: one.score,
                folded: one.copies,
            });
            told.push(one.words);
        }
    }
    hits
}

/// A neighbour counts as it was before any of them gained.
fn smooth(judged: &mut [Judged], neighbours: &dyn Fn(u32) -> Vec<(u32, f32)>) {
    let mut before: HashMap<u32, f32, FixedState> = HashMap::default();
    for one in &*judged {
        before.insert(one.ordinal, one.score);
        before.extend(one.copies.iter().map(|&it| (it, one.score)));
    }
    // A tie holds both ways, whichever of the two knows of it.
    let mut gained: HashMap<u32, f32, FixedState> = HashMap::default();
    for one in judged.iter().take(NEIGHBOURED) {
        for (other, strength) in neighbours(one.ordinal) {
            let Some(theirs) = before.get(&other).filter(|_| other != one.ordinal) else {
                continue;
            };
            for (who, of) in [(one.ordinal, *theirs), (other, one.score)] {
                let most = gained.entry(who).or_default();
                *most = most.max(rank::gain(of, strength));
            }
        }
    }
    for one in judged.iter_mut().take(NEIGHBOURED) {
        one.score += gained.get(&one.ordinal).copied().unwrap_or_default();
    }
}

/// Times in the order of numbers without a sign.
fn age_key(at: i64) -> u64 {
    at.cast_unsigned() ^ (1 << 63)
}
