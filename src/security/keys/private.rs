//! What an agent signs with. Pure.

use std::fmt;

use data_encoding::BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::fingerprint::Fingerprint;
use crate::names::AgentId;
use crate::security::document::{Document, Unfit, put};
use crate::time::Timestamp;

pub(super) const SEED: &str = "ed25519_seed";
const IDENTITY: &str = "age_identity";
const FROM: &str = "renamed_from";
/// A mark is never taken for the signature of a message: that begins otherwise.
const MARKED: &[u8] = b"dreamos.mark/1\0";
const RECIPIENT: &str = "age_recipient";

/// An agent's signing key. It is wiped when it is dropped.
pub struct Key {
    agent: AgentId,
    pub(super) id: Fingerprint,
    signing: SigningKey,
}

/// What mail to an agent is sealed to and opened with, as `secrets::Identity` spells it.
pub struct Pair {
    pub identity: SecretString,
    pub recipient: String,
}

impl Key {
    pub(super) fn from_seed(agent: AgentId, seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        Self {
            agent,
            id: Fingerprint::of(signing.verifying_key().as_bytes()),
            signing,
        }
    }

    pub const fn agent(&self) -> &AgentId {
        &self.agent
    }

    pub const fn id(&self) -> Fingerprint {
        self.id
    }

    pub(super) fn public(&self) -> [u8; 32] {
        self.signing.verifying_key().to_bytes()
    }

    /// What this key alone makes of `bytes`, each time the same: nobody else can tell what it was made of, even if he guesses.
    pub fn mark(&self, bytes: &[u8]) -> u128 {
        let signed = self.sign_bytes(&[MARKED, bytes].concat());
        let hash = Sha256::digest(signed);
        let first = hash.iter().take(16);
        first.fold(0, |mark, byte| mark << 8 | u128::from(*byte))
    }

    pub(super) fn sign_bytes(&self, bytes: &[u8]) -> [u8; 64] {
        self.signing.sign(bytes).to_bytes()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({} {})", self.agent, self.id)
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pair({})", self.recipient)
    }
}

/// The private file of an agent.
pub(super) struct Private(Document);

impl Private {
    pub(super) fn new(agent: &AgentId, pair: Option<&Pair>) -> Self {
        let mut document = Document::new();
        let members = document.members_mut();
        put(members, "agent", agent.as_str().into());
        let identity = pair.map(|pair| pair.identity.expose_secret());
        put(members, IDENTITY, identity.into());
        let recipient = pair.map(|pair| pair.recipient.as_str());
        put(members, RECIPIENT, recipient.into());
        Self(document)
    }

    pub(super) fn parse(agent: &AgentId, text: &[u8]) -> Result<Self, Unfit> {
        let document = Document::parse(text)?;
        if document.str("agent")? != agent.as_str() {
            return Err(Unfit::Member("agent"));
        }
        Ok(Self(document))
    }

    pub(super) fn spell(&self) -> Zeroizing<Vec<u8>> {
        self.0.spell()
    }

    /// From now on it signs with another key.
    pub(super) fn set_seed(&mut self, seed: &[u8; 32], now: Timestamp) {
        let members = self.0.members_mut();
        put(members, SEED, BASE64.encode(seed).into());
        put(members, "created_at", now.to_string().into());
    }

    /// Whose it was before, where it came with another name.
    pub(super) fn is_from(&self, agent: &AgentId) -> bool {
        matches!(self.0.str_if_any(FROM), Ok(Some(from)) if from == agent.as_str())
    }

    /// As another name has it, of whom it is to be told later that it came from here.
    pub(super) fn for_name(mut self, new: &AgentId) -> Self {
        let members = self.0.members_mut();
        let old = members.get("agent").cloned().unwrap_or_default();
        put(members, FROM, old);
        put(members, "agent", new.as_str().into());
        self
    }

    pub(super) fn set_identity(&mut self, pair: &Pair) {
        let identity = pair.identity.expose_secret();
        let members = self.0.members_mut();
        put(members, IDENTITY, identity.into());
        put(members, RECIPIENT, pair.recipient.as_str().into());
    }

    pub(super) fn key(&self, agent: &AgentId) -> Result<Key, Unfit> {
        let text = self.0.str(SEED)?.as_bytes();
        let bytes = BASE64.decode(text).map_err(|_| Unfit::Member(SEED))?;
        let bytes = Zeroizing::new(bytes);
        let seed = bytes.as_slice().try_into();
        let seed = seed.map_err(|_| Unfit::Member(SEED))?;
        Ok(Key::from_seed(agent.clone(), seed))
    }

    pub(super) fn identity(&self) -> Result<Option<SecretString>, Unfit> {
        let identity = self.0.str_if_any(IDENTITY)?;
        Ok(identity.map(SecretString::from))
    }

    /// What its identity opens; `None` also of a file that does not say so.
    pub(super) fn recipient(&self) -> Result<Option<&str>, Unfit> {
        self.0.str_if_any(RECIPIENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_that_of_the_standard_and_its_file_read_back() {
        // RFC 8032, §7.1, test 1.
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let agent = AgentId::captain();
        let mut private = Private::new(&agent, None);
        private.set_seed(seed.as_slice().try_into().unwrap(), Timestamp::default());
        let read = Private::parse(&agent, &private.spell()).unwrap();
        let key = read.key(&agent).unwrap();
        assert_eq!(key.public(), *public);
        assert_eq!(key.sign_bytes(b"")[..4], [0xe5, 0x56, 0x43, 0x00]);
        assert!(read.identity().unwrap().is_none());
        assert_eq!(format!("{key:?}"), format!("Key(captain {})", key.id()));
    }

    #[test]
    fn a_mark_is_of_one_key_and_of_the_same_bytes_always_the_same() {
        let key = |seed| Key::from_seed(AgentId::captain(), &[seed; 32]);
        assert_eq!(key(1).mark(b"text"), key(1).mark(b"text"));
        assert_ne!(key(1).mark(b"text"), key(1).mark(b"text "));
        assert_ne!(key(1).mark(b"text"), key(2).mark(b"text"));
    }

    #[test]
    fn what_is_no_private_file_of_the_agent_is_refused() {
        let agent = AgentId::captain();
        let key = |text: &str| Private::parse(&agent, text.as_bytes())?.key(&agent);
        for (text, unfit) in [
            (r#"{"version":1,"agent":"user"}"#, Unfit::Member("agent")),
            (r#"{"version":1,"agent":"captain"}"#, Unfit::Member(SEED)),
            (
                r#"{"version":1,"agent":"captain","ed25519_seed":"AAAA"}"#,
                Unfit::Member(SEED),
            ),
            (
                r#"{"version":1,"agent":"captain","ed25519_seed":"?"}"#,
                Unfit::Member(SEED),
            ),
        ] {
            assert_eq!(key(text).unwrap_err(), unfit, "{text}");
        }
    }
}
