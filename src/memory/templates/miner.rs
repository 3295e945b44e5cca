//! The groups, the way from a line to its group, and what bounds them.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::likeness::Forms;
use super::tokens::{Form, Kind, Reader, Token, WEIGHTS, WILD_HASH, form_of};
use super::{Group, Pattern};
use crate::time::Timestamp;

/// The most groups that live. When there are more, what `settle` found alike becomes one for ever, and if that is
/// not enough, the rarest and among them the oldest are forgotten until half are left: their numbers stay taken, and have
/// no pattern.
pub(super) const MOST_GROUPS: usize = 32_768;
/// Numbers of groups that have become part of others; the lowest are forgotten first.
pub(super) const MOST_ALIASES: usize = 262_144;
/// Forms that were found to be of a group without being its own.
const MOST_KNOWN: usize = 65_536;
/// `learn` settles on its own when there are so many groups, and from then on when they have grown by half.
const FIRST_SETTLING: usize = 512;
/// The sets of varying places of one length that a new form is tried with, the most frequent ones.
const MOST_MASKS: usize = 32;

/// Learns templates from lines, one by one.
#[derive(Clone, Debug)]
pub struct Miner {
    /// In the order of their numbers.
    pub(super) living: Vec<Living>,
    /// What has become part of another for ever; that one is always the older.
    pub(super) aliases: BTreeMap<u32, u32>,
    /// The number of the next group.
    pub(super) next: u32,
    pub(super) pace: Pace,
    derived: Derived,
    reader: Reader,
}

/// One that has lines of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Living {
    pub(super) group: u32,
    /// The oldest of those that it was found to be like, or itself.
    pub(super) root: u32,
    pub(super) form: Form,
    /// The values of the form where any word is welcome.
    pub(super) firm: u128,
    /// Of a root, the places that vary as it seems by now.
    pub(super) wild: u128,
    pub(super) count: u64,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

/// When to settle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// Groups since it was settled.
    pub(super) fresh: u64,
    /// Lines, now and when it was settled.
    pub(super) lines: u64,
    pub(super) settled: u64,
    /// The groups that make `learn` settle.
    pub(super) limit: u64,
}

/// What follows from the groups, and is made anew where they change.
#[derive(Clone, Debug, Default)]
struct Derived {
    /// Where the group of a form is.
    known: HashMap<u64, u32, foldhash::fast::FixedState>,
    /// By length: the sets of firm places, most frequent first.
    masks: BTreeMap<usize, Vec<u128>>,
}

impl Default for Miner {
    fn default() -> Self {
        Self {
            living: Vec::new(),
            aliases: BTreeMap::new(),
            next: 1,
            pace: Pace {
                limit: FIRST_SETTLING as u64,
                ..Pace::default()
            },
            derived: Derived::default(),
            reader: Reader::default(),
        }
    }
}

impl Miner {
    /// The group of a line at this moment.
    pub fn learn(&mut self, text: &str, at: Timestamp) -> Group {
        let place = self.place_of(text, at);
        self.pace.lines += 1;
        let living = &mut self.living[place];
        living.count += 1;
        living.first = living.first.min(at);
        living.last = living.last.max(at);
        Group(living.group)
    }

    /// A group as it was numbered before, by a line of it that is learnt later: those with low numbers come first. What is
    /// like an older one by now is a part of that.
    pub fn plant(&mut self, text: &str, at: Timestamp, group: Group) {
        if group.0 < self.next || group.0 == u32::MAX {
            return;
        }
        self.next = group.0;
        let mut reader = std::mem::take(&mut self.reader);
        let tokens = reader.read(text);
        let hash = form_of(tokens.iter().map(|token| token.hash));
        if let Some(place) = self.welcome(tokens, hash) {
            self.aliases.insert(group.0, self.living[place].group);
            self.next += 1;
        } else {
            self.add(Form::new(tokens, text), hash, at);
        }
        self.reader = reader;
        let living = self.living.len() as u64;
        // Nothing is judged before its lines are there.
        let limit = (living + living / 2).min(MOST_GROUPS as u64);
        self.pace.limit = self.pace.limit.max(limit);
    }

    /// Puts together what belongs together by all that was seen; until then new lines are groups of their own. Quick where
    /// little is new. To be called after lines were learnt, before anybody is told of patterns.
    pub fn settle(&mut self) {
        let grown = self.pace.lines > self.pace.settled + self.pace.settled / 4;
        if self.pace.fresh > 0 || grown {
            self.settle_now();
        }
    }

    /// How much of all lines is of it, 0 to 1.
    pub fn share(&self, group: Group) -> f64 {
        let count = self.find(group.0).map_or(0, |it| it.count);
        #[expect(clippy::cast_precision_loss, reason = "a share is rough")]
        let share = count as f64 / self.pace.lines.max(1) as f64;
        share
    }

    /// What the group has become. It may become another when more was seen.
    pub fn resolve(&self, group: Group) -> Group {
        let kept = self.aliases.get(&group.0).copied().unwrap_or(group.0);
        Group(self.find(kept).map_or(kept, |living| living.root))
    }

    /// All that have lines, by the number of the group.
    pub fn patterns(&self) -> impl Iterator<Item = Pattern> + use<> {
        let mut patterns: BTreeMap<u32, Pattern> = BTreeMap::new();
        for living in &self.living {
            // A root is older than whatever belongs to it, and so comes first.
            match patterns.get_mut(&living.root) {
                Some(pattern) => living.add_to(pattern),
                None => {
                    patterns.insert(living.root, living.to_pattern());
                }
            }
        }
        patterns.into_values()
    }

    /// Nothing if the group was never given, or forgotten.
    pub fn pattern(&self, group: Group) -> Option<Pattern> {
        let root = self.find(self.resolve(group).0)?;
        let mut pattern = root.to_pattern();
        self.living
            .iter()
            .filter(|living| living.root == root.group && living.group != root.group)
            .for_each(|living| living.add_to(&mut pattern));
        Some(pattern)
    }

    fn find(&self, group: u32) -> Option<&Living> {
        let place = self
            .living
            .binary_search_by_key(&group, |living| living.group);
        place.ok().map(|place| &self.living[place])
    }

    fn place_of(&mut self, text: &str, at: Timestamp) -> usize {
        let mut reader = std::mem::take(&mut self.reader);
        let tokens = reader.read(text);
        let hash = form_of(tokens.iter().map(|token| token.hash));
        let mut place = self.welcome(tokens, hash);
        if place.is_none() && self.living.len() as u64 >= self.pace.limit {
            self.settle_now();
            place = self.welcome(tokens, hash);
        }
        let place = place.unwrap_or_else(|| self.add(Form::new(tokens, text), hash, at));
        self.reader = reader;
        place
    }

    /// Where the group is that a line of these tokens belongs to.
    fn welcome(&mut self, tokens: &[Token], hash: u64) -> Option<usize> {
        if let Some(place) = self.derived.known.get(&hash) {
            return Some(*place as usize);
        }
        let masks = self.derived.masks.get(&tokens.len())?;
        let place = masks.iter().find_map(|mask| {
            let (masked, changed) = masked(tokens, hash, *mask);
            let place = *self.derived.known.get(&masked)?;
            (self.living[place as usize].firm & changed == changed).then_some(place)
        })?;
        if self.derived.known.len() >= self.living.len() + MOST_KNOWN {
            self.derive();
        }
        self.derived.known.insert(hash, place);
        Some(place as usize)
    }

    fn add(&mut self, form: Form, hash: u64, at: Timestamp) -> usize {
        let place = self.living.len();
        if self.next == u32::MAX && place > 0 {
            // Every number was given: what is new is counted with the last.
            return place - 1;
        }
        self.derived.known.insert(hash, narrow(place));
        self.living.push(Living {
            group: self.next,
            root: self.next,
            form,
            firm: 0,
            wild: 0,
            count: 0,
            first: at,
            last: at,
        });
        self.next = self.next.saturating_add(1);
        self.pace.fresh += 1;
        place
    }

    fn settle_now(&mut self) {
        let full = self.living.len() >= MOST_GROUPS;
        let mut forms = Forms::default();
        for living in &self.living {
            forms.push(living.form.pieces(), living.count, living.firm);
        }
        let verdicts = forms.judge();
        let groups: Vec<u32> = self.living.iter().map(|living| living.group).collect();
        for (living, verdict) in self.living.iter_mut().zip(verdicts) {
            living.root = groups[verdict.root];
            living.wild = verdict.wild;
            let firm = if full { verdict.wild } else { verdict.firm };
            if firm != living.firm {
                living.form = living.form.with(firm);
                living.firm |= firm & living.form.values();
            }
        }
        self.become_one();
        if self.living.len() > MOST_GROUPS / 2 && full {
            self.forget();
        }
        self.derive();
        self.pace.fresh = 0;
        self.pace.settled = self.pace.lines;
        let limit = (self.living.len() + self.living.len() / 2).clamp(FIRST_SETTLING, MOST_GROUPS);
        self.pace.limit = limit as u64;
    }

    /// Groups whose forms have become the same.
    fn become_one(&mut self) {
        let mut first: HashMap<u64, usize, foldhash::fast::FixedState> = HashMap::default();
        let mut kept: Vec<Living> = Vec::with_capacity(self.living.len());
        let before = self.aliases.len();
        for living in std::mem::take(&mut self.living) {
            match first.entry(living.form.hash()) {
                Entry::Occupied(place) => {
                    let older = &mut kept[*place.get()];
                    older.firm |= living.firm;
                    older.count += living.count;
                    older.first = older.first.min(living.first);
                    older.last = older.last.max(living.last);
                    self.aliases.insert(living.group, older.group);
                }
                Entry::Vacant(place) => {
                    place.insert(kept.len());
                    kept.push(living);
                }
            }
        }
        self.living = kept;
        for at in 0..self.living.len() {
            if let Some(to) = self.aliases.get(&self.living[at].root) {
                self.living[at].root = self.find(*to).map_or(*to, |older| older.root);
            }
        }
        if self.aliases.len() > before {
            let whole = self.aliases.clone();
            for to in self.aliases.values_mut() {
                *to = whole.get(to).copied().unwrap_or(*to);
            }
            while self.aliases.len() > MOST_ALIASES {
                self.aliases.pop_first();
            }
        }
    }

    fn forget(&mut self) {
        let mut order: Vec<(u32, Timestamp, u32)> = self
            .living
            .iter()
            .map(|living| {
                (
                    living.count.checked_ilog2().unwrap_or(0),
                    living.last,
                    living.group,
                )
            })
            .collect();
        order.sort_unstable();
        order.truncate(self.living.len() - MOST_GROUPS / 2);
        let gone: BTreeSet<u32> = order.into_iter().map(|(_, _, group)| group).collect();
        self.living.retain(|living| !gone.contains(&living.group));
        for living in &mut self.living {
            // What its root knew is forgotten with it.
            if gone.contains(&living.root) {
                living.root = living.group;
            }
        }
    }

    pub(super) fn derive(&mut self) {
        let mut masks: BTreeMap<usize, BTreeMap<u128, u64>> = BTreeMap::new();
        self.derived.known.clear();
        for (place, living) in self.living.iter().enumerate() {
            self.derived.known.insert(living.form.hash(), narrow(place));
            if living.firm != 0 {
                let of_length = masks.entry(living.form.length()).or_default();
                *of_length.entry(living.firm).or_default() += 1;
            }
        }
        self.derived.masks = masks
            .into_iter()
            .map(|(length, masks)| {
                let mut order: Vec<(Reverse<u64>, u128)> = masks
                    .into_iter()
                    .map(|(mask, groups)| (Reverse(groups), mask))
                    .collect();
                order.sort_unstable();
                order.truncate(MOST_MASKS);
                (length, order.into_iter().map(|(_, mask)| mask).collect())
            })
            .collect();
    }
}

impl Living {
    fn to_pattern(&self) -> Pattern {
        Pattern {
            group: Group(self.group),
            text: self.form.template(self.wild),
            count: self.count,
            first: self.first,
            last: self.last,
        }
    }

    fn add_to(&self, pattern: &mut Pattern) {
        pattern.count += self.count;
        pattern.first = pattern.first.min(self.first);
        pattern.last = pattern.last.max(self.last);
    }
}

/// The hash of a form whose words in these places were values, and where that changed it.
fn masked(tokens: &[Token], hash: u64, mask: u128) -> (u64, u128) {
    let (mut masked, mut changed) = (hash, 0);
    for (at, token) in tokens.iter().enumerate() {
        if mask >> at & 1 == 1 && matches!(token.kind, Kind::Word | Kind::Date) {
            let change = WILD_HASH.wrapping_sub(token.hash).wrapping_mul(WEIGHTS[at]);
            masked = masked.wrapping_add(change);
            changed |= 1 << at;
        }
    }
    (masked, changed)
}

#[expect(clippy::cast_possible_truncation, reason = "below MOST_GROUPS")]
fn narrow(place: usize) -> u32 {
    place as u32
}
