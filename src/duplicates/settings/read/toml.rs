//! TOML, tables where their headers stand.

use toml_edit::{Document, Item, Table, Value};

use super::{Breaks, DEEPEST, Fault};
use crate::duplicates::settings::tree::{Entry, Map, Node, What, Written};

pub(super) fn read(text: &str) -> Result<Vec<Node>, Fault> {
    let breaks = Breaks::of(text);
    let document = Document::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| breaks.line(span.start));
        Fault::new(line, error.message().replace('\n', ", "))
    })?;
    let root = Reader { breaks, text }.table(document.as_table(), 1, 0)?;
    Ok(vec![root])
}

struct Reader<'t> {
    breaks: Breaks,
    text: &'t str,
}

impl Reader<'_> {
    /// `above` is the line to stand on for a table that has none of its own, as one that only a longer header names.
    fn table(&self, table: &Table, above: usize, depth: usize) -> Result<Node, Fault> {
        let header = table.span().filter(|span| !span.is_empty());
        let header = header.map(|span| self.breaks.line(span.start));
        if depth > DEEPEST {
            return Err(Fault::too_deep(header.unwrap_or(above)));
        }
        let (mut entries, mut head) = (Vec::new(), header);
        for (name, item) in table {
            let line = self.key_line(table, name).or(header).unwrap_or(above);
            let node = self.item(item, line, depth + 1)?;
            let line = if has_header(item) { node.start } else { line };
            if !has_header(item) && !table.is_dotted() {
                head = head.max(Some(node.end));
            }
            entries.push(Entry {
                key: name.to_owned(),
                line,
                node,
            });
        }
        let start = entries.iter().map(|entry| entry.line).min();
        let start = header.or(start).unwrap_or(above);
        let end = entries
            .iter()
            .map(|entry| entry.node.end)
            .max()
            .unwrap_or(start)
            .max(start);
        Ok(Node {
            start,
            end,
            what: What::Map(Map { entries, head }),
            borrowed: false,
        })
    }

    fn key_line(&self, table: &Table, name: &str) -> Option<usize> {
        let span = table.key(name)?.span()?;
        Some(self.breaks.line(span.start))
    }

    fn item(&self, item: &Item, line: usize, depth: usize) -> Result<Node, Fault> {
        match item {
            Item::None => Ok(Node::scalar("", Written::Typed, line, line)),
            Item::Value(value) => self.value(value, line, depth),
            Item::Table(table) => self.table(table, line, depth),
            Item::ArrayOfTables(tables) => {
                let items: Result<Vec<Node>, Fault> = tables
                    .iter()
                    .map(|table| self.table(table, line, depth + 1))
                    .collect();
                let items = items?;
                let start = items.first().map_or(line, |item| item.start);
                let end = items.last().map_or(line, |item| item.end);
                Ok(Node::list(items, start, end))
            }
        }
    }

    fn value(&self, value: &Value, line: usize, depth: usize) -> Result<Node, Fault> {
        let span = value.span().filter(|span| !span.is_empty());
        let start = span
            .as_ref()
            .map_or(line, |span| self.breaks.line(span.start));
        let end = span
            .as_ref()
            .map_or(line, |span| self.breaks.line(span.end - 1));
        if depth > DEEPEST {
            return Err(Fault::too_deep(start));
        }
        match value {
            Value::String(text) => Ok(Node::scalar(text.value(), Written::Quoted, start, end)),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
                let text = span
                    .and_then(|span| self.text.get(span))
                    .unwrap_or_default();
                Ok(Node::scalar(text, Written::Typed, start, end))
            }
            Value::Array(list) => {
                let items: Result<_, _> = list
                    .iter()
                    .map(|item| self.value(item, start, depth + 1))
                    .collect();
                Ok(Node::list(items?, start, end))
            }
            Value::InlineTable(table) => {
                let entry = |(key, value): (&str, &Value)| {
                    let node = self.value(value, start, depth + 1)?;
                    Ok(Entry {
                        key: key.to_owned(),
                        line: node.start,
                        node,
                    })
                };
                let entries: Result<Vec<_>, _> = table.iter().map(entry).collect();
                let entries = entries?;
                let end = entries
                    .iter()
                    .map(|entry| entry.node.end)
                    .max()
                    .unwrap_or(end)
                    .max(end);
                Ok(Node::map(entries, start, end))
            }
        }
    }
}

fn has_header(item: &Item) -> bool {
    match item {
        Item::Table(table) => !table.is_dotted(),
        Item::ArrayOfTables(_) => true,
        Item::None | Item::Value(_) => false,
    }
}
