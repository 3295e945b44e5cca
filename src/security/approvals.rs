//! Privileged verbs that somebody was moved to by text from outside: each waits until a person approves it, and is then
//! done once.
//!
//! All of it stands in `runtime/security/approvals/waiting.json`. The rules are pure (`Asked`); one call a change reads the file
//! and writes it under its lock.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Error;
use super::files::Place;
use crate::names::{AgentId, Origin, Verb};
use crate::root::Home;
use crate::store::random_u64;
use crate::time::Timestamp;

const LOCK: &str = ".lock";
/// What nobody answered for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_hours(7 * 24);
/// More do not wait: the oldest that nobody approved goes.
const MOST: usize = 256;

/// One who wants to do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// By which a person names it.
    pub id: String,
    pub who: AgentId,
    /// As policies spell it.
    pub verb: String,
    pub target: AgentId,
    /// Whose text moved him.
    pub origin: String,
    pub asked_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
    /// What a person or a newer version wrote beside.
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// That a person approved it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// As he is logged in.
    pub by: String,
    pub at: Timestamp,
    pub until: Timestamp,
}

/// What is to be done, by whom and because of whom.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    pub who: &'a AgentId,
    pub verb: Verb,
    pub target: &'a AgentId,
    pub origin: &'a Origin,
}

impl Deed<'_> {
    fn is(&self, it: &Approval) -> bool {
        it.who == *self.who
            && it.verb == self.verb.as_str()
            && it.target == *self.target
            && it.origin == self.origin.as_str()
    }
}

/// Whether it may be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This once; nobody can use it again.
    Approved(Approval),
    Waits {
        id: String,
        /// Nobody had asked before.
        is_new: bool,
    },
}

/// When what was approved is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It is used up.
    Now,
    /// It is asked for again then: this is only one step of what is to be done.
    Later,
}

/// Asks for a deed, or uses what was approved.
pub fn ask(home: &Home, deed: &Deed<'_>, when: When, now: Timestamp) -> Result<Answer, Error> {
    change(home, now, |all| answer(all, deed, when, now, random_u64()))
}

/// What waits and what was approved, oldest first.
pub fn list(home: &Home, now: Timestamp) -> Result<Vec<Approval>, Error> {
    let place = Place::seek(home, &home.approvals())?;
    let mut all = place.map_or_else(|| Ok(Vec::new()), |place| read(&place))?;
    forget(&mut all, now);
    Ok(all)
}

/// `None` where nobody asks for that.
pub fn approve(
    home: &Home,
    id: &str,
    given: &Given,
    now: Timestamp,
) -> Result<Option<Approval>, Error> {
    change(home, now, |all| {
        let it = all.iter_mut().find(|it| it.id == id)?;
        it.given = Some(given.clone());
        Some(it.clone())
    })
}

/// What waits, or was approved and is not done yet, is not to be done. `None` where nobody asks for that.
pub fn decline(home: &Home, id: &str, now: Timestamp) -> Result<Option<Approval>, Error> {
    change(home, now, |all| {
        let at = all.iter().position(|it| it.id == id)?;
        Some(all.remove(at))
    })
}

/// Pure.
fn answer(
    all: &mut Vec<Approval>,
    deed: &Deed<'_>,
    when: When,
    now: Timestamp,
    random: u64,
) -> Answer {
    if let Some(at) = all.iter().position(|it| deed.is(it)) {
        return match (&all[at].given, when) {
            (Some(_), When::Now) => Answer::Approved(all.remove(at)),
            (Some(_), When::Later) => Answer::Approved(all[at].clone()),
            (None, _) => Answer::Waits {
                id: all[at].id.clone(),
                is_new: false,
            },
        };
    }
    if all.len() >= MOST {
        let oldest = all.iter().position(|it| it.given.is_none()).unwrap_or(0);
        all.remove(oldest);
    }
    let id = format!("{random:016x}")[..8].to_owned();
    all.push(Approval {
        id: id.clone(),
        who: deed.who.clone(),
        verb: deed.verb.as_str().into(),
        target: deed.target.clone(),
        origin: deed.origin.to_string(),
        asked_at: now,
        given: None,
        extra: Map::new(),
    });
    Answer::Waits { id, is_new: true }
}

/// Pure.
fn forget(all: &mut Vec<Approval>, now: Timestamp) {
    all.retain(|it| match &it.given {
        Some(given) => given.until > now,
        None => now.since(it.asked_at) < FORGOTTEN,
    });
}

fn change<T>(
    home: &Home,
    now: Timestamp,
    how: impl FnOnce(&mut Vec<Approval>) -> T,
) -> Result<T, Error> {
    let place = Place::make(home, &home.approvals())?;
    let _lock = place.lock(LOCK)?;
    let before = read(&place)?;
    let mut all = before.clone();
    forget(&mut all, now);
    let told = how(&mut all);
    if all != before {
        let mut text = serde_json::to_vec_pretty(&all).expect("every key is text");
        text.push(b'\n');
        place.replace(&text)?;
    }
    Ok(told)
}

/// What cannot be read approves nothing, and is not written over.
fn read(place: &Place) -> Result<Vec<Approval>, Error> {
    let Some(text) = place.read_private()? else {
        return Ok(Vec::new());
    };
    serde_json::from_slice(&text).map_err(|error| Error::Unsound {
        path: place.path(),
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix_ms(1_600_000_000_000);

    struct People {
        agent: AgentId,
        other: AgentId,
        origin: Origin,
    }

    impl People {
        fn new() -> Self {
            Self {
                agent: AgentId::parse("agent-1").unwrap(),
                other: AgentId::parse("agent-2").unwrap(),
                origin: Origin::parse("discord:1").unwrap(),
            }
        }

        fn deed(&self) -> Deed<'_> {
            Deed {
                who: &self.agent,
                verb: Verb::AgentStop,
                target: &self.other,
                origin: &self.origin,
            }
        }
    }

    fn given(until: Timestamp) -> Given {
        Given {
            by: "alice".into(),
            at: START,
            until,
        }
    }

    #[test]
    fn what_is_asked_again_waits_under_the_same_name_and_what_is_approved_is_done_once() {
        let people = People::new();
        let mut all = Vec::new();
        let id = "00000000".to_owned();
        let waits = |is_new| Answer::Waits {
            id: id.clone(),
            is_new,
        };
        assert_eq!(
            answer(&mut all, &people.deed(), When::Now, START, 7),
            waits(true)
        );
        assert_eq!(
            answer(&mut all, &people.deed(), When::Now, START, 8),
            waits(false)
        );
        let another = [
            Deed {
                who: &people.other,
                ..people.deed()
            },
            Deed {
                verb: Verb::AgentStart,
                ..people.deed()
            },
            Deed {
                target: &people.agent,
                ..people.deed()
            },
            Deed {
                origin: &Origin::parse("discord:2").unwrap(),
                ..people.deed()
            },
        ];
        all[0].given = Some(given(START.plus(Duration::from_hours(1))));
        for _ in 0..2 {
            let later = answer(&mut all, &people.deed(), When::Later, START, 0);
            assert!(matches!(later, Answer::Approved(it) if it.id == id));
        }
        for (nth, deed) in another.iter().enumerate() {
            let answer = answer(&mut all, deed, When::Now, START, (nth as u64 + 1) << 32);
            assert!(
                matches!(answer, Answer::Waits { is_new: true, .. }),
                "{deed:?}"
            );
        }
        let approved = answer(&mut all, &people.deed(), When::Now, START, 9);
        assert!(matches!(approved, Answer::Approved(it) if it.id == id));
        let again = answer(&mut all, &people.deed(), When::Now, START, 10);
        assert!(matches!(again, Answer::Waits { is_new: true, .. }));
    }

    #[test]
    fn what_was_approved_too_long_ago_or_answered_by_nobody_is_forgotten() {
        let people = People::new();
        let mut all = Vec::new();
        answer(&mut all, &people.deed(), When::Now, START, 1);
        let later = START.plus(FORGOTTEN);
        forget(&mut all, later.minus(Duration::from_millis(1)));
        assert_eq!(all.len(), 1);
        let mut old = all.clone();
        forget(&mut old, later);
        assert!(old.is_empty());
        all[0].given = Some(given(later));
        forget(&mut all, later);
        assert!(all.is_empty());
    }

    #[test]
    fn of_too_many_the_oldest_that_nobody_approved_goes() {
        let people = People::new();
        let names: Vec<AgentId> = (0..=MOST)
            .map(|n| AgentId::parse(&format!("a{n}")).unwrap())
            .collect();
        let mut all = Vec::new();
        for (nth, name) in names.iter().enumerate() {
            let deed = Deed {
                target: name,
                ..people.deed()
            };
            answer(&mut all, &deed, When::Now, START, (nth as u64) << 32);
            all[0].given = Some(given(START.plus(FORGOTTEN)));
        }
        assert_eq!(all.len(), MOST);
        assert_eq!(all[0].target, names[0]);
        assert_eq!(all[1].target, names[2]);
    }
}
