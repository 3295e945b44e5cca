//! Pairs become classes: all copies of one thing together, of which each is like each.
//! What is a copy of two things that are no copies of each other is in two classes.

use std::collections::{BTreeSet, HashMap, HashSet};

use foldhash::fast::FixedState;
use xxhash_rust::xxh3::xxh3_64;

use super::align::Aligner;
use super::compare::{Likeness, are_in_order, compare};
use super::search::Pair;
use super::source::{Sources, Span};
use crate::duplicates::{Class, Fragment, Sameness};

/// Two spans of a file are one, if what they share is so much of what both hold.
const ONE: f64 = 0.75;
/// When two classes would become one, so many pairs of their members are looked at.
const ASKED: usize = 36;
/// …and so many of these, and all that vary so little that they may be rows of a table, are asked whether they are in order.
const ORDERED: usize = 6;
const TABLE: f64 = 0.45;

/// From `enough` on, two are alike.
pub(super) fn classes(sources: &Sources, pairs: &[Pair], enough: f64) -> Vec<Class> {
    let (nodes, edges) = unify(pairs);
    let groups = group(sources, nodes, &edges, enough);
    let mut groups = outermost(groups);
    for group in &mut groups {
        group.spans.retain(|span| {
            let (start, end) = sources.lines(*span);
            !sources.of(span.file).ignores(start, end)
        });
    }
    let is_generated = |it: &Group| it.spans.iter().all(|it| sources.of(it.file).generated);
    groups.retain(|it| it.spans.len() > 1 && !is_generated(it));
    let mut classes: Vec<Class> = groups.iter().map(|it| class(sources, it)).collect();
    classes.sort_by(|a, b| {
        weight(b)
            .total_cmp(&weight(a))
            .then_with(|| a.fragments.cmp(&b.fragments))
    });
    classes
}

/// What would be saved; the less two are alike, the less of that is sure.
#[expect(clippy::cast_precision_loss, reason = "tokens of a file are few")]
fn weight(class: &Class) -> f64 {
    let more = class.fragments.len() - 1;
    (class.tokens * more) as f64 * class.similarity.powi(6)
}

/// Two copies, and the places that they are counted as.
struct Edge {
    nodes: (usize, usize),
    spans: (Span, Span),
    likeness: Likeness,
}

/// Spans that are one place get one number; the likest pairs first, of equal ones the longer.
fn unify(pairs: &[Pair]) -> (usize, Vec<Edge>) {
    let mut spans: Vec<Span> = pairs.iter().flat_map(|it| [it.here, it.there]).collect();
    // What is met most often names the place; of equal ones the longer.
    spans.sort_unstable();
    let mut counted: Vec<(usize, Span)> = spans
        .chunk_by(|a, b| a == b)
        .map(|it| (it.len(), it[0]))
        .collect();
    counted.sort_by_key(|it| (it.1.file, std::cmp::Reverse((it.0, it.1.len())), it.1));
    let mut nodes: Vec<Span> = Vec::new();
    let mut node_of: HashMap<Span, usize> = HashMap::new();
    // Of one file, by their starts.
    let mut starts: BTreeSet<(u32, usize)> = BTreeSet::new();
    for (_, span) in counted {
        if nodes.last().is_none_or(|it| it.file != span.file) {
            starts.clear();
        }
        // What is one with it begins no further off than this.
        let off = span.len() / 3 + 1;
        let near = starts.range((span.start.saturating_sub(off), 0)..(span.start + off + 1, 0));
        let same = near.map(|it| it.1).filter(|it| is_one(nodes[*it], span));
        let node = same.min().unwrap_or(nodes.len());
        if node == nodes.len() {
            starts.insert((span.start, node));
            nodes.push(span);
        }
        node_of.insert(span, node);
    }
    let edge = |pair: &Pair| Edge {
        nodes: (node_of[&pair.here], node_of[&pair.there]),
        spans: (pair.here, pair.there),
        likeness: pair.likeness,
    };
    let mut edges: Vec<Edge> = pairs
        .iter()
        .map(edge)
        .filter(|it| it.nodes.0 != it.nodes.1)
        .collect();
    edges.sort_by(|a, b| {
        b.likeness
            .similarity
            .total_cmp(&a.likeness.similarity)
            .then_with(|| b.spans.0.len().cmp(&a.spans.0.len()))
            .then(a.spans.cmp(&b.spans))
    });
    (nodes.len(), edges)
}

fn is_one(a: Span, b: Span) -> bool {
    let common = a.common(b);
    f64::from(common) >= ONE * f64::from(a.len() + b.len() - common)
}

struct Group {
    spans: Vec<Span>,
    kind: Sameness,
    similarity: f64,
}

/// Whether two are alike, and in order.
struct Judge<'s> {
    sources: &'s Sources<'s>,
    enough: f64,
    aligner: Aligner,
    /// What was found to be alike.
    found: HashMap<(Span, Span), Likeness, FixedState>,
}

impl Judge<'_> {
    fn likeness(&mut self, a: Span, b: Span) -> Option<Likeness> {
        let found = self.found.get(&(a.min(b), a.max(b)));
        let (a, b) = (self.sources.piece(a), self.sources.piece(b));
        let compare = || compare(a, b, self.enough, &mut self.aligner);
        found.copied().or_else(compare)
    }

    fn are_in_order(&mut self, a: Span, b: Span, like: Likeness) -> bool {
        let (a, b) = (self.sources.piece(a), self.sources.piece(b));
        are_in_order(a, b, like, &mut self.aligner)
    }

    /// Of those that are least like each other; `None`: some are not alike.
    fn least(&mut self, x: &[Member], y: &[Member]) -> Option<Likeness> {
        let few = ASKED.isqrt();
        let of_x = (ASKED / y.len().min(few)).min(2 * few);
        let of_y = (ASKED / x.len().min(few)).min(2 * few);
        let mut pairs: Vec<(Span, Span)> = Vec::new();
        for (_, one) in spread(x, of_x) {
            pairs.extend(spread(y, of_y).map(|other| (*one, other.1)));
        }
        let mut all = None;
        let some = pairs.len().div_ceil(ORDERED);
        for (at, (one, other)) in pairs.iter().enumerate() {
            if one.common(*other) > 0 {
                return None;
            }
            let like = self.likeness(*one, *other)?;
            let is_looked_at = at % some == 0 || like.variety < TABLE;
            if is_looked_at && !self.are_in_order(*one, *other, like) {
                return None;
            }
            all = worst(all, Some(like));
        }
        all
    }
}

/// The likest first; two groups become one, if each is like each.
/// Whoever is like all of another group is shown there as well, and whoever is left with the one that it is likest.
fn group(sources: &Sources, nodes: usize, edges: &[Edge], enough: f64) -> Vec<Group> {
    let in_turn = |it: &Edge| (it.spans.0.min(it.spans.1), it.spans.0.max(it.spans.1));
    let mut judge = Judge {
        sources,
        enough,
        aligner: Aligner::default(),
        found: edges.iter().map(|it| (in_turn(it), it.likeness)).collect(),
    };
    let mut group_of: Vec<usize> = (0..nodes).collect();
    let mut members: Vec<Vec<Member>> = vec![Vec::new(); nodes];
    let mut likeness: Vec<Option<Likeness>> = vec![None; nodes];
    let mut refused: HashMap<(usize, usize, Option<Span>), usize, FixedState> = HashMap::default();
    for edge in edges {
        let (a, b) = edge.nodes;
        let (x, y) = (group_of[a], group_of[b]);
        if x == y {
            continue;
        }
        let size = members[x].len() + members[y].len();
        let lone = match (members[x].is_empty(), members[y].is_empty()) {
            (true, _) => Some(edge.spans.0),
            (_, true) => Some(edge.spans.1),
            _ => None,
        };
        let both = (x.min(y), x.max(y), lone);
        if size > 0 && refused.get(&both) == Some(&size) {
            continue;
        }
        // Who is alone yet comes as the pair has it.
        let alone = [[(a, edge.spans.0)], [(b, edge.spans.1)]];
        let of = |group: usize, alone| {
            let members: &Vec<Member> = &members[group];
            if members.is_empty() {
                alone
            } else {
                &members[..]
            }
        };
        let (of_x, of_y) = (of(x, &alone[0][..]), of(y, &alone[1][..]));
        let all = judge.least(of_x, of_y).and_then(|least| {
            let all = [Some(edge.likeness), likeness[x], likeness[y]];
            all.into_iter().fold(Some(least), worst)
        });
        let Some(all) = all else {
            refused.insert(both, size);
            continue;
        };
        let of_y = of_y.to_vec();
        for (node, _) in &of_y {
            group_of[*node] = x;
        }
        members[y] = Vec::new();
        likeness[y] = None;
        if members[x].is_empty() {
            members[x].extend(alone[0]);
        }
        members[x].extend(of_y);
        likeness[x] = Some(all);
    }
    let mut guests: Vec<Vec<Member>> = vec![Vec::new(); nodes];
    let mut asked: HashSet<(Member, usize), FixedState> = HashSet::default();
    for edge in edges {
        let (a, b) = ((edge.nodes.0, edge.spans.0), (edge.nodes.1, edge.spans.1));
        for (guest, host) in [(a, b), (b, a)] {
            let of_host = group_of[host.0];
            let of_guest = group_of[guest.0];
            let is_guest = |it: &Member| it.0 == guest.0;
            // Something of what the host holds is told beside the guest already.
            let is_told = |it: &Member| it.1.common(host.1) > 0;
            if of_host == of_guest
                || members[of_guest].iter().any(is_told)
                || guests[of_host].iter().any(is_guest)
                || !asked.insert((guest, of_host))
            {
                continue;
            }
            let there = if members[of_host].is_empty() {
                vec![host]
            } else {
                [&members[of_host][..], &guests[of_host][..]].concat()
            };
            let like = judge.least(&[guest], &there);
            if like.is_some() {
                if members[of_host].is_empty() {
                    members[of_host].push(host);
                }
                guests[of_host].push(guest);
                likeness[of_host] = worst(likeness[of_host], like);
            }
        }
    }
    let groups = members.iter().zip(&guests).zip(&likeness);
    groups
        .filter_map(|((members, guests), like)| {
            let mut spans: Vec<Span> = members.iter().chain(guests).map(|it| it.1).collect();
            spans.sort_unstable();
            like.map(|like| Group {
                spans,
                kind: like.kind,
                similarity: like.similarity,
            })
        })
        .collect()
}

/// The place that it is counted as, and what it was compared as.
type Member = (usize, Span);

/// At most so many, from all over.
fn spread<T>(all: &[T], at_most: usize) -> impl Iterator<Item = &T> {
    let count = all.len().min(at_most);
    (0..count).map(move |at| &all[at * all.len() / count])
}

fn worst(a: Option<Likeness>, b: Option<Likeness>) -> Option<Likeness> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Likeness {
            kind: a.kind.max(b.kind),
            similarity: a.similarity.min(b.similarity),
            variety: a.variety.min(b.variety),
        }),
        (one, other) => one.or(other),
    }
}

/// Without the groups that stand in another, each in another fragment.
fn outermost(mut groups: Vec<Group>) -> Vec<Group> {
    let size = |it: &Group| it.spans.iter().map(|it| it.len()).max().unwrap_or(0);
    groups.sort_by(|a, b| {
        size(b)
            .cmp(&size(a))
            .then_with(|| b.spans.len().cmp(&a.spans.len()))
            .then_with(|| a.spans.cmp(&b.spans))
    });
    let mut by_file: HashMap<u32, Vec<(usize, Span)>> = HashMap::new();
    let mut kept: Vec<Group> = Vec::new();
    for group in groups {
        if !is_inside(&group, &kept, &by_file) {
            for span in &group.spans {
                by_file
                    .entry(span.file)
                    .or_default()
                    .push((kept.len(), *span));
            }
            kept.push(group);
        }
    }
    kept
}

fn is_inside(group: &Group, kept: &[Group], by_file: &HashMap<u32, Vec<(usize, Span)>>) -> bool {
    let first = group.spans[0];
    let around = by_file
        .get(&first.file)
        .into_iter()
        .flatten()
        .filter(|it| mostly_holds(it.1, first));
    around.map(|it| it.0).any(|outer| {
        let mut used: Vec<Span> = Vec::new();
        group.spans.iter().all(|span| {
            let holder = kept[outer]
                .spans
                .iter()
                .find(|it| mostly_holds(**it, *span) && !used.contains(it));
            holder.is_some_and(|it| {
                used.push(*it);
                true
            })
        })
    })
}

fn mostly_holds(outer: Span, inner: Span) -> bool {
    outer.holds(inner) || f64::from(outer.common(inner)) >= 0.9 * f64::from(inner.len())
}

fn class(sources: &Sources, group: &Group) -> Class {
    let mut fragments: Vec<Fragment> = group
        .spans
        .iter()
        .map(|span| {
            let (start, end) = sources.lines_told(*span);
            Fragment {
                file: sources.of(span.file).file.clone(),
                start: start as usize,
                end: end as usize,
                name: sources.name(*span).map(str::to_owned),
            }
        })
        .collect();
    fragments.sort();
    let tokens = group
        .spans
        .iter()
        .map(|it| it.len() as usize)
        .max()
        .unwrap_or(0);
    let lines = fragments
        .iter()
        .map(|it| it.end - it.start + 1)
        .max()
        .unwrap_or(0);
    Class {
        kind: group.kind,
        similarity: (group.similarity * 1000.0).floor() / 1000.0,
        lines,
        tokens,
        fingerprint: fingerprint(sources, group, &fragments),
        fragments,
    }
}

/// Of the files and of what the first says when names are blinded: lines may move.
fn fingerprint(sources: &Sources, group: &Group, fragments: &[Fragment]) -> String {
    let mut text: Vec<u8> = Vec::new();
    for fragment in fragments {
        text.extend(fragment.file.as_bytes());
        text.push(0);
    }
    for word in sources.piece(group.spans[0]).blind {
        text.extend(word.to_le_bytes());
    }
    format!("{:016x}", xxh3_64(&text))
}
