//! What is said on `runtime/agents/<agent>/control`, a Unix socket that the supervisor of a running agent listens
//! on: one JSON object a line, a request and its answers. Whoever attaches goes on as [`Request::Attach`] says.

use serde::{Deserialize, Serialize};

use super::state::{Exit, State, Wanted};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// Answered at once.
    State,
    /// Ends the child and all that it started, then the supervisor. Answered when all is over.
    Stop {
        /// Another grace than the settings say, in milliseconds.
        grace: Option<u64>,
        /// `up` where it is to be started again: if that does not happen, `agentctl up` does it.
        #[serde(default = "down")]
        wanted: Wanted,
    },
    /// Ends the child, then starts a new life. Answered as a start is.
    Restart,
    /// What the terminal shows: the last lines of it, without the empty ones at its end.
    Peek { lines: usize },
    /// Types on the terminal. Answered once the screen has changed, or has not for long enough.
    Type { text: String, enter: bool },
    /// Joins the terminal. After the answer the connection carries bytes as the child prints them, first those that
    /// draw the present screen; what goes the other way are lines of [`Input`].
    Attach { size: Size, read_only: bool },
}

const fn down() -> Wanted {
    Wanted::Down
}

/// More than this is no typing.
pub const LONGEST_TEXT: usize = 8 << 10;

/// What is said by somebody who has joined a terminal, one JSON value a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// Bytes, as his own terminal gave them.
    Keys(Vec<u8>),
    /// His window is this large now; the child's follows.
    Size(Size),
    /// His screen shows what the child did not draw.
    Redraw,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    pub rows: u16,
    pub columns: u16,
}

/// What a terminal shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    pub text: String,
    #[serde(flatten)]
    pub size: Size,
    pub cursor: Cursor,
}

/// Counted from 1, as terminals do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    pub row: u16,
    pub column: u16,
}

/// Why nobody can be at a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unable {
    /// The agent is run without one.
    NoTerminal,
    NotRunning,
    /// Somebody else types.
    Typing,
    /// As many as may have joined it.
    Crowded,
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
    Screen(Box<Screen>),
    /// Whether what was typed was understood, nobody knows: `confirmed` is never true.
    Typed {
        confirmed: bool,
        screen_changed: bool,
    },
    Attached(Box<State>),
    Unable {
        why: Unable,
    },
    Refused {
        why: String,
    },
}
