//! Which keys of `agents.yaml` are read, and which one was probably meant.

use serde_ignored::Path as Key;

/// A key that nobody reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// `agents.agent-1.comand`
    pub key: String,
    /// The nearest key that is read, if any is near.
    pub meant: Option<&'static str>,
}

/// The keys that are read, by the group that they stand in.
const TOP: [&str; 4] = ["version", "agents", "defaults", "limits"];
const GROUPS: [(&str, &[&str]); 7] = [
    ("backoff", &["initial", "max", "factor", "jitter"]),
    ("budget", &["restarts", "within"]),
    ("heartbeat", &["interval", "timeout"]),
    ("stop", &["signal", "grace"]),
    ("output", &["bytes", "older", "raw"]),
    ("onboarding", &["file"]),
    (
        "limits",
        &[
            "replies_per_message",
            "similar_window",
            "similarity",
            "within",
            "most_hops",
        ],
    ),
];
pub(super) const OF_AN_AGENT: [&str; 24] = [
    "id",
    "aliases",
    "role",
    "roles",
    "escalate_to",
    "capabilities",
    "autostart",
    "after",
    "command",
    "cwd",
    "env",
    "tty",
    "restart",
    "backoff",
    "budget",
    "unproductive_after",
    "heartbeat",
    "stop",
    "preconditions",
    "onboarding",
    "harness",
    "ready_fd",
    "output",
    "fallback_if_idle_minutes",
];

fn of_a_group(group: &str) -> &'static [&'static str] {
    GROUPS
        .iter()
        .find(|(name, _)| *name == group)
        .map_or(&[], |(_, keys)| *keys)
}

/// `Err` with the nearest key, if any is near, where nobody reads that key of an agent.
pub(super) fn known_key(key: &[&str]) -> Result<(), Option<&'static str>> {
    match key {
        [key] => known(key, &OF_AN_AGENT),
        ["env", _] => Ok(()),
        [group, key] => known(key, of_a_group(group)),
        _ => Err(None),
    }
}

fn known(key: &str, keys: &'static [&'static str]) -> Result<(), Option<&'static str>> {
    if keys.contains(&key) {
        return Ok(());
    }
    let near = |known: &&&str| strsim::osa_distance(key, known) <= 2.min(known.len() / 3);
    Err(keys
        .iter()
        .filter(near)
        .min_by_key(|known| strsim::osa_distance(key, known))
        .copied())
}

impl Unknown {
    pub(super) fn at(key: &Key) -> Self {
        let mut steps = Vec::new();
        steps_to(key, &mut steps);
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let keys = match &steps[..] {
            [_] => &TOP[..],
            ["limits", _] => of_a_group("limits"),
            // Below `defaults`, or below the number of an agent in a bare list.
            ["agents", _, of_agent @ ..] | [_, of_agent @ ..] => match of_agent {
                [group, _] => of_a_group(group),
                _ => &OF_AN_AGENT,
            },
            [] => &[],
        };
        let last = steps.last().copied().unwrap_or_default();
        Self {
            key: steps.join("."),
            meant: known(last, keys).err().flatten(),
        }
    }
}

fn steps_to(key: &Key, steps: &mut Vec<String>) {
    match key {
        Key::Root => {}
        Key::Seq { parent, index } => {
            steps_to(parent, steps);
            steps.push(index.to_string());
        }
        Key::Map { parent, key } => {
            steps_to(parent, steps);
            steps.push(key.clone());
        }
        Key::Some { parent } | Key::NewtypeStruct { parent } | Key::NewtypeVariant { parent } => {
            steps_to(parent, steps);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_told_with_the_key_that_was_meant() {
        assert_eq!(known_key(&["backoff", "max"]), Ok(()));
        assert_eq!(known_key(&["env", "ANY"]), Ok(()));
        assert_eq!(known_key(&["backoff", "inital"]), Err(Some("initial")));
        assert_eq!(known_key(&["colour"]), Err(None));
        assert_eq!(known_key(&["command", "x"]), Err(None));
    }
}
