//! What is wrong with agents: their settings, their state, what killed programs left.

use std::path::PathBuf;

use super::error::Error;
use super::process::LOCK;
use super::{disk, moves, process, standing};
use crate::names::{AgentId, Finding};
use crate::root::Home;
use crate::store::{Dir, Lock};

/// Looks at the settings and at each of the agents; `fix` takes away what killed programs left. Found is
/// `settings-unreadable`, `unknown-key`, `no-supervisor`, `state-unreadable`, `left-over` or `half-renamed`.
pub(crate) fn examine(home: &Home, who: &[AgentId], fix: bool) -> Result<Vec<Finding>, Error> {
    let mut found = settings(home);
    let by_hand = |what, path: PathBuf, detail: String| Finding {
        what,
        path,
        detail,
        fixable: false,
        fixed: false,
    };
    if let Err(error) = process::supervisor() {
        found.push(by_hand(
            "no-supervisor",
            "dreamos-superd".into(),
            error.to_string(),
        ));
    }
    for id in who {
        let dir = match Dir::of(home, &home.agent(id)) {
            Err(error) if error.is_absent() => continue,
            other => other?,
        };
        if let Err(error) = standing::read(&dir) {
            let path = dir.path().join(standing::STATE);
            found.push(by_hand("state-unreadable", path, error.to_string()));
        }
        found.extend(left_overs(&dir, fix)?);
    }
    Ok(found)
}

fn settings(home: &Home) -> Vec<Finding> {
    let finding = |what, detail| Finding {
        what,
        path: home.agents_yaml(),
        detail,
        fixable: false,
        fixed: false,
    };
    match disk::unknown_keys(home) {
        Err(error) => vec![finding("settings-unreadable", error.to_string())],
        Ok(unknown) => unknown
            .into_iter()
            .map(|key| {
                let meant = match key.meant {
                    Some(meant) => format!("; did you mean {meant}?"),
                    None => String::new(),
                };
                finding("unknown-key", format!("nobody reads {}{meant}", key.key))
            })
            .collect(),
    }
}

/// Files that were written aside and never put in their place. Only while nobody supervises: then nobody is at it.
fn left_overs(dir: &Dir, fix: bool) -> Result<Vec<Finding>, Error> {
    let mut found = Vec::new();
    let Some(_lock) = Lock::try_acquire(dir, LOCK)? else {
        return Ok(found);
    };
    for name in dir.names()? {
        if [".state-", ".heartbeat-", ".token-"]
            .iter()
            .any(|begins| name.starts_with(begins))
        {
            if fix {
                dir.remove(&name)?;
            }
            let detail = "a program was killed while it wrote this";
            found.push(left_over(dir.path().join(&name), detail, fix));
        }
    }
    Ok(found)
}

pub(super) fn left_over(path: PathBuf, detail: &str, fixed: bool) -> Finding {
    Finding {
        what: "left-over",
        path,
        detail: detail.into(),
        fixable: true,
        fixed,
    }
}

/// What lies between the directories of agents and has no business there.
pub(crate) fn strays(home: &Home, fix: bool) -> Result<Vec<Finding>, Error> {
    moves::left_overs(home, fix)
}
