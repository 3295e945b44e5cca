//! The rules: how they are written, what they say, and what is wrong with them. Pure.

mod builtin;
mod decide;
mod document;
mod enrol;
mod explain;
mod gate;
mod lint;
mod pattern;
mod quota;
mod rate;
mod refusal;

pub use decide::{Policy, Question, Target, Verdict};
pub use document::{Identity, Limit, Quota, Rule, Signatures};
pub use enrol::is_ready_made;
pub use explain::{Because, Reason};
pub use lint::{Complaint, Gravity};
pub use quota::Allowance;
pub use refusal::{Refusal, deed};

pub(super) use enrol::enrolled;
pub(super) use rate::{Turn, count};

#[cfg(test)]
mod tests;
