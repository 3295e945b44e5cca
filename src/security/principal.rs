//! Who asks.

use std::fmt;

use crate::names::{AgentId, Caller, Guest, USER};

/// One who may be allowed something.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Principal {
    /// A person of this machine, by the login name.
    User(String),
    Agent(AgentId),
    /// Whoever has the role.
    Role(String),
    /// A person on Discord, or whoever has that role there.
    Discord(Guest),
    /// What carries words in from another service.
    Bridge(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no principal: write user:NAME, agent:ID, role:NAME, discord:NUMBER or bridge:NAME"
)]
pub struct BadPrincipal(pub String);

impl Principal {
    pub fn parse(text: &str) -> Result<Self, BadPrincipal> {
        let bad = || BadPrincipal(text.chars().take(80).collect());
        let (class, name) = text.split_once(':').ok_or_else(bad)?;
        if !is_name(name) {
            return Err(bad());
        }
        match class {
            "user" => Ok(Self::User(name.into())),
            "agent" => AgentId::parse(name).map(Self::Agent).map_err(|_| bad()),
            "role" => Ok(Self::Role(name.into())),
            "discord" => {
                let user = name.parse().map_err(|_| bad())?;
                let roles = Vec::new();
                Ok(Self::Discord(Guest { user, roles }))
            }
            "bridge" => Ok(Self::Bridge(name.into())),
            _ => Err(bad()),
        }
    }

    /// `user` is the person at the terminal, whoever that is.
    pub fn of(caller: &Caller) -> Self {
        if let Some(guest) = &caller.guest {
            return Self::Discord(guest.clone());
        }
        if caller.agent.as_str() != USER {
            return Self::Agent(caller.agent.clone());
        }
        let login = caller.login.as_deref().filter(|login| is_name(login));
        Self::User(login.map_or_else(|| caller.uid.to_string(), Into::into))
    }

    /// Whether what is said of `other` is said of this one: of a number of Discord's, by the person's or one of the roles.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Discord(guest), Self::Discord(named)) => {
                guest.numbers().any(|it| it == named.user)
            }
            _ => self == other,
        }
    }

    pub const fn class(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Agent(_) => "agent",
            Self::Role(_) => "role",
            Self::Discord(_) => "discord",
            Self::Bridge(_) => "bridge",
        }
    }
}

/// Whether policies can spell it.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte))
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let class = self.class();
        match self {
            Self::Agent(id) => write!(f, "{class}:{id}"),
            Self::Discord(guest) => write!(f, "{class}:{}", guest.user),
            Self::User(name) | Self::Role(name) | Self::Bridge(name) => {
                write!(f, "{class}:{name}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principal_is_printed_as_it_is_written() {
        for text in [
            "user:alice",
            "agent:agent-3",
            "role:worker",
            "discord:80351110224678912",
            "bridge:chatgpt",
        ] {
            assert_eq!(Principal::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_principal_is_refused() {
        for text in [
            "",
            "alice",
            "user:",
            "agent:Agent 3",
            "agent:../x",
            "discord:alice",
            "uid:0",
            "user:a b",
            "discord:-1",
            "user:*",
        ] {
            assert_eq!(
                Principal::parse(text),
                Err(BadPrincipal(text.into())),
                "{text}"
            );
        }
    }

    #[test]
    fn a_caller_without_a_login_is_known_by_his_number() {
        let caller = |login: Option<&str>| Caller {
            agent: AgentId::user(),
            incarnation: None,
            uid: 1000,
            login: login.map(Into::into),
            guest: None,
        };
        assert_eq!(
            Principal::of(&caller(Some("alice"))).to_string(),
            "user:alice"
        );
        assert_eq!(Principal::of(&caller(None)).to_string(), "user:1000");
        assert_eq!(
            Principal::of(&caller(Some("a\nb"))).to_string(),
            "user:1000"
        );
    }

    #[test]
    fn a_person_of_discord_is_named_by_the_own_number_or_that_of_a_role() {
        let guest = Principal::Discord(Guest {
            user: 7,
            roles: vec![30, 31],
        });
        let is = |number: &str| guest.is(&Principal::parse(number).unwrap());
        assert!(is("discord:7") && is("discord:31"));
        assert!(!is("discord:3") && !is("user:7"));
        assert_eq!(guest.to_string(), "discord:7");
    }
}
