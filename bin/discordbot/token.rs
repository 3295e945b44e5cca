//! What the bot logs in with: `DISCORD_TOKEN`, or the secret `discord_token`. Never an argument.

use dreamos::cli::{Context, Error, Failure};
use dreamos::desk::Desk;
use dreamos::discord::{self, Settings};
use dreamos::root::Home;
use dreamos::security::secrets::{self, SecretName, sealed_with};
use secrecy::SecretString;

use super::opens::opened;

pub(crate) const VARIABLE: &str = "DISCORD_TOKEN";
const NAME: &str = "discord_token";

pub(crate) fn token(context: &Context, desk: &Desk) -> Result<SecretString, Failure> {
    let name = SecretName::parse(NAME).expect("a sound name");
    let said = [VARIABLE, &name.variable()]
        .iter()
        .find_map(|it| context.variable(it).filter(|it| !it.is_empty()));
    if let Some(said) = said {
        let token = said.to_str().map(SecretString::from);
        return token.ok_or_else(|| Error::usage(format!("{VARIABLE} is no text")).into());
    }
    if sealed_with(desk.home())?.is_none() {
        let hint = format!("secctl secret set {NAME}, or {VARIABLE} in its environment");
        return Err(Error::advice("the bot has no token", hint).into());
    }
    Ok(secrets::get(desk.home(), &name, &opened(context, desk)?)?)
}

/// What `config/discord.yaml` says.
pub(crate) fn settings(home: &Home) -> Result<Settings, Failure> {
    let path = home.discord_yaml();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(Error::File { path, source }.into()),
    };
    let parsed: Result<Settings, discord::Error> = Settings::parse(&text, &path);
    Ok(parsed?)
}
