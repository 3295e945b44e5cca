//! Edits of the text of `agents.yaml` that leave everything else as it stands: comments, order, indentation, keys
//! that nobody knows, line ends. Pure.
//!
//! Each edit is made twice: on the text, and on the values that the text stands for. Unless the new text stands for
//! the new values, is taken by both readers, and has every line that the edit was not about, the edit is refused
//! and the text stays. So a fault of the editor below costs an edit, never a configuration.
//!
//! A value is handed in as YAML (`10s`, `[a, b]`, `{A: 1}`), of which JSON is a part.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use serde_json::{Map as JsonMap, Value as Json};
use serde_yaml::Value;
use yaml_edit::{AsYaml, Document, Mapping, ScalarValue, Sequence, YamlFile, YamlNode};

use super::Error;
use super::launch;
use super::parse::{self, Dialect};
use crate::names::{AgentId, Roster};

const AGENTS: &str = "agents";

/// The text of a configuration that was whole when it was read, and is after every edit.
#[derive(Clone, Debug)]
pub struct Registry {
    path: PathBuf,
    text: String,
    roster: Roster,
}

enum Edit<'a> {
    Register(&'a AgentId, &'a [(&'a str, Value)]),
    Set(&'a AgentId, &'a [&'a str], &'a Value),
    Unset(&'a AgentId, &'a [&'a str]),
    Unregister(&'a AgentId),
    Rename(&'a AgentId, &'a AgentId),
}

impl Registry {
    /// `path` is only named in errors.
    pub(super) fn read(text: String, path: &Path) -> Result<Self, Error> {
        let roster = both_readers(&text, path)?;
        Ok(Self {
            path: path.into(),
            text,
            roster,
        })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// A new agent with these keys and their values.
    pub fn register(&mut self, id: &AgentId, fields: &[(&str, &str)]) -> Result<(), Error> {
        self.roster
            .may_register(id, &[])
            .map_err(Error::CannotRegister)?;
        let fields = fields
            .iter()
            .map(|(key, value)| {
                known(&[key])?;
                Ok((*key, value_of(key, value)?))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        self.edit(&Edit::Register(id, &fields))
    }

    /// `key` may have a point: `backoff.max`.
    pub fn set(&mut self, id: &AgentId, key: &str, value: &str) -> Result<(), Error> {
        self.must_exist(id)?;
        let steps: Vec<&str> = key.splitn(2, '.').collect();
        known(&steps)?;
        self.edit(&Edit::Set(id, &steps, &value_of(key, value)?))
    }

    /// Takes a key away, one that nobody knows as well; one that is not there is away already.
    pub fn unset(&mut self, id: &AgentId, key: &str) -> Result<(), Error> {
        self.must_exist(id)?;
        let steps: Vec<&str> = key.splitn(2, '.').collect();
        refuse_id(&steps)?;
        self.edit(&Edit::Unset(id, &steps))
    }

    pub fn unregister(&mut self, id: &AgentId) -> Result<(), Error> {
        self.must_exist(id)?;
        self.edit(&Edit::Unregister(id))
    }

    /// The old id stays as an alias, so that mail and references still arrive.
    pub fn rename(&mut self, old: &AgentId, new: &AgentId) -> Result<(), Error> {
        self.must_exist(old)?;
        let mut others = self.roster.clone();
        others.agents.retain(|agent| agent.id != *old);
        others
            .may_register(new, &[])
            .map_err(Error::CannotRegister)?;
        self.edit(&Edit::Rename(old, new))
    }

    fn must_exist(&self, id: &AgentId) -> Result<(), Error> {
        match self.roster.entry(id) {
            Some(_) => Ok(()),
            None => Err(Error::NotRegistered { id: id.clone() }),
        }
    }

    fn edit(&mut self, edit: &Edit) -> Result<(), Error> {
        let refused = |why: &'static str| Error::NotEdited {
            path: self.path.clone(),
            why,
        };
        let mut meant = values(&self.text, &self.path)?;
        change_values(&mut meant, edit).ok_or_else(|| refused("it does not stand there"))?;
        let (mark, unmarked) = self
            .text
            .split_at(self.text.len() - unmarked(&self.text).len());
        let (edited, kept) = change_text(unmarked, edit)
            .ok_or_else(|| refused("it is written in a way that we can't edit"))?;
        let text = format!("{mark}{edited}");
        let roster = both_readers(&text, &self.path).map_err(|source| Error::BadEdit {
            source: Box::new(source),
        })?;
        if plain(values(&text, &self.path)?) != plain(meant) {
            return Err(refused("more would change than was asked for"));
        }
        if !all_kept(&kept, &edited) {
            return Err(refused("lines would be lost"));
        }
        self.text = text;
        self.roster = roster;
        Ok(())
    }
}

/// The original's list as ours, with all its keys: JSON is YAML.
pub(super) fn from_original(bytes: &[u8], json: &Path, yaml: &Path) -> Result<Registry, Error> {
    let roster = parse::roster(bytes, Dialect::Original, json)?;
    let text = parse::text(bytes, json)?;
    let whole = parse::json(unmarked(text)).map_err(|fault| fault.of(json))?;
    let (agents, others) = match whole {
        Json::Object(mut keys) => (keys.shift_remove(AGENTS).unwrap_or_default(), keys),
        agents => (agents, JsonMap::new()),
    };
    let agents: Vec<Json> = match agents {
        Json::Object(keyed) => keyed.into_iter().map(|(_, agent)| agent).collect(),
        Json::Array(listed) => listed,
        _ => Vec::new(),
    };
    let mut text = lines_of(&others, "");
    text.push_str("agents:\n");
    for (entry, agent) in roster.agents.iter().zip(agents) {
        let mut keys = agent.as_object().cloned().unwrap_or_default();
        keys.shift_remove("id");
        if let (Some(to), Some(written)) = (&entry.escalate_to, keys.get_mut("escalate_to")) {
            // Ours knows no capitals.
            *written = to.as_str().into();
        }
        text.push_str("  ");
        text.push_str(entry.id.as_str());
        text.push_str(":\n");
        text.push_str(&lines_of(&keys, "    "));
    }
    let registry = Registry::read(text, yaml)?;
    if registry.roster == roster {
        return Ok(registry);
    }
    Err(Error::NotEdited {
        path: json.into(),
        why: "it says something else in YAML",
    })
}

fn lines_of(keys: &JsonMap<String, Json>, indent: &str) -> String {
    keys.iter()
        .map(|(key, value)| match launch::known_key(&[key]) {
            Ok(()) => format!("{indent}{key}: {value}\n"),
            Err(_) => format!("{indent}{}: {value}\n", Json::from(key.as_str())),
        })
        .collect()
}

fn both_readers(text: &str, path: &Path) -> Result<Roster, Error> {
    launch::read(text.as_bytes(), Dialect::Ours, path)?;
    parse::roster(text.as_bytes(), Dialect::Ours, path)
}

/// Without the mark that some editors put in front.
fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn values(text: &str, path: &Path) -> Result<Value, Error> {
    parse::yaml(unmarked(text)).map_err(|fault| fault.of(path))
}

fn value_of(key: &str, text: &str) -> Result<Value, Error> {
    parse::yaml(text).map_err(|fault| Error::BadValue {
        key: key.into(),
        why: fault.why,
    })
}

fn refuse_id(key: &[&str]) -> Result<(), Error> {
    match key {
        ["id"] => Err(Error::IdIsNoKey),
        _ => Ok(()),
    }
}

fn known(key: &[&str]) -> Result<(), Error> {
    refuse_id(key)?;
    launch::known_key(key).map_err(|meant| Error::UnknownKey {
        key: key.join("."),
        meant,
    })
}

/// Nothing, an empty mapping and an empty list say the same.
fn plain(value: Value) -> Value {
    match value {
        Value::Mapping(map) if map.is_empty() => Value::Null,
        Value::Sequence(list) if list.is_empty() => Value::Null,
        Value::Mapping(map) => map
            .into_iter()
            .map(|(key, value)| (key, plain(value)))
            .collect::<serde_yaml::Mapping>()
            .into(),
        Value::Sequence(list) => list.into_iter().map(plain).collect(),
        other => other,
    }
}

fn change_values(doc: &mut Value, edit: &Edit) -> Option<()> {
    let agents = agents_in(doc)?;
    match edit {
        Edit::Register(id, fields) => {
            let mut agent = serde_yaml::Mapping::new();
            let listed = agents.is_sequence();
            if listed {
                agent.insert("id".into(), id.as_str().into());
            }
            for (key, value) in *fields {
                agent.insert((*key).into(), value.clone());
            }
            match agents {
                Value::Sequence(list) => list.push(agent.into()),
                keyed => put_value(keyed, &[id.as_str()], agent.into())?,
            }
        }
        Edit::Set(id, key, value) => put_value(agent_in(agents, id)?, key, (*value).clone())?,
        Edit::Unset(id, key) => take_value(agent_in(agents, id)?, key),
        Edit::Unregister(id) => match agents {
            Value::Sequence(list) => list.retain(|agent| !is_called(agent, id)),
            keyed => take_value(keyed, &[id.as_str()]),
        },
        Edit::Rename(old, new) => {
            let agent = agent_in(agents, old)?;
            let mut aliases = match agent.get("aliases") {
                Some(Value::Sequence(list)) => list.clone(),
                None | Some(Value::Null) => Vec::new(),
                Some(one) => vec![one.clone()],
            };
            aliases.push(old.as_str().into());
            put_value(agent, &["aliases"], aliases.into())?;
            match agents {
                Value::Sequence(_) => {
                    put_value(agent_in(agents, old)?, &["id"], new.as_str().into())?;
                }
                keyed => {
                    let map = keyed.as_mapping_mut()?;
                    let agent = map.remove(old.as_str())?;
                    map.insert(new.as_str().into(), agent);
                }
            }
        }
    }
    Some(())
}

/// The agents, by id or in a list; made where there is nothing.
fn agents_in(doc: &mut Value) -> Option<&mut Value> {
    if doc.is_sequence() {
        return Some(doc);
    }
    let map = as_map(doc)?;
    if !map.contains_key(AGENTS) {
        map.insert(AGENTS.into(), Value::Null);
    }
    map.get_mut(AGENTS)
}

fn as_map(value: &mut Value) -> Option<&mut serde_yaml::Mapping> {
    if value.is_null() {
        *value = Value::Mapping(serde_yaml::Mapping::new());
    }
    value.as_mapping_mut()
}

fn is_called(agent: &Value, id: &AgentId) -> bool {
    agent.get("id").and_then(Value::as_str) == Some(id.as_str())
}

fn agent_in<'v>(agents: &'v mut Value, id: &AgentId) -> Option<&'v mut Value> {
    match agents {
        Value::Sequence(list) => list.iter_mut().find(|agent| is_called(agent, id)),
        keyed => keyed.get_mut(id.as_str()),
    }
}

fn put_value(at: &mut Value, key: &[&str], value: Value) -> Option<()> {
    let (first, rest) = key.split_first()?;
    let map = as_map(at)?;
    if rest.is_empty() {
        map.insert((*first).into(), value);
        return Some(());
    }
    if !map.contains_key(*first) {
        map.insert((*first).into(), Value::Null);
    }
    put_value(map.get_mut(*first)?, rest, value)
}

/// Takes the key away, and what holds nothing but it.
fn take_value(at: &mut Value, key: &[&str]) {
    let (Some((first, rest)), Some(map)) = (key.split_first(), at.as_mapping_mut()) else {
        return;
    };
    if let Some(group) = map.get_mut(*first)
        && !rest.is_empty()
    {
        take_value(group, rest);
        if group.as_mapping().is_none_or(|group| !group.is_empty()) {
            return;
        }
    }
    map.shift_remove(*first);
}

/// The new text, and the lines that it must still have: all but those of what the edit is about.
fn change_text(text: &str, edit: &Edit) -> Option<(String, Vec<String>)> {
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

fn lines_outside(text: &str, touched: std::ops::Range<usize>) -> Vec<String> {
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
fn all_kept(lines: &[String], text: &str) -> bool {
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
    fn touched_by(&self, doc: &Document, edit: &Edit) -> std::ops::Range<usize> {
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

fn span(range: yaml_edit::TextPosition) -> std::ops::Range<usize> {
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
        .collect::<serde_yaml::Mapping>();
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
    if let Some(group) = map.get_mapping(&there)
        && !rest.is_empty()
    {
        let others = group.len() > 1 || key_in(&group, rest[0]).is_none();
        if others {
            return take(&group, rest);
        }
    }
    map.remove(&there);
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

/// Words of a command line, as a value.
pub fn list(words: &[impl AsRef<str>]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    // All that JSON leaves as it is and YAML does not stands within a string, where both know the same escape.
    let escape = |c: char| {
        if needs_escape(c) {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.into()
        }
    };
    Json::from(words).to_string().chars().map(escape).collect()
}

/// YAML 1.1 ends lines at some of them, and forbids others.
fn needs_escape(c: char) -> bool {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::names::{Explain as _, Kind};

    fn id(text: &str) -> AgentId {
        AgentId::parse(text).unwrap()
    }

    fn registry(text: &str) -> Registry {
        Registry::read(text.into(), Path::new("agents.yaml")).unwrap()
    }

    fn edited(text: &str, edit: impl Fn(&mut Registry) -> Result<(), Error>) -> String {
        let mut registry = registry(text);
        edit(&mut registry).unwrap_or_else(|e| panic!("{e}\n{text}"));
        registry.text().to_owned()
    }

    /// What was asked for is refused, and the text stays.
    fn refused(text: &str, edit: impl Fn(&mut Registry) -> Result<(), Error>) -> Error {
        let mut registry = registry(text);
        let error = edit(&mut registry).unwrap_err();
        assert_eq!(registry.text(), text);
        error
    }

    const BLOCK: &str = "\
# top
version: 1

agents:
  # about a
  a:   # the a
    roles: [worker]   # r
    odd: {x: 1,
      y: 2}

  # about b
  b:
    roles:
    - x # c1
    # c2
    - y
    backoff:
        # c3
        max: 1m   # c4
    # tail of b

# the end
limits:
  within: 10m
";

    #[test]
    fn a_comment_survives_every_edit() {
        type Change = fn(&mut Registry) -> Result<(), Error>;
        let edits: [(Change, &[(&str, &str)]); 9] = [
            (
                |r| r.register(&id("c"), &[("roles", "x"), ("env", "{A: 1}")]),
                &[(
                    "    # tail of b\n",
                    "    # tail of b\n  c:\n    roles: x\n    env:\n      A: 1\n",
                )],
            ),
            (
                |r| r.set(&id("a"), "roles", "cook"),
                &[("[worker]", "cook")],
            ),
            (
                |r| r.set(&id("a"), "cwd", "a b"),
                &[("y: 2}\n", "y: 2}\n    cwd: a b\n")],
            ),
            (|r| r.set(&id("b"), "backoff.max", "9s"), &[("1m", "9s")]),
            (
                |r| r.set(&id("b"), "backoff.factor", "3"),
                &[("# c4\n", "# c4\n        factor: 3\n")],
            ),
            (
                |r| r.unset(&id("a"), "odd"),
                &[("    odd: {x: 1,\n      y: 2}\n", "")],
            ),
            (
                |r| r.unregister(&id("a")),
                &[(
                    "  a:   # the a\n    roles: [worker]   # r\n    odd: {x: 1,\n      y: 2}\n",
                    "",
                )],
            ),
            (
                |r| r.rename(&id("a"), &id("z")),
                &[("  a:", "  z:"), ("y: 2}\n", "y: 2}\n    aliases: [a]\n")],
            ),
            (|r| r.unset(&id("b"), "cwd"), &[]),
        ];
        for line_end in ["\n", "\r\n"] {
            for (edit, changes) in edits {
                let mut expected = BLOCK.to_owned();
                for (from, to) in changes {
                    assert_eq!(expected.matches(from).count(), 1, "{from}");
                    expected = expected.replace(from, to);
                }
                let text = BLOCK.replace('\n', line_end);
                assert_eq!(edited(&text, edit), expected.replace('\n', line_end));
            }
        }
    }

    #[test]
    fn flow_mappings_are_edited_in_their_line() {
        let flow = "agents: {a: {roles: [x]}, b: , 'c-c': {}} # all\n";
        for (edited, expected) in [
            (
                edited(flow, |r| r.register(&id("d"), &[("command", "[a b, 1]")])),
                "{a: {roles: [x]}, b: , 'c-c': {}, d: {command: [a b, 1]}}",
            ),
            (
                edited(flow, |r| r.set(&id("b"), "env.P", "'1'")),
                "{a: {roles: [x]}, b: {env: {P: '1'}}, 'c-c': {}}",
            ),
            (
                edited(flow, |r| r.unset(&id("a"), "roles")),
                "{a: {}, b: , 'c-c': {}}",
            ),
            (
                edited(flow, |r| r.unregister(&id("c-c"))),
                "{a: {roles: [x]}, b: }",
            ),
            (
                edited(flow, |r| r.rename(&id("c-c"), &id("d"))),
                "{a: {roles: [x]}, b: , d: {aliases: [c-c]}}",
            ),
        ] {
            assert_eq!(edited, format!("agents: {expected} # all\n"));
        }
    }

    #[test]
    fn a_list_of_agents_stays_a_list() {
        for (before, behind) in [("", ""), ("agents:\n", "# end\n")] {
            let list =
                |agents: &str| format!("{before}- id: a\n  roles: [x] # r\n# b\n{agents}{behind}");
            let text = list("- cwd: /x\n  id: b\n");
            assert_eq!(
                edited(&text, |r| r.register(&id("c"), &[("tty", "true")])),
                list("- cwd: /x\n  id: b\n- id: c\n  tty: true\n")
            );
            assert_eq!(
                edited(&text, |r| r.rename(&id("b"), &id("c"))),
                list("- cwd: /x\n  id: c\n  aliases: [b]\n")
            );
            assert_eq!(
                edited(&text, |r| r.set(&id("b"), "backoff.max", "1h")),
                list("- cwd: /x\n  id: b\n  backoff:\n    max: 1h\n")
            );
            assert_eq!(edited(&text, |r| r.unregister(&id("b"))), list(""));
        }
    }

    #[test]
    fn the_first_agent_goes_into_a_file_that_names_nobody() {
        for (text, expected) in [
            ("", "agents:\n  a:\n    tty: true\n"),
            ("# only\n", "# only\nagents:\n  a:\n    tty: true\n"),
            (
                "agents: # none\n# after\nlimits: {}\n",
                "agents: # none\n  a:\n    tty: true\n# after\nlimits: {}\n",
            ),
            (
                "# x\nlimits: {}\n",
                "# x\nlimits: {}\nagents:\n  a:\n    tty: true\n",
            ),
            ("agents: {}\n", "agents: {a: {tty: true}}\n"),
            ("agents: []\n", "agents: [{id: a, tty: true}]\n"),
            (
                "\u{feff}agents:\n",
                "\u{feff}agents:\n  a:\n    tty: true\n",
            ),
        ] {
            let text = edited(text, |r| r.register(&id("a"), &[("tty", "true")]));
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn the_last_agent_leaves_a_file_that_can_be_read() {
        for text in [
            BLOCK,
            "agents: # y\n  # z\n  a:\n    tty: true\n  # w\n",
            "---\nagents:\n  a:\n...\n",
            "- id: a # x\n# y\n",
            "agents: {a: }\n",
        ] {
            let mut registry = registry(text);
            for agent in registry.roster().agents.clone() {
                registry.unregister(&agent.id).unwrap();
            }
            assert_eq!(registry.roster().agents, []);
            registry.register(&id("n"), &[]).unwrap();
            assert_eq!(registry.roster().agents[0].id, id("n"));
        }
    }

    #[test]
    fn a_renamed_agent_answers_to_both_names() {
        for aliases in [
            "",
            "aliases: q",
            "aliases: [q, r]",
            "aliases: ",
            "aliases:\n    - q\n    - r # r",
        ] {
            let mut registry = registry(&format!(
                "agents:\n  a:\n    {aliases}\n  b: {{after: a}}\n"
            ));
            registry.rename(&id("a"), &id("c")).unwrap();
            for name in ["a", "C"] {
                assert_eq!(registry.roster().resolve(name, &[]), Ok(id("c")));
            }
            assert_eq!(
                registry.roster().resolve("q", &[]).is_ok(),
                aliases.contains('q')
            );
        }
        let own_alias = edited("agents: {a: {aliases: [b]}}", |r| {
            r.rename(&id("a"), &id("b"))
        });
        assert_eq!(own_alias, "agents: {b: {aliases: [b, a]}}");
    }

    #[test]
    fn a_value_keeps_its_type() {
        for (key, value) in [
            ("cwd", "'10'"),
            ("cwd", "'yes: no # x'"),
            ("cwd", "'null'"),
            ("command", "\"a\\nb\\tc\""),
            ("command", r#"["sh","-c","echo \"$A\" 'b' # c: {d}"]"#),
            (
                "env",
                "{A: '~', B: '0x1F', C: '1e3', D: ' x ', E: '', F: '- a', G: 'true'}",
            ),
            ("ready_fd", "3"),
            ("backoff", "{factor: 1.5}"),
            ("preconditions", "[test -f x, [test, -d, 'y, z']]"),
            ("onboarding", "\"# one\\n\\n  two: [\\n\""),
        ] {
            for text in [
                "agents:\n  a:\n    tty: true\n",
                "agents: {a: }\n",
                "- id: a\n",
            ] {
                let text = edited(text, |r| r.set(&id("a"), key, value));
                let all = values(&text, Path::new("x")).unwrap();
                let agent = match all.get(AGENTS) {
                    Some(agents) => &agents["a"],
                    None => &all[0],
                };
                assert_eq!(agent[key], value_of(key, value).unwrap(), "{text}");
            }
        }
    }

    #[test]
    fn what_would_be_wrong_is_refused_and_the_text_stays() {
        let kind = |error: &Error| (error.kind(), error.hint().is_some());
        for (error, said) in [
            (
                refused(BLOCK, |r| r.set(&id("a"), "restart", "alway")),
                "that would be refused: agents.yaml:10:14: agents.a.restart: unknown variant `alway`",
            ),
            (
                refused(BLOCK, |r| r.set(&id("a"), "aliases", "[b]")),
                "that would be refused: agents.yaml: b is too like a",
            ),
            (
                refused(BLOCK, |r| r.set(&id("a"), "retsart", "never")),
                "\"retsart\" is no key of an agent",
            ),
            (
                refused(BLOCK, |r| r.set(&id("a"), "id", "c")),
                "`id` is no key that can be changed",
            ),
            (
                refused(BLOCK, |r| r.set(&id("a"), "cwd", "[")),
                "the value of cwd is no YAML: ",
            ),
        ] {
            assert_eq!(kind(&error), (Kind::Usage, true));
            assert!(error.to_string().starts_with(said), "{error}");
        }
        let error = refused(BLOCK, |r| r.set(&id("c"), "cwd", "x"));
        assert_eq!(kind(&error), (Kind::Unknown, true));
        for name in ["A", "user"] {
            let taken = |r: &mut Registry| r.register(&id(&name.to_lowercase()), &[]);
            assert_eq!(refused(BLOCK, taken).kind(), Kind::CannotCreate);
        }
        let error = refused(BLOCK, |r| r.rename(&id("a"), &id("b")));
        assert_eq!(error.kind(), Kind::CannotCreate);
    }

    #[test]
    fn what_stands_for_two_agents_is_not_edited_for_one() {
        let text = "agents:\n  a: &x {roles: [y]}\n  b: *x\n";
        for error in [
            refused(text, |r| r.set(&id("a"), "roles", "z")),
            refused(text, |r| r.set(&id("b"), "cwd", "z")),
            refused(text, |r| r.unregister(&id("a"))),
        ] {
            assert_eq!(error.kind(), Kind::Refused);
        }
        assert_eq!(
            edited(text, |r| r.unregister(&id("b"))),
            "agents:\n  a: &x {roles: [y]}\n"
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_edited() {
        let error = Registry::read("agents:\n  a: [1]\n".into(), Path::new("y")).unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().starts_with("y:2:6: "), "{error}");
    }

    #[test]
    fn the_original_s_list_becomes_ours_with_all_its_keys() {
        let json = br#"[{"id":"Agent-1","role":"x: \ud83d\ude00","config":{"a":[1,{"b":null}]},"escalate_to":"Captain"},
            {"id":"captain","capabilities":["a","b"],"my key":1.50}]"#;
        let registry = from_original(json, Path::new("j"), Path::new("y")).unwrap();
        assert_eq!(
            registry.text(),
            "agents:\n  agent-1:\n    role: \"x: \u{1f600}\"\n    \"config\": {\"a\":[1,{\"b\":null}]}\n    \
             escalate_to: \"captain\"\n  captain:\n    capabilities: [\"a\",\"b\"]\n    \"my key\": 1.50\n"
        );
        let keyed = br#"{"limits":{"within":60},"agents":{"A":null}}"#;
        let registry = from_original(keyed, Path::new("j"), Path::new("y")).unwrap();
        assert_eq!(registry.roster().limits.within, 60);
        assert_eq!(registry.roster().agents[0].id, id("a"));
    }

    /// Lines that say nothing of what is edited, between agents or in one.
    fn noise() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![
                Just(String::new()),
                "# [a-z:{}\\[\\]'\"]{0,12}".prop_map(|comment| comment),
                "x[a-z]{1,5}".prop_map(|key| format!("{key}: {{k: [1, 'two'], \"m\": }} # c")),
                "x[a-z]{1,5}".prop_map(|key| format!("{key}: |\n      # text\n      a: 1")),
                "x[a-z]{1,5}".prop_map(|key| format!("{key}:\n    # in\n    - 1\n    -   two # t")),
                "x[a-z]{1,5}".prop_map(|key| format!("{key}: 'it''s'")),
            ],
            0..4,
        )
        .prop_map(|mut lines| {
            // No key twice.
            let mut seen = Vec::new();
            lines.retain(|line| {
                let key = line.split(':').next().unwrap_or_default().to_owned();
                line.is_empty() || line.starts_with('#') || {
                    let is_new = !seen.contains(&key);
                    seen.push(key);
                    is_new
                }
            });
            lines
                .iter()
                .map(|line| {
                    if line.is_empty() {
                        "\n".into()
                    } else {
                        format!("    {line}\n")
                    }
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn lines_of_others_survive_whatever_is_done(
            parts in proptest::collection::vec((noise(), noise()), 1..5),
            which in 0_usize..5,
            what in 0..6,
            crlf: bool,
        ) {
            let mut text = String::from("# head\nversion: 1\nagents:\n");
            for (n, (above, below)) in parts.iter().enumerate() {
                let head = format!("  # above {n}\n  a{n}: # a{n}\n{above}    roles: [r{n}] # roles\n");
                text.push_str(&head);
                // A key of both parts would stand there twice.
                text.push_str(&below.replace("    x", "    y"));
            }
            text.push_str("# foot\nlimits:\n  within: 10m # w\n");
            if crlf {
                text = text.replace('\n', "\r\n");
            }
            let mut registry = registry(&text);
            let which = which % parts.len();
            let agent = id(&format!("a{which}"));
            let done = match what {
                0 => registry.register(&id("new"), &[("roles", "[x]"), ("backoff", "{max: 2m}")]),
                1 => registry.set(&agent, "roles", "[cook, waiter]"),
                2 => registry.set(&agent, "backoff.max", "2m"),
                3 => registry.unset(&agent, "roles"),
                4 => registry.unregister(&agent),
                _ => registry.rename(&agent, &id("new")),
            };
            prop_assert!(done.is_ok(), "{done:?}\n{text}");
            // Whatever is not of that agent stands there as it did, and of it every comment where it is not taken away.
            let mut of_it = false;
            let mut now = registry.text().split_inclusive('\n');
            for line in text.split_inclusive('\n') {
                let is_next = line.starts_with("  # above") || line.starts_with("# foot");
                of_it = (of_it || line.starts_with(&format!("  a{which}:"))) && !is_next;
                let may_go = match what {
                    0 => false,
                    4 => of_it,
                    _ => of_it && !line.trim_start().starts_with('#'),
                };
                if !may_go && !line.trim().is_empty() {
                    prop_assert!(now.any(|now| now == line), "{line:?} is lost\n{text}\n{}", registry.text());
                }
            }
            prop_assert!(!crlf || registry.text().split_inclusive('\n').all(|line| line.ends_with("\r\n")));
        }

        #[test]
        fn any_word_of_a_command_line_is_kept(word in "[ -~\u{e9}\u{2028}\u{85}\u{feff}\u{7f}\t\n]{1,20}", flow: bool) {
            let text = if flow { "agents: {a: , b: {}} # c\n" } else { "agents:\n  a:\n    tty: true # c\n  # b\n  b:\n" };
            let mut registry = registry(text);
            let words = ["sh", &word];
            registry.set(&id("a"), "command", &list(&words)).unwrap();
            let agents = launch::read(registry.text().as_bytes(), Dialect::Ours, Path::new("x")).unwrap().agents;
            prop_assert_eq!(agents[0].command.as_deref().unwrap(), words);
        }
    }
}
