//! The one file that knows the crate `age`: bytes are sealed to keys or under a passphrase, and opened whole or not at all.
//!
//! What is sealed is text, "armored": it stands in JSON, and `age --decrypt` opens it.

use std::fmt;
use std::io::{BufReader, Read as _, Write as _};
use std::iter::once;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{DecryptError, Decryptor, Encryptor, scrypt, x25519};
use secrecy::SecretString;
use zeroize::Zeroizing;

use super::error::Error;
use crate::names::{Explain, Kind};
use crate::security::keys::Pair;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
/// A passphrase costs 2^17 rounds, which take 128 MiB (OWASP's advice for scrypt).
const WORK: u8 = 17;
/// What somebody else sealed may cost eight times as much.
const MOST_WORK: u8 = WORK + 3;

/// What opens what was sealed to its recipient. It is wiped when it is dropped.
pub struct Identity(x25519::Identity);

impl Identity {
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// From `AGE-SECRET-KEY-1…`.
    pub fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    pub fn spell(&self) -> SecretString {
        self.0.to_string()
    }

    /// `age1…`, which anybody may know.
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// For an agent whose mail is sealed.
    pub fn to_pair(&self) -> Pair {
        Pair {
            identity: self.spell(),
            recipient: self.recipient(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.recipient())
    }
}

/// What somebody opens with.
#[derive(Debug)]
pub enum Unlock {
    /// One of these fits; what is sealed anew is sealed to the first.
    Identity(Vec<Identity>),
    Passphrase(SecretString),
}

/// What is needed to open something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedWith {
    Key,
    Passphrase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unopened {
    #[error("it is sealed to another key")]
    WrongKey,
    #[error("the passphrase is another one")]
    WrongPassphrase,
    #[error("it is sealed with a passphrase, not to a key")]
    NeedsPassphrase,
    #[error("it is sealed to a key, not with a passphrase")]
    NeedsKey,
    #[error("it is cut off or was changed, or was never sealed")]
    Damaged,
    #[error("its passphrase would take too long to try")]
    TooCostly,
}

impl Explain for Unopened {
    fn kind(&self) -> Kind {
        match self {
            Self::WrongKey
            | Self::WrongPassphrase
            | Self::NeedsPassphrase
            | Self::NeedsKey
            | Self::TooCostly => Kind::Refused,
            Self::Damaged => Kind::Corrupt,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::WrongKey | Self::NeedsKey => "name the key file that it was sealed with",
            Self::WrongPassphrase | Self::NeedsPassphrase => "give the passphrase",
            Self::Damaged => "nothing of it was used; take it from a backup",
            Self::TooCostly => return None,
        };
        Some(hint.into())
    }
}

/// Any of the recipients opens it.
pub fn seal_to(recipients: &[&str], bytes: &[u8]) -> Result<String, Error> {
    let parse = |text: &&str| {
        let recipient = text.parse::<x25519::Recipient>();
        recipient.map_err(|_| Error::BadRecipient(text.chars().take(80).collect()))
    };
    let recipients = recipients
        .iter()
        .map(parse)
        .collect::<Result<Vec<_>, _>>()?;
    let recipients = recipients.iter().map(|it| it as &dyn age::Recipient);
    let sealing = Encryptor::with_recipients(recipients).map_err(|_| Error::NoRecipient)?;
    Ok(seal(sealing, bytes))
}

/// As the stores are sealed that `unlock` opens.
pub(super) fn seal_for(unlock: &Unlock, bytes: &[u8]) -> Result<String, Error> {
    match unlock {
        Unlock::Identity(all) => {
            let first = all.first().map(Identity::recipient);
            seal_to(&[&first.ok_or(Error::NoRecipient)?], bytes)
        }
        Unlock::Passphrase(passphrase) => Ok(seal_under(passphrase, bytes)),
    }
}

fn seal_under(passphrase: &SecretString, bytes: &[u8]) -> String {
    let mut recipient = scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK);
    let sealing = Encryptor::with_recipients(once(&recipient as &dyn age::Recipient));
    seal(sealing.expect("a passphrase goes with itself alone"), bytes)
}

fn seal(sealing: Encryptor, bytes: &[u8]) -> String {
    let armored = || -> std::io::Result<Vec<u8>> {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = sealing.wrap_output(armor)?;
        writer.write_all(bytes)?;
        writer.finish()?.finish()
    };
    let text = armored().expect("memory takes it");
    let mut text = String::from_utf8(text).expect("armor is ASCII");
    // Without the last line end every byte of it counts: one that is cut off is missed.
    text.truncate(text.trim_end().len());
    text
}

pub(super) fn sealed(text: &str) -> Result<SealedWith, Unopened> {
    decryptor(text).map(|sealed| sealed_by(&sealed))
}

fn sealed_by<R>(sealed: &Decryptor<R>) -> SealedWith {
    if sealed.is_scrypt() {
        SealedWith::Passphrase
    } else {
        SealedWith::Key
    }
}

fn decryptor(text: &str) -> Result<Decryptor<ArmoredReader<BufReader<&[u8]>>>, Unopened> {
    let text = text.trim_ascii();
    if !text.starts_with(BEGIN) || !text.ends_with(END) {
        return Err(Unopened::Damaged);
    }
    Decryptor::new(ArmoredReader::new(text.as_bytes())).map_err(|_| Unopened::Damaged)
}

/// All of it, once it is known that nothing of it was changed.
pub fn open_with(unlock: &Unlock, text: &str) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let sealed = decryptor(text)?;
    let opened = match (unlock, sealed_by(&sealed)) {
        (Unlock::Identity(_), SealedWith::Passphrase) => return Err(Unopened::NeedsPassphrase),
        (Unlock::Passphrase(_), SealedWith::Key) => return Err(Unopened::NeedsKey),
        (Unlock::Identity(all), SealedWith::Key) => {
            sealed.decrypt(all.iter().map(|it| &it.0 as &dyn age::Identity))
        }
        (Unlock::Passphrase(passphrase), SealedWith::Passphrase) => {
            let mut identity = scrypt::Identity::new(passphrase.clone());
            identity.set_max_work_factor(MOST_WORK);
            sealed.decrypt(once(&identity as &dyn age::Identity))
        }
    };
    let mut reader = opened.map_err(|error| unopened(unlock, &error))?;
    // Never grown: what is sealed is shorter than its armor.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    reader
        .read_to_end(&mut bytes)
        .map_err(|_| Unopened::Damaged)?;
    Ok(bytes)
}

fn unopened(unlock: &Unlock, error: &DecryptError) -> Unopened {
    match (error, unlock) {
        (DecryptError::NoMatchingKeys, _) => Unopened::WrongKey,
        (
            DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed,
            Unlock::Passphrase(_),
        ) => Unopened::WrongPassphrase,
        (DecryptError::ExcessiveWork { .. }, _) => Unopened::TooCostly,
        // Others are about what is damaged, or not ours.
        _ => Unopened::Damaged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = "a body with a line\nand \u{0} and é".as_bytes();

    fn one() -> (Unlock, String) {
        let identity = Identity::generate();
        let recipient = identity.recipient();
        (Unlock::Identity(vec![identity]), recipient)
    }

    #[test]
    fn each_recipient_opens_what_is_sealed_to_him_and_nobody_else() {
        let ((first, a), (second, b), (other, _)) = (one(), one(), one());
        let sealed = seal_to(&[&a, &b], TEXT).unwrap();
        assert!(sealed.is_ascii() && !sealed.contains("body"), "{sealed}");
        for unlock in [&first, &second] {
            assert_eq!(**open_with(unlock, &sealed).unwrap(), *TEXT);
        }
        assert_eq!(open_with(&other, &sealed).unwrap_err(), Unopened::WrongKey);
        let none = Unlock::Identity(Vec::new());
        assert_eq!(open_with(&none, &sealed).unwrap_err(), Unopened::WrongKey);
        let framed = format!("\n{sealed}\n\n");
        assert_eq!(**open_with(&first, &framed).unwrap(), *TEXT);
    }

    #[test]
    fn nobody_is_no_recipient() {
        assert!(matches!(seal_to(&[], TEXT), Err(Error::NoRecipient)));
        let bad = seal_to(&["age1nobody"], TEXT);
        assert!(matches!(bad, Err(Error::BadRecipient(_))));
    }

    #[test]
    fn what_is_cut_off_or_changed_anywhere_is_not_opened() {
        let (unlock, recipient) = one();
        let sealed = seal_to(&[&recipient], TEXT).unwrap();
        for end in 0..sealed.len() {
            let error = open_with(&unlock, &sealed[..end]).unwrap_err();
            assert_eq!(error, Unopened::Damaged, "{end}");
        }
        for end in 0..sealed.len() - END.len() - 1 {
            let closed = format!("{}\n{END}", &sealed[..end]);
            assert!(open_with(&unlock, &closed).is_err(), "{end}");
        }
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(bytes).unwrap();
            assert!(open_with(&unlock, &text).is_err(), "{at}: {text}");
        }
        for garbage in ["", "x", BEGIN, "age-encryption.org/v1\n-> X25519 x\n"] {
            assert_eq!(open_with(&unlock, garbage).unwrap_err(), Unopened::Damaged);
        }
    }

    #[test]
    fn a_passphrase_opens_what_it_sealed() {
        let right = Unlock::Passphrase("correct horse".into());
        let wrong = Unlock::Passphrase("correct mule".into());
        let (key, recipient) = one();
        let sealed = seal_for(&right, TEXT).unwrap();
        assert_eq!(**open_with(&right, &sealed).unwrap(), *TEXT);
        assert_eq!(
            open_with(&wrong, &sealed).unwrap_err(),
            Unopened::WrongPassphrase
        );
        assert_eq!(
            open_with(&key, &sealed).unwrap_err(),
            Unopened::NeedsPassphrase
        );
        let to_key = seal_to(&[&recipient], TEXT).unwrap();
        assert_eq!(open_with(&right, &to_key).unwrap_err(), Unopened::NeedsKey);
    }

    #[test]
    fn an_identity_is_spelled_and_read_back_and_never_shown() {
        let identity = Identity::generate();
        let spelled = identity.spell();
        let spelled = secrecy::ExposeSecret::expose_secret(&spelled);
        assert_eq!(
            Identity::parse(spelled).unwrap().recipient(),
            identity.recipient()
        );
        let unlock = Unlock::Identity(vec![identity]);
        assert!(!format!("{unlock:?}").contains(spelled));
        assert!(Identity::parse("AGE-SECRET-KEY-1X").is_none());
    }
}
