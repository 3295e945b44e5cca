//! A map of bounded size that forgets what nobody has named for long.

use super::bytes::{Keep, Map};

/// Two generations: what is not named again while one fills is forgotten with the next.
pub(super) struct Fading<V> {
    young: Map<u32, V>,
    old: Map<u32, V>,
}

/// As many as a generation holds.
const GENERATION: usize = 1 << 15;

impl<V> Default for Fading<V> {
    fn default() -> Self {
        Self {
            young: Map::default(),
            old: Map::default(),
        }
    }
}

impl<V: Copy> Fading<V> {
    pub(super) fn get(&self, key: u32) -> Option<V> {
        let value = self.young.get(&key).or_else(|| self.old.get(&key));
        value.copied()
    }

    pub(super) fn set(&mut self, key: u32, value: V) {
        if self.young.len() >= GENERATION && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    pub(super) fn sound(&self) -> bool {
        self.young.len() <= GENERATION && self.old.len() <= GENERATION
    }
}

impl<V: Keep> Keep for Fading<V> {
    fn save(&self, to: &mut Vec<u8>) {
        self.young.save(to);
        self.old.save(to);
    }

    fn load(from: &mut &[u8]) -> Option<Self> {
        Some(Self {
            young: Map::load(from)?,
            old: Map::load(from)?,
        })
    }
}
