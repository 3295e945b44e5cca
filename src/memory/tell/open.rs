//! What waits: tasks that were begun and not ended, questions that nobody answered, who said that something holds him up.

use std::collections::{HashMap, HashSet};

use super::deed::{self, Deed};
use super::text::clip;
use super::{Fixed, Told};
use crate::memory::Fragment;
use crate::time::Timestamp;

/// So many are followed at once; of more, those are let go that nothing was heard of for longest.
const MOST: usize = 30_000;
/// Ended tasks that are known as such, so that a late word on one does not open it again.
const MOST_ENDED: usize = 200_000;
/// What is kept of what was said.
const KEPT: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wait {
    Task,
    Question,
    Block,
}

/// Of one thread.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub wait: Wait,
    pub since: Timestamp,
    /// The last word on it.
    pub last: Timestamp,
    /// Who began it.
    pub by: Box<str>,
    /// Who works on it, or should.
    pub holder: Option<Box<str>>,
    /// What began it.
    pub id: Box<str>,
    pub last_id: Box<str>,
    pub text: Box<str>,
    pub task: Option<Box<str>>,
    /// Its holder says that it cannot go on.
    pub blocked: bool,
}

/// A task went from one to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub from: Box<str>,
    pub to: Box<str>,
}

#[derive(Default)]
pub(super) struct Opens {
    by_thread: HashMap<u32, Open, Fixed>,
    ended: HashSet<u32, Fixed>,
}

impl Opens {
    pub(super) fn see(&mut self, told: &Told<'_>, deed: Deed) -> Option<Moved> {
        let fragment = told.fragment;
        if matches!(fragment.kind.as_str(), "log" | "summary") {
            return None;
        }
        if self.ends(told, deed) {
            if self
                .by_thread
                .remove(&told.thread)
                .is_some_and(|it| it.wait == Wait::Task)
                || is_of_task(fragment)
            {
                self.end(told.thread);
            }
            return None;
        }
        if let Some(open) = self.by_thread.get_mut(&told.thread) {
            return open.goes_on(fragment, deed);
        }
        self.open(told, deed);
        None
    }

    /// Newest last; of equal times by the number of their thread.
    pub(super) fn into_sorted(self) -> Vec<(u32, Open)> {
        let mut all: Vec<_> = self.by_thread.into_iter().collect();
        all.sort_by_key(|(thread, open)| (open.last, *thread));
        all
    }

    fn ends(&self, told: &Told<'_>, deed: Deed) -> bool {
        let fragment = told.fragment;
        let open = self.by_thread.get(&told.thread);
        let of_task = is_of_task(fragment);
        match open.map(|open| (open.wait, *open.by != *fragment.agent_id)) {
            Some((Wait::Question, of_another)) => of_another,
            Some((Wait::Block, of_another)) => of_another || deed != Deed::Blocked,
            Some((Wait::Task, _)) | None if of_task => match deed {
                Deed::Finished | Deed::Dropped => true,
                // A test that fails is not yet a task that failed.
                Deed::Failed => deed::sure(fragment).is_some(),
                _ => false,
            },
            Some((Wait::Task, _)) | None => false,
        }
    }

    fn end(&mut self, thread: u32) {
        if self.ended.len() < MOST_ENDED {
            self.ended.insert(thread);
        }
    }

    fn open(&mut self, told: &Told<'_>, deed: Deed) {
        let fragment = told.fragment;
        let Some(wait) = waits(fragment, deed) else {
            return;
        };
        if wait == Wait::Task {
            let again = matches!(deed, Deed::Reopened | Deed::Taken);
            if self.ended.contains(&told.thread) && !again {
                return;
            }
            self.ended.remove(&told.thread);
        }
        if self.by_thread.len() >= MOST {
            self.let_go();
        }
        self.by_thread
            .insert(told.thread, Open::new(fragment, wait, deed));
    }

    /// The quieter half.
    fn let_go(&mut self) {
        let mut lasts: Vec<_> = self
            .by_thread
            .iter()
            .map(|(thread, open)| (open.last, *thread))
            .collect();
        let (_, middle, _) = lasts.select_nth_unstable(MOST / 2);
        let middle = *middle;
        self.by_thread
            .retain(|thread, open| (open.last, *thread) >= middle);
    }
}

fn is_of_task(fragment: &Fragment) -> bool {
    fragment.kind == "task" || fragment.context_text("task_id").is_some()
}

fn waits(fragment: &Fragment, deed: Deed) -> Option<Wait> {
    let by_program = deed::is_by_program(&fragment.kind);
    match deed {
        Deed::Created | Deed::Taken | Deed::Progress | Deed::Handed | Deed::Reopened
            if is_of_task(fragment) =>
        {
            Some(Wait::Task)
        }
        Deed::Blocked if is_of_task(fragment) => Some(Wait::Task),
        Deed::Blocked if !by_program => Some(Wait::Block),
        Deed::Asked if !by_program || deed::sure(fragment).is_some() => Some(Wait::Question),
        _ => None,
    }
}

impl Open {
    fn new(fragment: &Fragment, wait: Wait, deed: Deed) -> Self {
        let works = matches!(deed, Deed::Taken | Deed::Progress | Deed::Blocked);
        let holder = deed::handed_to(fragment).or_else(|| works.then_some(&*fragment.agent_id));
        Self {
            wait,
            since: fragment.timestamp,
            last: fragment.timestamp,
            by: fragment.agent_id.as_str().into(),
            holder: holder.filter(|_| wait == Wait::Task).map(Into::into),
            id: fragment.memory_id.as_str().into(),
            last_id: fragment.memory_id.as_str().into(),
            text: clip(&fragment.content, KEPT).into(),
            task: fragment.context_text("task_id").map(Into::into),
            blocked: deed == Deed::Blocked,
        }
    }

    fn goes_on(&mut self, fragment: &Fragment, deed: Deed) -> Option<Moved> {
        if deed != Deed::Beat {
            self.last = fragment.timestamp;
            self.last_id = fragment.memory_id.as_str().into();
        }
        if self.wait != Wait::Task {
            return None;
        }
        match deed {
            Deed::Blocked => self.blocked = true,
            Deed::Taken | Deed::Progress | Deed::Reopened => self.blocked = false,
            _ => {}
        }
        if self.task.is_none() {
            self.task = fragment.context_text("task_id").map(Into::into);
        }
        let to = match deed {
            Deed::Taken | Deed::Progress => Some(fragment.agent_id.as_str()),
            Deed::Handed | Deed::Created | Deed::Reopened => deed::handed_to(fragment),
            _ => deed::handed_to(fragment)
                .filter(|_| is_of_task(fragment) && fragment.kind != "message"),
        }?;
        let from = self.holder.replace(to.into())?;
        let to = to.into();
        (from != to).then_some(Moved { from, to })
    }

    /// `task t5`, or what it is called.
    pub(super) fn name(&self) -> String {
        match &self.task {
            Some(task) => format!("task {task}"),
            None => format!("“{}”", clip(&self.text, 60)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::memory::tell::sample::{at, event, fragment, with};

    fn seen(fragments: &[Fragment]) -> (Vec<Open>, Vec<Moved>) {
        let mut opens = Opens::default();
        let moved = fragments
            .iter()
            .filter_map(|fragment| {
                opens.see(
                    &Told {
                        fragment,
                        thread: 1,
                    },
                    deed::of(fragment),
                )
            })
            .collect();
        (
            opens
                .into_sorted()
                .into_iter()
                .map(|(_, open)| open)
                .collect(),
            moved,
        )
    }

    #[test]
    fn a_task_waits_until_its_end_and_a_late_word_opens_it_not_again() {
        let mut all = vec![
            event("1", 0, "c", "task.created", "t1"),
            event("2", 1, "a", "task.started", "t1"),
            with(
                fragment("3", 2, "a", "message", "a test failed"),
                json!({"task_id": "t1"}),
            ),
        ];
        let (open, _) = seen(&all);
        assert_eq!(open.len(), 1);
        assert_eq!(
            (&*open[0].name(), open[0].holder.as_deref()),
            ("task t1", Some("a"))
        );
        all.push(event("4", 3, "a", "task.completed", "t1"));
        all.push(event("5", 4, "c", "task.created", "t1"));
        assert!(seen(&all).0.is_empty());
        all.push(event("6", 5, "c", "task.reopened", "t1"));
        assert_eq!(seen(&all).0.len(), 1);
    }

    #[test]
    fn a_question_waits_until_another_speaks() {
        let mut all = vec![
            fragment("1", 0, "a", "message", "which port is it?"),
            fragment("2", 1, "a", "message", "the one of the server"),
        ];
        assert_eq!(seen(&all).0[0].wait, Wait::Question);
        all.push(fragment("3", 2, "b", "message", "8080"));
        assert!(seen(&all).0.is_empty());
    }

    #[test]
    fn who_was_held_up_and_goes_on_waits_no_longer() {
        let mut all = vec![fragment("1", 0, "a", "devlog", "blocked by the review")];
        assert_eq!(seen(&all).0[0].wait, Wait::Block);
        all.push(fragment("2", 1, "a", "devlog", "the parser reads comments"));
        assert!(seen(&all).0.is_empty());
    }

    #[test]
    fn a_task_goes_from_one_to_another() {
        let given = |id, to: &str| {
            with(
                event(id, 1, "c", "task.assigned", "t1"),
                json!({"assignee": to}),
            )
        };
        let all = [
            event("1", 0, "c", "task.created", "t1"),
            given("2", "a"),
            event("3", 2, "a", "task.started", "t1"),
            given("4", "b"),
            event("5", 3, "b", "task.started", "t1"),
        ];
        let (from, to) = ("a".into(), "b".into());
        assert_eq!(seen(&all).1, [Moved { from, to }]);
    }

    #[test]
    fn of_more_than_can_be_followed_the_newest_are() {
        let mut opens = Opens::default();
        let mut asked = fragment("1", 0, "a", "message", "why?");
        let all = u32::try_from(MOST).unwrap() + 2;
        for thread in 0..all {
            asked.timestamp = at(i64::from(thread));
            let fragment = &asked;
            opens.see(&Told { fragment, thread }, Deed::Asked);
        }
        let left = opens.into_sorted();
        assert!(left.len() > MOST / 2 && left.len() <= MOST);
        assert_eq!(left.last().unwrap().0, all - 1);
        assert_eq!(left[0].0, all - u32::try_from(left.len()).unwrap());
    }

    #[test]
    fn lines_of_a_log_open_nothing() {
        let line = fragment("1", 0, "a", "log", "waiting for the lock");
        assert!(seen(&[line]).0.is_empty());
    }
}
