//! One grammar for all programs: arguments, output, exit codes. Knows no room of the domain.
//!
//! A program is a name and a table of [`Verb`]s. On the hot path only the arguments of the chosen verb are
//! built; the whole tree exists for help, completion and the man page alone.
//!
//! Results go to stdout, one record a line; talk goes to stderr. The exit code always tells what became of the
//! state: a closed pipe or a full disk behind stdout does not change it.
//!
//! Reads arguments, environment, the standard streams, and the file that an editor was given. Does not open a
//! home and does not know what a message is.

mod audience;
mod body;
mod complete;
mod context;
mod editor;
#[cfg(own_entry)]
mod entry;
mod failure;
#[cfg(shipped)]
mod lean;
mod options;
mod pages;
mod program;
mod secret;
mod signal;
mod start;
mod table;
mod terminal;
mod text;

pub use audience::Audience;
pub use body::{LONGEST_CONTENT, body, whole_bytes, whole_input, whole_text};
pub use context::Context;
pub use editor::{Draft, confirm};
pub use failure::{Error, Exit, Failure};
pub use options::{Format, Options, Own, moment};
pub use program::{Program, Run, Verb, run};
pub use secret::{secret_by, secret_input};
pub use signal::Interrupt;
pub use table::Table;
pub use terminal::RawTerminal;
pub use text::{first_line, in_one_line, quoted, visible, visible_json};
