use std::cell::Cell;

use clap::Subcommand;
use dreamos::cli::{Context, Exit, Failure, Run, Table, moment};
use dreamos::security::audit::{Filter, Head, Progress, Record, Report, Verdict};
use dreamos::time::{Now, Timestamp};
use serde::Serialize;

use super::desk;

/// The record of what was refused and of what was privileged: see it, check it, fix how far it goes
#[derive(clap::Args)]
#[command(after_help = "EXAMPLES
  secctl audit list --verdict refused --since 1d
  secctl audit verify                              # 0: nothing was tampered with
  secctl audit anchor                              # prints N:HASH: keep it elsewhere
  secctl audit verify --anchor 17:9f2c…            # that nothing before it was cut off or written anew")]
pub(crate) struct Audit {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The newest records
    List {
        /// By this principal
        #[arg(long, value_name = "PRINCIPAL")]
        who: Option<String>,
        /// Of this action
        #[arg(long, value_name = "ACTION")]
        verb: Option<String>,
        /// allowed or refused
        #[arg(long, value_name = "VERDICT", value_parser = verdict)]
        verdict: Option<Verdict>,
        /// Not before: 10m (ago), 18:30, yesterday, 2026-11-22T12:00:00Z
        #[arg(long, value_name = "TIME", value_parser = moment)]
        since: Option<Timestamp>,
        /// So many at most
        #[arg(short = 'n', value_name = "N", default_value_t = 50)]
        most: usize,
    },
    /// Whether anything was changed, removed, added or moved: in the trail, and in journals and histories since the last
    /// anchor
    Verify {
        /// A head that was published: N:HASH, as `anchor` printed it; may be repeated
        #[arg(long, value_name = "N:HASH")]
        anchor: Vec<Head>,
    },
    /// Fix how far the trail, journals and histories go, and print the head
    Anchor,
}

fn verdict(text: &str) -> Result<Verdict, String> {
    Verdict::parse(text).ok_or_else(|| "write allowed or refused".into())
}

impl Run for Audit {
    fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.what {
            What::List {
                who,
                verb,
                verdict,
                since,
                most,
            } => {
                let filter = Filter {
                    who,
                    verb,
                    verdict,
                    since,
                };
                list(context, &filter, most)
            }
            What::Verify { anchor } => verify(context, &anchor),
            What::Anchor => anchor(context),
        }
    }
}

#[derive(Serialize)]
struct Listed {
    schema: &'static str,
    records: Vec<One>,
}

#[derive(Serialize)]
struct One {
    n: u64,
    ts: Timestamp,
    verb: String,
    who: String,
    target: String,
    verdict: &'static str,
    rule: String,
    policy: Option<String>,
    uid: u32,
    login: Option<String>,
    incarnation: Option<String>,
    why: String,
}

impl One {
    fn of(record: Record) -> Self {
        let entry = record.entry;
        Self {
            n: record.head.n,
            ts: record.at,
            verb: entry.verb.into_owned(),
            who: entry.who,
            target: entry.target,
            verdict: entry.verdict.as_str(),
            rule: entry.rule,
            policy: entry.policy,
            uid: entry.uid,
            login: entry.login,
            incarnation: entry.incarnation,
            why: entry.why,
        }
    }
}

fn list(context: &Context, filter: &Filter, most: usize) -> Result<Exit, Failure> {
    let mut records = desk::open(context)?.audit_records(filter, most)?;
    // As a log is read: the last is the newest.
    records.reverse();
    let records: Vec<One> = records.into_iter().map(One::of).collect();
    if context.format().is_json() {
        context.print_json(&Listed {
            schema: "dreamos.audit-records/1",
            records,
        })?;
        return Ok(Exit::DONE);
    }
    let mut table = Table::new(&["N", "TIME", "VERDICT", "WHO", "ACTION", "TARGET", "RULE"]);
    for it in records {
        table.row(vec![
            it.n.to_string(),
            it.ts.to_string(),
            it.verdict.to_owned(),
            it.who,
            it.verb,
            it.target,
            it.rule,
        ]);
    }
    context.print_table(&table)?;
    Ok(Exit::DONE)
}

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

fn verify(context: &Context, published: &[Head]) -> Result<Exit, Failure> {
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

#[derive(Serialize)]
struct Anchored {
    schema: &'static str,
    /// `N:HASH`
    head: String,
    /// So many journals and histories.
    files: usize,
}

fn anchor(context: &Context) -> Result<Exit, Failure> {
    let anchor = desk::open(context)?.anchor_audit(Now::read())?;
    let document = Anchored {
        schema: "dreamos.audit-anchored/1",
        head: anchor.head.to_string(),
        files: anchor.files,
    };
    context.report(&document.head, &document);
    Ok(Exit::DONE)
}
