//! The terminal of a running agent: looked at, typed on, joined. Its supervisor has it; here is the other end.

use std::io::{self, BufReader, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::control::{Answer, Input, LONGEST_TEXT, Request, Screen, Size, Unable};
use super::error::Error;
use super::process::{ask_on, connect, system};
use super::state::State;
use crate::names::{AgentId, Channel, Effect, Event, Level, Permit};
use crate::root::Home;

/// Three tries of Enter, and a child that reads nothing, are over by then.
const PATIENCE: Duration = Duration::from_secs(30);

/// How somebody joins a terminal.
pub enum Joins<'p> {
    Looking,
    /// At the keyboard.
    Typing(&'p Permit),
}

/// A look in passing waits no longer.
const GLANCE: Duration = Duration::from_secs(1);

/// What the terminal shows: the last lines of it.
pub fn peek(home: &Home, agent: &AgentId, lines: usize) -> Result<Screen, Error> {
    screen(home, agent, lines, PATIENCE)
}

/// The same in passing, of many.
pub(crate) fn glance(home: &Home, agent: &AgentId, lines: usize) -> Result<Screen, Error> {
    screen(home, agent, lines, GLANCE)
}

fn screen(home: &Home, agent: &AgentId, lines: usize, patience: Duration) -> Result<Screen, Error> {
    match ask(home, agent, &Request::Peek { lines }, patience)? {
        (Answer::Screen(screen), _) => Ok(*screen),
        (other, _) => Err(refused(agent, &other)),
    }
}

/// Types, and says whether the screen has changed by it. Whether it was understood, nobody knows.
pub fn type_text(
    home: &Home,
    _: &Permit,
    agent: &AgentId,
    text: &str,
    enter: bool,
) -> Result<(bool, Vec<Effect>), Error> {
    if text.len() > LONGEST_TEXT {
        return Err(Error::TooMuch {
            limit: LONGEST_TEXT,
        });
    }
    let text = text.to_owned();
    let characters = text.chars().count();
    match ask(home, agent, &Request::Type { text, enter }, PATIENCE)? {
        (Answer::Typed { screen_changed, .. }, _) => {
            let told = format!("{characters} characters were typed on the terminal of {agent}");
            let fields = vec![
                ("characters", characters.into()),
                ("enter", enter.into()),
                ("screen_changed", screen_changed.into()),
            ];
            Ok((
                screen_changed,
                vec![event(agent, "agent.typed", told, fields)],
            ))
        }
        (other, _) => Err(refused(agent, &other)),
    }
}

/// Joins the terminal, which takes the size of a window at whose keyboard somebody is.
pub fn attach(
    home: &Home,
    agent: &AgentId,
    size: Size,
    joins: &Joins<'_>,
) -> Result<(Attached, Vec<Effect>), Error> {
    let (read_only, effects) = match joins {
        Joins::Looking => (true, Vec::new()),
        Joins::Typing(_) => {
            let told = format!("somebody is at the keyboard of {agent}");
            (
                false,
                vec![event(agent, "agent.attached", told, Vec::new())],
            )
        }
    };
    match ask(home, agent, &Request::Attach { size, read_only }, PATIENCE)? {
        (Answer::Attached(state), stream) => {
            stream
                .get_ref()
                .set_nonblocking(true)
                .map_err(system("talk to the supervisor"))?;
            let attached = Attached {
                state,
                stream,
                unsent: Vec::new(),
            };
            Ok((attached, effects))
        }
        (other, _) => Err(refused(agent, &other)),
    }
}

/// A terminal that was joined. Nothing here waits.
pub struct Attached {
    /// How the agent stood then.
    pub state: Box<State>,
    stream: BufReader<UnixStream>,
    unsent: Vec<u8>,
}

impl Attached {
    /// What the child printed; `None` for nothing now, `Some(0)` for nothing ever again.
    pub fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.stream.read(buffer) {
            Ok(n) => Some(n),
            Err(error) if is_passing(&error) => None,
            Err(_) => Some(0),
        }
    }

    pub fn say(&mut self, input: &Input) {
        self.unsent.extend(spelled(input));
        self.send();
    }

    /// What is left to be said. Where nobody listens any more, reading tells so.
    pub fn send(&mut self) {
        while !self.unsent.is_empty() {
            match self.stream.get_mut().write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_passing(&error) => return,
                Err(_) => self.unsent.clear(),
            }
        }
    }

    /// There is something to be read that no `poll` knows of.
    pub fn has_read_ahead(&self) -> bool {
        !self.stream.buffer().is_empty()
    }

    /// So many bytes are left to be said.
    pub const fn unsent(&self) -> usize {
        self.unsent.len()
    }
}

impl AsFd for Attached {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.get_ref().as_fd()
    }
}

fn spelled(input: &Input) -> Vec<u8> {
    let mut line = serde_json::to_vec(input).expect("every key is text");
    line.push(b'\n');
    line
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

fn ask(
    home: &Home,
    agent: &AgentId,
    request: &Request,
    patience: Duration,
) -> Result<(Answer, BufReader<UnixStream>), Error> {
    let not_running = || Error::NotRunning {
        agent: agent.clone(),
    };
    let stream = connect(home, agent, patience)?.ok_or_else(not_running)?;
    let mut stream = BufReader::new(stream);
    let answer = ask_on(&mut stream, agent, request, patience)?;
    Ok((answer.ok_or_else(not_running)?, stream))
}

fn refused(agent: &AgentId, answer: &Answer) -> Error {
    let agent = agent.clone();
    match answer {
        Answer::Unable { why } => match why {
            Unable::NoTerminal => Error::NoTerminal { agent },
            Unable::NotRunning => Error::NotRunning { agent },
            Unable::Typing => Error::Typing { agent },
            Unable::Crowded => Error::Crowded { agent },
        },
        Answer::Refused { why } => Error::Supervisor {
            agent,
            what: format!("refused: {why}"),
        },
        other => Error::Supervisor {
            agent,
            what: format!("answered {other:?}"),
        },
    }
}

fn event(
    agent: &AgentId,
    event: &'static str,
    msg: String,
    fields: Vec<(&'static str, serde_json::Value)>,
) -> Effect {
    Effect::Event(Event {
        channel: Channel::Agents,
        level: Level::Info,
        event: event.into(),
        msg,
        agent: Some(agent.clone()),
        id: None,
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect(),
    })
}
