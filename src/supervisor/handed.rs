//! What a supervisor is handed on its standard streams, and how it gets them free for its children.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::Error;
use crate::agents::settings::{self, Settings};

/// Our own descriptors have this number or a higher one, so that a child can say on any lower one that it is ready.
const FREE: i32 = 10;

/// Its settings on standard input, on standard output whoever started it and waits for an answer, on standard error the
/// agent's lock, held already.
pub(super) struct Handed {
    settings: OwnedFd,
    pub(super) starter: OwnedFd,
    pub(super) lock: OwnedFd,
}

impl Handed {
    /// Moved away from the numbers that every child inherits.
    pub(super) fn take() -> Result<Self, Error> {
        let system = |doing| {
            move |source: Errno| Error::System {
                doing,
                source: source.into(),
            }
        };
        let away = |fd: BorrowedFd<'_>| {
            rustix::io::fcntl_dupfd_cloexec(fd, FREE).map_err(system("keep what it was handed"))
        };
        let handed = Self {
            settings: away(rustix::stdio::stdin())?,
            starter: away(rustix::stdio::stdout())?,
            lock: away(rustix::stdio::stderr())?,
        };
        let null = File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .map_err(|source| Error::System {
                doing: "open /dev/null",
                source,
            })?;
        let moved = system("let go of the standard streams");
        dup2_stdin(&null)
            .and_then(|()| dup2_stdout(&null))
            .and_then(|()| dup2_stderr(&null))
            .map_err(moved)?;
        // Taken, so that nothing of ours lies where a child wants to say that it is ready.
        while let Ok(taken) = null.try_clone() {
            if taken.as_raw_fd() >= FREE {
                break;
            }
            std::mem::forget(taken);
        }
        Ok(handed)
    }

    pub(super) fn settings(&self) -> Result<Settings, Error> {
        let mut text = String::new();
        let unreadable = |error: &dyn std::fmt::Display| Error::Settings(error.to_string());
        let twin = self.settings.try_clone().map_err(|e| unreadable(&e))?;
        File::from(twin)
            .read_to_string(&mut text)
            .map_err(|e| unreadable(&e))?;
        let settings: Settings = serde_json::from_str(&text).map_err(|e| unreadable(&e))?;
        if settings.v == settings::VERSION {
            Ok(settings)
        } else {
            Err(Error::Version {
                found: settings.v,
                known: settings::VERSION,
            })
        }
    }
}
