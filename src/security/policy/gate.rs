//! What a rule is surely not about, told without a look at its texts: of a thousand rules few are left to be read.

use std::hash::BuildHasher as _;

use super::pattern::{Actions, Principals};
use crate::names::Verb;
use crate::security::Principal;

/// One bit each.
const _: () = assert!(Verb::ALL.len() <= 64, "the verbs have no room any more");

/// Closed where the rule cannot fit; open where it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gate {
    verbs: u64,
    principals: u64,
}

/// Of a rule that nobody has looked at.
impl Default for Gate {
    fn default() -> Self {
        Self {
            verbs: u64::MAX,
            principals: u64::MAX,
        }
    }
}

impl Gate {
    pub(super) fn of(principals: &[Principals], actions: &[Actions]) -> Self {
        let fitting = |verb: &Verb| actions.iter().any(|it| it.fits(*verb));
        let verbs = Verb::ALL.iter().copied().filter(fitting);
        let bits = principals.iter().map(|it| match it.exactly() {
            Some((class, name)) => bit(class, name),
            None => u64::MAX,
        });
        Self {
            verbs: verbs.fold(0, |all, verb| all | of_verb(verb)),
            principals: bits.fold(0, |all, bit| all | bit),
        }
    }

    pub(super) const fn is_open(self, asked: Self) -> bool {
        self.verbs & asked.verbs != 0 && self.principals & asked.principals != 0
    }

    /// What must be open for this question.
    pub(super) fn asked(principal: &Principal, verb: Verb) -> Self {
        Self {
            verbs: of_verb(verb),
            principals: match principal {
                Principal::Discord(guest) => guest
                    .numbers()
                    .map(|it| bit(principal.class(), &it.to_string()))
                    .fold(0, |all, bit| all | bit),
                Principal::Agent(id) => bit(principal.class(), id.as_str()),
                Principal::User(name) | Principal::Role(name) | Principal::Bridge(name) => {
                    bit(principal.class(), name)
                }
            },
        }
    }
}

const fn of_verb(verb: Verb) -> u64 {
    1 << verb as u8
}

/// Two names may have the same; one name always has one.
fn bit(class: &str, name: &str) -> u64 {
    let hasher = foldhash::fast::FixedState::default();
    1 << (hasher.hash_one((class, name)) % 64)
}
