use dreamos::cli::{Context, Exit, Failure, Format, Run, Table, in_one_line};
use dreamos::memory::Template;
use serde::Serialize;

use super::options::asked;

/// Which lines are alike: their templates, with how often and from when to when they came, the most frequent first
///
/// `<*>` stands for what differs. Exit 1 where there is none.
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  dreamscribe patterns
  dreamscribe patterns -n 5
  dreamscribe patterns --json | jq '.templates[] | [.text, .count]'")]
pub(crate) struct Patterns {
    /// So many at most
    #[arg(short = 'n', long, value_name = "N")]
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Document {
    schema: &'static str,
    templates: Vec<Template>,
}

impl Run for Patterns {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        // Which memories are of a template is asked for by documents alone: all fragments are read for it.
        let is_document = context.format() == Format::Json;
        let mut templates =
            asked(context, |memory| memory.templates(is_document))?.unwrap_or_default();
        templates.truncate(self.limit.unwrap_or(usize::MAX));
        let exit = if templates.is_empty() {
            Exit::NO
        } else {
            Exit::DONE
        };
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.memory-patterns/1",
                templates,
            })?;
            return Ok(exit);
        }
        let mut table = Table::new(&["COUNT", "FIRST", "LAST", "ID", "TEMPLATE"]);
        for it in templates {
            table.row(vec![
                it.count.to_string(),
                it.first.to_string(),
                it.last.to_string(),
                it.id,
                in_one_line(&it.text, 160),
            ]);
        }
        context.print_table(&table)?;
        Ok(exit)
    }
}
