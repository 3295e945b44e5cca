//! The inside of `dreamos-superd`: one small process an agent, which starts it, drains what it prints, starts it anew
//! by its policy, and ends all of it when it is told to.
//!
//! On disk, in `runtime/agents/<agent>/`: `lock`, held from before the supervisor runs until it ends; `state.json`,
//! replaced at each change; `output.log` and its older ones; `control`, the socket that it listens on.
//!
//! A child that wants a terminal has one. What it draws there is kept as a screen, which clients look at, type on and
//! join; nobody who is slow or goes away holds up the child or us.
//!
//! Invariants: never two children; a child is started by the process that waits for it and dies with it; what was
//! stopped stays stopped; nothing of the tree is left when the supervisor says that it is over, and nothing outside of
//! it is touched. One thread, no configuration, no command line: it is handed what it needs as JSON.
//!
//! Not here: who may start what (`desk`), and what becomes of a supervisor that was killed (`agents`, at the next call).

mod child;
mod control;
mod error;
mod handed;
mod machine;
mod output;
mod run;
mod screen;
mod terminal;
mod typing;

pub use error::Error;
pub use run::run;
