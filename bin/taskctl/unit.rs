use dreamos::cli::{Context, Exit, Failure, Run};

use super::desk::open;
use super::units::{escaped, own, print};

/// Print systemd user units that run what is due each minute
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl unit                       # says where each goes
  taskctl unit --service > ~/.config/systemd/user/dreamos-tasks.service
  taskctl unit --timer   > ~/.config/systemd/user/dreamos-tasks.timer
  systemctl --user enable --now dreamos-tasks.timer; loginctl enable-linger")]
pub(crate) struct Unit {
    /// The service alone
    #[arg(long)]
    service: bool,
    /// The timer alone
    #[arg(long, conflicts_with = "service")]
    timer: bool,
}

/// One run makes good what was missed while the machine was off.
const TIMER: &str = "\
[Unit]
Description=Run the tasks that are due, each minute

[Timer]
OnCalendar=minutely
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
";

impl Run for Unit {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let home = escaped(desk.home().dir());
        let own = own("taskctl");
        let service = format!(
            "[Unit]\nDescription=Run the tasks of {home} that are due\n\n[Service]\nType=oneshot\n\
             Environment=\"DREAMOS_HOME={home}\"\nExecStart=\"{own}\" run --due\n"
        );
        let (service, timer) = (
            ("dreamos-tasks.service", service.as_str()),
            ("dreamos-tasks.timer", TIMER),
        );
        let units = match (self.service, self.timer) {
            (true, _) => vec![service],
            (_, true) => vec![timer],
            (false, false) => vec![service, timer],
        };
        print(context, &units)
    }
}
