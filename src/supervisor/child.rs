//! The child, its life and its whole tree of processes.

#![expect(
    unsafe_code,
    reason = "what a child does between fork and exec has no safe wrapper"
)]

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::Mode;
use rustix::io::{Errno, FdFlags};
use rustix::process::{
    Signal, WaitId, WaitIdOptions, WaitOptions, getpid, getppid, set_parent_process_death_signal,
    setsid, wait, waitid,
};

use crate::agents::settings::Settings;
use crate::agents::state::{self, Exit};
use crate::store::proc;

/// The variable with the name of a life.
pub(super) const INCARNATION: &str = "DREAMOS_INCARNATION";

/// How a child's standard streams are wired.
pub(super) enum Wires {
    /// Nothing to read; both outputs into one pipe.
    Pipe(OwnedFd),
    /// A terminal for all three.
    Terminal(OwnedFd),
}

/// Why a life cannot be started.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unspawned {
    /// In words.
    pub(super) why: String,
    /// It may be another time, though nobody changes anything.
    pub(super) may_pass: bool,
}

impl Unspawned {
    const fn for_good(why: String) -> Self {
        let may_pass = false;
        Self { why, may_pass }
    }

    /// There are too many of something just now.
    pub(super) fn streams(error: &io::Error) -> Self {
        let why = format!("its streams cannot be made: {error}");
        let may_pass = true;
        Self { why, may_pass }
    }

    fn program(program: &str, error: &io::Error) -> Self {
        let why = format!("{program:?} cannot be run: {}", words(error));
        let number = error.raw_os_error();
        let may_pass = number.is_some_and(|number| !FOR_GOOD.contains(&number));
        Self { why, may_pass }
    }
}

/// What a program is not run for until somebody changes it. Anything else passes: it is being written just now, there
/// are too many processes, too little memory.
const FOR_GOOD: [i32; 8] = [
    libc::ENOENT,
    libc::EACCES,
    libc::EPERM,
    libc::ENOTDIR,
    libc::ENOEXEC,
    libc::ELOOP,
    libc::E2BIG,
    libc::ENAMETOOLONG,
];

/// Starts a life.
pub(super) fn spawn(
    settings: &Settings,
    command: &[String],
    incarnation: &str,
    umask: Mode,
    wires: Wires,
    ready: Option<OwnedFd>,
) -> Result<state::Pid, Unspawned> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(Unspawned::for_good("there is no command".into()));
    };
    can_run_in(&settings.cwd)?;
    let spoilt = |error: io::Error| Unspawned::streams(&error);
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
    let ready_at = settings.ready_fd;
    let mut child = Command::new(program);
    child
        .args(arguments)
        .current_dir(&settings.cwd)
        .env_clear()
        .envs(settings.env.iter().map(|(name, value)| (name, value)))
        .env(INCARNATION, incarnation)
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr);
    be_its_own(&mut child, umask);
    // SAFETY: between fork and exec only system calls are made, no memory is taken.
    unsafe {
        child.pre_exec(move || {
            setsid()?;
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
        .map_err(|error| Unspawned::program(program, &error))?;
    let pid = i32::try_from(child.id()).expect("a pid fits");
    Ok(state::Pid {
        pid,
        start_ticks: start_ticks(pid),
    })
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such command".into(),
        io::ErrorKind::PermissionDenied => "it is not executable".into(),
        _ => error.to_string(),
    }
}

/// The error says in words that there is no such directory.
pub(super) fn can_run_in(cwd: &Path) -> Result<(), Unspawned> {
    if cwd.is_dir() {
        return Ok(());
    }
    let cwd = cwd.display();
    let why = format!("there is no directory {cwd} to run in");
    Err(Unspawned::for_good(why))
}

/// Our own ways are not those of a program of ours.
pub(super) fn be_its_own(command: &mut Command, umask: Mode) {
    obey_signals(command);
    die_with_us(command);
    let make_files = move || {
        rustix::process::umask(umask);
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made, no memory is taken.
    unsafe { command.pre_exec(make_files) };
}

/// A program of ours is killed when its supervisor is.
fn die_with_us(command: &mut Command) {
    let parent = getpid();
    let die = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Its supervisor died before the signal was armed.
        if getppid() != Some(parent) {
            return Err(Errno::SRCH.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made, no memory is taken.
    unsafe { command.pre_exec(die) };
}

/// What we ignore, or whoever started us (`nohup`, a shell that put us in the background), a program of ours does not:
/// it would obey neither its stop nor a Ctrl-C on its terminal.
fn obey_signals(command: &mut Command) {
    let obey = || {
        for signal in 1..=libc::SIGRTMAX() {
            // SAFETY: plain numbers; what cannot be changed stays as it is.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: between fork and exec only system calls are made, no memory is taken.
    unsafe { command.pre_exec(obey) };
}

/// The descriptor number that a program was told to write on.
fn dup_to(from: &OwnedFd, at: u32) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    let at = i32::try_from(at).map_err(|_| Errno::BADF)?;
    // Nothing would be done, and it would be closed with the rest.
    if from.as_raw_fd() == at {
        return Ok(rustix::io::fcntl_setfd(from, FdFlags::empty())?);
    }
    // SAFETY: plain numbers. The supervisor keeps this one free of what is its own.
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

/// Lets go of whatever whoever started us had open beside the standard three: a pipe that we hold never ends.
pub(super) fn close_what_was_inherited() {
    // SAFETY: plain numbers. It is the first thing that is done: nothing here owns any of them yet.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
}

/// Whether there is any process of the tree, alive or to be reaped.
pub(super) fn has_children() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::All, options), Err(Errno::CHILD))
}

/// The signal to the group of a child that was not reaped yet: its number is nobody else's.
pub(super) fn signal_group(pid: i32, signal: i32) {
    // A group 0 or 1 would be ours, or everybody.
    if pid > 1 {
        // SAFETY: plain numbers. It may be over by now: then that is what was wanted.
        unsafe { libc::kill(-pid, signal) };
    }
}

pub(super) fn start_ticks(pid: i32) -> u64 {
    proc::stat(pid).map_or(0, |stat| stat.start_ticks)
}

/// The signal to every process below us. Which they were: number and beginning.
pub(super) fn signal_all(signal: Signal) -> Vec<(i32, u64)> {
    // To look through all processes takes milliseconds.
    if !has_children() {
        return Vec::new();
    }
    let mut sent = descendants();
    sent.retain(|(pid, start_ticks)| proc::signal(*pid, *start_ticks, signal));
    sent
}

/// Whether whatever is left below us is other agents' supervisors, which our child started and which are ours to wait
/// for only because nobody else is: they and what is below them are their own.
pub(super) fn only_supervisors_are_left() -> bool {
    let own = getpid().as_raw_nonzero().get();
    let is_our_child = |pid: &i32| {
        let stat = proc::stat(*pid);
        stat.is_some_and(|stat| stat.parent == own && !stat.is_zombie)
    };
    has_children()
        && proc::pids()
            .into_iter()
            .filter(is_our_child)
            .all(is_supervisor)
}

/// By the program that it runs. One that was replaced since by a newer one is known by its name.
fn is_supervisor(pid: i32) -> bool {
    let program = |pid: &str| std::fs::metadata(format!("/proc/{pid}/exe"));
    let is_ours = match (program(&pid.to_string()), program("self")) {
        (Ok(its), Ok(own)) => (its.dev(), its.ino()) == (own.dev(), own.ino()),
        _ => false,
    };
    let path = || std::fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    is_ours || path().ends_with("dreamos-superd (deleted)")
}

/// Every living process below us that is ours, and when it began.
fn descendants() -> Vec<(i32, u64)> {
    let mut children: HashMap<i32, Vec<(i32, u64)>> = HashMap::new();
    for pid in proc::pids() {
        if let Some(stat) = proc::stat(pid).filter(|stat| !stat.is_zombie) {
            let entry = children.entry(stat.parent).or_default();
            entry.push((pid, stat.start_ticks));
        }
    }
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut parents = vec![getpid().as_raw_nonzero().get()];
    while let Some(parent) = parents.pop() {
        for &(pid, start_ticks) in children.get(&parent).into_iter().flatten() {
            if seen.insert(pid) && !is_supervisor(pid) {
                found.push((pid, start_ticks));
                parents.push(pid);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_must_change_is_for_good_and_anything_else_passes() {
        let may_pass =
            |number| Unspawned::program("it", &io::Error::from_raw_os_error(number)).may_pass;
        assert!(!FOR_GOOD.into_iter().any(may_pass));
        let passing = [
            libc::ETXTBSY,
            libc::EAGAIN,
            libc::ENOMEM,
            libc::EMFILE,
            libc::ENFILE,
            libc::EIO,
        ];
        assert!(passing.into_iter().all(may_pass));
        let unclear = io::Error::from(io::ErrorKind::InvalidInput);
        assert!(!Unspawned::program("it", &unclear).may_pass);
    }
}
