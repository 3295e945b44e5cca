use dreamos::agents::Finding;
use dreamos::cli::{Context, Exit, Failure, Run, Table};
use serde::Serialize;

use super::desk::open;

/// Look for what is wrong with agents: settings, states, left-overs; exit 1 if there is something
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  agentctl doctor
  agentctl doctor agent-3 --fix")]
pub(crate) struct Doctor {
    /// Whom, if not all
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
    /// Take away what killed programs left
    #[arg(long)]
    fix: bool,
}

#[derive(Serialize)]
struct Findings<'a> {
    schema: &'static str,
    findings: &'a [Finding],
}

impl Run for Doctor {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        let desk = open(context)?;
        let id = self.agent.map(|name| desk.resolve(&name)).transpose()?;
        let findings = desk.examine(id.as_ref(), self.fix)?;
        if context.format().is_json() {
            context.print_json(&Findings {
                schema: "dreamos.agent-findings/1",
                findings: &findings,
            })?;
        } else if findings.is_empty() {
            context.note("all is well");
        } else {
            context.print_table(&listed(context, &findings))?;
        }
        let is_well = findings.iter().all(|finding| finding.fixed);
        Ok(if is_well { Exit::DONE } else { Exit::NO })
    }
}

fn listed(context: &Context, findings: &[Finding]) -> Table {
    let mut table = Table::new(&["FOUND", "STATE", "PATH", "WHAT"]);
    for finding in findings {
        let state = match (finding.fixed, finding.fixable) {
            (true, _) => "fixed",
            (false, true) => "fixable",
            (false, false) => "by hand",
        };
        table.row(vec![
            finding.what.to_owned(),
            state.to_owned(),
            context.shown(&finding.path.to_string_lossy()).into_owned(),
            context.shown(&finding.detail).into_owned(),
        ]);
    }
    table
}
