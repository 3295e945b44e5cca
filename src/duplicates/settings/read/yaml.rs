//! YAML, as events. An alias says what its anchor says, but has not written it again; of a bomb of them little is taken.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag};

use super::{DEEPEST, Fault};
use crate::duplicates::settings::tree::{Entry, Node, What, Written};

/// An anchor on more than this is a name only.
const MOST_LENT: usize = 200;
/// So much is lent in one file.
const MOST_LENT_IN_ALL: usize = 20_000;

/// What stands under anchors.
#[derive(Default)]
struct Anchors {
    nodes: HashMap<usize, Node, FixedState>,
    lent: usize,
}

impl Anchors {
    fn keep(&mut self, anchor: usize, node: &Node) {
        if anchor > 0 && node.count(MOST_LENT) <= MOST_LENT {
            self.nodes.insert(anchor, node.clone());
        }
    }

    fn lend(&mut self, anchor: usize, line: usize) -> Node {
        let name = || Node::scalar(&format!("*{anchor}"), Written::Quoted, line, line);
        let Some(node) = self.nodes.get(&anchor) else {
            return name();
        };
        self.lent += node.count(MOST_LENT);
        if self.lent > MOST_LENT_IN_ALL {
            name()
        } else {
            node.lent(line)
        }
    }
}

/// A collection that is not closed yet.
struct Open {
    start: usize,
    anchor: usize,
    /// `{…}` and `[…]` say themselves where they end; others end with their last value.
    flow: bool,
    holds: Holds,
}

enum Holds {
    Map(Vec<Entry>, Option<(String, usize)>),
    List(Vec<Node>),
}

/// What is read again, in bytes, to come to terms with lines that are indented too little.
const MOST_READ_AGAIN: usize = 4_000_000;
const MOST_REPAIRS: usize = 64;

pub(super) fn read(text: &str) -> Result<Vec<Node>, Fault> {
    let mut repaired = None;
    let mut repairs = (MOST_READ_AGAIN / text.len().max(1)).min(MOST_REPAIRS);
    loop {
        let text = repaired.as_deref().unwrap_or(text);
        let failed = match documents(text) {
            Ok(documents) => return documents,
            Err(failed) => failed,
        };
        let deeper = if repairs > 0 {
            deeper(text, &failed)
        } else {
            None
        };
        let Some(deeper) = deeper else {
            return Err(Fault::new(failed.marker().line(), failed.info()));
        };
        repaired = Some(deeper);
        repairs -= 1;
    }
}

/// The text with the lines further in that YAML wants there and libyaml does not: those of a quoted text and of `[…]` may stand
/// anywhere for most programs. Neither means anything else by its indentation.
fn deeper(text: &str, failed: &ScanError) -> Option<String> {
    let first = failed.marker().line();
    let last = match failed.info() {
        "invalid indentation" | "invalid indentation in flow construct" => first,
        "invalid indentation in quoted scalar" => first + lines_of_quoted(text, failed.marker())?,
        _ => return None,
    };
    let moved = if last > first {
        first + 1..=last
    } else {
        first..=last
    };
    let lines = text.split_inclusive('\n').enumerate();
    let deep = " ".repeat(2 * DEEPEST);
    let move_in = |(at, line)| {
        if moved.contains(&(at + 1)) {
            [deep.as_str(), line]
        } else {
            ["", line]
        }
    };
    Some(lines.flat_map(move_in).collect())
}

/// How many lines a text in quotes goes over after its first.
fn lines_of_quoted(text: &str, start: &Marker) -> Option<usize> {
    let mut letters = text.chars().skip(start.index()).peekable();
    let quote = letters.next().filter(|quote| matches!(quote, '"' | '\''))?;
    let mut lines = 0;
    while let Some(letter) = letters.next() {
        match letter {
            '\n' => lines += 1,
            '\\' if quote == '"' => lines += usize::from(letters.next() == Some('\n')),
            '\'' if quote == '\'' && letters.next_if_eq(&'\'').is_some() => {}
            _ if letter == quote => return (lines > 0).then_some(lines),
            _ => {}
        }
    }
    None
}

/// Events put together; a fault of our own within a text that the parser takes.
fn documents(text: &str) -> Result<Result<Vec<Node>, Fault>, ScanError> {
    let lines: Vec<&str> = text.lines().collect();
    let (mut documents, mut open) = (Vec::new(), Vec::new());
    let mut anchors = Anchors::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        let node = match event {
            Event::MappingStart(anchor, _) => {
                if let Err(fault) = begin(&mut open, &span, anchor, Holds::Map(Vec::new(), None)) {
                    return Ok(Err(fault));
                }
                continue;
            }
            Event::SequenceStart(anchor, _) => {
                if let Err(fault) = begin(&mut open, &span, anchor, Holds::List(Vec::new())) {
                    return Ok(Err(fault));
                }
                continue;
            }
            Event::MappingEnd | Event::SequenceEnd => match open.pop() {
                Some(done) => {
                    let anchor = done.anchor;
                    let node = close(done, &span);
                    anchors.keep(anchor, &node);
                    node
                }
                None => continue,
            },
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar(&text, style, tag.as_deref(), &span, &lines);
                anchors.keep(anchor, &node);
                node
            }
            Event::Alias(anchor) => anchors.lend(anchor, span.start.line()),
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => take(parent, node),
            None => documents.push(node),
        }
    }
    Ok(Ok(documents))
}

fn begin(open: &mut Vec<Open>, span: &Span, anchor: usize, holds: Holds) -> Result<(), Fault> {
    let start = span.start.line();
    if open.len() >= DEEPEST {
        return Err(Fault::too_deep(start));
    }
    open.push(Open {
        start,
        anchor,
        flow: !span.is_empty(),
        holds,
    });
    Ok(())
}

fn close(done: Open, span: &Span) -> Node {
    let end = |last: Option<&Node>| match last {
        _ if done.flow => span.end.line(),
        Some(node) => node.end,
        None => done.start,
    };
    match done.holds {
        Holds::Map(entries, _) => {
            let end = end(entries.last().map(|entry| &entry.node));
            Node::map(merged(entries), done.start, end)
        }
        Holds::List(items) => {
            let end = end(items.last());
            Node::list(items, done.start, end)
        }
    }
}

/// `<<: *base` stands for the entries of `base` that are not here already.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let is_merge = |entry: &Entry| entry.key == "<<" && entry.node.borrowed;
    if !entries.iter().any(is_merge) {
        return entries;
    }
    let own: HashSet<String, FixedState> = entries.iter().map(|entry| entry.key.clone()).collect();
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        if let (true, What::Map(base)) = (is_merge(&entry), &entry.node.what) {
            let fresh = base
                .entries
                .iter()
                .filter(|entry| !own.contains(&entry.key));
            all.extend(fresh.cloned());
        } else {
            all.push(entry);
        }
    }
    all
}

fn take(parent: &mut Open, mut node: Node) {
    match &mut parent.holds {
        Holds::List(items) => items.push(node),
        Holds::Map(entries, key) => match key.take() {
            None => *key = Some((spelled(&node.what), node.start)),
            Some((key, line)) => {
                if matches!(&node.what, What::Scalar(text) if text.is_empty()) {
                    // The place of what is not there is that of the next word.
                    (node.start, node.end) = (line, line);
                }
                entries.push(Entry { key, line, node });
            }
        },
    }
}

/// A key that is no scalar is a key nevertheless.
fn spelled(key: &What) -> String {
    match key {
        What::Scalar(text) => text.clone(),
        What::Map(_) | What::List(_) => "?".to_owned(),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span, lines: &[&str]) -> Node {
    let typed = match tag {
        Some(tag) if tag.is_yaml_core_schema() => tag.suffix != "str",
        Some(_) => false,
        None => style == ScalarStyle::Plain,
    };
    let written = if typed {
        Written::Typed
    } else {
        Written::Quoted
    };
    let start = span.start.line();
    let mut end = span.end.line();
    if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
        // A block ends where the next word begins.
        if span.end.col() == 0 {
            end -= 1;
        }
        while end > start && lines.get(end - 1).is_none_or(|line| line.trim().is_empty()) {
            end -= 1;
        }
    }
    Node::scalar(text, written, start, end.max(start))
}
