//! The verdict: deny wins, then what is built in, then what the file allows; all else is refused. The order of the rules
//! does not matter.

use std::fmt;
use std::path::Path;

use super::builtin;
use super::document::{Document, Identity, Limit, Quota, Rule, Signatures};
use super::gate::Gate;
use super::pattern::{Principals, Targets};
use super::refusal::Refusal;
use crate::names::{Act, AgentId, Permit, Roster, Verb};
use crate::security::Error;
use crate::security::Principal;
use crate::security::audit::Hash;

/// The rule of what no rule allows.
pub(super) const NO_RULE: &str = "default-deny";

/// To whom or what something is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Agent(AgentId),
    /// Of Discord.
    Channel(String),
}

impl Target {
    pub(super) fn is_own(&self, of: &Principal) -> bool {
        matches!((self, of), (Self::Agent(id), Principal::Agent(by)) if id == by)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(id) => id.fmt(f),
            Self::Channel(name) => write!(f, "channel:{name}"),
        }
    }
}

/// May this principal do that to this target?
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    pub principal: &'a Principal,
    pub verb: Verb,
    pub target: &'a Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict<'p> {
    pub allowed: bool,
    /// The name of the rule that made it.
    pub rule: &'p str,
}

/// What is allowed to whom in a home.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    says: Document,
    hash: String,
}

impl Policy {
    /// That of a home without a file.
    pub fn builtin() -> Self {
        Self {
            says: Document::default(),
            hash: builtin::HASH.into(),
        }
    }

    /// That of a file; `path` is for the error.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        Ok(Self {
            says: Document::parse(bytes, path)?.gated(),
            hash: Hash::of(bytes).to_string(),
        })
    }

    /// As a compiled copy keeps it: the hash, and what it says.
    pub(crate) fn to_copy(&self) -> Vec<u8> {
        let mut copy = format!("{}\n", self.hash).into_bytes();
        serde_json::to_writer(&mut copy, &self.says).expect("a policy has only text keys");
        copy
    }

    /// It was sound when it was made.
    pub(crate) fn of_copy(copy: &[u8]) -> Option<Self> {
        let end = copy.iter().position(|byte| *byte == b'\n')?;
        let says: Document = serde_json::from_slice(&copy[end + 1..]).ok()?;
        Some(Self {
            hash: String::from_utf8(copy[..end].to_vec()).ok()?,
            says: says.gated(),
        })
    }

    /// Of the file that it was read from.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    pub fn allows(&self) -> &[Rule] {
        &self.says.allow
    }

    pub fn denies(&self) -> &[Rule] {
        &self.says.deny
    }

    pub fn limits(&self) -> &[Limit] {
        &self.says.limits
    }

    pub fn quotas(&self) -> &[Quota] {
        &self.says.quotas
    }

    /// Whether an agent must prove that it is that agent.
    pub const fn identity(&self) -> Identity {
        self.says.identity
    }

    /// Whether only signed mail is sent and taken.
    pub const fn signatures(&self) -> Signatures {
        self.says.signatures
    }

    /// Whether the built-in rules hold beside those of the file.
    pub const fn has_builtin(&self) -> bool {
        self.says.builtin
    }

    pub(super) fn roles(&self) -> impl Iterator<Item = &str> {
        self.says.roles.names()
    }

    pub fn decide(&self, question: &Question, roster: &Roster) -> Verdict<'_> {
        let asked = Gate::asked(question.principal, question.verb);
        let fitting = |rules: &'_ [Rule]| {
            rules
                .iter()
                .position(|rule| rule.gate.is_open(asked) && self.fits(rule, question, roster))
        };
        if let Some(at) = fitting(&self.says.deny) {
            return Verdict {
                allowed: false,
                rule: &self.says.deny[at].rule,
            };
        }
        if let Some(rule) = self.allowing_builtin(question) {
            return Verdict {
                allowed: true,
                rule,
            };
        }
        fitting(&self.says.allow).map_or(
            Verdict {
                allowed: false,
                rule: NO_RULE,
            },
            |at| Verdict {
                allowed: true,
                rule: &self.says.allow[at].rule,
            },
        )
    }

    pub(super) fn allowing_builtin(&self, question: &Question) -> Option<&'static str> {
        self.says
            .builtin
            .then(|| builtin::allowing(question.verb, question.principal, question.target))
            .flatten()
    }

    fn fits(&self, rule: &Rule, question: &Question, roster: &Roster) -> bool {
        rule.is_about(question.verb)
            && self.names(&rule.principals, question, roster)
            && self.reaches(&rule.targets, question, roster)
    }

    /// Whether a rule of these is about the one who asks.
    pub(super) fn names(
        &self,
        principals: &[Principals],
        question: &Question,
        roster: &Roster,
    ) -> bool {
        let has_role = |role: &str| self.has_role(question.principal, role, roster);
        let mut principals = principals.iter();
        principals.any(|it| it.fits(question.principal, &has_role))
    }

    pub(super) fn reaches(
        &self,
        targets: &[Targets],
        question: &Question,
        roster: &Roster,
    ) -> bool {
        let has_role =
            |id: &AgentId, role: &str| self.has_role(&Principal::Agent(id.clone()), role, roster);
        let mut targets = targets.iter();
        targets.any(|it| it.fits(question.target, question.principal, &has_role))
    }

    /// Whether a rule allows anything to whoever has that role.
    pub fn speaks_of(&self, role: &str) -> bool {
        let mut allowed = self.says.allow.iter().flat_map(|it| &it.principals);
        allowed.any(|it| it.role() == Some(role))
    }

    /// By the policy itself.
    pub fn gives(&self, principal: &Principal, role: &str) -> bool {
        self.says.roles.gives(principal, role)
    }

    /// By the roster, or by the policy itself.
    pub(super) fn has_role(&self, principal: &Principal, role: &str, roster: &Roster) -> bool {
        let by_roster = match principal {
            Principal::Agent(id) => roster.has_role(id, role),
            Principal::User(_)
            | Principal::Role(_)
            | Principal::Discord(_)
            | Principal::Bridge(_) => false,
        };
        by_roster || self.says.roles.gives(principal, role)
    }

    /// The same for an act of this machine: the permit, or who may instead.
    pub fn permit(&self, act: Act, roster: &Roster) -> Result<Permit, Refusal> {
        let verdict = self.judge(&act, roster);
        if verdict.allowed {
            return Ok(Permit::grant(act));
        }
        let rule = verdict.rule.to_owned();
        let others = self.others(&act, roster);
        Err(Refusal::Never {
            verb: act.verb,
            caller: act.caller.name(),
            target: act.target,
            rule,
            others,
        })
    }

    pub fn judge(&self, act: &Act, roster: &Roster) -> Verdict<'_> {
        let question = Question {
            principal: &Principal::of(&act.caller),
            verb: act.verb,
            target: &Target::Agent(act.target.clone()),
        };
        self.decide(&question, roster)
    }

    /// Those to whom the same act would be allowed.
    fn others(&self, act: &Act, roster: &Roster) -> Vec<AgentId> {
        // Whoever asks from elsewhere cannot be another.
        if act.caller.guest.is_some() {
            return Vec::new();
        }
        let mut who = vec![AgentId::captain(), AgentId::user()];
        if !who.contains(&act.target) {
            who.insert(0, act.target.clone());
        }
        who.retain(|id| {
            let mut as_other = act.clone();
            as_other.caller.agent = id.clone();
            self.judge(&as_other, roster).allowed
        });
        who
    }
}
