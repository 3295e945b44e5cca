//! How far a message has to come before whoever waits for it is content.

use std::time::Duration;

use super::{Desk, Done};
use crate::mailbox::{Address, History, Message, Status};
use crate::store::Deadline;
use crate::time::Now;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Announced,
    Read,
    Acked,
    Replied,
}

impl Stage {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Read => "read",
            Self::Acked => "acked",
            Self::Replied => "replied",
        }
    }

    fn is_reached_by(self, history: &History) -> bool {
        let status = history.message.status;
        match self {
            Self::Announced => {
                matches!(status, Status::Announced | Status::Read | Status::Acked)
            }
            Self::Read => matches!(status, Status::Read | Status::Acked),
            Self::Acked => status == Status::Acked,
            Self::Replied => history.steps.iter().any(|step| step.what == "replied"),
        }
    }
}

/// Whether it can still come: what was discarded, has expired or is dead is never read.
fn is_hopeless(history: &History) -> bool {
    let status = history.message.status;
    !status.is_pending() && status != Status::Acked
}

/// What a wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    Reached,
    /// It never will be.
    Hopeless,
    /// The time was over, or somebody had had enough.
    NotYet,
}

/// How far a message came.
#[derive(Debug)]
pub struct Waited {
    pub came: Came,
    pub status: &'static str,
    /// Where a reply was waited for.
    pub reply: Option<Message>,
}

impl Desk {
    /// Waits until a message has come so far, `timeout` is over or `interrupted` says so. Its recipient is told again
    /// `retries` times meanwhile.
    pub fn wait_for(
        &self,
        at: &Address,
        stage: Stage,
        retries: u32,
        timeout: Duration,
        interrupted: &dyn Fn() -> bool,
    ) -> Done<Waited> {
        let deadline = Deadline::after(timeout);
        let mut trace = self.trace(at)?;
        let enough = |history: &History| stage.is_reached_by(history) || is_hopeless(history);
        for rounds_left in (1..=retries.saturating_add(1)).rev() {
            let round = deadline.left() / rounds_left;
            if let Some(history) = trace.wait(&enough, Some(round), interrupted)? {
                return self.came(stage, &history);
            }
            if interrupted() {
                break;
            }
            if rounds_left > 1 {
                self.announce(&at.mailbox, &[at.seq], Now::read())?;
            }
        }
        Ok(Waited {
            came: Came::NotYet,
            status: self.history(at)?.message.status.as_str(),
            reply: None,
        })
    }

    fn came(&self, stage: Stage, history: &History) -> Done<Waited> {
        let message = &history.message;
        let waited = |came, status, reply| Waited {
            came,
            status,
            reply,
        };
        if !stage.is_reached_by(history) {
            return Ok(waited(Came::Hopeless, message.status.as_str(), None));
        }
        if stage != Stage::Replied {
            return Ok(waited(Came::Reached, message.status.as_str(), None));
        }
        let at = Address {
            mailbox: message.to.clone(),
            seq: message.seq,
        };
        let mut thread = self.thread(&at)?.into_iter();
        let reply = thread.find(|other| other.reply_to == Some(message.id));
        Ok(waited(Came::Reached, Stage::Replied.as_str(), reply))
    }
}
