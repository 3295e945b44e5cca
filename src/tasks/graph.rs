//! What waits for what: cycles, what keeps a task from starting, what is ready and in which order. Pure.
//!
//! Nothing here recurses: chains are as long as people make them.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::task::{Status, Task};
use crate::time::Timestamp;

/// All tasks of a home, and who waits for whom.
pub struct Graph<'t> {
    tasks: Vec<&'t Task<'t>>,
    /// The dependencies of all, one task after the other; those of task `n` end at `ends[n]`.
    edges: Vec<u32>,
    ends: Vec<u32>,
}

/// Instead of the place of one that nobody knows.
const NOBODY: u32 = u32::MAX;

/// What keeps a task that is not over from being started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold<'t> {
    Free,
    /// It waits for one that is not completed yet.
    Waits {
        on: &'t str,
    },
    /// One that it waits for, perhaps through others, came to an end without being completed.
    Doomed {
        by: &'t str,
        status: Status,
    },
    /// It waits for one that nobody knows.
    Unknown {
        on: &'t str,
    },
}

impl Hold<'_> {
    pub fn is_free(&self) -> bool {
        *self == Self::Free
    }
}

impl std::fmt::Display for Hold<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Free => f.write_str("waits for nothing"),
            Self::Waits { on } => write!(f, "waits for {on}"),
            Self::Doomed { by, status } => write!(f, "blocked: {by} is {status}"),
            Self::Unknown { on } => write!(f, "blocked: there is no task {on}"),
        }
    }
}

impl<'t> Graph<'t> {
    /// Ids are unique here: of two, the one that is given later is looked up.
    pub fn of(tasks: impl IntoIterator<Item = &'t Task<'t>>) -> Self {
        let tasks: Vec<_> = tasks.into_iter().collect();
        let at = places(&tasks);
        Self::linked(tasks, |id| at.get(id).copied())
    }

    /// As `of`, where somebody knows already at which place each id stands.
    pub(super) fn linked(tasks: Vec<&'t Task<'t>>, find: impl Fn(&str) -> Option<usize>) -> Self {
        let place = |at: usize| u32::try_from(at).unwrap_or(NOBODY);
        let mut edges = Vec::with_capacity(tasks.len());
        let mut ends = Vec::with_capacity(tasks.len());
        for task in &tasks {
            let on = task.dependencies.iter();
            edges.extend(on.map(|id| find(id).map_or(NOBODY, place)));
            ends.push(place(edges.len()));
        }
        Self { tasks, edges, ends }
    }

    pub fn tasks(&self) -> &[&'t Task<'t>] {
        &self.tasks
    }

    /// Who waits, and for whom; what nobody knows is left out.
    pub fn edges(&self) -> impl Iterator<Item = (&'t Task<'t>, &'t Task<'t>)> {
        (0..self.tasks.len()).flat_map(move |at| {
            let known = self.waits_for(at).iter().filter(|&&on| on != NOBODY);
            known.map(move |&on| (self.tasks[at], self.tasks[on as usize]))
        })
    }

    /// Those of these ids, what they wait for and what waits for them, however far away.
    pub fn around<'i>(&self, ids: impl IntoIterator<Item = &'i str>) -> HashSet<&'t str> {
        let mut others: [Vec<Vec<u32>>; 2] = [(); 2].map(|()| vec![Vec::new(); self.tasks.len()]);
        for at in 0..self.tasks.len() {
            for &on in self.waits_for(at).iter().filter(|&&on| on != NOBODY) {
                others[0][at].push(on);
                others[1][on as usize].push(u32::try_from(at).unwrap_or(NOBODY));
            }
        }
        let known = places(&self.tasks);
        let start: Vec<u32> = ids
            .into_iter()
            .filter_map(|id| u32::try_from(*known.get(id)?).ok())
            .collect();
        let mut found = HashSet::new();
        for next in others {
            let mut seen = vec![false; self.tasks.len()];
            let mut open = start.clone();
            while let Some(at) = open.pop().map(|at| at as usize) {
                if !std::mem::replace(&mut seen[at], true) {
                    found.insert(&*self.tasks[at].id);
                    open.extend(&next[at]);
                }
            }
        }
        found
    }

    fn waits_for(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.edges[start as usize..self.ends[at] as usize]
    }

    /// The places of all tasks, none before those that it waits for, and the first circle that was met.
    fn walk(&self) -> (Vec<usize>, Option<Vec<usize>>) {
        #[derive(Clone, Copy, PartialEq)]
        enum Seen {
            No,
            OnTheWay,
            Done,
        }
        let mut seen = vec![Seen::No; self.tasks.len()];
        let mut order = Vec::with_capacity(self.tasks.len());
        let mut circle = None;
        for start in 0..self.tasks.len() {
            if seen[start] != Seen::No {
                continue;
            }
            // Where we stand, and which of its dependencies comes next.
            let mut way = vec![(start, 0)];
            seen[start] = Seen::OnTheWay;
            while let Some((at, nth)) = way.last_mut() {
                let Some(&next) = self.waits_for(*at).get(*nth) else {
                    seen[*at] = Seen::Done;
                    order.push(*at);
                    way.pop();
                    continue;
                };
                *nth += 1;
                if next == NOBODY {
                    continue;
                }
                let next = next as usize;
                match seen[next] {
                    Seen::No => {
                        seen[next] = Seen::OnTheWay;
                        way.push((next, 0));
                    }
                    Seen::OnTheWay if circle.is_none() => {
                        let places = way.iter().map(|&(at, _)| at);
                        circle = Some(places.skip_while(|&at| at != next).collect());
                    }
                    Seen::OnTheWay | Seen::Done => {}
                }
            }
        }
        (order, circle)
    }

    /// Tasks that wait for one another in a circle, the first one named again at the end.
    pub fn cycle(&self) -> Option<Vec<&'t str>> {
        let circle = self.walk().1?;
        let first = circle.first().copied();
        let places = circle.into_iter().chain(first);
        Some(places.map(|at| &*self.tasks[at].id).collect())
    }

    /// What holds each task, in the order of the tasks. In a circle, should there be one, everybody waits.
    pub fn holds(&self) -> Vec<Hold<'t>> {
        let mut holds = vec![Hold::Free; self.tasks.len()];
        for at in self.walk().0 {
            holds[at] = self.hold(at, &holds);
        }
        holds
    }

    /// What is worst of its dependencies; of equal ones the first.
    fn hold(&self, at: usize, holds: &[Hold<'t>]) -> Hold<'t> {
        let mut worst = Hold::Free;
        for (id, &on) in self.tasks[at].dependencies.iter().zip(self.waits_for(at)) {
            if on == NOBODY {
                return Hold::Unknown { on: id };
            }
            let on = on as usize;
            let here = match (self.tasks[on].status, holds[on]) {
                (Status::Completed, _) => continue,
                (status @ (Status::Failed | Status::Cancelled), _) => {
                    Hold::Doomed { by: id, status }
                }
                (_, doomed @ (Hold::Doomed { .. } | Hold::Unknown { .. })) => doomed,
                _ => Hold::Waits { on: id },
            };
            match (worst, here) {
                (Hold::Free | Hold::Waits { .. }, Hold::Doomed { .. } | Hold::Unknown { .. })
                | (Hold::Free, _) => worst = here,
                _ => {}
            }
        }
        worst
    }

    /// What is pending and held by nothing, the most urgent first. What a schedule starts is nobody's to take.
    pub fn ready(&self) -> Vec<&'t Task<'t>> {
        let holds = self.holds();
        let free = self.tasks.iter().zip(&holds).filter(|(task, hold)| {
            task.status == Status::Pending && task.schedule.is_none() && hold.is_free()
        });
        let mut ready: Vec<_> = free.map(|(task, _)| (urgency(task), *task)).collect();
        ready.sort_by(|a, b| a.0.cmp(&b.0));
        ready.into_iter().map(|(_, task)| task).collect()
    }
}

/// Where each id stands.
fn places<'t>(tasks: &[&'t Task<'t>]) -> HashMap<&'t str, usize, RandomState> {
    let ids = tasks.iter().enumerate().map(|(at, task)| (&*task.id, at));
    ids.collect()
}

/// Priority, then the nearer deadline, then age; then the id, so that everybody sees the same order.
pub(super) fn urgency<'t>(task: &'t Task<'_>) -> impl Ord + use<'t> {
    let never = Timestamp::from_unix_ms(i64::MAX);
    (
        Reverse(task.priority),
        task.deadline().unwrap_or(never),
        task.created().unwrap_or_default(),
        &*task.id,
    )
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::super::task::{Priority, Text};
    use super::*;

    fn text(it: &impl ToString) -> Text<'static> {
        Text(it.to_string().into())
    }

    fn task(id: usize, status: Status, dependencies: &[usize]) -> Task<'static> {
        Task {
            id: text(&id),
            status,
            dependencies: dependencies.iter().map(text).collect(),
            ..Task::default()
        }
    }

    fn any_tasks() -> impl Strategy<Value = Vec<Task<'static>>> {
        let status = prop::sample::select(Status::ALL);
        let one = (status, prop::collection::vec(0..13_usize, 0..4));
        prop::collection::vec(one, 0..12).prop_map(|tasks| {
            let tasks = tasks.iter().enumerate();
            tasks
                .map(|(id, (status, on))| task(id, *status, on))
                .collect()
        })
    }

    /// Everybody that can be reached, the slow way.
    fn reached(tasks: &[Task<'_>], from: usize) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            let Some(task) = tasks.get(at) else { continue };
            for id in &task.dependencies {
                let next: usize = id.parse().unwrap();
                if all.insert(next) {
                    open.push(next);
                }
            }
        }
        all
    }

    /// Whether it may start, by the words of the rule.
    fn may_start(tasks: &[Task<'_>], at: usize) -> bool {
        tasks[at].dependencies.iter().all(|id| {
            let on = tasks.get(id.parse::<usize>().unwrap());
            on.is_some_and(|on| on.status == Status::Completed)
        })
    }

    /// Whether waiting will not help: someone on the way, through those that are not over, ended otherwise or is unknown.
    fn is_doomed(tasks: &[Task<'_>], at: usize, way: &mut BTreeSet<usize>) -> bool {
        if !way.insert(at) {
            return false;
        }
        tasks[at].dependencies.iter().any(|id| {
            let next: usize = id.parse().unwrap();
            match tasks.get(next).map(|on| on.status) {
                None | Some(Status::Failed | Status::Cancelled) => true,
                Some(Status::Completed) => false,
                Some(Status::Pending | Status::Running) => is_doomed(tasks, next, way),
            }
        })
    }

    proptest! {
        #[test]
        fn a_cycle_is_found_where_one_is_and_is_one(tasks in any_tasks()) {
            let is_circular = (0..tasks.len()).any(|at| reached(&tasks, at).contains(&at));
            let cycle = Graph::of(&tasks).cycle();
            prop_assert_eq!(cycle.is_some(), is_circular);
            for pair in cycle.unwrap_or_default().windows(2) {
                let at: usize = pair[0].parse().unwrap();
                prop_assert!(tasks[at].dependencies.iter().any(|id| &**id == pair[1]));
            }
        }

        #[test]
        fn a_task_is_free_if_and_only_if_all_that_it_waits_for_is_completed(tasks in any_tasks()) {
            let graph = Graph::of(&tasks);
            let is_circular = graph.cycle().is_some();
            for (at, hold) in graph.holds().iter().enumerate() {
                prop_assert_eq!(hold.is_free(), may_start(&tasks, at), "{} {}", at, hold);
                if !is_circular {
                    let doomed = matches!(hold, Hold::Doomed { .. } | Hold::Unknown { .. });
                    prop_assert_eq!(doomed, is_doomed(&tasks, at, &mut BTreeSet::new()), "{} {}", at, hold);
                }
            }
        }

        #[test]
        fn ready_is_what_is_pending_and_free_most_urgent_first(
            tasks in any_tasks(),
            priorities in prop::collection::vec(prop::sample::select(Priority::ALL), 12),
            times in prop::collection::vec(0..3_i64, 24),
        ) {
            let mut tasks = tasks;
            for (at, task) in tasks.iter_mut().enumerate() {
                task.priority = priorities[at];
                let time = |n: i64| text(&Timestamp::from_unix_ms(n));
                task.deadline = (times[at] > 0).then(|| time(times[at]));
                task.created_at = Some(time(times[12 + at]));
            }
            let ready = Graph::of(&tasks).ready();
            let place: BTreeMap<&str, usize> = ready.iter().enumerate().map(|(n, it)| (&*it.id, n)).collect();
            for (at, task) in tasks.iter().enumerate() {
                let should = task.status == Status::Pending && may_start(&tasks, at);
                prop_assert_eq!(place.contains_key(&*task.id), should);
            }
            for pair in ready.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                prop_assert!(a.priority >= b.priority);
                if a.priority == b.priority {
                    let late = Timestamp::from_unix_ms(i64::MAX);
                    let (da, db) = (a.deadline().unwrap_or(late), b.deadline().unwrap_or(late));
                    prop_assert!(da < db || da == db && a.created() <= b.created());
                }
            }
        }
    }

    #[test]
    fn the_reason_names_who_is_to_blame() {
        let tasks = [
            task(0, Status::Failed, &[]),
            task(1, Status::Pending, &[0]),
            task(2, Status::Pending, &[3, 1]),
            task(3, Status::Running, &[]),
            task(4, Status::Pending, &[3]),
            task(5, Status::Pending, &[99]),
        ];
        let graph = Graph::of(&tasks);
        let said: Vec<_> = graph.holds().iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "waits for nothing",
                "blocked: 0 is failed",
                "blocked: 0 is failed",
                "waits for nothing",
                "waits for 3",
                "blocked: there is no task 99",
            ]
        );
    }

    #[test]
    fn around_a_task_stands_what_it_waits_for_and_what_waits_for_it() {
        let on: [&[usize]; 6] = [&[], &[0], &[1, 99], &[0], &[], &[4]];
        let tasks: Vec<_> = on
            .iter()
            .enumerate()
            .map(|(id, on)| task(id, Status::Pending, on))
            .collect();
        let graph = Graph::of(&tasks);
        let around = |ids: &[&str]| BTreeSet::from_iter(graph.around(ids.iter().copied()));
        assert_eq!(around(&["1"]), BTreeSet::from(["0", "1", "2"]));
        assert_eq!(around(&["5", "3"]), BTreeSet::from(["0", "3", "4", "5"]));
        let edges = graph.edges().map(|(task, on)| (&*task.id, &*on.id));
        let all = [("1", "0"), ("2", "1"), ("3", "0"), ("5", "4")];
        assert_eq!(edges.collect::<Vec<_>>(), all);
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_needs_no_stack() {
        let tasks: Vec<_> = (0..100_000)
            .map(|id| task(id, Status::Pending, &[id + 1]))
            .chain([task(100_000, Status::Pending, &[])])
            .collect();
        let graph = Graph::of(&tasks);
        assert_eq!(graph.cycle(), None);
        assert_eq!(graph.ready().len(), 1);
    }
}
