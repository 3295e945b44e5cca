//! Which rules and quotas a question meets, and where each of the others parts from it.

use super::builtin;
use super::decide::{NO_RULE, Policy, Question};
use super::document::Rule;
use super::pattern::{Principals, Targets};
use super::quota::BOUNDED;
use crate::names::Roster;

/// How a rule stands to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    Denies,
    Allows,
    /// A quota: allowed as long as there is room.
    Bounds,
    /// It is about this act, but about others who ask.
    OtherPrincipals,
    /// It is about this act of this one, but to others.
    OtherTargets,
}

impl Because {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Denies => "denies",
            Self::Allows => "allows",
            Self::Bounds => "bounds",
            Self::OtherPrincipals => "other-principals",
            Self::OtherTargets => "other-targets",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'p> {
    pub rule: &'p str,
    pub because: Because,
}

impl Because {
    /// Those that decide stand in front, those that have nothing to say behind.
    const fn rank(self) -> u8 {
        match self {
            Self::Denies | Self::Allows => 0,
            Self::Bounds => 1,
            Self::OtherPrincipals | Self::OtherTargets => 2,
        }
    }
}

impl Policy {
    /// Every rule and quota that is about the verb; those that decide stand in front.
    pub fn explain(&self, question: &Question, roster: &Roster) -> Vec<Reason<'_>> {
        let denies = self.reasons(self.denies(), Because::Denies, question, roster);
        let builtin = self.allowing_builtin(question).map(|rule| Reason {
            rule,
            because: Because::Allows,
        });
        let allows = self.reasons(self.allows(), Because::Allows, question, roster);
        let mut all: Vec<Reason> = denies.chain(builtin).chain(allows).collect();
        if all.iter().all(|it| it.because.rank() > 0) {
            all.push(Reason {
                rule: NO_RULE,
                because: Because::Denies,
            });
        }
        all.extend(self.quota_reasons(question, roster));
        all.sort_by_key(|it| it.because.rank());
        all
    }

    fn quota_reasons<'p>(
        &'p self,
        question: &Question,
        roster: &Roster,
    ) -> impl Iterator<Item = Reason<'p>> {
        let is_about = question.verb == BOUNDED;
        let builtin = self.bounding_builtin(question).map(|(rule, _)| Reason {
            rule,
            because: Because::Bounds,
        });
        let quotas = self.quotas().iter().filter(move |_| is_about);
        builtin.into_iter().chain(quotas.map(move |quota| Reason {
            rule: &quota.rule,
            because: self.stand(
                (&quota.principals, &quota.targets),
                Because::Bounds,
                question,
                roster,
            ),
        }))
    }

    fn reasons<'p>(
        &'p self,
        rules: &'p [Rule],
        fits: Because,
        question: &Question,
        roster: &Roster,
    ) -> impl Iterator<Item = Reason<'p>> {
        rules
            .iter()
            .filter(|rule| rule.is_about(question.verb))
            .map(move |rule| Reason {
                rule: &rule.rule,
                because: self.stand((&rule.principals, &rule.targets), fits, question, roster),
            })
    }

    fn stand(
        &self,
        (principals, targets): (&[Principals], &[Targets]),
        fits: Because,
        question: &Question,
        roster: &Roster,
    ) -> Because {
        if !self.names(principals, question, roster) {
            Because::OtherPrincipals
        } else if self.reaches(targets, question, roster) {
            fits
        } else {
            Because::OtherTargets
        }
    }

    /// What a built-in rule says.
    pub fn builtin_says(rule: &str) -> Option<&'static str> {
        let found = builtin::RULES.iter().find(|(name, _)| *name == rule);
        found.map(|(_, says)| *says)
    }
}
