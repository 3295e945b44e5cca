//! Memories, a line each, and as documents.

use std::fmt::Write as _;

use dreamos::cli::{Context, Failure, Table, in_one_line};
use dreamos::memory::{Connection, Fragment, Hit};
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

/// Of a memory that is told in several lines.
pub(crate) fn head(context: &Context, one: &Fragment) -> String {
    format!(
        "{}  {} {} of {}\n",
        context.strong(&one.memory_id),
        one.timestamp,
        one.kind,
        one.agent_id
    )
}

pub(crate) fn because(link: &Connection) -> String {
    format!("{} ({})", link.id, reason(link))
}

pub(crate) fn reason(link: &Connection) -> String {
    let reason = serde_json::to_value(link.reason).unwrap_or_default();
    format!("{}, {:.2}", reason.as_str().unwrap_or_default(), link.score)
}

/// A line each; with `why` also its links.
pub(crate) fn told(context: &Context, all: &[Fragment], why: bool) -> Result<(), Failure> {
    if !why || context.format().is_json() {
        return fragments(context, all);
    }
    let mut text = String::new();
    for one in all {
        text += &head(context, one);
        writeln!(text, "  {}", in_one_line(&one.content, 120)).expect("a string grows");
        for link in &one.connections {
            writeln!(text, "  linked to {}", because(link)).expect("a string grows");
        }
        if one.connections.is_empty() {
            text += "  linked to nothing before it\n";
        }
    }
    Ok(context.print(&context.shown(&text))?)
}
