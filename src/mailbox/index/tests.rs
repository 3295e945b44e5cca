//! An index against a plain map of slots, and against kills, errors and flipped bits.

use std::collections::BTreeMap;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use proptest::prelude::*;

use super::super::slot::SLOT_LEN;
use super::layout::{DUE_LEN, DUES_AT, HEADER_WORDS, PAGE};
use super::*;
use crate::store::{Dir, Open};

const SMALL: Geometry = Geometry {
    pages: 2,
    chunks: 3,
};
const IDENTITY: Identity = Identity {
    r#gen: 7,
    salt: 0x5a17,
    boot: 1 << 100,
};

struct Home {
    dir: tempfile::TempDir,
    geometry: Geometry,
}

impl Home {
    fn new(geometry: Geometry) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            geometry,
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("index")
    }

    fn file(&self, how: Open) -> File {
        let dir = Dir::open(self.dir.path()).unwrap();
        dir.file("index", how).unwrap()
    }

    fn open(&self) -> Index {
        let file = self.file(Open::Create);
        if self.geometry == Geometry::SHIPPED {
            return Index::open(file).unwrap();
        }
        Index::divided(file, self.geometry).unwrap()
    }

    fn made(&self, base_seq: u64) -> Index {
        let mut index = self.open();
        index.reset(&IDENTITY, base_seq).unwrap();
        index
    }
}

fn queued(seq: u64) -> Slot {
    Slot {
        state: State::Queued,
        ..Slot::void(seq, u128::from(seq) << 80)
    }
}

fn filled(home: &Home, count: u64) -> Index {
    let mut index = home.made(0);
    for seq in 1..=count {
        index.put(&queued(seq)).unwrap();
    }
    index.flush().unwrap();
    index
}

/// The same promises, by looking at everything.
#[derive(Clone, Default)]
struct Oracle(BTreeMap<u64, Slot>);

impl Oracle {
    fn put(&mut self, slot: Slot, base_seq: u64) {
        let last = self.0.keys().next_back().map_or(0, |&last| last);
        let id = self.0.values().next_back().map_or(0, |slot| slot.id);
        for seq in last.max(base_seq) + 1..slot.seq {
            self.0.insert(seq, Slot::void(seq, id));
        }
        self.0.insert(slot.seq, slot);
    }

    fn pending(&self) -> Vec<Slot> {
        let mut pending: Vec<_> = self.0.values().copied().collect();
        pending.retain(|slot| slot.state.is_pending());
        pending.sort_by_key(|slot| (slot.class, slot.seq));
        pending
    }

    fn first_ready(&self) -> Option<Slot> {
        self.pending().into_iter().find(Slot::is_ready)
    }

    fn due(&self, boot_ms: u64, wall_ms: i64) -> Vec<Slot> {
        let is_past = |at: i64| at != 0 && at <= wall_ms;
        let mut due = self.pending();
        due.retain(|slot| {
            (slot.lease_until != 0 && slot.lease_until <= boot_ms)
                || is_past(slot.expires)
                || is_past(slot.not_before)
        });
        due.sort_by_key(|slot| slot.seq);
        due
    }

    fn next_due(&self) -> (Option<u64>, Option<i64>) {
        let pending = self.pending();
        let boots = pending.iter().map(|slot| slot.lease_until);
        let walls = pending
            .iter()
            .flat_map(|slot| [slot.expires, slot.not_before]);
        (
            boots.filter(|&at| at != 0).min(),
            walls.filter(|&at| at != 0).min(),
        )
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Append {
        count: u64,
        slot: Slot,
    },
    Leave {
        numbers: u64,
    },
    Lose,
    Close {
        nth: usize,
        state: State,
    },
    Lease {
        nth: usize,
        until: u64,
    },
    Move {
        nth: usize,
        class: Class,
    },
    Show {
        nth: usize,
        rev: u64,
    },
    Pass {
        boot_ms: u64,
        wall_ms: i64,
        most: usize,
    },
    Reopen,
    Kill,
}

fn slots() -> impl Strategy<Value = Slot> {
    let class = prop::sample::select(&Class::ALL[..]);
    let states = [State::Queued, State::Announced, State::Read, State::Acked];
    let wall = || prop_oneof![3 => Just(0), 1 => 1i64..500];
    (class, prop::sample::select(states.to_vec()), wall(), wall()).prop_map(
        |(class, state, expires, not_before)| Slot {
            class,
            state,
            expires,
            not_before,
            ..queued(0)
        },
    )
}

fn steps() -> impl Strategy<Value = Step> {
    let closed = [State::Acked, State::Discarded, State::Expired, State::Dead];
    let state = prop::sample::select(closed.to_vec());
    let class = prop::sample::select(&Class::ALL[..]);
    let any = any::<usize>;
    prop_oneof![
        4 => (1u64..60, slots()).prop_map(|(count, slot)| Step::Append { count, slot }),
        1 => (1u64..90).prop_map(|numbers| Step::Leave { numbers }),
        1 => Just(Step::Lose),
        8 => (any(), state).prop_map(|(nth, state)| Step::Close { nth, state }),
        8 => (any(), 1u64..500).prop_map(|(nth, until)| Step::Lease { nth, until }),
        2 => (any(), class).prop_map(|(nth, class)| Step::Move { nth, class }),
        2 => (any(), 1u64..9).prop_map(|(nth, rev)| Step::Show { nth, rev }),
        4 => (0u64..520, 0i64..520, 1usize..40).prop_map(
            |(boot_ms, wall_ms, most)| Step::Pass { boot_ms, wall_ms, most }
        ),
        2 => Just(Step::Reopen),
        1 => Just(Step::Kill),
    ]
}

struct Run<'a> {
    home: &'a Home,
    base_seq: u64,
    index: Index,
    oracle: Oracle,
    /// As it was at the last flush.
    flushed: Oracle,
    next_seq: u64,
}

impl<'a> Run<'a> {
    fn new(home: &'a Home, base_seq: u64, old: &[u64]) -> Self {
        let mut run = Self {
            home,
            base_seq,
            index: home.made(base_seq),
            oracle: Oracle::default(),
            flushed: Oracle::default(),
            next_seq: base_seq + 1,
        };
        for &seq in old {
            let slot = queued(seq);
            run.index.put(&slot).unwrap();
            run.oracle.0.insert(seq, slot);
        }
        run.flush();
        run
    }

    fn flush(&mut self) {
        self.index.flush().unwrap();
        self.flushed = self.oracle.clone();
    }

    fn put(&mut self, mut slot: Slot) {
        if !slot.state.is_pending() {
            slot.lease_until = 0;
        }
        self.index.put(&slot).unwrap();
        self.oracle.put(slot, self.base_seq);
    }

    fn change(&mut self, nth: usize, change: impl FnOnce(&mut Slot)) {
        let pending = self.oracle.pending();
        if let Some(slot) = pending.get(nth % pending.len().max(1)) {
            let mut slot = *slot;
            change(&mut slot);
            self.put(slot);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Append { count, slot } => {
                for seq in self.next_seq..self.next_seq + count {
                    let id = queued(seq).id;
                    self.put(Slot { seq, id, ..slot });
                }
                self.next_seq += count;
            }
            Step::Leave { numbers } => self.next_seq += numbers,
            Step::Lose => {
                let seq = self.next_seq;
                let id = self.oracle.0.values().next_back().map_or(0, |slot| slot.id);
                self.index.put(&Slot::void(seq, 0)).unwrap();
                self.oracle.put(Slot::void(seq, id), self.base_seq);
                self.next_seq += 1;
            }
            Step::Close { nth, state } => self.change(nth, |slot| slot.state = state),
            Step::Lease { nth, until } => self.change(nth, |slot| slot.lease_until = until),
            Step::Move { nth, class } => self.change(nth, |slot| slot.class = class),
            Step::Show { nth, rev } => self.change(nth, |slot| slot.shown = rev),
            Step::Pass {
                boot_ms,
                wall_ms,
                most,
            } => self.pass(boot_ms, wall_ms, most),
            Step::Reopen => {
                self.flush();
                self.index = self.home.open();
                assert!(self.index.is_of(&IDENTITY));
            }
            Step::Kill => {
                self.oracle = self.flushed.clone();
                let last = self.oracle.0.keys().next_back().map_or(0, |&seq| seq);
                self.next_seq = last.max(self.base_seq) + 1;
                self.index = self.home.open();
                assert!(self.index.is_of(&IDENTITY));
            }
        }
    }

    /// What is due is found to the last one, and handled as the mailbox would.
    fn pass(&mut self, boot_ms: u64, wall_ms: i64, most: usize) {
        loop {
            let due = self.oracle.due(boot_ms, wall_ms);
            let found = self.index.due(boot_ms, wall_ms, most).unwrap();
            assert_eq!(found.len(), due.len().min(most));
            assert!(found.iter().all(|slot| due.contains(slot)));
            self.check_next_due();
            if found.is_empty() {
                break;
            }
            for mut slot in found {
                if slot.expires != 0 && slot.expires <= wall_ms {
                    slot.state = State::Expired;
                }
                if slot.lease_until <= boot_ms {
                    slot.lease_until = 0;
                }
                if slot.not_before <= wall_ms {
                    slot.not_before = 0;
                }
                self.put(slot);
            }
        }
        let (boot, wall) = self.index.next_due();
        assert!(boot.is_none_or(|at| at > boot_ms));
        assert!(wall.is_none_or(|at| at > wall_ms));
    }

    fn check_next_due(&self) {
        let (truth, said) = (self.oracle.next_due(), self.index.next_due());
        let is_early = |truth: Option<i128>, said: Option<i128>| {
            truth.is_none_or(|truth| said.is_some_and(|said| said <= truth))
        };
        assert!(is_early(truth.0.map(i128::from), said.0.map(i128::from)));
        assert!(is_early(truth.1.map(i128::from), said.1.map(i128::from)));
    }

    fn check(&mut self) {
        let pending = self.oracle.pending();
        for class in Class::ALL {
            let count = pending.iter().filter(|slot| slot.class == class).count();
            assert_eq!(self.index.pending(class), count as u64);
        }
        let leased = pending.iter().filter(|slot| slot.lease_until != 0).count();
        assert_eq!(self.index.leased(), leased as u64);
        assert_eq!(self.index.len(), self.oracle.0.len() as u64);
        assert_eq!(self.index.first_ready().unwrap(), self.oracle.first_ready());
        self.check_next_due();
    }

    fn check_all(&mut self) {
        let slots: Vec<_> = self.oracle.0.values().copied().collect();
        let all = (0..self.index.len()).map(|n| self.index.nth(n).unwrap());
        assert_eq!(all.collect::<Vec<_>>(), slots);
        let mut walk = Vec::new();
        let mut after = None;
        while let Some(slot) = self.index.next_pending(after).unwrap() {
            after = Some((slot.class, slot.seq));
            walk.push(slot);
        }
        assert_eq!(walk, self.oracle.pending());
        for most in [0, 3, usize::MAX] {
            let first = &walk[..walk.len().min(most)];
            assert_eq!(self.index.first_pending(most).unwrap(), first);
        }
        for seq in 0..self.next_seq + 3 {
            let slot = self.oracle.0.get(&seq).copied();
            assert_eq!(self.index.slot(seq).unwrap(), slot, "seq {seq}");
            let id = queued(seq).id;
            let first = slots.iter().copied().find(|slot| slot.id == id);
            assert_eq!(self.index.by_id(id).unwrap(), first);
            assert_eq!(self.index.by_id(id + 1).unwrap(), None);
            // Also after one that is not pending, or not there.
            let place = (Class::Normal, seq);
            let pending = self.oracle.pending();
            let next = pending.into_iter().find(|s| (s.class, s.seq) > place);
            if seq % 7 == 0 {
                assert_eq!(self.index.next_pending(Some(place)).unwrap(), next);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_is_answered_as_by_looking_at_everything(
        old in prop::collection::btree_set(1u64..300, 0..80),
        fresh in any::<bool>(),
        steps in prop::collection::vec(steps(), 1..50),
    ) {
        let home = Home::new(SMALL);
        let old: Vec<_> = old.into_iter().filter(|_| !fresh).collect();
        let base_seq = if fresh { 0 } else { 300 };
        let mut run = Run::new(&home, base_seq, &old);
        for step in steps {
            run.step(step);
            run.check();
        }
        run.check_all();
        run.step(Step::Reopen);
        run.check();
        run.check_all();
    }

    #[test]
    fn a_file_of_any_content_is_refused_or_read_without_a_crash(
        header in prop::collection::vec((0usize..HEADER_WORDS - 1, hostile()), 0..4),
        spots in prop::collection::vec((0u64..20 * PAGE, any::<[u8; 8]>()), 0..40),
        cut in prop::option::weighted(0.3, 0u64..20 * PAGE),
    ) {
        let home = Home::new(SMALL);
        let mut index = filled(&home, 300);
        index.put(&Slot { lease_until: 9, ..queued(7) }).unwrap();
        index.flush().unwrap();
        let file = std::fs::File::options().read(true).write(true).open(home.path()).unwrap();
        for (at, bytes) in spots {
            file.write_all_at(&bytes, at).unwrap();
        }
        let mut bytes = [0; HEADER_LEN];
        file.read_exact_at(&mut bytes, 0).unwrap();
        for (word, value) in header {
            bytes[word * 8..word * 8 + 8].copy_from_slice(&value.to_le_bytes());
        }
        // One who knows how we sum.
        let sum = store::sum(&bytes[..HEADER_LEN - 8], 0);
        bytes[HEADER_LEN - 8..].copy_from_slice(&sum.to_le_bytes());
        file.write_all_at(&bytes, 0).unwrap();
        if let Some(cut) = cut {
            file.set_len(cut).unwrap();
        }
        let mut index = home.open();
        let identity = index.header.identity;
        if index.is_of(&identity) {
            let only_spoilt = |outcome: Result<(), store::Error>| match outcome {
                Ok(()) => true,
                Err(e) => e.is_spoilt(),
            };
            let last = index.header.base_seq.saturating_add(index.len() - index.header.old);
            prop_assert!(only_spoilt(index.first_ready().map(drop)));
            prop_assert!(only_spoilt(index.next_pending(None).map(drop)));
            prop_assert!(only_spoilt(index.first_pending(256).map(drop)));
            prop_assert!(only_spoilt(index.next_pending(Some((Class::Normal, 99))).map(drop)));
            prop_assert!(only_spoilt(index.due(u64::MAX, i64::MAX, 1000).map(drop)));
            prop_assert!(only_spoilt(index.by_id(queued(70).id).map(drop)));
            for seq in [0, 1, 63, 64, 299, 300, 301, u64::MAX] {
                prop_assert!(only_spoilt(index.slot(seq).map(drop)));
                prop_assert!(only_spoilt(index.nth(seq).map(drop)));
            }
            for seq in [7, 64, 300, last.saturating_add(1), u64::MAX] {
                prop_assert!(only_spoilt(index.put(&queued(seq))));
            }
            prop_assert!(only_spoilt(index.flush()));
        } else {
            prop_assert!(index.put(&queued(1)).unwrap_err().is_spoilt());
        }
    }

    #[test]
    fn bytes_that_are_no_index_are_refused_and_made_anew(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
        let home = Home::new(SMALL);
        std::fs::write(home.path(), &bytes).unwrap();
        let mut index = home.open();
        prop_assert!(!index.is_of(&IDENTITY) && !index.is_of(&Identity::default()));
        index.reset(&IDENTITY, 0).unwrap();
        index.put(&queued(1)).unwrap();
        index.flush().unwrap();
        let mut again = home.open();
        prop_assert!(again.is_of(&IDENTITY));
        prop_assert_eq!(again.first_ready().unwrap(), Some(queued(1)));
    }
}

/// Numbers at which arithmetic breaks.
fn hostile() -> impl Strategy<Value = u64> {
    let edges = [
        0,
        1,
        2,
        63,
        299,
        300,
        301,
        1 << 39,
        1 << 41,
        u64::MAX >> 1,
        u64::MAX,
    ];
    prop_oneof![prop::sample::select(edges.to_vec()), any::<u64>()]
}

#[test]
fn nothing_overlaps_in_the_file() {
    for geometry in [Geometry::SHIPPED, SMALL] {
        let Geometry { pages, chunks } = geometry;
        assert!(pages * DUE_LEN <= DUES_LEN as u64 && chunks <= SUMMARY_LEN as u64 * 8);
        assert!(geometry.chunk_slots() <= BITMAP_LEN as u64 * 8);
        assert!(DUES_AT + DUES_LEN as u64 <= PAGE);
        let slots = geometry.chunk_slots();
        for region in [0, 1, 5] {
            let first = region * chunks;
            assert!(HEADER_LEN as u64 <= geometry.summary(region));
            assert_eq!(geometry.summary(region) + PAGE, geometry.chunk_due(first));
            let last = first + chunks - 1;
            assert!(geometry.chunk_due(last) + DUE_LEN <= geometry.head(first));
            for chunk in [first, first + 1, last] {
                assert_eq!(geometry.head(chunk) + PAGE, geometry.slot(chunk * slots));
                let end = geometry.slot(chunk * slots + slots - 1) + SLOT_LEN as u64;
                let next = if chunk == last {
                    geometry.summary(region + 1)
                } else {
                    geometry.head(chunk + 1)
                };
                assert_eq!(end, next);
            }
        }
    }
}

#[test]
fn what_the_header_says_lasts() {
    let home = Home::new(Geometry::SHIPPED);
    let mut index = home.made(0);
    index.set_applied(123);
    index.set_last_seq(17);
    index.set_last_id(u128::MAX - 5);
    index.set_linked(true);
    index.set_reserved(1 << 50);
    index.flush().unwrap();
    let index = home.open();
    assert!(index.is_of(&IDENTITY));
    assert_eq!((index.applied(), index.last_seq()), (123, 17));
    assert_eq!(index.last_id(), u128::MAX - 5);
    assert_eq!((index.linked(), index.reserved()), (true, 1 << 50));
    for other in [
        Identity {
            r#gen: 8,
            ..IDENTITY
        },
        Identity {
            salt: 8,
            ..IDENTITY
        },
        Identity {
            boot: 8,
            ..IDENTITY
        },
    ] {
        assert!(!index.is_of(&other));
    }
}

#[test]
fn an_index_that_is_not_flushed_is_not_believed_after_a_reset() {
    let home = Home::new(SMALL);
    drop(filled(&home, 100));
    let mut index = home.open();
    index.reset(&IDENTITY, 0).unwrap();
    index.put(&queued(1)).unwrap();
    drop(index);
    assert!(!home.open().is_of(&IDENTITY));
}

#[test]
fn a_kill_anywhere_in_a_flush_is_seen() {
    let home = Home::new(SMALL);
    drop(filled(&home, 400));
    let before = std::fs::read(home.path()).unwrap();
    let mut index = home.open();
    for seq in [3, 80, 200, 390] {
        let slot = Slot {
            state: State::Acked,
            ..queued(seq)
        };
        index.put(&slot).unwrap();
    }
    index.put(&queued(401)).unwrap();
    index.mark().unwrap();
    let marked = std::fs::read(home.path()).unwrap();
    index.flush().unwrap();
    let after = std::fs::read(home.path()).unwrap();

    assert!(home.open().is_of(&IDENTITY));
    let pages = 1..after.len() / 4096;
    let changed: Vec<_> = pages
        .map(|page| page * 4096..(page + 1) * 4096)
        .filter(|page| before.get(page.clone()) != Some(&after[page.clone()]))
        .collect();
    assert!(changed.len() > 6);
    let mut torn = marked;
    assert_eq!(torn[4096..], before[4096..], "slots come after the mark");
    torn.resize(after.len(), 0);
    for page in changed {
        std::fs::write(home.path(), &torn).unwrap();
        assert!(!home.open().is_of(&IDENTITY));
        torn[page.clone()].copy_from_slice(&after[page]);
    }
    assert_eq!(torn[4096..], after[4096..]);
    for cut in 0..HEADER_LEN {
        torn[..cut].copy_from_slice(&after[..cut]);
        std::fs::write(home.path(), &torn).unwrap();
        let whole = torn[..HEADER_LEN] == after[..HEADER_LEN];
        assert_eq!(home.open().is_of(&IDENTITY), whole, "header cut at {cut}");
    }
}

#[test]
fn a_kill_amid_a_change_that_does_not_fit_into_memory_is_seen() {
    let home = Home::new(Geometry::SHIPPED);
    let mut index = filled(&home, 10);
    let size = std::fs::metadata(home.path()).unwrap().len();
    for seq in 11..300_000 {
        index.put(&queued(seq)).unwrap();
    }
    drop(index);
    assert!(std::fs::metadata(home.path()).unwrap().len() > size);
    assert!(!home.open().is_of(&IDENTITY));
}

#[test]
fn a_flush_that_fails_leaves_the_file_as_it_was() {
    let home = Home::new(SMALL);
    drop(filled(&home, 100));
    let before = std::fs::read(home.path()).unwrap();
    let mut index = Index::divided(home.file(Open::Read), SMALL).unwrap();
    index.put(&queued(101)).unwrap();
    assert!(!index.flush().unwrap_err().is_spoilt());
    assert_eq!(std::fs::read(home.path()).unwrap(), before);
}

#[test]
fn a_flipped_bit_in_the_header_is_seen() {
    let home = Home::new(SMALL);
    drop(filled(&home, 100));
    let whole = std::fs::read(home.path()).unwrap();
    for at in 0..HEADER_LEN {
        for bit in [1, 0x80] {
            let mut broken = whole.clone();
            broken[at] ^= bit;
            std::fs::write(home.path(), broken).unwrap();
            assert!(!home.open().is_of(&IDENTITY), "byte {at}");
        }
    }
}

#[test]
fn a_change_that_an_error_cut_short_is_never_flushed_as_whole() {
    let home = Home::new(SMALL);
    let mut index = filled(&home, 100);
    assert!(index.put(&queued(1 << 60)).unwrap_err().is_spoilt());
    assert!(index.flush().unwrap_err().is_spoilt());
    assert!(!index.is_of(&IDENTITY));
    assert!(!home.open().is_of(&IDENTITY));
}

#[test]
fn old_messages_come_in_order_and_first() {
    let home = Home::new(SMALL);
    for (first, second) in [(5, 5), (5, 4), (11, 4), (0, 0)] {
        let mut index = home.made(10);
        if first > 0 {
            index.put(&queued(first)).unwrap();
        }
        let outcome = index.put(&queued(second));
        assert_eq!(outcome.is_ok(), first == second && first > 0);
    }
}

#[test]
fn one_verb_touches_a_handful_of_pages_whatever_waits() {
    let home = Home::new(Geometry::SHIPPED);
    drop(filled(&home, 50_000));

    let mut index = home.open();
    assert_eq!(index.pages.held(), 0, "opening reads the header alone");
    index.put(&queued(50_001)).unwrap();
    assert!(index.pages.held() <= 4, "send");
    assert!(index.pages.unwritten() <= 2);
    index.flush().unwrap();

    let mut index = home.open();
    let slot = index.first_ready().unwrap().unwrap();
    assert_eq!(slot.seq, 1);
    index
        .put(&Slot {
            lease_until: 5,
            ..slot
        })
        .unwrap();
    assert!(index.pages.held() <= 5, "next");
    index.flush().unwrap();
    index
        .put(&Slot {
            state: State::Acked,
            ..slot
        })
        .unwrap();
    assert!(index.pages.unwritten() <= 2);
    index.flush().unwrap();

    index
        .put(&Slot {
            state: State::Acked,
            shown: 9,
            ..slot
        })
        .unwrap();
    assert_eq!(index.pages.unwritten(), 1, "no bit changed, so no head");
    index.flush().unwrap();
    index
        .put(&Slot {
            state: State::Acked,
            shown: 9,
            ..slot
        })
        .unwrap();
    assert_eq!(index.pages.unwritten(), 0, "nothing changed");
}

#[test]
fn a_contradiction_is_seen_wherever_it_stands_and_nowhere_else() {
    let home = tempfile::tempdir().unwrap();
    let dir = Dir::open(home.path()).unwrap();
    let mut index = Index::divided(dir.file("index", Open::Create).unwrap(), SMALL).unwrap();
    index.reset(&IDENTITY, 0).unwrap();
    for seq in 1..=500u64 {
        let slot = Slot {
            state: [State::Queued, State::Acked, State::Read][(seq % 3) as usize],
            class: [Class::Normal, Class::Urgent][(seq % 2) as usize],
            ..Slot::void(seq, u128::from(seq))
        };
        let lease_until = if seq % 6 == 2 { seq } else { 0 };
        index
            .put(&Slot {
                lease_until,
                ..slot
            })
            .unwrap();
    }
    for seq in (1..=500).step_by(7) {
        let slot = index.slot(seq).unwrap().unwrap();
        let closed = Slot {
            state: State::Discarded,
            lease_until: 0,
            ..slot
        };
        index.put(&closed).unwrap();
    }
    index.due(100, 0, 9999).unwrap();
    assert_eq!(index.contradiction().unwrap(), None);
    for place in (0..500).step_by(41) {
        for kind in 0..KINDS {
            let (chunk, bit) = index.chunk_of(place);
            let bitmap = index.bitmap(kind, chunk);
            let is = index.bit(bitmap, bit).unwrap();
            index.set_bit(bitmap, bit, !is).unwrap();
            let told = index.contradiction().unwrap();
            assert!(told.is_some(), "place {place}, kind {kind}");
            index.set_bit(bitmap, bit, is).unwrap();
        }
    }
    index.header.leased += 1;
    assert!(index.contradiction().unwrap().is_some());
    index.header.leased -= 1;
    index.header.due.boot = 0;
    assert!(index.contradiction().unwrap().is_some());
}
