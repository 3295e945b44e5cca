use dreamos::cli::{Context, Exit, Failure, Run};

use super::desk::open;
use super::units::{escaped, print};

/// Print a systemd user unit that keeps the bot up
///
/// systemd holds it for started once it is connected, starts it again when it has fallen over or nothing has come of
/// Discord for five minutes, and leaves it alone when its token or its settings are wrong.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  secctl secret set discord_token
  discordbot unit > ~/.config/systemd/user/dreamos-discordbot.service
  systemctl --user enable --now dreamos-discordbot; loginctl enable-linger")]
pub(crate) struct Unit;

impl Run for Unit {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let home = escaped(desk.home().dir());
        // In a command a dollar is a variable's.
        let own = escaped(&std::env::current_exe().unwrap_or_else(|_| "discordbot".into()))
            .replace('$', "$$");
        // Supervisors outlive the bot that started them. 77 and 78: Discord takes no such token, the settings are wrong.
        let service = format!(
            "[Unit]\nDescription=The bot on Discord of {home}\n\n[Service]\nType=notify\nTimeoutStartSec=infinity\n\
             WatchdogSec=5min\nRestart=on-failure\nRestartSec=30s\nRestartPreventExitStatus=77 78\nKillMode=process\n\
             Environment=\"DREAMOS_HOME={home}\"\nExecStart=\"{own}\" run\n\n[Install]\nWantedBy=default.target\n"
        );
        print(context, &[("dreamos-discordbot.service", &service)])
    }
}
