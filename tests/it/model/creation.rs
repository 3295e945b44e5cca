//! The creation of a mailbox (attack 9): two creators and a sender, killed and cut at every step;
//! nobody ever finds a mailbox that is half made.

use super::explore::{Explored, Model, Step, explore};

/// The rules that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// It is built under another name.
    BuiltAside,
    /// Its files and its directory are flushed before the rename.
    FlushedBeforeRename,
    /// The rename does not replace.
    RenameReplacesNothing,
    /// The parent is flushed before anything is accepted.
    ParentFlushed,
}

struct Creation {
    omit: Option<Rule>,
}

/// A mailbox directory, wherever it hangs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Directory {
    /// Each file that a mailbox is born with, and whether it is flushed.
    journal: Option<bool>,
    face: Option<bool>,
    /// Accepted mail in its journal.
    accepted: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Make,
    Journal,
    Face,
    Flush,
    Rename,
    FlushParent,
    Send,
    Gone,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    /// What the mailbox's own name leads to, and what it leads to on the disk.
    named: Option<usize>,
    on_disk: Option<usize>,
    directories: Vec<Directory>,
    creators: [(At, usize); 2],
    accepted: u8,
    kills: u8,
    cuts: u8,
}

impl Creation {
    fn omits(&self, rule: Rule) -> bool {
        self.omit == Some(rule)
    }

    fn advance(&self, mut world: World, creator: usize) -> (&'static str, World) {
        let (at, inode) = world.creators[creator];
        let (name, next) = match at {
            At::Make => {
                if world.named.is_some() {
                    world.creators[creator].1 = world.named.unwrap_or_default();
                    world.creators[creator].0 = At::FlushParent;
                    return ("finds the mailbox", world);
                }
                world.directories.push(Directory::default());
                world.creators[creator].1 = world.directories.len() - 1;
                if self.omits(Rule::BuiltAside) {
                    world.named = Some(world.directories.len() - 1);
                }
                ("makes a directory", At::Journal)
            }
            At::Journal => {
                world.directories[inode].journal = Some(false);
                ("writes the journal", At::Face)
            }
            At::Face => {
                world.directories[inode].face = Some(false);
                ("writes the face", At::Flush)
            }
            At::Flush => {
                if !self.omits(Rule::FlushedBeforeRename) {
                    world.directories[inode].journal = Some(true);
                    world.directories[inode].face = Some(true);
                }
                ("flushes both and the directory", At::Rename)
            }
            At::Rename => {
                if world.named.is_none() || self.omits(Rule::RenameReplacesNothing) {
                    world.named = Some(inode);
                } else {
                    world.creators[creator].1 = world.named.unwrap_or_default();
                }
                ("renames, or finds that another was first", At::FlushParent)
            }
            At::FlushParent => {
                if !self.omits(Rule::ParentFlushed) {
                    world.on_disk = world.named;
                }
                ("flushes the parent", At::Send)
            }
            At::Send => {
                world.directories[inode].accepted += 1;
                world.accepted += 1;
                ("sends and exits 0", At::Gone)
            }
            At::Gone => unreachable!("what is gone takes no step"),
        };
        world.creators[creator].0 = next;
        (name, world)
    }
}

impl Model for Creation {
    type State = World;

    fn start(&self) -> World {
        World {
            named: None,
            on_disk: None,
            directories: Vec::new(),
            creators: [(At::Make, 0); 2],
            accepted: 0,
            kills: 2,
            cuts: 1,
        }
    }

    fn steps(&self, world: &World) -> Vec<(Step, World)> {
        let mut steps = Vec::new();
        for creator in (0..2).filter(|&creator| world.creators[creator].0 != At::Gone) {
            let (name, next) = self.advance(world.clone(), creator);
            steps.push((Step(Some(creator), name), next));
            if world.kills > 0 {
                let mut killed = world.clone();
                killed.kills -= 1;
                killed.creators[creator].0 = At::Gone;
                steps.push((Step(Some(creator), "is killed"), killed));
            }
        }
        if world.cuts > 0 {
            for named in [world.named, world.on_disk] {
                let mut cut = world.clone();
                cut.cuts -= 1;
                cut.named = named;
                cut.on_disk = named;
                cut.creators = [(At::Gone, 0); 2];
                for directory in &mut cut.directories {
                    directory.journal = directory.journal.filter(|&flushed| flushed);
                    directory.face = directory.face.filter(|&flushed| flushed);
                }
                steps.push((Step(None, "the power is cut"), cut));
            }
        }
        steps
    }

    fn broken(&self, world: &World) -> Option<String> {
        let Some(named) = world.named.map(|inode| &world.directories[inode]) else {
            return (world.accepted > 0).then(|| "I1: accepted mail has no mailbox".to_owned());
        };
        if named.journal.is_none() || named.face.is_none() {
            return Some("a mailbox is half made".to_owned());
        }
        (named.accepted < world.accepted).then(|| "I1: accepted mail is in no mailbox".to_owned())
    }

    fn ended(&self, world: &World) -> bool {
        world.creators.iter().all(|(at, _)| *at == At::Gone)
    }
}

fn explored(omit: Option<Rule>) -> Explored {
    let explored = explore(&Creation { omit });
    println!("creation without {omit:?}: {} states", explored.states);
    explored
}

#[test]
fn attack_9_a_mailbox_is_never_half_made() {
    assert_eq!(explored(None).counterexample, None);
}

#[test]
fn without_each_rule_of_creation_the_explorer_finds_a_broken_mailbox() {
    for (rule, promise) in [
        (Rule::BuiltAside, "half made"),
        (Rule::FlushedBeforeRename, "half made"),
        (Rule::RenameReplacesNothing, "I1"),
        (Rule::ParentFlushed, "I1"),
    ] {
        let why = explored(Some(rule))
            .counterexample
            .expect("a rule that matters");
        assert!(why.contains(promise), "without {rule:?}: {why}");
    }
}
