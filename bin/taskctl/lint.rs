use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::names::{AgentId, Explain as _, Finding};
use dreamos::tasks::{Board, Error, Hold, Standing, Task, passes};
use dreamos::time::Now;

use super::desk::open;
use super::findings::tell;
use super::item::live;

/// Look for what is wrong with the documents and will not mend itself; exit 1 if there is something
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl lint")]
pub(crate) struct Lint {}

impl Run for Lint {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let now = Now::read();
        let mut known = desk.everybody()?;
        known.extend([AgentId::user(), AgentId::unassigned()]);
        let sheets = desk.sheets(now)?;
        let board = sheets.board()?;
        let home = desk.home();
        let mut findings: Vec<Finding> = board.faults().iter().map(unreadable).collect();
        let mut find = |what: &'static str, owner: &AgentId, detail: String| {
            findings.push(Finding {
                what,
                path: home.tasks(owner),
                detail,
                fixable: false,
                fixed: false,
            });
        };
        for owner in board.owners().filter(|it| !known.contains(it)) {
            find("unknown-agent", owner, format!("nobody is called {owner}"));
        }
        for record in board.conflicted() {
            let owner = owner(&board, record.id());
            let fields = record.get("conflicts").and_then(|it| it.as_array());
            let fields = fields.into_iter().flatten();
            let fields: Vec<_> = fields.filter_map(|it| it["field"].as_str()).collect();
            let (id, fields) = (record.id(), fields.join(", "));
            let detail =
                format!("{id}: {fields}; once settled: taskctl set {id} conflicts --unset");
            find("conflict", &owner, detail);
        }
        for (task, standing) in live(&board, &desk.dead(&board)) {
            let owner = owner(&board, &task.id);
            if let Some(agent) = stranger(task, &known) {
                let detail = format!("{} is for {agent}, and nobody is called so", task.id);
                find("unknown-agent", &owner, detail);
            }
            if let Standing::Held(hold @ (Hold::Doomed { .. } | Hold::Unknown { .. })) = standing {
                find("blocked", &owner, format!("{} is {hold}", task.id));
            }
            if task.is_overdue(now.wall) {
                let deadline = task.deadline.as_deref().unwrap_or_default();
                find(
                    "overdue",
                    &owner,
                    format!("{} was to be done by {deadline}", task.id),
                );
            }
        }
        for (task, what, why) in board.idle_schedules(passes(home)?.last) {
            let path = home.tasks(&owner(&board, &task));
            findings.push(Finding {
                what,
                path,
                detail: format!("{task}: {why}"),
                fixable: false,
                fixed: false,
            });
        }
        tell(context, &findings)
    }
}

fn owner(board: &Board<'_>, id: &str) -> AgentId {
    board.owner(id).cloned().unwrap_or_else(AgentId::unassigned)
}

fn stranger<'t>(task: &'t Task<'_>, known: &[AgentId]) -> Option<&'t str> {
    let agent = task
        .assigned_to
        .as_deref()
        .filter(|_| !task.status.is_over())?;
    let is_known = known.iter().any(|it| it.as_str() == agent);
    (!is_known).then_some(agent)
}

fn unreadable(error: &Error) -> Finding {
    let detail = match error {
        Error::Unreadable { fault, .. } => fault.to_string(),
        other => other.to_string(),
    };
    Finding {
        what: "unreadable",
        path: error.path().map(Into::into).unwrap_or_default(),
        detail,
        fixable: false,
        fixed: false,
    }
}
