//! Mail that the toolkit writes for agents: to go on, to give a sign of life, who they are.

use std::time::Duration;

use super::{Breaker, Desk, Done, Unknown};
use crate::agents::health::{Activity, Condition};
use crate::agents::launch::Agent;
use crate::mailbox::Sent;
use crate::names::{AgentId, Draft, Mode};
use crate::time::{Now, Timestamp};

impl Desk {
    /// An agent is to go on with what it was doing; `note` is what it needs to know for it.
    pub fn resume(&self, id: &AgentId, note: Option<&str>, now: Now) -> Done<Sent> {
        let content = match note {
            Some(note) => format!("resume: {note}"),
            None => "resume".into(),
        };
        self.post(self.letter(id, Mode::Resume, content), now)
    }

    /// An agent is to give a sign of life.
    pub fn verify(&self, id: &AgentId, now: Now) -> Done<Sent> {
        let content = "verify: acknowledge this message".into();
        self.post(self.letter(id, Mode::Verify, content), now)
    }

    /// An agent is told who it is.
    pub fn onboard(&self, id: &AgentId, now: Now) -> Done<Sent> {
        let (text, key) = self.onboarding(id)?;
        let mut draft = self.letter(id, Mode::System, text);
        draft.key = Some(key);
        self.post(draft, now)
    }

    fn letter(&self, to: &AgentId, mode: Mode, content: String) -> Draft {
        let mut draft = self.draft(to, content);
        draft.mode = mode;
        draft
    }

    /// What is said again and again is meant to be.
    fn post(&self, draft: Draft, now: Now) -> Done<Sent> {
        self.send(draft, Unknown::Refuse, Breaker::Override, now)
    }

    /// Whoever is idle, by its own word or by its screen, and got nothing to do for as long as its settings allow, is told
    /// to go on. Once for each time that it said so; what waits for it already is left as it is.
    pub fn resume_the_idle(&self, now: Now) -> Done<Vec<(AgentId, Done<Sent>)>> {
        let mut told = Vec::new();
        for agent in self.configured()? {
            let Some(minutes) = agent.fallback_if_idle_minutes else {
                continue;
            };
            let Some(since) = self.idle_since(&agent, now)? else {
                continue;
            };
            if now.wall.since(since) < Duration::from_mins(minutes.into()) {
                continue;
            }
            let content = format!("resume: idle since {since}");
            let mut draft = self.letter(&agent.id, Mode::Resume, content);
            draft.key = Some(format!("idle:{}:{since}", agent.id));
            let sent = self.post(draft, now);
            if !matches!(&sent, Ok(sent) if sent.repeated) {
                told.push((agent.id, sent));
            }
        }
        Ok(told)
    }

    /// Since when a running agent has been idle.
    fn idle_since(&self, agent: &Agent, now: Now) -> Done<Option<Timestamp>> {
        let standing = self.standing_of(&agent.id)?;
        let health = self.doing_of(standing, Some(agent), now)?.health;
        let idle = health.filter(|it| it.state != Condition::Down && it.activity == Activity::Idle);
        Ok(idle.and_then(|it| it.activity_since))
    }
}
