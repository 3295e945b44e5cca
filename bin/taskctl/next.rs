use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::tasks;
use dreamos::time::{Now, Timestamp};
use serde::Serialize;

use super::desk::open;

/// When tasks with a schedule run next
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl next
  taskctl next backup -n 10")]
pub(crate) struct Next {
    /// These alone
    #[arg(value_name = "TASK")]
    tasks: Vec<String>,
    /// So many times of each
    #[arg(short = 'n', value_name = "N", default_value_t = 1)]
    most: usize,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    tasks: Vec<One>,
}

#[derive(Serialize)]
struct One {
    task: String,
    schedule: String,
    zone: String,
    next: Vec<Timestamp>,
}

impl Run for Next {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let now = Now::read();
        let sheets = desk.sheets(now)?;
        let board = sheets.board()?;
        let named = self
            .tasks
            .iter()
            .map(|task| Ok(board.record(task)?.id().to_owned()));
        let mut ids = named.collect::<Result<Vec<String>, tasks::Error>>()?;
        if ids.is_empty() {
            let scheduled = board.tasks().filter(|task| task.schedule.is_some());
            ids = scheduled.map(|task| task.id.to_string()).collect();
        }
        let mut all = Vec::new();
        for task in ids {
            let Some(schedule) = board.schedule(&task)? else {
                context.warn(&format!("{task} has no schedule"));
                continue;
            };
            let fired = board.fired(&task)?;
            all.push(One {
                next: tasks::next(&schedule, &fired, now.wall, self.most),
                schedule: schedule.in_words(),
                zone: schedule.zone().to_string(),
                task,
            });
        }
        all.sort_by_key(|one| {
            one.next
                .first()
                .copied()
                .unwrap_or(Timestamp::from_unix_ms(i64::MAX))
        });
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.next/1",
                tasks: all,
            })?;
            return Ok(Exit::DONE);
        }
        let mut table = Table::new(&["TASK", "NEXT", "SCHEDULE"]);
        for one in all {
            let times: Vec<_> = one.next.iter().map(ToString::to_string).collect();
            let times = if times.is_empty() {
                vec!["-".to_owned()]
            } else {
                times
            };
            for at in times {
                table.row(vec![one.task.clone(), at, one.schedule.clone()]);
            }
        }
        context.print_table(&table)?;
        Ok(Exit::DONE)
    }
}
