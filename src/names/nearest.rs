//! How names are compared, and which name was probably meant.
//!
//! Likeness scores fail on numbered agents: `agnet-3` is about as near to `agent-1` as to `agent-12`. So only
//! the smallest edit distance counts, and a right shape with an unknown number is answered with the highest
//! number instead of a guess.

use super::AgentId;

/// More than these help nobody.
const MOST: usize = 3;

/// Case and `_` against `-` make no difference: `Agent_3` is `agent-3`.
pub(super) fn fold(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

/// Whether both fold to the same, without a copy of either.
pub(super) fn alike(one: &str, other: &str) -> bool {
    fn folded(name: &str) -> impl Iterator<Item = char> {
        name.chars()
            .flat_map(char::to_lowercase)
            .map(|c| if c == '_' { '-' } else { c })
    }
    one == other || folded(one).eq(folded(other))
}

/// Nor does the separator: `agent3` is `agent-3`. A dot stays, it divides hosts and versions.
pub(super) fn squeeze(name: &str) -> String {
    name.to_lowercase().replace(['_', '-'], "")
}

/// The ids whose names are nearest: optimal string alignment distance at most 2 and at most a third of the
/// length, the smallest distance only, in the order given.
pub(super) fn nearest<'a>(
    asked: &str,
    names: impl Iterator<Item = (&'a str, &'a AgentId)>,
) -> Vec<AgentId> {
    let asked = squeeze(asked);
    let length = asked.chars().count();
    let mut best = 2.min(length / 3);
    let mut found: Vec<AgentId> = Vec::new();
    for (name, id) in names {
        let name = squeeze(name);
        if name.chars().count().abs_diff(length) > best {
            continue;
        }
        let distance = strsim::osa_distance(&asked, &name);
        if distance > best {
            continue;
        }
        if distance < best {
            found.clear();
            best = distance;
        }
        if !found.contains(id) {
            found.push(id.clone());
        }
    }
    found.truncate(MOST);
    found
}

/// The highest number among ids of the same shape: `agent-12` where `agent-13` was asked for.
pub(super) fn highest<'a>(
    asked: &str,
    ids: impl Iterator<Item = &'a AgentId>,
) -> Option<&'a AgentId> {
    let asked = squeeze(asked);
    let (stem, _) = numbered(&asked)?;
    ids.filter_map(|id| {
        let name = squeeze(id.as_str());
        let (its_stem, number) = numbered(&name)?;
        (its_stem == stem).then_some((number, id))
    })
    .max_by_key(|(number, _)| *number)
    .map(|(_, id)| id)
}

fn numbered(name: &str) -> Option<(&str, u64)> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if stem.is_empty() {
        return None;
    }
    Some((stem, name[stem.len()..].parse().ok()?))
}
