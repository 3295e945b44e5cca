//! `runtime/discord/incidents.json`: what is wrong, one message an incident. It is edited when the same happens again and when
//! it is over; nobody is told the same twice.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::kept;
use super::press::Press;
use super::reply::{Button, Reply};
use crate::logs::{Line, Make, fields, redacted};
use crate::root::Home;
use crate::time::Timestamp;

const NAME: &str = "incidents.json";
/// What happens again within this time is the same incident.
const SAME: Duration = Duration::from_hours(6);
/// So many are remembered.
const MOST: usize = 500;

/// What makes an incident, and what ends it: of the same agent or task.
const KINDS: &[(&str, &[&str])] = &[
    ("agent.fatal", &["agent.started"]),
    ("agent.lost", &["agent.started"]),
    ("task.failed", &["task.completed", "task.reopened"]),
    ("task.run_failed", &["task.run_ended"]),
    ("mail.dead", &[]),
    ("mail.forged", &[]),
    ("audit.alert", &[]),
    ("audit.broken", &[]),
    (
        "approval.asked",
        &["approval.given", "approval.declined", "approval.used"],
    ),
];

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Incidents {
    all: BTreeMap<String, Incident>,
    /// Up to where the logs were looked at.
    pub(super) seen: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Incident {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u64,
    pub(super) what: String,
    pub(super) is_over: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) silent_until: Option<Timestamp>,
    /// Where it stands, once it was posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<u64>,
    /// Who is asked for a word, if somebody is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) approval: Option<String>,
}

/// What an event has to do with incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sign {
    at: Timestamp,
    event: String,
    /// The agent or the task.
    about: String,
    what: String,
    approval: Option<String>,
}

impl Sign {
    /// `None` of what makes no incident and ends none.
    pub(super) fn of(line: &Line) -> Option<Self> {
        if line.make != Make::Event {
            return None;
        }
        let all = fields(&line.bytes);
        let text = |name: &str| all.get(name).and_then(|it| it.as_str());
        let event = text("event")?;
        KINDS
            .iter()
            .any(|(kind, ends)| *kind == event || ends.contains(&event))
            .then(|| Self {
                at: line.at,
                event: event.to_owned(),
                about: text("task")
                    .or_else(|| text("agent"))
                    .unwrap_or("home")
                    .to_owned(),
                what: redacted(text("msg").unwrap_or_default()).into_owned(),
                approval: text("approval").map(str::to_owned),
            })
    }
}

impl Incidents {
    /// The incidents that are to be posted or edited because of it.
    pub(super) fn note(&mut self, sign: &Sign) -> Vec<String> {
        let mut changed = Vec::new();
        for (kind, ends) in KINDS {
            let key = format!("{kind}:{}", sign.about);
            if *kind == sign.event {
                self.begin_or_repeat(&key, sign);
                changed.push(key);
            } else if ends.contains(&sign.event.as_str())
                && let Some(it) = self.all.get_mut(&key)
                && !it.is_over
            {
                it.is_over = true;
                it.last = sign.at;
                changed.push(key);
            }
        }
        changed
    }

    fn begin_or_repeat(&mut self, key: &str, sign: &Sign) {
        let is_same = |it: &Incident| !it.is_over && sign.at.since(it.last) < SAME;
        if let Some(it) = self.all.get_mut(key).filter(|it| is_same(it)) {
            it.count += 1;
            it.last = sign.at;
            it.what.clone_from(&sign.what);
            return;
        }
        while self.all.len() >= MOST {
            let oldest = self.all.iter().min_by_key(|it| it.1.last);
            let Some(oldest) = oldest.map(|it| it.0.clone()) else {
                break;
            };
            self.all.remove(&oldest);
        }
        let silent_until = self.all.get(key).and_then(|it| it.silent_until);
        let incident = Incident {
            first: sign.at,
            last: sign.at,
            count: 1,
            what: sign.what.clone(),
            is_over: false,
            silent_until,
            message: None,
            approval: sign.approval.clone(),
        };
        self.all.insert(key.to_owned(), incident);
    }

    /// What is to be told of it now: `None` while it is silent.
    pub(super) fn told(&self, key: &str, now: Timestamp) -> Option<(Reply, &Incident)> {
        let it = self.all.get(key)?;
        let is_silent = it.silent_until.is_some_and(|until| now < until);
        (!is_silent || it.message.is_some()).then(|| (shown(key, it), it))
    }

    pub(super) fn posted(&mut self, key: &str, message: u64) {
        if let Some(it) = self.all.get_mut(key) {
            it.message = Some(message);
        }
    }
}

fn shown(key: &str, it: &Incident) -> Reply {
    let mark = if it.is_over { "🟢" } else { "🔴" };
    let (kind, about) = key.split_once(':').unwrap_or((key, ""));
    let mut text = format!("{mark} **{kind}** {about}\n{}", it.what);
    if it.count > 1 {
        write!(text, "\n{} times since {}", it.count, it.first).expect("a string grows");
    }
    if it.is_over {
        write!(text, "\nover since {}", it.last).expect("a string grows");
        return Reply::text(text);
    }
    let reply = Reply::text(text);
    let silence = Press::Silence {
        incident: key.to_owned(),
    };
    match &it.approval {
        Some(id) => reply
            .with(Button::grave(
                Press::Approve { id: id.clone() },
                "Allow once",
            ))
            .with(Button::new(Press::Decline { id: id.clone() }, "Deny")),
        None => reply.with(Button::new(silence, "Silence 1 h")),
    }
}

pub(super) fn load(home: &Home) -> Result<Incidents, Error> {
    kept::load(home, NAME)
}

pub(super) fn change<R>(home: &Home, with: impl FnOnce(&mut Incidents) -> R) -> Result<R, Error> {
    kept::change(home, NAME, with)
}

pub(super) fn silence(home: &Home, key: &str, until: Timestamp) -> Result<(), Error> {
    change(home, |all| {
        if let Some(it) = all.all.get_mut(key) {
            it.silent_until = Some(until);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u32) -> Timestamp {
        Timestamp::parse(&format!("2026-11-22T12:{minute:02}:00.000Z")).unwrap()
    }

    fn sign(event: &str, about: &str, minute: u32) -> Sign {
        Sign {
            at: at(minute),
            event: event.to_owned(),
            about: about.to_owned(),
            what: format!("{about}: {event}"),
            approval: None,
        }
    }

    #[test]
    fn the_same_again_is_one_incident_until_it_is_over() {
        let mut all = Incidents::default();
        assert_eq!(
            all.note(&sign("agent.fatal", "agent-1", 0)),
            ["agent.fatal:agent-1"]
        );
        all.posted("agent.fatal:agent-1", 77);
        assert_eq!(
            all.note(&sign("agent.fatal", "agent-1", 1)),
            ["agent.fatal:agent-1"]
        );
        let (reply, it) = all.told("agent.fatal:agent-1", at(1)).unwrap();
        assert_eq!((it.count, it.message), (2, Some(77)));
        assert!(reply.text.contains("2 times since"), "{}", reply.text);
        assert!(all.note(&sign("agent.started", "agent-2", 2)).is_empty());
        assert_eq!(
            all.note(&sign("agent.started", "agent-1", 2)),
            ["agent.fatal:agent-1"]
        );
        let (reply, _) = all.told("agent.fatal:agent-1", at(2)).unwrap();
        assert!(reply.text.starts_with("🟢") && reply.buttons.is_empty());
        assert!(all.note(&sign("agent.started", "agent-1", 3)).is_empty());
        all.note(&sign("agent.fatal", "agent-1", 4));
        let (_, it) = all.told("agent.fatal:agent-1", at(4)).unwrap();
        assert_eq!((it.count, it.message), (1, None));
    }

    #[test]
    fn what_is_silenced_is_not_posted() {
        let mut all = Incidents::default();
        all.note(&sign("task.failed", "t5", 0));
        all.all.get_mut("task.failed:t5").unwrap().silent_until = Some(at(10));
        assert_eq!(all.told("task.failed:t5", at(9)), None);
        assert!(all.told("task.failed:t5", at(10)).is_some());
    }

    #[test]
    fn an_approval_is_asked_for_with_its_buttons() {
        let mut all = Incidents::default();
        let mut asked = sign("approval.asked", "agent-1", 0);
        asked.approval = Some("3f2a".into());
        all.note(&asked);
        let (reply, _) = all.told("approval.asked:agent-1", at(0)).unwrap();
        let labels: Vec<&str> = reply.buttons.iter().map(|it| it.label).collect();
        assert_eq!(labels, ["Allow once", "Deny"]);
    }
}
