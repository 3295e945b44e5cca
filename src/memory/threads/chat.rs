//! Conversation: every message picks the one it goes on from among the last ones of its channel, or begins anew.

use std::collections::VecDeque;

use super::bytes::{Map, forget_half, keep_fields};
use super::evidence::{Moment, Relation};
use super::fitted::{BUCKETS, Group, Row};
use super::forest::Forest;
use super::speech::{Manner, Speech};
use super::words::{Rarity, Words};

/// How many messages of a channel are looked back at.
const WINDOW: usize = 100;
/// Channels, and people of a channel, that are remembered; beyond, the half that was silent longest is forgotten.
const CHANNELS: usize = 256;
const PEOPLE: usize = 512;

/// The channels that were spoken in.
#[derive(Default)]
pub(super) struct Talk {
    channels: Map<u32, Channel>,
}
keep_fields!(Talk { channels });

#[derive(Default)]
pub(super) struct Channel {
    /// When it was last spoken in: the ordinal of the fragment.
    used: u32,
    /// How many messages there were; the time of `Person`.
    pub(super) said: u32,
    pub(super) window: VecDeque<Said>,
    pub(super) people: Map<u32, Person>,
}
keep_fields!(Channel {
    used,
    said,
    window,
    people
});

/// A message as far as later ones look at it.
pub(super) struct Said {
    pub(super) ordinal: u32,
    pub(super) seconds: i64,
    pub(super) speaker: u32,
    pub(super) to: u32,
    pub(super) manner: Manner,
    pub(super) letters: u32,
    /// 1 if its speaker had not spoken before.
    pub(super) first: u8,
    pub(super) words: Words,
}
keep_fields!(Said {
    ordinal,
    seconds,
    speaker,
    to,
    manner,
    letters,
    first,
    words
});

/// Somebody who spoke. Times are counts of the channel's messages.
#[derive(Default)]
pub(super) struct Person {
    pub(super) messages: u32,
    pub(super) last: u32,
    /// Whom he addressed last, and when.
    pub(super) to: u32,
    pub(super) to_at: u32,
    /// Who addressed him last, and when.
    pub(super) from: u32,
    pub(super) from_at: u32,
}
keep_fields!(Person {
    messages,
    last,
    to,
    to_at,
    from,
    from_at
});

/// What a message goes on from.
pub(super) struct Choice {
    pub(super) ordinal: u32,
    /// How probable it is that both are of one thread.
    pub(super) share: f32,
    pub(super) relation: Relation,
}

impl Talk {
    pub(super) fn channel(&mut self, key: u32, now: u32) -> &mut Channel {
        if self.channels.len() >= CHANNELS && !self.channels.contains_key(&key) {
            forget_half(&mut self.channels, |channel| channel.used);
        }
        let channel = self.channels.entry(key).or_default();
        channel.used = now;
        channel
    }

    pub(super) fn sound(&self) -> bool {
        self.channels.values().all(|channel| {
            channel.window.len() <= WINDOW
                && usize::try_from(channel.said).is_ok_and(|said| said >= channel.window.len())
        })
    }
}

impl Channel {
    pub(super) fn knows(&self, who: u32) -> bool {
        self.people.contains_key(&who)
    }

    /// What the message goes on from; `None` where it more likely begins a thread. `ordinal` is its own.
    pub(super) fn choose(
        &self,
        ordinal: u32,
        mut moment: Moment<'_>,
        forest: &Forest,
        rarity: &Rarity,
        rows: &[Row],
    ) -> Option<Choice> {
        let weight = |group: Group, case: usize| rows[group as usize][case.min(BUCKETS - 1)];
        let mut alone = 0.0;
        moment.alone(|group, case| alone += weight(group, case));
        let mut scores = Vec::with_capacity(self.window.len());
        for (back, said) in self.window.iter().rev().enumerate() {
            if moment.is_out(said) {
                continue;
            }
            let mut score = 0.0;
            let relation = moment.pair(back, said, rarity, |group, case| {
                score += weight(group, case);
            });
            scores.push((score, relation, back));
        }
        let top = scores.iter().map(|one| one.0).fold(alone, f32::max);
        let alone = (alone - top).exp();
        let mut total = alone;
        let mut threads = vec![Part::default(); moment.threads()];
        for (place, &(score, _, back)) in scores.iter().enumerate() {
            let part = (score - top).exp();
            total += part;
            threads[moment.thread(back)].add(place, part);
        }
        let best = threads
            .iter()
            .enumerate()
            .filter(|(thread, part)| {
                part.share > alone && forest.compatible(ordinal, moment.root(*thread))
            })
            .map(|(_, part)| part)
            .max_by(|one, other| one.share.total_cmp(&other.share))?;
        let (_, relation, back) = scores[best.place];
        Some(Choice {
            ordinal: self.window[self.window.len() - 1 - back].ordinal,
            share: best.share / total,
            relation,
        })
    }

    /// Remembers what was said. What the channel says of itself changes nobody's turn.
    pub(super) fn hear(&mut self, ordinal: u32, speech: Speech, seconds: i64) {
        self.said = self.said.saturating_add(1);
        let first = !self.knows(speech.speaker);
        if !speech.manner.has(Manner::EVENT) {
            self.note_turn(&speech, first);
        }
        if self.window.len() == WINDOW {
            self.window.pop_front();
        }
        self.window.push_back(Said {
            ordinal,
            seconds,
            speaker: speech.speaker,
            to: speech.to,
            manner: speech.manner,
            letters: u32::try_from(speech.letters).unwrap_or(u32::MAX),
            first: u8::from(first),
            words: speech.words,
        });
    }

    fn note_turn(&mut self, speech: &Speech, first: bool) {
        if first && self.people.len() >= PEOPLE {
            forget_half(&mut self.people, |person| person.last);
        }
        let now = self.said;
        let speaker = self.people.entry(speech.speaker).or_default();
        speaker.messages = speaker.messages.saturating_add(1);
        speaker.last = now;
        if speech.to == 0 {
            return;
        }
        speaker.to = speech.to;
        speaker.to_at = now;
        if let Some(hearer) = self.people.get_mut(&speech.to) {
            hearer.from = speech.speaker;
            hearer.from_at = now;
        }
    }
}

/// A thread's part of the choice, and the message that speaks most for it.
#[derive(Clone, Copy, Default)]
struct Part {
    share: f32,
    most: f32,
    place: usize,
}

impl Part {
    fn add(&mut self, place: usize, part: f32) {
        self.share += part;
        if part > self.most {
            self.most = part;
            self.place = place;
        }
    }
}
