//! What opens the store: where it lies, or that it is asked for.

use std::path::PathBuf;

use dreamos::cli::{Context, Error, Failure, secret_by};
use dreamos::desk::Desk;
use dreamos::security::secrets::{self, SealedWith, Unlock, sealed_with, unlock};

const PASSPHRASE: &str = "DREAMOS_PASSPHRASE_FILE";

pub(super) fn opened(context: &Context, desk: &Desk) -> Result<Unlock, Failure> {
    match sealed_with(desk.home())? {
        Some(SealedWith::Passphrase) => {
            let passphrase = secret_by(context, PASSPHRASE, "passphrase: ")?;
            Ok(Unlock::Passphrase(passphrase))
        }
        Some(SealedWith::Key) => Ok(unlock(&key_file(context)?)?),
        None => Err(secrets::Error::NoStore.into()),
    }
}

pub(super) fn key_file(context: &Context) -> Result<PathBuf, Failure> {
    let named = context
        .variable("DREAMOS_SECRETS_KEY_FILE")
        .map(PathBuf::from);
    let config = || {
        let of_user = || Some(PathBuf::from(context.variable("HOME")?).join(".config"));
        let dir = context.variable("XDG_CONFIG_HOME").map(PathBuf::from);
        Some(dir.or_else(of_user)?.join("dreamos/secrets.key"))
    };
    named.or_else(config).ok_or_else(|| {
        Error::advice(
            "nobody says where the key file of secrets is",
            "set HOME or DREAMOS_SECRETS_KEY_FILE",
        )
        .into()
    })
}
