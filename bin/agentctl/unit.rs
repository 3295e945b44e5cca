use dreamos::cli::{Context, Exit, Failure, Run};

use super::desk::open;
use super::units::{escaped, own, print};

/// Print systemd user units that keep this home's agents up
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl unit                       # says where each goes
  agentctl unit --service > ~/.config/systemd/user/dreamos-up.service
  agentctl unit --timer   > ~/.config/systemd/user/dreamos-up.timer
  systemctl --user enable --now dreamos-up.timer; loginctl enable-linger")]
pub(crate) struct Unit {
    /// The service alone
    #[arg(long)]
    service: bool,
    /// The timer alone
    #[arg(long, conflicts_with = "service")]
    timer: bool,
}

const TIMER: &str = "\
[Unit]
Description=Start the agents that ought to run, each minute

[Timer]
OnStartupSec=5s
OnUnitActiveSec=1min

[Install]
WantedBy=timers.target
";

impl Run for Unit {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let home = escaped(desk.home().dir());
        let own = own("agentctl");
        // Supervisors outlive the call that starts them.
        let service = format!(
            "[Unit]\nDescription=Start the agents of {home} that ought to run\n\n[Service]\nType=oneshot\n\
             KillMode=process\nEnvironment=\"DREAMOS_HOME={home}\"\nExecStart=\"{own}\" up -q\n"
        );
        let (service, timer) = (
            ("dreamos-up.service", service.as_str()),
            ("dreamos-up.timer", TIMER),
        );
        let units = match (self.service, self.timer) {
            (true, _) => vec![service],
            (_, true) => vec![timer],
            (false, false) => vec![service, timer],
        };
        print(context, &units)
    }
}
