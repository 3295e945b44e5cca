//! Memories, a line each, and as documents.

use dreamos::cli::{Context, Failure, Table, in_one_line};
use dreamos::memory::{Fragment, Hit};
use serde::Serialize;

/// Of a memory in a table.
const LONGEST: usize = 100;

#[derive(Serialize)]
pub(crate) struct Fragments<'f> {
    schema: &'static str,
    fragments: &'f [Fragment],
}

#[derive(Serialize)]
pub(crate) struct Hits<'h> {
    schema: &'static str,
    hits: Vec<One<'h>>,
}

#[derive(Serialize)]
pub(crate) struct One<'h> {
    score: f64,
    thread: &'h str,
    superseded_by: Option<&'h str>,
    folded: &'h [String],
    fragment: &'h Fragment,
}

impl<'h> One<'h> {
    pub(crate) fn of(hit: &'h Hit) -> Self {
        Self {
            score: (hit.score * 1000.0).round() / 1000.0,
            thread: &hit.thread,
            superseded_by: hit.superseded_by.as_deref(),
            folded: &hit.folded,
            fragment: &hit.fragment,
        }
    }
}

pub(crate) fn fragments(context: &Context, all: &[Fragment]) -> Result<(), Failure> {
    if context.format().is_json() {
        return Ok(context.print_json(&Fragments {
            schema: "dreamos.memory-fragments/1",
            fragments: all,
        })?);
    }
    let mut table = Table::new(&["TIME", "AGENT", "TYPE", "ID", "CONTENT"]);
    for one in all {
        table.row(cells(one, &[]));
    }
    Ok(context.print_table(&table)?)
}

pub(crate) fn hits(context: &Context, all: &[Hit]) -> Result<(), Failure> {
    if context.format().is_json() {
        return Ok(context.print_json(&Hits {
            schema: "dreamos.memory-hits/1",
            hits: all.iter().map(One::of).collect(),
        })?);
    }
    let mut table = Table::new(&["SCORE", "TIME", "AGENT", "TYPE", "ID", "CONTENT"]);
    for hit in all {
        let mut marks = Vec::new();
        if let Some(by) = &hit.superseded_by {
            marks.push(format!("[superseded by {by}]"));
        }
        if !hit.folded.is_empty() {
            marks.push(format!("[and {} alike]", hit.folded.len()));
        }
        let score = vec![format!("{:.2}", hit.score)];
        table.row([score, cells(&hit.fragment, &marks)].concat());
    }
    Ok(context.print_table(&table)?)
}

fn cells(one: &Fragment, marks: &[String]) -> Vec<String> {
    let mut said = in_one_line(&one.content, LONGEST);
    for mark in marks {
        said.push(' ');
        said.push_str(mark);
    }
    vec![
        one.timestamp.to_string(),
        in_one_line(&one.agent_id, 24),
        in_one_line(&one.kind, 16),
        in_one_line(&one.memory_id, 64),
        said,
    ]
}
