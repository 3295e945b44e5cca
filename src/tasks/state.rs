//! What programs need to know of tasks and people do not: who holds which, and when one ran last. One file an agent,
//! `runtime/tasks/<agent>.state.json`.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::AgentId;
use crate::time::Timestamp;

pub(super) const VERSION: u64 = 1;

/// Whoever has it works on the task, and nobody else does, as long as it lasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    pub by: AgentId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    pub at: Timestamp,
    /// `None`: until it is given back. A person's claim has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Lives of agents that are over: what they hold is nobody's.
pub type Dead = HashSet<(AgentId, String)>;

impl Claim {
    pub fn lapsed(&self, dead: &Dead, now: Timestamp) -> Option<Lapse> {
        let life = self.incarnation.clone().map(|life| (self.by.clone(), life));
        if life.is_some_and(|life| dead.contains(&life)) {
            return Some(Lapse::Died);
        }
        self.until
            .is_some_and(|until| until <= now)
            .then_some(Lapse::Expired)
    }

    /// Whether `who`, in this life of his, is the one who holds it.
    pub fn is_of(&self, who: &AgentId, incarnation: Option<&str>) -> bool {
        self.by == *who && self.incarnation.as_deref() == incarnation
    }
}

/// Why a claim is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lapse {
    Expired,
    Died,
}

impl Lapse {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "its claim expired",
            Self::Died => "whoever had claimed it is dead",
        }
    }
}

/// When a task ran, and when it may run again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Runs {
    /// The occurrence of its schedule that was started last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_fire: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_start: Option<Timestamp>,
    /// In which `@reboot` fired last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// The run that goes on, or went on when the machine did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Run>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Ended>,
    /// So often in a row it failed and is tried again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<Timestamp>,
    /// Occurrences that passed without a run, since it was made.
    #[serde(default, skip_serializing_if = "is_none_missed")]
    pub missed: u64,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_zero(attempt: &u32) -> bool {
    *attempt == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_none_missed(missed: &u64) -> bool {
    *missed == 0
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: String,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    pub id: String,
    pub at: Timestamp,
    /// "completed", or what was wrong.
    pub outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub version: u64,
    #[serde(default)]
    pub claims: BTreeMap<String, Claim>,
    #[serde(default)]
    pub runs: BTreeMap<String, Runs>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            version: VERSION,
            claims: BTreeMap::new(),
            runs: BTreeMap::new(),
            extra: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_ends_with_its_time_or_with_the_life_of_its_holder() {
        let agent = AgentId::parse("agent-1").unwrap();
        let at = Timestamp::from_unix_ms;
        let claim = |incarnation: Option<&str>, until| Claim {
            by: agent.clone(),
            incarnation: incarnation.map(Into::into),
            at: at(0),
            until,
            extra: Map::new(),
        };
        let dead = Dead::from([(agent.clone(), "old".to_owned())]);
        assert_eq!(
            claim(Some("old"), Some(at(9))).lapsed(&dead, at(1)),
            Some(Lapse::Died)
        );
        assert_eq!(claim(Some("new"), Some(at(9))).lapsed(&dead, at(8)), None);
        assert_eq!(
            claim(Some("new"), Some(at(9))).lapsed(&dead, at(9)),
            Some(Lapse::Expired)
        );
        assert_eq!(claim(None, None).lapsed(&dead, at(i64::MAX)), None);
        assert!(claim(Some("new"), None).is_of(&agent, Some("new")));
        assert!(!claim(Some("new"), None).is_of(&agent, None));
    }

    #[test]
    fn a_state_keeps_what_it_does_not_know() {
        let text = r#"{"version":1,"claims":{"a":{"by":"x","at":"1970-01-01T00:00:00.000Z","new":1}},"runs":{"a":{"new":[2]}},"new":{}}"#;
        let state: State = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&state).unwrap(), text);
    }
}
