//! From the text of a configuration to a roster. Pure.

use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
/// Any YAML, and any mapping.
pub(super) use serde_yaml::{Mapping as Values, Value};

use super::Error;
use super::error::Place;
use crate::names::{AgentId, Limits, NotFree, Roster, RosterEntry};
use crate::time::parse_span;

/// Format of `agents.yaml`.
const VERSION: u64 = 1;

/// Who wrote the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `agents.yaml`
    Ours,
    /// `agents.json`, whose ids may have capitals.
    Original,
}

pub(super) fn roster(bytes: &[u8], dialect: Dialect, path: &Path) -> Result<Roster, Error> {
    let text = text(bytes, path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match dialect {
        Dialect::Ours => {
            refuse_newer(&yaml(text), path)?;
            build(yaml::<File<false>>(text), path)
        }
        Dialect::Original => {
            refuse_newer(&json(text), path)?;
            build(json::<File<true>>(text), path)
        }
    }
}

pub(super) fn text<'b>(bytes: &'b [u8], path: &Path) -> Result<&'b str, Error> {
    std::str::from_utf8(bytes).map_err(|e| Error::Malformed {
        path: path.into(),
        place: Place(None),
        why: format!("no UTF-8 after byte {}", e.valid_up_to()),
    })
}

/// What a parser found wrong, and where.
pub(super) struct Fault {
    pub(super) place: Place,
    pub(super) why: String,
}

impl Fault {
    pub(super) fn of(self, path: &Path) -> Error {
        Error::Malformed {
            path: path.into(),
            place: self.place,
            why: self.why,
        }
    }

    /// Both parsers write the place behind the reason; we write it in front, as compilers do.
    fn new(error: &impl fmt::Display, place: Option<(usize, usize)>) -> Self {
        let mut why = error.to_string();
        if let Some((line, column)) = place {
            why = why.replacen(&format!(" at line {line} column {column}"), "", 1);
        }
        Self {
            place: Place(place),
            why,
        }
    }
}

fn says_nothing(text: &str) -> bool {
    text.lines()
        .map(str::trim_start)
        .all(|line| line.is_empty() || line.starts_with('#'))
}

pub(super) fn yaml<T: DeserializeOwned + Default>(text: &str) -> Result<T, Fault> {
    if says_nothing(text) {
        return Ok(T::default());
    }
    serde_yaml::from_str(text).map_err(|e| yaml_fault(&e))
}

fn yaml_fault(error: &serde_yaml::Error) -> Fault {
    Fault::new(error, error.location().map(|at| (at.line(), at.column())))
}

/// Reads, and tells of each key that the reader did not want.
pub(super) fn reading<T: DeserializeOwned + Default>(
    text: &str,
    dialect: Dialect,
    unwanted: &mut dyn FnMut(&serde_ignored::Path),
) -> Result<T, Fault> {
    let unwanted = |key: serde_ignored::Path| unwanted(&key);
    match dialect {
        Dialect::Ours if says_nothing(text) => Ok(T::default()),
        Dialect::Ours => {
            serde_ignored::deserialize(serde_yaml::Deserializer::from_str(text), unwanted)
                .map_err(|e| yaml_fault(&e))
        }
        Dialect::Original => {
            serde_ignored::deserialize(&mut serde_json::Deserializer::from_str(text), unwanted)
                .map_err(|e| Fault::new(&e, Some((e.line(), e.column()))))
        }
    }
}

pub(super) fn json<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|e| Fault::new(&e, Some((e.line(), e.column()))))
}

/// A newer format may have other shapes, so that it is looked for first; what has no version is checked later.
fn refuse_newer(head: &Result<Mapping<Head>, Fault>, path: &Path) -> Result<(), Error> {
    match head {
        Ok(Mapping(Head {
            version: Some(version),
        })) if *version > VERSION => Err(Error::Newer {
            path: path.into(),
            version: *version,
        }),
        _ => Ok(()),
    }
}

fn build<const ORIGINAL: bool>(
    file: Result<File<ORIGINAL>, Fault>,
    path: &Path,
) -> Result<Roster, Error> {
    let file = file.map_err(|fault| fault.of(path))?;
    let mut roster = Roster {
        agents: Vec::new(),
        limits: file.limits,
    };
    for (id, entry) in file.agents {
        register(&mut roster, id, entry, path)?;
    }
    // An alias may be declared below the agent that escalates to it.
    let escalations: Vec<_> = roster
        .agents
        .iter()
        .map(|agent| {
            let to = agent.escalate_to.as_ref()?;
            // Somebody who only has a mailbox is not known here; he is looked for when it is needed.
            Some(roster.resolve(to.as_str(), &[]).unwrap_or(to.clone()))
        })
        .collect();
    for (agent, to) in roster.agents.iter_mut().zip(escalations) {
        agent.escalate_to = to;
    }
    Ok(roster)
}

fn register<const ORIGINAL: bool>(
    roster: &mut Roster,
    id: AgentId,
    entry: Entry<ORIGINAL>,
    path: &Path,
) -> Result<(), Error> {
    if roster.entry(&id).is_some() {
        return Err(Error::Twice {
            path: path.into(),
            id,
        });
    }
    roster
        .may_register(&id, &[])
        .map_err(|source| Error::NotFree {
            path: path.into(),
            source,
        })?;
    let mut roles = entry.role.0;
    roles.extend(entry.roles.0);
    roster.agents.push(RosterEntry {
        id: id.clone(),
        aliases: Vec::new(),
        roles,
        escalate_to: entry.escalate_to.map(|id| id.0),
    });
    for alias in entry.aliases.0 {
        if may_be_called(roster, &id, &alias, path)? {
            let this = roster.agents.last_mut().expect("pushed above");
            this.aliases.push(alias);
        }
    }
    Ok(())
}

/// Whether the alias adds a name; one that the agent answers to anyway does not.
fn may_be_called(
    roster: &Roster,
    agent: &AgentId,
    alias: &str,
    path: &Path,
) -> Result<bool, Error> {
    let bad = || Error::BadAlias {
        path: path.into(),
        alias: alias.chars().take(80).collect(),
        agent: agent.clone(),
    };
    let name = AgentId::parse(&alias.to_ascii_lowercase()).map_err(|_| bad())?;
    match roster.may_register(&name, &[]) {
        Ok(()) => Ok(true),
        Err(NotFree::Taken { by, .. }) if by == *agent => Ok(false),
        Err(NotFree::Taken { by, .. }) => Err(Error::AliasTaken {
            path: path.into(),
            alias: alias.into(),
            agent: agent.clone(),
            by,
        }),
        Err(NotFree::Reserved(_)) => Err(bad()),
    }
}

/// A mapping, or nothing. serde's derived readers would also take a list, key by key in their order: then a
/// slip of the hand would be misread instead of refused.
#[derive(Clone, Default)]
pub(super) struct Mapping<T>(pub(super) T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Mapping<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Visit<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("keys and values")
            }

            fn visit_unit<E>(self) -> Result<T, E> {
                Ok(T::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }
        from.deserialize_any(Visit(PhantomData)).map(Self)
    }
}

#[derive(Default, Deserialize)]
struct Head {
    version: Option<u64>,
}

/// The whole file: a mapping with `agents`, or the original's bare list.
#[derive(Default)]
struct File<const ORIGINAL: bool> {
    agents: Vec<(AgentId, Entry<ORIGINAL>)>,
    limits: Limits,
}

impl<'de, const ORIGINAL: bool> Deserialize<'de> for File<ORIGINAL> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Keys<const ORIGINAL: bool> {
            /// Looked at before; here it must only be a number.
            #[serde(rename = "version")]
            _version: Option<u64>,
            #[serde(default)]
            agents: Agents<ORIGINAL>,
            #[serde(default)]
            limits: Mapping<RawLimits>,
        }
        struct Visit<const ORIGINAL: bool>;
        impl<'de, const ORIGINAL: bool> Visitor<'de> for Visit<ORIGINAL> {
            type Value = File<ORIGINAL>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping with the key `agents`, or a list of agents")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(File::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let keys = Keys::<ORIGINAL>::deserialize(MapAccessDeserializer::new(map))?;
                Ok(File {
                    agents: keys.agents.0,
                    limits: keys.limits.0.into(),
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Ok(File {
                    agents: listed(list)?,
                    limits: Limits::default(),
                })
            }
        }
        from.deserialize_any(Visit)
    }
}

/// `{ID: {…}, …}` or `[{id: ID, …}, …]`
#[derive(Default)]
struct Agents<const ORIGINAL: bool>(Vec<(AgentId, Entry<ORIGINAL>)>);

impl<'de, const ORIGINAL: bool> Deserialize<'de> for Agents<ORIGINAL> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit<const ORIGINAL: bool>;
        impl<'de, const ORIGINAL: bool> Visitor<'de> for Visit<ORIGINAL> {
            type Value = Agents<ORIGINAL>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping from ids to agents, or a list of agents")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Agents::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut agents = Vec::new();
                while let Some(Id(id)) = map.next_key::<Id<ORIGINAL>>()? {
                    let Mapping(entry) = map.next_value()?;
                    agents.push((id, entry));
                }
                Ok(Agents(agents))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                listed(list).map(Agents)
            }
        }
        from.deserialize_any(Visit)
    }
}

fn listed<'de, const ORIGINAL: bool, A: SeqAccess<'de>>(
    mut list: A,
) -> Result<Vec<(AgentId, Entry<ORIGINAL>)>, A::Error> {
    let mut agents = Vec::new();
    while let Some(Mapping(mut entry)) = list.next_element::<Mapping<Entry<ORIGINAL>>>()? {
        let Some(Id(id)) = entry.id.take() else {
            let number = agents.len() + 1;
            return Err(A::Error::custom(format!("agent number {number} has no id")));
        };
        agents.push((id, entry));
    }
    Ok(agents)
}

/// Keys that later versions read (`command`, `cwd`, `env`, …) are skipped.
#[derive(Default, Deserialize)]
struct Entry<const ORIGINAL: bool> {
    /// In a list; in a mapping the key is the id.
    id: Option<Id<ORIGINAL>>,
    #[serde(default)]
    aliases: Texts,
    #[serde(default)]
    role: Texts,
    #[serde(default)]
    roles: Texts,
    escalate_to: Option<Id<ORIGINAL>>,
}

struct Id<const ORIGINAL: bool>(AgentId);

impl<'de, const ORIGINAL: bool> Deserialize<'de> for Id<ORIGINAL> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut text = String::deserialize(from)?;
        if ORIGINAL {
            text.make_ascii_lowercase();
        }
        AgentId::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

/// `worker` or `[worker, reviewer]`
#[derive(Clone, Default)]
pub(super) struct Texts(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a list of names")
            }

            fn visit_unit<E>(self) -> Result<Texts, E> {
                Ok(Texts::default())
            }

            fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.into()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }
        from.deserialize_any(Visit)
    }
}

#[derive(Default, Deserialize)]
pub(super) struct RawLimits {
    replies_per_message: Option<u32>,
    similar_window: Option<u32>,
    similarity: Option<Likeness>,
    within: Option<Within>,
    most_hops: Option<u32>,
}

impl From<RawLimits> for Limits {
    fn from(raw: RawLimits) -> Self {
        let default = Self::default();
        Self {
            replies_per_message: raw
                .replies_per_message
                .unwrap_or(default.replies_per_message),
            similar_window: raw.similar_window.unwrap_or(default.similar_window),
            similarity: raw.similarity.map_or(default.similarity, |share| share.0),
            within: raw.within.map_or(default.within, |span| span.0),
            most_hops: raw.most_hops.unwrap_or(default.most_hops),
        }
    }
}

/// Above 0, where everything would be alike, up to 1, where only equals are.
struct Likeness(f64);

impl<'de> Deserialize<'de> for Likeness {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let share = f64::deserialize(from)?;
        if share > 0.0 && share <= 1.0 {
            return Ok(Self(share));
        }
        Err(D::Error::custom(format!(
            "{share} is no likeness: use a number above 0, at most 1"
        )))
    }
}

/// Seconds, from `10m` or a number of seconds.
struct Within(u64);

impl<'de> Deserialize<'de> for Within {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Within;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span like 10m, or seconds")
            }

            fn visit_u64<E>(self, seconds: u64) -> Result<Within, E> {
                Ok(Within(seconds))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Within, E> {
                let span = parse_span(text).map_err(E::custom)?;
                Ok(Within(span.as_secs()))
            }

            // serde_json hands over a number of any precision as a map of its own.
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Within, A::Error> {
                u64::deserialize(MapAccessDeserializer::new(map)).map(Within)
            }
        }
        from.deserialize_any(Visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Explain as _;

    fn id(text: &str) -> AgentId {
        AgentId::parse(text).unwrap()
    }

    fn ours(text: &str) -> Result<Roster, Error> {
        roster(text.as_bytes(), Dialect::Ours, Path::new("agents.yaml"))
    }

    fn original(text: &str) -> Result<Roster, Error> {
        roster(text.as_bytes(), Dialect::Original, Path::new("agents.json"))
    }

    fn agent(
        name: &str,
        aliases: &[&str],
        roles: &[&str],
        escalate_to: Option<&str>,
    ) -> RosterEntry {
        RosterEntry {
            id: id(name),
            aliases: aliases.iter().map(ToString::to_string).collect(),
            roles: roles.iter().map(ToString::to_string).collect(),
            escalate_to: escalate_to.map(id),
        }
    }

    #[test]
    fn the_example_that_we_ship_is_what_its_comments_say() {
        let roster = ours(include_str!("../../config/agents.yaml")).unwrap();
        assert_eq!(
            roster.agents,
            [
                agent("captain", &["cap"], &["captain"], None),
                agent("agent-1", &[], &["worker"], Some("captain")),
                agent("agent-2", &[], &["worker"], Some("captain")),
                agent("agent-3", &[], &["worker", "reviewer"], Some("captain")),
                agent("agent-4", &[], &["worker", "reviewer"], Some("captain")),
            ]
        );
        assert_eq!(roster.limits, Limits::default());
    }

    #[test]
    fn a_list_says_the_same_as_a_mapping_and_keys_of_later_versions_are_skipped() {
        let mapping = ours(
            "agents:\n  b:\n    role: cook\n    roles: [waiter]\n    command: [sh, -c, x]\n    env: {A: 1}\n  a:\n\
             restart: {policy: always}\n",
        );
        let list =
            ours("agents:\n- id: b\n  roles: waiter\n  role: [cook]\n- {id: a, cwd: /tmp}\n");
        assert_eq!(mapping.as_ref().unwrap().agents, list.unwrap().agents);
        assert_eq!(
            mapping.unwrap().agents,
            [
                agent("b", &[], &["cook", "waiter"], None),
                agent("a", &[], &[], None)
            ]
        );
    }

    #[test]
    fn the_original_s_list_is_read_with_its_capitals() {
        let roster = original(
            r#"[{"id":"test_agent","role":"test","capabilities":["test"],"config":{"x":[1,{"y":1.5}]}},
                {"id":"Agent-1","role":"worker \ud83d\ude00","escalate_to":"Captain"}]"#,
        )
        .unwrap();
        assert_eq!(
            roster.agents,
            [
                agent("test_agent", &[], &["test"], None),
                agent("agent-1", &[], &["worker \u{1f600}"], Some("captain")),
            ]
        );
        let limits = original(r#"{"agents":[],"limits":{"within":60,"similarity":1}}"#)
            .unwrap()
            .limits;
        assert_eq!((limits.within, limits.similarity), (60, 1.0));
    }

    #[test]
    fn a_file_that_says_nothing_names_nobody() {
        for empty in [
            "",
            "\n",
            "# later\n",
            "agents:\n",
            "version: 1\n",
            "agents: {}\nlimits:\n",
            "---\n",
        ] {
            assert_eq!(ours(empty).unwrap(), Roster::default(), "{empty:?}");
        }
        assert_eq!(original("[]").unwrap(), Roster::default());
    }

    #[test]
    fn limits_are_read_in_any_spelling_and_the_others_keep_their_default() {
        for (text, seconds) in [("10m", 600), ("90", 90), ("'90'", 90), ("1h30m", 5400)] {
            let limits = ours(&format!(
                "limits: {{within: {text}, replies_per_message: 7}}"
            ))
            .unwrap()
            .limits;
            let expected = Limits {
                within: seconds,
                replies_per_message: 7,
                ..Limits::default()
            };
            assert_eq!(limits, expected);
        }
    }

    #[test]
    fn an_escalation_by_alias_goes_to_the_agent_and_one_to_a_stranger_is_kept() {
        let roster = ours(
            "agents: {a: {escalate_to: chief}, b: {aliases: [Chief], escalate_to: elsewhere}}",
        )
        .unwrap();
        assert_eq!(roster.agents[0].escalate_to, Some(id("b")));
        assert_eq!(roster.agents[1].escalate_to, Some(id("elsewhere")));
    }

    /// What is said, and the place where.
    fn complaint(text: &str) -> String {
        let error = ours(text).unwrap_err();
        assert_eq!(error.kind(), crate::names::Kind::Config, "{text}");
        assert!(error.hint().is_some(), "{text}");
        error.to_string()
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        const NAME: &str = "is no agent name: use a-z, 0-9, '.', '_', '-', at most 64, starting with a letter or digit";
        let cases = [
            (
                "agents:\n  Agent-1: {}\n",
                &*format!(":2:3: agents: \"Agent-1\" {NAME}"),
            ),
            (
                "agents:\n- id: a b\n",
                &format!(":2:3: agents[0]: \"a b\" {NAME}"),
            ),
            (
                "agents:\n  a:\n    escalate_to: B\n",
                &format!(":3:5: agents.a: \"B\" {NAME}"),
            ),
            (
                "agents:\n- role: x\n",
                ":2:1: agents: agent number 1 has no id",
            ),
            (
                "agents:\n  a: [worker]\n",
                ":2:6: agents.a: invalid type: sequence, expected keys and values",
            ),
            (
                "agents:\n\t a\n",
                ":2:1: found character that cannot start any token, while scanning for the next token",
            ),
            (
                "limits:\n  similarity: 1.5\n",
                ":2:3: limits: 1.5 is no likeness: use a number above 0, at most 1",
            ),
            (
                "agents: 7",
                ":1:9: agents: invalid type: integer `7`, expected a mapping from ids to agents, or a list of agents",
            ),
            (
                "limits: [1]",
                ":1:9: limits: invalid type: sequence, expected keys and values",
            ),
            (
                "version: 2\nagents: 7\n",
                " is of format 2, newer than this program",
            ),
        ];
        for (text, said) in cases {
            assert_eq!(complaint(text), format!("agents.yaml{said}"), "{text}");
        }
        for text in [
            "limits: {within: soon}",
            "limits: {similar_window: -1}",
            "limits: {similarity: 0}",
            "limits: {similarity: .nan}",
            "agents: {a: {roles: {x: 1}}}",
            "- 7",
            "{",
            "version: x",
            "--- 1\n--- 2\n",
            &"[".repeat(10_000),
        ] {
            complaint(text);
        }
        let error = roster(b"a: \xff", Dialect::Ours, Path::new("a")).unwrap_err();
        assert_eq!(error.to_string(), "a: no UTF-8 after byte 3");
        let error = original("[{\"id\": \"a\"},\n {\"id\": 7}]").unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("agents.json:2:9: invalid type: integer"),
            "{error}"
        );
    }

    #[test]
    fn two_agents_never_answer_to_one_name() {
        for (text, said) in [
            ("{a: {}, a: {}}", "a stands there twice"),
            (
                "{a-b: {}, a_b: {}}",
                "a_b is too like a-b: they would answer to the same name",
            ),
            (
                "{a: {aliases: [b]}, b: {}}",
                "b is too like a: they would answer to the same name",
            ),
            (
                "{a: {aliases: [x]}, b: {aliases: [X]}}",
                "a already answers to \"X\", an alias of b",
            ),
            (
                "{a: {aliases: ['b c']}}",
                "the alias \"b c\" of a can be nobody's name",
            ),
            (
                "{a: {aliases: [All]}}",
                "the alias \"All\" of a can be nobody's name",
            ),
            ("{user: {}}", "user is a reserved name"),
        ] {
            assert_eq!(
                complaint(&format!("agents: {text}")),
                format!("agents.yaml: {said}")
            );
        }
        let harmless = ours("agents: {agent-1: {aliases: [Agent_1, one, one]}}").unwrap();
        assert_eq!(harmless.agents, [agent("agent-1", &["one"], &[], None)]);
    }
}
