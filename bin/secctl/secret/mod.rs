mod get;
mod list;
mod opens;

use clap::Subcommand;
use dreamos::cli::{Context, Exit, Failure, Run, secret_by, secret_input};
use dreamos::names::Verb;
use dreamos::security::secrets::{NewKey, SealedWith, SecretName, sealed_with, unlock_or_make};
use dreamos::time::Now;
use serde::Serialize;

use self::opens::{key_file, opened};
use super::desk;

const NEW_PASSPHRASE: &str = "DREAMOS_NEW_PASSPHRASE_FILE";

/// What bots, bridges and posters log in with, sealed by age
#[derive(clap::Args)]
#[command(
    after_help = "The store is opened by the key file $DREAMOS_SECRETS_KEY_FILE, else ~/.config/dreamos/secrets.key, which the first `set`
makes; or by a passphrase, which is asked for, or stands in the file $DREAMOS_PASSPHRASE_FILE. A program takes a secret NAME
from the variable DREAMOS_SECRET_<NAME> instead, where that is set.

EXAMPLES
  secctl secret set discord_token                  # asks for it; or: < token.txt
  secctl secret list
  secctl secret get discord_token --reveal | head -c 4
  secctl secret rotate                             # another key; --passphrase: by a passphrase from now on
  secctl secret rm discord_token"
)]
pub(crate) struct Secret {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Keep one: it is asked for, or read from standard input, never an argument
    Set {
        #[arg(value_name = "NAME", value_parser = name)]
        name: SecretName,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Print one: to a terminal, or with --reveal
    Get {
        #[arg(value_name = "NAME", value_parser = name)]
        name: SecretName,
        /// Also where stdout is no terminal
        #[arg(long)]
        reveal: bool,
    },
    /// Their names and times
    List,
    /// Remove one
    Rm {
        #[arg(value_name = "NAME", value_parser = name)]
        name: SecretName,
    },
    /// Seal all of them to another key
    Rotate {
        /// By a passphrase, which is asked for
        #[arg(long)]
        passphrase: bool,
    },
}

impl What {
    const fn verb(&self) -> Verb {
        match self {
            Self::Get { .. } | Self::List => Verb::SecretRead,
            Self::Set { .. } | Self::Rm { .. } | Self::Rotate { .. } => Verb::SecretWrite,
        }
    }
}

fn name(text: &str) -> Result<SecretName, String> {
    SecretName::parse(text).map_err(|bad| bad.to_string())
}

#[derive(Serialize)]
struct Changed {
    schema: &'static str,
    /// `set`, `removed`, `rotated`
    what: &'static str,
    /// `null`: all.
    name: Option<String>,
}

impl Run for Secret {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = desk::open(context)?;
        let now = Now::read();
        desk.may_use_secrets(self.what.verb())?;
        match self.what {
            What::Set { name, note } => {
                let value = secret_input(context, &format!("{name}: "))?;
                let unlock = match sealed_with(desk.home())? {
                    Some(SealedWith::Passphrase) => opened(context, &desk)?,
                    _ => unlock_or_make(desk.home(), &key_file(context)?, now.wall)?,
                };
                desk.set_secret(&name, &value, note.as_deref(), &unlock, now)?;
                tell(context, "set", Some(&name));
            }
            What::Get { name, reveal } => get::get(context, &desk, &name, reveal)?,
            What::List => list::list(context, &desk)?,
            What::Rm { name } => {
                desk.remove_secret(&name, &opened(context, &desk)?, now)?;
                tell(context, "removed", Some(&name));
            }
            What::Rotate { passphrase } => {
                let before = opened(context, &desk)?;
                let path = key_file(context)?;
                let to = if passphrase {
                    NewKey::Passphrase(secret_by(context, NEW_PASSPHRASE, "new passphrase: ")?)
                } else {
                    NewKey::File(&path)
                };
                desk.rotate_secrets(&before, to, now)?;
                tell(context, "rotated", None);
            }
        }
        Ok(Exit::DONE)
    }
}

fn tell(context: &Context, what: &'static str, name: Option<&SecretName>) {
    let name = name.map(|name| name.as_str().to_owned());
    let line = name
        .as_ref()
        .map_or_else(|| what.to_owned(), |name| format!("{what} {name}"));
    let schema = "dreamos.secret-changed/1";
    context.report(&line, &Changed { schema, what, name });
}
