//! From seeds to pairs of pieces that are copies of each other.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::align::Aligner;
use super::bounds::{Known, grown, inside, snapped};
use super::chains::{Chain, Run, chains, runs};
use super::compare::{EXACT, Likeness, PIECE, SIMILAR, compare, may_be_alike};
use super::seeds::{Index, seeds};
use super::source::{Source, Sources, Span};
use crate::duplicates::each::{Tick, each};

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What is shorter is no copy of anything.
    pub least_tokens: usize,
    pub least_lines: usize,
    /// Only what is the same but for layout and comments.
    pub exact: bool,
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            least_tokens: 40,
            least_lines: 5,
            exact: false,
            threads: 1,
        }
    }
}

/// Two copies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    pub(super) here: Span,
    pub(super) there: Span,
    pub(super) likeness: Likeness,
}

/// Tokens in common from which on two functions are compared.
const FEW: u32 = 13;
/// Tokens in common of a chain outside of functions.
const SOME: u32 = 22;
/// Of what is reported in one piece, so much is reported already.
const MOSTLY: f64 = 0.6;

pub(super) fn pairs(sources: &Sources, options: &Options, tick: Tick) -> Vec<Pair> {
    let all = sources.all.len();
    let seeds_of = |at: usize, (): &mut ()| {
        let source: &Source = sources.all[at];
        seeds(&source.tokens, &source.plan, !options.exact)
    };
    let of_each = each(all, options.threads, || (), seeds_of, &|_, _| ());
    let index = Index::of(of_each, &sources.bases);
    let find = |at: usize, aligner: &mut Aligner| {
        let mut finder = Finder {
            sources,
            options,
            aligner,
            found: Vec::new(),
            reported: Reported::default(),
            known: Known::default(),
        };
        finder.file(at, &index);
        finder.found
    };
    let found = each(all, options.threads, Aligner::default, find, tick);
    found.into_iter().flatten().collect()
}

/// The functions around a place, the inner before the outer.
fn functions(source: &Source, place: u32) -> impl Iterator<Item = u32> + Clone {
    let plan = &source.plan;
    let innermost = plan.function_of(plan.block_of(place));
    let outwards = move |block: &usize| Some(plan.function_of(plan.blocks[*block].parent as usize));
    std::iter::successors(Some(innermost), outwards)
        .take_while(|block| *block != 0)
        .take(3)
        .map(|block| u32::try_from(block).unwrap_or(0))
}

struct Finder<'f> {
    sources: &'f Sources<'f>,
    options: &'f Options,
    aligner: &'f mut Aligner,
    found: Vec<Pair>,
    /// Those of the two files that are looked at.
    reported: Reported,
    known: Known,
}

/// Where in a file pairs were found, by stretches: a file may have very many.
#[derive(Default)]
struct Reported {
    /// Of each stretch the first that the pair reaches into, and which one it is.
    stretches: HashMap<u32, Vec<(u32, usize)>, FixedState>,
}

impl Reported {
    const LENGTH: u32 = 256;

    fn clear(&mut self) {
        self.stretches.clear();
    }

    fn stretches(span: Span) -> std::ops::RangeInclusive<u32> {
        span.start / Self::LENGTH..=(span.end - 1) / Self::LENGTH
    }

    fn add(&mut self, span: Span, pair: usize) {
        let all = Self::stretches(span);
        let first = *all.start();
        for stretch in all {
            let pairs = self.stretches.entry(stretch).or_default();
            pairs.push((first, pair));
        }
    }

    /// All that have something of a span, each once, and some beside it.
    fn near(&self, span: Span) -> impl Iterator<Item = usize> {
        let all = Self::stretches(span);
        let first = *all.start();
        all.flat_map(move |stretch| {
            let pairs = self.stretches.get(&stretch).into_iter().flatten();
            pairs
                .filter(move |it| stretch == first.max(it.0))
                .map(|it| it.1)
        })
    }
}

impl Finder<'_> {
    fn file(&mut self, at: usize, index: &Index) {
        let mut pairs = Vec::new();
        index.pairs(at, &mut pairs);
        let here = u32::try_from(at).unwrap_or(0);
        let all = runs(&pairs);
        let mut by_file: Vec<(u32, Run)> = all
            .into_iter()
            .map(|run| (self.sources.file_of(run.start + run.distance), run))
            .collect();
        by_file.sort_unstable_by_key(|it| (it.0, it.1.start, it.1.distance));
        let mut runs = Vec::new();
        for group in by_file.chunk_by(|a, b| a.0 == b.0) {
            // What two languages have in common is no copy.
            if self.sources.of(group[0].0).language != self.sources.all[at].language {
                continue;
            }
            runs.clear();
            runs.extend(group.iter().map(|it| it.1));
            self.two_files(here, group[0].0, &mut runs);
        }
    }

    fn two_files(&mut self, here: u32, there: u32, runs: &mut [Run]) {
        let from = self.found.len();
        self.reported.clear();
        self.known.clear();
        self.functions(here, there, runs);
        self.larger(here, there, from);
        if self.options.exact {
            for run in runs {
                self.exact(here, there, *run);
            }
            return;
        }
        for chain in chains(runs, SOME) {
            self.chain(here, there, chain);
        }
    }

    /// Whole functions that have something in common.
    fn functions(&mut self, here: u32, there: u32, runs: &[Run]) {
        let (a, b) = (self.sources.of(here), self.sources.of(there));
        let base = (
            self.sources.bases[here as usize],
            self.sources.bases[there as usize],
        );
        let mut both: Vec<(u32, u32, u32)> = Vec::new();
        for run in runs {
            let middle = run.start + run.len() / 2;
            let in_a = functions(a, middle - base.0);
            let in_b = functions(b, middle + run.distance - base.1);
            for x in in_a {
                let long = a.plan.blocks[x as usize].span(here).len();
                let about_as_long = in_b.clone().filter(|y| {
                    let other = b.plan.blocks[*y as usize].span(there).len();
                    may_be_alike(long as usize, other as usize)
                });
                both.extend(about_as_long.map(|y| (x, y, run.len())));
            }
        }
        both.sort_unstable();
        for group in both.chunk_by(|x, y| (x.0, x.1) == (y.0, y.1)) {
            let common: u32 = group.iter().map(|it| it.2).sum();
            let (x, y) = (
                a.plan.blocks[group[0].0 as usize],
                b.plan.blocks[group[0].1 as usize],
            );
            let (x, y) = (x.span(here), y.span(there));
            if common >= FEW.max(x.len().max(y.len()) / 6) {
                self.compare(x, y);
            }
        }
    }

    /// Classes and files of which most functions are copies.
    fn larger(&mut self, here: u32, there: u32, from: usize) {
        let (a, b) = (self.sources.of(here), self.sources.of(there));
        let mut around: Vec<(u32, u32, u32)> = Vec::new();
        for pair in &self.found[from..] {
            let class = |source: &Source, span: Span| {
                let block = source.plan.block_with(span.start, span.end);
                u32::try_from(source.plan.class_of(block.unwrap_or(0))).unwrap_or(0)
            };
            around.push((
                class(a, pair.here),
                class(b, pair.there),
                pair.here.len().min(pair.there.len()),
            ));
        }
        for at in 0..around.len() {
            around.push((0, 0, around[at].2));
        }
        around.sort_unstable();
        for group in around.chunk_by(|x, y| (x.0, x.1) == (y.0, y.1)) {
            let common: u32 = group.iter().map(|it| it.2).sum();
            let (x, y) = (
                a.plan.blocks[group[0].0 as usize].span(here),
                b.plan.blocks[group[0].1 as usize].span(there),
            );
            if x != y && common * 2 >= x.len().max(y.len()) {
                self.compare(x, y);
            }
        }
    }

    /// Whether they are copies.
    fn compare(&mut self, x: Span, y: Span) -> bool {
        if x.common(y) > 0 || !self.is_long_enough(x) || !self.is_long_enough(y) {
            return false;
        }
        let (a, b) = (self.sources.piece(x), self.sources.piece(y));
        let is_whole = self.sources.is_whole(x) && self.sources.is_whole(y);
        let enough = match (self.options.exact, is_whole) {
            (true, _) => EXACT,
            (false, true) => SIMILAR,
            (false, false) => PIECE,
        };
        let likeness = compare(a, b, enough, self.aligner);
        if let Some(likeness) = likeness {
            self.reported.add(x, self.found.len());
            self.found.push(Pair {
                here: x,
                there: y,
                likeness,
            });
        }
        likeness.is_some()
    }

    fn is_long_enough(&self, span: Span) -> bool {
        if (span.len() as usize) < self.options.least_tokens {
            return false;
        }
        let (first, last) = self.sources.lines(span);
        (last - first) as usize + 1 >= self.options.least_lines
    }

    /// What no function holds in one piece; what is none as a whole is looked at in parts.
    fn chain(&mut self, here: u32, there: u32, chain: Chain) {
        if (chain.common() as usize) * 2 < self.options.least_tokens {
            return;
        }
        let span = |file: u32, places: (u32, u32)| {
            let base = self.sources.bases[file as usize];
            Span {
                file,
                start: places.0 - base,
                end: places.1 - base,
            }
        };
        let (a, b) = (span(here, chain.here()), span(there, chain.there()));
        if self.is_reported(a, b) {
            return;
        }
        // What holds a part of itself is no copy; its parts may be.
        if a.common(b) == 0 {
            let (a, b) = grown(self.sources, &mut self.known, a, b);
            let (a, b) = (snapped(self.sources, a), snapped(self.sources, b));
            if let (Some(a), Some(b)) = (a, b)
                && (self.is_reported(a, b) || self.compare(a, b))
            {
                return;
            }
        }
        if let Some((one, other)) = chain.split() {
            self.chain(here, there, one);
            self.chain(here, there, other);
        }
    }

    /// All that is the same without a gap around each part of a run.
    fn exact(&mut self, here: u32, there: u32, run: Run) {
        let (a, b) = (self.sources.of(here), self.sources.of(there));
        let (of_a, of_b) = (&a.tokens.words[..], &b.tokens.words[..]);
        let first = (run.start - self.sources.bases[here as usize]) as usize;
        let last = first + run.len() as usize;
        let off = (run.start + run.distance - self.sources.bases[there as usize]) as usize;
        // In one file it goes no further than to where the other begins.
        let room = if here == there {
            off - first
        } else {
            usize::MAX
        };
        let mut at = first;
        while at < last {
            let other = at - first + off;
            let before = of_a[..at].iter().rev().zip(of_b[..other].iter().rev());
            let before = before.take(room).take_while(|it| it.0 == it.1).count();
            let after = of_a[at..].iter().zip(&of_b[other..]);
            let after = after
                .take(room - before)
                .take_while(|it| it.0 == it.1)
                .count();
            let span = |file, place: usize| Span {
                file,
                start: u32::try_from(place - before).unwrap_or(0),
                end: u32::try_from(place + after).unwrap_or(0),
            };
            self.same(span(here, at), span(there, other));
            at += after.max(1);
        }
    }

    /// The same from end to end: statements of it.
    fn same(&mut self, a: Span, b: Span) {
        if (a.len() as usize) < self.options.least_tokens || self.is_reported(a, b) {
            return;
        }
        let snapped = (snapped(self.sources, a), snapped(self.sources, b));
        if let (Some(x), Some(y)) = snapped
            && self.compare(x, y)
        {
            return;
        }
        if let Some(x) = inside(self.sources, a) {
            let shifted = |place: u32| place - a.start + b.start;
            let y = Span {
                start: shifted(x.start),
                end: shifted(x.end),
                ..b
            };
            self.compare(x, y);
        }
    }

    fn is_reported(&self, a: Span, b: Span) -> bool {
        let mostly = |part: u32, whole: Span| f64::from(part) >= MOSTLY * f64::from(whole.len());
        let (mut in_a, mut in_b) = (0, 0);
        for pair in self.reported.near(a).map(|at| &self.found[at]) {
            if pair.here.common(a) > 0 && pair.there.common(b) > 0 {
                in_a += pair.here.common(a);
                in_b += pair.there.common(b);
            }
        }
        mostly(in_a, a) && mostly(in_b, b)
    }
}
