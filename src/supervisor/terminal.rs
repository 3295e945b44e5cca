//! A terminal for a child that wants one: what it shows, and what is typed on it.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::screen::{self, Screen};
use super::typing::{Next, Typing, plain};
use crate::agents::control::{self, Answer, Size, Unable};

/// So much typed ahead of a child that does not read; nobody's keys are taken after that.
const MOST_KEYS: usize = 64 << 10;

/// Our end, which does not block, and the child's.
pub(super) fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let its = ioctl_tiocgptpeer(&ours, flags)?;
    tcsetwinsize(&ours, window(screen::SIZE))?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, its))
}

const fn window(size: Size) -> Winsize {
    Winsize {
        ws_row: size.rows,
        ws_col: size.columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

/// Whether anybody is at it. His own terminal answers then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyboard {
    Attended,
    Unattended,
}

/// Of one life. Our end of it is handed in: the supervisor drains it as it does a pipe.
pub(super) struct Terminal {
    screen: Screen,
    /// What the child has not taken yet.
    keys: Vec<u8>,
    typing: Option<Typing>,
}

impl Terminal {
    pub(super) fn new() -> Self {
        Self {
            screen: Screen::new(screen::SIZE),
            keys: Vec::new(),
            typing: None,
        }
    }

    /// What the child printed. What it asks of a terminal, `keyboard` says who answers.
    pub(super) fn take(&mut self, ours: &OwnedFd, bytes: &[u8], keyboard: Keyboard) {
        let replies = self.screen.take(bytes);
        if keyboard == Keyboard::Unattended && self.keys.len() < MOST_KEYS {
            self.press(ours, &replies);
        }
    }

    pub(super) fn peek(&self, lines: usize) -> control::Screen {
        self.screen.peek(lines)
    }

    pub(super) fn redraw(&self) -> Vec<u8> {
        self.screen.redraw()
    }

    /// The child is told by a signal of its kernel.
    pub(super) fn resize(&mut self, ours: &OwnedFd, size: Size) {
        // A window without a size is one that does not know it.
        if size.rows == 0 || size.columns == 0 {
            return;
        }
        let size = screen::bounded(size);
        if tcsetwinsize(ours, window(size)).is_ok() {
            self.screen.resize(size);
        }
    }

    /// Whoever has joined waits with his keys.
    pub(super) fn takes_no_keys(&self) -> bool {
        self.typing.is_some() || self.keys.len() >= MOST_KEYS
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    pub(super) fn press(&mut self, ours: &OwnedFd, keys: &[u8]) {
        self.keys.extend_from_slice(keys);
        self.write(ours);
    }

    /// As much as the child has room for.
    pub(super) fn write(&mut self, ours: &OwnedFd) {
        while !self.keys.is_empty() {
            match rustix::io::write(ours, &self.keys) {
                Ok(n) => drop(self.keys.drain(..n)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // Nobody is left to read it.
                Err(_) => self.keys.clear(),
            }
        }
    }

    /// Answered by `clock`, later.
    pub(super) fn type_text(
        &mut self,
        ours: &OwnedFd,
        text: &str,
        enter: bool,
        now: u64,
    ) -> Result<(), Unable> {
        if self.takes_no_keys() {
            return Err(Unable::Typing);
        }
        let look = self.screen.look();
        let text = plain(text);
        if text.is_empty() && enter {
            self.typing = Some(Typing::enter(look, now));
            self.press(ours, b"\r");
            return Ok(());
        }
        self.typing = Some(Typing::text(enter, look, now));
        if self.screen.wants_brackets() {
            let pasted = ["\x1b[200~", &text, "\x1b[201~"].concat();
            self.press(ours, pasted.as_bytes());
        } else {
            self.press(ours, text.as_bytes());
        }
        Ok(())
    }

    pub(super) fn deadline(&self, now: u64) -> Option<u64> {
        Some(self.typing.as_ref()?.deadline(now))
    }

    /// Goes on with what is typed; what is said to whoever typed, once that is over.
    pub(super) fn clock(&mut self, ours: &OwnedFd, now: u64) -> Option<Answer> {
        let next = self
            .typing
            .as_mut()?
            .next(self.keys.is_empty(), self.screen.look(), now);
        match next {
            Next::Wait => None,
            Next::PressEnter => {
                self.press(ours, b"\r");
                None
            }
            Next::Done { screen_changed } => {
                self.typing = None;
                // What was not taken by now would be mixed up with what the next one types.
                self.keys.clear();
                Some(Answer::Typed {
                    confirmed: false,
                    screen_changed,
                })
            }
        }
    }

    /// The child is gone; whether somebody was typing.
    pub(super) fn end(&mut self) -> bool {
        self.keys = Vec::new();
        self.typing.take().is_some()
    }
}
