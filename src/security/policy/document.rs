//! `config/security/policies.yaml`: strict, so that a slip of the pen allows nothing. A key that we do not know, one that
//! stands there twice and a name that can be nobody's are errors with their place.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::gate::Gate;
use super::pattern::{Actions, Principals, Targets};
use crate::names::Verb;
use crate::security::Error;
use crate::security::principal::{Principal, is_name};
use crate::time::parse_span;

/// Format of the file.
const VERSION: u64 = 1;
/// More is no policy that a person could have read.
const MOST_RULES: usize = 10_000;

/// The whole file; also, as JSON, its compiled copy.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Document {
    version: u64,
    /// Whether the built-in rules hold as well.
    pub(super) builtin: bool,
    pub(super) identity: Identity,
    pub(super) signatures: Signatures,
    /// Who has which role, beside what `agents.yaml` says.
    pub(super) roles: Roles,
    pub(super) allow: Vec<Rule>,
    pub(super) deny: Vec<Rule>,
    pub(super) limits: Vec<Limit>,
    pub(super) quotas: Vec<Quota>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            version: VERSION,
            builtin: true,
            identity: Identity::default(),
            signatures: Signatures::default(),
            roles: Roles::default(),
            allow: Vec::new(),
            deny: Vec::new(),
            limits: Vec::new(),
            quotas: Vec::new(),
        }
    }
}

/// What it takes to speak as an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Identity {
    /// To say so.
    #[default]
    Claimed,
    /// To show its token.
    Required,
}

/// What mail must have to be handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Signatures {
    /// Whoever has a key signs.
    #[default]
    Optional,
    /// Nothing that is not signed is sent or taken, but what the toolkit itself tells.
    Required,
}

/// One that allows, or one that denies: the list in which it stands says which.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, which verdicts tell.
    #[serde(deserialize_with = "name")]
    pub rule: String,
    #[serde(deserialize_with = "one_or_more")]
    pub principals: Vec<Principals>,
    #[serde(deserialize_with = "one_or_more")]
    pub actions: Vec<Actions>,
    #[serde(deserialize_with = "one_or_more", default = "everything")]
    pub targets: Vec<Targets>,
    #[serde(skip)]
    pub(super) gate: Gate,
}

impl Rule {
    pub(super) fn is_about(&self, verb: Verb) -> bool {
        self.actions.iter().any(|it| it.fits(verb))
    }
}

/// How often each of some may do something: `at_most` at once, and then one more each time that the same part of `per` is
/// over.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    #[serde(deserialize_with = "name")]
    pub rule: String,
    #[serde(deserialize_with = "one_or_more")]
    pub principals: Vec<Principals>,
    #[serde(deserialize_with = "one_or_more")]
    pub actions: Vec<Actions>,
    pub at_most: u32,
    #[serde(deserialize_with = "span", serialize_with = "seconds")]
    pub per: Duration,
}

/// How much mail may wait in a mailbox to which some send; at least one of the two is given.
#[derive(Clone, Debug, Serialize)]
pub struct Quota {
    pub rule: String,
    pub principals: Vec<Principals>,
    pub targets: Vec<Targets>,
    /// Messages of anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<u64>,
    /// Messages of the one who sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_of_sender: Option<u64>,
}

fn everything() -> Vec<Targets> {
    vec![Targets::All]
}

/// Roles and who has them.
#[derive(Clone, Debug, Default)]
pub(super) struct Roles(BTreeMap<String, Vec<Principal>>);

impl Roles {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn gives(&self, principal: &Principal, role: &str) -> bool {
        let members = self.0.get(role);
        members.is_some_and(|members| members.iter().any(|it| principal.is(it)))
    }
}

impl Document {
    /// What the text says; `path` is for the error.
    pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).map_err(|error| Error::Unsound {
            path: path.into(),
            why: format!("no UTF-8 after byte {}", error.valid_up_to()),
        })?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let says_nothing = |line: &str| line.is_empty() || line.starts_with('#');
        if text.lines().map(str::trim_start).all(says_nothing) {
            return Ok(Self::default());
        }
        let read = serde_yaml::from_str::<Self>(text);
        let is_ours = read.as_ref().is_ok_and(|it| it.version <= VERSION);
        // What a newer one has beside that is no slip of the pen.
        if !is_ours && let Some(version) = newer(text) {
            return Err(Error::Newer {
                path: path.into(),
                version,
            });
        }
        let document = read.map_err(|error| {
            let place = error.location().map(|at| (at.line(), at.column()));
            Error::malformed(path, place, &error)
        })?;
        document.is_sound().map_err(|why| Error::Unsound {
            path: path.into(),
            why,
        })?;
        Ok(document)
    }

    /// Once it is read.
    pub(super) fn gated(mut self) -> Self {
        for rule in self.allow.iter_mut().chain(&mut self.deny) {
            rule.gate = Gate::of(&rule.principals, &rule.actions);
        }
        self
    }

    fn is_sound(&self) -> Result<(), String> {
        let rules = self.allow.iter().chain(&self.deny).map(|it| &it.rule);
        let limits = self.limits.iter().map(|it| &it.rule);
        let quotas = self.quotas.iter().map(|it| &it.rule);
        let mut names: Vec<&String> = rules.chain(limits).chain(quotas).collect();
        if names.len() > MOST_RULES {
            return Err(format!("more than {MOST_RULES} rules"));
        }
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("two rules have the name {:?}", pair[0])),
            None => Ok(()),
        }
    }
}

/// The format, if only a newer program knows it.
fn newer(text: &str) -> Option<u64> {
    let keys: serde_yaml::Mapping = serde_yaml::from_str(text).ok()?;
    let version = keys.get("version")?.as_u64()?;
    (version > VERSION).then_some(version)
}

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    if !is_name(&name) {
        return Err(D::Error::custom(format!(
            "{name:?} is no name of a rule: use letters, digits, '.', '_' and '-'"
        )));
    }
    Ok(name)
}

fn span<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    match parse_span(&text) {
        Ok(span) if !span.is_zero() => Ok(span),
        _ => Err(D::Error::custom(format!(
            "{text:?} is no span of time: write 10s, 5m or 1h"
        ))),
    }
}

fn seconds<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{}ms", span.as_millis()))
}

/// One alone needs no brackets; none at all would be a rule about nothing.
fn one_or_more<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<String, Error = String>,
{
    struct Texts<T>(PhantomData<T>);
    impl<'de, T: TryFrom<String, Error = String>> Visitor<'de> for Texts<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text, or a list of texts")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            let one = T::try_from(text.to_owned()).map_err(E::custom)?;
            Ok(vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(text) = list.next_element::<String>()? {
                all.push(T::try_from(text).map_err(A::Error::custom)?);
            }
            if all.is_empty() {
                return Err(A::Error::custom("the list is empty"));
            }
            Ok(all)
        }
    }
    from.deserialize_any(Texts(PhantomData))
}

/// Where the key stands a number does, too.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    u64::deserialize(from).map(Some)
}

impl<'de> Deserialize<'de> for Quota {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename = "quota", deny_unknown_fields)]
        struct Keys {
            #[serde(deserialize_with = "name")]
            rule: String,
            #[serde(deserialize_with = "one_or_more")]
            principals: Vec<Principals>,
            #[serde(deserialize_with = "one_or_more", default = "everything")]
            targets: Vec<Targets>,
            #[serde(deserialize_with = "number", default)]
            pending: Option<u64>,
            #[serde(deserialize_with = "number", default)]
            pending_of_sender: Option<u64>,
        }
        // Judged as long as the parser knows its place.
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Quota;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quota")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Quota, A::Error> {
                let Keys {
                    rule,
                    principals,
                    targets,
                    pending,
                    pending_of_sender,
                } = Keys::deserialize(MapAccessDeserializer::new(map))?;
                if pending.or(pending_of_sender).is_none() {
                    return Err(A::Error::custom(format!(
                        "{rule:?} says no number: write pending, pending_of_sender or both"
                    )));
                }
                Ok(Quota {
                    rule,
                    principals,
                    targets,
                    pending,
                    pending_of_sender,
                })
            }
        }
        from.deserialize_map(Whole)
    }
}

impl<'de> Deserialize<'de> for Roles {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Roles;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("roles, each with a list of principals")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Roles, A::Error> {
                let mut roles = BTreeMap::new();
                while let Some(role) = map.next_key::<String>()? {
                    if !is_name(&role) {
                        let why = format!("{role:?} is no name of a role");
                        return Err(A::Error::custom(why));
                    }
                    let members: Vec<String> = map.next_value()?;
                    let members = members.iter().map(|it| Principal::parse(it));
                    let members = members.collect::<Result<_, _>>();
                    let members = members.map_err(A::Error::custom)?;
                    if roles.insert(role.clone(), members).is_some() {
                        let why = format!("the role {role:?} stands there twice");
                        return Err(A::Error::custom(why));
                    }
                }
                Ok(Roles(roles))
            }
        }
        from.deserialize_map(Members)
    }
}

impl Serialize for Roles {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(role, members)| {
            let members: Vec<String> = members.iter().map(ToString::to_string).collect();
            (role, members)
        }))
    }
}
