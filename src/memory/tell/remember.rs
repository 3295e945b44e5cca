//! What an agent should remember when it starts, within so many bytes.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use super::deed::{self, Deed};
use super::open::{Opens, Wait};
use super::text::{clip, counted, likeness, minute, varies};
use super::{Fixed, Told, weight};
use crate::memory::Fragment;
use crate::time::Timestamp;

/// Of one fragment.
const LINE: usize = 200;
/// Words in common, of all words of two, by which they say the same.
const SAME: f64 = 0.8;
/// What waits may have at least, if there is so much.
const ALWAYS: usize = 800;
/// Of one kind of reason; beyond, a few thousand bytes have no room anyhow.
const MOST: usize = 2_000;

/// Why it is remembered, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    /// Its open task, or mail that it has not answered.
    Waits,
    Decided,
    SaidToIt,
    Weighs,
}

/// The text: one line on what was left out, then a memory a line, the newest last. Never more bytes than `budget`, and whole
/// lines only; empty where not even the first has room.
pub fn remember(told: &[Told<'_>], agent: &str, now: Timestamp, budget: usize) -> String {
    let chosen = choose(told, agent, now, budget);
    let mut text = heading(told.len(), chosen.iter().map(|it| it.times).sum());
    if text.len() > budget {
        return String::new();
    }
    for one in chosen {
        text.push_str(&one.line(agent));
    }
    text
}

/// The fragments of that text, in its order.
pub fn remembered<'a>(
    told: &[Told<'a>],
    agent: &str,
    now: Timestamp,
    budget: usize,
) -> Vec<&'a Fragment> {
    let chosen = choose(told, agent, now, budget);
    chosen.into_iter().map(|it| it.fragment).collect()
}

fn heading(all: usize, told: usize) -> String {
    let left = all.saturating_sub(told);
    format!("{} of {}; {left} left out.\n", told, counted(all, "memory"))
}

/// The longest that a heading over so many can be: the budget has to hold whichever number it names.
fn heading_room(all: usize) -> usize {
    heading(all, 0).len() + all.to_string().len()
}

#[derive(Clone)]
struct Chosen<'a> {
    fragment: &'a Fragment,
    place: usize,
    why: Why,
    /// With those that say the same.
    times: usize,
}

impl Chosen<'_> {
    fn line(&self, agent: &str) -> String {
        let fragment = self.fragment;
        let who = if fragment.agent_id == agent {
            "you"
        } else {
            &*fragment.agent_id
        };
        let mut line = format!("{} {}", minute(fragment.timestamp), clip(who, 40));
        if let Some(task) = fragment.context_text("task_id") {
            write!(line, ", task {}", clip(task, 40)).expect("a string grows");
        }
        if self.why == Why::Waits {
            line.push_str(", waits for you");
        }
        line.push_str(": ");
        line.push_str(&clip(&fragment.content, LINE));
        if self.times > 1 {
            write!(line, " ({})", counted(self.times, "time")).expect("a string grows");
        }
        line.push('\n');
        line
    }
}

fn choose<'a>(told: &[Told<'a>], agent: &str, now: Timestamp, budget: usize) -> Vec<Chosen<'a>> {
    let Some(room) = budget.checked_sub(heading_room(told.len())) else {
        return Vec::new();
    };
    let mut picked = Picked::new(agent, room);
    let mut candidates = candidates(told, agent, now);
    // What waits takes most; of the rest, each reason leaves half of what is left to those after it.
    for (why, places) in &candidates {
        let limit = match why {
            Why::Waits => (picked.room / 3 * 2).max(ALWAYS).min(picked.room),
            Why::Weighs => picked.room,
            Why::Decided | Why::SaidToIt => picked.room / 2,
        };
        picked.fill(told, places, *why, limit);
    }
    for (why, places) in &mut candidates {
        let room = picked.room;
        picked.fill(told, places, *why, room);
    }
    let mut chosen = picked.chosen;
    chosen.sort_by_key(|it| (it.fragment.timestamp, it.place));
    chosen
}

/// Of each reason the places of its fragments, the first to be told first.
fn candidates(told: &[Told<'_>], agent: &str, now: Timestamp) -> Vec<(Why, Vec<usize>)> {
    let mut decided = Vec::new();
    let mut said_to_it = Vec::new();
    for (place, one) in told.iter().enumerate().rev() {
        let fragment = one.fragment;
        let own = fragment.agent_id == agent;
        if said_to_it.len() < MOST && !own && deed::is_to(fragment, agent) {
            said_to_it.push(place);
        }
        let by_hand = !matches!(fragment.kind.as_str(), "log");
        let counts = matches!(deed::of(fragment), Deed::Decided | Deed::Failed) && (own || by_hand);
        if decided.len() < MOST && counts {
            decided.push(place);
        }
    }
    vec![
        (Why::Waits, waits(told, agent)),
        (Why::Decided, decided),
        (Why::SaidToIt, said_to_it),
        (Why::Weighs, heaviest(told, now)),
    ]
}

/// Its open tasks, then the mail it has not answered; the newest first.
fn waits(told: &[Told<'_>], agent: &str) -> Vec<usize> {
    let mut opens = Opens::default();
    let mut unanswered: Vec<usize> = Vec::new();
    let mut places: HashMap<&str, usize, Fixed> = HashMap::default();
    // The thread's mail to it that waits, so that an answer finds it without looking at all.
    let mut by_thread: HashMap<u32, Vec<usize>, Fixed> = HashMap::default();
    let mut threads: HashMap<&str, (u32, usize), Fixed> = HashMap::default();
    for (place, one) in told.iter().enumerate() {
        opens.see(one, deed::of(one.fragment));
        let fragment = one.fragment;
        if fragment.agent_id == agent {
            by_thread.remove(&one.thread);
            let answered = fragment
                .context_text("reply_to")
                .and_then(|id| threads.get(id));
            if let Some((thread, answered)) = answered
                && let Some(places) = by_thread.get_mut(thread)
            {
                places.retain(|place| place != answered);
            }
        } else if fragment.kind == "message" && deed::is_to(fragment, agent) {
            by_thread.entry(one.thread).or_default().push(place);
            let names = [
                Some(&*fragment.memory_id),
                fragment.context_text("message_id"),
            ];
            threads.extend(
                names
                    .into_iter()
                    .flatten()
                    .map(|name| (name, (one.thread, place))),
            );
        }
    }
    unanswered.extend(by_thread.into_values().flatten());
    unanswered.sort_unstable_by_key(|place| std::cmp::Reverse(*place));
    let mut tasks: Vec<_> = opens
        .into_sorted()
        .into_iter()
        .map(|(_, open)| open)
        .filter(|open| {
            open.wait == Wait::Task && open.holder.as_ref().unwrap_or(&open.by).as_ref() == agent
        })
        .collect();
    // What it only opened itself comes after what it holds; of both the newest first.
    tasks.sort_by_key(|open| (open.holder.is_none(), std::cmp::Reverse(open.last)));
    let wanted: HashSet<&str, Fixed> = tasks.iter().map(|it| &*it.id).collect();
    for (place, one) in told.iter().enumerate() {
        if wanted.contains(one.fragment.memory_id.as_str()) {
            places.insert(&one.fragment.memory_id, place);
        }
    }
    let tasks = tasks
        .iter()
        .filter_map(|open| places.get(&*open.id).copied());
    tasks.chain(unanswered).collect()
}

fn heaviest(told: &[Told<'_>], now: Timestamp) -> Vec<usize> {
    let mut references: HashMap<&str, u32, Fixed> = HashMap::default();
    for link in told.iter().flat_map(|it| &it.fragment.connections) {
        *references.entry(&link.id).or_default() += 1;
    }
    let weigh = |(place, one): (usize, &Told<'_>)| {
        let fragment = one.fragment;
        let references = references
            .get(fragment.memory_id.as_str())
            .copied()
            .unwrap_or(0);
        let age = now.since(fragment.timestamp);
        (
            weight::now(fragment.narrative_weight, references, age),
            place,
        )
    };
    // That somebody is still there is nothing to remember.
    let tells = |(_, one): &(usize, &Told<'_>)| deed::of(one.fragment) != Deed::Beat;
    let mut weights: Vec<_> = told.iter().enumerate().filter(tells).map(weigh).collect();
    let heavier = |a: &(f64, usize), b: &(f64, usize)| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1));
    if weights.len() > MOST {
        weights.select_nth_unstable_by(MOST, heavier);
        weights.truncate(MOST);
    }
    weights.sort_unstable_by(heavier);
    weights.into_iter().map(|(_, place)| place).collect()
}

/// What has room so far.
struct Picked<'a, 'b> {
    agent: &'b str,
    room: usize,
    chosen: Vec<Chosen<'a>>,
    places: HashSet<usize, Fixed>,
    /// Of each that was chosen, the hashes of its words in order.
    words: Vec<Vec<u64>>,
    likes: HashMap<u64, usize, Fixed>,
}

impl<'a, 'b> Picked<'a, 'b> {
    fn new(agent: &'b str, room: usize) -> Self {
        Self {
            agent,
            room,
            chosen: Vec::new(),
            places: HashSet::default(),
            words: Vec::new(),
            likes: HashMap::default(),
        }
    }

    /// In this order, while there is room of what the reason may take.
    fn fill(&mut self, told: &[Told<'a>], places: &[usize], why: Why, limit: usize) {
        let mut left = limit;
        for &place in places {
            // The shortest line is the date and a name.
            if left < 20 {
                return;
            }
            if self.places.contains(&place) {
                continue;
            }
            let fragment = told[place].fragment;
            let words = word_hashes(fragment);
            let room_before = self.room;
            let taken = match self.same(fragment, &words) {
                Some(nth) => self.fold(nth, left),
                None => self.add(
                    Chosen {
                        fragment,
                        place,
                        why,
                        times: 1,
                    },
                    words,
                    left,
                ),
            };
            if taken {
                self.places.insert(place);
                left -= room_before.saturating_sub(self.room).min(left);
            }
        }
    }

    fn same(&self, fragment: &Fragment, words: &[u64]) -> Option<usize> {
        let by_like = self.likes.get(&like(fragment)).copied();
        by_like.or_else(|| {
            let same = |other: &Vec<u64>| common(words, other) >= SAME;
            let agent = |nth: &usize| self.chosen[*nth].fragment.agent_id == fragment.agent_id;
            (0..self.words.len())
                .filter(agent)
                .find(|nth| same(&self.words[*nth]))
        })
    }

    fn add(&mut self, one: Chosen<'a>, words: Vec<u64>, left: usize) -> bool {
        let length = one.line(self.agent).len();
        if length > left.min(self.room) {
            return false;
        }
        self.room -= length;
        self.likes.insert(like(one.fragment), self.chosen.len());
        self.words.push(words);
        self.chosen.push(one);
        true
    }

    /// One line more often; where its number makes it longer, there must be room for that too.
    fn fold(&mut self, nth: usize, left: usize) -> bool {
        let mut more = self.chosen[nth].clone();
        more.times += 1;
        let before = self.chosen[nth].line(self.agent).len();
        let longer = more.line(self.agent).len() - before;
        if longer > left.min(self.room) {
            return false;
        }
        self.room -= longer;
        self.chosen[nth] = more;
        true
    }
}

fn like(fragment: &Fragment) -> u64 {
    likeness(fragment) ^ xxhash_rust::xxh3::xxh3_64(fragment.agent_id.as_bytes())
}

/// Sorted, each once, without numbers. Of a long text the beginning.
fn word_hashes(fragment: &Fragment) -> Vec<u64> {
    let words = super::signal::words(&fragment.content)
        .filter(|word| !varies(word.text))
        .take(80);
    let hash = |word: super::signal::Word<'_>| {
        xxhash_rust::xxh3::xxh3_64(word.text.to_lowercase().as_bytes())
    };
    let mut hashes: Vec<u64> = words.map(hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    hashes
}

/// Jaccard's index; of texts without words none.
fn common(a: &[u64], b: &[u64]) -> f64 {
    let both = a.iter().filter(|it| b.binary_search(it).is_ok()).count();
    let all = a.len() + b.len() - both;
    if both == 0 {
        0.0
    } else {
        super::number(both) / super::number(all)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::memory::tell::sample::{DAY, HOUR, MINUTE, at, event, fragment, with};

    fn seen(all: &[(u32, Fragment)]) -> Vec<Told<'_>> {
        let told = all.iter();
        told.map(|(thread, fragment)| Told {
            fragment,
            thread: *thread,
        })
        .collect()
    }

    fn ids(all: &[(u32, Fragment)], budget: usize) -> String {
        let chosen = remembered(&seen(all), "a", at(DAY), budget);
        let ids: Vec<_> = chosen.iter().map(|it| it.memory_id.as_str()).collect();
        ids.join(" ")
    }

    fn mail(id: &str, ms: i64, from: &str, to: &str, text: &str) -> Fragment {
        with(
            fragment(id, ms, from, "message", text),
            json!({"to": to, "message_id": format!("x{id}")}),
        )
    }

    fn a_day() -> Vec<(u32, Fragment)> {
        let mut all = vec![
            (
                1,
                with(
                    event("1", 0, "c", "task.created", "t1"),
                    json!({"assignee": "a"}),
                ),
            ),
            (2, mail("2", MINUTE, "b", "a", "please look at the parser")),
            (3, mail("3", 2 * MINUTE, "b", "a", "and at the reader too")),
            (3, mail("4", HOUR, "a", "b", "the reader is well")),
            (
                4,
                fragment("5", 2 * HOUR, "b", "devlog", "decided to keep the format"),
            ),
            (
                5,
                fragment("6", 3 * HOUR, "b", "devlog", "the garden has twelve trees"),
            ),
        ];
        let beat = |nth: i64| {
            let id = format!("h{nth}");
            (
                6,
                fragment(
                    &id,
                    4 * HOUR + nth,
                    "a",
                    "event",
                    &format!("heartbeat {nth}"),
                ),
            )
        };
        all.extend((0..50).map(beat));
        all
    }

    #[test]
    fn what_waits_comes_before_all_else_then_decisions_then_what_was_said_and_what_weighs() {
        let all = a_day();
        assert_eq!(ids(&all, 0), "");
        assert_eq!(ids(&all, 100), "1");
        assert_eq!(ids(&all, 180), "1 2");
        assert_eq!(ids(&all, 230), "1 2 5");
        assert_eq!(ids(&all, 2000), "1 2 3 4 5 6");
    }

    #[test]
    fn it_is_told_in_order_with_what_was_left_out() {
        let expected = "\
3 of 56 memories; 53 left out.
2026-11-02 00:00 c, task t1, waits for you: t1 created
2026-11-02 00:01 b, waits for you: please look at the parser
2026-11-02 02:00 b: decided to keep the format
";
        let all = a_day();
        assert_eq!(remember(&seen(&all), "a", at(DAY), 230), expected);
        let whole = remember(&seen(&all), "a", at(DAY), 2000);
        assert!(
            whole.starts_with("6 of 56 memories; 50 left out.\n"),
            "{whole}"
        );
        assert_eq!(
            remember(&[], "a", at(0), 100),
            "0 of 0 memories; 0 left out.\n"
        );
    }

    #[test]
    fn what_says_the_same_is_one_line() {
        let say = |id: &str, ms, text: &str| (7, fragment(id, ms, "b", "devlog", text));
        let all = [
            say("1", 0, "the tests of the parser pass in 12 seconds"),
            say("2", 1, "the tests of the parser pass in 13 seconds"),
            say("3", 2, "all the tests of the parser pass in 9 seconds"),
        ];
        let text = remember(&seen(&all), "a", at(DAY), 1000);
        assert_eq!(
            text,
            "3 of 3 memories; 0 left out.\n\
             2026-11-02 00:00 b: all the tests of the parser pass in 9 seconds (3 times)\n"
        );
    }

    #[test]
    fn an_answer_by_its_reference_is_an_answer() {
        let mut all = vec![
            (1, mail("1", 0, "b", "a", "look at the parser")),
            (2, mail("2", 1, "b", "a", "look at the reader")),
        ];
        let waiting = |all: &[(u32, Fragment)]| {
            remember(&seen(all), "a", at(DAY), 1000)
                .matches("waits for you")
                .count()
        };
        assert_eq!(waiting(&all), 2);
        all.push((
            3,
            with(
                mail("3", 2, "a", "b", "it is well"),
                json!({"reply_to": "x1"}),
            ),
        ));
        assert_eq!(waiting(&all), 1);
    }

    proptest! {
        #[test]
        fn of_every_budget_no_byte_more_is_used_and_no_line_is_cut(
            lines in proptest::collection::vec((0_u32..4, 0_i64..3, 0_usize..3, "\\PC{0,60}"), 0..30),
            budget in 0_usize..3000,
        ) {
            let mut ms = 0;
            let words = ["failed", "decided", "@a", "", "why?"];
            let all: Vec<_> = lines.iter().enumerate().map(|(nth, (thread, gap, who, text))| {
                ms += gap * MINUTE;
                let text = format!("{} {text}", words[nth % 5]);
                (*thread, fragment(&nth.to_string(), ms, ["a", "b", "ü"][*who], "message", &text))
            }).collect();
            let told = seen(&all);
            let text = remember(&told, "a", at(DAY), budget);
            prop_assert!(text.len() <= budget);
            prop_assert!(text.is_empty() || text.ends_with('\n'));
            let chosen = remembered(&told, "a", at(DAY), budget);
            prop_assert_eq!(text.lines().count().saturating_sub(1), chosen.len());
            let order = |it: &&Fragment| (it.timestamp, it.memory_id.parse::<usize>().unwrap());
            prop_assert!(chosen.is_sorted_by_key(order));
            prop_assert_eq!(text, remember(&told, "a", at(DAY), budget));
        }
    }
}
