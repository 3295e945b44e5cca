//! The index as its callers see it.

use std::collections::HashMap;
use std::path::Path;

use proptest::prelude::*;

use super::question::Question;
use super::words::{Words, tokens};
use super::*;
use crate::store::Dir;

/// What is remembered in a test.
#[derive(Clone, Debug)]
struct Memory {
    id: String,
    content: String,
    at: i64,
    agent: &'static str,
    kind: &'static str,
    terms: Vec<String>,
}

const THREADS: &str = "threads";

fn memory(id: &str, content: &str, at: i64) -> Memory {
    Memory {
        id: id.into(),
        content: content.into(),
        at,
        agent: "ann",
        kind: "log",
        terms: Vec::new(),
    }
}

impl Memory {
    fn document(&self, offset: u64) -> Document<'_> {
        Document {
            memory_id: &self.id,
            content: &self.content,
            at: Timestamp::from_unix_ms(self.at),
            agent: self.agent,
            kind: self.kind,
            extra_terms: &self.terms,
            day: 20_000,
            offset,
            length: 80,
            weight: 0.5,
        }
    }
}

/// So many memories of few words, always the same for a seed.
fn memories(seed: u64, count: usize) -> Vec<Memory> {
    const WORDS: [&str; 16] = [
        "daemon",
        "restart",
        "lock",
        "stale",
        "queue",
        "inbox",
        "retry",
        "timeout",
        "parse",
        "config",
        "readOnly",
        "src/lock.rs",
        "v1.2",
        "größe",
        "socket",
        "panic",
    ];
    let mut state = seed | 1;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    (0..count)
        .map(|number| {
            let length = 1 + next(9);
            // Words at the front are the more frequent ones.
            let words: Vec<&str> = (0..length).map(|_| WORDS[next(16).min(next(16))]).collect();
            Memory {
                id: format!("m-{number}"),
                content: words.join(" "),
                at: i64::try_from(number * 10 + next(400)).unwrap(),
                agent: ["ann", "bob", "cy"][next(3)],
                kind: ["log", "task"][next(2)],
                terms: vec![format!("task:{}", next(5))],
            }
        })
        .collect()
}

fn open(home: &Path) -> Dir {
    Dir::open(home).unwrap()
}

/// Adds them in so many steps that each are committed.
fn build(home: &Path, memories: &[Memory], steps: usize) {
    let mut writer = Writer::open(open(home)).unwrap();
    for some in memories.chunks(memories.len().div_ceil(steps).max(1)) {
        for memory in some {
            let offset = u64::from(writer.len()) * 100;
            writer.add(&memory.document(offset)).unwrap();
        }
        writer.commit().unwrap();
    }
}

fn index(home: &Path) -> Index {
    Index::open(&open(home)).unwrap().unwrap()
}

fn query(text: &str) -> Query<'_> {
    Query {
        text,
        only: Only::default(),
        limit: 10,
    }
}

fn hits(index: &Index, text: &str) -> Vec<Hit> {
    index.search(&query(text), &|_| Vec::new()).unwrap()
}

fn found(index: &Index, text: &str) -> Vec<u32> {
    hits(index, text).into_iter().map(|it| it.ordinal).collect()
}

fn is_among(memory: &Memory, only: &Only<'_>) -> bool {
    only.agent.is_none_or(|it| it == memory.agent)
        && only.kind.is_none_or(|it| it == memory.kind)
        && only.since.is_none_or(|it| it.unix_ms() <= memory.at)
        && only.until.is_none_or(|it| it.unix_ms() >= memory.at)
        && only.terms.iter().all(|it| memory.terms.contains(it))
        && only
            .among
            .is_none_or(|all| all.iter().any(|it| memory.id == format!("m-{it}")))
}

/// The same sums, by looking at every memory; those that say the same are one.
fn slowly(memories: &[Memory], query: &Query<'_>) -> Vec<(u64, Vec<u32>)> {
    let mut words = Words::new();
    let mut counted = Vec::new();
    let mut holding: HashMap<Term, u64> = HashMap::new();
    for memory in memories {
        let mut often: HashMap<Term, u32> = HashMap::new();
        let mut length = 0;
        for token in tokens(&memory.content) {
            words.cut(token);
            length += u32::try_from(words.split.parts.len()).unwrap();
            for &term in words.split.parts.iter().chain(&words.split.wholes) {
                *often.entry(term).or_default() += 1;
            }
        }
        for &term in often.keys() {
            *holding.entry(term).or_default() += 1;
        }
        counted.push((often, length));
    }
    let all = memories.len() as u64;
    let mut sums: Vec<(u64, Vec<u32>)> = Vec::new();
    let mut told: HashMap<&str, usize> = HashMap::new();
    for (ordinal, (often, length)) in (0..).zip(&counted) {
        let mut sum = 0;
        for asked in Question::of(query.text).asked {
            if let Some(&often) = often.get(&asked.term) {
                let weight = asked.weight * rank::rarity(holding[&asked.term], all);
                let factor = rank::factor(weight).max(1);
                sum += u64::from(factor) * u64::from(rank::impact(often, *length));
            }
        }
        let memory = &memories[ordinal as usize];
        if sum > 0 && is_among(memory, &query.only) {
            let known = *told.entry(&memory.content).or_insert(sums.len());
            if known == sums.len() {
                sums.push((sum, Vec::new()));
            }
            sums[known].1.push(ordinal);
        }
    }
    sums.sort_unstable_by_key(|(sum, ordinals)| (std::cmp::Reverse(*sum), ordinals[0]));
    sums.truncate(query.limit);
    sums
}

/// Of the last sum, if there may be more of it, copies may be missed.
fn without_last_copies(mut sums: Vec<(u64, Vec<u32>)>, limit: usize) -> Vec<(u64, Vec<u32>)> {
    let last = sums.last().map(|it| it.0).filter(|_| sums.len() == limit);
    for (sum, ordinals) in &mut sums {
        if Some(*sum) == last {
            ordinals.truncate(1);
        }
    }
    sums
}

const QUESTIONS: [&str; 6] = [
    "daemon",
    "restarting the locks",
    "config parse timeout panic v1.2",
    "src/lock.rs is readonly",
    "stale inbox queue retried socket GRÖSSE",
    "nothing of it is here but panic",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_best_by_their_terms_are_those_that_a_slow_look_at_all_finds(
        seed: u64, count in 1_usize..900, steps in 1_usize..7, limit in 1_usize..40,
        since in prop::option::of(0_i64..9000), until in prop::option::of(0_i64..9000),
        agent in prop::option::of(prop::sample::select(vec!["ann", "bob", "nobody"])),
        kind in prop::option::of(prop::sample::select(vec!["log", "task"])),
        task in prop::option::of(0..6), every in prop::option::of(1_usize..40),
    ) {
        let home = tempfile::tempdir().unwrap();
        let memories = memories(seed, count);
        build(home.path(), &memories, steps);
        let index = index(home.path());
        let terms: Vec<String> = task.map(|it| format!("task:{it}")).into_iter().collect();
        let last = u32::try_from(count).unwrap();
        let among: Option<Vec<u32>> = every.map(|every| (0..last).step_by(every).collect());
        let only = Only {
            agent,
            kind,
            since: since.map(Timestamp::from_unix_ms),
            until: until.map(Timestamp::from_unix_ms),
            terms: &terms,
            among: among.as_deref(),
        };
        for text in QUESTIONS {
            let query = Query { text, only, limit };
            let found = without_last_copies(index.by_terms(&query).unwrap(), limit);
            prop_assert_eq!(found, without_last_copies(slowly(&memories, &query), limit));
        }
        let mut newest: Vec<u32> = (0..)
            .zip(&memories)
            .filter(|(_, it)| is_among(it, &only))
            .map(|(ordinal, _)| ordinal)
            .collect();
        newest.sort_by_key(|&it| std::cmp::Reverse((memories[it as usize].at, it)));
        newest.truncate(limit);
        prop_assert_eq!(index.recent(&only, limit).unwrap(), newest);
    }
}

#[test]
fn what_was_merged_answers_as_what_was_built_at_once() {
    let (single, stepwise) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let memories = memories(5, 700);
    build(single.path(), &memories, 1);
    build(stepwise.path(), &memories, 60);
    let left = open(stepwise.path()).file_names().unwrap().len() - 1;
    assert!(left <= 13, "60 commits leave {left} segments");
    let mut writer = Writer::open(open(stepwise.path())).unwrap();
    writer.merge().unwrap();
    let (one, other) = (index(single.path()), index(stepwise.path()));
    let segments = open(stepwise.path()).file_names().unwrap().len() - 1;
    assert!(segments <= 6, "of 60 commits {segments} segments are left");
    for text in QUESTIONS {
        assert_eq!(hits(&one, text), hits(&other, text));
        assert_eq!(
            one.telling(text, 3).unwrap(),
            other.telling(text, 3).unwrap()
        );
    }
    for ordinal in 0..700 {
        let place = one.place(ordinal).unwrap().unwrap();
        assert_eq!(Some(&place), other.place(ordinal).unwrap().as_ref());
        let memory = &memories[ordinal as usize];
        assert_eq!(
            (place.offset, place.at.unix_ms()),
            (u64::from(ordinal) * 100, memory.at)
        );
        assert_eq!((&*place.agent, &*place.kind), (memory.agent, memory.kind));
        assert_eq!(other.find(&memory.id).unwrap(), [ordinal]);
    }
    assert_eq!(one.place(700).unwrap(), None);
}

#[test]
fn any_form_of_a_word_finds_it_and_an_id_comes_first() {
    let home = tempfile::tempdir().unwrap();
    let memories = [
        memory("a", "The daemons are restarting", 1),
        memory("b-2", "nothing of the kind", 2),
        memory("c", "b-2 is spoken of, and the daemon", 3),
    ];
    assert!(Index::open(&open(home.path())).unwrap().is_none());
    build(home.path(), &memories, 1);
    let index = index(home.path());
    assert_eq!(found(&index, "restarted DAEMON"), [0, 2]);
    assert_eq!(found(&index, "is b-2 of the daemons?"), [1, 2, 0]);
    assert_eq!(found(&index, "a"), [0]);
    assert_eq!(found(&index, "unheard"), [0; 0]);
    assert_eq!(found(&index, ""), [0; 0]);
}

#[test]
fn what_says_the_same_is_folded_below_the_best_of_it() {
    let home = tempfile::tempdir().unwrap();
    let line = "worker lost the lock on the queue and tries again";
    build(
        home.path(),
        &[
            memory("a", line, 1),
            memory("b", line, 2),
            memory("c", "the queue of the worker is empty", 3),
        ],
        1,
    );
    let hits = hits(&index(home.path()), "queue lock");
    let told: Vec<_> = hits.iter().map(|it| (it.ordinal, &*it.folded)).collect();
    assert_eq!(told, [(1, &[0][..]), (2, &[])]);
}

#[test]
fn lines_that_are_all_the_same_do_not_hide_what_else_there_is() {
    let home = tempfile::tempdir().unwrap();
    let mut memories: Vec<Memory> = (0..400)
        .map(|it| memory(&format!("same-{it}"), "queue full", it))
        .collect();
    memories.push(memory(
        "other",
        "long after all that was said of others the queue is named once",
        9,
    ));
    build(home.path(), &memories, 3);
    let hits = hits(&index(home.path()), "queue full");
    assert_eq!(hits.len(), 2);
    assert_eq!((hits[0].folded.len(), hits[1].ordinal), (399, 400));
}

#[test]
fn a_neighbour_lifts_what_it_is_tied_to() {
    let home = tempfile::tempdir().unwrap();
    build(
        home.path(),
        &[
            memory("a", "socket closed by peer", 1),
            memory("b", "socket opened again", 2),
            memory("c", "socket closed while the lock was held", 3),
        ],
        1,
    );
    let index = index(home.path());
    let alone = index
        .search(&query("socket opened"), &|_| Vec::new())
        .unwrap();
    let tied = index
        .search(&query("socket opened"), &|it| match it {
            2 => vec![(1, 1.0), (1, 1.0), (99, 1.0), (2, 1.0)],
            _ => Vec::new(),
        })
        .unwrap();
    let order = |hits: &[Hit]| hits.iter().map(|it| it.ordinal).collect::<Vec<_>>();
    assert_eq!(order(&alone), [1, 0, 2]);
    assert_eq!(order(&tied), [1, 2, 0]);
}

#[test]
fn a_writer_that_died_leaves_the_index_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    build(home.path(), &[memory("a", "queue", 1)], 1);
    let before = open(home.path()).file_names().unwrap();
    let mut dies = Writer::open(open(home.path())).unwrap();
    dies.add(&memory("b", "queue", 2).document(0)).unwrap();
    dies.write_segment().unwrap();
    drop(dies);
    std::fs::write(home.path().join("index.json.0f.aside"), "half of i").unwrap();
    std::fs::write(home.path().join("00000077.seg"), "half of i").unwrap();
    assert_eq!(found(&index(home.path()), "queue"), [0]);
    let mut writer = Writer::open(open(home.path())).unwrap();
    assert_eq!(open(home.path()).file_names().unwrap(), before);
    assert_eq!(writer.add(&memory("b", "queue", 2).document(0)).unwrap(), 1);
    writer.commit().unwrap();
    assert_eq!(index(home.path()).len(), 2);
}

#[test]
fn a_reader_goes_on_while_its_segments_are_merged_away() {
    let home = tempfile::tempdir().unwrap();
    let memories = memories(3, 300);
    build(home.path(), &memories[..100], 1);
    let index = index(home.path());
    let before = hits(&index, QUESTIONS[2]);
    let mut writer = Writer::open(open(home.path())).unwrap();
    for memory in &memories[100..] {
        writer.add(&memory.document(0)).unwrap();
    }
    writer.merge().unwrap();
    assert_eq!(open(home.path()).file_names().unwrap().len(), 2);
    assert_eq!(hits(&index, QUESTIONS[2]), before);
}

/// A writer that does not notice numbers on as before.
fn next_ordinal(home: &Path) -> Result<u32, Error> {
    Ok(Writer::open(open(home))?.len())
}

/// All that an index can be asked for.
fn answers(home: &Path) -> Result<Option<Vec<String>>, Error> {
    let Some(index) = Index::open(&open(home))? else {
        return Ok(None);
    };
    let mut told = Vec::new();
    for text in QUESTIONS {
        let only = Only {
            agent: Some("ann"),
            since: Some(Timestamp::from_unix_ms(500)),
            ..Only::default()
        };
        told.push(format!(
            "{:?}",
            index.search(&query(text), &|_| Vec::new())?
        ));
        let narrow = Query {
            only,
            ..query(text)
        };
        told.push(format!("{:?}", index.search(&narrow, &|_| Vec::new())?));
        told.push(format!("{:?}", index.telling(text, 3)?));
    }
    for ordinal in [0, 7, index.len().saturating_sub(1), index.len()] {
        told.push(format!("{:?}", index.place(ordinal)?));
    }
    told.push(format!("{:?}", index.find("m-3")?));
    told.push(format!("{:?}", index.recent(&Only::default(), 5)?));
    told.push(format!("{:?}", index.with_term("task:1", 5)?));
    if let Some(threads) = Column::open(&open(home), THREADS)? {
        told.push(format!("{:?} {:?}", threads.of(2)?, threads.all()?));
    }
    Ok(Some(told))
}

#[test]
fn a_byte_that_changed_is_an_error_or_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    build(home.path(), &memories(9, 300), 1);
    write_column(&open(home.path()), THREADS, &[1, 2, 3]).unwrap();
    let right = answers(home.path()).unwrap();
    let mut noticed = 0;
    for name in open(home.path()).file_names().unwrap() {
        let path = home.path().join(&name);
        let whole = std::fs::read(&path).unwrap();
        // Every byte of the small files, and of a segment more than one of each of its parts.
        let step = (whole.len() / 400).max(1) | 1;
        for at in (0..whole.len()).step_by(step) {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 1 << (at % 8);
            std::fs::write(&path, &spoilt).unwrap();
            if name == "index.json" {
                let next = next_ordinal(home.path());
                assert!(
                    next.is_err() || next.unwrap() == 300,
                    "{name} changed at {at}"
                );
            }
            match answers(home.path()) {
                Ok(told) => assert_eq!(told, right, "{name} changed at {at}"),
                Err(error) => {
                    assert!(error.is_broken(), "{name} changed at {at}: {error}");
                    noticed += 1;
                }
            }
        }
        for end in (0..whole.len()).step_by(step * 4) {
            std::fs::write(&path, &whole[..end]).unwrap();
            match answers(home.path()) {
                Ok(told) => assert_eq!(told, right, "{name} ends at {end}"),
                Err(error) => assert!(error.is_broken(), "{name} ends at {end}: {error}"),
            }
        }
        std::fs::write(&path, &whole).unwrap();
    }
    assert!(noticed > 200, "only {noticed} changes were noticed");
}

#[test]
fn a_column_is_read_one_by_one_and_replaced_whole() {
    let home = tempfile::tempdir().unwrap();
    let dir = open(home.path());
    assert!(Column::open(&dir, THREADS).unwrap().is_none());
    let many: Vec<u32> = (0..5000).map(|it| it / 3).collect();
    write_column(&dir, THREADS, &many).unwrap();
    let threads = Column::open(&dir, THREADS).unwrap().unwrap();
    assert_eq!(threads.all().unwrap(), many);
    assert_eq!(threads.of(4999).unwrap(), Some(1666));
    assert_eq!(threads.of(5000).unwrap(), None);
    write_column(&dir, THREADS, &[7]).unwrap();
    assert_eq!(threads.of(4999).unwrap(), Some(1666));
    let threads = Column::open(&dir, THREADS).unwrap().unwrap();
    assert_eq!(
        (threads.of(0).unwrap(), threads.of(1).unwrap()),
        (Some(7), None)
    );
}

#[test]
fn a_segment_that_is_missing_is_told() {
    let home = tempfile::tempdir().unwrap();
    build(home.path(), &memories(9, 3), 1);
    std::fs::remove_file(home.path().join("00000001.seg")).unwrap();
    let error = Index::open(&open(home.path())).unwrap_err();
    assert!(error.is_broken(), "{error}");
}

#[test]
fn what_a_newer_version_wrote_is_not_read() {
    let home = tempfile::tempdir().unwrap();
    build(home.path(), &memories(9, 3), 1);
    let list = home.path().join("index.json");
    let newer = super::disk::FORMAT + 1;
    let newer = format!(r#"{{"format":{newer},"segments":[],"unheard":true}}"#);
    std::fs::write(&list, newer).unwrap();
    let error = Index::open(&open(home.path())).unwrap_err();
    assert!(
        error.to_string().ends_with("a newer version wrote it"),
        "{error}"
    );
    assert!(Writer::open(open(home.path())).is_err());
}
