//! What speaks for a message beginning a thread, and for its going on from another one.

use super::cases::{cases, step};
use super::chat::{Channel, Said};
use super::fitted::Group;
use super::forest::Forest;
use super::speech::{How, MANNERS, Manner, Speech};
use super::words::Rarity;

/// How two messages stand to one another, by who speaks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    /// The same speaker: to the same person both times, to somebody only now, only then, never, to two people.
    OwnToOne,
    OwnToNow,
    OwnToThen,
    OwnFree,
    OwnToTwo,
    /// Each addresses the other's speaker.
    Mutual,
    /// The new one addresses the speaker of the old one, who spoke to nobody, or to a third.
    ToIt,
    ToItFromThird,
    /// The old one addresses the speaker of the new one, who speaks to nobody.
    Answers,
    /// Nobody is addressed by either.
    Free,
    /// The old one addresses a third, the new one nobody.
    Overheard,
    /// The old one addresses the speaker of the new one, who speaks to a third.
    AnswersToThird,
    /// Both address the same third.
    SameThird,
    /// The new one addresses a third, the old one nobody.
    ToThird,
    /// Each addresses somebody else.
    Apart,
    /// One of them is an event of the channel.
    Event,
}

pub(super) const RELATIONS: usize = 16;

/// How close a relation is, for what depends on little else.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Closeness {
    Own,
    Involved,
    Other,
}

impl Relation {
    fn of(speech: &Speech, said: &Said, event: bool) -> Self {
        if event || said.manner.has(Manner::EVENT) {
            return Self::Event;
        }
        let to_it = speech.to == said.speaker;
        let from_it = said.to == speech.speaker;
        match (speech.speaker == said.speaker, speech.to, said.to) {
            (true, 0, 0) => Self::OwnFree,
            (true, _, 0) => Self::OwnToNow,
            (true, 0, _) => Self::OwnToThen,
            (true, now, then) if now == then => Self::OwnToOne,
            (true, ..) => Self::OwnToTwo,
            _ if to_it && from_it => Self::Mutual,
            (_, _, 0) if to_it => Self::ToIt,
            _ if to_it => Self::ToItFromThird,
            (_, 0, _) if from_it => Self::Answers,
            (_, 0, 0) => Self::Free,
            (_, 0, _) => Self::Overheard,
            _ if from_it => Self::AnswersToThird,
            (_, now, then) if now == then => Self::SameThird,
            (_, _, 0) => Self::ToThird,
            _ => Self::Apart,
        }
    }

    pub(super) fn closeness(self) -> Closeness {
        match self {
            Self::OwnToOne | Self::OwnToNow | Self::OwnToThen | Self::OwnFree | Self::OwnToTwo => {
                Closeness::Own
            }
            Self::Mutual
            | Self::ToIt
            | Self::ToItFromThird
            | Self::Answers
            | Self::AnswersToThird
            | Self::SameThird => Closeness::Involved,
            Self::Free | Self::Overheard | Self::ToThird | Self::Apart | Self::Event => {
                Closeness::Other
            }
        }
    }
}

/// Minutes after which who speaks after whom tells nothing.
const LONGEST: usize = 60;

/// A message that looks for its place, and how its channel stands at this moment.
pub(super) struct Moment<'c> {
    channel: &'c Channel,
    speech: &'c Speech,
    seconds: i64,
    event: bool,
    threads: Vec<ThreadNow>,
    /// Of every message of the window, newest first, the place of its thread in `threads`.
    of: Vec<usize>,
    /// How many messages of each relation were looked at.
    ranks: [usize; RELATIONS],
}

/// A thread as the window shows it.
#[derive(Default)]
struct ThreadNow {
    root: u32,
    /// How many messages back its last one is.
    newest: usize,
    size: usize,
    others: usize,
    has_speaker: bool,
    has_addressee: bool,
    starter: u32,
    last_speaker: u32,
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

impl<'c> Moment<'c> {
    pub(super) fn of(
        channel: &'c Channel,
        speech: &'c Speech,
        seconds: i64,
        event: bool,
        forest: &Forest,
    ) -> Self {
        let mut moment = Self {
            channel,
            speech,
            seconds,
            event,
            threads: Vec::new(),
            of: Vec::with_capacity(channel.window.len()),
            ranks: [0; RELATIONS],
        };
        for (back, said) in channel.window.iter().rev().enumerate() {
            moment.see(back, said, forest.root(said.ordinal));
        }
        moment
    }

    fn see(&mut self, back: usize, said: &Said, root: u32) {
        let known = self.threads.iter().position(|thread| thread.root == root);
        let place = known.unwrap_or_else(|| {
            self.threads.push(ThreadNow {
                root,
                newest: back,
                last_speaker: said.speaker,
                ..ThreadNow::default()
            });
            self.threads.len() - 1
        });
        let thread = &mut self.threads[place];
        let own = said.speaker == self.speech.speaker;
        thread.size += 1;
        thread.others += usize::from(!own);
        thread.has_speaker |= own;
        thread.has_addressee |= self.speech.to != 0 && said.speaker == self.speech.to;
        thread.starter = said.speaker;
        self.of.push(place);
    }

    /// How many threads the window shows.
    pub(super) fn threads(&self) -> usize {
        self.threads.len()
    }

    /// The place of the thread of the message `back` messages ago.
    pub(super) fn thread(&self, back: usize) -> usize {
        self.of[back]
    }

    pub(super) fn root(&self, thread: usize) -> u32 {
        self.threads[thread].root
    }

    /// What was said so long ago is only gone on from by an answer to it.
    pub(super) fn is_out(&self, said: &Said) -> bool {
        let to_it = self.speech.to != 0 && self.speech.to == said.speaker;
        let from_it = said.to == self.speech.speaker;
        !to_it && !from_it && self.minutes_since(said.seconds) > LONGEST
    }

    fn minutes_since(&self, seconds: i64) -> usize {
        usize::try_from((self.seconds - seconds).unsigned_abs() / 60).unwrap_or(usize::MAX)
    }

    /// What speaks for the beginning of a thread.
    pub(super) fn alone(&self, mut add: impl FnMut(Group, usize)) {
        let speech = self.speech;
        if self.event {
            add(Group::AloneEvent, 0);
            return;
        }
        add(Group::AloneBase, speech.how.case());
        let person = self.channel.people.get(&speech.speaker);
        let messages = person.map_or(0, |person| 1 + step(size(person.messages), &[1, 3, 10, 30]));
        add(Group::AloneMessages, messages);
        speech.manner.each(|manner| add(Group::AloneManner, manner));
        if speech.how == How::Nobody {
            let letters = step(speech.letters, &[5, 15, 30, 60, 100, 160]);
            add(
                Group::AloneLetters,
                letters + if person.is_none() { 8 } else { 0 },
            );
        }
        let last = self.channel.window.back();
        let quiet = last.map_or(usize::MAX, |said| self.minutes_since(said.seconds));
        add(Group::AloneQuiet, step(quiet, &[0, 1, 2, 4, 8, 16]));
    }

    /// What speaks for going on from what was said `back` messages ago; to be asked in the order of the window, newest first.
    pub(super) fn pair(
        &mut self,
        back: usize,
        said: &Said,
        rarity: &Rarity,
        mut add: impl FnMut(Group, usize),
    ) -> Relation {
        let relation = Relation::of(self.speech, said, self.event);
        let rank = &mut self.ranks[relation as usize];
        let (nth, closeness) = (*rank, relation.closeness());
        *rank += 1;
        add(Group::Relation, relation as usize);
        match relation {
            Relation::Mutual => add(Group::RankMutual, nth.min(7)),
            Relation::ToIt => add(Group::RankToIt, nth.min(7)),
            Relation::Free => add(Group::RankFree, nth.min(7)),
            Relation::Event => {
                add(Group::RankEvent, nth.min(7));
                let named = self.speech.to != 0 && self.speech.to == said.speaker;
                add(Group::Eventful, cases([self.event, named]));
                return relation;
            }
            _ => {}
        }
        let gap = self.minutes_since(said.seconds);
        add(Group::Gap, step(gap, &[0, 1, 2, 3, 5, 8, 12, 20, 40]));
        add(
            Group::Distance,
            step(back, &[0, 1, 2, 3, 5, 8, 12, 18, 28, 45, 70]),
        );
        self.turns(back, said, relation, &mut add);
        self.thread_so_far(back, closeness, &mut add);
        self.manners(said, closeness, &mut add);
        self.words(said, closeness, rarity, &mut add);
        relation
    }

    /// Who has spoken since, and to whom.
    fn turns(
        &self,
        back: usize,
        said: &Said,
        relation: Relation,
        add: &mut impl FnMut(Group, usize),
    ) {
        let speech = self.speech;
        let then = self.channel.said - u32::try_from(back).unwrap_or(0);
        let own = relation.closeness() == Closeness::Own;
        let speaker = self.channel.people.get(&speech.speaker);
        let author = self.channel.people.get(&said.speaker);
        let spoke_to = speaker.is_some_and(|speaker| speaker.to_at > then);
        let author_spoke_to = author.is_some_and(|author| author.to_at > then);
        add(Group::Addressed, cases([author_spoke_to, spoke_to, own]));
        if relation == Relation::OwnFree {
            let spoke = speaker.is_some_and(|speaker| speaker.last > then);
            let was_addressed = author.is_some_and(|author| author.from_at > then);
            add(Group::OwnSince, cases([spoke, was_addressed]));
        }
        if !own {
            let partner = speaker.is_some_and(|speaker| speaker.to == said.speaker);
            let caller = speaker.is_some_and(|speaker| speaker.from == said.speaker);
            let its_partner = author.is_some_and(|author| author.to == speech.speaker);
            let free = speech.to == 0;
            add(Group::Partners, cases([partner, caller, its_partner, free]));
        }
    }

    /// What the thread is like by now.
    fn thread_so_far(&self, back: usize, closeness: Closeness, add: &mut impl FnMut(Group, usize)) {
        let speech = self.speech;
        let thread = &self.threads[self.of[back]];
        let own = closeness == Closeness::Own;
        let last = thread.newest == back;
        add(
            Group::ThreadLast,
            cases([last, own, closeness != Closeness::Other]),
        );
        let inside = [
            thread.has_speaker,
            thread.has_addressee,
            speech.to != 0,
            last,
        ];
        add(Group::ThreadInside, cases(inside));
        let age = step(thread.newest, &[0, 1, 2, 4, 8, 14, 25]);
        add(
            Group::ThreadAge,
            age + if thread.has_speaker { 8 } else { 0 },
        );
        let starter = [
            thread.starter == speech.speaker,
            thread.starter == speech.to,
            thread.last_speaker == speech.speaker,
            thread.size == 1,
        ];
        add(Group::ThreadStarter, cases(starter));
        let others = step(thread.others, &[0, 1, 4]);
        add(
            Group::ThreadOthers,
            others + 4 * cases([own, speech.to == 0]),
        );
    }

    /// How either is said.
    fn manners(&self, said: &Said, closeness: Closeness, add: &mut impl FnMut(Group, usize)) {
        let speech = self.speech;
        match closeness {
            Closeness::Own => {
                let asks = [speech.manner, said.manner].map(|manner| manner.has(Manner::QUESTION));
                add(
                    Group::OwnQuestion,
                    cases([asks[0], asks[1], said.first != 0]),
                );
                speech.manner.each(|manner| add(Group::OwnManner, manner));
                let [now, then] =
                    [speech.letters, size(said.letters)].map(|letters| step(letters, &[5, 20, 60]));
                add(Group::OwnLetters, now + 4 * then);
            }
            Closeness::Involved => {}
            Closeness::Other => speech.manner.each(|manner| add(Group::OtherManner, manner)),
        }
    }

    /// Which words both use.
    fn words(
        &self,
        said: &Said,
        closeness: Closeness,
        rarity: &Rarity,
        add: &mut impl FnMut(Group, usize),
    ) {
        let (sum, rarest) = rarity.shared(&self.speech.words, &said.words);
        let sum = step(sum, &[0.0, 4.0, 6.0, 9.0, 14.0]);
        let rarest = step(rarest, &[0.0, 3.5, 4.5, 5.5, 6.5]);
        let (sums, rarests) = match closeness {
            Closeness::Own => (Group::WordsOwn, Group::RarestOwn),
            Closeness::Involved => (Group::WordsInvolved, Group::RarestInvolved),
            Closeness::Other => (Group::WordsOther, Group::RarestOther),
        };
        add(sums, sum);
        add(rarests, rarest);
    }
}

const _: () = assert!(MANNERS <= super::fitted::BUCKETS);
