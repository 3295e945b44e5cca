//! What is said on `runtime/agents/<agent>/control`, a Unix socket that the supervisor of a running agent listens
//! on: one JSON object a line, a request and its answers.

use serde::{Deserialize, Serialize};

use super::state::{Exit, State};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// Answered at once.
    State,
    /// Ends the child and all that it started, then the supervisor. Answered when all is over.
    Stop {
        /// Another grace than the settings say, in milliseconds.
        grace: Option<u64>,
    },
    /// Ends the child, then starts a new life. Answered as a start is.
    Restart,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Answer {
    State(Box<State>),
    /// It runs, and did so for long enough or said that it is ready.
    Started(Box<State>),
    /// It does not run. What comes next is in the state.
    NotStarted {
        state: Box<State>,
        why: String,
        exit: Option<Exit>,
        /// The end of what it printed.
        output: String,
    },
    /// Nothing of it is left. `killed`: so many processes did not end when they were asked to.
    Stopped {
        state: Box<State>,
        killed: u32,
    },
    Refused {
        why: String,
    },
}
