//! Keys to an agent and its screen back, until somebody has had enough.

use std::time::{Duration, Instant};

use dreamos::agents::Attached;
use dreamos::agents::control::{Input, Size};
use dreamos::cli::{Error, Exit, RawTerminal};
use dreamos::desk::Hands;
use dreamos::names::AgentId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Ctrl-], and how the keyboard protocols of kitty and xterm spell it where the agent has switched them on.
const DETACH: [&[u8]; 4] = [b"\x1d", b"\x1b[93;5u", b"\x1b[93;5:1u", b"\x1b[27;5;93~"];
/// How long the last line of the screen says which key detaches.
const NOTICE: Duration = Duration::from_secs(3);
/// So much is kept for an agent that does not read its keys; more is lost.
const MOST_UNSENT: usize = 1 << 20;
const PIECE: usize = 16 << 10;
/// Keys in one line of what is said, where they are spelled as numbers.
const KEYS: usize = 1 << 10;

pub(crate) enum End {
    Detached,
    Signal(Exit),
    /// Nothing comes any more.
    Over,
}

/// The line that says which key detaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notice {
    /// The screen comes first.
    Due,
    Until(Instant),
    Gone,
}

pub(crate) fn size() -> Size {
    let (rows, columns) = RawTerminal::size();
    Size { rows, columns }
}

pub(crate) fn stay(
    terminal: &RawTerminal,
    agent: &AgentId,
    line: &mut Attached,
    hands: Hands,
) -> Result<End, Error> {
    let mut buffer = [0; PIECE];
    // What stands there is scrolled away, not written over.
    let empty = [b"\x1b[999;1H", vec![b'\n'; size().rows.into()].as_slice()].concat();
    let mut is_shown = terminal.show(&empty).is_ok();
    if hands == Hands::AtTheKeyboard {
        // It may have changed before anybody was told of changes.
        line.say(&Input::Size(size()));
    }
    let mut notice = Notice::Due;
    while is_shown {
        let has_keys = wait(terminal, line, notice)?;
        if let Some(exit) = terminal.told_to_end() {
            return Ok(End::Signal(exit));
        }
        if terminal.resized() && hands == Hands::AtTheKeyboard {
            line.say(&Input::Size(size()));
        }
        line.send();
        if let Some(n) = line.read(&mut buffer) {
            if n == 0 {
                return Ok(End::Over);
            }
            is_shown = terminal.show(&buffer[..n]).is_ok();
            if notice == Notice::Due {
                notice = Notice::Until(Instant::now() + NOTICE);
                is_shown &= terminal.show(told(agent, hands).as_bytes()).is_ok();
            }
        }
        if let Notice::Until(end) = notice
            && (has_keys || Instant::now() >= end)
        {
            notice = Notice::Gone;
            line.say(&Input::Redraw);
        }
        if has_keys && !press(terminal.keys(&mut buffer), line, hands) {
            return Ok(End::Detached);
        }
    }
    // The terminal is gone.
    Ok(End::Detached)
}

/// Whether there are keys.
fn wait(terminal: &RawTerminal, line: &Attached, notice: Notice) -> Result<bool, Error> {
    let (stdin, signals) = (std::io::stdin(), terminal.signals());
    let mut of_line = PollFlags::IN;
    of_line.set(PollFlags::OUT, line.unsent() > 0);
    let mut fds = [
        PollFd::new(&stdin, PollFlags::IN),
        PollFd::new(line, of_line),
        PollFd::new(&signals, PollFlags::IN),
    ];
    let left = match notice {
        _ if line.has_read_ahead() => Some(Duration::ZERO),
        Notice::Until(end) => Some(end.saturating_duration_since(Instant::now())),
        Notice::Due | Notice::Gone => None,
    };
    let left = left.map(|left| Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: left.subsec_nanos().into(),
    });
    match poll(&mut fds, left.as_ref()) {
        Ok(_) => Ok(!fds[0].revents().is_empty()),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(Error::Terminal(error.into())),
    }
}

/// Over the last row of the screen, in reverse; the cursor stays where it is.
fn told(agent: &AgentId, hands: Hands) -> String {
    let how = match hands {
        Hands::AtTheKeyboard => "",
        Hands::Off => ", read-only",
    };
    format!("\x1b7\x1b[999;1H\x1b[7mattached to {agent}{how}; Ctrl-] detaches\x1b[m\x1b[K\x1b8")
}

/// Whether to go on.
fn press(keys: &[u8], line: &mut Attached, hands: Hands) -> bool {
    let detach = detaches_at(keys);
    if hands == Hands::AtTheKeyboard && line.unsent() < MOST_UNSENT {
        for keys in keys[..detach.unwrap_or(keys.len())].chunks(KEYS) {
            line.say(&Input::Keys(keys.to_vec()));
        }
    }
    // No keys where there are some: the terminal has hung up.
    detach.is_none() && !keys.is_empty()
}

fn detaches_at(keys: &[u8]) -> Option<usize> {
    (0..keys.len()).find(|at| DETACH.iter().any(|key| keys[*at..].starts_with(key)))
}
