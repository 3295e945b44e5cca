//! What failed, and how often the same did.

use std::collections::{BTreeMap, HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use super::deed::{Deed, is_by_program};
use super::text::{clip, likeness};
use super::{Fixed, Told};
use crate::memory::Fragment;
use crate::time::Timestamp;

/// Kept at once; of more, those are let go that failed least and longest ago.
const MOST: usize = 12_000;
/// Texts that are known to have failed before. Beyond, nothing is called the first.
const MOST_KNOWN: usize = 200_000;
const OF_ONE: usize = 8;
const KEPT: usize = 160;

/// The same failure of one agent, or within one task.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// Nothing like it had failed before. Only of programs: people say nothing twice in the same words.
    pub is_first: bool,
    pub at: Timestamp,
    pub last: Timestamp,
    pub count: usize,
    pub text: Box<str>,
    pub task: Option<Box<str>>,
    pub agents: Vec<String>,
    /// The first and the last.
    pub ids: Vec<String>,
}

#[derive(Default)]
pub(super) struct Failures {
    all: HashMap<u64, Failure, Fixed>,
    known: HashSet<u64, Fixed>,
}

impl Failures {
    pub(super) fn see(&mut self, told: &Told<'_>, deed: Deed) {
        let fragment = told.fragment;
        if fragment.kind == "summary" || deed != Deed::Failed {
            return;
        }
        let like = likeness(fragment);
        let is_first = self.known.len() < MOST_KNOWN
            && self.known.insert(like)
            && is_by_program(&fragment.kind);
        let key = like ^ of_whom(fragment);
        if let Some(failure) = self.all.get_mut(&key) {
            failure.again(fragment);
            return;
        }
        if self.all.len() >= MOST {
            self.let_go();
        }
        self.all.insert(key, Failure::new(fragment, is_first));
    }

    /// In the order in which they began.
    pub(super) fn into_sorted(self) -> Vec<Failure> {
        // Of equal times, by what they are: the order of a map is none.
        let all: BTreeMap<_, _> = self
            .all
            .into_iter()
            .map(|(key, it)| ((it.at, key), it))
            .collect();
        all.into_values().collect()
    }

    fn let_go(&mut self) {
        let rank = |key: u64, it: &Failure| (it.count.min(3), it.last, key);
        let mut ranks: Vec<_> = self.all.iter().map(|(key, it)| rank(*key, it)).collect();
        let (_, middle, _) = ranks.select_nth_unstable(MOST / 2);
        let middle = *middle;
        self.all.retain(|key, it| rank(*key, it) >= middle);
    }
}

/// Of a task, whoever tries it; else of the agent.
fn of_whom(fragment: &Fragment) -> u64 {
    match fragment.context_text("task_id") {
        Some(task) => xxh3_64(task.as_bytes()).rotate_left(1),
        None => xxh3_64(fragment.agent_id.as_bytes()).rotate_left(2),
    }
}

impl Failure {
    fn new(fragment: &Fragment, is_first: bool) -> Self {
        Self {
            is_first,
            at: fragment.timestamp,
            last: fragment.timestamp,
            count: 1,
            text: clip(&fragment.content, KEPT).into(),
            task: fragment.context_text("task_id").map(Into::into),
            agents: vec![fragment.agent_id.clone()],
            ids: vec![fragment.memory_id.clone()],
        }
    }

    fn again(&mut self, fragment: &Fragment) {
        self.count += 1;
        self.last = self.last.max(fragment.timestamp);
        if self.agents.len() < OF_ONE && !self.agents.contains(&fragment.agent_id) {
            self.agents.push(fragment.agent_id.clone());
        }
        remember(&mut self.ids, &fragment.memory_id);
    }
}

/// The first half of them, and the last.
pub(super) fn remember(ids: &mut Vec<String>, id: &str) {
    if ids.len() >= OF_ONE {
        ids.remove(OF_ONE / 2);
    }
    ids.push(id.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::tell::deed;
    use crate::memory::tell::sample::fragment;

    #[test]
    fn the_same_failure_of_the_same_agent_is_counted_and_only_the_first_of_all_is_new() {
        let all = [
            fragment("1", 0, "a", "log", "connection 1 failed"),
            fragment("2", 1, "b", "log", "connection 2 failed"),
            fragment("3", 2, "a", "log", "connection 3 failed"),
            fragment("4", 3, "a", "log", "connection 4 made"),
        ];
        let mut failures = Failures::default();
        for fragment in &all {
            failures.see(
                &Told {
                    fragment,
                    thread: 0,
                },
                deed::of(fragment),
            );
        }
        let told: Vec<_> = failures
            .into_sorted()
            .into_iter()
            .map(|it| (it.is_first, it.count, it.ids.join(" ")))
            .collect();
        assert_eq!(told, [(true, 2, "1 3".into()), (false, 1, "2".into())]);
    }

    #[test]
    fn of_many_the_first_and_the_last_are_remembered() {
        let mut ids = Vec::new();
        (0..20).for_each(|nth: u8| remember(&mut ids, &nth.to_string()));
        assert_eq!(ids, ["0", "1", "2", "3", "16", "17", "18", "19"]);
    }
}
