//! Who may do what, and why it was so decided.
//!
//! Files on disk: `config/security/policies.yaml`, which people write (absent: the built-in policy, which costs nothing),
//! its compiled copy `cache/policy`; `runtime/security/rates.json`, which counts against the limits, and
//! `runtime/security/tokens/<agent>.json`, which knows the tokens that were issued.
//!
//! Invariants: deciding is pure and says which rule decided; deny wins, whatever stands before or behind it; what no rule
//! allows is refused; a policy that cannot be read allows nothing but reading.
//!
//! Within one uid this is a guard rail, not a wall: whoever may write the home may write the policy.
//!
//! Not here: doing what was allowed (the rooms that take a `Permit`), and asking before each verb (`desk`).

mod disk;
mod error;
mod identity;
mod policy;
mod principal;

pub use disk::{Policies, TooOften};
pub use error::Error;
pub use identity::{Issued, Unproven};
pub use policy::{
    Because, Complaint, Gravity, Identity, Limit, Policy, Question, Reason, Refusal, Rule, Target,
    Verdict,
};
pub use principal::{BadPrincipal, Principal};
