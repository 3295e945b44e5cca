//! What a `doctor` found, as it is told.

use dreamos::cli::{Context, Exit, Failure, Table};
use dreamos::names::Finding;
use serde::Serialize;

#[derive(Serialize)]
struct Findings<'a> {
    schema: &'static str,
    findings: &'a [Finding],
}

/// The exit code answers whether all is well by now.
pub(crate) fn tell(context: &Context, findings: &[Finding]) -> Result<Exit, Failure> {
    if context.format().is_json() {
        context.print_json(&Findings {
            schema: "dreamos.findings/1",
            findings,
        })?;
    } else if findings.is_empty() {
        context.note("all is well");
    } else {
        context.print_table(&listed(context, findings))?;
    }
    let is_well = findings.iter().all(|finding| finding.fixed);
    Ok(if is_well { Exit::DONE } else { Exit::NO })
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
