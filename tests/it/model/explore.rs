//! An exhaustive breadth-first explorer: every state a model can reach, and the shortest way to the
//! first one that breaks a promise.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher};

/// A transition system with promises.
pub(super) trait Model {
    type State: Clone + Hash;

    fn start(&self) -> Self::State;

    /// Every state one step away, named for the counterexample.
    fn steps(&self, state: &Self::State) -> Vec<(Step, Self::State)>;

    /// The promise that `state` breaks, if any.
    fn broken(&self, state: &Self::State) -> Option<String>;

    /// A state without a step is broken unless everything in it has come to its end.
    fn ended(&self, state: &Self::State) -> bool;
}

/// Who did what: an index into the model's processes, or none for the world itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step(pub(super) Option<usize>, pub(super) &'static str);

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(process) => write!(f, "{process}: {}", self.1),
            None => write!(f, "-- {}", self.1),
        }
    }
}

/// What an exploration saw.
pub(super) struct Explored {
    pub(super) states: usize,
    pub(super) counterexample: Option<String>,
}

/// Beyond this a model is too wide to be run with every build: make it tighter.
const WIDEST: usize = 400_000;

/// Explores `model` to the end, or to the first broken promise. States are told apart by 64-bit
/// fingerprints: at 400,000 states a collision has a chance of one in 10^8.
pub(super) fn explore<M: Model>(model: &M) -> Explored {
    let start = model.start();
    let mut seen = HashSet::from([fingerprint(&start)]);
    let mut trail: Vec<(usize, Step)> = vec![(0, Step(None, "start"))];
    let mut queue = VecDeque::from([(0, start)]);
    while let Some((at, state)) = queue.pop_front() {
        let found = |why: String| Explored {
            states: trail.len(),
            counterexample: Some(format!("{why}\n{}", path(&trail, at))),
        };
        if let Some(why) = model.broken(&state) {
            return found(why);
        }
        let steps = model.steps(&state);
        if steps.is_empty() && !model.ended(&state) {
            return found("nobody can take a step".to_owned());
        }
        for (step, next) in steps {
            if seen.insert(fingerprint(&next)) {
                trail.push((at, step));
                queue.push_back((trail.len() - 1, next));
            }
        }
        assert!(trail.len() < WIDEST, "more than {WIDEST} states");
    }
    Explored {
        states: trail.len(),
        counterexample: None,
    }
}

fn path(trail: &[(usize, Step)], mut at: usize) -> String {
    let mut steps = Vec::new();
    while at != 0 {
        steps.push(format!("  {}", trail[at].1));
        at = trail[at].0;
    }
    steps.reverse();
    steps.join("\n")
}

pub(super) fn fingerprint(state: &impl Hash) -> u64 {
    BuildHasherDefault::<Mix>::default().hash_one(state)
}

/// A multiplicative hash: the standard one takes half of the run of an unoptimised build.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value.cast_unsigned() as u64);
    }

    fn write_u64(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0 = (mixed ^ (mixed >> 29))
            .wrapping_mul(0xBF58_476D_1CE4_E5B9)
            .rotate_left(23);
    }

    fn finish(&self) -> u64 {
        (self.0 ^ (self.0 >> 32)).wrapping_mul(0x94D0_49BB_1331_11EB)
    }
}
