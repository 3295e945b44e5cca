//! Shows who holds which key: messages are signed with an agent's Ed25519 key over their canonical form (RFC 8785).
//!
//! Files: `runtime/keys/<agent>.json`, what an agent signs with and opens sealed mail with; `config/security/keys/<agent>.json`,
//! its keys as everybody may know them, those of agents of other homes too; `runtime/keys/.lock`, held by whoever changes
//! either.
//!
//! Invariants: a public key stands in its file before anything is signed with it, and what is signed with the key before
//! it still counts at that instant; a retired key counts for what was signed until then, a revoked one for nothing; what
//! was revoked stays so. A key is that of one name: who gets another signs with another key and opens with the same, and
//! the public file of the name that he had stays.
//!
//! Not here: whether a nonce was seen before. A message that is delivered a second time, unchanged, has a signature that
//! is as good as the first: whoever accepts mail keeps the nonces of the last `MOST_APART` and refuses what comes again.

mod canonical;
mod error;
mod fingerprint;
mod private;
mod public;
mod ring;
mod signature;

pub use canonical::Content;
pub use error::Error;
pub use fingerprint::Fingerprint;
pub use private::{Key, Pair};
pub use public::{PublicKey, PublicKeys, Standing};
pub use ring::{
    Listed, identity, import, list, make, may_rename, public_keys, remove, rename, revoke, rotate,
    sign, signing_key,
};
pub use signature::{MOST_APART, Nonce, Proof, Signature, Why, verify};
