//! Old fragments that weigh little, folded into summaries that keep their ids.
//!
//! Folded is what is older than a span, lighter than a floor, no summary itself, and what nothing that stays refers to.
//! Like lines of an agent and a day become one; of the rest, those of one thread. A reference counts only where it comes from
//! what stays, so that a fold makes nothing else lighter: a second pass over the result plans nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::text::{clip, counted, day, likeness, minute};
use super::{Fixed, Told, notice, rounded, weight};
use crate::memory::{Connection, Fragment, sight};
use crate::time::Timestamp;

/// Nothing younger is folded, unless one says otherwise.
pub const KEPT_FOR: Duration = Duration::from_hours(24 * 30);
/// Light is what weighs less, unless one says otherwise: signs of life and common lines of logs of a month ago.
pub const LIGHT: f64 = 0.2;
/// Fewer are as well off by themselves.
const FEWEST: usize = 3;
/// A line of a file should stay a line.
const MOST: usize = 500;
const LINKS: usize = 8;
const SAID: usize = 120;
const TOLD: usize = 3;

/// What is to be written, and what it stands for.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub of: Vec<String>,
    pub fragment: Fragment,
}

/// What is to be folded: it sees each fragment once, in the order of time, and keeps of it what groups are made of.
pub struct Plan {
    now: Timestamp,
    keep: Duration,
    floor: f64,
    light: Vec<Trace>,
    /// What stays refers to them.
    held: HashSet<u64, Fixed>,
}

/// Of what may be folded.
#[derive(Clone, Copy)]
struct Trace {
    /// As the caller numbers it.
    number: u32,
    id: u64,
    /// The same for what is alike, of one agent and one day.
    like: u64,
    thread: u32,
    at: Timestamp,
}

/// Those that become one summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// In the order of their time.
    pub of: Vec<u32>,
    /// Of their ids.
    sums: Vec<u64>,
    are_alike: bool,
    until: Timestamp,
}

/// What a summary tells of one of those that it stands for.
struct Light {
    id: String,
    agent: String,
    at: Timestamp,
    like: u64,
    template: Option<String>,
    said: String,
    task: Option<String>,
    mail_thread: Option<String>,
    mailbox: Option<String>,
    links: Vec<Connection>,
    weight: f64,
}

impl Plan {
    pub fn new(now: Timestamp, keep: Duration, floor: f64) -> Self {
        Self {
            now,
            keep,
            floor,
            light: Vec::new(),
            held: HashSet::default(),
        }
    }

    pub fn see(&mut self, told: &Told<'_>, number: u32) {
        let fragment = told.fragment;
        if self.is_light(fragment) {
            self.light.push(Trace::of(told, number));
        } else if fragment.kind != "summary" {
            // What a summary was linked by has no weight of its own.
            self.held.extend(
                fragment
                    .connections
                    .iter()
                    .map(|link| xxh3_64(link.id.as_bytes())),
            );
        }
    }

    fn is_light(&self, fragment: &Fragment) -> bool {
        let age = self.now.since(fragment.timestamp);
        fragment.kind != "summary"
            && age > self.keep
            && weight::now(fragment.narrative_weight, 0, age) < self.floor
    }

    /// In the order in which what they stand for ended.
    pub fn finish(mut self) -> Vec<Fold> {
        self.light.retain(|it| !self.held.contains(&it.id));
        let mut folds = Vec::new();
        let rest = grouped(
            self.light,
            |it| it.like,
            |group| {
                folds.extend(parts(group, true));
            },
        );
        grouped(
            rest,
            |it| it.thread,
            |group| folds.extend(parts(group, false)),
        );
        folds.sort_by_key(|it| (it.until, it.of.first().copied()));
        folds
    }
}

/// What is enough for a group goes to `each`, the rest comes back in its order.
fn grouped<K: Ord>(
    all: Vec<Trace>,
    key: impl Fn(&Trace) -> K,
    mut each: impl FnMut(&[Trace]),
) -> Vec<Trace> {
    let mut all: Vec<(usize, Trace)> = all.into_iter().enumerate().collect();
    all.sort_unstable_by_key(|(place, it)| (key(it), *place));
    let mut rest = Vec::new();
    for group in all.chunk_by(|a, b| key(&a.1) == key(&b.1)) {
        if group.len() >= FEWEST {
            let group: Vec<Trace> = group.iter().map(|(_, it)| *it).collect();
            each(&group);
        } else {
            rest.extend_from_slice(group);
        }
    }
    rest.sort_unstable_by_key(|(place, _)| *place);
    rest.into_iter().map(|(_, it)| it).collect()
}

/// Of many, even parts.
fn parts(group: &[Trace], are_alike: bool) -> Vec<Fold> {
    let parts = group.len().div_ceil(MOST);
    let parts = group.chunks(group.len().div_ceil(parts));
    let fold = |part: &[Trace]| Fold {
        of: part.iter().map(|it| it.number).collect(),
        sums: part.iter().map(|it| it.id).collect(),
        are_alike,
        until: part[part.len() - 1].at,
    };
    parts.map(fold).collect()
}

impl Fold {
    /// Whether these are what it is of, in their order.
    pub fn is_of(&self, fragments: &[Fragment]) -> bool {
        let sums = fragments.iter().map(|it| xxh3_64(it.memory_id.as_bytes()));
        sums.eq(self.sums.iter().copied())
    }

    /// Of the fragments that it is of.
    pub fn summary(&self, fragments: &[Fragment], now: Timestamp) -> Summary {
        let group: Vec<Light> = fragments.iter().map(Light::of).collect();
        summary(&group, self.are_alike, now)
    }
}

impl Trace {
    fn of(told: &Told<'_>, number: u32) -> Self {
        let fragment = told.fragment;
        let like = likeness(fragment).to_le_bytes();
        let day = day(fragment.timestamp);
        let parts = [
            &like[..],
            day.as_bytes(),
            b"/",
            fragment.agent_id.as_bytes(),
        ];
        Self {
            number,
            id: xxh3_64(fragment.memory_id.as_bytes()),
            like: xxh3_64(&parts.concat()),
            thread: told.thread,
            at: fragment.timestamp,
        }
    }
}

fn summary(group: &[Light], are_alike: bool, now: Timestamp) -> Summary {
    let of: Vec<String> = group.iter().map(|it| it.id.clone()).collect();
    let agents = agents(group);
    let (from, to) = (group[0].at, group[group.len() - 1].at);
    let told = if are_alike {
        alike(group)
    } else {
        several(group)
    };
    let content = format!(
        "{} of {}, {} to {}: {told}",
        counted(group.len(), "memory"),
        agents.join(", "),
        minute(from),
        minute(to)
    );
    let mut known: Map<String, Value> = Map::new();
    for (key, value) in [
        ("task_id", shared(group, |it| it.task.as_deref())),
        ("thread", shared(group, |it| it.mail_thread.as_deref())),
    ] {
        known.extend(value.map(|value| (key.to_owned(), Value::from(value))));
    }
    known.extend([
        ("of".to_owned(), json!(of)),
        ("from".to_owned(), json!(from)),
        ("until".to_owned(), json!(to)),
        ("agents".to_owned(), json!(agents)),
    ]);
    let mailboxes: BTreeSet<&str> = group
        .iter()
        .filter_map(|it| it.mailbox.as_deref())
        .collect();
    if !mailboxes.is_empty() {
        known.insert(sight::MAILBOXES.to_owned(), json!(mailboxes));
    }
    let template = shared(group, |it| it.template.as_deref()).map(ToOwned::to_owned);
    let fragment = Fragment {
        memory_id: format!("summary-{:016x}", xxh3_64(of.join("\n").as_bytes())),
        timestamp: to,
        ingested_at: now,
        agent_id: most_of(group),
        kind: "summary".into(),
        insights: notice("summary", &content),
        narrative_weight: weighed(group),
        content,
        context: known,
        connections: links(group, &of),
        template: template.filter(|_| are_alike),
        rest: Map::new(),
    };
    Summary { of, fragment }
}

/// As the heaviest of them, and more for many: it must not outweigh what was never light.
fn weighed(group: &[Light]) -> f64 {
    let heaviest = group.iter().map(|it| it.weight).fold(0.0, f64::max);
    rounded(heaviest * (1.0 + weight::of_many(group.len())))
}

fn alike(group: &[Light]) -> String {
    let first = &group[0];
    let said = first.template.as_deref().unwrap_or(&first.said);
    format!("“{}”", clip(said, SAID))
}

/// How a thread began, and what else was in it.
fn several(group: &[Light]) -> String {
    let mut known: HashSet<u64, Fixed> = HashSet::default();
    let mut told: Vec<String> = Vec::new();
    for one in group {
        if known.insert(one.like) && told.len() < TOLD {
            told.push(format!("“{}”", one.said));
        }
    }
    match known.len() - told.len() {
        0 => told.join(", "),
        more => format!("{} and {more} other", told.join(", ")),
    }
}

/// In the order in which they came in; of many the first.
fn agents(group: &[Light]) -> Vec<String> {
    let mut agents: Vec<String> = Vec::new();
    for one in group {
        if agents.len() < LINKS && !agents.contains(&one.agent) {
            agents.push(one.agent.clone());
        }
    }
    agents
}

/// Who said most of it, the first of equals.
fn most_of(group: &[Light]) -> String {
    let mut counts: HashMap<&str, usize, Fixed> = HashMap::default();
    for one in group {
        *counts.entry(&one.agent).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    let first = group.iter().find(|it| counts[it.agent.as_str()] == most);
    first.map(|it| it.agent.clone()).unwrap_or_default()
}

/// What all of them have.
fn shared<'a>(group: &'a [Light], part: impl Fn(&'a Light) -> Option<&'a str>) -> Option<&'a str> {
    let first = part(&group[0])?;
    group
        .iter()
        .all(|it| part(it) == Some(first))
        .then_some(first)
}

/// What they were linked to outside of themselves, the best first.
fn links(group: &[Light], of: &[String]) -> Vec<Connection> {
    let own: HashSet<&str, Fixed> = of.iter().map(String::as_str).collect();
    let mut known: HashSet<&str, Fixed> = HashSet::default();
    let mut links: Vec<&Connection> = group.iter().flat_map(|it| &it.links).collect();
    links.sort_by(|a, b| {
        let score = b.score.total_cmp(&a.score);
        a.reason
            .cmp(&b.reason)
            .then(score)
            .then_with(|| a.id.cmp(&b.id))
    });
    links.retain(|link| !own.contains(link.id.as_str()) && known.insert(&link.id));
    links.into_iter().take(LINKS).cloned().collect()
}

impl Light {
    fn of(fragment: &Fragment) -> Self {
        let text = |key| fragment.context_text(key).map(ToOwned::to_owned);
        Self {
            id: fragment.memory_id.clone(),
            agent: fragment.agent_id.clone(),
            at: fragment.timestamp,
            like: likeness(fragment),
            template: fragment.template.clone(),
            said: clip(&fragment.content, SAID),
            task: text("task_id"),
            mail_thread: text("thread"),
            mailbox: sight::mailbox(fragment).map(ToOwned::to_owned),
            links: fragment.connections.clone(),
            weight: fragment.narrative_weight,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memory::Reason;
    use crate::memory::tell::sample::{DAY, HOUR, MINUTE, at, fragment, linked, with};

    const FLOOR: f64 = 0.5;

    fn planned(all: &[(u32, Fragment)], now: Timestamp) -> Vec<Summary> {
        let mut plan = Plan::new(now, KEPT_FOR, FLOOR);
        for (number, (thread, fragment)) in (0..).zip(all) {
            let thread = *thread;
            plan.see(&Told { fragment, thread }, number);
        }
        let summary = |fold: Fold| {
            let of = fold.of.iter().map(|it| all[*it as usize].1.clone());
            fold.summary(&of.collect::<Vec<_>>(), now)
        };
        plan.finish().into_iter().map(summary).collect()
    }

    /// As whoever carries it out leaves it: a summary has the thread of what it stands for.
    fn carried_out(all: &[(u32, Fragment)], plan: &[Summary]) -> Vec<(u32, Fragment)> {
        let folded: HashSet<&str> = plan
            .iter()
            .flat_map(|it| &it.of)
            .map(String::as_str)
            .collect();
        let mut left: Vec<_> = all
            .iter()
            .filter(|(_, it)| !folded.contains(it.memory_id.as_str()))
            .cloned()
            .collect();
        left.extend(plan.iter().map(|it| (0, it.fragment.clone())));
        left.sort_by_key(|(_, it)| it.timestamp);
        left
    }

    fn lines(count: i64) -> Vec<(u32, Fragment)> {
        let line = |nth| {
            let text = format!("connected to host {nth}");
            (
                u32::try_from(nth).unwrap(),
                fragment(&format!("m{nth}"), nth * MINUTE, "a", "log", &text),
            )
        };
        (0..count).map(line).collect()
    }

    #[test]
    fn old_lines_of_a_day_that_are_alike_become_one_that_keeps_their_ids() {
        let all = lines(5);
        let plan = planned(&all, at(40 * DAY));
        assert_eq!(plan.len(), 1);
        let Summary { of, fragment } = &plan[0];
        assert_eq!(of.join(" "), "m0 m1 m2 m3 m4");
        assert_eq!(
            fragment.content,
            "5 memories of a, 2026-11-02 00:00 to 2026-11-02 00:04: “connected to host 0”"
        );
        assert_eq!(
            (fragment.kind.as_str(), fragment.timestamp),
            ("summary", at(4 * MINUTE))
        );
        assert_eq!(fragment.context["of"], json!(of));
        assert_eq!(fragment.context["from"], json!(at(0)));
    }

    #[test]
    fn what_is_young_heavy_alone_or_referred_to_stays() {
        assert_eq!(planned(&lines(5), at(29 * DAY)), []);
        assert_eq!(planned(&lines(2), at(40 * DAY)), []);
        assert_eq!(planned(&[], at(40 * DAY)), []);
        let mut heavy = lines(5);
        for (_, it) in &mut heavy {
            it.narrative_weight = 9.0;
        }
        assert_eq!(planned(&heavy, at(40 * DAY)), []);
        let mut held = lines(5);
        let mut note = fragment("n", HOUR, "a", "devlog", "decided by that");
        note.narrative_weight = 9.0;
        held.push((9, linked(note, "m2", Reason::Similar)));
        let plan = planned(&held, at(40 * DAY));
        assert_eq!(plan[0].of.join(" "), "m0 m1 m3 m4");
        // Of something as light as itself it is not.
        let mut light = lines(5);
        let line = fragment("n", HOUR, "a", "log", "something else");
        light.push((9, linked(line, "m2", Reason::Similar)));
        assert_eq!(planned(&light, at(40 * DAY))[0].of.len(), 5);
    }

    #[test]
    fn the_rest_of_a_thread_becomes_one_with_its_task_and_links() {
        let line = |id: &str, ms, agent, text| {
            let line = fragment(id, ms, agent, "log", text);
            (7, with(line, json!({"task_id": "t1"})))
        };
        let mut all = vec![
            line("1", 0, "a", "reads the plan"),
            line("2", DAY, "b", "writes the parser"),
            line("3", 2 * DAY, "b", "writes a page"),
            line("4", 3 * DAY, "b", "goes home"),
        ];
        all[2].1 = linked(all[2].1.clone(), "2", Reason::OwnTurn);
        all[3].1 = linked(all[3].1.clone(), "0", Reason::Task);
        let plan = planned(&all, at(60 * DAY));
        assert_eq!(plan.len(), 1);
        let fragment = &plan[0].fragment;
        assert_eq!(
            fragment.content,
            "4 memories of a, b, 2026-11-02 00:00 to 2026-11-05 00:00: “reads the plan”, “writes the parser”, \
             “writes a page” and 1 other"
        );
        assert_eq!(fragment.context_text("task_id"), Some("t1"));
        assert_eq!(fragment.agent_id, "b");
        let links: Vec<_> = fragment
            .connections
            .iter()
            .map(|it| it.id.as_str())
            .collect();
        assert_eq!(links, ["0"]);
    }

    #[test]
    fn a_summary_of_mail_names_its_mailboxes() {
        let letter = |id: &str, ms, address: &str| {
            let letter = fragment(id, ms, "a", "message", "reads the plan");
            let mut letter = with(letter, json!({"address": address}));
            letter.narrative_weight = 0.3;
            (7, letter)
        };
        let all = [
            letter("1", 0, "b/1"),
            letter("2", 1, "c/1"),
            letter("3", 2, "b/2"),
        ];
        let plan = planned(&all, at(60 * DAY));
        assert_eq!(plan[0].fragment.context["mailboxes"], json!(["b", "c"]));
        assert!(
            !planned(&lines(5), at(40 * DAY))[0]
                .fragment
                .context
                .contains_key("mailboxes")
        );
    }

    #[test]
    fn a_summary_outweighs_nothing_that_was_not_light() {
        let all = lines(5);
        let of_one = all[0].1.narrative_weight;
        let weight = planned(&all, at(40 * DAY))[0].fragment.narrative_weight;
        assert!(weight > of_one && weight < 2.0 * of_one);
    }

    #[test]
    fn many_are_folded_in_even_parts() {
        let plan = planned(&lines(1201), at(60 * DAY));
        let parts: Vec<_> = plan.iter().map(|it| it.of.len()).collect();
        assert_eq!(parts, [401, 401, 399]);
    }

    proptest! {
        #[test]
        fn a_second_pass_plans_nothing_and_no_id_is_lost_or_folded_twice(
            rows in proptest::collection::vec((0_u32..3, 0_i64..20, 0_usize..3, 0_usize..5, 0_usize..40, 0_u8..8), 0..60)
        ) {
            let texts = ["connected 1", "closed 2", "it failed", "heartbeat", "näht 𝄞"];
            let mut ms = 0;
            let all: Vec<_> = rows.iter().enumerate().map(|(nth, (thread, gap, who, text, to, heavy))| {
                ms += gap * HOUR;
                let plain = fragment(&format!("m{nth}"), ms, ["a", "b", "c"][*who], "log", texts[*text]);
                let mut plain = if *to < nth { linked(plain, &format!("m{to}"), Reason::Similar) } else { plain };
                plain.narrative_weight = if *heavy == 0 { 50.0 } else { 0.3 };
                (*thread, plain)
            }).collect();
            let now = at(ms + 40 * DAY);
            let plan = planned(&all, now);
            prop_assert_eq!(&plan, &planned(&all, now));
            let mut ids: Vec<_> = plan.iter().flat_map(|it| &it.of).collect();
            let folded = ids.len();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), folded);
            let left = carried_out(&all, &plan);
            prop_assert_eq!(left.len(), all.len() - folded + plan.len());
            for (_, heavy) in all.iter().filter(|(_, it)| it.narrative_weight > 1.0) {
                prop_assert!(heavy.connections.iter().all(|link| !ids.contains(&&link.id)));
            }
            prop_assert_eq!(planned(&left, now), []);
        }
    }
}
