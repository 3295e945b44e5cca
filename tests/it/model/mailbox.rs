//! One mailbox and its processes: the steps of every verb, the accidents, and the promises.

mod compaction;
mod power;
mod promises;
mod rendering;
mod scripts;
mod verbs;

use std::cell::RefCell;
use std::collections::HashSet;

use super::Rule;
use super::explore::{Model, Step, fingerprint};
use super::face::{Doc, Entry, Faces, File, Identity, Inode, Stamp, merge};
use super::journal::{Fold, Journal, Kept, Lease, Message, Origin, Record, Seq, State, Tail};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Send {
        key: u8,
        high: bool,
    },
    Next,
    /// Of that message, or of the one that this process took with `Next`.
    Ack(Option<Seq>),
    /// Journals `dead`; then the notice to the sender; then that he was told.
    Bury(Seq),
    Tell(Seq),
    Told(Seq),
    Prune,
    Watch,
    /// Looks at the face, merges and renders, like `inbox`.
    Look,
    Script(Script),
}

/// A foreign writer without a lock: load, change, dump and flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) adds: Option<u8>,
    /// How many byte-identical copies of it.
    pub(super) copies: usize,
    pub(super) named: bool,
    pub(super) drops: Option<Seq>,
    pub(super) dump: Dump,
    /// A second dump of the same size, with this content in place of the first.
    pub(super) then: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dump {
    /// Opens the path again and truncates it.
    InPlace,
    /// Keeps the descriptor of the load, and writes to that inode whatever its name is by then.
    Held,
    Rename,
}

pub(super) struct Program {
    pub(super) verbs: Vec<Verb>,
    /// Begins when those that do not wait have ended or were killed.
    pub(super) waits: bool,
}

/// What is explored: who does what, and how much may go wrong.
pub(super) struct Scenario {
    pub(super) omit: Option<Rule>,
    pub(super) programs: Vec<Program>,
    pub(super) before: Vec<Verb>,
    pub(super) faces: bool,
    pub(super) window: usize,
    pub(super) kills: u8,
    pub(super) cuts: u8,
    pub(super) failures: u8,
    pub(super) lapses: u8,
    /// What was already tried from.
    pub(super) fresh: RefCell<HashSet<u64>>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            omit: None,
            programs: Vec::new(),
            before: Vec::new(),
            faces: false,
            window: 2,
            kills: 0,
            cuts: 0,
            failures: 0,
            lapses: 0,
            fresh: RefCell::default(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    journals: Vec<Journal>,
    /// The inode that `journal.jsonl` names, and the one that it names on the disk.
    name: usize,
    disk_name: usize,
    /// `.journal.*`: being built, or displaced and not yet archived.
    left_over: Option<usize>,
    /// `.durable`: generation and number of records.
    hint: Option<(u8, usize)>,
    faces: Option<Faces>,
    journal_lock: Option<usize>,
    render_lock: Option<usize>,
    prune_lock: Option<usize>,
    boot: u8,
    processes: Vec<Process>,
    kills: u8,
    cuts: u8,
    failures: u8,
    lapses: u8,
    lapsed: Vec<(Seq, u8)>,
    told: Told,
}

/// What the outside world has seen: no crash takes it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Told {
    /// `send` exited 0.
    accepted: Vec<Seq>,
    /// `ack` exited 0, and for whom.
    acked: Vec<(Seq, usize)>,
    /// Leases printed by `next`.
    printed: Vec<(Seq, u8)>,
    /// Reported by a watcher, by `next`, or in a face.
    reported: Vec<Seq>,
    /// `send` exited 74: nothing happened.
    refused: Vec<Seq>,
    /// Taken out of the face on purpose.
    removed: Vec<Seq>,
    /// Closed by an ack while another held the lease.
    usurped: Vec<Seq>,
    /// Written into the face, flushed and closed.
    written: Vec<u8>,
}

fn note<T: Ord>(list: &mut Vec<T>, item: T) {
    if let Err(at) = list.binary_search(&item) {
        list.insert(at, item);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Process {
    verb: usize,
    at: At,
    /// The open journal, and the failed flushes that its descriptor knows of.
    journal: usize,
    errors: u8,
    /// The message in hand and the attempt that its lease is.
    seq: Seq,
    n: u8,
    /// The exit code is settled, but for what the flush will say.
    exit: u8,
    /// What my own flush made durable.
    end: Option<(u8, usize)>,
}

/// What a render is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Then {
    Verb,
    End,
}

/// What follows a merge.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Merged {
    Face(Identity),
    LeftOver,
    Displaced,
}

/// What a compaction is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Why {
    Prune,
    FailedFlush,
}

/// The next system call of a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum At {
    Begin,
    Write,
    Flush,
    Hint,
    Gone,

    PruneLock(Why),
    Build(Why),
    Copy {
        new: usize,
        scanned: usize,
        why: Why,
    },
    FlushNew {
        new: usize,
        void: bool,
        why: Why,
    },
    Exchange {
        new: usize,
        void: bool,
        why: Why,
    },
    FlushDirectory {
        void: bool,
        why: Why,
    },
    Link {
        why: Why,
    },
    Archive,

    RenderLock(Then),
    Check(Then),
    MergeWrite {
        inode: Inode,
        doc: Doc,
        merged: Merged,
        then: Then,
    },
    MergeFlush {
        inode: Inode,
        merged: Merged,
        wrote: bool,
        then: Then,
    },
    Window {
        prev: Option<Identity>,
        then: Then,
    },
    Fill {
        prev: Option<Identity>,
        rev: u8,
        covers: (u8, usize),
        shown: Vec<Seq>,
        then: Then,
    },
    Stamp {
        prev: Option<Identity>,
        rev: u8,
        covers: (u8, usize),
        inode: Inode,
        shown: Vec<Seq>,
        then: Then,
    },
    Swap {
        inode: Inode,
        then: Then,
    },
    Examine {
        inode: Inode,
        then: Then,
    },
    Settle(Then),

    WatchRead {
        hint: Option<(u8, usize)>,
    },

    Dump {
        entries: Vec<Entry>,
        held: Inode,
        again: bool,
    },
    DumpWrite {
        entries: Vec<Entry>,
        inode: Inode,
        again: bool,
    },
    DumpClose {
        entries: Vec<Entry>,
        inode: Inode,
        again: bool,
    },
}

impl Process {
    fn new() -> Self {
        Self {
            verb: 0,
            at: At::Begin,
            journal: 0,
            errors: 0,
            seq: 0,
            n: 0,
            exit: 0,
            end: None,
        }
    }
}

impl World {
    fn journal(&self) -> &Journal {
        &self.journals[self.name]
    }

    fn fold(&self) -> Fold {
        self.journal().fold()
    }

    fn faces(&self) -> &Faces {
        self.faces
            .as_ref()
            .expect("only scenarios with a face render")
    }

    fn faces_mut(&mut self) -> &mut Faces {
        self.faces
            .as_mut()
            .expect("only scenarios with a face render")
    }

    /// How many records of the current generation are known to be durable.
    fn durable(&self, hint: Option<(u8, usize)>, omit: Option<Rule>) -> usize {
        let journal = self.journal();
        let born = if journal.linked() || omit == Some(Rule::LinkedBeforeTrust) {
            journal.born
        } else {
            0
        };
        match hint {
            Some((generation, end)) if generation == journal.generation => born.max(end),
            _ => born,
        }
    }

    fn flush_directory(&mut self) {
        self.disk_name = self.name;
        if let Some(faces) = &mut self.faces {
            faces.reverts.clear();
        }
    }

    /// The first things under J: the recovery rule.
    fn recover(&mut self, omit: Option<Rule>) {
        if omit != Some(Rule::LinkedBeforeTrust) && !self.journal().linked() {
            self.flush_directory();
            self.append(self.name, &[Record::Linked], omit);
        }
    }

    fn append(&mut self, inode: usize, records: &[Record], omit: Option<Rule>) {
        let journal = &mut self.journals[inode];
        match std::mem::replace(&mut journal.tail, Tail::Clean) {
            Tail::Clean => journal
                .records
                .extend(records.iter().map(|&r| (r, Kept::Cache))),
            Tail::Unended(ended) if omit == Some(Rule::TornTailFenced) => {
                journal.records.push((ended, Kept::Cache));
                journal
                    .records
                    .extend(records.iter().map(|&r| (r, Kept::Cache)));
            }
            Tail::Torn if omit == Some(Rule::TornTailFenced) => {
                // The first record is glued to the torn line and lost with it.
                journal.records.push((Record::Torn, Kept::Cache));
                journal
                    .records
                    .extend(records.iter().skip(1).map(|&r| (r, Kept::Cache)));
            }
            Tail::Torn | Tail::Unended(_) => {
                journal.records.push((Record::Torn, Kept::Cache));
                journal
                    .records
                    .extend(records.iter().map(|&r| (r, Kept::Cache)));
            }
        }
    }

    /// The kernel frees the locks and closes the files of a process that died.
    fn kill(&mut self, process: usize) {
        self.processes[process].at = At::Gone;
        for lock in [
            &mut self.journal_lock,
            &mut self.render_lock,
            &mut self.prune_lock,
        ] {
            if *lock == Some(process) {
                *lock = None;
            }
        }
        if let Some(faces) = &mut self.faces {
            for file in &mut faces.files {
                if file.writer == Some(process) {
                    file.writer = None;
                }
            }
            faces.tidy();
        }
        // Equal states should be equal: a dead process remembers nothing.
        let exit = self.processes[process].exit;
        self.processes[process] = Process {
            at: At::Gone,
            exit,
            ..Process::new()
        };
    }

    fn lease_holds(&self, seq: Seq, lease: Lease) -> bool {
        lease.boot == self.boot && !self.lapsed.contains(&(seq, lease.n))
    }
}

impl Scenario {
    fn omits(&self, rule: Rule) -> bool {
        self.omit == Some(rule)
    }

    fn world(&self) -> World {
        let mut world = World {
            journals: vec![Journal::first()],
            name: 0,
            disk_name: 0,
            left_over: None,
            hint: None,
            faces: self.faces.then(Faces::new),
            journal_lock: None,
            render_lock: None,
            prune_lock: None,
            boot: 0,
            processes: vec![Process::new(); self.programs.len()],
            kills: 0,
            cuts: 0,
            failures: 0,
            lapses: 0,
            lapsed: Vec::new(),
            told: Told::default(),
        };
        if !self.before.is_empty() {
            self.run(&mut world, &self.before)
                .expect("the mail of before is sent");
        }
        World {
            kills: self.kills,
            cuts: self.cuts,
            failures: self.failures,
            lapses: self.lapses,
            ..world
        }
    }

    /// Runs `verbs` as one process without accidents, alone in the world. The last process number
    /// is its own: it owns what it takes.
    fn run(&self, world: &mut World, verbs: &[Verb]) -> Result<(), String> {
        let alone = Self {
            omit: self.omit,
            programs: vec![Program {
                verbs: verbs.to_vec(),
                waits: false,
            }],
            faces: self.faces,
            window: self.window,
            ..Self::default()
        };
        let waiting = std::mem::replace(&mut world.processes, vec![Process::new()]);
        let mut taken = 0;
        let end = loop {
            if world.processes[0].at == At::Gone {
                break Ok(());
            }
            let mut next = Vec::new();
            alone.advance(world, 0, &mut next);
            let Some((_, state)) = next.into_iter().next() else {
                break Err(format!(
                    "a fresh verb is stuck at {:?}",
                    world.processes[0].at
                ));
            };
            *world = state;
            taken += 1;
            if taken > 300 {
                break Err("a fresh verb never ends".to_owned());
            }
        };
        world.processes = waiting;
        end
    }

    fn verb(&self, world: &World, process: usize) -> Verb {
        self.programs[process].verbs[world.processes[process].verb]
    }

    /// The verb of `process` ends; the next one of its program begins.
    fn finish(&self, world: &mut World, process: usize, exit: u8) {
        let me = &mut world.processes[process];
        me.exit = exit;
        me.verb += 1;
        me.end = None;
        me.at = At::Begin;
        if me.verb == self.programs[process].verbs.len() {
            world.kill(process);
        }
    }

    /// Journal verbs open the journal before they wait for J.
    fn open(&self, world: &mut World, process: usize) {
        if self.verb(world, process) == Verb::Look {
            self.finish(world, process, 0);
            return;
        }
        let name = world.name;
        let errors = world.journals[name].errors;
        let me = &mut world.processes[process];
        me.journal = name;
        me.errors = errors;
        me.at = At::Write;
    }

    /// Every state after the next system call of `process`; none while it waits for a lock.
    fn advance(&self, world: &World, process: usize, out: &mut Vec<(&'static str, World)>) {
        let mut next = world.clone();
        match world.processes[process].at.clone() {
            At::Begin => self.begin(next, process, out),
            At::Write if world.journal_lock.is_none() => self.write(next, process, out),
            At::Flush => self.flush(next, process, out),
            At::Hint => {
                let me = &mut next.processes[process];
                next.hint = me.end;
                let exit = me.exit;
                if next.faces.is_some() {
                    next.processes[process].at = At::RenderLock(Then::End);
                } else {
                    self.finish(&mut next, process, exit);
                }
                out.push(("says in .durable what is durable", next));
            }
            At::WatchRead { hint } => {
                let journal = next.journal();
                let end = if self.omits(Rule::ReadersStopAtDurable) {
                    journal.records.len()
                } else {
                    next.durable(hint, self.omit).min(journal.records.len())
                };
                for seq in journal.fold_to(end).pending() {
                    note(&mut next.told.reported, seq);
                }
                self.finish(&mut next, process, 0);
                out.push(("watch: reads up to .durable and reports", next));
            }
            At::PruneLock(_)
            | At::Build(_)
            | At::Copy { .. }
            | At::FlushNew { .. }
            | At::Exchange { .. }
            | At::FlushDirectory { .. }
            | At::Link { .. }
            | At::Archive => self.compact(next, process, out),
            At::Dump { .. } | At::DumpWrite { .. } | At::DumpClose { .. } => {
                self.dump(next, process, out);
            }
            At::Write | At::Gone => {}
            _ => self.render(next, process, out),
        }
    }

    fn begun(&self, world: &World, process: usize) -> bool {
        let me = &world.processes[process];
        !self.programs[process].waits || me.verb > 0 || me.at != At::Begin
    }

    fn enabled(&self, world: &World, process: usize) -> bool {
        self.begun(world, process)
            || (0..self.programs.len())
                .all(|p| self.programs[p].waits || world.processes[p].at == At::Gone)
    }
}

impl Model for Scenario {
    type State = World;

    fn start(&self) -> World {
        self.world()
    }

    fn steps(&self, world: &World) -> Vec<(Step, World)> {
        let mut steps = Vec::new();
        for process in 0..world.processes.len() {
            if !self.enabled(world, process) || world.processes[process].at == At::Gone {
                continue;
            }
            let mut next = Vec::new();
            self.advance(world, process, &mut next);
            steps.extend(
                next.into_iter()
                    .map(|(name, s)| (Step(Some(process), name), s)),
            );
        }
        if steps.is_empty() && !self.ended(world) {
            return steps;
        }
        for process in 0..world.processes.len() {
            let me = &world.processes[process];
            if world.kills > 0 && me.at != At::Gone && self.begun(world, process) {
                let mut killed = world.clone();
                killed.kills -= 1;
                killed.kill(process);
                steps.push((Step(Some(process), "is killed"), killed));
            }
        }
        if world.cuts > 0 {
            let cuts = self.cuts(world).into_iter();
            steps.extend(cuts.map(|cut| (Step(None, "the power is cut"), cut)));
        }
        if world.lapses > 0 {
            for (seq, message) in world.fold().known() {
                if let Some(lease) = message.lease.filter(|&l| world.lease_holds(seq, l)) {
                    let mut lapsed = world.clone();
                    lapsed.lapses -= 1;
                    lapsed.lapsed.push((seq, lease.n));
                    steps.push((Step(None, "a lease lapses"), lapsed));
                }
            }
        }
        steps
    }

    fn ended(&self, world: &World) -> bool {
        world.processes.iter().all(|process| process.at == At::Gone)
    }

    fn broken(&self, world: &World) -> Option<String> {
        self.broken_promise(world).or_else(|| self.stuck(world))
    }
}
