//! What is to be done, by whom, after what.
//!
//! `config/agent_comms/<agent>.json` is a document that people read and edit; programs change it under one lock, whole,
//! and merge what was edited meanwhile field by field.

mod board;
mod disk;
mod document;
mod due;
mod error;
mod fields;
mod graph;
mod hand;
mod id;
pub mod import;
mod merge;
mod print;
mod process;
mod record;
mod run;
mod runs;
mod schedule;
mod standing;
mod state;
mod stats;
mod task;
mod verbs;
mod watch;

pub use board::{Board, Known, Letter, Texts, Wake, change, purge, rename};
pub use disk::{Passes, Runner, holds_since, passes};
pub use document::Fault;
pub use due::{Due, Fired, due, next};
pub use error::Error;
pub use fields::{is_text, spoken};
pub use graph::{Graph, Hold};
pub use id::{BadTaskId, TaskId};
pub use process::carry_out;
pub use record::{By, Change, Record};
pub use run::{Action, Command, Line, Post};
pub use runs::{Begun, Outcome as RunOutcome, Plan};
pub use schedule::{BadSchedule, CatchUp, Schedule, Zone};
pub use standing::{Standing, sort};
pub use state::{Claim, Dead, Ended, Lapse, Run, Runs, State};
pub use stats::{Spread, Stats, stats};
pub use task::{Category, Priority, Status, Task, Text};
pub use verbs::{LEASE, NewTask, Tell};
pub use watch::Waker;
