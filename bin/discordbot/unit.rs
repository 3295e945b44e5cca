use dreamos::cli::{Context, Exit, Failure, Run};

use super::desk::open;
use super::units::{escaped, own, print};

/// Print a systemd user unit that keeps the bot up
///
/// systemd holds it for started once it is connected, starts it again when it has fallen over or nothing has come of
/// Discord for five minutes, and leaves it alone when its token or its settings are missing or wrong.
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
        let own = own("discordbot");
        // Supervisors outlive the bot that started them. It ends with 2 where it has no token or no guild, with 77
        // where Discord takes no such token, with 78 where its settings are wrong.
        let service = format!(
            "[Unit]\nDescription=The bot on Discord of {home}\n\n[Service]\nType=notify\nTimeoutStartSec=infinity\n\
             WatchdogSec=5min\nRestart=on-failure\nRestartSec=30s\nRestartPreventExitStatus=2 77 78\nKillMode=process\n\
             Environment=\"DREAMOS_HOME={home}\"\nExecStart=\"{own}\" run\n\n[Install]\nWantedBy=default.target\n"
        );
        print(context, &[("dreamos-discordbot.service", &service)])
    }
}
