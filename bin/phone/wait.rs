//! Waiting until a message has come so far.

use std::time::{Duration, Instant};

use clap::ValueEnum;
use dreamos::cli::{Exit, Failure, Interrupt};
use dreamos::desk::{self, Came, Desk};
use dreamos::mailbox::{Address, Message};

/// As a person names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Stage {
    Announced,
    Read,
    Ack,
    Reply,
}

impl From<Stage> for desk::Stage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Announced => Self::Announced,
            Stage::Read => Self::Read,
            Stage::Ack => Self::Acked,
            Stage::Reply => Self::Replied,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) stage: desk::Stage,
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

impl Wait {
    /// Waits for one message, until `deadline` at the latest.
    pub(crate) fn until(
        &self,
        desk: &Desk,
        at: &Address,
        deadline: Instant,
        interrupt: &Interrupt,
    ) -> Result<Waited, Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        let interrupted = || interrupt.came();
        let waited = desk.wait_for(at, self.stage, self.retries, left, &interrupted)?;
        Ok(Waited {
            status: waited.status,
            exit: match waited.came {
                Came::Reached => Exit::DONE,
                Came::Hopeless => Exit::NO,
                Came::NotYet => interrupt.exit().unwrap_or(Exit::TIMED_OUT),
            },
            reply: waited.reply,
        })
    }
}
