use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{Link, Linker};
use crate::memory::{Fragment, Reason};
use crate::time::Timestamp;

const HOUR: i64 = 3600;

fn fragment(kind: &str, agent: &str, seconds: i64, text: &str, context: &Value) -> Fragment {
    Fragment {
        memory_id: String::new(),
        timestamp: Timestamp::from_unix_ms((1_800_000_000 + seconds) * 1000),
        ingested_at: Timestamp::from_unix_ms(0),
        agent_id: agent.to_owned(),
        kind: kind.to_owned(),
        content: text.to_owned(),
        context: context.as_object().cloned().unwrap_or_default(),
        insights: Vec::new(),
        connections: Vec::new(),
        narrative_weight: 0.0,
        template: None,
        rest: Map::new(),
    }
}

fn event(agent: &str, seconds: i64, text: &str, context: &Value) -> Fragment {
    fragment("event", agent, seconds, text, context)
}

fn said(agent: &str, seconds: i64, text: &str) -> Fragment {
    fragment("message", agent, seconds, text, &json!({"channel": "yard"}))
}

/// The threads, each as the ordinals of its fragments.
fn threads(linker: &Linker) -> Vec<Vec<u32>> {
    let mut threads: Vec<Vec<u32>> = Vec::new();
    for ordinal in 0..linker.len() {
        let thread = linker.thread_of(ordinal);
        match threads.iter_mut().find(|one| one[0] == thread) {
            Some(one) => one.push(ordinal),
            None => threads.push(vec![ordinal]),
        }
    }
    threads
}

fn linked(fragments: &[Fragment]) -> (Linker, Vec<Vec<Link>>) {
    let mut linker = Linker::default();
    let links = fragments.iter().map(|one| linker.link(one)).collect();
    (linker, links)
}

#[test]
fn three_memories_of_one_task_are_one_thread_and_an_unrelated_one_two_hours_away_is_not_in_it() {
    let task = json!({"task_id": "t-1"});
    let (linker, links) = linked(&[
        event("ann", 0, "created the harvest plan", &task),
        event("bob", 600, "status is in progress", &task),
        event("ann", 1200, "closed it", &task),
        event(
            "cat",
            1200 + 2 * HOUR,
            "watered the orchids on the roof",
            &json!({}),
        ),
    ]);
    assert_eq!(threads(&linker), [vec![0, 1, 2], vec![3]]);
    assert_eq!((links[2][0].to, links[2][0].reason), (1, Reason::Task));
}

#[test]
fn different_tasks_stay_apart_whatever_else_they_share() {
    let (linker, _) = linked(&[
        event("ann", 0, "pushed 3fa9c1d2e", &json!({"task_id": "t-1"})),
        event("ann", 1, "pushed 3fa9c1d2e", &json!({"task_id": "t-2"})),
        event("ann", 2, "mail", &json!({"task_id": "t-1", "thread": "m"})),
        event("ann", 3, "mail", &json!({"task_id": "t-2", "thread": "m"})),
    ]);
    assert_eq!(threads(&linker), [[0, 2], [1, 3]]);
}

#[test]
fn mail_of_one_thread_belongs_together_after_a_month() {
    let mail = json!({"thread": "roof"});
    let month = 30 * 24 * HOUR;
    let (linker, links) = linked(&[
        fragment("message", "ann", 0, "who mends the roof", &mail),
        fragment("message", "bob", month, "I did", &mail),
    ]);
    assert_eq!(threads(&linker), [[0, 1]]);
    assert_eq!(links[1][0].reason, Reason::Thread);
}

#[test]
fn mail_that_says_its_thread_is_not_drawn_into_another() {
    let mail = |agent, seconds, thread, text: &str| {
        fragment("message", agent, seconds, text, &json!({"thread": thread}))
    };
    let (linker, _) = linked(&[
        mail("ann", 0, "roof", "who mends the roof?"),
        mail("ann", 5, "bees", "who feeds the bees?"),
        mail("bob", 9, "roof", "ann: I do"),
    ]);
    assert_eq!(threads(&linker), [vec![0, 2], vec![1]]);
}

#[test]
fn an_answer_belongs_to_what_it_answers_even_if_it_comes_first() {
    let (linker, links) = linked(&[
        fragment(
            "message",
            "ann",
            0,
            "how are the bees",
            &json!({"message_id": "m-1"}),
        ),
        event("cat", 1, "created a ladder", &json!({})),
        fragment(
            "message",
            "bob",
            5 * HOUR,
            "well",
            &json!({"reply_to": "m-1"}),
        ),
        fragment(
            "message",
            "bob",
            9 * HOUR,
            "so it is",
            &json!({"reply_to": "m-2"}),
        ),
        fragment(
            "message",
            "ann",
            9 * HOUR,
            "honey at last",
            &json!({"message_id": "m-2"}),
        ),
    ]);
    assert_eq!((links[2][0].to, links[2][0].reason), (0, Reason::Reply));
    assert_eq!((links[4][0].to, links[4][0].reason), (3, Reason::Reply));
    assert_eq!(linker.thread_of(2), 0);
    assert_eq!(linker.thread_of(4), linker.thread_of(3));
}

#[test]
fn what_few_others_name_ties_two_fragments() {
    for name in [
        "3fa9c1d2e",
        "blk_1608999687919862906",
        "fix/late-frost",
        "src/garden/frost.rs",
        "task-12",
        "PROJ-7",
        "#2093",
        "https://example.org/frost/17",
    ] {
        let log = |agent, seconds, text: &str| {
            fragment("log", agent, seconds, &text.replace('%', name), &json!({}))
        };
        let (_, links) = linked(&[
            log("ann", 0, "merged % at noon"),
            log("bob", 40 * HOUR, "reverting % now"),
        ]);
        let one = links[1].first().map(|link| (link.to, link.reason));
        assert_eq!(one, Some((0, Reason::Identifier)), "{name}");
    }
}

#[test]
fn addresses_versions_measures_tenants_and_agents_tie_nothing() {
    for name in [
        "203.0.113.17",
        "2001:0db8:85a3::8a2e",
        "ann17@example.org",
        "tenant=acme4711",
        "tenant: acme4711",
        "yard/bees/ann17",
        "worker-12",
        "v2.14.7",
        "120000ms",
        "35-line",
        "2027-01-15T08:00:00Z",
        "0x7ffe3a10",
        "db17.example.org",
    ] {
        let log = |agent, seconds, text: &str| {
            fragment("log", agent, seconds, &text.replace('%', name), &json!({}))
        };
        let mut linker = Linker::default();
        linker.link(&event(
            "yard/bees/ann17",
            -9 * HOUR,
            "created a hive",
            &json!({}),
        ));
        linker.link(&log("ann", 0, "seen % at noon"));
        assert_eq!(linker.link(&log("bob", 60, "again % now")), [], "{name}");
    }
}

#[test]
fn what_many_name_is_no_rare_name() {
    let often =
        (0..60).map(|n| fragment("log", "ann", n, "config id cfg9f8e7d reloaded", &json!({})));
    let (linker, links) = linked(&often.collect::<Vec<_>>());
    assert_eq!(links[1][0].reason, Reason::Identifier);
    assert_eq!(links[59], []);
    assert_eq!(linker.thread_of(59), 59);
}

#[test]
fn who_is_addressed_is_answered_across_another_talk() {
    let (linker, links) = linked(&[
        said("ann", 0, "does anybody know how the pump is primed?"),
        said("eve", 20, "what a lovely morning for roses"),
        said("bob", 60, "Ann: pour a bucket of water into it"),
        said("eve", 80, "the yellow ones are open"),
        said("ann", 120, "bob: thanks, it runs"),
    ]);
    assert_eq!((links[2][0].to, links[2][0].reason), (0, Reason::Addressed));
    assert_eq!(links[4][0].reason, Reason::Addressed);
    assert_eq!(linker.thread_of(4), 0);
    assert_ne!(linker.thread_of(1), 0);
}

#[test]
fn names_are_known_in_other_case_with_what_is_hung_on_them_and_behind_an_at() {
    for call in ["ANNE_: pour", "anne, pour", "@anne pour", "Anne|away: pour"] {
        let (_, links) = linked(&[
            said("anne", 0, "does anybody know how the pump is primed?"),
            said("eve", 20, "what a lovely morning for roses"),
            said("bob", 60, &format!("{call} a bucket of water into it")),
        ]);
        assert_eq!(
            (links[2][0].to, links[2][0].reason),
            (0, Reason::Addressed),
            "{call}"
        );
    }
}

#[test]
fn who_goes_on_a_moment_later_goes_on_with_the_same() {
    let (_, links) = linked(&[
        said("ann", 0, "does anybody know how the pump is primed?"),
        said("ann", 5, "it has stood dry since autumn"),
    ]);
    assert_eq!((links[1][0].to, links[1][0].reason), (0, Reason::OwnTurn));
}

#[test]
fn a_question_hours_later_begins_anew() {
    let (linker, _) = linked(&[
        said("ann", 0, "does anybody know how the pump is primed?"),
        said("bob", 2 * HOUR, "hi all, is somebody going to the market?"),
    ]);
    assert_eq!(threads(&linker), [[0], [1]]);
}

#[test]
fn channels_are_apart() {
    let (linker, _) = linked(&[
        said("ann", 0, "does anybody know how the pump is primed?"),
        fragment(
            "message",
            "bob",
            30,
            "ann: pour a bucket of water",
            &json!({"channel": "roof"}),
        ),
    ]);
    assert_eq!(threads(&linker), [[0], [1]]);
}

#[test]
fn events_that_speak_of_the_same_are_one_thread() {
    let title = "Rebuild the glasshouse heating before the first frost";
    let (linker, _) = linked(&[
        event("ann", 0, &format!("created {title}: "), &json!({})),
        event(
            "cat",
            300,
            "created Paint the northern fence green: ",
            &json!({}),
        ),
        event("bob", 900, &format!("closed {title}: done"), &json!({})),
    ]);
    assert_eq!(threads(&linker), [vec![0, 2], vec![1]]);
}

#[test]
fn descriptions_and_what_nobody_did_are_no_turns() {
    let tasks = [
        "Mend the well",
        "Order new seeds",
        "Teach the dog",
        "Fell the dead elm",
    ];
    for (kind, agent) in [("task", "ann"), ("event", "unknown"), ("event", "")] {
        let (linker, _) = linked(&[
            fragment(kind, agent, 0, tasks[0], &json!({})),
            fragment(kind, agent, 90, tasks[1], &json!({})),
            fragment(kind, agent, 180, tasks[2], &json!({})),
            fragment(kind, agent, 270, tasks[3], &json!({})),
        ]);
        assert_eq!(threads(&linker), [[0], [1], [2], [3]], "{kind} {agent}");
    }
}

#[test]
fn a_flood_of_lines_is_not_one_story() {
    let lines = (0..2000).map(|n| {
        event(
            "ann",
            n / 50,
            &format!("sensor {n} read {} degrees", n * 7),
            &json!({}),
        )
    });
    let (linker, _) = linked(&lines.collect::<Vec<_>>());
    let longest = threads(&linker)
        .into_iter()
        .map(|thread| thread.len())
        .max();
    assert!(longest < Some(400), "{longest:?}");
}

#[test]
fn empty_and_unknown_contexts_tie_nothing_by_themselves() {
    let odd = json!({"task_id": "", "thread": 7, "reply_to": null, "channel": "", "new": {"a": 1}});
    let (linker, _) = linked(&[
        fragment("", "", 0, "", &odd),
        fragment("log", "", 0, "", &odd),
        fragment("log", "ann", 4 * HOUR, "\u{0}\u{fffd}é", &odd),
    ]);
    assert_eq!(threads(&linker), [[0], [1], [2]]);
    assert_eq!(linker.thread_of(99), 99);
    assert_eq!(Linker::default().link(&said("", i64::MIN / 4000, "")), []);
}

#[test]
fn late_ones_find_their_place() {
    let (linker, _) = linked(&[
        said("ann", 0, "does anybody know how the pump is primed?"),
        said("ann", 600, "does nobody know?"),
        said("bob", 60, "ann: pour a bucket of water into it"),
    ]);
    assert_eq!(linker.thread_of(2), linker.thread_of(1));
}

/// A little of everything, in a fixed disorder.
fn mixed(number: u32) -> Fragment {
    let agents = ["ann", "bob", "cat", "yard/dan"];
    let pick = |salt: u32, of: u32| {
        let mixed = (number ^ (salt << 20)).wrapping_mul(2_654_435_761);
        ((mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519) >> 8) % of
    };
    let agent = agents[pick(3, 4) as usize];
    let task = json!({"task_id": format!("t-{}", pick(5, 9))});
    let seconds = i64::from(number) * 13;
    match pick(9, 6) {
        0 => event(
            agent,
            seconds,
            &format!("created bed {} of lettuce", pick(1, 30)),
            &json!({}),
        ),
        1 => event(agent, seconds, "status changed: assignee: yard/dan", &task),
        2 => event(
            agent,
            seconds,
            &format!("closed row {}", pick(2, 20)),
            &json!({}),
        ),
        3 => fragment(
            "log",
            agent,
            seconds,
            &format!("run-{} ended", pick(4, 40)),
            &json!({}),
        ),
        _ => {
            let to = agents[pick(7, 4) as usize];
            said(
                agent,
                seconds,
                &format!("{to}: is bed {} dry?", pick(8, 30)),
            )
        }
    }
}

#[test]
fn what_is_loaded_links_on_as_what_was_saved() {
    let mut one = Linker::default();
    (0..700).for_each(|number| drop(one.link(&mixed(number))));
    let bytes = one.save();
    let mut other = Linker::load(&bytes).expect("whole bytes");
    assert_eq!(other.save(), bytes);
    for number in 700..1400 {
        assert_eq!(
            one.link(&mixed(number)),
            other.link(&mixed(number)),
            "{number}"
        );
    }
    assert_eq!(threads(&one), threads(&other));
    assert_eq!(one.save(), other.save());
}

#[test]
fn broken_bytes_are_refused() {
    let mut linker = Linker::default();
    (0..300).for_each(|number| drop(linker.link(&mixed(number))));
    let bytes = linker.save();
    for end in (0..bytes.len()).step_by(1009) {
        assert!(Linker::load(&bytes[..end]).is_none(), "cut at {end}");
    }
    for at in (0..bytes.len()).step_by(1013) {
        let mut broken = bytes.clone();
        broken[at] ^= 0x10;
        assert!(Linker::load(&broken).is_none(), "changed at {at}");
    }
    let longer = [&*bytes, b"x"].concat();
    assert!(Linker::load(&longer).is_none());
}

#[test]
fn what_never_comes_again_is_forgotten() {
    let mut linker = Linker::default();
    let size = |linker: &Linker| linker.save().len() - 4 * linker.len() as usize;
    let mut feed = |from: u32, to: u32| {
        for n in from..to {
            let (agent, id) = (format!("agent-{n}"), n.wrapping_mul(2_654_435_761));
            let channel = json!({"channel": format!("c-{}", n % 97)});
            let seconds = i64::from(n) * 40;
            linker.link(&fragment(
                "message",
                &agent,
                seconds,
                &format!("word{id} for all"),
                &channel,
            ));
            linker.link(&event(
                &agent,
                seconds,
                &format!("created lid{id:x} w{id:o}"),
                &json!({}),
            ));
            linker.link(&fragment(
                "log",
                &agent,
                seconds,
                &format!("run-{id} ended"),
                &json!({}),
            ));
        }
        size(&linker)
    };
    let half = feed(0, 40_000);
    let whole = feed(40_000, 80_000);
    assert!(whole < half + half / 4, "{half} {whole}");
}

prop_compose! {
    fn any_fragment()(
        kind in prop::sample::select(vec!["message", "event", "log", "task"]),
        agent in prop::sample::select(vec!["ann", "bob", "cat"]),
        seconds in 0..4000_i64,
        content in prop::sample::select(vec![
            "created the plan", "closed the plan", "ann: hello", "bob: yes", "3fa9c1d2e pushed", "status changed", "",
        ]),
        task in prop::option::weighted(0.3, 0..4_u8),
        thread in prop::option::weighted(0.2, 0..3_u8),
        reply in prop::option::weighted(0.2, 0..6_u8),
        id in prop::option::weighted(0.2, 0..6_u8),
        channel in prop::option::weighted(0.3, 0..2_u8),
    ) -> Fragment {
        let mut context = Map::new();
        for (key, value) in [("task_id", task), ("thread", thread), ("reply_to", reply), ("message_id", id), ("channel", channel)] {
            if let Some(value) = value {
                context.insert(key.to_owned(), json!(format!("{value}")));
            }
        }
        fragment(kind, agent, seconds, content, &Value::Object(context))
    }
}

proptest! {
    /// Against the slow way: sets of fragments, put together by the links alone.
    #[test]
    fn threads_are_what_the_links_say_and_never_of_two_tasks(
        fragments in prop::collection::vec(any_fragment(), 0..60),
    ) {
        let mut linker = Linker::default();
        let mut sets: Vec<Vec<u32>> = Vec::new();
        for (ordinal, one) in (0_u32..).zip(&fragments) {
            let links = linker.link(one);
            let mut set = vec![ordinal];
            for link in &links {
                prop_assert!(link.to < ordinal && (0.0..=1.0).contains(&link.score));
                if let Some(at) = sets.iter().position(|other| other.contains(&link.to)) {
                    set.extend(sets.swap_remove(at));
                }
            }
            set.sort_unstable();
            sets.push(set);
        }
        sets.sort();
        prop_assert_eq!(&threads(&linker), &sets);
        for set in &sets {
            let mut tasks: Vec<&str> = set.iter().filter_map(|&ordinal| fragments[ordinal as usize].context_text("task_id")).collect();
            tasks.dedup();
            tasks.sort_unstable();
            tasks.dedup();
            prop_assert!(tasks.len() <= 1, "{:?}", tasks);
        }
        // And all of one task are one thread.
        for task in ["0", "1", "2", "3"] {
            let mut roots: Vec<u32> = (0..linker.len())
                .filter(|&ordinal| fragments[ordinal as usize].context_text("task_id") == Some(task))
                .map(|ordinal| linker.thread_of(ordinal))
                .collect();
            roots.dedup();
            prop_assert!(roots.len() <= 1, "{} {:?}", task, roots);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut whole = b"threads1".to_vec();
        whole.extend(&bytes);
        whole.extend(xxhash_rust::xxh3::xxh3_64(&whole).to_le_bytes());
        prop_assert!(Linker::load(&whole).is_none());
        prop_assert!(Linker::load(&bytes).is_none());
    }
}
