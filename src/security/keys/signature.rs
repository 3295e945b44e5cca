//! What a signature in a message proves. Pure: the clock and the nonce come in.

use std::fmt;
use std::time::Duration;

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::VerifyingKey;
use serde_json::{Value, json};

use super::canonical::{Content, canonical};
use super::fingerprint::Fingerprint;
use super::private::Key;
use super::public::{PublicKeys, Standing};
use crate::names::AgentId;
use crate::time::Timestamp;

/// A signature is accepted no longer than this after it was made, nor before: for so long a nonce tells a copy.
pub const MOST_APART: Duration = Duration::from_hours(7 * 24);

/// What tells a message from the same message sent again: 128 random bits, written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(u128);

impl Nonce {
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self(u128::from_be_bytes(bytes.try_into().ok()?)))
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&HEXLOWER.encode(&self.0.to_be_bytes()))
    }
}

/// In a message: `{"key": fingerprint, "nonce": hexadecimal, "at": RFC 3339, "sig": base64}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub key: Fingerprint,
    pub nonce: Nonce,
    pub at: Timestamp,
    sig: [u8; 64],
}

impl Signature {
    /// `None` where it is not spelled as we spell it.
    pub fn parse(value: &Value) -> Option<Self> {
        let str = |member| value.get(member).and_then(Value::as_str);
        Some(Self {
            key: Fingerprint::parse(str("key")?)?,
            nonce: Nonce::parse(str("nonce")?)?,
            at: Timestamp::parse(str("at")?)?,
            sig: BASE64
                .decode(str("sig")?.as_bytes())
                .ok()?
                .try_into()
                .ok()?,
        })
    }

    pub fn to_json(&self) -> Value {
        json!({
            "key": self.key.to_string(),
            "nonce": self.nonce.to_string(),
            "at": self.at.to_string(),
            "sig": BASE64.encode(&self.sig),
        })
    }
}

/// Whether a message is of whom it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By whoever holds the key of the sender.
    Verified,
    Unsigned,
    Forged(Why),
}

/// Why a signature proves nothing, or the contrary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("its signature is not spelled as one")]
    Malformed,
    #[error("it is said to be from {from}, and is checked with the keys of {owner}")]
    OtherSender { from: AgentId, owner: AgentId },
    #[error("the key {0} is none of its sender")]
    UnknownKey(Fingerprint),
    #[error("the key {key} was revoked at {at}")]
    Revoked { key: Fingerprint, at: Timestamp },
    #[error("it was signed at {signed_at} with the key {key}, which counted until {until}")]
    Retired {
        key: Fingerprint,
        until: Timestamp,
        signed_at: Timestamp,
    },
    #[error("it was signed at {signed_at} and came at {accepted_at}, more than seven days apart")]
    FarApart {
        signed_at: Timestamp,
        accepted_at: Timestamp,
    },
    #[error(
        "what the key {0} signed was not this: the text, the recipient, the sender or another part was changed"
    )]
    Changed(Fingerprint),
}

impl Key {
    /// The nonce must be new.
    pub fn sign(&self, message: &Content<'_>, nonce: Nonce, at: Timestamp) -> Signature {
        Signature {
            key: self.id,
            nonce,
            at,
            sig: self.sign_bytes(&canonical(message, nonce, at)),
        }
    }
}

/// Checks a message against the keys of its sender, `None` where nobody knows any. What is copied within a home, by way of
/// `inbox.json` or `import`, has left its signature behind; between homes nothing is carried yet that could come twice, and
/// whoever carries it must look for the nonce.
pub fn verify(
    keys: Option<&PublicKeys>,
    message: &Content<'_>,
    signature: Option<&Value>,
    accepted_at: Timestamp,
) -> Proof {
    let Some(signature) = signature.filter(|it| !it.is_null()) else {
        return Proof::Unsigned;
    };
    let checked = Signature::parse(signature)
        .ok_or(Why::Malformed)
        .and_then(|it| check(keys, message, &it, accepted_at));
    checked.map_or_else(Proof::Forged, |()| Proof::Verified)
}

fn check(
    keys: Option<&PublicKeys>,
    message: &Content<'_>,
    signature: &Signature,
    accepted_at: Timestamp,
) -> Result<(), Why> {
    let (id, signed_at) = (signature.key, signature.at);
    let keys = keys.ok_or(Why::UnknownKey(id))?;
    if keys.agent() != message.from {
        return Err(Why::OtherSender {
            from: message.from.clone(),
            owner: keys.agent().clone(),
        });
    }
    let key = keys.find(id).ok_or(Why::UnknownKey(id))?;
    match key.standing {
        Standing::Revoked { at } => return Err(Why::Revoked { key: id, at }),
        Standing::Retired { until } if signed_at > until => {
            return Err(Why::Retired {
                key: id,
                until,
                signed_at,
            });
        }
        Standing::Current | Standing::Retired { .. } => {}
    }
    // One of the two is zero.
    let apart = accepted_at.since(signed_at) + signed_at.since(accepted_at);
    if apart > MOST_APART {
        return Err(Why::FarApart {
            signed_at,
            accepted_at,
        });
    }
    let bytes = canonical(message, signature.nonce, signed_at);
    let signature = ed25519_dalek::Signature::from_bytes(&signature.sig);
    // Strict: a weak key, under which one signature fits many messages, is nobody's.
    VerifyingKey::from_bytes(&key.bytes)
        .and_then(|key| key.verify_strict(&bytes, &signature))
        .map_err(|_| Why::Changed(id))
}

#[cfg(test)]
mod tests {
    use super::super::public::tests::keys_of;
    use super::*;
    use crate::names::Mode;

    const DAY: i64 = 86_400_000;
    const AT: Timestamp = Timestamp::from_unix_ms(1_600_000_000_000);

    fn after(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(AT.unix_ms() + ms)
    }

    fn key(seed: u8) -> Key {
        Key::from_seed(AgentId::captain(), &[seed; 32])
    }

    fn agent() -> AgentId {
        AgentId::parse("agent-3").unwrap()
    }

    fn message<'m>(from: &'m AgentId, to: &'m AgentId) -> Content<'m> {
        Content {
            from,
            to,
            mode: Mode::Normal,
            content: "resume",
            reply_to: None,
            thread: Some("01jd8x"),
            hops: 0,
            origin: None,
            taint: None,
            sealed: None,
            not_before: None,
            expires_at: None,
            attachments: &["aa"],
        }
    }

    #[test]
    fn what_was_signed_is_verified_and_nothing_else() {
        let (captain, agent) = (AgentId::captain(), agent());
        let keys = keys_of(&captain, &[(&key(1), Standing::Current)]);
        let message = message(&captain, &agent);
        let signature = key(1).sign(&message, Nonce::from_bits(7), AT).to_json();
        let proof = |it: &Content<'_>| verify(Some(&keys), it, Some(&signature), AT);
        assert_eq!(proof(&message), Proof::Verified);
        let changed = [
            Content {
                to: &captain,
                ..message
            },
            Content {
                mode: Mode::Priority,
                ..message
            },
            Content {
                content: "resume ",
                ..message
            },
            Content {
                reply_to: Some("01jd8x"),
                ..message
            },
            Content {
                thread: None,
                ..message
            },
            Content { hops: 1, ..message },
            Content {
                not_before: Some(AT),
                ..message
            },
            Content {
                expires_at: Some(AT),
                ..message
            },
            Content {
                attachments: &[],
                ..message
            },
            Content {
                attachments: &["aa", "aa"],
                ..message
            },
        ];
        for it in &changed {
            assert_eq!(
                proof(it),
                Proof::Forged(Why::Changed(key(1).id())),
                "{it:?}"
            );
        }
        let other = Content {
            from: &agent,
            ..message
        };
        assert!(matches!(
            proof(&other),
            Proof::Forged(Why::OtherSender { .. })
        ));
        assert_eq!(verify(Some(&keys), &message, None, AT), Proof::Unsigned);
        assert_eq!(
            verify(Some(&keys), &message, Some(&Value::Null), AT),
            Proof::Unsigned
        );
    }

    #[test]
    fn no_part_of_a_signature_can_be_changed() {
        let (captain, agent) = (AgentId::captain(), agent());
        let both = [(&key(1), Standing::Current), (&key(2), Standing::Current)];
        let keys = keys_of(&captain, &both);
        let message = message(&captain, &agent);
        let whole = key(1).sign(&message, Nonce::from_bits(7), AT).to_json();
        let swapped = key(2).id().to_string();
        for (member, value, why) in [
            ("key", json!(swapped), Why::Changed(key(2).id())),
            (
                "key",
                json!(key(3).id().to_string()),
                Why::UnknownKey(key(3).id()),
            ),
            ("key", json!(1), Why::Malformed),
            (
                "nonce",
                json!(Nonce::from_bits(8).to_string()),
                Why::Changed(key(1).id()),
            ),
            ("nonce", json!("7"), Why::Malformed),
            ("at", json!(after(1).to_string()), Why::Changed(key(1).id())),
            ("at", json!("yesterday"), Why::Malformed),
            (
                "sig",
                json!(BASE64.encode(&[0; 64])),
                Why::Changed(key(1).id()),
            ),
            ("sig", json!(BASE64.encode(&[0; 63])), Why::Malformed),
            ("sig", Value::Null, Why::Malformed),
        ] {
            let mut signature = whole.clone();
            signature[member] = value;
            let proof = verify(Some(&keys), &message, Some(&signature), AT);
            assert_eq!(proof, Proof::Forged(why), "{signature}");
        }
        for garbage in [json!("x"), json!([]), json!({})] {
            let proof = verify(Some(&keys), &message, Some(&garbage), AT);
            assert_eq!(proof, Proof::Forged(Why::Malformed));
        }
        let unknown = Proof::Forged(Why::UnknownKey(key(1).id()));
        assert_eq!(verify(None, &message, Some(&whole), AT), unknown);
    }

    #[test]
    fn a_key_counts_for_its_time_and_a_signature_for_seven_days() {
        let (captain, agent) = (AgentId::captain(), agent());
        let message = message(&captain, &agent);
        let proof = |standing, signed_at, accepted_at| {
            let keys = keys_of(&captain, &[(&key(1), standing)]);
            let signature = key(1).sign(&message, Nonce::from_bits(7), signed_at);
            verify(
                Some(&keys),
                &message,
                Some(&signature.to_json()),
                accepted_at,
            )
        };
        let current = |signed_at, accepted_at| proof(Standing::Current, signed_at, accepted_at);
        for (signed, accepted, stands) in [
            (0, 7 * DAY, true),
            (0, 7 * DAY + 1, false),
            (7 * DAY, 0, true),
            (7 * DAY + 1, 0, false),
        ] {
            let proof = current(after(signed), after(accepted));
            assert_eq!(proof == Proof::Verified, stands, "{proof:?}");
            assert!(stands || matches!(proof, Proof::Forged(Why::FarApart { .. })));
        }
        let retired = Standing::Retired { until: AT };
        assert_eq!(proof(retired, AT, after(DAY)), Proof::Verified);
        let late = proof(retired, after(1), after(DAY));
        assert!(
            matches!(late, Proof::Forged(Why::Retired { .. })),
            "{late:?}"
        );
        let revoked = proof(Standing::Revoked { at: after(DAY) }, AT, AT);
        assert!(
            matches!(revoked, Proof::Forged(Why::Revoked { .. })),
            "{revoked:?}"
        );
    }

    #[test]
    fn a_weak_key_proves_nothing() {
        let captain = AgentId::captain();
        // The neutral point, under which R = S·B fits any message.
        let mut weak = [0; 32];
        weak[0] = 1;
        let keys = PublicKeys::parse(
            &captain,
            &serde_json::to_vec(&json!({"version": 1, "agent": "captain", "keys": [{
                "key": Fingerprint::of(&weak).to_string(), "ed25519": BASE64.encode(&weak),
                "created_at": AT.to_string(), "until": null, "revoked_at": null,
            }]}))
            .unwrap(),
        )
        .unwrap();
        let mut sig = [0; 64];
        sig[0] = 1;
        let signature = json!({
            "key": Fingerprint::of(&weak).to_string(), "nonce": Nonce::from_bits(1).to_string(),
            "at": AT.to_string(), "sig": BASE64.encode(&sig),
        });
        let proof = verify(
            Some(&keys),
            &message(&captain, &captain),
            Some(&signature),
            AT,
        );
        assert_eq!(proof, Proof::Forged(Why::Changed(Fingerprint::of(&weak))));
    }
}
