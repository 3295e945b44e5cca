//! Waiting until a message has come so far.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use dreamos::cli::{Exit, Failure, Interrupt};
use dreamos::desk::Desk;
use dreamos::mailbox::{Address, History, Message, Status};
use dreamos::time::Now;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    Announced,
    Read,
    Ack,
    Reply,
}

impl Stage {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Announced => "announced",
            Self::Read => "read",
            Self::Ack => "acked",
            Self::Reply => "replied",
        }
    }

    pub(crate) fn reached_by(self, history: &History) -> bool {
        let status = history.message.status;
        match self {
            Self::Announced => {
                matches!(status, Status::Announced | Status::Read | Status::Acked)
            }
            Self::Read => matches!(status, Status::Read | Status::Acked),
            Self::Ack => status == Status::Acked,
            Self::Reply => history.steps.iter().any(|step| step.what == "replied"),
        }
    }

    /// Whether it can still come: what was discarded, has expired or is dead is never read.
    fn is_hopeless(history: &History) -> bool {
        let status = history.message.status;
        !status.is_pending() && status != Status::Acked
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) stage: Stage,
    pub(crate) timeout: Duration,
    /// How often the recipient is told again meanwhile.
    pub(crate) retries: u32,
}

/// How far it came.
#[derive(Debug)]
pub(crate) struct Waited {
    pub(crate) status: &'static str,
    pub(crate) exit: Exit,
    pub(crate) reply: Option<Message>,
}

impl Waited {
    const fn with(status: &'static str, exit: Exit) -> Self {
        Self {
            status,
            exit,
            reply: None,
        }
    }
}

impl Wait {
    /// Waits for one message, until `deadline` at the latest.
    pub(crate) fn until(
        &self,
        desk: &Desk,
        at: &Address,
        deadline: Instant,
        interrupt: &Interrupt,
    ) -> Result<Waited, Failure> {
        let mut trace = desk.trace(at)?;
        let enough =
            |history: &History| self.stage.reached_by(history) || Stage::is_hopeless(history);
        for rounds_left in (1..=self.retries.saturating_add(1)).rev() {
            let left = deadline.saturating_duration_since(Instant::now());
            let round = left / rounds_left;
            let came = trace.wait(&enough, Some(round), &|| interrupt.came())?;
            if let Some(history) = came {
                return self.came(desk, &history);
            }
            if interrupt.came() {
                break;
            }
            if rounds_left > 1 {
                desk.announce(&at.mailbox, &[at.seq], Now::read())?;
            }
        }
        let status = desk.history(at)?.message.status.as_str();
        let exit = interrupt.exit().unwrap_or(Exit::TIMED_OUT);
        Ok(Waited::with(status, exit))
    }

    fn came(&self, desk: &Desk, history: &History) -> Result<Waited, Failure> {
        let message = &history.message;
        if !self.stage.reached_by(history) {
            return Ok(Waited::with(message.status.as_str(), Exit::NO));
        }
        if self.stage != Stage::Reply {
            return Ok(Waited::with(message.status.as_str(), Exit::DONE));
        }
        let at = Address {
            mailbox: message.to.clone(),
            seq: message.seq,
        };
        let thread = desk.thread(&at)?;
        let reply = thread
            .into_iter()
            .find(|other| other.reply_to == Some(message.id));
        Ok(Waited {
            status: "replied",
            exit: Exit::DONE,
            reply,
        })
    }
}
