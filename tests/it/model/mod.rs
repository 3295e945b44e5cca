//! The mailbox protocol as a transition system, explored to the end.
//!
//! Each process takes the steps of its verbs one system call at a time; between any two of them any
//! other process may step, one may be killed, a flush may fail, the power may be cut. Every state
//! that can be reached is checked against the promises; from every state a fresh process must get
//! through. What is not modelled step by step: the index (the fold stands for it), dead.json,
//! attachments, full disks and the bytes of the face; tests with real processes cover those.
//!
//! `attacks` are the scenarios that must hold, one for each attack of the protocol. `omissions`
//! leave out one rule each and show that the explorer then finds a broken promise: a model that
//! cannot fail proves nothing.

#![expect(
    clippy::print_stdout,
    reason = "how much was explored is part of the result"
)]

mod attacks;
mod creation;
mod explore;
mod face;
mod journal;
mod mailbox;
mod omissions;

/// The rules that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Exit 0 only after the flush.
    FlushBeforeExit,
    /// `next` prints only after the flush of its lease.
    FlushBeforePrint,
    /// Readers stop at `.durable`.
    ReadersStopAtDurable,
    /// A generation is durable only once it is `linked`.
    LinkedBeforeTrust,
    /// A torn tail is fenced by `#torn`.
    TornTailFenced,
    /// A known key appends a copy.
    AgainIsACopy,
    /// A key outlives its message.
    KeysOutliveMessages,
    /// A closed message is acked only once more by the same owner.
    OneTaker,
    /// The token of a late ack is compared.
    LateAckRefused,
    /// Under J the path must still name the open inode.
    InodeCheckedUnderLock,
    /// Compaction copies what is appended while it scans.
    CompactionCopiesTheRest,
    /// Compaction flushes the new generation before the exchange.
    CompactionFlushedBeforeExchange,
    /// Compaction flushes the directory before J is let go.
    DirectoryFlushedAfterExchange,
    /// R is never awaited under J.
    NoRenderLockUnderJournalLock,
    /// After a failed flush a new generation takes the place of the old.
    NewGenerationAfterFailedFlush,
    /// A message whose flush failed is not taken back.
    NothingIsTakenBack,
    /// A write begins where the durable part ends: it writes again what lies between.
    TailWrittenAgain,
    /// A notice is a keyed send.
    NoticeIsKeyed,
    /// A stranger's file is merged before it is rendered over.
    MergeBeforeRender,
    /// The swap is an exchange, not a rename.
    SwapIsAnExchange,
    /// The face is replaced, not written in place.
    FaceIsReplaced,
    /// What was displaced is looked at.
    DisplacedIsExamined,
    /// A face that was not merged because it had a writer is not taken for a known one.
    UnmergedIsExamined,
    /// A displaced file with a writer is kept.
    DisplacedWaitsForItsWriter,
    /// From before the swap until the displaced file was examined the stamp says so.
    UnsettledBeforeSwap,
    /// A killed renderer's left-over is examined.
    LeftOverExamined,
    /// Left-overs of another boot are merged.
    LeftOverOfAnotherBootMerged,
    /// A merge that finds everything adopted flushes all the same.
    EmptyMergeFlushes,
    /// A foreign file is known by its bytes too.
    ForeignBytesCompared,
    /// A stamp counts only in the boot that wrote it.
    StampOfThisBoot,
    /// An empty or zeroed file is absent.
    EmptyIsAbsent,
    /// Closed messages in a file are ghosts.
    GhostsIgnored,
    /// Content keys of adopted entries are kept.
    ForeignKeysKept,
    /// Equal entries without ids are counted against the adopted.
    OrdinalsCounted,
    /// An adopted entry counts as shown only after the swap,
    ShownAfterTheSwap,
    /// and after a kill in between the next renderer says so.
    ShownAfterAKill,
    /// Only what the writer can have seen counts as removed.
    RemovalNeedsSince,
    /// `since` starts anew when a message comes back into the window.
    SinceWithoutAGap,
    /// The face shows only what is durable.
    FaceShowsDurable,
}
