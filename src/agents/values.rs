//! What an edit means: the same change on the values that a configuration stands for. Pure.

use super::parse::{Value, Values};
use super::registry::{AGENTS, Edit};
use crate::names::AgentId;

/// Nothing, an empty mapping and an empty list say the same.
pub(super) fn plain(value: Value) -> Value {
    match value {
        Value::Mapping(map) if map.is_empty() => Value::Null,
        Value::Sequence(list) if list.is_empty() => Value::Null,
        Value::Mapping(map) => map
            .into_iter()
            .map(|(key, value)| (key, plain(value)))
            .collect::<Values>()
            .into(),
        Value::Sequence(list) => list.into_iter().map(plain).collect(),
        other => other,
    }
}

pub(super) fn change_values(doc: &mut Value, edit: &Edit) -> Option<()> {
    let agents = agents_in(doc)?;
    match edit {
        Edit::Register(id, fields) => {
            let mut agent = Values::new();
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
        Edit::Unset(id, key) => {
            take_value(agent_in(agents, id)?, key);
        }
        Edit::Unregister(id) => match agents {
            Value::Sequence(list) => list.retain(|agent| !is_called(agent, id)),
            keyed => {
                take_value(keyed, &[id.as_str()]);
            }
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

fn as_map(value: &mut Value) -> Option<&mut Values> {
    if value.is_null() {
        *value = Value::Mapping(Values::new());
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

/// Takes the key away, and what held nothing but it. Whether it was there.
fn take_value(at: &mut Value, key: &[&str]) -> bool {
    let (Some((first, rest)), Some(map)) = (key.split_first(), at.as_mapping_mut()) else {
        return false;
    };
    if rest.is_empty() {
        return map.shift_remove(*first).is_some();
    }
    let Some(group) = map.get_mut(*first) else {
        return false;
    };
    let was_there = take_value(group, rest);
    if was_there && group.as_mapping().is_some_and(Values::is_empty) {
        map.shift_remove(*first);
    }
    was_there
}
