//! `runtime/agents/<agent>/state.json`: how a supervised agent stands. Written by its supervisor alone, which holds
//! the lock; read by everybody.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::AgentId;
use crate::time::Timestamp;

/// Format of the file.
pub const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub v: u32,
    pub agent: AgentId,
    pub state: Process,
    /// What its owner last asked for; a stopped agent is started by nobody else.
    pub wanted: Wanted,
    pub since: Timestamp,
    /// Why it stands so, in words.
    pub reason: String,
    /// What that was seen by.
    pub evidence: String,
    /// The boot that the pids are of.
    pub boot: String,
    pub supervisor: Option<Pid>,
    /// The child; `None` between two lives.
    pub child: Option<Pid>,
    /// The life that is, or was the last.
    pub incarnation: Option<String>,
    /// The inode of the pipe that it prints into: whoever does is of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipe: Option<u64>,
    /// How often it was started anew by itself since its owner started it.
    pub restarts: u32,
    /// How the last life ended.
    pub exit: Option<Exit>,
    /// In `backoff`: when it is started anew.
    pub next_start: Option<Timestamp>,
}

/// How the reason begins where a killed supervisor left it.
pub const LOST_REASON: &str = "its supervisor was lost";

impl State {
    /// Its supervisor was killed while it was wanted, and nobody has started it anew.
    pub fn is_missing(&self) -> bool {
        self.state == Process::Stopped
            && self.wanted == Wanted::Up
            && self.reason.starts_with(LOST_REASON)
    }
}

/// A process that cannot be taken for a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pid {
    pub pid: i32,
    /// When it began, in clock ticks since boot (`proc(5)`, field 22 of `stat`).
    pub start_ticks: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Process {
    Stopped,
    Starting,
    Running,
    Backoff,
    Stopping,
    Exited,
    Fatal,
}

impl Process {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Backoff => "backoff",
            Self::Stopping => "stopping",
            Self::Exited => "exited",
            Self::Fatal => "fatal",
        }
    }

    /// As a sentence goes on that began with the agent.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Stopped => "is stopped",
            Self::Starting => "is starting",
            Self::Running => "runs",
            Self::Backoff => "waits for its next start",
            Self::Stopping => "is stopping",
            Self::Exited => "has ended",
            Self::Fatal => "was given up",
        }
    }

    /// Nobody supervises it any more.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Stopped | Self::Exited | Self::Fatal => true,
            Self::Starting | Self::Running | Self::Backoff | Self::Stopping => false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    Up,
    Down,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl Exit {
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Code(0))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}
