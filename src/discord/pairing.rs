//! How the bot comes to know a person: the person asks for a code there, and whoever sits at the terminal types it here.
//!
//! Whoever can type at the terminal owns the home; the code only says which of the people there is meant.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::kept;
use crate::root::Home;
use crate::store::random_u64;
use crate::time::Timestamp;

const NAME: &str = "pairing.json";
/// A code is good for so long.
const GOOD_FOR: Duration = Duration::from_mins(10);
/// So many wait at most: whoever comes then takes the place of the oldest.
const MOST: usize = 100;
/// Without those that are taken for another.
const LETTERS: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Waiting {
    codes: BTreeMap<String, Paired>,
}

/// Who asked for a code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paired {
    pub user: u64,
    /// As the person is called there at this moment.
    pub name: String,
    pub asked_at: Timestamp,
}

/// A new code for a person; one that the person had is no longer good.
pub(super) fn ask(home: &Home, user: u64, name: &str, now: Timestamp) -> Result<String, Error> {
    let code = code(random_u64());
    kept::change(home, NAME, |it: &mut Waiting| {
        forget(it, now);
        it.codes.retain(|_, it| it.user != user);
        while it.codes.len() >= MOST {
            let oldest = it.codes.iter().min_by_key(|it| it.1.asked_at);
            let Some(oldest) = oldest.map(|it| it.0.clone()) else {
                break;
            };
            it.codes.remove(&oldest);
        }
        let paired = Paired {
            user,
            name: name.chars().take(64).collect(),
            asked_at: now,
        };
        it.codes.insert(code.clone(), paired);
    })?;
    Ok(code)
}

/// Who got this code; it is used up by that.
pub fn claim(home: &Home, code: &str, now: Timestamp) -> Result<Paired, Error> {
    let typed = code.to_ascii_uppercase().replace([' ', '-'], "");
    let found = kept::change(home, NAME, |it: &mut Waiting| {
        forget(it, now);
        it.codes.remove(&typed)
    })?;
    found.ok_or_else(|| Error::NoCode(code.to_owned()))
}

fn forget(waiting: &mut Waiting, now: Timestamp) {
    waiting
        .codes
        .retain(|_, it| now.since(it.asked_at) < GOOD_FOR);
}

fn code(random: u64) -> String {
    let bytes = random.to_le_bytes().into_iter();
    bytes
        .map(|it| char::from(LETTERS[usize::from(it) % LETTERS.len()]))
        .collect()
}

/// As it is read out.
pub(super) fn shown(code: &str) -> String {
    let (first, last) = code.split_at(code.len() / 2);
    format!("{first}-{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> Timestamp {
        Timestamp::parse(&format!("2026-11-22T12:{minute:02}:00.000Z")).unwrap()
    }

    #[test]
    fn a_code_names_who_asked_once_and_for_ten_minutes() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        let first = ask(&home, 7, "alice", at(0)).unwrap();
        let second = ask(&home, 7, "alice", at(1)).unwrap();
        assert!(claim(&home, &first, at(1)).is_err());
        let typed = shown(&second).to_lowercase();
        assert_eq!(claim(&home, &typed, at(2)).unwrap().user, 7);
        assert!(claim(&home, &typed, at(2)).is_err());
        let late = ask(&home, 8, "bob", at(3)).unwrap();
        assert!(claim(&home, &late, at(13)).is_err());
    }

    #[test]
    fn a_flood_of_strangers_fills_no_disk() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        for user in 0..150 {
            ask(&home, user, "x", at(0)).unwrap();
        }
        let waiting: Waiting = kept::load(&home, NAME).unwrap();
        assert_eq!(waiting.codes.len(), MOST);
    }
}
