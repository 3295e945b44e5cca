//! Everything but conversation: what programs and agents note of what they do. An event goes on with the thread that its
//! agent, those it names, and what it speaks of lead to, or begins one.

use std::collections::VecDeque;

use super::bytes::{Map, forget_half, keep_fields};
use super::fitted::{BUCKETS, Row};
use super::fitted_events::Trait;
use super::forest::Forest;
use super::pairs::Pairs;
use super::ties::{Moment, Tie};
use super::words::{self, Rarity, Words};

/// How many events are looked back at.
const WINDOW: usize = 32;
/// A window that is full within this time is a flood.
const FLOOD_MS: u64 = 10_000;
/// Agents that are remembered; beyond, the half that did nothing longest is forgotten.
const AGENTS: usize = 1024;
/// What stands where nobody knows who it was.
const NOBODY: [&str; 4] = ["", "-", "unknown", "none"];
/// Kinds that describe a thing or a time as a whole.
const RECORDS: [&str; 3] = ["devlog", "summary", "task"];
/// A key before a name says that an agent is named, even one that did nothing yet.
const KEYS: [&str; 4] = ["assignee:", "owner:", "agent:", "worker:"];

#[derive(Default)]
pub(super) struct Events {
    pub(super) window: VecDeque<Event>,
    /// When each agent did something last: the ordinal of the event.
    agents: Map<u32, u32>,
    pub(super) pairs: Pairs,
    pub(super) rarity: Rarity,
}
keep_fields!(Events {
    window,
    agents,
    pairs,
    rarity
});

/// An event as far as later ones look at it.
#[derive(Default)]
pub(super) struct Event {
    pub(super) ordinal: u32,
    pub(super) ms: i64,
    /// Who did it, or 0.
    pub(super) agent: u32,
    /// The agent that it names, or 0.
    pub(super) named: u32,
    /// Its first word.
    pub(super) verb: u32,
    pub(super) class: u8,
    /// The whole text.
    pub(super) text: u32,
    /// 1 if there is nothing behind the verb.
    pub(super) bare: u8,
    /// 1 if it is no deed but the description of something: nobody's turn.
    pub(super) record: u8,
    /// The words of the first line, and how rare they are together.
    pub(super) head: Words,
    pub(super) head_weight: f32,
    pub(super) words: Words,
    /// Neighbours among its words.
    pub(super) pairs: Vec<u32>,
}
keep_fields!(Event {
    ordinal,
    ms,
    agent,
    named,
    verb,
    class,
    text,
    bare,
    record,
    head,
    head_weight,
    words,
    pairs
});

/// What an event says of its subject by its first word.
pub(super) const OTHER: u8 = 0;
pub(super) const OPENS: u8 = 1;
pub(super) const ENDS: u8 = 2;

/// What an event goes on with.
pub(super) struct Choice {
    pub(super) ordinal: u32,
    /// How probable it is that both are of one thread.
    pub(super) share: f32,
    pub(super) tie: Tie,
}

impl Events {
    pub(super) fn read(&self, ordinal: u32, ms: i64, agent: &str, kind: &str, text: &str) -> Event {
        let text = text.trim_start();
        let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let (verb, rest) = text.split_at(end.unwrap_or(text.len()));
        let (head, words, pairs) = words::read(rest);
        Event {
            ordinal,
            ms,
            agent: if NOBODY.contains(&agent) {
                0
            } else {
                words::number(agent)
            },
            named: self.named(text),
            verb: words::number(verb),
            class: class(verb),
            text: words::whole(text),
            record: u8::from(RECORDS.contains(&kind)),
            bare: u8::from(rest.trim_matches([':', ' ']).is_empty()),
            head_weight: self.rarity.all(&head),
            head,
            words,
            pairs,
        }
    }

    /// An agent that is known and whose name is no plain word, or what stands behind a key for one.
    fn named(&self, text: &str) -> u32 {
        let mut keyed = false;
        for word in text.split_ascii_whitespace().take(40) {
            let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric());
            let odd = bare.bytes().any(|byte| !byte.is_ascii_alphabetic());
            if bare.len() >= 2 && (odd || keyed) {
                let who = words::number(bare);
                if keyed && !word.ends_with(':') || self.agents.contains_key(&who) {
                    return who;
                }
            }
            keyed = KEYS.contains(&word);
        }
        0
    }

    /// What the event goes on with; `None` where nothing is more likely than all else together: a wrong thread is worse than
    /// one more.
    pub(super) fn choose(&self, event: &Event, forest: &Forest, rows: &[Row]) -> Option<Choice> {
        let weight = |row: Trait, case: usize| rows[row as usize][case.min(BUCKETS - 1)];
        let mut moment = Moment::of(self, event, forest);
        let mut alone = 0.0;
        moment.alone(|row, case| alone += weight(row, case));
        let mut scores = Vec::with_capacity(WINDOW + 4);
        for back in 0..moment.choices() {
            let mut score = 0.0;
            if moment.is_out(back) {
                continue;
            }
            let (ordinal, tie) = moment.choice(back, |row, case| score += weight(row, case));
            scores.push((score, ordinal, tie, back));
        }
        let top = scores.iter().map(|one| one.0).fold(alone, f32::max);
        let alone = (alone - top).exp();
        let mut total = alone;
        let mut parts = vec![(0.0_f32, 0.0_f32, 0_usize); moment.threads()];
        for (place, &(score, _, _, back)) in scores.iter().enumerate() {
            let thread = moment.thread(back);
            if !forest.compatible(event.ordinal, moment.root(thread)) {
                continue;
            }
            let part = (score - top).exp();
            total += part;
            let (share, most, at) = &mut parts[thread];
            *share += part;
            if part > *most {
                (*most, *at) = (part, place);
            }
        }
        let (share, _, place) = parts
            .into_iter()
            .filter(|part| part.0 * 2.0 > total)
            .max_by(|one, other| one.0.total_cmp(&other.0))?;
        let (_, ordinal, tie, _) = scores[place];
        Some(Choice {
            ordinal,
            share: share / total,
            tie,
        })
    }

    /// Remembers the event; `told` if it named its task itself.
    pub(super) fn note(&mut self, event: Event, told: bool, forest: &Forest) {
        self.rarity.count(&event.words.list);
        self.pairs.note(&event.pairs, event.ordinal, told, forest);
        if event.agent != 0 {
            self.note_agent(&event);
        }
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(event);
    }

    fn note_agent(&mut self, event: &Event) {
        if self.agents.len() >= AGENTS && !self.agents.contains_key(&event.agent) {
            forget_half(&mut self.agents, |&last| last);
        }
        self.agents.insert(event.agent, event.ordinal);
    }

    /// Whether there is so much at once that who acts after whom tells nothing.
    pub(super) fn is_flooded(&self, ms: i64) -> bool {
        let oldest = self.window.front();
        self.window.len() == WINDOW && oldest.is_some_and(|one| ms.abs_diff(one.ms) < FLOOD_MS)
    }

    pub(super) fn is_agent(&self, who: u32) -> bool {
        self.agents.contains_key(&who)
    }

    pub(super) fn sound(&self) -> bool {
        self.rarity.sound() && self.pairs.sound() && self.window.len() <= WINDOW
    }
}

fn class(verb: &str) -> u8 {
    let is = |words: &[&str]| words.iter().any(|word| verb.eq_ignore_ascii_case(word));
    if is(&[
        "created",
        "opened",
        "new",
        "filed",
        "submitted",
        "started",
        "queued",
        "added",
    ]) {
        OPENS
    } else if is(&[
        "closed",
        "completed",
        "done",
        "finished",
        "resolved",
        "merged",
        "cancelled",
        "failed",
        "deleted",
        "removed",
    ]) {
        ENDS
    } else {
        OTHER
    }
}
