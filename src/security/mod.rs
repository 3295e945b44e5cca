//! Who may do what and why, what proves who speaks, what must not be read by everybody, and the record of all that.
//!
//! Files on disk: `config/security/policies.yaml`, which people write (absent: the built-in policy, which costs nothing),
//! and its compiled copy `cache/policy`; `runtime/security/`, which counts against limits and knows the tokens that were
//! issued; `runtime/audit/`, the chained record; `runtime/keys/` and `config/security/keys/`, private and public keys;
//! `runtime/secrets/`, and outside of the home the user's key file.
//!
//! Invariants: deciding is pure and says which rule decided; deny wins, whatever stands before or behind it; what no rule
//! allows is refused; a policy that cannot be read allows nothing but reading. What a private file holds is refused where
//! others may read it; nothing secret stands in an error, in what `Debug` prints or in a file in plain text; a file that
//! cannot be read as what it should be is never written over.
//!
//! Within one uid this is a guard rail, not a wall: whoever may write the home may write the policy.
//!
//! Not here: doing what was allowed (the rooms that take a `Permit`), and asking before each verb (`desk`). This room reads
//! no environment and asks nobody.

pub mod approvals;
pub mod audit;
mod disk;
mod document;
mod error;
mod files;
mod identity;
pub mod keys;
mod new_file;
pub mod plain;
mod policy;
mod principal;
#[cfg(feature = "age")]
pub mod sealed;
#[cfg(feature = "age")]
pub mod secrets;

pub use disk::{Policies, TooOften, enrol, plain_secrets};
pub use error::Error;
pub use identity::{Issued, Unproven};
pub use new_file::NewFile;
pub use policy::{
    Allowance, Because, Complaint, Gravity, Identity, Limit, Policy, Question, Quota, Reason,
    Refusal, Rule, Signatures, Target, Verdict, deed, is_ready_made,
};
pub use principal::{BadPrincipal, Principal};
