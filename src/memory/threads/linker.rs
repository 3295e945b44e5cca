//! The order of the rules: what is said openly first, then what is told by names, turns and words.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::bytes::{Keep, Map, keep_fields};
use super::chat::Talk;
use super::events::Events;
use super::evidence::{Closeness, Moment, Relation};
use super::fitted::{self, Row};
use super::fitted_events;
use super::forest::Forest;
use super::identifiers::{self, Identifiers, Shared};
use super::speech;
use super::ties::Tie;
use super::words::{self, Rarity};
use crate::memory::{Fragment, Reason};

/// Why a fragment belongs to an older one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// The ordinal of the older one.
    pub to: u32,
    pub reason: Reason,
    /// 0 to 1.
    pub score: f32,
}

/// Puts fragments into threads, one after the other, nearly in the order of their time.
#[derive(Default)]
pub struct Linker {
    pub(super) forest: Forest,
    pub(super) told: Map<u64, u32>,
    pub(super) talk: Talk,
    pub(super) rarity: Rarity,
    pub(super) events: Events,
    pub(super) identifiers: Identifiers,
}
keep_fields!(Linker {
    forest,
    told,
    talk,
    rarity,
    events,
    identifiers
});

/// What the bytes of a linker begin with: its kind and the number of its format.
const FORMAT: &[u8; 8] = b"threads1";

/// What an id is the id of: the same text may be a task and a thread.
const TASK: u64 = 1;
const THREAD: u64 = 2;
const MESSAGE: u64 = 3;
const AWAITED: u64 = 4;

impl Linker {
    /// Links to older fragments, best first; the fragment gets the next ordinal, from 0.
    pub fn link(&mut self, fragment: &Fragment) -> Vec<Link> {
        self.link_with(fragment, &fitted::WEIGHTS, &fitted_events::WEIGHTS)
    }

    pub(super) fn link_with(
        &mut self,
        fragment: &Fragment,
        rows: &[Row],
        traits: &[Row],
    ) -> Vec<Link> {
        let ordinal = self.forest.add();
        let mut links = Vec::new();
        self.link_told(fragment, ordinal, &mut links);
        let named = self.named(fragment, ordinal);
        // What says its thread, or what it answers, is not guessed about.
        let open = links.is_empty()
            && fragment.context_text("thread").is_none()
            && fragment.context_text("reply_to").is_none();
        let in_channel = fragment.context_text("channel").is_some();
        if open && !in_channel {
            self.link_named(&named, ordinal, &mut links);
        }
        let open = open && links.is_empty();
        if is_conversation(fragment) {
            let choice = self.hear(fragment, ordinal, open, rows);
            links.extend(choice.and_then(|choice| self.join(ordinal, choice)));
        } else if !is_log(fragment) {
            self.link_event(fragment, ordinal, open, &mut links, traits);
        }
        // In a channel who speaks to whom tells more than a name that both say.
        if open && in_channel {
            self.link_named(&named, ordinal, &mut links);
        }
        links
    }

    /// Tasks, threads and replies that the context names.
    fn link_told(&mut self, fragment: &Fragment, ordinal: u32, links: &mut Vec<Link>) {
        if let Some(task) = fragment.context_text("task_id") {
            self.forest.name_task(ordinal, xxh3_64(task.as_bytes()));
            self.link_last(ordinal, key(TASK, task), Reason::Task, links);
        }
        if let Some(thread) = fragment.context_text("thread") {
            self.link_last(ordinal, key(THREAD, thread), Reason::Thread, links);
        }
        if let Some(to) = fragment.context_text("reply_to") {
            match self.told.get(&key(MESSAGE, to)) {
                Some(&older) => self.link_sure(ordinal, older, Reason::Reply, links),
                None => {
                    self.told.insert(key(AWAITED, to), ordinal);
                }
            }
        }
        if let Some(id) = fragment.context_text("message_id") {
            self.told.entry(key(MESSAGE, id)).or_insert(ordinal);
            if let Some(answer) = self.told.remove(&key(AWAITED, id)) {
                self.link_sure(ordinal, answer, Reason::Reply, links);
            }
        }
    }

    fn link_last(&mut self, ordinal: u32, key: u64, reason: Reason, links: &mut Vec<Link>) {
        if let Some(to) = self.told.insert(key, ordinal) {
            self.link_sure(ordinal, to, reason, links);
        }
    }

    fn link_sure(&mut self, ordinal: u32, to: u32, reason: Reason, links: &mut Vec<Link>) {
        let score = 1.0;
        if links.iter().all(|link| link.to != to) {
            links.extend(self.join(ordinal, Link { to, reason, score }));
        }
    }

    /// Makes one thread of both, where their tasks allow it.
    fn join(&mut self, ordinal: u32, link: Link) -> Option<Link> {
        (link.to < ordinal && self.forest.merge(ordinal, link.to)).then_some(link)
    }

    /// The fragments that name what few others name, too.
    fn named(&mut self, fragment: &Fragment, ordinal: u32) -> Vec<Shared> {
        let channel = fragment.context_text("channel").map(words::number);
        let events = &self.events;
        let named = identifiers::of(&fragment.content, |who| events.is_agent(who));
        self.identifiers.note(
            ordinal,
            channel.unwrap_or_default(),
            is_log(fragment),
            &named,
        )
    }

    /// By the rarest name, where nothing stronger was found.
    fn link_named(&mut self, named: &[Shared], ordinal: u32, links: &mut Vec<Link>) {
        for &Shared { ordinal: to, score } in named {
            if links.is_empty() {
                let reason = Reason::Identifier;
                links.extend(self.join(ordinal, Link { to, reason, score }));
            }
        }
    }

    /// Takes in what was said, and what it goes on from if that is open.
    fn hear(
        &mut self,
        fragment: &Fragment,
        ordinal: u32,
        open: bool,
        rows: &[Row],
    ) -> Option<Link> {
        let key = words::number(fragment.context_text("channel").unwrap_or_default());
        let event = is_event(fragment);
        let seconds = fragment.timestamp.unix_ms().div_euclid(1000);
        let channel = self.talk.channel(key, ordinal);
        let (agent, text) = (&fragment.agent_id, &fragment.content);
        let speech = speech::listen(agent, text, event, &self.rarity, |who| channel.knows(who));
        self.rarity.count(&speech.words.list);
        let choice = open.then(|| {
            let moment = Moment::of(channel, &speech, seconds, event, &self.forest);
            channel.choose(ordinal, moment, &self.forest, &self.rarity, rows)
        });
        channel.hear(ordinal, speech, seconds);
        choice.flatten().map(|choice| Link {
            to: choice.ordinal,
            reason: choice.relation.reason(),
            score: choice.share,
        })
    }

    fn link_event(
        &mut self,
        fragment: &Fragment,
        ordinal: u32,
        open: bool,
        links: &mut Vec<Link>,
        traits: &[Row],
    ) {
        let ms = fragment.timestamp.unix_ms();
        let (agent, text) = (&fragment.agent_id, &fragment.content);
        let event = self.events.read(ordinal, ms, agent, &fragment.kind, text);
        if open && let Some(choice) = self.events.choose(&event, &self.forest, traits) {
            let link = Link {
                to: choice.ordinal,
                reason: choice.tie.reason(),
                score: choice.share,
            };
            links.extend(self.join(ordinal, link));
        }
        let told = fragment.context_text("task_id").is_some();
        self.events.note(event, told, &self.forest);
    }

    /// How many fragments were linked.
    pub fn len(&self) -> u32 {
        self.forest.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes one thread of two fragments' threads, as somebody said that they are; `false` where their tasks forbid it.
    pub fn unite(&mut self, one: u32, other: u32) -> bool {
        let len = self.len();
        one < len && other < len && self.forest.merge(one, other)
    }

    /// The thread's number: the ordinal of its first fragment, after all that was merged.
    pub fn thread_of(&self, ordinal: u32) -> u32 {
        self.forest.root(ordinal)
    }

    /// All that it knows. What is loaded of it links on as this one would.
    pub fn save(&self) -> Vec<u8> {
        let mut bytes = FORMAT.to_vec();
        Keep::save(self, &mut bytes);
        let sum = xxh3_64(&bytes);
        sum.save(&mut bytes);
        bytes
    }

    /// `None` where the bytes are not whole, or of another format.
    pub fn load(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.split_last_chunk()?;
        if u64::from_le_bytes(*sum) != xxh3_64(body) {
            return None;
        }
        let mut rest = body.strip_prefix(FORMAT)?;
        let linker = <Self as Keep>::load(&mut rest)?;
        (rest.is_empty() && linker.sound()).then_some(linker)
    }

    fn sound(&self) -> bool {
        self.forest.sound()
            && self.talk.sound()
            && self.rarity.sound()
            && self.events.sound()
            && self.identifiers.sound()
    }
}

impl Relation {
    fn reason(self) -> Reason {
        match self.closeness() {
            Closeness::Own => Reason::OwnTurn,
            Closeness::Involved => Reason::Addressed,
            Closeness::Other => Reason::Similar,
        }
    }
}

impl Tie {
    fn reason(self) -> Reason {
        if self.is_own() {
            Reason::OwnTurn
        } else if self.is_named() {
            Reason::Addressed
        } else {
            Reason::Similar
        }
    }
}

fn key(kind: u64, id: &str) -> u64 {
    xxh3_64_with_seed(id.as_bytes(), kind)
}

fn is_log(fragment: &Fragment) -> bool {
    fragment.kind == "log"
}

pub(super) fn is_conversation(fragment: &Fragment) -> bool {
    matches!(&*fragment.kind, "message" | "chat") || fragment.context_text("channel").is_some()
}

/// What a channel says of itself: somebody came, left, has a new name.
pub(super) fn is_event(fragment: &Fragment) -> bool {
    !matches!(&*fragment.kind, "message" | "chat")
}
