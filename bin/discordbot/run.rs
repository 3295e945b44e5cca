use std::ffi::OsStr;

use dreamos::cli::{Context, Error, Exit, Failure, Interrupt, Run};
use dreamos::discord::{self, Keeper, Register};
use dreamos::metrics::diagnose;
use dreamos::names::{AgentId, Caller};
use secrecy::ExposeSecret as _;

use super::desk::open;
use super::token::{VARIABLE, settings, token};

/// Answer on Discord until Ctrl-C or SIGTERM
///
/// What it needs: a token (`secctl secret set discord_token`), config/discord.yaml, and somebody who may command it
/// (/pair there, `discordbot pair CODE` here). Mail for `discord` is posted; what goes wrong stands in runtime/logs/system.log.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  discordbot run
  discordbot run --register global          # on every server; Discord shows them within an hour
  DISCORD_TOKEN=… discordbot run --register none
  cellphone send discord 'the build is green'")]
pub(crate) struct Start {
    /// Where its commands are made known: guild (the one of config/discord.yaml), global or none
    #[arg(long, value_name = "WHERE", default_value = "guild", value_parser = ["guild", "global", "none"])]
    register: String,
}

/// What systemd is told. Elsewhere nobody listens.
struct Service;

impl Keeper for Service {
    fn ready(&self, name: &str) {
        log::info!("connected as {name}");
        tell(&[sd_notify::NotifyState::Ready]);
    }

    fn lives(&self) {
        tell(&[sd_notify::NotifyState::Watchdog]);
    }
}

fn tell(what: &[sd_notify::NotifyState]) {
    if let Err(error) = sd_notify::notify(false, what) {
        log::debug!("systemd was not told: {error}");
    }
}

impl Run for Start {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let home = desk.home();
        let settings = settings(home)?;
        let token = token(context, &desk)?;
        let register = match (self.register.as_str(), settings.guild) {
            ("guild", Some(guild)) => Register::Guild(guild.0),
            ("guild", None) => {
                return Err(Error::advice(
                    "config/discord.yaml names no guild",
                    "add guild: NUMBER, or use --register global",
                )
                .into());
            }
            ("global", _) => Register::Global,
            _ => Register::None,
        };
        let interrupt = Interrupt::install()?;
        let own = own(context);
        let _diagnostics = diagnose(home, &own, "discord")?;
        let start = discord::Start {
            settings,
            own,
            token: token.expose_secret(),
            register,
            environment: std::env::vars_os().filter(|it| !is_secret(&it.0)).collect(),
        };
        discord::run(home, start, &|| interrupt.came(), Box::new(Service))?;
        // To be ended is how a service ends well.
        Ok(match interrupt.exit() {
            Some(Exit::TERMINATED) | None => Exit::DONE,
            Some(exit) => exit,
        })
    }
}

/// The agent as which it was started, or the one whose name it has.
fn own(context: &Context) -> Caller {
    let speaker = AgentId::parse(&context.speaker());
    let own = speaker.ok().filter(|it| !it.is_reserved());
    context.caller(own.unwrap_or_else(|| AgentId::parse(discord::NAME).expect("a sound name")))
}

/// What the bot logs in with is nothing for the agents that it starts.
fn is_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name == VARIABLE || name.starts_with("DREAMOS_SECRET_") || name == "NOTIFY_SOCKET"
}
