//! Copies, all of one thing together: equal blocks by their content, nearly equal ones by what they share.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;
use xxhash_rust::xxh3::xxh3_64;

use super::blocks::{Block, Catalogue, place};
use super::likeness::{Commonness, Likeness, Said, likeness};
use super::{Options, Text};
use crate::duplicates::{Class, Fragment, Sameness};

/// A setting that more blocks have makes no pairs of all of them, but of neighbours.
const MOST_PAIRED: usize = 64;
const NEIGHBOURS: usize = 12;
/// A new member is held against so many of a class.
const WITNESSES: usize = 16;
/// Blocks of empty values are equal and tell nothing.
const LEAST_TOLD: f64 = 2.0;

/// One class, by the numbers of its blocks.
pub(super) struct Copies {
    /// By file, then by line; none within another.
    pub(super) blocks: Vec<usize>,
    pub(super) kind: Sameness,
    pub(super) similarity: f64,
}

/// Blocks that say the same.
struct Content {
    blocks: Vec<usize>,
    said: Said,
}

type Pair = (usize, usize);
type Pairs = HashMap<Pair, Option<Likeness>, FixedState>;

/// The weightiest first.
pub(super) fn find(catalogue: &Catalogue, options: &Options) -> Vec<Copies> {
    let least = options.similarity;
    let common = Commonness::of(catalogue);
    let contents = contents(catalogue, &common);
    let mut grouping = Grouping {
        catalogue,
        contents: &contents,
        least,
        known: Pairs::default(),
    };
    let groups = grouping.groups();
    let classes: Vec<Copies> = groups
        .iter()
        .filter_map(|group| grouping.class(group))
        .collect();
    let large = |class: &Copies| class.settings(catalogue) >= options.least_settings;
    let classes = classes.into_iter().filter(large).collect();
    let mut classes = outermost(catalogue, classes);
    classes.sort_by(|one, other| {
        let weigh = |class: &Copies| class.weight(catalogue);
        weigh(other)
            .total_cmp(&weigh(one))
            .then_with(|| one.blocks.cmp(&other.blocks))
    });
    classes
}

fn contents(catalogue: &Catalogue, common: &Commonness) -> Vec<Content> {
    let told = |block: &Block| {
        catalogue
            .settings(block)
            .filter(|leaf| !leaf.borrowed)
            .map(|leaf| leaf.weight)
            .sum::<f64>()
    };
    let mut blocks: Vec<usize> = (0..catalogue.blocks.len())
        .filter(|at| {
            catalogue.blocks[*at].settings > 0 && told(&catalogue.blocks[*at]) >= LEAST_TOLD
        })
        .collect();
    blocks.sort_by_key(|at| {
        (
            catalogue.blocks[*at].content,
            place(&catalogue.blocks[*at]),
            *at,
        )
    });
    let mut contents: Vec<Content> = blocks
        .chunk_by(|one, other| catalogue.blocks[*one].content == catalogue.blocks[*other].content)
        .map(|same| Content {
            blocks: same.to_vec(),
            said: Said::by(&catalogue.blocks[same[0]], catalogue, common),
        })
        .collect();
    contents.sort_by_key(|content| content.blocks[0]);
    contents
}

/// Contents put together.
struct Grouping<'c> {
    catalogue: &'c Catalogue,
    contents: &'c [Content],
    least: f64,
    known: Pairs,
}

impl Grouping<'_> {
    /// Each content in the group of those it is most like; alone if it is there twice by itself.
    fn groups(&mut self) -> Vec<Vec<usize>> {
        let edges = self.edges();
        let mut groups: Vec<Vec<usize>> = (0..self.contents.len()).map(|at| vec![at]).collect();
        let mut group_of: Vec<usize> = (0..self.contents.len()).collect();
        for (one, other) in &edges {
            let (to, from) = (group_of[*one], group_of[*other]);
            if to != from && self.fit(&groups[to], &groups[from]) {
                let (to, from) = if groups[to].len() < groups[from].len() {
                    (from, to)
                } else {
                    (to, from)
                };
                let moved = std::mem::take(&mut groups[from]);
                for content in &moved {
                    group_of[*content] = to;
                }
                groups[to].extend(moved);
            }
        }
        let mut kept: Vec<Vec<usize>> = Vec::new();
        // Whoever fits into no group is shown with those that it is like, as far as they are like one another.
        let mut alone: HashSet<usize, FixedState> = groups
            .iter()
            .filter(|group| group.len() == 1)
            .map(|group| group[0])
            .collect();
        let mut likes: HashMap<usize, Vec<usize>, FixedState> = HashMap::default();
        for (one, other) in &edges {
            for (this, that) in [(one, other), (other, one)] {
                if alone.contains(this) {
                    likes.entry(*this).or_default().push(*that);
                }
            }
        }
        for this in edges.into_iter().flat_map(|(one, other)| [one, other]) {
            if alone.remove(&this) {
                let group = self.around(this, &likes[&this]);
                for it in &group {
                    alone.remove(it);
                }
                kept.push(group);
            }
        }
        let paired: HashSet<usize, FixedState> = kept.iter().flatten().copied().collect();
        kept.extend(groups.into_iter().filter(|group| {
            group.len() > 1
                || group.len() == 1
                    && !(paired.contains(&group[0]) && self.contents[group[0]].blocks.len() < 2)
        }));
        kept
    }

    /// One and those of its likes, the most alike first, that are like all before them.
    fn around(&mut self, one: usize, likes: &[usize]) -> Vec<usize> {
        let mut group = vec![one];
        for like in likes {
            if self.fit(&group[1..], &[*like]) {
                group.push(*like);
            }
        }
        group
    }

    /// Whether all of the one are like all of the other, or like so many of them that they hold for all.
    fn fit(&mut self, to: &[usize], from: &[usize]) -> bool {
        let witnesses = |group: &[usize]| -> Vec<usize> {
            let apart = group.len().div_ceil(WITNESSES).max(1);
            group.iter().copied().step_by(apart).collect()
        };
        let (to, from) = (witnesses(to), witnesses(from));
        to.iter()
            .all(|one| from.iter().all(|other| self.like(*one, *other).is_some()))
    }

    fn like(&mut self, one: usize, other: usize) -> Option<Likeness> {
        let pair = (one.min(other), one.max(other));
        if let Some(known) = self.known.get(&pair) {
            return *known;
        }
        let found = self.compare(pair);
        self.known.insert(pair, found);
        found
    }

    fn compare(&self, (one, other): Pair) -> Option<Likeness> {
        let (one, other) = (&self.contents[one], &self.contents[other]);
        if let ([left], [right]) = (one.blocks.as_slice(), other.blocks.as_slice()) {
            let table = |block: &usize| self.catalogue.blocks[*block].table;
            if table(left).is_some() && table(left) == table(right) {
                return None;
            }
        }
        if self.encloses(one, other) || self.encloses(other, one) {
            return None;
        }
        likeness(&one.said, &other.said, self.catalogue, self.least)
    }

    /// Whether some block of the one stands around one of the other: a block and its greater part are no copies.
    fn encloses(&self, outer: &Content, inner: &Content) -> bool {
        let content = self.catalogue.blocks[outer.blocks[0]].content;
        inner
            .blocks
            .iter()
            .take(MOST_PAIRED)
            .any(|block| self.catalogue.is_within(*block, content))
    }

    /// All pairs that are alike, the most alike first.
    fn edges(&mut self) -> Vec<Pair> {
        let mut edges: Vec<(Pair, f64)> = candidates(self.contents)
            .into_iter()
            .filter_map(|pair| self.like(pair.0, pair.1).map(|like| (pair, like.score)))
            .collect();
        edges.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        edges.into_iter().map(|(pair, _)| pair).collect()
    }

    fn class(&mut self, group: &[usize]) -> Option<Copies> {
        let mut blocks: Vec<(usize, usize)> = group
            .iter()
            .flat_map(|at| self.contents[*at].blocks.iter().map(|block| (*block, *at)))
            .collect();
        blocks.sort_by_key(|(block, _)| (place(&self.catalogue.blocks[*block]), *block));
        blocks.dedup_by(|inner, outer| {
            let (inner, outer) = (
                &self.catalogue.blocks[inner.0],
                &self.catalogue.blocks[outer.0],
            );
            inner.file == outer.file && inner.start <= outer.end
        });
        let mut left: Vec<usize> = blocks.iter().map(|(_, content)| *content).collect();
        left.sort_unstable();
        left.dedup();
        let (kind, similarity) = self.sameness(&left);
        let blocks: Vec<usize> = blocks.into_iter().map(|(block, _)| block).collect();
        (blocks.len() > 1).then_some(Copies {
            blocks,
            kind,
            similarity,
        })
    }

    fn sameness(&mut self, group: &[usize]) -> (Sameness, f64) {
        let (mut kind, mut least) = (Sameness::Exact, 1.0_f64);
        for (at, one) in group.iter().enumerate() {
            for other in group[at + 1..].iter().take(WITNESSES) {
                let Some(like) = self.like(*one, *other) else {
                    continue;
                };
                least = least.min(like.score);
                let this = if like.renamed {
                    Sameness::Renamed
                } else {
                    Sameness::Similar
                };
                kind = kind.max(this);
            }
        }
        (kind, least)
    }
}

/// Pairs worth a comparison: two that are alike share one of the rarer half of their settings (prefix filtering).
fn candidates(contents: &[Content]) -> Vec<Pair> {
    let mut counts: HashMap<u64, u32, FixedState> = HashMap::default();
    for content in contents {
        content
            .distinct()
            .for_each(|whole| *counts.entry(whole).or_default() += 1);
    }
    let mut postings: Vec<(u64, usize)> = Vec::new();
    for (at, content) in contents.iter().enumerate() {
        let mut rarest: Vec<(u32, u64)> = content
            .distinct()
            .map(|whole| (counts[&whole], whole))
            .collect();
        rarest.sort_unstable();
        let some = rarest.len() * 2 / 3 + 1;
        let shared = rarest
            .into_iter()
            .take(some)
            .filter(|(count, _)| *count > 1);
        postings.extend(shared.map(|(_, whole)| (whole, at)));
    }
    postings.sort_unstable();
    let mut pairs = Vec::new();
    for same in postings.chunk_by(|one, other| one.0 == other.0) {
        let mut sharing: Vec<usize> = same.iter().map(|(_, content)| *content).collect();
        if sharing.len() <= MOST_PAIRED {
            pair_near(contents, &sharing, MOST_PAIRED, &mut pairs);
            continue;
        }
        // Sets that are alike have the same smallest or largest hash more often than not (MinHash).
        sharing.sort_by_key(|at| (contents[*at].smallest(), contents[*at].said.seen.len(), *at));
        pair_near(contents, &sharing, NEIGHBOURS, &mut pairs);
        sharing.sort_by_key(|at| (contents[*at].said.seen.len(), contents[*at].largest(), *at));
        pair_near(contents, &sharing, NEIGHBOURS, &mut pairs);
    }
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

/// Pairs each with those up to `reach` places behind it.
fn pair_near(contents: &[Content], sharing: &[usize], reach: usize, pairs: &mut Vec<Pair>) {
    for (at, one) in sharing.iter().enumerate() {
        let others = sharing[at + 1..].iter().take(reach);
        let near = others.filter(|other| contents[*one].may_equal(&contents[**other]));
        pairs.extend(near.map(|other| (*one.min(other), *one.max(other))));
    }
}

impl Content {
    fn smallest(&self) -> Option<u64> {
        self.said.seen.first().map(|seen| seen.whole)
    }

    fn largest(&self) -> Option<u64> {
        self.said.seen.last().map(|seen| seen.whole)
    }

    fn distinct(&self) -> impl Iterator<Item = u64> {
        self.said
            .seen
            .chunk_by(|one, other| one.whole == other.whole)
            .map(|same| same[0].whole)
    }

    /// By their size, which no likeness outweighs.
    fn may_equal(&self, other: &Self) -> bool {
        let (one, other) = (self.said.seen.len(), other.said.seen.len());
        one.max(other) <= 3 * one.min(other)
    }
}

/// Without the classes that are only the insides of another.
fn outermost(catalogue: &Catalogue, classes: Vec<Copies>) -> Vec<Copies> {
    let mut member_of: HashMap<usize, Vec<usize>, FixedState> = HashMap::default();
    for (at, class) in classes.iter().enumerate() {
        class
            .blocks
            .iter()
            .for_each(|block| member_of.entry(*block).or_default().push(at));
    }
    let around = |block: usize, class: usize| {
        let mut next = catalogue.blocks[block].parent;
        while let Some(outer) = next {
            if member_of
                .get(&outer)
                .is_some_and(|classes| classes.contains(&class))
            {
                return Some(outer);
            }
            next = catalogue.blocks[outer].parent;
        }
        None
    };
    let is_inside = |class: &Copies| {
        let mut outer = catalogue.blocks[class.blocks[0]].parent;
        while let Some(block) = outer {
            for candidate in member_of.get(&block).into_iter().flatten() {
                let outers: Option<HashSet<usize, FixedState>> = class
                    .blocks
                    .iter()
                    .map(|block| around(*block, *candidate))
                    .collect();
                if outers.is_some_and(|outers| outers.len() == class.blocks.len()) {
                    return true;
                }
            }
            outer = catalogue.blocks[block].parent;
        }
        false
    };
    let inside: Vec<bool> = classes.iter().map(is_inside).collect();
    classes
        .into_iter()
        .zip(inside)
        .filter(|(_, inside)| !inside)
        .map(|(class, _)| class)
        .collect()
}

impl Copies {
    /// Settings that would be spared.
    fn weight(&self, catalogue: &Catalogue) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "settings in memory")]
        let spared = (self.settings(catalogue) * (self.blocks.len() - 1)) as f64;
        spared * self.similarity
    }

    fn settings(&self, catalogue: &Catalogue) -> usize {
        self.blocks
            .iter()
            .map(|at| catalogue.blocks[*at].settings)
            .max()
            .unwrap_or_default()
    }

    pub(super) fn told(&self, catalogue: &Catalogue, texts: &[Text]) -> Class {
        let fragments: Vec<Fragment> = self
            .blocks
            .iter()
            .map(|at| &catalogue.blocks[*at])
            .map(|block| Fragment {
                file: texts[block.file].file.to_owned(),
                start: block.start,
                end: block.end,
                name: block.key.map(|key| catalogue.path(key, None)),
            })
            .collect();
        Class {
            kind: self.kind,
            similarity: self.similarity,
            lines: fragments
                .iter()
                .map(|f| f.end + 1 - f.start)
                .max()
                .unwrap_or_default(),
            tokens: self.settings(catalogue),
            fingerprint: self.fingerprint(catalogue, texts),
            fragments,
        }
    }

    fn fingerprint(&self, catalogue: &Catalogue, texts: &[Text]) -> String {
        let mut said = Vec::new();
        for at in &self.blocks {
            let block = &catalogue.blocks[*at];
            said.extend_from_slice(texts[block.file].file.as_bytes());
            said.push(0);
            said.extend_from_slice(&block.content.to_le_bytes());
        }
        format!("{:016x}", xxh3_64(&said))
    }
}
