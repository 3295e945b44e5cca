//! Proof of who said something, and what must not be read by everybody.
//!
//! Files: `runtime/keys/`, `config/security/keys/`, `runtime/secrets/`; outside of the home, the user's key file.
//!
//! Invariants: what a private file holds is refused where others may read it; nothing secret stands in an error, in what
//! `Debug` prints or in a file in plain text; a file that cannot be read as what it should be is never written over.
//!
//! Not here: where programs find passphrases and paths; this room reads no environment and asks nobody.

mod document;
mod files;
pub mod keys;
pub mod plain;
#[cfg(feature = "age")]
pub mod secrets;
