use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::tasks::{is_text, spoken};
use dreamos::time::Now;
use serde_json::Value;

use super::changed::{Change, tell};
use super::options::{DryRun, json_or_text};

/// Change one field of a task; status, dependencies and whose it is have verbs of their own
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  taskctl set t5 priority critical
  taskctl set t5 deadline 'tomorrow 17:00'
  taskctl set t5 data.branch '\"main\"'
  taskctl set t5 deadline --unset")]
pub(crate) struct Set {
    /// Which
    #[arg(value_name = "TASK")]
    task: String,
    /// As in its document; data.KEY for what is your own
    #[arg(value_name = "FIELD")]
    field: String,
    /// JSON where it is that, else text; null takes the field away
    #[arg(
        value_name = "VALUE",
        required_unless_present = "unset",
        allow_hyphen_values = true
    )]
    value: Option<String>,
    /// Take the field away
    #[arg(long, conflicts_with = "value")]
    unset: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Run for Set {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = self.dry_run.open(context)?;
        let now = Now::read();
        let field = self.field.as_str();
        let value = match self.value.as_deref() {
            None | Some("null") => Value::Null,
            Some(text) if is_text(field) => text.into(),
            Some(text) => json_or_text(text),
        };
        let value = spoken(field, value, now.wall)?;
        let id = desk.set_task(&self.task, vec![(field.to_owned(), value)], now)?;
        let line = format!("set {field} of {id}");
        let change = Change::new("set", id).said(line);
        Ok(tell(context, self.dry_run.is_dry, change))
    }
}
