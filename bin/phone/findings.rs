//! What a `doctor` found, as it is told.

use dreamos::cli::{Context, Failure, Table};
use dreamos::names::Finding;
use serde::Serialize;

#[derive(Serialize)]
struct Findings<'a> {
    schema: &'static str,
    findings: &'a [Finding],
}

/// Whether all is well by now.
pub(crate) fn tell(
    context: &Context,
    schema: &'static str,
    findings: &[Finding],
) -> Result<bool, Failure> {
    if context.format().is_json() {
        context.print_json(&Findings { schema, findings })?;
    } else if findings.is_empty() {
        context.note("all is well");
    } else {
        context.print_table(&listed(context, findings))?;
    }
    Ok(findings.iter().all(|finding| finding.fixed))
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
