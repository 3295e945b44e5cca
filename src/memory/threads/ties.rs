//! What speaks for an event beginning a thread, and for its going on with one.

use super::cases::{cases, step};
use super::events::{Event, Events};
use super::fitted_events::Trait;
use super::forest::Forest;
use super::pairs::Hit;

/// How two events stand to one another, by who acts and who is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tie {
    /// The same agent: names nobody, named somebody then, names somebody now, the same both times, two.
    Own,
    OwnNamedThen,
    OwnNamesNow,
    OwnNamesOne,
    OwnNamesTwo,
    /// The new one names the agent of the old one.
    Names,
    /// The old one names the agent of the new one.
    NamedBy,
    /// Both name the same third.
    NameOne,
    /// Two agents: nobody is named, somebody was, somebody is, two are.
    Free,
    NamedThen,
    NamesNow,
    NameTwo,
    /// Further back than the window: only what is spoken of ties them.
    Far,
}

const TIES: usize = 13;
/// Who acts after whom tells nothing after so long.
const LONGEST_MS: u64 = 3_600_000;
/// How many threads further back are looked at.
const FAR: usize = 4;

impl Tie {
    fn of(event: &Event, one: &Event) -> Self {
        let own = event.agent == one.agent && event.agent != 0;
        match (own, event.named, one.named) {
            (true, 0, 0) => Self::Own,
            (true, 0, _) => Self::OwnNamedThen,
            (true, _, 0) => Self::OwnNamesNow,
            (true, now, then) if now == then => Self::OwnNamesOne,
            (true, ..) => Self::OwnNamesTwo,
            (_, now, _) if now == one.agent && now != 0 => Self::Names,
            (.., then) if then == event.agent && then != 0 => Self::NamedBy,
            (_, 0, 0) => Self::Free,
            (_, now, then) if now == then => Self::NameOne,
            (_, 0, _) => Self::NamedThen,
            (_, _, 0) => Self::NamesNow,
            _ => Self::NameTwo,
        }
    }

    pub(super) fn is_own(self) -> bool {
        matches!(
            self,
            Self::Own
                | Self::OwnNamedThen
                | Self::OwnNamesNow
                | Self::OwnNamesOne
                | Self::OwnNamesTwo
        )
    }

    pub(super) fn is_named(self) -> bool {
        matches!(self, Self::Names | Self::NamedBy | Self::NameOne)
    }
}

/// An event that looks for its place, and how things stand at this moment.
pub(super) struct Moment<'e> {
    events: &'e Events,
    event: &'e Event,
    /// How many events of the window are looked at.
    window: usize,
    threads: Vec<ThreadNow>,
    /// Of every event of the window, newest first, and then of what is further back, the place in `threads`.
    of: Vec<usize>,
    far: Vec<Hit>,
    /// How much the event says in all, and how much of it the thread that says most of it.
    weight: f32,
    best: f32,
    /// The thread that came after the one before, when that was seen last before.
    follow: Option<usize>,
    /// How many events of each tie were looked at.
    ranks: [usize; TIES],
}

/// A thread as the window shows it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four questions, each for itself"
)]
#[derive(Default)]
struct ThreadNow {
    root: u32,
    /// How many events back its last one is.
    newest: usize,
    events: usize,
    last_ms: i64,
    before_ms: i64,
    last_class: u8,
    has_agent: bool,
    has_named: bool,
    has_verb: bool,
    has_text: bool,
    /// How much of what the event says it says, too.
    hit: f32,
}

const WEIGHTS: [f32; 10] = [0.0, 3.0, 6.0, 10.0, 15.0, 20.0, 30.0, 45.0, 65.0, 90.0];
const PARTS: [f32; 8] = [0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.95];

impl<'e> Moment<'e> {
    pub(super) fn of(events: &'e Events, event: &'e Event, forest: &Forest) -> Self {
        let (mut hits, weight) = events.pairs.hits(&event.pairs, forest);
        let window = if event.record == 1 || events.is_flooded(event.ms) {
            0
        } else {
            events.window.len()
        };
        let mut moment = Self {
            events,
            event,
            window,
            threads: Vec::with_capacity(window),
            of: Vec::with_capacity(window + FAR),
            far: Vec::new(),
            weight,
            best: hits.first().map_or(0.0, |hit| hit.weight),
            follow: None,
            ranks: [0; TIES],
        };
        for (back, one) in events.window.iter().rev().take(window).enumerate() {
            moment.see(back, one, forest.root(one.ordinal));
        }
        moment.follow = moment.follower();
        hits.retain(|hit| !moment.weigh(hit));
        hits.truncate(FAR);
        for hit in &hits {
            moment.of.push(moment.threads.len());
            moment.threads.push(ThreadNow {
                root: hit.root,
                ..ThreadNow::default()
            });
        }
        moment.far = hits;
        moment
    }

    fn see(&mut self, back: usize, one: &Event, root: u32) {
        let known = self.threads.iter().position(|thread| thread.root == root);
        let place = known.unwrap_or_else(|| {
            self.threads.push(ThreadNow {
                root,
                newest: back,
                last_ms: one.ms,
                last_class: one.class,
                ..ThreadNow::default()
            });
            self.threads.len() - 1
        });
        let (thread, event) = (&mut self.threads[place], self.event);
        thread.events += 1;
        if thread.events == 2 {
            thread.before_ms = one.ms;
        }
        thread.has_agent |= event.agent != 0 && one.agent == event.agent;
        thread.has_named |= event.named != 0 && one.named == event.named;
        thread.has_verb |= one.verb == event.verb;
        thread.has_text |= one.text == event.text;
        self.of.push(place);
    }

    /// What the agent went on to after what it did last, the time before.
    fn follower(&self) -> Option<usize> {
        let window = self.events.window.iter().rev().zip(&self.of);
        let mut own = window
            .filter(|(one, _)| self.event.agent != 0 && one.agent == self.event.agent)
            .map(|(_, &place)| place);
        let last = own.next()?;
        let mut after = last;
        for place in own {
            if place == last {
                return Some(after);
            }
            after = place;
        }
        None
    }

    /// Whether the window shows the thread of the hit, which then knows of it.
    fn weigh(&mut self, hit: &Hit) -> bool {
        let thread = self
            .threads
            .iter_mut()
            .find(|thread| thread.root == hit.root);
        thread.map(|thread| thread.hit = hit.weight).is_some()
    }

    pub(super) fn threads(&self) -> usize {
        self.threads.len()
    }

    pub(super) fn choices(&self) -> usize {
        self.of.len()
    }

    /// Whether nothing can tie the event to the choice: neither who acts, nor who is named, nor what is spoken of.
    pub(super) fn is_out(&self, choice: usize) -> bool {
        if choice >= self.window {
            return false;
        }
        let window = &self.events.window;
        let (one, event) = (&window[window.len() - 1 - choice], self.event);
        let named = event.named != 0 && (event.named == one.named || event.named == one.agent);
        let named = named || one.named != 0 && one.named == event.agent;
        if named || self.threads[self.of[choice]].hit > 0.0 {
            return false;
        }
        let own = event.agent != 0 && one.agent == event.agent;
        !own || event.ms.abs_diff(one.ms) > LONGEST_MS
    }

    /// The place of the thread of a choice.
    pub(super) fn thread(&self, choice: usize) -> usize {
        self.of[choice]
    }

    pub(super) fn root(&self, thread: usize) -> u32 {
        self.threads[thread].root
    }

    /// What speaks for the beginning of a thread.
    pub(super) fn alone(&self, mut add: impl FnMut(Trait, usize)) {
        let class = usize::from(self.event.class);
        add(Trait::AloneClass, class + 8 * usize::from(self.event.bare));
        add(Trait::AloneHit, step(self.best, &WEIGHTS));
    }

    /// What speaks for a choice, and which event it is; to be asked in their order, newest first.
    pub(super) fn choice(&mut self, choice: usize, add: impl FnMut(Trait, usize)) -> (u32, Tie) {
        let window = &self.events.window;
        if let Some(far) = choice.checked_sub(self.window) {
            return (self.far[far].ordinal, self.far(far, add));
        }
        let one = &window[window.len() - 1 - choice];
        (one.ordinal, self.near(choice, one, add))
    }

    fn far(&self, far: usize, mut add: impl FnMut(Trait, usize)) -> Tie {
        let weight = self.far[far].weight;
        add(Trait::FarHit, step(weight, &WEIGHTS));
        add(Trait::FarBest, self.best_case(weight));
        Tie::Far
    }

    fn best_case(&self, weight: f32) -> usize {
        let is_best = weight >= self.best * 0.8;
        step(self.best, &WEIGHTS).min(7) + if is_best { 8 } else { 0 }
    }

    fn near(&mut self, back: usize, one: &Event, mut add: impl FnMut(Trait, usize)) -> Tie {
        let event = self.event;
        let tie = Tie::of(event, one);
        let nth = self.ranks[tie as usize];
        self.ranks[tie as usize] += 1;
        let seconds = event.ms.abs_diff(one.ms) / 1000;
        let gap = step(seconds, &[0, 1, 2, 5, 15, 60, 180, 600, 1800, 7200, 28800]);
        let (own, same_verb) = (tie.is_own(), event.verb == one.verb);
        add(Trait::Tie, tie as usize);
        add(if own { Trait::GapOwn } else { Trait::GapOther }, gap);
        add(
            Trait::Distance,
            step(back as u64, &[0, 1, 2, 3, 5, 8, 12, 20]),
        );
        if tie == Tie::NamedBy {
            add(Trait::RankNamed, nth);
        }
        let same_text = event.text == one.text;
        add(
            Trait::Verb,
            cases([same_verb, same_text, own, seconds <= 3]),
        );
        let [now, then] = [event.class, one.class].map(usize::from);
        add(Trait::Classes, now * 4 + then);
        self.thread_so_far(back, own && seconds <= 5, same_verb && own, &mut add);
        self.subject(back, one, &mut add);
        tie
    }

    /// What the thread is like by now.
    fn thread_so_far(
        &self,
        back: usize,
        own_moment_ago: bool,
        own_again: bool,
        add: &mut impl FnMut(Trait, usize),
    ) {
        let thread = &self.threads[self.of[back]];
        let last = thread.newest == back;
        let [now, end] = [self.event.class, thread.last_class].map(usize::from);
        if own_moment_ago {
            add(Trait::OwnClasses, now * 4 + end);
        }
        add(Trait::ThreadEnd, now * 4 + end);
        let has = [thread.has_agent, thread.has_verb, thread.has_named, last];
        add(Trait::ThreadHas, cases(has));
        let follows = self.follow == Some(self.of[back]);
        add(
            Trait::Rhythm,
            cases([self.in_rhythm(thread), thread.has_text, follows, last]),
        );
        add(Trait::Follow, cases([follows, last, own_again]));
    }

    /// Whether as much time went by since the thread's last event as between that and the one before.
    fn in_rhythm(&self, thread: &ThreadNow) -> bool {
        let since = self.event.ms.abs_diff(thread.last_ms);
        let before = thread.last_ms.abs_diff(thread.before_ms);
        thread.events > 1 && since > 5000 && since.abs_diff(before) <= 1500 + since / 50
    }

    /// What both speak of.
    fn subject(&self, back: usize, one: &Event, add: &mut impl FnMut(Trait, usize)) {
        let thread = &self.threads[self.of[back]];
        let part = |part: f32, whole: f32| step(part / whole.max(0.1), &PARTS);
        add(Trait::Hit, step(thread.hit, &WEIGHTS));
        add(Trait::HitPart, part(thread.hit, self.weight));
        add(Trait::HitBest, self.best_case(thread.hit));
        let rarity = &self.events.rarity;
        if one.head_weight >= 3.0 {
            let (here, _) = rarity.shared(&one.head, &self.event.words);
            add(Trait::HeadHere, 1 + part(here, one.head_weight));
        }
        let (_, rarest) = rarity.shared(&self.event.words, &one.words);
        add(Trait::Rarest, step(rarest, &[0.0, 1.0, 2.0, 3.5, 5.0, 6.5]));
    }
}
