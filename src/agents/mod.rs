//! Who exists and how it is started, read from what people write: `config/agents.yaml`, or the original's
//! `config/agents.json` where there is none.
//!
//! On disk: `runtime/cache/roster`, a compiled copy of names and roles. Its first line names the version of the
//! source that it was made from (device, inode, size, modification time); it is made anew when that differs, and
//! may be deleted. `runtime/agents/.edit.lock` is held while a program edits the configuration.
//!
//! Invariants: what cannot be read is an error that names the place, never an empty roster; two agents never
//! answer to the same name; a copy that is as young as its source is not believed, because the clock of a file
//! system may not tell two edits apart. An edit leaves every line that it is not about as it stands, and what it
//! would make is read before it is written; what cannot be read is not edited.
//!
//! Not here: processes. The supervisor reads no configuration: it is handed `settings`.

pub mod control;
pub mod devlog;
mod disk;
mod doctor;
mod error;
pub mod health;
mod keys;
pub mod launch;
pub(crate) mod moves;
pub mod onboarding;
mod output;
mod parse;
pub mod presets;
mod process;
mod pulse;
mod raw;
pub mod registry;
pub mod settings;
pub(crate) mod standing;
pub mod state;
mod terminal;
mod tree;
mod values;

pub use disk::{agents, edit, everybody, read, template_of, unknown_keys};
pub(crate) use disk::{may_edit, may_tell_how_they_do};
pub(crate) use doctor::{examine, strays};
pub use error::Error;
pub use keys::Unknown;
pub use output::{Follow, Printed, Tail, dated};
pub use process::{Begun, Lost, Starting, Tended, Wish, ask, start, stop, tend};
pub(crate) use process::{LOST, is_over, started, was_started};
pub(crate) use pulse::{beat, signs};
pub(crate) use terminal::glance;
pub use terminal::{Attached, Joins, attach, peek, type_text};
