use std::io::Read as _;

use dreamos::cli::{Context, Error, Exit, Failure, Run};
use dreamos::desk::Desk;
use dreamos::discord::{self, Webhook};
use dreamos::security::secrets::{self, SecretName, sealed_with};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::desk::open;
use super::opens::opened;

const VARIABLE: &str = "DISCORD_WEBHOOK_URL";

/// Post a text through a webhook: one way, no bot has to run
///
/// The address of a webhook is a secret: `secctl secret set discord_webhook_NAME`, or `DISCORD_WEBHOOK_URL` in the environment.
/// Longer texts are several messages; nobody is pinged. Exit 75: it may have been posted, or only in part; nothing is tried
/// again then.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  discordbot post 'the build is green'
  make test 2>&1 | tail | discordbot post - --webhook builds --username ci
  0 7 * * *  dreamscribe digest --since 24h | discordbot post -")]
pub(crate) struct Post {
    /// What, or - for stdin
    #[arg(value_name = "TEXT|-")]
    text: String,
    /// Through which: the secret `discord_webhook_NAME`
    #[arg(long, value_name = "NAME", default_value = "default")]
    webhook: String,
    /// As whom it is shown
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// Into this thread of its channel
    #[arg(long, value_name = "NUMBER")]
    thread: Option<u64>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    messages: Vec<String>,
}

impl Run for Post {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let text = if self.text == "-" {
            let mut text = String::new();
            let read = std::io::stdin().lock().read_to_string(&mut text);
            read.map_err(|error| Error::usage(format!("stdin: {error}")))?;
            text
        } else {
            self.text.clone()
        };
        if text.trim().is_empty() {
            return Err(Error::usage("there is nothing to post".to_owned()).into());
        }
        let webhook = self.address(context, &open(context)?)?;
        let posted = discord::post(&webhook, &text, self.username.as_deref(), self.thread)?;
        let line = match posted.len() {
            1 => "posted".to_owned(),
            n => format!("posted in {n} messages"),
        };
        context.report(
            &line,
            &Document {
                schema: "dreamos.discord-posted/1",
                messages: posted.iter().map(u64::to_string).collect(),
            },
        );
        Ok(Exit::DONE)
    }
}

impl Post {
    fn address(&self, context: &Context, desk: &Desk) -> Result<Webhook, Failure> {
        let said = context.variable(VARIABLE).filter(|it| !it.is_empty());
        if let Some(said) = said {
            return Ok(Webhook::parse(&said.to_string_lossy())?);
        }
        let name = format!("discord_webhook_{}", self.webhook);
        let name = SecretName::parse(&name).map_err(|error| Error::usage(error.to_string()))?;
        if sealed_with(desk.home())?.is_none() {
            let hint = format!("secctl secret set {name}, or {VARIABLE} in the environment");
            return Err(Error::advice("there is no webhook", hint).into());
        }
        let address = secrets::get(desk.home(), &name, &opened(context, desk)?)?;
        Ok(Webhook::parse(address.expose_secret())?)
    }
}
