//! JSON with the comments and trailing commas that people write in it.

use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged as _;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::{Breaks, DEEPEST, Fault};
use crate::duplicates::settings::tree::{Entry, Node, Written};

pub(super) fn read(text: &str) -> Result<Vec<Node>, Fault> {
    let options = ParseOptions {
        allow_missing_commas: false,
        ..ParseOptions::default()
    };
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options)
        .map_err(|error| Fault::new(error.line_display(), error.kind().to_string()))?;
    let breaks = Breaks::of(text);
    parsed
        .value
        .iter()
        .map(|value| node(value, &breaks, 0))
        .collect()
}

fn node(value: &Value, breaks: &Breaks, depth: usize) -> Result<Node, Fault> {
    let range = value.range();
    let (start, end) = (
        breaks.line(range.start),
        breaks.line(range.end.saturating_sub(1)),
    );
    if depth > DEEPEST {
        return Err(Fault::too_deep(start));
    }
    let scalar = |text: &str, written| Ok(Node::scalar(text, written, start, end));
    match value {
        Value::StringLit(text) => scalar(&text.value, Written::Quoted),
        Value::NumberLit(number) => scalar(number.value, Written::Typed),
        Value::BooleanLit(truth) => scalar(&truth.value.to_string(), Written::Typed),
        Value::NullKeyword(_) => scalar("null", Written::Typed),
        Value::Array(list) => {
            let items: Result<_, _> = list
                .elements
                .iter()
                .map(|item| node(item, breaks, depth + 1))
                .collect();
            Ok(Node::list(items?, start, end))
        }
        Value::Object(object) => {
            let entry = |property: &jsonc_parser::ast::ObjectProp| {
                Ok(Entry {
                    key: property.name.as_str().to_owned(),
                    line: breaks.line(property.range.start),
                    node: node(&property.value, breaks, depth + 1)?,
                })
            };
            let entries: Result<_, _> = object.properties.iter().map(entry).collect();
            Ok(Node::map(entries?, start, end))
        }
    }
}
