//! How a task is named, and which task a short name means.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// A valid id: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}` without `..`. Also a directory name, hence the rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct TaskId(Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no task id: use letters, digits, '.', '_', '-', at most 128, starting with a letter or digit"
)]
pub struct BadTaskId(pub String);

impl TaskId {
    pub fn parse(text: &str) -> Result<Self, BadTaskId> {
        if is_valid(text) {
            return Ok(Self(text.into()));
        }
        Err(BadTaskId(text.chars().take(140).collect()))
    }

    /// The `number`th of those that we name ourselves: short, and said in one breath.
    pub(super) fn numbered(number: u64) -> Self {
        Self(format!("t{number}").into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(super) fn is_valid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.len() <= 128
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && !text.contains("..")
}

/// Nobody makes more tasks than that: a longer number somebody chose himself.
const LONGEST_NUMBER: usize = 9;

/// The number of an id that we gave.
pub(super) fn number(id: &str) -> Option<u64> {
    let digits = id.strip_prefix('t')?;
    let is_ours = digits.len() <= LONGEST_NUMBER
        && !digits.starts_with('0')
        && digits.bytes().all(|b| b.is_ascii_digit());
    if is_ours { digits.parse().ok() } else { None }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Fewer letters name nothing: `t1` is no beginning of `t12`.
const SHORTEST: usize = 4;

/// Whom a name means: exactly, else with letters of either case, else as the beginning of one id alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meant<'a> {
    One(&'a str),
    None,
    Several(Vec<&'a str>),
}

pub(super) fn meant<'a>(asked: &str, ids: impl Iterator<Item = &'a str>) -> Meant<'a> {
    let asked_lower = asked.to_ascii_lowercase();
    let begins = |id: &str| {
        let start = id.as_bytes().get(..asked.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(asked_lower.as_bytes()))
    };
    let (mut folded, mut longer) = (Vec::new(), Vec::new());
    for id in ids {
        if id == asked {
            return Meant::One(id);
        }
        if begins(id) {
            if id.len() == asked.len() {
                folded.push(id);
            } else if asked.len() >= SHORTEST && number(id).is_none() {
                longer.push(id);
            }
        }
    }
    let mut found = if folded.is_empty() { longer } else { folded };
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [] => Meant::None,
        [one] => Meant::One(one),
        _ => Meant::Several(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_name_is_no_task() {
        let long = "a".repeat(129);
        for bad in ["", ".", "..", "a..b", "-a", "a/b", "a b", "é", "_a", &long] {
            assert!(TaskId::parse(bad).is_err(), "{bad:?} was accepted");
        }
        for good in [
            "t1",
            "TEST_FIX_001",
            "b1c6c0f2-0000-4000-8000-000000000000",
            "v1.2",
        ] {
            assert_eq!(TaskId::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_name_means_the_task_that_has_it_before_one_that_only_begins_so() {
        let ids = ["t1", "t12", "Deploy", "deploy-web", "deploy-api", "0b9f-1"];
        let meant = |asked| meant(asked, ids.into_iter());
        assert_eq!(meant("t1"), Meant::One("t1"));
        assert_eq!(meant("deploy"), Meant::One("Deploy"));
        assert_eq!(meant("deploy-w"), Meant::One("deploy-web"));
        assert_eq!(
            meant("deploy-"),
            Meant::Several(vec!["deploy-api", "deploy-web"])
        );
        assert_eq!(meant("0b9"), Meant::None);
        assert_eq!(meant("0b9f"), Meant::One("0b9f-1"));
        assert_eq!(meant("t2"), Meant::None);
    }

    #[test]
    fn the_numbers_are_those_of_ids_that_we_gave() {
        assert_eq!(number(TaskId::numbered(17).as_str()), Some(17));
        for other in ["t", "t01", "t1a", "T1", "17", "tt1", "t1234567890"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
