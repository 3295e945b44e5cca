//! Where two words were last said beside one another, and in how many threads they were.

use super::bytes::keep_fields;
use super::fading::Fading;
use super::forest::Forest;

/// What a pair weighs that one thread alone has said.
const OWN: f32 = 5.0;
/// In more events than these it is how such events are written, be it of one thread.
const COMMON: u16 = 150;
/// What weighs less leads nowhere.
const LEAST: f32 = 0.1;

#[derive(Default)]
pub(super) struct Pairs {
    seen: Fading<Seen>,
}
keep_fields!(Pairs { seen });

#[derive(Clone, Copy, Default)]
struct Seen {
    ordinal: u32,
    /// How often it was said in another thread than the time before.
    spread: u16,
    /// How many events said it.
    events: u16,
    /// 1 if the event named its task: what is only guessed does not take its place.
    told: u8,
}
keep_fields!(Seen {
    ordinal,
    spread,
    events,
    told
});

/// A thread that says some of the same, and the last event of it that did.
pub(super) struct Hit {
    pub(super) root: u32,
    pub(super) ordinal: u32,
    pub(super) weight: f32,
}

impl Seen {
    fn weight(self) -> f32 {
        if self.events > COMMON {
            return 0.0;
        }
        OWN / (1.0 + f32::from(self.spread))
    }
}

impl Pairs {
    /// The threads that say the same, the one that says most of it first; and how much it is in all.
    pub(super) fn hits(&self, pairs: &[u32], forest: &Forest) -> (Vec<Hit>, f32) {
        let mut hits: Vec<Hit> = Vec::new();
        let mut total = 0.0;
        for &pair in pairs {
            let Some(seen) = self.seen.get(pair) else {
                total += OWN;
                continue;
            };
            let weight = seen.weight();
            total += weight;
            let root = forest.root(seen.ordinal);
            match hits.iter_mut().find(|hit| hit.root == root) {
                Some(hit) => {
                    hit.weight += weight;
                    hit.ordinal = hit.ordinal.max(seen.ordinal);
                }
                // What many threads say leads to none.
                None if weight < LEAST => {}
                None => hits.push(Hit {
                    root,
                    ordinal: seen.ordinal,
                    weight,
                }),
            }
        }
        // Of two that say as much, the later one.
        hits.sort_by(|one, other| {
            let more = other.weight.total_cmp(&one.weight);
            more.then(other.root.cmp(&one.root))
        });
        (hits, total)
    }

    pub(super) fn note(&mut self, pairs: &[u32], ordinal: u32, told: bool, forest: &Forest) {
        let own = forest.root(ordinal);
        for &pair in pairs {
            let before = self.seen.get(pair).unwrap_or(Seen {
                ordinal,
                ..Seen::default()
            });
            let elsewhere = forest.root(before.ordinal) != own;
            let stays = elsewhere && before.told == 1 && !told;
            let seen = Seen {
                ordinal: if stays { before.ordinal } else { ordinal },
                spread: before.spread.saturating_add(u16::from(elsewhere)),
                events: before.events.saturating_add(1),
                told: u8::from(told || stays || before.told == 1 && !elsewhere),
            };
            self.seen.set(pair, seen);
        }
    }

    pub(super) fn sound(&self) -> bool {
        self.seen.sound()
    }
}
