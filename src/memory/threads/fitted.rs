//! The fitted weights of conversation.
//!
//! A conditional logistic model (softmax over "begins a thread" and the messages of the window, all messages of the right
//! thread together as the right answer), fitted with an L2 penalty of 3 to 2,500 hand-labelled messages of ten days of a help
//! channel (Kummerfeld et al., ACL 2019, development part), rounded. Which rows there are was chosen by leaving out
//! channels, not by how well all of them are fitted.

/// As many cases as a row has; a case beyond the last one is the last one.
pub(super) const BUCKETS: usize = 16;
pub(super) type Row = [f32; BUCKETS];

/// What a row of weights is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// An event of the channel itself.
    AloneEvent,
    /// By how somebody is addressed.
    AloneBase,
    /// By how much the speaker has said here.
    AloneMessages,
    /// By how it is said.
    AloneManner,
    /// By length, if nobody is addressed; from 8 on of one who never spoke.
    AloneLetters,
    /// By how long the channel was silent.
    AloneQuiet,
    /// By who speaks to whom.
    Relation,
    /// By minutes between.
    Gap,
    /// By messages between.
    Distance,
    /// Events of the channel, and whom they name.
    Eventful,
    /// Of those to one another, which one back.
    RankMutual,
    /// Of those whose speaker is addressed, which one back.
    RankToIt,
    /// Of those to nobody, which one back.
    RankFree,
    /// Of events, which one back.
    RankEvent,
    /// Own words to nobody: what happened since.
    OwnSince,
    /// Who has addressed somebody since.
    Addressed,
    /// Who addressed whom last.
    Partners,
    /// Whether it is the last of its thread.
    ThreadLast,
    /// Whether speaker and addressee are in the thread.
    ThreadInside,
    /// How many messages ago the thread was last seen.
    ThreadAge,
    /// Who began the thread and who spoke last in it.
    ThreadStarter,
    /// How many others are in the thread.
    ThreadOthers,
    /// Own words: questions in either.
    OwnQuestion,
    /// Own words: by how the new ones are said.
    OwnManner,
    /// Own words: by the length of both.
    OwnLetters,
    /// Somebody else's words that do not concern the speaker: by how the new ones are said.
    OtherManner,
    /// How much the shared words say.
    WordsOwn,
    WordsInvolved,
    WordsOther,
    /// The rarest shared word.
    RarestOwn,
    RarestInvolved,
    RarestOther,
}

pub(super) const GROUPS: usize = 32;

/// One row a group, in their order.
pub(super) const WEIGHTS: [Row; GROUPS] = [
    // AloneEvent
    [
        1.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // AloneBase
    [
        0.5, -0.8, 0.8, -0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // AloneMessages
    [
        0.8, 0.5, -0.1, -0.2, -0.1, -0.6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // AloneManner
    [
        0.6, 1.1, -0.2, -0.6, -0.1, 0.4, 0.0, 0.7, -0.3, -0.6, 0.5, 0.0, -0.3, 0.1, -0.3, 0.0,
    ],
    // AloneLetters
    [
        -0.4, -0.7, -0.5, -0.1, 0.1, 0.8, 0.6, 0.0, -0.3, 0.1, -0.6, 0.3, 0.3, 0.5, 0.6, 0.0,
    ],
    // AloneQuiet
    [
        0.5, 0.4, 0.1, -0.3, -0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // Relation
    [
        1.2, 0.1, -0.3, 0.2, -0.7, 1.6, 0.9, -0.4, -0.3, 0.9, -0.2, -0.4, -0.3, -0.5, -0.9, -2.4,
    ],
    // Gap
    [
        1.0, 0.9, 0.3, 0.1, 0.1, -0.3, -0.2, -0.8, -0.1, -0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // Distance
    [
        1.1, 1.2, 1.0, 0.5, 0.6, 0.1, 0.0, -0.2, -0.7, -1.0, -1.1, -0.7, 0.0, 0.0, 0.0, 0.0,
    ],
    // Eventful
    [
        -1.2, -2.4, 0.0, 1.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // RankMutual
    [
        1.4, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // RankToIt
    [
        1.3, -0.1, -0.1, 0.1, -0.1, 0.0, 0.0, -0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // RankFree
    [
        0.5, 0.6, 0.7, 0.3, -0.1, -0.2, 0.0, -0.8, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // RankEvent
    [
        -0.1, -0.1, -0.3, 0.0, -0.1, -0.2, 0.0, -1.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // OwnSince
    [
        0.7, -0.1, 0.3, -0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // Addressed
    [
        0.6, 0.5, 0.0, -0.7, 0.8, 0.0, 0.0, -0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // Partners
    [
        0.1, -0.3, 0.0, -0.3, 0.3, 0.2, -0.1, 0.1, -0.9, 0.2, 0.6, -0.3, 0.1, 0.0, 0.4, 0.4,
    ],
    // ThreadLast
    [
        -0.5, -0.2, 0.0, 0.0, 0.3, 0.7, 0.0, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // ThreadInside
    [
        -0.3, 0.0, 0.0, 0.0, -0.5, -0.4, 0.0, 1.0, -0.3, 0.8, 0.0, 0.0, -0.5, 0.0, 0.1, 0.9,
    ],
    // ThreadAge
    [
        0.5, 0.0, 0.0, -0.2, -0.4, -0.4, -0.2, -0.8, 1.2, 0.4, 0.1, 0.2, -0.1, 0.3, 0.1, -0.1,
    ],
    // ThreadStarter
    [
        -0.5, 0.5, 0.7, 0.0, -0.6, 0.0, 0.2, 0.0, -0.2, 0.0, 0.5, 0.0, 0.0, 0.1, 0.0, 0.0,
    ],
    // ThreadOthers
    [
        0.0, 0.5, 0.0, -0.6, 0.7, -0.2, 0.0, 0.1, 0.0, 0.1, 0.4, -0.1, -0.4, 0.4, -0.3, 0.3,
    ],
    // OwnQuestion
    [
        0.1, -0.3, 0.3, 0.4, -0.7, -0.3, 0.7, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // OwnManner
    [
        0.2, 0.0, 0.0, -0.2, -0.2, 0.5, 0.0, -0.2, 0.3, 0.1, 0.9, -0.1, 0.1, 0.0, 0.2, 0.0,
    ],
    // OwnLetters
    [
        0.0, 0.3, -0.5, -0.5, 0.1, 0.1, -0.5, -0.7, -0.2, 0.1, 0.6, -0.1, 0.0, 0.8, 0.6, 0.4,
    ],
    // OtherManner
    [
        -0.3, -0.4, 0.0, 0.0, 0.0, -0.7, 0.0, -0.3, 0.2, 0.0, -1.3, 0.2, 0.4, -0.3, 0.0, 0.0,
    ],
    // WordsOwn
    [
        -1.0, -0.1, 0.2, 0.7, 0.2, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // WordsInvolved
    [
        -0.5, 0.0, 0.5, 0.7, 0.2, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // WordsOther
    [
        -1.7, -0.6, 0.2, 0.7, 0.6, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // RarestOwn
    [
        -1.0, 0.0, -0.2, 0.1, 0.9, 0.7, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // RarestInvolved
    [
        -0.5, -0.1, 0.1, 0.5, 0.4, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
    // RarestOther
    [
        -1.7, -0.8, -0.2, -0.2, 1.2, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ],
];
