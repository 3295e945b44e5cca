//! `runtime/discord/incidents.json`: what is wrong, one message an incident. It is edited when the same happens again and when
//! it is over; nobody is told the same twice.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

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
    /// Up to where the logs were looked at, and the lines of that very moment.
    seen: Option<Timestamp>,
    seen_lines: Vec<u64>,
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
    /// Whether all of this stands there.
    #[serde(default)]
    is_told: bool,
    /// Who looks after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    looked_after_by: Option<String>,
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
    /// Since when the logs are to be looked at.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.seen
    }

    /// Before there is anything to be looked at.
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.seen.get_or_insert(now);
    }

    /// A line as it came: `false` if it was looked at before the bot was started anew.
    pub(super) fn look_at(&mut self, line: &Line) -> bool {
        let sum = xxh3_64(&line.bytes);
        let at = self.seen.max(Some(line.at));
        if at != self.seen {
            self.seen = at;
            self.seen_lines.clear();
        } else if self.seen_lines.contains(&sum) {
            return false;
        }
        self.seen_lines.push(sum);
        if let Some(sign) = Sign::of(line) {
            self.note(&sign);
        }
        true
    }

    /// What is to be posted or edited.
    pub(super) fn untold(&self) -> Vec<String> {
        let all = self.all.iter().filter(|it| !it.1.is_told);
        all.map(|it| it.0.clone()).collect()
    }

    fn note(&mut self, sign: &Sign) {
        for (kind, ends) in KINDS {
            let key = format!("{kind}:{}", sign.about);
            if *kind == sign.event {
                self.begin_or_repeat(&key, sign);
            } else if ends.contains(&sign.event.as_str())
                && let Some(it) = self.all.get_mut(&key)
                && !it.is_over
            {
                it.is_over = true;
                it.is_told = false;
                it.last = sign.at;
            }
        }
    }

    fn begin_or_repeat(&mut self, key: &str, sign: &Sign) {
        let is_same = |it: &Incident| !it.is_over && sign.at.since(it.last) < SAME;
        if let Some(it) = self.all.get_mut(key).filter(|it| is_same(it)) {
            it.count += 1;
            it.last = sign.at;
            it.what.clone_from(&sign.what);
            it.is_told = false;
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
            is_told: false,
            looked_after_by: None,
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

    /// As it stood when it was posted; what came meanwhile is not told yet.
    pub(super) fn posted(&mut self, key: &str, as_it_stood: &Incident, message: u64) {
        if let Some(it) = self.all.get_mut(key) {
            it.is_told = it == as_it_stood;
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
    if let Some(by) = &it.looked_after_by {
        write!(text, "\nlooked after by {by}").expect("a string grows");
    }
    let reply = Reply::text(text);
    let ack = Press::Ack {
        incident: key.to_owned(),
    };
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
        None if it.looked_after_by.is_some() => reply.with(Button::new(silence, "Silence 1 h")),
        None => reply
            .with(Button::new(ack, "Ack"))
            .with(Button::new(silence, "Silence 1 h")),
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

pub(super) fn look_after(home: &Home, key: &str, by: &str) -> Result<(), Error> {
    change(home, |all| {
        if let Some(it) = all.all.get_mut(key) {
            it.looked_after_by = Some(by.to_owned());
            it.is_told = false;
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

    const FATAL: &str = "agent.fatal:agent-1";

    fn tell(all: &mut Incidents, message: u64) {
        let it = all.all[FATAL].clone();
        all.posted(FATAL, &it, message);
    }

    #[test]
    fn the_same_again_is_one_incident_until_it_is_over() {
        let mut all = Incidents::default();
        all.note(&sign("agent.fatal", "agent-1", 0));
        assert_eq!(all.untold(), [FATAL]);
        tell(&mut all, 77);
        assert_eq!(all.untold(), [""; 0]);
        all.note(&sign("agent.fatal", "agent-1", 1));
        assert_eq!(all.untold(), [FATAL]);
        let (reply, it) = all.told(FATAL, at(1)).unwrap();
        assert_eq!((it.count, it.message), (2, Some(77)));
        assert!(reply.text.contains("2 times since"), "{}", reply.text);
        tell(&mut all, 77);
        all.note(&sign("agent.started", "agent-2", 2));
        assert_eq!(all.untold(), [""; 0]);
        all.note(&sign("agent.started", "agent-1", 2));
        let (reply, _) = all.told(FATAL, at(2)).unwrap();
        assert!(reply.text.starts_with("🟢") && reply.buttons.is_empty());
        tell(&mut all, 77);
        all.note(&sign("agent.started", "agent-1", 3));
        assert_eq!(all.untold(), [""; 0]);
        all.note(&sign("agent.fatal", "agent-1", 4));
        let (_, it) = all.told(FATAL, at(4)).unwrap();
        assert_eq!((it.count, it.message), (1, None));
    }

    #[test]
    fn what_came_while_it_was_posted_is_told_too() {
        let mut all = Incidents::default();
        all.note(&sign("agent.fatal", "agent-1", 0));
        let before = all.all[FATAL].clone();
        all.note(&sign("agent.fatal", "agent-1", 1));
        all.posted(FATAL, &before, 77);
        assert_eq!(all.untold(), [FATAL]);
        assert_eq!(all.all[FATAL].message, Some(77));
    }

    #[test]
    fn a_line_counts_once_though_the_bot_is_started_anew() {
        let line = |minute: u32, msg: &str| {
            let event = serde_json::json!({
                "v": 1, "ts": at(minute), "level": "error", "channel": "agents",
                "event": "agent.fatal", "msg": msg, "agent": "agent-1",
            });
            Line {
                channel: crate::names::Channel::Agents,
                at: at(minute),
                make: Make::Event,
                bytes: event.to_string().into_bytes(),
            }
        };
        let mut all = Incidents::default();
        assert!(all.look_at(&line(0, "a")) && all.look_at(&line(1, "b")));
        assert!(!all.look_at(&line(1, "b")));
        assert!(all.look_at(&line(1, "c")));
        assert_eq!(all.all[FATAL].count, 3);
        assert_eq!(all.since(), Some(at(1)));
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
