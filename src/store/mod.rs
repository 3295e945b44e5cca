//! Files that stay whole whatever crashes: one directory descriptor, locks that die with their holder, an
//! append-only journal with checked lines, derived files that may vanish, and whole-file replacement.
//!
//! Invariants: nothing is opened through a link; only regular files with one name are opened; every descriptor
//! is close-on-exec; modes are 0600 and 0700 whatever the umask; a lock file is never removed or replaced.
//!
//! Not here: what the lines mean, and when to flush. Linux ≥ 5.6 (`openat2`).

mod compiled;
mod dir;
mod error;
mod journal;
mod lock;
mod pages;
pub(crate) mod proc;
mod sys;
mod walk;
mod watch;

pub(crate) use compiled::{Version, compiled, keep_compiled};
pub(crate) use dir::{Dir, File, Ident, Look, Open, Target, What, random_u64, random_u128};
pub use error::Error;
pub(crate) use journal::{Line, Lines, fence, seal, sum, unsealed, verify};
pub(crate) use lock::{Deadline, Hold, Lock, busy, take_waited, try_hold};
pub(crate) use pages::Pages;
pub(crate) use walk::{files_below, files_beside};
pub(crate) use watch::{DirWatch, Slept};
