use dreamos::cli::{Context, Exit, Failure, Run};
use dreamos::metrics::{Family, collect};
use dreamos::time::Now;
use serde::Serialize;

pub(crate) const LOOKS: &str = r#"  prometheus  dreamos_mailbox_unread{agent="agent-1"} 2
              (what it prints without --format as well)
  json        {"schema":"dreamos.metrics/1","families":[{"name":"dreamos_mailbox_unread", …}]}"#;

/// Print all figures as they are now, in the text format of Prometheus
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  metricsd export
  metricsd export | promtool check metrics
  metricsd export --json | jq '.families[] | select(.name == \"dreamos_mailbox_unread\")'")]
pub(crate) struct Export {}

#[derive(Serialize)]
struct Document<'f> {
    schema: &'static str,
    families: &'f [Family],
}

impl Run for Export {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        context.trace(|| format!("home {}", home.dir().display()));
        let collected = collect(&home, Now::read(), &context.warner())?;
        if context.format().is_json() {
            context.print_json(&Document {
                schema: "dreamos.metrics/1",
                families: &collected.families,
            })?;
        } else {
            context.print(&collected.text())?;
        }
        Ok(Exit::DONE)
    }
}
