use dreamos::cli::{Context, Exit, Failure, Run};
use serde_json::json;

/// Which home this is
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl root
  agentctl root --json | jq -r .by               # option, environment or directory")]
pub(crate) struct Root {}

impl Run for Root {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let home = context.home()?;
        if context.format().is_json() {
            context.print_json(&json!({
                "schema": "dreamos.root/1",
                "home": home.dir().to_string_lossy(),
                "by": context.home_by(),
            }))?;
        } else {
            context.print(&format!("{}\n", home.dir().display()))?;
        }
        Ok(Exit::DONE)
    }
}
