//! What a supervisor is told: everything resolved, so that it reads no configuration. Handed over as JSON.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::names::AgentId;

/// Format of the JSON. Both sides are installed together; another number is refused.
pub const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub v: u32,
    pub agent: AgentId,
    /// Program and arguments; a program without `/` is looked for in the `PATH` of `env`.
    pub command: Vec<String>,
    pub cwd: PathBuf,
    /// The whole environment, but for what names the life: the supervisor adds `DREAMOS_INCARNATION`.
    pub env: Vec<(String, String)>,
    /// The child gets a terminal of its own.
    pub tty: bool,
    pub restart: Restart,
    pub backoff: Backoff,
    pub budget: Budget,
    /// A life that was shorter than this many milliseconds has done nothing.
    pub unproductive_after: u64,
    pub stop: Stop,
    /// Commands that must succeed before a start.
    pub preconditions: Vec<Vec<String>>,
    /// The child writes a newline on this descriptor when it is ready; `None`: alive for a while is ready.
    pub ready_fd: Option<u32>,
    pub output: Output,
}

/// When a child that ended by itself is started anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    Always,
    #[default]
    OnFailure,
    Never,
}

/// How long between two lives: `initial`, times `factor` for each failure in a row, at most `max`, give or take
/// the part `jitter` of it. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backoff {
    pub initial: u64,
    pub max: u64,
    pub factor: f64,
    pub jitter: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: 1_000,
            max: 10 * 60 * 1_000,
            factor: 2.0,
            jitter: 0.1,
        }
    }
}

/// So many restarts within so many milliseconds; one more is a crash loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    pub restarts: u32,
    pub within: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            restarts: 5,
            within: 15 * 60 * 1_000,
        }
    }
}

/// How a child is asked to end, and how many milliseconds later it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stop {
    pub signal: i32,
    pub grace: u64,
}

impl Default for Stop {
    fn default() -> Self {
        Self {
            signal: 15,
            grace: 10_000,
        }
    }
}

/// What is kept of what a child prints: `output.log` and so many older ones, each of so many bytes at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Output {
    pub bytes: u64,
    pub older: u32,
    /// Keep escape sequences as they were printed.
    pub raw: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            bytes: 4 << 20,
            older: 3,
            raw: false,
        }
    }
}
