//! Which rules a question meets, and where each of the others parts from it.

use super::builtin;
use super::decide::{NO_RULE, Policy, Question};
use super::document::Rule;
use crate::names::Roster;

/// How a rule stands to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    Denies,
    Allows,
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

impl Policy {
    /// Every rule that is about the verb; those that decide stand in front.
    pub fn explain(&self, question: &Question, roster: &Roster) -> Vec<Reason<'_>> {
        let denies = self.reasons(self.denies(), Because::Denies, question, roster);
        let builtin = self.allowing_builtin(question).map(|rule| Reason {
            rule,
            because: Because::Allows,
        });
        let allows = self.reasons(self.allows(), Because::Allows, question, roster);
        let mut all: Vec<Reason> = denies.chain(builtin).chain(allows).collect();
        let is_silent =
            |it: &Reason| matches!(it.because, Because::OtherPrincipals | Because::OtherTargets);
        all.sort_by_key(is_silent);
        if all.first().is_none_or(is_silent) {
            all.insert(
                0,
                Reason {
                    rule: NO_RULE,
                    because: Because::Denies,
                },
            );
        }
        all
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
                because: if !self.names(rule, question, roster) {
                    Because::OtherPrincipals
                } else if self.reaches(rule, question, roster) {
                    fits
                } else {
                    Because::OtherTargets
                },
            })
    }

    /// What a built-in rule says.
    pub fn builtin_says(rule: &str) -> Option<&'static str> {
        let found = builtin::RULES.iter().find(|(name, _)| *name == rule);
        found.map(|(_, says)| *says)
    }
}
