//! The child, its life and its whole tree of processes.

#![expect(
    unsafe_code,
    reason = "what a child does between fork and exec has no safe wrapper"
)]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, getppid, kill_process_group, pidfd_open,
    pidfd_send_signal, set_parent_process_death_signal, setsid, wait,
};

use crate::agents::settings::Settings;
use crate::agents::state::{self, Exit};

/// How a child's standard streams are wired.
pub(super) enum Wires {
    /// Nothing to read; both outputs into one pipe.
    Pipe(OwnedFd),
    /// A terminal for all three.
    Terminal(OwnedFd),
}

/// Starts a life. The error says why it cannot be, in words.
pub(super) fn spawn(
    settings: &Settings,
    command: &[String],
    incarnation: &str,
    wires: Wires,
    ready: Option<OwnedFd>,
) -> Result<state::Pid, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("there is no command".into());
    };
    if !settings.cwd.is_dir() {
        return Err(format!(
            "there is no directory {} to run in",
            settings.cwd.display()
        ));
    }
    let spoilt = |error: io::Error| format!("its streams cannot be made: {error}");
    let (stdin, stdout, stderr, is_terminal) = match wires {
        Wires::Pipe(out) => {
            let twin = out.try_clone().map_err(spoilt)?;
            (Stdio::null(), Stdio::from(out), Stdio::from(twin), false)
        }
        Wires::Terminal(tty) => {
            let twin = || tty.try_clone().map_err(spoilt);
            (
                Stdio::from(twin()?),
                Stdio::from(twin()?),
                Stdio::from(twin()?),
                true,
            )
        }
    };
    let parent = getpid();
    let ready_at = settings.ready_fd;
    let mut child = Command::new(program);
    child
        .args(arguments)
        .current_dir(&settings.cwd)
        .env_clear()
        .envs(settings.env.iter().map(|(name, value)| (name, value)))
        .env("DREAMOS_INCARNATION", incarnation)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr);
    // SAFETY: between fork and exec only system calls are made, no memory is taken.
    unsafe {
        child.pre_exec(move || {
            setsid()?;
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // Its supervisor died before the signal was armed.
            if getppid() != Some(parent) {
                return Err(Errno::SRCH.into());
            }
            if is_terminal {
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            }
            if let (Some(ready), Some(at)) = (&ready, ready_at) {
                dup_to(ready, at)?;
            }
            Ok(())
        });
    }
    let child = child
        .spawn()
        .map_err(|error| format!("{program:?} cannot be run: {}", words(&error)))?;
    let pid = i32::try_from(child.id()).expect("a pid fits");
    Ok(state::Pid {
        pid,
        start_ticks: start_ticks(pid).unwrap_or(0),
    })
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such command".into(),
        io::ErrorKind::PermissionDenied => "it is not executable".into(),
        _ => error.to_string(),
    }
}

/// The descriptor number that a program was told to write on.
fn dup_to(from: &OwnedFd, at: u32) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    let at = i32::try_from(at).map_err(|_| Errno::BADF)?;
    // SAFETY: plain numbers. The supervisor keeps those below ten free for this.
    match unsafe { libc::dup2(from.as_raw_fd(), at) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// One child that ended, whichever: all orphans of the tree are ours.
pub(super) enum Reaped {
    Child(i32, Exit),
    /// None has ended.
    None,
    /// There is none.
    Childless,
}

pub(super) fn reap() -> Reaped {
    loop {
        return match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                let exit = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Exit::Code(code),
                    (_, Some(signal)) => Exit::Signal(signal),
                    // Stopped or continued: alive.
                    (None, None) => continue,
                };
                Reaped::Child(pid.as_raw_nonzero().get(), exit)
            }
            Ok(None) => Reaped::None,
            Err(Errno::INTR) => continue,
            Err(_) => Reaped::Childless,
        };
    }
}

/// The signal to the group of a child that was not reaped yet: its number is nobody else's.
pub(super) fn signal_group(pid: i32, signal: i32) {
    if let (Some(pid), Some(signal)) = (Pid::from_raw(pid), Signal::from_named_raw(signal)) {
        // It may be over by now: then that is what was wanted.
        let _ = kill_process_group(pid, signal);
    }
}

/// The signal to every process below us. How many there were.
pub(super) fn signal_all(signal: Signal) -> u32 {
    let mut count = 0;
    for (pid, start_ticks) in descendants() {
        let Some(number) = Pid::from_raw(pid) else {
            continue;
        };
        // By descriptor, and looked at again behind it: the number may be somebody else's by now.
        if let Ok(process) = pidfd_open(number, PidfdFlags::empty())
            && stat(pid).is_some_and(|now| now.start_ticks == start_ticks)
            && pidfd_send_signal(process.as_fd(), signal).is_ok()
        {
            count += 1;
        }
    }
    count
}

struct Stat {
    parent: i32,
    start_ticks: u64,
    is_zombie: bool,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything.
    let rest = text.rsplit_once(')')?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Stat {
        is_zombie: fields.first().is_some_and(|state| *state == "Z"),
        parent: fields.get(1)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

pub(super) fn start_ticks(pid: i32) -> Option<u64> {
    stat(pid).map(|stat| stat.start_ticks)
}

/// Every living process below us, and when it began.
fn descendants() -> Vec<(i32, u64)> {
    let mut children: HashMap<i32, Vec<(i32, u64)>> = HashMap::new();
    for pid in pids(Path::new("/proc")) {
        if let Some(stat) = stat(pid).filter(|stat| !stat.is_zombie) {
            let entry = children.entry(stat.parent).or_default();
            entry.push((pid, stat.start_ticks));
        }
    }
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut parents = vec![getpid().as_raw_nonzero().get()];
    while let Some(parent) = parents.pop() {
        for &(pid, start_ticks) in children.get(&parent).into_iter().flatten() {
            if seen.insert(pid) {
                found.push((pid, start_ticks));
                parents.push(pid);
            }
        }
    }
    found
}

fn pids(proc: &Path) -> Vec<i32> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}
