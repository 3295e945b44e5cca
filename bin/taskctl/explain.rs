use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::tasks::{self, Fired, Schedule, Zone};
use dreamos::time::{Now, Timestamp, local_zone};
use serde::Serialize;

/// Say in words what a schedule means, and when it comes next
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl explain '*/15 9-17 * * 1-5'
  taskctl explain '0 2 * * *' --zone Europe/Berlin
  taskctl explain @hourly")]
pub(crate) struct Explain {
    /// Five fields, @hourly and the like, @every 15m, @reboot, or a time
    #[arg(value_name = "CRON")]
    schedule: String,
    /// The zone of its clocks; else this machine's
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// So many times
    #[arg(short = 'n', value_name = "N", default_value_t = 5)]
    most: usize,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    words: String,
    zone: String,
    next: Vec<Timestamp>,
}

impl Run for Explain {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let zone = self.zone.unwrap_or_else(local_zone);
        let zone = Zone::parse(&zone)?;
        let schedule = Schedule::parse(self.schedule, zone)?;
        let now = Now::read().wall;
        let fired = Fired {
            last_fire: None,
            last_start: None,
            boot: None,
            created: now,
        };
        let next = tasks::next(&schedule, &fired, now, self.most);
        let words = schedule.in_words();
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.schedule/1",
                words,
                zone: schedule.zone().to_string(),
                next,
            })?;
            return Ok(Exit::DONE);
        }
        let times = next.iter().map(|at| schedule.show(*at));
        let lines: Vec<String> = std::iter::once(words).chain(times).collect();
        context.print(&format!("{}\n", lines.join("\n")))?;
        Ok(Exit::DONE)
    }
}
