//! An edit on the text: the syntax tree of `yaml-edit`, which prints what it read. Pure. Whether it came out right
//! is judged in `registry.rs`.

use std::ops::Range;
use std::str::FromStr as _;

use yaml_edit::{AsYaml, Document, Mapping, ScalarValue, Sequence, YamlFile, YamlNode};

use super::parse::{Value, Values};
use super::registry::{AGENTS, Edit};
use crate::names::AgentId;

/// The new text, and the lines that it must still have: all but those of what the edit is about.
pub(super) fn change_text(text: &str, edit: &Edit) -> Option<(String, Vec<String>)> {
    let file = YamlFile::from_str(text).ok()?;
    let doc = file.ensure_document();
    let agents = Agents::find(&doc);
    let touched = agents.touched_by(&doc, edit);
    let kept = lines_outside(text, touched);
    change_tree(&doc, &agents, edit)?;
    let new = match edit {
        Edit::Register(..) => below_comments(text, &file.to_string()),
        Edit::Set(..) | Edit::Unset(..) | Edit::Unregister(_) | Edit::Rename(..) => {
            file.to_string()
        }
    };
    Some((new, kept))
}

/// The editor puts a new agent right behind the last key of the last one; indented comments below that are the
/// last one's.
fn below_comments(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (
        old.split_inclusive('\n').collect(),
        new.split_inclusive('\n').collect(),
    );
    let at = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let below = &old[at..];
    let added = new.len().saturating_sub(old.len());
    if new.get(at + added..) != Some(below) {
        return new.concat();
    }
    let is_its = |line: &&&str| {
        line.starts_with([' ', '\t']) && line.trim_start().starts_with('#') && line.ends_with('\n')
    };
    let its = below.iter().take_while(is_its).count();
    [
        &new[..at],
        &below[..its],
        &new[at..at + added],
        &below[its..],
    ]
    .concat()
    .concat()
}

fn lines_outside(text: &str, touched: Range<usize>) -> Vec<String> {
    let mut at = 0;
    let mut kept = Vec::new();
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if end <= touched.start || at >= touched.end {
            kept.push(line.trim_end_matches('\n').to_owned());
        }
        at = end;
    }
    kept
}

/// Whether the lines stand in the text, in this order.
pub(super) fn all_kept(lines: &[String], text: &str) -> bool {
    let mut now = text.split('\n');
    lines.iter().all(|line| now.any(|now| now == line))
}

/// Where the agents stand in the tree.
enum Agents {
    Nowhere,
    Keyed(Mapping),
    Listed(Sequence),
}

impl Agents {
    fn find(doc: &Document) -> Self {
        if let Some(list) = doc.as_sequence() {
            return Self::Listed(list);
        }
        match doc.get(AGENTS) {
            Some(YamlNode::Mapping(map)) => Self::Keyed(map),
            Some(YamlNode::Sequence(list)) => Self::Listed(list),
            _ => Self::Nowhere,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Nowhere => 0,
            Self::Keyed(map) => map.len(),
            Self::Listed(list) => list.len(),
        }
    }

    /// Whose bytes the edit may change. A new agent changes nothing where it gets lines of its own.
    fn touched_by(&self, doc: &Document, edit: &Edit) -> Range<usize> {
        let id = match edit {
            Edit::Register(..) => {
                return match self {
                    Self::Keyed(map) if map.is_flow_style() => span(map.byte_range()),
                    Self::Listed(list) if list.is_flow_style() => span(list.byte_range()),
                    _ => 0..0,
                };
            }
            // Where nobody is left, that is said behind the key.
            Edit::Unregister(_) if self.len() == 1 => {
                let entry = doc
                    .as_mapping()
                    .and_then(|all| all.find_entry_by_key(AGENTS));
                return entry.map_or(0..usize::MAX, |entry| span(entry.byte_range()));
            }
            Edit::Set(id, ..) | Edit::Unset(id, _) | Edit::Unregister(id) | Edit::Rename(id, _) => {
                id
            }
        };
        match self {
            Self::Nowhere => 0..0,
            Self::Keyed(map) => key_in(map, id.as_str())
                .and_then(|key| map.find_entry_by_key(&key))
                .map_or(0..0, |entry| span(entry.byte_range())),
            Self::Listed(list) => index_of(list, id)
                .and_then(|at| list.get(at))
                .map_or(0..0, |agent| span(agent.byte_range())),
        }
    }
}

fn span(range: yaml_edit::TextPosition) -> Range<usize> {
    range.start as usize..range.end as usize
}

fn change_tree(doc: &Document, agents: &Agents, edit: &Edit) -> Option<()> {
    match (edit, agents) {
        (Edit::Register(id, fields), Agents::Nowhere) => {
            let all = Mapping::new();
            put(&all, &[id.as_str()], &keyed(fields)?)?;
            doc.set(AGENTS, &all);
        }
        (Edit::Register(id, fields), Agents::Keyed(map)) => {
            put(map, &[id.as_str()], &keyed(fields)?)?;
        }
        (Edit::Register(id, fields), Agents::Listed(list)) => {
            let agent = Mapping::new();
            agent.set("id", id.as_str());
            for (key, value) in *fields {
                agent.set(key, &node(value, Style::Block)?);
            }
            list.push(&agent);
        }
        (_, Agents::Nowhere) => return None,
        (Edit::Set(id, key, value), Agents::Keyed(map)) => {
            let steps: Vec<&str> = std::iter::once(id.as_str())
                .chain(key.iter().copied())
                .collect();
            put(map, &steps, &node(value, Style::Block)?)?;
        }
        (Edit::Set(id, key, value), Agents::Listed(list)) => {
            put(&listed(list, id)?, key, &node(value, Style::Block)?)?;
        }
        (Edit::Unset(id, key), Agents::Keyed(map)) => {
            // An agent of whom nothing is said has no such key.
            if let Some(agent) = map.get_mapping(key_in(map, id.as_str())?) {
                take(&agent, key);
            }
        }
        (Edit::Unset(id, key), Agents::Listed(list)) => take(&listed(list, id)?, key),
        (Edit::Unregister(id), Agents::Keyed(map)) => {
            map.remove(&key_in(map, id.as_str())?)?;
        }
        (Edit::Unregister(id), Agents::Listed(list)) => {
            list.remove(index_of(list, id)?)?;
        }
        (Edit::Rename(old, new), Agents::Keyed(map)) => {
            let old_key = key_in(map, old.as_str())?;
            match map.get_mapping(&old_key) {
                Some(agent) => add_alias(&agent, old)?,
                None => put(map, &[old.as_str(), "aliases"], &only(old)?)?,
            }
            if !map.rename_key(&key_in(map, old.as_str())?, new.as_str()) {
                return None;
            }
        }
        (Edit::Rename(old, new), Agents::Listed(list)) => {
            let agent = listed(list, old)?;
            add_alias(&agent, old)?;
            agent.set("id", new.as_str());
        }
    }
    Some(())
}

fn keyed(fields: &[(&str, Value)]) -> Option<YamlNode> {
    let map = fields
        .iter()
        .map(|(key, value)| (Value::from(*key), value.clone()))
        .collect::<Values>();
    node(&map.into(), Style::Block)
}

/// A key as it is written there: a quoted one, or one that looks like a number.
fn key_in(map: &Mapping, name: &str) -> Option<YamlNode> {
    map.keys()
        .find(|key| key.as_scalar().is_some_and(|key| key.as_string() == name))
}

fn index_of(list: &Sequence, id: &AgentId) -> Option<usize> {
    list.values().position(|agent| {
        let its = agent.as_mapping().and_then(|agent| agent.get("id"));
        its.is_some_and(|its| {
            its.as_scalar()
                .is_some_and(|its| its.as_string() == id.as_str())
        })
    })
}

fn listed(list: &Sequence, id: &AgentId) -> Option<Mapping> {
    list.get(index_of(list, id)?)?.as_mapping().cloned()
}

fn put(map: &Mapping, key: &[&str], value: &YamlNode) -> Option<()> {
    let (first, rest) = key.split_first()?;
    let there = key_in(map, first);
    let value = if rest.is_empty() {
        value.clone()
    } else {
        let group = there.as_ref().and_then(|key| map.get_mapping(key));
        if let Some(group) = group.filter(|group| !group.is_empty()) {
            return put(&group, rest, value);
        }
        let group = Mapping::new();
        put(&group, rest, value)?;
        YamlNode::Mapping(group)
    };
    match there {
        Some(key) => map.set(&key, &value),
        None => map.set(*first, &value),
    }
    Some(())
}

fn take(map: &Mapping, key: &[&str]) {
    let Some((first, rest)) = key.split_first() else {
        return;
    };
    let Some(there) = key_in(map, first) else {
        return;
    };
    if rest.is_empty() {
        map.remove(&there);
    } else if let Some(group) = map.get_mapping(&there)
        && key_in(&group, rest[0]).is_some()
    {
        if group.len() > 1 {
            take(&group, rest);
        } else {
            map.remove(&there);
        }
    }
}

fn only(id: &AgentId) -> Option<YamlNode> {
    node(&Value::Sequence(vec![id.as_str().into()]), Style::Flow)
}

fn add_alias(agent: &Mapping, id: &AgentId) -> Option<()> {
    match agent.get("aliases") {
        Some(YamlNode::Sequence(list)) if !list.is_empty() => list.push(id.as_str()),
        Some(YamlNode::Scalar(one)) if !one.is_null() => {
            let both = vec![one.as_string().into(), id.as_str().into()];
            put(
                agent,
                &["aliases"],
                &node(&Value::Sequence(both), Style::Flow)?,
            )?;
        }
        _ => put(agent, &["aliases"], &only(id)?)?,
    }
    Some(())
}

/// Mappings get lines of their own, but within a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Block,
    Flow,
}

fn node(value: &Value, style: Style) -> Option<YamlNode> {
    match value {
        Value::Null => scalar(None::<&str>),
        Value::Bool(yes) => scalar(*yes),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => scalar(number),
            (_, Some(number), _) => scalar(number),
            (_, _, Some(number)) => scalar(number),
            _ => None,
        },
        Value::String(text) => scalar(text_as_it_is(text)),
        Value::Sequence(list) => {
            let flow = Sequence::new_flow();
            for value in list {
                flow.push(&node(value, Style::Flow)?);
            }
            Some(YamlNode::Sequence(flow))
        }
        Value::Mapping(map) => {
            let its = if style == Style::Flow || map.is_empty() {
                Mapping::new_flow()
            } else {
                Mapping::new()
            };
            for (key, value) in map {
                its.set(key.as_str()?, &node(value, style)?);
            }
            Some(YamlNode::Mapping(its))
        }
        Value::Tagged(_) => None,
    }
}

/// YAML 1.1 ends lines at some of them, and forbids others.
pub(super) fn needs_escape(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Plain words may stand as they are, and whether they do the editor knows. The others are quoted: the rules of
/// plain text differ from reader to reader, above all within brackets.
fn text_as_it_is(text: &str) -> ScalarValue {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " _-./".contains(c);
    if text.chars().all(is_plain) {
        ScalarValue::string(text)
    } else if text.contains(|c: char| needs_escape(c) || c == '\'') {
        ScalarValue::double_quoted(text)
    } else {
        ScalarValue::single_quoted(text)
    }
}

/// The editor makes scalars only where they stand.
fn scalar(value: impl AsYaml) -> Option<YamlNode> {
    let holder = Mapping::new();
    holder.set("value", value);
    holder.get("value")
}
