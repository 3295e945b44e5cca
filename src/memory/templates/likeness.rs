//! Which groups belong together, by what was seen of all of them. Pure: forms in, a verdict a form out, and the order of
//! the forms changes nothing but the names.
//!
//! Two forms are compared only where they differ in one place. The place varies if enough different words stood in it;
//! how many are enough depends on what they look like, on how often each of them came, and on what stands before them.
//! What was found alike is compared again with the place left out, so that several places are found one by one.

use std::collections::HashMap;
use std::ops::Range;

use super::tokens::{
    Kind, MOST_TOKENS, WEIGHTS, WILD_HASH, closing_of, form_of, join_values, mark_hash, mixed,
};

/// Later places are compared, but never found to vary.
const MOST_PLACES: usize = 48;
/// One place of a form is found a round.
const ROUNDS: usize = 6;
/// So many different words, and whatever comes in their place is one for ever.
const FIRM: usize = 16;

/// How many different words make a place vary. Set by hand on eight of the sixteen loghub-2k samples, where none of them
/// matters much: moved by one, each changes the mean grouping accuracy by less than 0.002.
mod enough {
    /// `a.B`, `a-b`, `a_b`: made names. Each seldom seen, sometimes, often, very often.
    pub(super) const COMPOUND: [usize; 4] = [2, 3, 5, 8];
    /// `server`, `SERVER`: words of the language. Each seldom seen, often, very often.
    pub(super) const PLAIN: [usize; 3] = [5, 7, 12];
    /// `Server`, `fooBar`.
    pub(super) const MIXED: [usize; 3] = [4, 6, 10];
    /// Behind a word that something is named after, as `user`.
    pub(super) const NAMED: usize = 2;
    /// Behind a preposition, unless each is seen very often.
    pub(super) const OBJECT: usize = 3;
    /// The first word says most of all; alone it is all that is said.
    pub(super) const FIRST: usize = 12;
    /// Fewer suffice in a long line.
    pub(super) const LONG_LINE: usize = 10;
    pub(super) const FEWER: usize = 2;
    /// Where values stood too.
    pub(super) const BESIDE_VALUES: usize = 1;
    pub(super) const FIRST_BESIDE_VALUES: usize = 3;
    /// Texts between the same marks, and the words besides.
    pub(super) const ENCLOSED: usize = 6;
    pub(super) const ENCLOSED_BESIDE_VALUES: usize = 4;
    pub(super) const BESIDE_ENCLOSED: usize = 2;
    /// Lines a word, up to which it is seldom, or sometimes, seen.
    pub(super) const SELDOM: [u64; 2] = [3, 8];
    pub(super) const SELDOM_PLAIN: u64 = 5;
    /// Halvings of the lines a word, on the average of the words, from which on it is very often seen.
    pub(super) const VERY_OFTEN: u32 = 5;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    Compound,
    Plain,
    Mixed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Introduces {
    Name,
    Object,
    Nothing,
}

/// A token, as far as likeness asks.
#[derive(Clone, Copy, Debug)]
struct Piece {
    hash: u64,
    kind: Kind,
    look: Look,
    introduces: Introduces,
    answer: bool,
    short: bool,
    /// Of a mark that opens, the one that closes.
    closing: Option<u8>,
}

impl Piece {
    fn new(word: &str, kind: Kind, hash: u64) -> Self {
        Self {
            hash,
            kind,
            look: look_of(word),
            introduces: introduced_by(word),
            answer: is_answer(word),
            short: word.len() <= 2,
            closing: closing_of(word),
        }
    }
}

/// What the next word is likely to be.
fn introduced_by(word: &str) -> Introduces {
    match word {
        "user" | "host" | "client" | "server" | "node" | "file" | "device" | "domain"
        | "process" | "service" | "program" | "job" | "queue" | "agent" | "session" | "task"
        | "User" | "Host" | "Client" | "Server" | "Node" | "File" | "Device" | "Domain"
        | "Process" | "Service" | "Program" | "Job" | "Queue" | "Agent" | "Session" | "Task" => {
            Introduces::Name
        }
        "for" | "from" | "by" | "to" | "with" | "at" | "on" | "in" | "via" => Introduces::Object,
        _ => Introduces::Nothing,
    }
}

/// A template says one of them or the other.
fn is_answer(word: &str) -> bool {
    matches!(
        word,
        "true"
            | "false"
            | "True"
            | "False"
            | "TRUE"
            | "FALSE"
            | "null"
            | "NULL"
            | "None"
            | "none"
            | "yes"
            | "no"
            | "off"
            | "ok"
            | "OK"
    )
}

fn look_of(word: &str) -> Look {
    let capitals = |byte: u8| byte.is_ascii_uppercase() || byte == b'_';
    let small = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    if word.bytes().all(small) || word.bytes().all(capitals) {
        Look::Plain
    } else if word.contains(['.', '_', '/']) {
        Look::Compound
    } else {
        Look::Mixed
    }
}

/// The forms that are to be judged.
#[derive(Debug, Default)]
pub(super) struct Forms {
    pieces: Vec<Piece>,
    forms: Vec<Form>,
}

#[derive(Clone, Copy, Debug)]
struct Form {
    start: usize,
    length: usize,
    count: u64,
    /// The hash, with what was found to vary left out.
    hash: u64,
    wild: u128,
    firm: u128,
    root: usize,
}

/// What was found of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The first of the forms that it belongs to.
    pub(super) root: usize,
    /// The places that vary, where any of them had a word.
    pub(super) wild: u128,
    /// The places that vary for ever.
    pub(super) firm: u128,
}

/// A place of a form, under the hash of all the others.
#[derive(Clone, Copy)]
struct Place {
    rest: u64,
    form: u32,
    at: u32,
}

/// Words between two marks, under the hash of all the rest.
struct Enclosed {
    outside: u64,
    form: usize,
    inside: Range<usize>,
}

impl Forms {
    /// `firm`: the places that vary for ever already.
    pub(super) fn push<'a>(
        &mut self,
        words: impl Iterator<Item = (&'a str, Kind, u64)>,
        count: u64,
        firm: u128,
    ) {
        let start = self.pieces.len();
        self.pieces
            .extend(words.map(|(word, kind, hash)| Piece::new(word, kind, hash)));
        let pieces = &self.pieces[start..];
        self.forms.push(Form {
            start,
            length: pieces.len(),
            count,
            hash: form_of(pieces.iter().map(|piece| piece.hash)),
            wild: 0,
            firm,
            root: self.forms.len(),
        });
    }

    pub(super) fn judge(mut self) -> Vec<Verdict> {
        let mut living: Vec<u32> = (0..).take(self.forms.len()).collect();
        for _ in 0..ROUNDS {
            self.unite(&mut living);
            if !self.vary(&living) {
                break;
            }
        }
        self.unite(&mut living);
        let roots: Vec<usize> = (0..self.forms.len()).map(|at| self.root_of(at)).collect();
        self.unite_enclosed(&living);
        self.unite_joined(&living);
        roots
            .into_iter()
            .map(|root| Verdict {
                root: self.root_of(root),
                wild: self.forms[root].wild,
                firm: self.forms[root].firm,
            })
            .collect()
    }

    /// What stands between a pair of marks varies in the number of its words too: `task "…" is done`.
    fn unite_enclosed(&mut self, living: &[u32]) {
        let mut spans: Vec<Enclosed> = Vec::new();
        for form in living {
            self.enclosed(*form as usize, &mut spans);
        }
        spans.sort_unstable_by_key(|span| (span.outside, span.form));
        for alike in spans.chunk_by(|one, other| one.outside == other.outside) {
            if !self.vary_enclosed(alike) {
                continue;
            }
            for span in alike {
                self.link(alike[0].form, span.form);
                for at in span.inside.clone() {
                    self.forms[span.form].wild |= 1 << at;
                }
            }
        }
    }

    fn vary_enclosed(&self, alike: &[Enclosed]) -> bool {
        let lines: u64 = alike.iter().map(|span| self.forms[span.form].count).sum();
        let seldom = lines <= enough::SELDOM[1] * alike.len() as u64;
        let several = alike.iter().any(|span| span.inside.len() > 1);
        let value = |span: &Enclosed| self.hash_at(span.form, span.inside.start) == Some(WILD_HASH);
        let wanted = if alike.iter().any(value) {
            enough::ENCLOSED_BESIDE_VALUES
        } else {
            enough::ENCLOSED
        };
        alike.len() >= wanted && seldom && several
    }

    /// What varies beside a value is one with it, as it would have been had it looked like a value: `name:80`.
    fn unite_joined(&mut self, living: &[u32]) {
        let mut first: HashMap<u64, usize, foldhash::fast::FixedState> = HashMap::default();
        let mut hashes = Vec::new();
        for form in living {
            let form = *form as usize;
            hashes.clear();
            for at in 0..self.forms[form].length {
                let mark = self.piece(form, at).hash;
                hashes.push(self.hash_at(form, at).unwrap_or(mark));
                join_values(&mut hashes);
            }
            let joined = form_of(hashes.iter().copied());
            let head = *first.entry(joined).or_insert(form);
            self.link(head, form);
        }
    }

    /// Of two roots the older one stays.
    fn link(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root_of(one), self.root_of(other));
        self.forms[one.max(other)].root = one.min(other);
    }

    /// The words between pairs of marks, where enough is said besides.
    fn enclosed(&self, form: usize, spans: &mut Vec<Enclosed>) {
        let Form { start, length, .. } = self.forms[form];
        let pieces = &self.pieces[start..start + length];
        let said = (0..length)
            .filter(|at| {
                self.hash_at(form, *at)
                    .is_some_and(|hash| hash != WILD_HASH)
            })
            .count();
        for (open, piece) in pieces.iter().enumerate() {
            let Some(closing) = piece.closing else {
                continue;
            };
            let words = pieces[open + 1..]
                .iter()
                .take_while(|piece| piece.kind != Kind::Mark);
            let close = open + 1 + words.count();
            let inside = open + 1..close;
            let own = inside
                .clone()
                .filter(|at| self.hash_at(form, *at) != Some(WILD_HASH))
                .count();
            let closed = pieces
                .get(close)
                .is_some_and(|piece| piece.hash == mark_hash(closing));
            if closed && close > open + 1 && said - own >= enough::BESIDE_ENCLOSED {
                let outside = (0..=open)
                    .chain(close..length)
                    .map(|at| self.hash_at(form, at).unwrap_or(pieces[at].hash));
                let outside = outside.fold(open as u64, |chain, hash| mixed(chain ^ hash));
                spans.push(Enclosed {
                    outside,
                    form,
                    inside,
                });
            }
        }
    }

    fn root_of(&self, mut at: usize) -> usize {
        while self.forms[at].root != at {
            at = self.forms[at].root;
        }
        at
    }

    /// Forms that have become equal become the first of them.
    fn unite(&mut self, living: &mut Vec<u32>) {
        living.sort_unstable_by_key(|at| (self.forms[*at as usize].hash, *at));
        let mut kept: Option<usize> = None;
        living.retain(|at| {
            let at = *at as usize;
            match kept {
                Some(root) if self.forms[root].hash == self.forms[at].hash => {
                    let Form {
                        count, wild, firm, ..
                    } = self.forms[at];
                    self.forms[at].root = root;
                    let root = &mut self.forms[root];
                    root.count += count;
                    root.wild |= wild;
                    root.firm |= firm;
                    false
                }
                _ => {
                    kept = Some(at);
                    true
                }
            }
        });
    }

    /// Whether any place was found to vary that was not known to.
    fn vary(&mut self, living: &[u32]) -> bool {
        let mut places = Vec::new();
        for form in living {
            for at in 0..self.forms[*form as usize].length.min(MOST_PLACES) {
                let hash = self.hash_at(*form as usize, at);
                if hash.is_some() {
                    let rest = self.without(*form as usize, at);
                    #[expect(clippy::cast_possible_truncation, reason = "below MOST_PLACES")]
                    places.push(Place {
                        rest,
                        form: *form,
                        at: at as u32,
                    });
                }
            }
        }
        places.sort_unstable_by_key(|place| (place.rest, place.form));
        let mut found: Vec<(Place, bool)> = Vec::new();
        for alike in places.chunk_by(|one, other| one.rest == other.rest) {
            if alike.len() > 1 && self.varies(alike) {
                let firm = alike.len() > FIRM;
                found.extend(alike.iter().map(|place| (*place, firm)));
            }
        }
        let mut news = false;
        for (place, firm) in found {
            let (at, bit) = (place.at as usize, 1 << place.at);
            let hash = self.hash_at(place.form as usize, at);
            let form = &mut self.forms[place.form as usize];
            if let Some(hash) = hash
                && hash != WILD_HASH
            {
                let change = WILD_HASH.wrapping_sub(hash).wrapping_mul(WEIGHTS[at]);
                form.hash = form.hash.wrapping_add(change);
                form.wild |= bit;
                news = true;
            }
            if firm {
                form.firm |= bit;
            }
        }
        news
    }

    fn piece(&self, form: usize, at: usize) -> Piece {
        self.pieces[self.forms[form].start + at]
    }

    /// Of what stands there by now; nothing where no word can stand.
    fn hash_at(&self, form: usize, at: usize) -> Option<u64> {
        let piece = self.piece(form, at);
        if self.forms[form].wild >> at & 1 == 1 {
            return Some(WILD_HASH);
        }
        match piece.kind {
            Kind::Value => Some(WILD_HASH),
            Kind::Word | Kind::Date => Some(piece.hash),
            Kind::Mark => None,
        }
    }

    fn without(&self, form: usize, at: usize) -> u64 {
        let hash = self.hash_at(form, at).unwrap_or_default();
        self.forms[form]
            .hash
            .wrapping_sub(hash.wrapping_mul(WEIGHTS[at]))
    }

    fn varies(&self, alike: &[Place]) -> bool {
        let Place { form, at, .. } = alike[0];
        let (form, at) = (form as usize, at as usize);
        let is_wild = |form: usize, at: usize| self.hash_at(form, at) == Some(WILD_HASH);
        let words: Vec<(Piece, u64)> = alike
            .iter()
            .map(|place| place.form as usize)
            .filter(|other| !is_wild(*other, at))
            .map(|other| (self.piece(other, at), self.forms[other].count))
            .collect();
        let beside_values = words.len() < alike.len();
        let others = (0..self.forms[form].length)
            .filter(|place| {
                *place != at && self.hash_at(form, *place).is_some() && !is_wild(form, *place)
            })
            .count();
        let before = match at.checked_sub(1) {
            Some(before) if !is_wild(form, before) => self.piece(form, before).introduces,
            _ => Introduces::Nothing,
        };
        wanted(&words, at, others, before, beside_values)
            .is_some_and(|wanted| words.len() >= wanted)
    }
}

/// How many different words would be enough; nothing where none are.
fn wanted(
    words: &[(Piece, u64)],
    at: usize,
    others: usize,
    before: Introduces,
    beside_values: bool,
) -> Option<usize> {
    let short = words.iter().all(|(piece, _)| piece.short);
    if others == 0 || short || words.iter().any(|(piece, _)| piece.answer) {
        return None;
    }
    if at == 0 {
        return match (beside_values, others) {
            (true, _) => Some(enough::FIRST_BESIDE_VALUES),
            (false, 1) => None,
            (false, _) => Some(enough::FIRST),
        };
    }
    if beside_values {
        return Some(enough::BESIDE_VALUES);
    }
    let mut wanted = by_look(words);
    match before {
        Introduces::Name => wanted = wanted.min(enough::NAMED),
        Introduces::Object if !very_often(words) => wanted = wanted.min(enough::OBJECT),
        Introduces::Object | Introduces::Nothing => {}
    }
    if others >= enough::LONG_LINE {
        wanted = wanted.saturating_sub(enough::FEWER);
    }
    Some(wanted.max(2))
}

fn by_look(words: &[(Piece, u64)]) -> usize {
    let lines: u64 = words.iter().map(|(_, count)| count).sum();
    let each = |times: u64| lines <= times * words.len() as u64;
    let mostly = |look: Look| {
        let such = words.iter().filter(|(piece, _)| piece.look == look).count();
        2 * such >= words.len()
    };
    let step = |seldom: &[u64], steps: &[usize]| {
        if very_often(words) {
            return steps[seldom.len() + 1];
        }
        steps[seldom.iter().filter(|times| !each(**times)).count()]
    };
    if mostly(Look::Compound) {
        step(&enough::SELDOM, &enough::COMPOUND)
    } else if mostly(Look::Plain) {
        step(&[enough::SELDOM_PLAIN], &enough::PLAIN)
    } else {
        step(&[enough::SELDOM_PLAIN], &enough::MIXED)
    }
}

/// Names have a long tail; of what is said every word comes often.
fn very_often(words: &[(Piece, u64)]) -> bool {
    let halvings = words
        .iter()
        .map(|(_, count)| count.checked_ilog2().unwrap_or(0));
    halvings.sum::<u32>() as usize >= enough::VERY_OFTEN as usize * words.len()
}

const _: () = assert!(MOST_PLACES <= MOST_TOKENS && MOST_TOKENS <= 128);
