//! The keys of an agent as everybody may know them, and what may be done to them. Pure.

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::fingerprint::Fingerprint;
use super::private::Key;
use crate::names::AgentId;
use crate::security::document::{Document, Unfit, put};
use crate::time::Timestamp;

const KEYS: &str = "keys";
const UNTIL: &str = "until";
const REVOKED: &str = "revoked_at";

/// What a key counts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Current,
    /// For what was signed until then.
    Retired {
        until: Timestamp,
    },
    /// For nothing, whenever it was signed: somebody else may have it, who writes any time that he likes.
    Revoked {
        at: Timestamp,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    pub id: Fingerprint,
    pub created_at: Timestamp,
    pub standing: Standing,
    pub(super) bytes: [u8; 32],
}

/// The public file of an agent.
pub struct PublicKeys {
    agent: AgentId,
    keys: Vec<PublicKey>,
    document: Document,
}

impl std::fmt::Debug for PublicKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKeys({} {:?})", self.agent, self.keys)
    }
}

impl PublicKeys {
    pub(super) fn new(agent: &AgentId) -> Self {
        let mut document = Document::new();
        let members = document.members_mut();
        put(members, "agent", agent.as_str().into());
        put(members, "age", Value::Null);
        put(members, KEYS, Value::Array(Vec::new()));
        Self {
            agent: agent.clone(),
            keys: Vec::new(),
            document,
        }
    }

    pub(super) fn parse(agent: &AgentId, text: &[u8]) -> Result<Self, Unfit> {
        let keys = Self::parse_any(text)?;
        if keys.agent != *agent {
            return Err(Unfit::Member("agent"));
        }
        Ok(keys)
    }

    /// Of whatever agent the file names.
    pub(super) fn parse_any(text: &[u8]) -> Result<Self, Unfit> {
        let document = Document::parse(text)?;
        let agent = AgentId::parse(document.str("agent")?);
        let agent = agent.map_err(|_| Unfit::Member("agent"))?;
        document.str_if_any("age")?;
        let keys = document.members().get(KEYS).and_then(Value::as_array);
        let keys = keys.ok_or(Unfit::Member(KEYS))?;
        let keys = keys.iter().map(key).collect::<Option<Vec<_>>>();
        let keys = keys.ok_or(Unfit::Member(KEYS))?;
        Ok(Self {
            agent,
            keys,
            document,
        })
    }

    pub(super) fn spell(&self) -> zeroize::Zeroizing<Vec<u8>> {
        self.document.spell()
    }

    pub const fn agent(&self) -> &AgentId {
        &self.agent
    }

    /// The oldest first.
    pub fn keys(&self) -> &[PublicKey] {
        &self.keys
    }

    pub fn find(&self, id: Fingerprint) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// What a message is signed with that is sent now.
    pub fn current(&self) -> Option<&PublicKey> {
        let mut keys = self.keys.iter().rev();
        keys.find(|key| key.standing == Standing::Current)
    }

    /// What mail to the agent is sealed to.
    pub fn recipient(&self) -> Option<&str> {
        self.document.members().get("age").and_then(Value::as_str)
    }

    pub(super) fn set_recipient(&mut self, recipient: Option<&str>) {
        put(self.document.members_mut(), "age", recipient.into());
    }

    pub(super) fn add(&mut self, key: &Key, now: Timestamp) {
        self.entries().push(json!({
            "key": key.id().to_string(), "ed25519": BASE64.encode(&key.public()),
            "created_at": now.to_string(), UNTIL: null, REVOKED: null,
        }));
        self.keys.push(PublicKey {
            id: key.id(),
            created_at: now,
            standing: Standing::Current,
            bytes: key.public(),
        });
    }

    /// Every other key that is current counts until now.
    pub(super) fn retire_all_but(&mut self, current: Fingerprint, now: Timestamp) {
        self.retire(now, |key| key.id != current);
    }

    /// Every key that is current counts until now.
    pub(super) fn retire_all(&mut self, now: Timestamp) {
        self.retire(now, |_| true);
    }

    fn retire(&mut self, now: Timestamp, is_meant: impl Fn(&PublicKey) -> bool) {
        for nth in 0..self.keys.len() {
            let key = &self.keys[nth];
            if key.standing == Standing::Current && is_meant(key) {
                self.set(nth, UNTIL, Standing::Retired { until: now }, now);
            }
        }
    }

    /// `false` where the agent has no such key. What was revoked before keeps its time.
    pub(super) fn revoke(&mut self, id: Fingerprint, now: Timestamp) -> bool {
        let Some(nth) = self.keys.iter().position(|key| key.id == id) else {
            return false;
        };
        if !matches!(self.keys[nth].standing, Standing::Revoked { .. }) {
            self.set(nth, REVOKED, Standing::Revoked { at: now }, now);
        }
        true
    }

    /// Takes over what is known of these keys: whoever was revoked stays so. `false` where one of them is unknown here:
    /// these are not the same keys, later.
    pub(super) fn succeed(&mut self, earlier: &Self) -> bool {
        earlier.keys.iter().all(|key| match key.standing {
            Standing::Revoked { at } => self.revoke(key.id, at),
            Standing::Current | Standing::Retired { .. } => self.find(key.id).is_some(),
        })
    }

    fn set(&mut self, nth: usize, member: &str, standing: Standing, at: Timestamp) {
        self.entries()[nth][member] = at.to_string().into();
        self.keys[nth].standing = standing;
    }

    fn entries(&mut self) -> &mut Vec<Value> {
        let keys = self.document.members_mut().get_mut(KEYS);
        let keys = keys.and_then(Value::as_array_mut);
        keys.expect("it was read or made with them")
    }
}

fn key(entry: &Value) -> Option<PublicKey> {
    let str = |member| entry.get(member).and_then(Value::as_str);
    // What is there and no time must not count as if it were not there.
    let time = |member| match entry.get(member) {
        None | Some(Value::Null) => Some(None),
        Some(at) => Timestamp::parse(at.as_str()?).map(Some),
    };
    let bytes = BASE64
        .decode(str("ed25519")?.as_bytes())
        .ok()?
        .try_into()
        .ok()?;
    let id = Fingerprint::of(&bytes);
    let standing = match (time(REVOKED)?, time(UNTIL)?) {
        (Some(at), _) => Standing::Revoked { at },
        (None, Some(until)) => Standing::Retired { until },
        (None, None) => Standing::Current,
    };
    (Fingerprint::parse(str("key")?) == Some(id)).then_some(PublicKey {
        id,
        created_at: Timestamp::parse(str("created_at")?)?,
        standing,
        bytes,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn keys_of(agent: &AgentId, keys: &[(&Key, Standing)]) -> PublicKeys {
        let mut all = PublicKeys::new(agent);
        for (nth, (key, standing)) in keys.iter().enumerate() {
            all.add(key, Timestamp::default());
            match *standing {
                Standing::Current => {}
                Standing::Retired { until } => all.set(nth, UNTIL, *standing, until),
                Standing::Revoked { at } => all.set(nth, REVOKED, *standing, at),
            }
        }
        all
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(ms)
    }

    fn key_from(seed: u8) -> Key {
        Key::from_seed(AgentId::captain(), &[seed; 32])
    }

    fn standings(keys: &PublicKeys) -> Vec<Standing> {
        keys.keys.iter().map(|key| key.standing).collect()
    }

    fn read_back(keys: &PublicKeys) -> PublicKeys {
        PublicKeys::parse(&keys.agent, &keys.spell()).unwrap()
    }

    #[test]
    fn a_file_says_what_was_done_to_the_keys() {
        let mut keys = PublicKeys::new(&AgentId::captain());
        keys.set_recipient(Some("age1x"));
        for seed in 1..=3 {
            keys.add(&key_from(seed), at(i64::from(seed)));
            keys.retire_all_but(key_from(seed).id(), at(i64::from(seed)));
        }
        assert!(keys.revoke(key_from(1).id(), at(9)));
        assert!(keys.revoke(key_from(1).id(), at(10)));
        assert!(!keys.revoke(key_from(4).id(), at(10)));
        let read = read_back(&keys);
        assert_eq!(read.keys, keys.keys);
        assert_eq!(
            standings(&read),
            [
                Standing::Revoked { at: at(9) },
                Standing::Retired { until: at(3) },
                Standing::Current
            ]
        );
        assert_eq!(read.current().unwrap().id, key_from(3).id());
        assert_eq!(read.recipient(), Some("age1x"));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let captain = AgentId::captain();
        let keys = keys_of(&captain, &[(&key_from(1), Standing::Current)]);
        let whole = String::from_utf8(keys.spell().to_vec()).unwrap();
        let unfit = |from: &str, to: &str| {
            let text = whole.replace(from, to);
            assert_ne!(text, whole, "{from}");
            PublicKeys::parse(&captain, text.as_bytes()).unwrap_err()
        };
        let other = key_from(2).id().to_string();
        let own = key_from(1).id().to_string();
        assert_eq!(unfit(&own, &other), Unfit::Member(KEYS));
        assert_eq!(unfit("\"captain\"", "\"user\""), Unfit::Member("agent"));
        assert_eq!(
            unfit("\"revoked_at\": null", "\"revoked_at\": 7"),
            Unfit::Member(KEYS)
        );
        assert_eq!(
            unfit("\"until\": null", "\"until\": \"soon\""),
            Unfit::Member(KEYS)
        );
        assert_eq!(unfit("\"age\": null", "\"age\": []"), Unfit::Member("age"));
    }

    #[test]
    fn later_keys_are_those_that_name_the_earlier_ones_and_undo_no_revocation() {
        let captain = AgentId::captain();
        let (one, two) = (key_from(1), key_from(2));
        let revoked = Standing::Revoked { at: at(5) };
        let earlier = keys_of(&captain, &[(&one, revoked)]);
        let mut later = keys_of(
            &captain,
            &[(&one, Standing::Current), (&two, Standing::Current)],
        );
        assert!(later.succeed(&earlier));
        assert_eq!(standings(&later), [revoked, Standing::Current]);
        let mut other = keys_of(&captain, &[(&two, Standing::Current)]);
        assert!(!other.succeed(&earlier));
    }

    #[test]
    fn members_that_are_not_known_survive() {
        let captain = AgentId::captain();
        let keys = keys_of(&captain, &[(&key_from(1), Standing::Current)]);
        let text = String::from_utf8(keys.spell().to_vec()).unwrap();
        let text = text.replace("\"until\": null", "\"until\": null, \"card\": 7");
        let mut keys = PublicKeys::parse(&captain, text.as_bytes()).unwrap();
        keys.add(&key_from(2), at(1));
        keys.retire_all_but(key_from(2).id(), at(1));
        assert!(String::from_utf8_lossy(&keys.spell()).contains("\"card\": 7"));
    }
}
