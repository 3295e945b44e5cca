//! Kernel locks with a deadline. They die with their holder, so that none is ever stale.

use std::cell::Cell;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{Dir, Error, File, Open};

/// One deadline for the whole verb.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(span: Duration) -> Self {
        Self(Instant::now() + span)
    }

    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub(crate) fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}

/// How a file's own lock is held: by many at once, or by one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Shared,
    Alone,
}

/// Locks an open file itself, without waiting, until it is closed; `false` where others forbid it. Held
/// already, it is converted.
pub(crate) fn try_hold(file: &File, how: Hold) -> Result<bool, Error> {
    let how = match how {
        Hold::Shared => FlockOperation::NonBlockingLockShared,
        Hold::Alone => FlockOperation::NonBlockingLockExclusive,
    };
    match flock(file.as_fd(), how) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(source) => Err(Error::Io {
            doing: "lock",
            path: file.path().into(),
            source,
        }),
    }
}

/// That somebody else holds the lock on `file`, and who.
pub(crate) fn busy(file: &File) -> Error {
    Error::Busy {
        path: file.path().into(),
        holder: holder(file).map(|h| format!(" by {h}")).unwrap_or_default(),
    }
}

thread_local! {
    static WAITED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

fn note_wait(begun: Instant) {
    WAITED.set(WAITED.get().saturating_add(begun.elapsed()));
}

/// How long this thread has waited for locks that it got in the end, since it was asked last. Whoever finds a lock
/// free pays nothing for it.
pub(crate) fn take_waited() -> Duration {
    WAITED.take()
}

/// An exclusive lock on a file that exists for nothing else. Dropping it unlocks.
#[derive(Debug)]
pub(crate) struct Lock {
    // The lock lives as long as this open file.
    file: File,
}

impl Lock {
    pub(crate) fn acquire(dir: &Dir, name: &str, deadline: Deadline) -> Result<Self, Error> {
        let mut pause = Duration::from_micros(20);
        let mut begun = None;
        loop {
            match Self::attempt(dir, name)? {
                Ok(lock) => {
                    if let Some(begun) = begun {
                        note_wait(begun);
                    }
                    return Ok(lock);
                }
                Err(file) if deadline.is_over() => return Err(busy(&file)),
                Err(_) => begun = begun.or_else(|| Some(Instant::now())),
            }
            // A sleep, not a wait in the kernel: `flock` has no deadline, and signals belong to the program.
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(1));
        }
    }

    /// The lock itself, to be handed to another process: it is held until the last who has it lets go.
    pub(crate) fn into_fd(self) -> OwnedFd {
        self.file.into_fd()
    }

    /// As `acquire`, but nothing is made: `None` where nobody has ever locked it.
    pub(crate) fn acquire_if_any(
        dir: &Dir,
        name: &str,
        deadline: Deadline,
    ) -> Result<Option<Self>, Error> {
        if dir.exists(name)? {
            Self::acquire(dir, name, deadline).map(Some)
        } else {
            Ok(None)
        }
    }

    /// `None` where somebody else holds it.
    pub(crate) fn try_acquire(dir: &Dir, name: &str) -> Result<Option<Self>, Error> {
        Self::attempt(dir, name).map(Result::ok)
    }

    fn attempt(dir: &Dir, name: &str) -> Result<Result<Self, File>, Error> {
        loop {
            // The lock file stays for ever: removing it would let two writers lock two different files.
            let file = match dir.file(name, Open::Write) {
                Err(e) if e.is(Errno::NOENT) => dir.file(name, Open::Create)?,
                other => other?,
            };
            if !try_hold(&file, Hold::Alone)? {
                return Ok(Err(file));
            }
            if dir
                .ident(name)?
                .is_some_and(|now| now.ino == file.opened().ino)
            {
                return Ok(Ok(Self { file }));
            }
        }
    }
}

/// Who holds the lock on `file`, as `pid 4711 (cellphone), which is stopped`.
fn holder(file: &File) -> Option<String> {
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    let inode = format!(":{}", file.opened().ino);
    let pid = table
        .lines()
        .filter(|line| !line.contains("->"))
        .find_map(|line| {
            let mut words = line.split_whitespace();
            let kind = words.nth(1)?;
            let pid = words.nth(2)?;
            let place = words.next()?;
            (kind == "FLOCK" && place.ends_with(&inode)).then(|| pid.to_owned())
        })?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let stopped = matches!(rest.trim_start().chars().next(), Some('T' | 't'));
    let state = if stopped {
        format!(", which is stopped (kill -CONT {pid})")
    } else {
        String::new()
    };
    Some(format!("pid {pid} ({name}){state}"))
}
