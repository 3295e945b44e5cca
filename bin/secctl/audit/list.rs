use dreamos::cli::{Context, Exit, Failure, Table};
use dreamos::security::audit::{Filter, Record};
use dreamos::time::Timestamp;
use serde::Serialize;

use super::desk;

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

pub(super) fn list(context: &Context, filter: &Filter, most: usize) -> Result<Exit, Failure> {
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
