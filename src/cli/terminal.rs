//! The person's own terminal, handed over to somebody else's screen and given back on every way out: a return, a
//! signal, a panic. After `kill -9` there is `reset`.

use std::io::{self, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use signal_hook::flag::{register, register_usize};
use signal_hook::low_level::pipe;

use super::failure::{Error, Exit};

/// How the terminal was; there is only one.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// Out of whatever state a program may have left the terminal in, and onto a line of its own: the main screen, plain
/// text, all of it scrolling, a cursor, keys and pastes as they were, no mouse.
const CALM: &[u8] = b"\x18\x1b[?1047l\x1b[?2026l\x1b[m\x1b[r\x1b[?6l\x1b[?7h\x1b[?25h\x1b[0 q\x1b(B\x1b[?1l\x1b>\x1b[=0u\
\x1b[>4m\x1b[?2004l\x1b[?1004l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[999;1H\r\n";

/// Keys come one by one and as they are, as long as this lives.
pub struct RawTerminal {
    signals: UnixStream,
    resized: Arc<AtomicBool>,
    told_to_end: Arc<AtomicUsize>,
}

impl RawTerminal {
    /// An error where standard input or output is no terminal.
    pub fn demand() -> Result<(), Error> {
        if isatty(io::stdin()) && isatty(io::stdout()) {
            Ok(())
        } else {
            Err(Error::NoTerminal)
        }
    }

    pub fn enter() -> Result<Self, Error> {
        Self::demand()?;
        let (signals, writing) = UnixStream::pair().map_err(Error::Signals)?;
        signals.set_nonblocking(true).map_err(Error::Signals)?;
        let resized = Arc::new(AtomicBool::new(false));
        let told_to_end = Arc::new(AtomicUsize::new(0));
        register(SIGWINCH, Arc::clone(&resized)).map_err(Error::Signals)?;
        for (signal, exit) in [
            (SIGHUP, Exit::HUNG_UP),
            (SIGINT, Exit::INTERRUPTED),
            (SIGQUIT, Exit::INTERRUPTED),
            (SIGTERM, Exit::TERMINATED),
        ] {
            register_usize(signal, Arc::clone(&told_to_end), exit.code().into())
                .map_err(Error::Signals)?;
        }
        // After the flags, so that whoever is woken finds them set.
        for signal in [SIGWINCH, SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
            let twin = writing.try_clone().map_err(Error::Signals)?;
            pipe::register(signal, twin).map_err(Error::Signals)?;
        }
        let terminal = |error: rustix::io::Errno| Error::Terminal(error.into());
        let before = tcgetattr(io::stdin()).map_err(terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        // The programs that are shipped do not unwind: nothing is dropped there.
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            usual(panic);
        }));
        let it = Self {
            signals,
            resized,
            told_to_end,
        };
        tcsetattr(io::stdin(), OptionalActions::Now, &raw).map_err(terminal)?;
        Ok(it)
    }

    /// Rows and columns; none of either where the terminal does not know.
    pub fn size() -> (u16, u16) {
        tcgetwinsize(io::stdin()).map_or((0, 0), |size| (size.ws_row, size.ws_col))
    }

    /// Readable when `resized` or `told_to_end` has something new.
    pub fn signals(&self) -> BorrowedFd<'_> {
        self.signals.as_fd()
    }

    /// Whether the window has another size since this was last asked.
    pub fn resized(&self) -> bool {
        // What woke us; the flags tell why.
        while matches!(rustix::io::read(&self.signals, &mut [0; 64]), Ok(n) if n > 0) {}
        self.resized.swap(false, Ordering::Relaxed)
    }

    /// By a signal, and with this exit.
    pub fn told_to_end(&self) -> Option<Exit> {
        let code = self.told_to_end.load(Ordering::Relaxed);
        [Exit::HUNG_UP, Exit::INTERRUPTED, Exit::TERMINATED]
            .into_iter()
            .find(|exit| usize::from(exit.code()) == code)
    }

    /// Keys that were pressed, when there are any; none where the terminal is gone.
    pub fn keys<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        let n = rustix::io::read(rustix::stdio::stdin(), &mut *buffer).unwrap_or(0);
        &buffer[..n]
    }

    /// Bytes as they are. An error where there is no terminal any more.
    pub fn show(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        give_back();
    }
}

/// Once, whoever comes first.
fn give_back() {
    let before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(before) = before {
        // Whoever panicked may hold the lock of `stdout`. A terminal that is gone needs nothing.
        let _ = rustix::io::write(rustix::stdio::stdout(), CALM);
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &before);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

    use super::*;

    const TOLD: &str = "PANIC_ON_A_RAW_TERMINAL";

    /// What the next test runs in a process of its own.
    #[test]
    fn panics_where_it_is_told_to() {
        if std::env::var_os(TOLD).is_some() {
            // As where nothing unwinds.
            std::mem::forget(RawTerminal::enter().unwrap());
            panic!("as it was told");
        }
    }

    #[test]
    fn a_panic_gives_the_terminal_back() {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let its = ioctl_tiocgptpeer(&ours, flags).unwrap();
        let settings = || format!("{:?}", tcgetattr(&its).unwrap());
        let before = settings();
        let twin = || Stdio::from(its.try_clone().unwrap());
        let status = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "cli::terminal::tests::panics_where_it_is_told_to",
            ])
            .arg("--nocapture")
            .env(TOLD, "1")
            .stdin(twin())
            .stdout(twin())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success());
        assert_eq!(settings(), before);
        let mut shown = [0; 4096];
        let n = rustix::io::read(&ours, &mut shown).unwrap();
        let calm: Vec<u8> = CALM.to_vec();
        assert!(
            shown[..n].windows(8).any(|it| it == &calm[..8]),
            "{}",
            String::from_utf8_lossy(&shown[..n])
        );
    }
}
