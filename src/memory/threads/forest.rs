//! Which fragments are one thread: a forest of merged numbers. Two threads of different tasks stay two.

use super::bytes::{Map, keep_fields};

/// Every thread is known by its first fragment; `parents` of it is itself.
#[derive(Default)]
pub(super) struct Forest {
    parents: Vec<u32>,
    /// The task that a thread says it is of, by the thread's number.
    tasks: Map<u32, u64>,
}

impl Forest {
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.parents.len()).unwrap_or(u32::MAX)
    }

    /// A new fragment, a thread by itself.
    pub(super) fn add(&mut self) -> u32 {
        let ordinal = self.len();
        self.parents.push(ordinal);
        ordinal
    }

    /// The number of the thread, without shortening the way to it. An ordinal that nobody knows is its own thread.
    pub(super) fn root(&self, mut ordinal: u32) -> u32 {
        while let Some(&parent) = self.parents.get(at(ordinal)) {
            if parent == ordinal {
                break;
            }
            ordinal = parent;
        }
        ordinal
    }

    pub(super) fn task(&self, root: u32) -> Option<u64> {
        self.tasks.get(&root).copied()
    }

    /// Whether the two may be one: not where they name two tasks.
    pub(super) fn compatible(&self, one: u32, other: u32) -> bool {
        match (self.task(self.root(one)), self.task(self.root(other))) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }

    pub(super) fn name_task(&mut self, ordinal: u32, task: u64) {
        let root = self.root(ordinal);
        self.tasks.entry(root).or_insert(task);
    }

    /// One thread of two; `false` where their tasks forbid it.
    pub(super) fn merge(&mut self, one: u32, other: u32) -> bool {
        let (one, other) = (self.shorten(one), self.shorten(other));
        if one == other {
            return true;
        }
        if !self.compatible(one, other) {
            return false;
        }
        let (first, second) = (one.min(other), one.max(other));
        let Some(parent) = self.parents.get_mut(at(second)) else {
            return false;
        };
        *parent = first;
        if let Some(task) = self.tasks.remove(&second) {
            self.tasks.insert(first, task);
        }
        true
    }

    /// The root, and on the way every other step is left out, so that the next way is half as long.
    fn shorten(&mut self, mut ordinal: u32) -> u32 {
        while let Some(&parent) = self.parents.get(at(ordinal)) {
            if parent == ordinal {
                break;
            }
            let above = self.parents[at(parent)];
            self.parents[at(ordinal)] = above;
            ordinal = above;
        }
        ordinal
    }

    /// Whether every way leads to an older one and ends.
    pub(super) fn sound(&self) -> bool {
        self.parents
            .iter()
            .enumerate()
            .all(|(ordinal, &parent)| at(parent) <= ordinal)
    }
}
keep_fields!(Forest { parents, tasks });

fn at(ordinal: u32) -> usize {
    usize::try_from(ordinal).unwrap_or(usize::MAX)
}
