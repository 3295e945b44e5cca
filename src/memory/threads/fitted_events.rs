//! The fitted weights of events.
//!
//! The same kind of model as that of conversation, fitted to the task events of the first half of a real agent swarm
//! (gastown, MIT), with the ids taken off a part of them. Two rows (`Rhythm`, `Follow`) were drawn to what they mean
//! instead of to nought (penalty 1.5). Which rows there are was chosen by leaving out spans of time.

use super::fitted::Row;

/// What a row of weights is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trait {
    /// By what the event says of its subject; from 8 on without any further word.
    AloneClass,
    /// By how much an older thread speaks of the same.
    AloneHit,
    /// By who acts and who is named.
    Tie,
    /// By the seconds between two events of the same agent.
    GapOwn,
    GapOther,
    /// By the events between.
    Distance,
    /// Of those that name the agent, which one back.
    RankNamed,
    /// Whether both do, and say, the same, at once, as the same agent.
    Verb,
    /// By what both say of their subject.
    Classes,
    /// The same of what the agent did a moment ago, by the end of its thread.
    OwnClasses,
    /// What the thread has already: the agent, the verb, the one that is named; whether the event is its last.
    ThreadHas,
    /// By what was said last in the thread.
    ThreadEnd,
    /// Whether the thread comes again after the same time as before.
    Rhythm,
    /// Whether the thread followed on the one before the last time, too.
    Follow,
    /// How much the thread speaks of the same.
    Hit,
    /// Which part of what the event says that is.
    HitPart,
    /// Whether another thread speaks more of it.
    HitBest,
    /// Which part of the other's first line comes again.
    HeadHere,
    /// The rarest word that both use.
    Rarest,
    /// Of threads further back, how much they speak of the same.
    FarHit,
    /// Whether another one speaks more of it.
    FarBest,
}

pub(super) const TRAITS: usize = 21;

/// One row a trait, in their order.
pub(super) const WEIGHTS: [Row; TRAITS] = [
    // AloneClass
    [
        -1.1, 0.3, 0.6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // AloneHit
    [
        0.1, 0.9, 0.7, 0.7, -0.2, 0.0, -0.4, -0.1, 0.3, -0.5, -0.7, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // Tie
    [
        -0.4, 0.6, 0.0, -0.2, -1.0, -0.9, 2.2, 0.0, -0.2, -0.3, -0.6, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // GapOwn
    [
        0.7, 0.8, -0.3, -2.1, -0.2, 0.9, 0.4, 0.5, -0.6, -1.4, -0.2, 0.4, 0.0, 0.0, 0.0, 0.0,
    ],
    // GapOther
    [
        -0.2, 0.3, -0.1, 0.0, 0.1, 0.1, 0.1, 0.1, 0.5, -0.5, -0.3, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // Distance
    [
        0.9, -0.9, 0.7, 0.1, -0.3, -0.4, -0.1, -0.2, -0.6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // RankNamed
    [
        2.5, -0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // Verb
    [
        0.4, -0.1, 0.0, -0.1, -0.8, -0.6, 0.0, -0.3, -0.1, 0.1, 0.0, 0.0, 0.8, 0.2, 0.0, -0.3,
    ],
    // Classes
    [
        1.2, 0.7, -0.3, 0.0, -1.6, -1.1, -0.1, 0.0, 1.6, 0.4, -1.7, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // OwnClasses
    [
        1.3, 0.6, -0.2, 0.0, -0.1, -0.6, 0.0, 0.0, -0.6, 0.0, -1.3, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // ThreadHas
    [
        0.2, -0.3, 0.1, -0.9, 0.0, 0.0, -0.1, -0.7, 0.7, 1.7, -0.6, -1.0, 0.0, 0.0, 0.0, -0.2,
    ],
    // ThreadEnd
    [
        0.6, 1.0, -0.1, 0.0, -1.2, -1.0, -0.5, 0.0, 0.7, 0.2, -0.7, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // Rhythm
    [
        -0.1, 1.7, -0.1, 1.8, -0.8, 1.9, 0.3, 1.7, 0.0, 1.7, -0.1, 1.8, 0.0, 1.9, 0.2, 3.1,
    ],
    // Follow
    [
        -0.2, -0.1, -0.1, 0.5, -0.6, 0.8, -0.5, 2.2, 0.0, 0.0, 0.0, 0.0, 0.0, 1.5, 0.0, 1.5,
    ],
    // Hit
    [
        -1.0, -1.9, -0.2, -0.3, 0.3, 0.4, 0.6, 0.6, -0.3, 0.3, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // HitPart
    [
        -1.0, -0.6, -0.2, -0.7, 0.3, 0.0, -0.3, 0.7, 0.8, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // HitBest
    [
        0.0, 0.2, 0.0, 0.0, -0.5, -0.5, -1.2, -1.0, -0.1, -0.5, 0.0, -0.1, 0.3, 0.5, 0.6, 1.1,
    ],
    // HeadHere
    [
        0.0, -1.7, -0.5, 0.2, 0.4, -0.2, 0.6, -0.1, 0.4, -0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // Rarest
    [
        -0.2, -0.4, -0.3, -0.4, -0.6, 0.8, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // FarHit
    [
        0.0, -2.1, -1.4, -0.3, 0.3, 0.8, 1.2, 0.9, -0.2, 0.4, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // FarBest
    [
        0.0, -0.1, -0.4, -0.6, 0.2, -0.4, -0.2, -0.7, 0.0, -0.5, -0.4, 0.0, 0.2, 0.3, 1.2, 1.6,
    ],
];
