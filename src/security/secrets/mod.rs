//! What must not be read by everybody: sealing in the format of age, and the store of what bots, bridges and posters log
//! in with.
//!
//! Files: `runtime/secrets/store.age`, one age file over a JSON object, and its `.lock`; outside of the home, wherever the
//! caller says, the user's key file, an age identity file with its own lock: it opens the stores of all his homes, and its
//! first key is what they are sealed to.
//!
//! Invariants: a store that cannot be opened is left as it is; a value is whole or not given out at all; whatever dies
//! during a change of keys, the key file opens the store. Nothing here shows a value in an error or by `Debug`.
//!
//! Not here: where the key file lies, how a passphrase is asked for, what stands in the environment.

mod error;
mod key_file;
mod name;
mod seal;
mod store;
mod vault;

pub use error::Error;
pub use key_file::{unlock, unlock_or_make};
pub use name::{BadName, SecretName};
pub use seal::{Identity, SealedWith, Unlock, Unopened, open_with, seal_to};
pub use secrecy::{ExposeSecret, SecretString};
pub use store::{NewKey, get, list, read_for_program, remove, rotate_key, sealed_with, set};
pub use vault::Listed;
