use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use clap::Subcommand;
use dreamos::cli::{Context, Error, Exit, Failure, Run, Table};
use dreamos::desk::Desk;
use dreamos::names::Verb;
use dreamos::security::secrets::{
    NewKey, SealedWith, SecretName, Unlock, sealed_with, unlock, unlock_or_make,
};
use dreamos::time::{Now, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use zeroize::Zeroizing;

use super::desk;

/// A longer one is no secret, but a file.
const LONGEST: u64 = 64 << 10;

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

#[derive(Serialize)]
struct Listed {
    schema: &'static str,
    secrets: Vec<One>,
}

#[derive(Serialize)]
struct One {
    name: String,
    set_at: Timestamp,
    rotated_at: Option<Timestamp>,
    note: Option<String>,
}

impl Run for Secret {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = desk::open(context)?;
        let now = Now::read();
        desk.may_use_secrets(self.what.verb())?;
        match self.what {
            What::Set { name, note } => {
                let value = value(context, name.as_str())?;
                let unlock = match sealed_with(desk.home())? {
                    Some(SealedWith::Passphrase) => opened(context, &desk)?,
                    _ => unlock_or_make(desk.home(), &key_file(context)?, now.wall)?,
                };
                desk.set_secret(&name, &value, note.as_deref(), &unlock, now)?;
                tell(context, "set", Some(&name));
            }
            What::Get { name, reveal } => get(context, &desk, &name, reveal)?,
            What::List => list(context, &desk)?,
            What::Rm { name } => {
                desk.remove_secret(&name, &opened(context, &desk)?, now)?;
                tell(context, "removed", Some(&name));
            }
            What::Rotate { passphrase } => {
                let before = opened(context, &desk)?;
                let path = key_file(context)?;
                let to = if passphrase {
                    NewKey::Passphrase(asked(
                        context,
                        "new passphrase: ",
                        "DREAMOS_NEW_PASSPHRASE_FILE",
                    )?)
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

fn get(context: &Context, desk: &Desk, name: &SecretName, reveal: bool) -> Result<(), Failure> {
    if !reveal && !context.on_terminal() {
        return Err(
            Error::advice("stdout is no terminal", "--reveal prints it all the same").into(),
        );
    }
    let secret = desk.secret(name, &opened(context, desk)?)?;
    let line = Zeroizing::new(format!("{}\n", secret.expose_secret()));
    Ok(context.print(&line)?)
}

fn list(context: &Context, desk: &Desk) -> Result<(), Failure> {
    let found = match sealed_with(desk.home())? {
        None => Vec::new(),
        Some(_) => desk.secrets(&opened(context, desk)?)?,
    };
    let secrets: Vec<One> = found
        .into_iter()
        .map(|it| One {
            name: it.name.as_str().to_owned(),
            set_at: it.set_at,
            rotated_at: it.rotated_at,
            note: it.note,
        })
        .collect();
    if context.format().is_json() {
        return Ok(context.print_json(&Listed {
            schema: "dreamos.secrets/1",
            secrets,
        })?);
    }
    let mut table = Table::new(&["NAME", "SET", "ROTATED", "NOTE"]);
    for it in secrets {
        let rotated = it.rotated_at.map_or("-".into(), |at| at.to_string());
        let note = it.note.unwrap_or_default();
        table.row(vec![it.name, it.set_at.to_string(), rotated, note]);
    }
    Ok(context.print_table(&table)?)
}

fn opened(context: &Context, desk: &Desk) -> Result<Unlock, Failure> {
    match sealed_with(desk.home())? {
        Some(SealedWith::Passphrase) => {
            let passphrase = asked(context, "passphrase: ", "DREAMOS_PASSPHRASE_FILE")?;
            Ok(Unlock::Passphrase(passphrase))
        }
        _ => Ok(unlock(&key_file(context)?)?),
    }
}

fn key_file(context: &Context) -> Result<PathBuf, Failure> {
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

/// What is set: from standard input, or twice nothing that anybody sees.
fn value(context: &Context, name: &str) -> Result<SecretString, Failure> {
    if !std::io::stdin().is_terminal() {
        return from(std::io::stdin());
    }
    hidden(context, &format!("{name}: "))
}

fn asked(context: &Context, prompt: &str, variable: &str) -> Result<SecretString, Failure> {
    let Some(path) = context.variable(variable).map(PathBuf::from) else {
        return hidden(context, prompt);
    };
    let file = std::fs::File::open(&path).map_err(|source| Error::File { path, source })?;
    from(file)
}

fn hidden(context: &Context, prompt: &str) -> Result<SecretString, Failure> {
    if !context.may_ask() {
        return Err(Error::advice(
            "nobody is there to be asked",
            "give it on standard input, or in the file that DREAMOS_PASSPHRASE_FILE names",
        )
        .into());
    }
    let text = rpassword::prompt_password(prompt).map_err(Error::Input)?;
    worth(&Zeroizing::new(text))
}

/// Without its last line break.
fn from(source: impl std::io::Read) -> Result<SecretString, Failure> {
    let mut text = Zeroizing::new(String::new());
    let mut source = source.take(LONGEST + 1);
    source.read_to_string(&mut text).map_err(Error::Input)?;
    worth(&text)
}

fn worth(text: &str) -> Result<SecretString, Failure> {
    let trimmed = text.strip_suffix('\n').unwrap_or(text);
    let trimmed = trimmed.strip_suffix('\r').unwrap_or(trimmed);
    match trimmed.len() as u64 {
        0 => Err(Error::usage("it is empty".to_owned()).into()),
        length if length > LONGEST => {
            Err(Error::usage(format!("it is longer than {LONGEST} bytes")).into())
        }
        _ => Ok(SecretString::from(trimmed)),
    }
}
