//! What a mailbox leaves where it lay when it gets another name: a small file that says where it is now. Whoever
//! opens the old name follows it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::open::all;
use crate::names::AgentId;
use crate::store::{self, Dir, File, Hold, Open, busy, random_u64, try_hold};
use crate::time::Timestamp;

/// Format of the file.
const VERSION: u32 = 1;
const LARGEST: u64 = 4 << 10;
/// Under this name it is written.
pub(super) const ASIDE: &str = ".moved-";
/// Nobody is renamed more often; a circle is followed no longer.
pub(super) const MOST_STEPS: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tombstone {
    v: u32,
    /// The name that the mailbox had.
    pub(super) from: AgentId,
    /// The name that it got. Where the file itself bears it, the mailbox has not come yet.
    pub(super) moved_to: AgentId,
    at: Timestamp,
}

impl Tombstone {
    pub(super) const fn new(from: AgentId, moved_to: AgentId, at: Timestamp) -> Self {
        Self {
            v: VERSION,
            from,
            moved_to,
            at,
        }
    }

    /// Writes it, durable, under a passing name. As long as the file is held its maker lives, whatever name it bears.
    pub(super) fn write(&self, parent: &Dir) -> Result<(String, File), Error> {
        let mut text = serde_json::to_vec(self).expect("every key is text");
        text.push(b'\n');
        let name = format!("{ASIDE}{:016x}", random_u64());
        let file = parent.file(&name, Open::New)?;
        let written = try_hold(&file, Hold::Alone)
            .and_then(|held| if held { Ok(()) } else { Err(busy(&file)) })
            .and_then(|()| file.write_at(0, &text))
            .and_then(|()| file.sync_data());
        match written {
            Ok(()) => Ok((name, file)),
            Err(error) => {
                parent.remove(&name)?;
                Err(error.into())
            }
        }
    }

    /// What stands in a file; `None` where it is no tombstone.
    fn parse(file: &File) -> Result<Option<Self>, Error> {
        #[derive(Deserialize)]
        struct Head {
            v: u32,
        }
        let bytes = file.read_to_end(LARGEST)?;
        match serde_json::from_slice(&bytes) {
            Ok(Head { v }) if v > VERSION => Err(Error::Newer {
                path: file.path().into(),
                found: v,
                known: VERSION,
            }),
            _ => Ok(serde_json::from_slice(&bytes).ok()),
        }
    }
}

/// The tombstone that bears this name; `None` where something else lies there, or nothing.
pub(super) fn read(parent: &Dir, name: &AgentId) -> Result<Option<Tombstone>, Error> {
    match parent.file(name.as_str(), Open::Read) {
        Err(store::Error::NotPlain { .. }) => Ok(None),
        Err(error) if error.is_absent() => Ok(None),
        file => Tombstone::parse(&file?),
    }
}

/// Under which name the mailbox of `name` lies, if there is one: its own, or that to which it has moved. `None`: it is
/// on its way there, or the way leads nowhere.
pub(super) fn follow(parent: &Dir, name: &AgentId) -> Result<Option<AgentId>, Error> {
    let mut at = name.clone();
    for _ in 0..MOST_STEPS {
        match read(parent, &at)? {
            None => return Ok(Some(at)),
            Some(stone) if stone.moved_to == at => return Ok(None),
            Some(stone) => at = stone.moved_to,
        }
    }
    Ok(None)
}

/// Every former name of a mailbox, and the one that it has now.
pub fn moved(mailboxes: &Path) -> Result<Vec<(AgentId, AgentId)>, Error> {
    all_in(&all(mailboxes)?)
}

fn all_in(parent: &Dir) -> Result<Vec<(AgentId, AgentId)>, Error> {
    let mut all = Vec::new();
    for name in parent.file_names()? {
        let Ok(name) = AgentId::parse(&name) else {
            continue;
        };
        match follow(parent, &name) {
            // A file that is none of ours leads to itself; where a newer one leads is not known.
            Ok(Some(now)) if now != name => all.push((name, now)),
            Ok(_) | Err(Error::Newer { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// The names that the mailbox of `agent` had, whether it is still there or not.
pub fn former_names(mailboxes: &Path, agent: &AgentId) -> Result<Vec<AgentId>, Error> {
    let all = moved(mailboxes)?.into_iter();
    let former = all.filter(|(_, now)| now == agent);
    Ok(former.map(|(name, _)| name).collect())
}

/// Whether the mailbox of `agent` had that name.
pub fn had_name(mailboxes: &Path, agent: &AgentId, name: &AgentId) -> Result<bool, Error> {
    let now = follow(&all(mailboxes)?, name)?;
    Ok(name != agent && now.is_some_and(|now| now == *agent))
}

/// Nobody is found under these names any more.
pub(super) fn remove(parent: &Dir, names: &[AgentId]) -> Result<(), Error> {
    for name in names {
        if read(parent, name)?.is_some() {
            parent.remove(name.as_str())?;
        }
    }
    Ok(parent.sync()?)
}

/// What a killed rename left of a tombstone under this name: `false` where its maker lives.
pub(super) fn is_left(parent: &Dir, name: &str) -> Result<bool, Error> {
    let Some(file) = parent.file_if_any(name, Open::Read)? else {
        return Ok(false);
    };
    Ok(try_hold(&file, Hold::Alone)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Target;

    fn id(name: &str) -> AgentId {
        AgentId::parse(name).unwrap()
    }

    fn put(place: &Path, name: &str, to: &str) {
        let stone = Tombstone::new(id(name), id(to), Timestamp::default());
        let parent = Dir::open(place).unwrap();
        let (aside, _file) = stone.write(&parent).unwrap();
        parent.rename(&aside, name, Target::Replaced).unwrap();
    }

    #[test]
    fn the_way_is_followed_over_many_names_and_no_further_than_it_leads() {
        let place = tempfile::tempdir().unwrap();
        let parent = Dir::open(place.path()).unwrap();
        std::fs::create_dir(place.path().join("d")).unwrap();
        for (name, to) in [("a", "b"), ("b", "c"), ("c", "d"), ("x", "y"), ("z", "z")] {
            put(place.path(), name, to);
        }
        let leads = |name: &str| follow(&parent, &id(name)).unwrap();
        assert_eq!(leads("a"), Some(id("d")));
        assert_eq!(leads("d"), Some(id("d")));
        assert_eq!(
            leads("x"),
            Some(id("y")),
            "though nothing is there any more"
        );
        assert_eq!(leads("z"), None, "it has not come yet");
        put(place.path(), "d2", "d3");
        put(place.path(), "d3", "d2");
        assert_eq!(leads("d2"), None, "a circle");
        std::fs::write(place.path().join("stranger"), "{\"moved_to\": \"d\"}").unwrap();
        assert_eq!(leads("stranger"), Some(id("stranger")));
        assert_eq!(
            former_names(place.path(), &id("d")).unwrap(),
            [id("a"), id("b"), id("c")]
        );
        assert_eq!(former_names(place.path(), &id("y")).unwrap(), [id("x")]);
    }

    #[test]
    fn one_of_a_newer_format_is_not_guessed_at() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("a"), "{\"v\": 2, \"to\": 7}").unwrap();
        let parent = Dir::open(place.path()).unwrap();
        let error = follow(&parent, &id("a")).unwrap_err();
        assert!(matches!(error, Error::Newer { found: 2, .. }), "{error}");
    }

    #[test]
    fn what_a_living_maker_holds_is_not_left() {
        let place = tempfile::tempdir().unwrap();
        let parent = Dir::open(place.path()).unwrap();
        let stone = Tombstone::new(id("a"), id("b"), Timestamp::default());
        let (aside, file) = stone.write(&parent).unwrap();
        assert!(!is_left(&parent, &aside).unwrap());
        drop(file);
        assert!(is_left(&parent, &aside).unwrap());
        assert!(!is_left(&parent, "none").unwrap());
    }
}
