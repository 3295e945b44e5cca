//! Many workers on one machine — AI coding agents, scripts, cron jobs, bots — talk, are supervised and are
//! remembered through plain files, without a server.
//!
//! # Rooms
//!
//! Arrows point down only; `scripts/layers` fails the build where one does not.
//!
//! ```text
//! bin/*     ─► cli + desk (to change state) + the room it reads
//! desk      permit → do → log → follow-ups: the only room that knows several others
//! supervisor ─► agents, logs                          metrics ─► logs, mailbox, tasks, agents
//! memory    ─► logs, mailbox, tasks
//! speech    text as sound, and what waits to be heard
//! discord   ─► desk and what it reads: an edge, used by its own program alone
//! mailbox   agents   tasks   logs   security   duplicates   (never one another)
//! store     journal, lock, pages, replace, watch
//! root  names  time                                  (cli stands beside them, over these three alone)
//! ```
//!
//! # Glossary
//!
//! *message* — one piece of mail, named `AGENT/SEQ` or by its ULID. *inbox* — the pending messages of one
//! agent. *journal* — the append-only truth of a mailbox. *face* — `inbox.json`, rendered from the journal.
//! *stamp* — what we remember of the faces that we rendered. *window* — the part of the inbox that the face
//! shows. *lease* — the right to work on a message for a while. *pending* — neither acknowledged, discarded,
//! expired nor dead. *agent* — whoever has a mailbox and may be run. *supervisor* — the process that runs one agent.
//! *task* — something that is to be done. *document* — `<agent>.json`, the tasks of one agent. *claim* — the right of one run
//! of an agent to work on a task for a while. *standing* — how a task stands at this moment: ready, blocked and why.
//! *memory*, *fragment* — one thing that happened, as its source told it. *memory thread* — fragments that belong together, each with
//! why. *template* — what like lines have in common. *source* — what memories are made of.
//! *life*, *incarnation* — one run of an agent, and its name. *adopted* — a message that a person or a foreign script wrote into the face.

pub mod agents;
pub mod cli;
pub mod desk;
#[cfg(feature = "discord")]
pub mod discord;
pub mod duplicates;
pub mod logs;
pub mod mailbox;
pub mod memory;
pub mod metrics;
pub mod names;
pub mod root;
pub mod security;
#[cfg(feature = "voice")]
pub mod speech;
pub mod store;
pub mod supervisor;
pub mod tasks;
pub mod time;
