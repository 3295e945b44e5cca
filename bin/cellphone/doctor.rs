use dreamos::cli::{Context, Exit, Failure, Run, Table};
use dreamos::mailbox::Finding;
use dreamos::names::Kind;
use dreamos::time::Now;
use serde::Serialize;

use super::phone::desk::open;

/// Look for damage in a mailbox or in all; --fix mends it and deletes nothing
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  cellphone doctor                   # exit 0: all is well, 65: not all
  cellphone doctor agent-3 --fix")]
pub(crate) struct Doctor {
    /// Whose mailbox, if not all
    #[arg(value_name = "AGENT")]
    agent: Option<String>,
    /// Mend what can be mended
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
        let agent = self.agent.map(|name| desk.resolve(&name)).transpose()?;
        let findings = desk.doctor(agent.as_ref(), self.fix, Now::read())?;
        if context.format().is_json() {
            context.print_json(&Findings {
                schema: "dreamos.findings/1",
                findings: &findings,
            })?;
        } else if findings.is_empty() {
            context.note("all is well");
        } else {
            context.print_table(&listed(context, &findings))?;
        }
        let mended = findings.iter().all(|finding| finding.fixed);
        Ok(if mended {
            Exit::DONE
        } else {
            Exit::of(Kind::Corrupt)
        })
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
