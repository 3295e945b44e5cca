//! How a rule names principals, actions and targets: in full, or with `*` for any run of characters.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::decide::Target;
use crate::names::{AgentId, Verb};
use crate::security::principal::{Principal, is_name};

/// Text with `*` in it. Most have none, or are nothing else: those are compared without a search.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Glob {
    Any,
    Exact(Box<str>),
    Like(Box<str>),
}

impl Glob {
    fn parse(text: &str) -> Option<Self> {
        let fits = |piece: &str| piece.is_empty() || is_name(piece);
        match text {
            "" => None,
            "*" => Some(Self::Any),
            _ if !text.split('*').all(fits) => None,
            _ if text.contains('*') => Some(Self::Like(text.into())),
            _ => Some(Self::Exact(text.into())),
        }
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(whole) => **whole == *text,
            Self::Like(pattern) => like(pattern, text),
        }
    }

    fn exact(&self) -> Option<&str> {
        match self {
            Self::Exact(whole) => Some(whole),
            Self::Any | Self::Like(_) => None,
        }
    }

    /// Whether whatever fits `other` fits this one: sure where it says so, and silent in doubt.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Exact(whole)) => self.fits(whole),
            _ => self == other,
        }
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(text) | Self::Like(text) => f.write_str(text),
        }
    }
}

/// The first piece stands at the beginning, the last at the end, and the others in their order between them.
fn like(pattern: &str, text: &str) -> bool {
    let (first, rest) = pattern.split_once('*').expect("made of a text with one");
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(text) = text.strip_prefix(first) else {
        return false;
    };
    let Some(mut text) = text.strip_suffix(last) else {
        return false;
    };
    for piece in middle.split('*') {
        match text.find(piece) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    User,
    Agent,
    Role,
    Discord,
    Bridge,
    Channel,
}

impl Class {
    const ALL: [(Self, &str); 6] = [
        (Self::User, "user"),
        (Self::Agent, "agent"),
        (Self::Role, "role"),
        (Self::Discord, "discord"),
        (Self::Bridge, "bridge"),
        (Self::Channel, "channel"),
    ];

    fn parse(text: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(class, _)| *class)
    }

    const fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    fn of(principal: &Principal) -> Self {
        match principal {
            Principal::User(_) => Self::User,
            Principal::Agent(_) => Self::Agent,
            Principal::Role(_) => Self::Role,
            Principal::Discord(_) => Self::Discord,
            Principal::Bridge(_) => Self::Bridge,
        }
    }
}

/// `*`, or `class:name`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Named {
    class: Class,
    name: Glob,
}

impl Named {
    fn parse(text: &str, classes: &[Class]) -> Option<Self> {
        let (class, name) = text.split_once(':')?;
        let class = Class::parse(class).filter(|class| classes.contains(class))?;
        let name = Glob::parse(name)?;
        let is_possible = match (class, name.exact()) {
            (Class::Agent, Some(id)) => AgentId::parse(id).is_ok(),
            (Class::Discord, Some(number)) => number.parse::<u64>().is_ok(),
            _ => true,
        };
        is_possible.then_some(Self { class, name })
    }

    fn covers(&self, other: &Self) -> bool {
        self.class == other.class && self.name.covers(&other.name)
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.class.as_str(), self.name)
    }
}

/// Whom a rule is about: `*`, `user:alice`, `agent:agent-*`, `role:worker`, `discord:80351110224678912`, `bridge:*`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Principals(Option<Named>);

impl Principals {
    const CLASSES: [Class; 5] = [
        Class::User,
        Class::Agent,
        Class::Role,
        Class::Discord,
        Class::Bridge,
    ];

    pub(super) fn fits(&self, principal: &Principal, has_role: &dyn Fn(&str) -> bool) -> bool {
        let Some(Named { class, name }) = &self.0 else {
            return true;
        };
        match (class, principal) {
            (Class::Role, Principal::Role(role)) => name.fits(role),
            (Class::Role, _) => match name {
                Glob::Exact(role) => has_role(role),
                Glob::Any | Glob::Like(_) => false,
            },
            (class, principal) if *class != Class::of(principal) => false,
            (_, Principal::Agent(id)) => name.fits(id.as_str()),
            (_, Principal::Discord(guest)) => {
                let mut numbers = guest.numbers();
                numbers.any(|it| name.fits(&it.to_string()))
            }
            (_, Principal::User(text) | Principal::Bridge(text) | Principal::Role(text)) => {
                name.fits(text)
            }
        }
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(this), Some(other)) => this.covers(other),
        }
    }

    pub(super) fn is_every_user(&self) -> bool {
        match &self.0 {
            None => true,
            Some(named) => named.class == Class::User && named.name == Glob::Any,
        }
    }

    /// Its class and name, if it is about one principal alone. Whoever has a role is many.
    pub(super) fn exactly(&self) -> Option<(&'static str, &str)> {
        let named = self.0.as_ref().filter(|it| it.class != Class::Role)?;
        Some((named.class.as_str(), named.name.exact()?))
    }

    /// The one agent that it names in full.
    pub(super) fn agent(&self) -> Option<&str> {
        exact(self.0.as_ref(), Class::Agent)
    }

    pub(super) fn role(&self) -> Option<&str> {
        exact(self.0.as_ref(), Class::Role)
    }
}

fn exact(named: Option<&Named>, class: Class) -> Option<&str> {
    named
        .filter(|named| named.class == class)
        .and_then(|named| named.name.exact())
}

impl TryFrom<String> for Principals {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(None));
        }
        match Named::parse(&text, &Self::CLASSES) {
            // Who has which role is looked up by its name.
            Some(named) if named.class == Class::Role && named.name.exact().is_none() => {
                Err(format!("{text:?}: a role is written in full"))
            }
            Some(named) => Ok(Self(Some(named))),
            None => Err(format!(
                "{text:?} is no principal: write \"*\", user:NAME, agent:ID, role:NAME, discord:NUMBER or bridge:NAME"
            )),
        }
    }
}

impl From<Principals> for String {
    fn from(principals: Principals) -> Self {
        principals.to_string()
    }
}

impl fmt::Display for Principals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("*"),
            Some(named) => named.fmt(f),
        }
    }
}

/// What a rule is about: `*`, `mail.*`, `mail.send`. What no program knows is kept: it may be of a newer one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Actions(Glob);

impl Actions {
    pub(super) fn fits(&self, verb: Verb) -> bool {
        self.0.fits(verb.as_str())
    }

    pub(super) fn is_every(&self) -> bool {
        self.0 == Glob::Any
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        self.0.covers(&other.0)
    }

    pub(super) fn is_known(&self) -> bool {
        Verb::ALL.iter().any(|verb| self.fits(*verb))
    }
}

impl TryFrom<String> for Actions {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let glob = Glob::parse(&text).filter(|glob| *glob == Glob::Any || text.contains('.'));
        glob.map(Self).ok_or_else(|| {
            format!("{text:?} is no action: write \"*\", ROOM.* or ROOM.VERB, as mail.send")
        })
    }
}

impl From<Actions> for String {
    fn from(actions: Actions) -> Self {
        actions.0.to_string()
    }
}

impl fmt::Display for Actions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// To whom or what: `*`, `self`, `agent:agent-*`, `role:worker`, `channel:general`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Targets {
    All,
    /// What belongs to the one who asks.
    Own,
    Some(Scope),
}

/// What some targets have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(Named);

impl Targets {
    const CLASSES: [Class; 3] = [Class::Agent, Class::Role, Class::Channel];

    pub(super) fn fits(
        &self,
        target: &Target,
        asked_by: &Principal,
        has_role: &dyn Fn(&AgentId, &str) -> bool,
    ) -> bool {
        let Scope(Named { class, name }) = match self {
            Self::All => return true,
            Self::Own => return target.is_own(asked_by),
            Self::Some(scope) => scope,
        };
        match (class, target) {
            (Class::Agent, Target::Agent(id)) => name.fits(id.as_str()),
            (Class::Role, Target::Agent(id)) => name.exact().is_some_and(|role| has_role(id, role)),
            (Class::Channel, Target::Channel(channel)) => name.fits(channel),
            _ => false,
        }
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) | (Self::Own, Self::Own) => true,
            (Self::Some(this), Self::Some(other)) => this.0.covers(&other.0),
            _ => false,
        }
    }

    pub(super) fn agent(&self) -> Option<&str> {
        self.exact(Class::Agent)
    }

    pub(super) fn role(&self) -> Option<&str> {
        self.exact(Class::Role)
    }

    pub(super) fn is_channel(&self) -> bool {
        matches!(self, Self::Some(Scope(named)) if named.class == Class::Channel)
    }

    fn exact(&self, class: Class) -> Option<&str> {
        match self {
            Self::Some(scope) => exact(Some(&scope.0), class),
            Self::All | Self::Own => None,
        }
    }
}

impl TryFrom<String> for Targets {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "*" => return Ok(Self::All),
            "self" => return Ok(Self::Own),
            _ => {}
        }
        match Named::parse(&text, &Self::CLASSES) {
            Some(named) if named.class == Class::Role && named.name.exact().is_none() => {
                Err(format!("{text:?}: a role is written in full"))
            }
            Some(named) => Ok(Self::Some(Scope(named))),
            None => Err(format!(
                "{text:?} is no target: write \"*\", self, agent:ID, role:NAME or channel:NAME"
            )),
        }
    }
}

impl From<Targets> for String {
    fn from(targets: Targets) -> Self {
        targets.to_string()
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Own => f.write_str("self"),
            Self::Some(Scope(named)) => named.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, text, fits) in [
            ("*", "", true),
            ("*", "mail.send", true),
            ("mail.*", "mail.send", true),
            ("mail.*", "mail.", true),
            ("mail.*", "mail", false),
            ("*.send", "mail.send", true),
            ("*.send", "mail.sent", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "a-x-b-y-c", true),
            ("a*b*c", "acb", false),
            ("a*bc*c", "abc", false),
            ("**", "x", true),
            ("mail.send", "mail.send", true),
            ("mail.send", "mail.sends", false),
        ] {
            let glob = Glob::parse(pattern).unwrap();
            assert_eq!(glob.fits(text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn patterns_are_printed_as_they_are_written_and_others_are_refused() {
        for text in [
            "*",
            "user:alice",
            "agent:agent-*",
            "role:worker",
            "discord:1",
            "bridge:*",
        ] {
            assert_eq!(
                Principals::try_from(text.to_owned()).unwrap().to_string(),
                text
            );
        }
        for text in [
            "",
            "no",
            "agents:*",
            "agent:A B",
            "agent:",
            "channel:x",
            "discord:x",
            "role:w*",
        ] {
            assert!(Principals::try_from(text.to_owned()).is_err(), "{text}");
        }
        for text in [
            "*",
            "self",
            "agent:unassigned",
            "role:worker",
            "channel:general",
        ] {
            assert_eq!(
                Targets::try_from(text.to_owned()).unwrap().to_string(),
                text
            );
        }
        for text in ["", "agent-3", "user:alice", "role:*", "channel:"] {
            assert!(Targets::try_from(text.to_owned()).is_err(), "{text}");
        }
        for text in ["*", "mail.*", "*.send", "mail.send", "dashboard.open"] {
            assert_eq!(
                Actions::try_from(text.to_owned()).unwrap().to_string(),
                text
            );
        }
        for text in ["", "mail", "mail send", "mail.s\u{e9}nd"] {
            assert!(Actions::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
