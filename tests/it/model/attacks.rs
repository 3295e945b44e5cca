//! The attacks of the protocol, each one explored to the end. Attack 12 (no space) and 15 (bytes of
//! the face) are about sizes, which a model does not have: real processes test them.

use super::explore::explore;
use super::mailbox::{Dump, Program, Scenario, Script, Verb};

pub(super) fn program(verbs: &[Verb]) -> Program {
    Program {
        verbs: verbs.to_vec(),
        waits: false,
    }
}

/// What begins when all others have ended or were killed.
pub(super) fn later(verbs: &[Verb]) -> Program {
    Program {
        verbs: verbs.to_vec(),
        waits: true,
    }
}

fn holds(name: &str, scenario: &Scenario) {
    let explored = explore(scenario);
    println!("{name}: {} states", explored.states);
    if let Some(why) = explored.counterexample {
        panic!("{name}: {why}");
    }
}

pub(super) const SEND: Verb = Verb::Send {
    key: 1,
    high: false,
};
pub(super) const OTHER: Verb = Verb::Send {
    key: 2,
    high: false,
};
pub(super) const URGENT: Verb = Verb::Send { key: 3, high: true };
pub(super) const APPENDS: Script = Script {
    adds: Some(50),
    copies: 1,
    named: true,
    drops: None,
    dump: Dump::InPlace,
    then: None,
};
pub(super) const DUMPS: [Dump; 3] = [Dump::InPlace, Dump::Held, Dump::Rename];

pub(super) fn script(script: Script) -> Program {
    program(&[Verb::Script(script)])
}

/// Attack 1: the script's dump is older than mail that was rendered meanwhile.
pub(super) fn stale_dump() -> Vec<Scenario> {
    DUMPS
        .into_iter()
        .map(|dump| Scenario {
            programs: vec![program(&[SEND]), script(Script { dump, ..APPENDS })],
            before: vec![OTHER],
            faces: true,
            kills: 1,
            ..Scenario::default()
        })
        .collect()
}

#[test]
fn attack_1_a_stale_dump_discards_nothing() {
    for scenario in stale_dump() {
        holds(
            "stale dump",
            &Scenario {
                kills: 2,
                cuts: 1,
                ..scenario
            },
        );
    }
}

/// Attack 1: of a window of one, an urgent message pushes the first out until it is acked.
pub(super) fn out_of_the_window_and_back() -> Scenario {
    Scenario {
        programs: vec![
            program(&[URGENT, Verb::Ack(Some(2))]),
            script(Script {
                dump: Dump::Rename,
                ..APPENDS
            }),
        ],
        before: vec![SEND],
        faces: true,
        window: 1,
        ..Scenario::default()
    }
}

#[test]
fn attack_1_out_of_the_window_and_back() {
    holds(
        "window",
        &Scenario {
            kills: 1,
            cuts: 1,
            ..out_of_the_window_and_back()
        },
    );
}

/// Attack 2: a renderer killed at every step, and the one that cleans up after it too.
pub(super) fn killed_renderer() -> Vec<Scenario> {
    DUMPS
        .into_iter()
        .map(|dump| Scenario {
            programs: vec![
                program(&[SEND]),
                script(Script { dump, ..APPENDS }),
                later(&[OTHER]),
            ],
            faces: true,
            kills: 2,
            ..Scenario::default()
        })
        .collect()
}

#[test]
fn attack_2_a_killed_renderer_loses_nothing() {
    for scenario in killed_renderer() {
        holds(
            "killed renderer",
            &Scenario {
                cuts: 1,
                ..scenario
            },
        );
    }
}

/// Attack 3: a writer that holds the displaced inode, and one that dumps twice in one tick.
pub(super) fn writer_of_the_displaced() -> Vec<Scenario> {
    [Dump::InPlace, Dump::Held]
        .into_iter()
        .map(|dump| Scenario {
            programs: vec![
                program(&[SEND]),
                script(Script {
                    dump,
                    then: Some(51),
                    ..APPENDS
                }),
            ],
            faces: true,
            kills: 1,
            ..Scenario::default()
        })
        .collect()
}

#[test]
fn attack_3_a_late_or_hasty_writer_is_heard() {
    for scenario in writer_of_the_displaced() {
        holds(
            "late writer",
            &Scenario {
                kills: 2,
                cuts: 1,
                ..scenario
            },
        );
    }
}

/// Attack 4: senders overtaken by compaction, and a power cut at each of its steps.
pub(super) fn overtaken_by_compaction() -> Scenario {
    Scenario {
        programs: vec![program(&[SEND]), program(&[OTHER]), program(&[Verb::Prune])],
        kills: 1,
        cuts: 1,
        ..Scenario::default()
    }
}

#[test]
fn attack_4_compaction_overtakes_senders() {
    holds(
        "compaction",
        &Scenario {
            kills: 2,
            ..overtaken_by_compaction()
        },
    );
}

/// Attack 5: readers between append and flush, then a power cut.
pub(super) fn readers_before_the_flush() -> Vec<Scenario> {
    let reader = |reader: &[Verb]| Scenario {
        programs: vec![program(&[SEND]), program(&[OTHER]), program(reader)],
        kills: 1,
        cuts: 1,
        ..Scenario::default()
    };
    vec![
        reader(&[Verb::Watch]),
        reader(&[Verb::Next]),
        Scenario {
            faces: true,
            ..reader(&[Verb::Look])
        },
        Scenario {
            programs: vec![
                program(&[SEND]),
                program(&[Verb::Prune]),
                program(&[Verb::Watch]),
            ],
            kills: 1,
            cuts: 1,
            ..Scenario::default()
        },
    ]
}

#[test]
fn attack_5_nobody_acts_on_what_is_not_durable() {
    for scenario in readers_before_the_flush() {
        holds(
            "readers",
            &Scenario {
                kills: 2,
                ..scenario
            },
        );
    }
}

/// Attack 6: a flush fails, while the same key comes again, or while others read and take.
pub(super) fn failed_flush() -> Vec<Scenario> {
    let beside = |other: Vec<Program>, failures| Scenario {
        programs: [program(&[SEND])].into_iter().chain(other).collect(),
        failures,
        kills: 1,
        cuts: 1,
        ..Scenario::default()
    };
    vec![
        beside(vec![program(&[SEND])], 2),
        beside(vec![program(&[OTHER]), program(&[Verb::Watch])], 1),
        beside(vec![program(&[Verb::Next, Verb::Ack(None)])], 1),
    ]
}

#[test]
fn attack_6_a_failed_flush_and_a_keyed_retry() {
    for scenario in failed_flush() {
        holds(
            "failed flush",
            &Scenario {
                failures: 2,
                ..scenario
            },
        );
    }
}

/// Attack 7: torn at every place, then the next sends, killed and cut again.
pub(super) fn torn_tail() -> Scenario {
    Scenario {
        programs: vec![
            program(&[SEND]),
            program(&[URGENT]),
            later(&[OTHER, Verb::Next]),
        ],
        kills: 2,
        cuts: 1,
        ..Scenario::default()
    }
}

#[test]
fn attack_7_a_torn_line_is_not_there() {
    holds("torn tail", &torn_tail());
}

/// Attack 8: the script dumps a message that was acked and pruned since it loaded.
pub(super) fn ghost() -> Scenario {
    Scenario {
        programs: vec![
            program(&[Verb::Ack(Some(1)), Verb::Prune]),
            script(Script {
                dump: Dump::Rename,
                ..APPENDS
            }),
        ],
        before: vec![SEND],
        faces: true,
        kills: 1,
        cuts: 1,
        ..Scenario::default()
    }
}

/// Attack 8: the key comes again while its message is being pruned away.
pub(super) fn retry_across_prune() -> Scenario {
    Scenario {
        programs: vec![
            program(&[Verb::Ack(Some(1)), Verb::Prune]),
            program(&[SEND]),
        ],
        before: vec![SEND],
        kills: 1,
        cuts: 1,
        ..Scenario::default()
    }
}

#[test]
fn attack_8_neither_ghost_nor_retry_comes_back() {
    holds(
        "ghost",
        &Scenario {
            kills: 2,
            ..ghost()
        },
    );
    holds("retry across prune", &retry_across_prune());
}

/// Attack 9: an adoption killed or cut at every step.
pub(super) fn killed_adoption() -> Vec<Scenario> {
    DUMPS
        .into_iter()
        .map(|dump| Scenario {
            programs: vec![
                program(&[Verb::Look]),
                script(Script { dump, ..APPENDS }),
                later(&[Verb::Look]),
            ],
            before: vec![SEND],
            faces: true,
            kills: 1,
            cuts: 1,
            ..Scenario::default()
        })
        .collect()
}

#[test]
fn attack_9_an_adoption_is_done_once() {
    for scenario in killed_adoption() {
        holds(
            "adoption",
            &Scenario {
                kills: 2,
                ..scenario
            },
        );
    }
}

/// Attack 9: two verbs that both give the same notice, and a prune.
pub(super) fn killed_notice() -> Scenario {
    let notice = [Verb::Bury(1), Verb::Tell(1), Verb::Told(1)];
    Scenario {
        programs: vec![program(&notice), program(&notice), later(&[Verb::Prune])],
        before: vec![SEND],
        kills: 1,
        cuts: 1,
        ..Scenario::default()
    }
}

#[test]
fn attack_9_a_notice_is_given_once() {
    holds("notice", &killed_notice());
}

/// Attack 10: equal entries without ids, merged again after a kill or a cut at every step; written
/// beside mail that shows what the script had seen, and into an empty mailbox that does not.
pub(super) fn equal_entries() -> Vec<Scenario> {
    let entries = |before: &[Verb]| Scenario {
        programs: vec![
            program(&[Verb::Look]),
            script(Script {
                named: false,
                copies: 2,
                dump: Dump::Rename,
                ..APPENDS
            }),
            later(&[Verb::Look]),
        ],
        before: before.to_vec(),
        faces: true,
        kills: 2,
        ..Scenario::default()
    };
    vec![
        entries(&[SEND]),
        entries(&[]),
        Scenario {
            kills: 1,
            cuts: 1,
            ..entries(&[SEND])
        },
        Scenario {
            kills: 1,
            cuts: 1,
            ..entries(&[])
        },
    ]
}

/// Attack 10: an equal entry is added to a face that shows the first, adopted, one.
pub(super) fn equal_entry_later() -> Scenario {
    let adds = Verb::Script(Script {
        named: false,
        dump: Dump::Rename,
        ..APPENDS
    });
    Scenario {
        programs: vec![program(&[Verb::Look, Verb::Look]), program(&[adds, adds])],
        before: vec![SEND],
        faces: true,
        window: 4,
        kills: 1,
        ..Scenario::default()
    }
}

#[test]
fn attack_10_equal_entries_are_two_and_stay_two() {
    for scenario in equal_entries() {
        holds("equal entries", &scenario);
    }
    holds("equal entry later", &equal_entry_later());
}

/// Attack 11: merge, render and prune at once.
pub(super) fn all_locks() -> Scenario {
    Scenario {
        programs: vec![
            program(&[Verb::Prune]),
            program(&[SEND]),
            program(&[Verb::Prune]),
            script(Script {
                dump: Dump::Rename,
                ..APPENDS
            }),
        ],
        faces: true,
        kills: 1,
        ..Scenario::default()
    }
}

/// All of it with a power cut in place of the second prune.
fn all_locks_and_a_cut() -> Scenario {
    Scenario {
        programs: vec![
            program(&[SEND, Verb::Prune]),
            program(&[Verb::Look]),
            script(Script {
                dump: Dump::Rename,
                ..APPENDS
            }),
        ],
        before: vec![OTHER],
        faces: true,
        kills: 1,
        cuts: 1,
        ..Scenario::default()
    }
}

#[test]
fn attack_11_nobody_waits_for_ever() {
    holds("locks", &all_locks());
    holds(
        "locks and a cut",
        &Scenario {
            kills: 2,
            ..all_locks_and_a_cut()
        },
    );
}

/// Attack 13: a lease lapses, another takes it, and the first acks after all.
pub(super) fn late_ack() -> Scenario {
    Scenario {
        programs: vec![
            program(&[Verb::Next, Verb::Ack(None)]),
            program(&[Verb::Next, Verb::Ack(None)]),
        ],
        before: vec![SEND],
        lapses: 1,
        kills: 1,
        cuts: 1,
        ..Scenario::default()
    }
}

/// I4: two that want the same message, without leases.
pub(super) fn two_takers() -> Scenario {
    Scenario {
        programs: vec![
            program(&[Verb::Ack(Some(1))]),
            program(&[Verb::Ack(Some(1))]),
        ],
        before: vec![SEND],
        kills: 1,
        cuts: 1,
        ..Scenario::default()
    }
}

#[test]
fn attack_13_one_taker_however_late() {
    holds("late ack", &late_ack());
    holds("two takers", &two_takers());
}

/// Attack 14: a power cut zeroes the face, and the next verb finds it.
pub(super) fn zeroed_face() -> Scenario {
    Scenario {
        programs: vec![program(&[SEND]), later(&[OTHER])],
        faces: true,
        cuts: 1,
        kills: 1,
        ..Scenario::default()
    }
}

#[test]
fn attack_14_an_empty_face_is_absent() {
    holds(
        "zeroed face",
        &Scenario {
            kills: 2,
            ..zeroed_face()
        },
    );
}

/// Attack 16: a script takes a message out on purpose, while everything derived is lost by a cut.
pub(super) fn removal() -> Vec<Scenario> {
    DUMPS
        .into_iter()
        .map(|dump| Scenario {
            programs: vec![
                program(&[URGENT]),
                script(Script {
                    drops: Some(1),
                    dump,
                    ..APPENDS
                }),
            ],
            before: vec![SEND, OTHER],
            faces: true,
            cuts: 1,
            ..Scenario::default()
        })
        .collect()
}

#[test]
fn attack_16_only_what_was_removed_is_removed() {
    for scenario in removal() {
        holds(
            "removal",
            &Scenario {
                kills: 2,
                ..scenario
            },
        );
    }
}
