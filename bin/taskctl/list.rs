use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::names::AgentId;
use dreamos::tasks::{Board, Category, Priority, Standing, Status, sort};
use dreamos::time::Now;

use super::desk::open;
use super::item::{self, Item};
use super::options::whose;

/// What is to be done, what is being done, and why the rest waits: the most urgent first
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl list                          # what stands in the documents
  taskctl list --mine --ready
  taskctl list --blocked --for agent-3
  taskctl list --all --grep parser      # the archive too
  taskctl list --json | jq -r '.tasks[] | select(.derived.overdue) | .id'")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own on the command line"
)]
pub(crate) struct List {
    /// Whose; `nobody` for what is nobody's yet
    #[arg(long = "for", value_name = "AGENT")]
    whose: Option<String>,
    /// Your own
    #[arg(long, conflicts_with = "whose")]
    mine: bool,
    /// pending, running, completed, failed or cancelled; may be repeated
    #[arg(long, value_name = "STATUS", value_parser = status)]
    status: Vec<Status>,
    /// agent, bridge, system, social or validation; may be repeated
    #[arg(long, value_name = "CATEGORY", value_parser = category)]
    category: Vec<Category>,
    /// low, medium, high or critical; may be repeated
    #[arg(long, value_name = "PRIORITY", value_parser = priority)]
    priority: Vec<Priority>,
    /// What can be taken now
    #[arg(long, conflicts_with = "blocked")]
    ready: bool,
    /// What waits for others, and for whom
    #[arg(long)]
    blocked: bool,
    /// Whose deadline has passed
    #[arg(long)]
    overdue: bool,
    /// The archive too
    #[arg(long)]
    all: bool,
    /// The archive alone
    #[arg(long, conflicts_with = "all")]
    archived: bool,
    /// With this in its id, name or description, in letters of either case
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
    /// The first N of them
    #[arg(short = 'n', value_name = "N")]
    most: Option<usize>,
}

pub(crate) fn status(text: &str) -> Result<Status, String> {
    Status::parse(text).ok_or_else(|| one_of(Status::ALL))
}

pub(crate) fn category(text: &str) -> Result<Category, String> {
    Category::parse(text).ok_or_else(|| one_of(Category::ALL))
}

pub(crate) fn priority(text: &str) -> Result<Priority, String> {
    Priority::parse(text).ok_or_else(|| one_of(Priority::ALL))
}

fn one_of<T: ToString>(all: &[T]) -> String {
    let words: Vec<String> = all.iter().map(ToString::to_string).collect();
    format!("use one of {}", words.join(", "))
}

impl Run for List {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let now = Now::read();
        // `None`: whosever; `Some(None)`: nobody's.
        let whose: Option<Option<AgentId>> = match &self.whose {
            Some(name) => Some(whose(&desk, name)?),
            None => self.mine.then(|| Some(desk.caller().agent.clone())),
        };
        let sheets = desk.sheets(now)?;
        let board = sheets.board()?;
        for fault in board.faults() {
            context.warn(&fault.to_string());
        }
        let archived = if self.all || self.archived {
            item::archived(&board)?
        } else {
            Vec::new()
        };
        let mut live = Vec::new();
        if !self.archived {
            live = item::live(&board, &desk.dead(&board));
            live.retain(|(task, standing)| {
                self.wants(&Item::live(task, *standing), &board, whose.as_ref(), now)
            });
            sort(&mut live);
        }
        let live = live.into_iter();
        let live = live.map(|(task, standing)| Item::live(task, standing));
        let over = archived.iter().map(Item::over);
        let over = over.filter(|it| self.wants(it, &board, whose.as_ref(), now));
        let most = self.most.unwrap_or(usize::MAX);
        let items: Vec<Item<'_>> = live.chain(over).take(most).collect();
        item::print(context, &board, &items, now.wall)?;
        Ok(Exit::DONE)
    }
}

impl List {
    fn wants(
        &self,
        it: &Item<'_>,
        board: &Board<'_>,
        whose: Option<&Option<AgentId>>,
        now: Now,
    ) -> bool {
        let task = it.task;
        let assigned = task.assigned_to.as_deref();
        whose.is_none_or(|agent| assigned == agent.as_ref().map(AgentId::as_str))
            && (self.status.is_empty() || self.status.contains(&task.status))
            && (self.category.is_empty() || self.category.contains(&task.category))
            && (self.priority.is_empty() || self.priority.contains(&task.priority))
            && (!self.ready || it.standing == Standing::Ready)
            && (!self.blocked || matches!(it.standing, Standing::Held(_)))
            && (!self.overdue || task.is_overdue(now.wall))
            && self.grep.as_ref().is_none_or(|text| has(it, board, text))
    }
}

fn has(it: &Item<'_>, board: &Board<'_>, text: &str) -> bool {
    let text = text.to_lowercase();
    let has = |field: &str| field.to_lowercase().contains(&text);
    has(&it.task.id)
        || has(&it.task.name)
        || it
            .record(board)
            .is_ok_and(|record| record.str("description").is_some_and(has))
}
