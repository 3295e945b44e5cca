//! What the store holds once it is open. Pure.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::name::SecretName;
use crate::security::document::{Document, Unfit, put, wipe};
use crate::time::Timestamp;

const SECRETS: &str = "secrets";

/// A secret without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub name: SecretName,
    pub set_at: Timestamp,
    /// When its value was last replaced by another.
    pub rotated_at: Option<Timestamp>,
    pub note: Option<String>,
}

/// Name → `{value, set_at, rotated_at, note}`.
pub(super) struct Vault(Document);

impl Vault {
    pub(super) fn new() -> Self {
        let mut document = Document::new();
        put(document.members_mut(), SECRETS, Map::new().into());
        Self(document)
    }

    pub(super) fn parse(text: &[u8]) -> Result<Self, Unfit> {
        let vault = Self(Document::parse(text)?);
        let secrets = vault.0.members().get(SECRETS).and_then(Value::as_object);
        let secrets = secrets.ok_or(Unfit::Member(SECRETS))?;
        let is_one = |(name, entry): (&String, &Value)| {
            SecretName::parse(name).is_ok() && entry["value"].is_string()
        };
        if secrets.iter().all(is_one) {
            Ok(vault)
        } else {
            Err(Unfit::Member(SECRETS))
        }
    }

    pub(super) fn spell(&self) -> Zeroizing<Vec<u8>> {
        self.0.spell()
    }

    /// What there is said of it stays, unless a new note comes.
    pub(super) fn set(
        &mut self,
        name: &SecretName,
        value: &SecretString,
        note: Option<&str>,
        now: Timestamp,
    ) {
        let secrets = self.secrets_mut();
        let now: Value = now.to_string().into();
        if let Some(entry) = secrets
            .get_mut(name.as_str())
            .and_then(Value::as_object_mut)
        {
            put(entry, "rotated_at", now);
            put(entry, "value", value.expose_secret().into());
            if note.is_some() {
                put(entry, "note", note.into());
            }
            return;
        }
        let entry = Map::from_iter([
            ("value".into(), value.expose_secret().into()),
            ("set_at".into(), now),
            ("rotated_at".into(), Value::Null),
            ("note".into(), note.into()),
        ]);
        put(secrets, name.as_str(), entry.into());
    }

    pub(super) fn get(&self, name: &SecretName) -> Option<SecretString> {
        let value = self.secrets().get(name.as_str())?.get("value")?;
        value.as_str().map(SecretString::from)
    }

    /// `false` where there is none.
    pub(super) fn remove(&mut self, name: &SecretName) -> bool {
        let mut gone = self.secrets_mut().shift_remove(name.as_str());
        gone.as_mut().map(wipe).is_some()
    }

    /// By name.
    pub(super) fn list(&self) -> Vec<Listed> {
        let listed = |(name, entry): (&String, &Value)| {
            let str = |member| entry.get(member).and_then(Value::as_str);
            Some(Listed {
                name: SecretName::parse(name).ok()?,
                set_at: str("set_at").and_then(Timestamp::parse).unwrap_or_default(),
                rotated_at: str("rotated_at").and_then(Timestamp::parse),
                note: str("note").map(str::to_owned),
            })
        };
        let mut all: Vec<Listed> = self.secrets().iter().filter_map(listed).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    fn secrets(&self) -> &Map<String, Value> {
        let secrets = self.0.members().get(SECRETS).and_then(Value::as_object);
        secrets.expect("it was read or made with them")
    }

    fn secrets_mut(&mut self) -> &mut Map<String, Value> {
        let secrets = self.0.members_mut().get_mut(SECRETS);
        let secrets = secrets.and_then(Value::as_object_mut);
        secrets.expect("it was read or made with them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> SecretName {
        SecretName::parse(text).unwrap()
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn value(vault: &Vault, of: &str) -> Option<String> {
        vault.get(&name(of)).map(|it| it.expose_secret().to_owned())
    }

    #[test]
    fn a_secret_is_set_replaced_and_removed_and_its_times_are_kept() {
        let mut vault = Vault::new();
        vault.set(&name("b"), &"one".into(), Some("of the bot"), at(1));
        vault.set(&name("a"), &"\"two\"\n".into(), None, at(2));
        vault.set(&name("b"), &"three".into(), None, at(3));
        let mut vault = Vault::parse(&vault.spell()).unwrap();
        assert_eq!(value(&vault, "a").unwrap(), "\"two\"\n");
        assert_eq!(value(&vault, "b").unwrap(), "three");
        let b = Listed {
            name: name("b"),
            set_at: at(1),
            rotated_at: Some(at(3)),
            note: Some("of the bot".into()),
        };
        assert_eq!(vault.list()[1], b);
        assert_eq!(vault.list()[0].rotated_at, None);
        assert!(vault.remove(&name("b")));
        assert!(!vault.remove(&name("b")));
        assert_eq!((vault.list().len(), value(&vault, "b")), (1, None));
    }

    #[test]
    fn what_is_not_known_survives_and_what_is_no_store_is_refused() {
        let text = r#"{"version":1,"secrets":{"a":{"value":"x","owner":"me"}},"later":1}"#;
        let mut vault = Vault::parse(text.as_bytes()).unwrap();
        vault.set(&name("a"), &"y".into(), None, at(1));
        let spelled = String::from_utf8(vault.spell().to_vec()).unwrap();
        assert!(spelled.contains("\"owner\": \"me\"") && spelled.contains("\"later\": 1"));
        for text in [
            r#"{"version":1}"#,
            r#"{"version":1,"secrets":[]}"#,
            r#"{"version":1,"secrets":{"a":"x"}}"#,
            r#"{"version":1,"secrets":{"A":{"value":"x"}}}"#,
        ] {
            assert!(Vault::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
