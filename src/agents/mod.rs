//! Who exists, read from what people write: `config/agents.yaml`, or the original's `config/agents.json` where
//! there is none.
//!
//! On disk: `runtime/cache/roster`, a compiled copy. Its first line names the version of the source that it was
//! made from (device, inode, size, modification time); it is made anew when that differs, and may be deleted.
//!
//! Invariants: what cannot be read is an error that names the place, never an empty roster; two agents never
//! answer to the same name; a copy that is as young as its source is not believed, because the clock of a file
//! system may not tell two edits apart.
//!
//! Not here: writing the configuration, and the keys that other rooms read from it (unknown ones are skipped).

pub mod control;
mod disk;
mod error;
pub mod launch;
mod parse;
pub mod presets;
pub(crate) mod proc;
mod process;
pub mod settings;
pub(crate) mod standing;
pub mod state;
mod terminal;

pub use disk::{agents, everybody, read, unknown_keys};
pub use error::Error;
pub use process::{Begun, Lost, Starting, Tended, ask, start, stop, tend};
pub use terminal::{Attached, Joins, attach, peek, type_text};
