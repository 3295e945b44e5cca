//! Who exists, as plain values: ids, aliases, roles, and how often a pair may repeat itself. Parsed by
//! `agents`, asked by everybody.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::nearest::{alike, fold, highest, nearest, squeeze};
use super::{AgentId, Explain, Kind};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Roster {
    pub agents: Vec<RosterEntry>,
    #[serde(default)]
    pub limits: Limits,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RosterEntry {
    pub id: AgentId,
    #[serde(default)]
    pub aliases: Vec<String>,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub escalate_to: Option<AgentId>,
}

/// The loop breaker's settings, per pair of agents.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    pub replies_per_message: u32,
    pub similar_window: u32,
    pub similarity: f64,
    /// Seconds that these rules look back.
    pub within: u64,
    /// How many answers in a row, each to the one before, whoever gave them.
    pub most_hops: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            replies_per_message: 3,
            similar_window: 5,
            similarity: 0.9,
            within: 600,
            most_hops: 64,
        }
    }
}

/// Nobody, or more than one, answers to a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownName {
    #[error("no agent {asked:?}")]
    Nobody {
        asked: String,
        /// The nearest names, if any is near.
        nearest: Vec<AgentId>,
        /// The highest number of that shape, where only the number is unknown.
        highest: Option<AgentId>,
    },
    #[error("{asked:?} names more than one agent: {}", list(candidates, ", "))]
    Ambiguous {
        asked: String,
        candidates: Vec<AgentId>,
    },
}

impl Explain for UnknownName {
    fn kind(&self) -> Kind {
        Kind::Unknown
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Nobody {
                asked,
                highest: Some(highest),
                ..
            } => Some(format!("{asked} is not registered; highest is {highest}")),
            Self::Nobody { nearest, .. } if nearest.is_empty() => None,
            Self::Nobody { nearest, .. } => {
                Some(format!("did you mean {}?", list(nearest, " or ")))
            }
            Self::Ambiguous { .. } => Some("write one of them in full".into()),
        }
    }
}

fn list(ids: &[AgentId], between: &str) -> String {
    let ids: Vec<&str> = ids.iter().map(AgentId::as_str).collect();
    ids.join(between)
}

/// Why an id cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFree {
    #[error("{0} is a reserved name")]
    Reserved(AgentId),
    #[error("{}", taken(id, by))]
    Taken { id: AgentId, by: AgentId },
}

fn taken(id: &AgentId, by: &AgentId) -> String {
    if id == by {
        format!("{id} is taken")
    } else {
        format!("{id} is too like {by}: they would answer to the same name")
    }
}

impl Explain for NotFree {
    fn kind(&self) -> Kind {
        Kind::CannotCreate
    }

    fn hint(&self) -> Option<String> {
        Some("choose another name; case, '_' and '-' make no difference".into())
    }
}

impl Roster {
    /// The canonical id of a name as a person writes it. Exact names first, then without regard to case and
    /// `_` against `-`, then without both; aliases take part at each level. `others` have a mailbox without
    /// being registered; `user` and `system` always exist.
    pub fn resolve(&self, name: &str, others: &[AgentId]) -> Result<AgentId, UnknownName> {
        let (folded, squeezed) = (fold(name), squeeze(name));
        let built_in = [AgentId::user(), AgentId::system()];
        let known = || {
            self.names()
                .chain(unregistered(others))
                .chain(unregistered(&built_in))
        };
        let level = |answers: &dyn Fn(&str) -> bool| -> BTreeSet<&AgentId> {
            known()
                .filter(|(known, _)| answers(known))
                .map(|(_, id)| id)
                .collect()
        };

        let mut hits = level(&|known| known == name);
        if hits.is_empty() {
            hits = level(&|known| fold(known) == folded);
        }
        if hits.is_empty() {
            hits = level(&|known| squeeze(known) == squeezed);
        }
        if hits.len() > 1 {
            return Err(UnknownName::Ambiguous {
                asked: shown(name),
                candidates: hits.into_iter().cloned().collect(),
            });
        }
        hits.pop_first().cloned().ok_or_else(|| {
            let highest = highest(name, known().map(|(_, id)| id)).cloned();
            let nearest = match highest {
                Some(_) => Vec::new(),
                None => nearest(name, known()),
            };
            UnknownName::Nobody {
                asked: shown(name),
                nearest,
                highest,
            }
        })
    }

    /// Whether nobody answers to this id yet, so that registering it, or making a mailbox for it, makes no
    /// name ambiguous.
    pub fn may_register(&self, id: &AgentId, others: &[AgentId]) -> Result<(), NotFree> {
        if id.is_reserved() {
            return Err(NotFree::Reserved(id.clone()));
        }
        let folded = fold(id.as_str());
        self.names()
            .chain(unregistered(others))
            .find(|(known, _)| fold(known) == folded)
            .map_or(Ok(()), |(_, by)| {
                Err(NotFree::Taken {
                    id: id.clone(),
                    by: by.clone(),
                })
            })
    }

    /// The members of a role, in the order of the roster.
    pub fn role(&self, role: &str) -> Vec<AgentId> {
        let role = fold(role);
        self.agents
            .iter()
            .filter(|agent| agent.roles.iter().any(|its| fold(its) == role))
            .map(|agent| agent.id.clone())
            .collect()
    }

    /// Case, `_` and `-` make no difference to a role either.
    pub fn has_role(&self, id: &AgentId, role: &str) -> bool {
        let its = self.entry(id).map_or(&[][..], |entry| &entry.roles);
        its.iter().any(|its| alike(its, role))
    }

    pub fn entry(&self, id: &AgentId) -> Option<&RosterEntry> {
        self.agents.iter().find(|agent| agent.id == *id)
    }

    /// Ids and aliases, each with the id that it stands for.
    fn names(&self) -> impl Iterator<Item = (&str, &AgentId)> {
        self.agents.iter().flat_map(|agent| {
            let aliases = agent.aliases.iter().map(String::as_str);
            std::iter::once(agent.id.as_str())
                .chain(aliases)
                .map(|name| (name, &agent.id))
        })
    }
}

fn unregistered(ids: &[AgentId]) -> impl Iterator<Item = (&str, &AgentId)> {
    ids.iter().map(|id| (id.as_str(), id))
}

/// A name goes into an error message; whole books do not.
fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> AgentId {
        AgentId::parse(text).unwrap()
    }

    fn roster(agents: &[(&str, &[&str])]) -> Roster {
        let agents = agents
            .iter()
            .map(|(name, aliases)| RosterEntry {
                id: id(name),
                aliases: aliases.iter().map(ToString::to_string).collect(),
                roles: Vec::new(),
                escalate_to: None,
            })
            .collect();
        Roster {
            agents,
            ..Roster::default()
        }
    }

    fn twelve() -> Roster {
        let names: Vec<String> = (1..=12).map(|n| format!("agent-{n}")).collect();
        let mut agents: Vec<(&str, &[&str])> =
            names.iter().map(|n| (n.as_str(), &[][..])).collect();
        agents.push(("captain", &["boss"]));
        roster(&agents)
    }

    fn answer(roster: &Roster, name: &str) -> String {
        match roster.resolve(name, &[]) {
            Ok(id) => id.to_string(),
            Err(error) => match error.hint() {
                Some(hint) => format!("{error} — {hint}"),
                None => error.to_string(),
            },
        }
    }

    #[test]
    fn a_name_is_found_however_it_is_spelled() {
        let roster = twelve();
        for name in ["agent-3", "Agent-3", "AGENT_3", "agent3", "a_g-ent3"] {
            assert_eq!(answer(&roster, name), "agent-3", "{name}");
        }
        for name in ["boss", "BOSS", "b-oss"] {
            assert_eq!(answer(&roster, name), "captain", "{name}");
        }
        assert_eq!(answer(&roster, "User"), "user");
        assert_eq!(answer(&roster, "system"), "system");
    }

    #[test]
    fn a_typo_gets_the_nearest_name_and_a_wrong_number_the_highest() {
        let roster = twelve();
        let cases = [
            ("agnet-3", "no agent \"agnet-3\" — did you mean agent-3?"),
            (
                "agent-13",
                "no agent \"agent-13\" — agent-13 is not registered; highest is agent-12",
            ),
            (
                "Agent13",
                "no agent \"Agent13\" — Agent13 is not registered; highest is agent-12",
            ),
            ("captian", "no agent \"captian\" — did you mean captain?"),
            ("bos", "no agent \"bos\" — did you mean captain?"),
            ("usr", "no agent \"usr\" — did you mean user?"),
            ("agent.3", "no agent \"agent.3\" — did you mean agent-3?"),
            ("xy", "no agent \"xy\""),
            ("zebra", "no agent \"zebra\""),
            ("", "no agent \"\""),
            ("all", "no agent \"all\""),
        ];
        for (name, expected) in cases {
            assert_eq!(answer(&roster, name), expected);
        }
    }

    #[test]
    fn at_most_three_equally_near_names() {
        let roster = roster(&[("beta", &[]), ("bets", &[]), ("betx", &[]), ("bety", &[])]);
        assert_eq!(
            answer(&roster, "betz"),
            "no agent \"betz\" — did you mean beta or bets or betx?"
        );
    }

    #[test]
    fn more_than_one_hit_at_a_level_is_named_and_an_earlier_level_wins() {
        let roster = roster(&[("web-1-1", &[]), ("web-11", &["w"]), ("db", &["w"])]);
        assert_eq!(answer(&roster, "web-11"), "web-11");
        assert_eq!(answer(&roster, "WEB_11"), "web-11");
        for (name, both) in [("web11", "web-1-1, web-11"), ("w", "db, web-11")] {
            assert_eq!(
                answer(&roster, name),
                format!("{name:?} names more than one agent: {both} — write one of them in full")
            );
        }
    }

    #[test]
    fn a_mailbox_without_registration_is_found_too() {
        let roster = roster(&[("agent-1", &[])]);
        let others = [id("agent-1"), id("old_one")];
        assert_eq!(roster.resolve("agent-1", &others), Ok(id("agent-1")));
        assert_eq!(roster.resolve("Old-One", &others), Ok(id("old_one")));
        assert!(roster.resolve("old_one", &[]).is_err());
    }

    #[test]
    fn an_id_that_somebody_answers_to_cannot_be_registered() {
        let roster = roster(&[("agent-1", &["Boss"])]);
        let others = [id("old")];
        let free = |name| roster.may_register(&id(name), &others);
        assert_eq!(free("agent-11"), Ok(()));
        for (name, by) in [
            ("agent-1", "agent-1"),
            ("agent_1", "agent-1"),
            ("boss", "agent-1"),
            ("old", "old"),
        ] {
            assert_eq!(
                free(name),
                Err(NotFree::Taken {
                    id: id(name),
                    by: id(by)
                })
            );
        }
        for name in super::super::RESERVED {
            assert_eq!(free(name), Err(NotFree::Reserved(id(name))));
        }
    }

    #[test]
    fn a_role_has_its_members_in_order() {
        let mut roster = roster(&[("b", &[]), ("a", &[]), ("c", &[])]);
        roster.agents[0].roles = vec!["Code_Review".into()];
        roster.agents[1].roles = vec!["cook".into(), "code-review".into()];
        assert_eq!(roster.role("code-review"), [id("b"), id("a")]);
        assert_eq!(roster.role("waiter"), []);
    }

    proptest! {
        /// Registered one after the other under the rule, every id answers to itself in any case and with
        /// either separator.
        #[test]
        fn what_was_let_in_is_always_found(
            names in proptest::collection::vec("[a-c0-2][a-c0-2._-]{0,4}", 1..12),
            upper in any::<bool>(),
        ) {
            let mut roster = Roster::default();
            for id in names.iter().filter_map(|name| AgentId::parse(name).ok()) {
                if roster.may_register(&id, &[]).is_ok() {
                    roster.agents.push(RosterEntry {
                        id, aliases: Vec::new(), roles: Vec::new(), escalate_to: None,
                    });
                }
            }
            for entry in &roster.agents {
                let swapped: String = entry.id.as_str().chars()
                    .map(|c| match c { '-' => '_', '_' => '-', c => c }).collect();
                let asked = if upper { swapped.to_uppercase() } else { swapped };
                prop_assert_eq!(roster.resolve(&asked, &[]), Ok(entry.id.clone()));
                prop_assert_eq!(roster.resolve(entry.id.as_str(), &[]), Ok(entry.id.clone()));
            }
        }

        /// A name that nobody has never reaches anybody: it is refused, whatever is near.
        #[test]
        fn a_near_name_is_a_hint_and_never_a_recipient(name in "[a-z]{1,12}") {
            let roster = twelve();
            let known = roster.names().any(|(known, _)| squeeze(known) == name)
                || ["user", "system"].contains(&name.as_str());
            prop_assert_eq!(roster.resolve(&name, &[]).is_ok(), known);
        }
    }
}
