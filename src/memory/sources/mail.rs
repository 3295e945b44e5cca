//! Mailbox journals: every message that was accepted, once.

use std::collections::VecDeque;

use serde_json::Value;

use super::found::Found;
use super::source::{Skip, Source};
use crate::mailbox::{Accepted, Mark, accepted, owners};
use crate::memory::error::Error;
use crate::names::AgentId;
use crate::root::Home;

/// So many are read at once.
const SOME: usize = 1024;

pub(super) struct Mail {
    home: Home,
    agent: AgentId,
    /// Behind all that was read.
    ahead: Mark,
    /// Behind what was given out, once all that was read is.
    mark: Mark,
    ready: VecDeque<Accepted>,
}

impl Mail {
    pub(super) fn open_all(
        home: &Home,
        place: &dyn Fn(&str) -> Option<Value>,
    ) -> Result<Vec<Self>, Error> {
        let open = |agent: AgentId| {
            let kept = place(&name(&agent));
            let mark: Mark = kept
                .and_then(|it| serde_json::from_value(it).ok())
                .unwrap_or_default();
            Self {
                home: home.clone(),
                agent,
                ahead: mark.clone(),
                mark,
                ready: VecDeque::new(),
            }
        };
        Ok(owners(&home.mailboxes())?.into_iter().map(open).collect())
    }
}

fn name(agent: &AgentId) -> String {
    format!("mail/{agent}")
}

impl Source for Mail {
    fn name(&self) -> String {
        name(&self.agent)
    }

    fn next(&mut self, skip: &mut dyn FnMut(Skip)) -> Result<Option<Found>, Error> {
        if self.ready.is_empty() {
            let read = accepted(&self.home.mailboxes(), &self.agent, &mut self.ahead, SOME);
            match read {
                Ok(some) => self.ready = some.into(),
                // One broken mailbox keeps nobody from remembering the others.
                Err(error) => {
                    self.ahead = self.mark.clone();
                    skip(Skip {
                        at: self.name(),
                        why: error.to_string(),
                    });
                    return Ok(None);
                }
            }
        }
        let Some(message) = self.ready.pop_front() else {
            self.mark = self.ahead.clone();
            return Ok(None);
        };
        if self.ready.is_empty() {
            self.mark = self.ahead.clone();
        }
        Ok(Some(found(message)))
    }

    /// What was read but not given out comes again, and is known then by its id.
    fn place(&self) -> Value {
        serde_json::to_value(&self.mark).expect("every key is text")
    }
}

fn found(message: Accepted) -> Found {
    let content = if message.is_sealed {
        "(a sealed message)".to_owned()
    } else {
        message.content
    };
    let id = message.id.to_string();
    let from = message.from.as_str();
    let mut found = Found::new(id.clone(), message.timestamp, from, "message", content);
    found.note("message_id", id);
    found.note("address", format!("{}/{}", message.to, message.seq));
    found.note("to", message.to.as_str());
    found.note("mode", message.mode);
    if message.is_sealed {
        found.note("sealed", true);
    }
    if let Some(thread) = message.thread {
        found.note("thread", thread.to_string());
    }
    if let Some(reply_to) = message.reply_to {
        found.note("reply_to", reply_to.to_string());
    }
    if let Some(task) = message.task {
        found.note("task_id", task);
    }
    found
}
