//! What a linker knows, as bytes and back: little-endian numbers, lists with their length before them.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

/// Keys are hashes already, and the order of a map is never seen: the same input gives the same output.
pub(super) type Map<K, V> = HashMap<K, V, FixedState>;

pub(super) trait Keep: Sized {
    fn save(&self, to: &mut Vec<u8>);
    /// `None` where the bytes end too soon or say what cannot be.
    fn load(from: &mut &[u8]) -> Option<Self>;
}

macro_rules! keep_numbers {
    ($($number:ty),*) => {$(
        impl Keep for $number {
            fn save(&self, to: &mut Vec<u8>) {
                to.extend_from_slice(&self.to_le_bytes());
            }

            fn load(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(Self::from_le_bytes(*bytes))
            }
        }
    )*};
}
keep_numbers!(u8, u16, u32, u64, i64, f32);

/// A struct is kept as its fields, in the order in which they are named.
macro_rules! keep_fields {
    ($name:ident { $($field:ident),* $(,)? }) => {
        impl $crate::memory::threads::bytes::Keep for $name {
            fn save(&self, to: &mut Vec<u8>) {
                $($crate::memory::threads::bytes::Keep::save(&self.$field, to);)*
            }

            fn load(from: &mut &[u8]) -> Option<Self> {
                Some(Self {
                    $($field: $crate::memory::threads::bytes::Keep::load(from)?,)*
                })
            }
        }
    };
}
pub(super) use keep_fields;

impl<A: Keep, B: Keep> Keep for (A, B) {
    fn save(&self, to: &mut Vec<u8>) {
        self.0.save(to);
        self.1.save(to);
    }

    fn load(from: &mut &[u8]) -> Option<Self> {
        Some((A::load(from)?, B::load(from)?))
    }
}

impl<T: Keep> Keep for Vec<T> {
    fn save(&self, to: &mut Vec<u8>) {
        save_list(self.len(), self.iter(), to);
    }

    fn load(from: &mut &[u8]) -> Option<Self> {
        let len = u32::load(from)?;
        // No room is made for what is only announced: broken bytes would ask for gigabytes.
        (0..len).map(|_| T::load(from)).collect()
    }
}

impl<T: Keep> Keep for VecDeque<T> {
    fn save(&self, to: &mut Vec<u8>) {
        save_list(self.len(), self.iter(), to);
    }

    fn load(from: &mut &[u8]) -> Option<Self> {
        Vec::load(from).map(Self::from)
    }
}

impl<K: Keep + Ord + Copy + std::hash::Hash, V: Keep> Keep for Map<K, V> {
    fn save(&self, to: &mut Vec<u8>) {
        let mut keys: Vec<K> = self.keys().copied().collect();
        keys.sort_unstable();
        u32::try_from(keys.len()).unwrap_or(u32::MAX).save(to);
        for key in keys {
            key.save(to);
            self[&key].save(to);
        }
    }

    fn load(from: &mut &[u8]) -> Option<Self> {
        let len = u32::load(from)?;
        (0..len).map(|_| <(K, V)>::load(from)).collect()
    }
}

fn save_list<'t, T: Keep + 't>(len: usize, list: impl Iterator<Item = &'t T>, to: &mut Vec<u8>) {
    u32::try_from(len).unwrap_or(u32::MAX).save(to);
    list.for_each(|one| one.save(to));
}

/// Leaves those that were used last.
pub(super) fn forget_half<V>(map: &mut Map<u32, V>, used: impl Fn(&V) -> u32) {
    let mut times: Vec<u32> = map.values().map(&used).collect();
    times.sort_unstable();
    if let Some(&middle) = times.get(times.len() / 2) {
        map.retain(|_, one| used(one) > middle);
    }
}
