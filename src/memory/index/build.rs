//! Documents in memory, until they are a segment.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use xxhash_rust::xxh3::xxh3_64;

use super::disk::{Aside, Listed};
use super::postings::Encoder;
use super::rank::impact;
use super::segment::{MOST_WORDS, Making, Names, ROW, Row};
use super::words::{Field, Words, as_it_is, exact, tokens};
use super::{Document, Error, Term};

/// What is hashed is a sum already.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type Known<V> = HashMap<u64, V, BuildHasherDefault<AsItIs>>;

/// A term of this segment.
struct Held {
    term: Term,
    /// Documents that hold it.
    count: u32,
    /// The document that held it last, and where in `found` it stands there.
    seen: u32,
    slot: u32,
}

/// What a token stands for: places in `parts`.
#[derive(Clone, Copy)]
struct Cut {
    start: u32,
    parts: u8,
    wholes: u8,
}

const NEVER: u32 = u32::MAX;

/// The documents of a segment to be.
pub(super) struct Building {
    words: Words,
    /// By the sum of the token.
    tokens: Known<Cut>,
    /// Of tokens: first the parts, then the wholes. At 0, of the token at hand that is not worth keeping: a number.
    parts: Vec<u32>,
    terms: Known<u32>,
    held: Vec<Held>,
    /// Terms of the document at hand, and how often it has them.
    found: Vec<(u32, u32)>,
    rows: Vec<u8>,
    kept: Vec<u8>,
    /// For every document and term of it, one after the other.
    numbers: Vec<u32>,
    impacts: Vec<u8>,
    /// Where in them a document ends.
    ends: Vec<u32>,
    names: Names,
}

impl Building {
    pub(super) fn new() -> Self {
        Self {
            words: Words::new(),
            tokens: Known::default(),
            parts: vec![0],
            terms: Known::default(),
            held: Vec::new(),
            found: Vec::new(),
            rows: Vec::new(),
            kept: Vec::new(),
            numbers: Vec::new(),
            impacts: Vec::new(),
            ends: Vec::new(),
            names: Names::default(),
        }
    }

    pub(super) fn docs(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// Bytes in memory, about, and what writing it will take besides.
    pub(super) fn weight(&self) -> usize {
        self.numbers.len() * 10
            + self.rows.len()
            + self.kept.len()
            + self.ends.len() * 4
            + self.parts.len() * 4
            + self.tokens.len() * 32
            + self.held.len() * 44
            + self.names.weight()
    }

    pub(super) fn add(&mut self, document: &Document<'_>) {
        let doc = self.docs();
        self.found.clear();
        let place = self.kept.len();
        let mut words = 0_u32;
        for token in tokens(document.content) {
            let cut = self.cut(token);
            for index in 0..u32::from(cut.parts) + u32::from(cut.wholes) {
                let number = self.parts[(cut.start + index) as usize];
                let term = self.note(doc, number);
                if index < u32::from(cut.parts) {
                    if (words as usize) < MOST_WORDS {
                        self.kept.extend_from_slice(&term.to_le_bytes()[..4]);
                    }
                    words += 1;
                }
            }
        }
        for &(number, often) in &self.found {
            self.numbers.push(number);
            self.impacts.push(impact(often, words));
        }
        self.add_id(doc, exact(Field::Id, document.memory_id));
        self.add_exact(doc, exact(Field::Agent, document.agent));
        self.add_exact(doc, exact(Field::Kind, document.kind));
        for term in document.extra_terms {
            self.add_exact(doc, exact(Field::Extra, term));
        }
        self.ends
            .push(u32::try_from(self.numbers.len()).unwrap_or(u32::MAX));
        let kept = (words as usize).min(MOST_WORDS);
        let row = Row {
            at: document.at.unix_ms(),
            offset: document.offset,
            words: place as u64,
            length: document.length,
            day: document.day,
            agent: self.names.place(document.agent),
            kind: self.names.place(document.kind),
            weight: document.weight,
            kept: u16::try_from(kept).unwrap_or(u16::MAX),
        };
        row.put(&mut self.rows);
    }

    /// Hardly any is there twice: it is not looked for among the others.
    fn add_id(&mut self, doc: u32, term: Term) {
        let number = u32::try_from(self.held.len()).unwrap_or(NEVER);
        self.held.push(Held {
            term,
            count: 1,
            seen: doc,
            slot: 0,
        });
        self.numbers.push(number);
        self.impacts.push(1);
    }

    fn add_exact(&mut self, doc: u32, term: Term) {
        let number = self.number(term);
        let held = &mut self.held[number as usize];
        if held.seen != doc {
            held.seen = doc;
            held.count += 1;
            self.numbers.push(number);
            self.impacts.push(1);
        }
    }

    fn note(&mut self, doc: u32, number: u32) -> Term {
        let held = &mut self.held[number as usize];
        if held.seen != doc {
            held.seen = doc;
            held.count += 1;
            held.slot = u32::try_from(self.found.len()).unwrap_or(NEVER);
            self.found.push((number, 0));
        }
        self.found[held.slot as usize].1 += 1;
        held.term
    }

    fn cut(&mut self, token: &str) -> Cut {
        if let Some(term) = as_it_is(token) {
            self.parts[0] = self.number(term);
            return Cut {
                start: 0,
                parts: 1,
                wholes: 0,
            };
        }
        let key = xxh3_64(token.as_bytes());
        if let Some(&cut) = self.tokens.get(&key) {
            return cut;
        }
        self.words.cut(token);
        let split = std::mem::take(&mut self.words.split);
        let start = u32::try_from(self.parts.len()).unwrap_or(NEVER);
        for &term in split.parts.iter().chain(&split.wholes) {
            let number = self.number(term);
            self.parts.push(number);
        }
        let small = |length: usize| u8::try_from(length).unwrap_or(u8::MAX);
        let cut = Cut {
            start,
            parts: small(split.parts.len()),
            wholes: small(split.wholes.len()),
        };
        self.words.split = split;
        self.tokens.insert(key, cut);
        cut
    }

    fn number(&mut self, term: Term) -> u32 {
        let held = &mut self.held;
        *self.terms.entry(term).or_insert_with(|| {
            held.push(Held {
                term,
                count: 0,
                seen: NEVER,
                slot: 0,
            });
            u32::try_from(held.len() - 1).unwrap_or(NEVER)
        })
    }

    /// Writes the segment, and is empty again.
    pub(super) fn write(&mut self, number: u64, aside: &Aside) -> Result<Listed, Error> {
        let mut making = Making::new(number, aside, self.docs());
        for row in self.rows.chunks_exact(ROW).map(Row::read) {
            let start = usize::try_from(row.words).unwrap_or(usize::MAX);
            making.document(&row, &self.kept[start..start + usize::from(row.kept) * 4])?;
        }
        self.rows = Vec::new();
        self.kept = Vec::new();
        self.tokens = Known::default();
        self.terms = Known::default();
        self.parts = vec![0];
        let order = self.order();
        let (docs, impacts) = self.spread(&order);
        self.numbers = Vec::new();
        self.impacts = Vec::new();
        self.ends = Vec::new();
        let mut listing = making.terms(&self.names, order.len() as u64)?;
        let mut encoder = Encoder::new();
        let mut start = 0;
        for (index, &number) in order.iter().enumerate() {
            let held = &self.held[number as usize];
            let end = start + held.count as usize;
            for (&doc, &impact) in docs[start..end].iter().zip(&impacts[start..end]) {
                encoder.push(doc, impact);
            }
            start = end;
            // An id that is there twice: its documents are those of one term, in their order.
            let goes_on = order
                .get(index + 1)
                .is_some_and(|&next| self.held[next as usize].term == held.term);
            if !goes_on {
                listing.term(held.term, &mut encoder)?;
                encoder.clear();
            }
        }
        self.held = Vec::new();
        self.names.clear();
        listing.finish()
    }

    /// The terms as they are written.
    fn order(&self) -> Vec<u32> {
        let mut order: Vec<(Term, u32)> = (0..)
            .zip(&self.held)
            .filter(|(_, held)| held.count > 0)
            .map(|(number, held)| (held.term, number))
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, number)| number).collect()
    }

    /// Documents and impacts by term, in `order`.
    fn spread(&mut self, order: &[u32]) -> (Vec<u32>, Vec<u8>) {
        let mut before = 0;
        for &number in order {
            let held = &mut self.held[number as usize];
            held.slot = before;
            before += held.count;
        }
        let mut docs = vec![0; self.numbers.len()];
        let mut impacts = vec![0; self.numbers.len()];
        let mut start = 0;
        for (doc, &end) in (0..).zip(&self.ends) {
            for index in start..end as usize {
                let held = &mut self.held[self.numbers[index] as usize];
                docs[held.slot as usize] = doc;
                impacts[held.slot as usize] = self.impacts[index];
                held.slot += 1;
            }
            start = end as usize;
        }
        (docs, impacts)
    }
}
