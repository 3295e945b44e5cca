use std::cell::Cell;

use dreamos::cli::{Context, Exit, Failure};
use dreamos::security::audit::{Head, Progress, Report};
use dreamos::time::Now;
use serde::Serialize;

use super::desk;

#[derive(Serialize)]
struct Verified {
    schema: &'static str,
    /// Nothing was tampered with; what a crash left is no tampering.
    clean: bool,
    records: u64,
    files: usize,
    /// `null`: there is no record.
    head: Option<String>,
    /// The records whose lists of journals and histories were checked.
    anchors: Vec<u64>,
    /// Journals and histories that are what they were.
    intact: usize,
    findings: Vec<Fault>,
}

#[derive(Serialize)]
struct Fault {
    what: &'static str,
    path: String,
    line: Option<u64>,
    n: Option<u64>,
    detail: String,
    breach: bool,
}

pub(super) fn verify(context: &Context, published: &[Head]) -> Result<Exit, Failure> {
    let desk = desk::open(context)?;
    let told = Cell::new(0);
    let mut progress = |at: Progress| tell_progress(context, at, &told);
    let report = desk.verify_audit(published, &mut progress, Now::read())?;
    let clean = report.is_clean();
    let document = document(report);
    if context.format().is_json() {
        context.print_json(&document)?;
    } else {
        context.print(&said(&document))?;
    }
    Ok(if clean { Exit::DONE } else { Exit::NO })
}

/// Each tenth of a long trail.
fn tell_progress(context: &Context, at: Progress, told: &Cell<u64>) {
    const LONG: u64 = 64 << 20;
    let tenth = at.done * 10 / at.total.max(1);
    if at.total >= LONG && tenth > told.get() && context.may_ask() {
        told.set(tenth);
        context.note(&format!("{tenth}0 %"));
    }
}

fn document(report: Report) -> Verified {
    Verified {
        schema: "dreamos.audit-verified/1",
        clean: report.is_clean(),
        records: report.records,
        files: report.files,
        head: report.head.map(|head| head.to_string()),
        anchors: report.anchors,
        intact: report.intact,
        findings: report
            .findings
            .into_iter()
            .map(|it| Fault {
                what: it.what.word(),
                path: it.path.display().to_string(),
                line: it.line,
                n: it.n,
                detail: it.what.to_string(),
                breach: it.what.is_breach(),
            })
            .collect(),
    }
}

fn said(document: &Verified) -> String {
    let faults = document.findings.iter().map(|it| {
        let line = it.line.map_or(String::new(), |line| format!(":{line}"));
        let word = if it.breach { "broken" } else { "noted" };
        format!("{word}: {}{line}: {}\n", it.path, it.detail)
    });
    let head = document.head.as_deref().unwrap_or("none");
    let summary = format!(
        "{} records in {} files, {} journals and histories as they were anchored; head {head}\n",
        document.records, document.files, document.intact
    );
    faults.chain([summary]).collect()
}
