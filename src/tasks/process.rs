//! Carries out what a task runs: a process group of its own, a log, an end when its time is over.

use std::io::{self, PipeReader, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::run::{self, Action};
use super::runs::{Begun, Outcome};
use crate::store::{File, proc};
use crate::time::Timestamp;

/// What a run is known by to whoever looks for what is left of it.
const RUN: &str = "DREAMOS_RUN";
/// Between the friendly end and the other.
const GRACE: Duration = Duration::from_secs(5);
/// Which thread a signal comes to is chance: each looks so often whether one came.
const LOOK: Duration = Duration::from_millis(200);
/// More of what a run prints is not kept.
const MOST_LOG: u64 = 10 << 20;

/// Carries a run out, to its end or to the end of its time, for each of its occurrences until one fails. A message is for
/// whoever can send it. Once `interrupted` says so it ends as if its time were over.
pub fn carry_out(begun: &Begun, home: &Path, interrupted: &dyn Fn() -> bool) -> Outcome {
    let mut log = Log::new(&begun.log);
    let mut occurrences = begun.occurrences.iter().copied();
    let mut outcome = once(begun, home, occurrences.next(), &mut log, interrupted);
    while outcome.fault.is_none()
        && let Some(at) = occurrences.next()
    {
        outcome = once(begun, home, Some(at), &mut log, interrupted);
    }
    outcome
}

fn once(
    begun: &Begun,
    home: &Path,
    at: Option<Timestamp>,
    log: &mut Log<'_>,
    interrupted: &dyn Fn() -> bool,
) -> Outcome {
    let (argv, more) = match &begun.action {
        Action::Shell(line) => (run::Line::Shell(line.clone()).argv(), None),
        Action::Program(argv) => (argv.clone(), None),
        Action::Command(command) => (command.command.argv(), Some(command)),
        Action::Send { .. } => return failed("a message is not run".into()),
    };
    let Some((program, arguments)) = argv.split_first() else {
        return failed("there is no command".into());
    };
    let cwd = more.and_then(|more| more.cwd.as_ref());
    let cwd = cwd.map_or_else(|| home.to_owned(), |cwd| home.join(cwd));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&cwd)
        .env("DREAMOS_HOME", home)
        .env("DREAMOS_AGENT", begun.agent.as_str())
        .env("DREAMOS_TASK", &begun.task)
        .env(RUN, &begun.run)
        .envs(at.map(|at| ("DREAMOS_OCCURRENCE", at.to_string())))
        .envs(more.into_iter().flat_map(|more| &more.env))
        .stdin(Stdio::null())
        .process_group(0);
    match started(&mut command) {
        Ok((child, out)) => followed(child, out, begun, log, interrupted)
            .unwrap_or_else(|error| failed(format!("its end is not known: {error}"))),
        Err(_) if !cwd.is_dir() => {
            failed(format!("there is no directory {} to run in", cwd.display()))
        }
        Err(error) => failed(format!("{program:?} cannot be run: {error}")),
    }
}

fn failed(why: String) -> Outcome {
    Outcome {
        fault: Some(why),
        exit: None,
    }
}

fn started(command: &mut Command) -> io::Result<(Child, PipeReader)> {
    let (ours, its) = io::pipe()?;
    command.stdout(its.try_clone()?).stderr(its);
    let child = command.spawn()?;
    // The command holds its end of the pipe as long as it is there.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    Ok((child, ours))
}

/// To its end, or until its time is over: then it and its group are asked to end, and made to.
fn followed(
    mut child: Child,
    mut out: PipeReader,
    begun: &Begun,
    log: &mut Log<'_>,
    interrupted: &dyn Fn() -> bool,
) -> io::Result<Outcome> {
    let pid = Pid::from_child(&child);
    let end: OwnedFd = pidfd_open(pid, PidfdFlags::empty())?;
    let mut deadline = begun.timeout.map(|timeout| Instant::now() + timeout);
    let (mut is_late, mut was_interrupted) = (false, false);
    let mut is_open = true;
    loop {
        if !is_late && interrupted() {
            was_interrupted = true;
            deadline = Some(Instant::now());
        }
        let left = deadline.map_or(LOOK, |at| at.saturating_duration_since(Instant::now()));
        let left = left.min(LOOK);
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        let mut fds = vec![PollFd::new(&end, PollFlags::IN)];
        if is_open {
            fds.push(PollFd::new(&out, PollFlags::IN));
        }
        // An interruption is a reason to look around like any other.
        let _ = poll(&mut fds, Some(&timeout));
        let has_ended = !fds[0].revents().is_empty();
        let has_printed = fds.get(1).is_some_and(|out| !out.revents().is_empty());
        if has_printed {
            is_open = log.take(&mut out)? > 0;
            continue;
        }
        if has_ended {
            break;
        }
        if deadline.is_some_and(|at| at <= Instant::now()) {
            // Its number is nobody else's: it was not waited for yet. What is over already need not end.
            let signal = if is_late { Signal::KILL } else { Signal::TERM };
            let _ = kill_process_group(pid, signal);
            deadline = (!is_late).then(|| Instant::now() + GRACE);
            is_late = true;
        }
    }
    if is_late {
        // Whatever of the group did not obey.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let status = child.wait()?;
    Ok(if was_interrupted {
        failed("it was interrupted and was ended".into())
    } else if is_late {
        let after = begun.timeout.unwrap_or_default();
        failed(format!("it did not end within {after:?} and was ended"))
    } else {
        outcome(status)
    })
}

fn outcome(status: ExitStatus) -> Outcome {
    let fault = match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) => Some(format!("it ended with exit code {code}")),
        (None, signal) => Some(format!("it was ended by signal {}", signal.unwrap_or(0))),
    };
    Outcome {
        fault,
        exit: status.code(),
    }
}

/// What a run prints, as far as it is kept.
struct Log<'f> {
    file: &'f File,
    size: u64,
}

impl<'f> Log<'f> {
    const fn new(file: &'f File) -> Self {
        Self { file, size: 0 }
    }

    /// How much was read: nothing more is to come where it is nothing.
    fn take(&mut self, out: &mut PipeReader) -> io::Result<usize> {
        let mut buffer = [0; 16 << 10];
        let read = out.read(&mut buffer)?;
        let is_full = self.size >= MOST_LOG;
        let mut text = buffer[..read].to_vec();
        self.size += read as u64;
        if is_full {
            return Ok(read);
        }
        if self.size >= MOST_LOG {
            text.extend_from_slice(b"\n[what it printed after this is not kept]\n");
        }
        let at = self.size - read as u64;
        // A run goes on though its log cannot be written.
        let _ = self.file.write_at(at, &text);
        Ok(read)
    }
}

/// What a killed runner left: by the name of the run in its environment.
pub(super) fn end_what_is_left(run: &str) {
    for pid in proc::pids() {
        if proc::has_variable(pid, RUN, run)
            && let Some(seen) = proc::stat(pid)
        {
            proc::signal(pid, seen.start_ticks, Signal::KILL);
        }
    }
}
