//! Which fragments belong together, and why.
//!
//! One after the other, fragments are linked to older ones; what is linked is one thread. In this order: what names its
//! task, its thread, or what it answers; what names something that few others name; in conversation, who speaks to whom
//! and of what; of events, who acts, who is named, and of what.
//!
//! * Two threads that name different tasks are never one.
//! * Ids that are told are never forgotten; all else is bounded, and what was not named for long is forgotten first.
//! * The same fragments in the same order give the same threads, over `save` and `load` too.
//!
//! It keeps no text, reads no clock and touches no file. Who calls it counts the fragments as it does: from 0, by one a call.

mod bytes;
mod cases;
mod chat;
mod events;
mod evidence;
mod fading;
mod fitted;
mod fitted_events;
mod forest;
mod identifiers;
mod linker;
mod pairs;
mod speech;
mod ties;
mod words;

pub use linker::{Link, Linker};

#[cfg(test)]
mod tests;
