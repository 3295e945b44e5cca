//! Starts supervisors, asks them, and buries what a killed one left.
//!
//! Whoever holds `lock` is the supervisor. A start takes it first and hands it on, so that there is no moment in which
//! two could begin. Where it is free and the state says that somebody runs, that supervisor was killed: its child
//! died with it, and what else is left of that life is found by its name, or by where it prints, and ended. Nothing is
//! ever adopted.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, SeekFrom, memfd_create, seek};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};
use rustix::process::Signal;

use super::control::{Answer, Request};
use super::error::Error;
use super::settings::Settings;
use super::standing::{self, Flush};
use super::state::{LOST_REASON, Pid, Process, State, Wanted};
use super::{disk, moves};
use crate::names::{AgentId, Channel, Effect, Event, Level, Permit};
use crate::root::Home;
use crate::store::{self, Deadline, Dir, Lock, What, proc};
use crate::time::{Now, boot_id};

pub(super) const LOCK: &str = "lock";
/// That what a killed supervisor left was ended.
pub(crate) const LOST: &str = "agent.lost";
const SOCKET: &str = "control";
const SUPERVISOR: &str = "dreamos-superd";
/// Between holding the lock and listening, or between the last word and letting go of the lock.
const PASSING: Duration = Duration::from_secs(2);
/// Beside its grace, for what is being stopped to be gone.
const LEAVING: Duration = Duration::from_secs(10);
/// How long what a killed supervisor left may take to die of a kill.
const BURIAL: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Why somebody starts an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Its owner wants it to run.
    OfItsOwner,
    /// It ought to run, unless its owner has stopped it.
    ToKeepUp,
}

/// A start that was asked for.
pub enum Begun {
    Starting(Starting),
    /// Somebody else's start was first.
    Already(Box<State>),
}

/// A supervisor that was started; it says once whether its child runs.
pub struct Starting {
    pub agent: AgentId,
    answers: File,
}

/// What a killed supervisor left, and what became of it.
#[derive(Clone, Debug)]
pub struct Lost {
    pub agent: AgentId,
    /// So many processes of that life were still there, and are no more.
    pub ended: u32,
    /// Its owner had not stopped it.
    pub wanted: bool,
}

/// How an agent stands, looked at.
pub enum Tended {
    Never,
    Known(Box<State>),
    /// Its supervisor was killed; the state tells so now.
    Lost(Box<State>, Lost),
}

/// Hands the agent to a supervisor of its own, and returns at once; of one that is being stopped, when that is done.
pub fn start(
    home: &Home,
    _: &Permit,
    settings: &Settings,
    wish: Wish,
) -> Result<(Begun, Vec<Effect>), Error> {
    let agent = &settings.agent;
    let mut deadline = Deadline::after(PASSING);
    let mut is_leaving = false;
    let (dir, lock) = loop {
        if let Some(dir) = directory(home, agent)? {
            if let Some(lock) = lock(home, agent, &dir)? {
                break (dir, lock);
            }
            if let Some(Answer::State(state)) = ask_in(&dir, agent, &Request::State, PASSING)? {
                if state.state != Process::Stopping && !state.state.is_over() {
                    return Ok((Begun::Already(state), Vec::new()));
                }
                if !is_leaving {
                    is_leaving = true;
                    deadline =
                        Deadline::after(Duration::from_millis(settings.stop.grace) + LEAVING);
                }
            }
        }
        if deadline.is_over() {
            return Err(no_answer(agent, PASSING));
        }
        sleep(LOOK_AGAIN);
    };
    // It may have got another name, or gone, since whoever starts it looked.
    if disk::read(home)?.entry(agent).is_none() {
        moves::leave_no_trace(home, agent)?;
        return Err(Error::NotRegistered { id: agent.clone() });
    }
    let before = bury(&dir, agent)?;
    if let (Wish::ToKeepUp, Some((state, _))) = (wish, &before)
        && state.wanted == Wanted::Down
    {
        // Its owner stopped it since whoever keeps it up looked.
        return Ok((Begun::Already(Box::new(state.clone())), Vec::new()));
    }
    let lost = before.and_then(|(_, lost)| lost);
    let (answers, theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|error| system("make a pipe")(error.into()))?;
    let child = Command::new(supervisor()?)
        .arg(home.dir())
        .arg(agent.as_str())
        .env_clear()
        .stdin(Stdio::from(written(settings)?))
        .stdout(Stdio::from(theirs))
        .stderr(Stdio::from(lock.into_fd()))
        .spawn()
        .map_err(system("start dreamos-superd"))?;
    // It outlives us, and nobody waits for it.
    drop(child);
    let starting = Starting {
        agent: agent.clone(),
        answers: answers.into(),
    };
    Ok((Begun::Starting(starting), lost.iter().map(event).collect()))
}

/// The directory of an agent, made where there is none; `None` where it was removed before it could be opened.
pub(super) fn directory(home: &Home, agent: &AgentId) -> Result<Option<Dir>, Error> {
    match Dir::make_path(home.dir(), home.inside(&home.agent(agent))) {
        Err(error) if error.is_absent() => Ok(None),
        dir => Ok(Some(dir?)),
    }
}

/// The lock of an agent, `None` where somebody else holds it: or where this is its directory no more.
fn lock(home: &Home, agent: &AgentId, dir: &Dir) -> Result<Option<Lock>, Error> {
    let lock = match Lock::try_acquire(dir, LOCK) {
        // In a directory that was removed nothing can be made.
        Err(error) if error.is_absent() => return Ok(None),
        lock => lock?,
    };
    let is_in_place = is_in_place(home, agent, dir)?;
    Ok(lock.filter(|_| is_in_place))
}

/// Whether that is still the directory of an agent: it may have been renamed or removed since it was opened. Asked under
/// its lock, which whoever does that holds.
pub(super) fn is_in_place(home: &Home, agent: &AgentId, dir: &Dir) -> Result<bool, Error> {
    let there = Dir::of(home, &home.agents())?.ident(agent.as_str())?;
    Ok(there.map(|it| it.ino) == dir.ident(".")?.map(|it| it.ino))
}

impl Starting {
    /// What it says once its child runs, or does not.
    pub fn wait(self, patience: Duration) -> Result<Answer, Error> {
        let deadline = Deadline::after(patience);
        loop {
            let left = deadline.left();
            let left = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            let mut fds = [PollFd::new(&self.answers, PollFlags::IN)];
            match poll(&mut fds, Some(&left)) {
                Ok(0) => return Err(no_answer(&self.agent, patience)),
                Ok(_) => break,
                // Interrupted.
                Err(_) if !deadline.is_over() => {}
                Err(error) => return Err(system("wait for the supervisor")(error.into())),
            }
        }
        // It writes one line at once.
        let mut line = String::new();
        BufReader::new(self.answers)
            .read_line(&mut line)
            .map_err(system("read from the supervisor"))?;
        parse(&self.agent, &line)?.ok_or_else(|| Error::Supervisor {
            agent: self.agent,
            what: "ended without a word".into(),
        })
    }
}

/// The settings as a file that has no name.
fn written(settings: &Settings) -> Result<OwnedFd, Error> {
    let doing = "hand over the settings";
    let fd = memfd_create("settings", MemfdFlags::CLOEXEC)
        .map_err(|error| system(doing)(error.into()))?;
    let mut file = File::from(fd);
    let text = serde_json::to_vec(settings).expect("every key is text");
    file.write_all(&text).map_err(system(doing))?;
    seek(&file, SeekFrom::Start(0)).map_err(|error| system(doing)(error.into()))?;
    Ok(file.into())
}

/// Beside this program, else wherever programs are.
pub(super) fn supervisor() -> Result<PathBuf, Error> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(SUPERVISOR)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere = std::env::split_paths(&path).map(|dir| dir.join(SUPERVISOR));
    beside
        .into_iter()
        .chain(elsewhere)
        .find(|program| program.is_file())
        .ok_or(Error::NoSupervisor)
}

/// A request to the supervisor of an agent and its answer; `None` where nobody listens.
pub fn ask(
    home: &Home,
    agent: &AgentId,
    request: &Request,
    patience: Duration,
) -> Result<Option<Answer>, Error> {
    match open(home, agent)? {
        Some(dir) => ask_in(&dir, agent, request, patience),
        None => Ok(None),
    }
}

/// A line to the supervisor of an agent; `None` where nobody listens.
pub(super) fn connect(
    home: &Home,
    agent: &AgentId,
    patience: Duration,
) -> Result<Option<UnixStream>, Error> {
    match open(home, agent)? {
        Some(dir) => connect_in(&dir, agent, patience),
        None => Ok(None),
    }
}

/// One that lets nobody in, because it is stopped and as many as may are waiting, is waited for no longer than that.
fn connect_in(dir: &Dir, agent: &AgentId, patience: Duration) -> Result<Option<UnixStream>, Error> {
    let failed = |errno: Errno| system("talk to the supervisor")(errno.into());
    if dir.look(SOCKET)?.is_some_and(|it| it.what != What::Other) {
        return Err(store::Error::NotPlain {
            path: dir.path().join(SOCKET),
            what: "no socket",
        }
        .into());
    }
    let deadline = Deadline::after(patience);
    let address = SocketAddrUnix::new(dir.short_path().join(SOCKET)).map_err(failed)?;
    let (family, kind) = (AddressFamily::UNIX, SocketType::STREAM);
    let line = socket_with(family, kind, SocketFlags::CLOEXEC, None).map_err(failed)?;
    // It counts for a connect as well. None at all would be for ever.
    let span = patience.max(LOOK_AGAIN);
    set_socket_timeout(&line, Timeout::Send, Some(span)).map_err(failed)?;
    loop {
        match rustix::net::connect(&line, &address) {
            Ok(()) => return Ok(Some(line.into())),
            Err(Errno::INTR) if !deadline.is_over() => {}
            Err(Errno::AGAIN | Errno::INTR) => return Err(no_answer(agent, patience)),
            Err(_) => return Ok(None),
        }
    }
}

fn ask_in(
    dir: &Dir,
    agent: &AgentId,
    request: &Request,
    patience: Duration,
) -> Result<Option<Answer>, Error> {
    match connect_in(dir, agent, patience)? {
        Some(stream) => ask_on(&mut BufReader::new(stream), agent, request, patience),
        None => Ok(None),
    }
}

/// What comes after the answer is left to be read.
pub(super) fn ask_on(
    stream: &mut BufReader<UnixStream>,
    agent: &AgentId,
    request: &Request,
    patience: Duration,
) -> Result<Option<Answer>, Error> {
    let mut line = serde_json::to_vec(request).expect("every key is text");
    line.push(b'\n');
    let mut answer = String::new();
    stream
        .get_ref()
        .set_read_timeout(Some(patience.max(LOOK_AGAIN)))
        .and_then(|()| stream.get_mut().write_all(&line))
        .and_then(|()| stream.read_line(&mut answer))
        .map(drop)
        .or_else(|error| match error.kind() {
            // It ended between our connecting and its reading.
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => Ok(()),
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                Err(no_answer(agent, patience))
            }
            _ => Err(system("talk to the supervisor")(error)),
        })?;
    parse(agent, &answer)
}

fn parse(agent: &AgentId, line: &str) -> Result<Option<Answer>, Error> {
    if !line.ends_with('\n') {
        return Ok(None);
    }
    let answer = serde_json::from_str(line).map_err(|error| Error::Supervisor {
        agent: agent.clone(),
        what: format!("says what is not understood: {error}"),
    })?;
    Ok(Some(answer))
}

/// Ends the agent and all that it started. `None` where it was never started. `wanted`: what its owner wants of it then.
pub fn stop(
    home: &Home,
    _: &Permit,
    agent: &AgentId,
    grace: Option<u64>,
    wanted: Wanted,
    patience: Duration,
) -> Result<(Option<Answer>, Vec<Effect>), Error> {
    let Some(dir) = open(home, agent)? else {
        return Ok((None, Vec::new()));
    };
    let deadline = Deadline::after(patience);
    loop {
        let request = Request::Stop { grace, wanted };
        let answer = ask_in(&dir, agent, &request, deadline.left())?;
        if let Some(Answer::Stopped { state, .. }) = &answer {
            must_be_known(&dir, state, deadline)?;
        }
        if answer.is_some() {
            return Ok((answer, Vec::new()));
        }
        if let Some(_lock) = Lock::try_acquire(&dir, LOCK)? {
            let Some((mut state, lost)) = bury(&dir, agent)? else {
                return Ok((None, Vec::new()));
            };
            if state.wanted != wanted {
                state.wanted = wanted;
                standing::write(&dir, &state, Flush::Yes)?;
            }
            let killed = lost.as_ref().map_or(0, |lost| lost.ended);
            let state = Box::new(state);
            let effects = lost.iter().map(event).collect();
            return Ok((Some(Answer::Stopped { state, killed }), effects));
        }
        if deadline.is_over() {
            return Err(no_answer(agent, patience));
        }
        sleep(LOOK_AGAIN);
    }
}

/// A stop that its supervisor found no room to write down would be forgotten: it is written here, or said to have failed.
fn must_be_known(dir: &Dir, state: &State, deadline: Deadline) -> Result<(), Error> {
    loop {
        // One that nobody can read is known to nobody.
        let known = match standing::read(dir) {
            Err(Error::State { .. }) => None,
            other => other?,
        };
        let is_known = known.is_some_and(|known| {
            let is_said = known.state.is_over() && known.wanted == state.wanted;
            // Or somebody has started it anew meanwhile.
            is_said || known.incarnation != state.incarnation
        });
        if is_known {
            return Ok(());
        }
        if let Some(_lock) = Lock::try_acquire(dir, LOCK)? {
            return Ok(standing::write(dir, state, Flush::Yes)?);
        }
        if deadline.is_over() {
            return Err(no_answer(&state.agent, PASSING));
        }
        sleep(LOOK_AGAIN);
    }
}

/// Whether a life of an agent is over, as its supervisor wrote it down. Of whom nobody ever supervised it is not known,
/// and none is over.
pub(crate) fn is_over(home: &Home, agent: &AgentId, life: &str) -> Result<bool, Error> {
    let Some(dir) = open(home, agent)? else {
        return Ok(false);
    };
    let state = standing::read(&dir)?;
    Ok(state.is_some_and(|state| {
        let written = state.incarnation.as_deref().unwrap_or_default();
        match written.cmp(life) {
            // A life begins before it is written down. Its name is later than that of the one before.
            Ordering::Less => false,
            Ordering::Equal => state.state.is_over(),
            Ordering::Greater => true,
        }
    }))
}

/// All whom anybody ever supervised.
pub(crate) fn started(home: &Home) -> Result<Vec<AgentId>, Error> {
    let dir = match Dir::of(home, &home.agents()) {
        Err(error) if error.is_absent() => return Ok(Vec::new()),
        other => other?,
    };
    let names = dir.dir_names()?.into_iter();
    let ids = names.filter_map(|name| AgentId::parse(&name).ok());
    Ok(ids.filter(|id| was_started(home, id)).collect())
}

/// Whether anybody ever supervised it.
pub(crate) fn was_started(home: &Home, agent: &AgentId) -> bool {
    let state = open(home, agent).map(|dir| dir.map(|dir| dir.exists(standing::STATE)));
    matches!(state, Ok(Some(Ok(true))))
}

/// How an agent stands. What a killed supervisor left is ended first.
pub fn tend(home: &Home, agent: &AgentId) -> Result<(Tended, Vec<Effect>), Error> {
    let Some(dir) = open(home, agent)? else {
        return Ok((Tended::Never, Vec::new()));
    };
    let Some(state) = standing::read(&dir)? else {
        return Ok((Tended::Never, Vec::new()));
    };
    let known = |state| Ok((Tended::Known(Box::new(state)), Vec::new()));
    if state.state.is_over() {
        return known(state);
    }
    // Whoever holds it supervises. Nobody is woken for it, unless it may have found no room to say how it stands.
    let Some(_lock) = Lock::try_acquire(&dir, LOCK)? else {
        if is_doubtful(&state)
            && let Some(Answer::State(told)) = ask_in(&dir, agent, &Request::State, PASSING)?
        {
            return known(*told);
        }
        return known(state);
    };
    match bury(&dir, agent)? {
        Some((state, Some(lost))) => {
            let effects = vec![event(&lost)];
            Ok((Tended::Lost(Box::new(state), lost), effects))
        }
        Some((state, None)) => known(state),
        None => Ok((Tended::Never, Vec::new())),
    }
}

/// What passes at once, or a wait that is over: it may be as it is told, or may have been. Whether a child is gone is
/// looked at elsewhere.
fn is_doubtful(state: &State) -> bool {
    match state.state {
        Process::Backoff => state.next_start.is_none_or(|at| at <= Now::read().wall),
        Process::Starting | Process::Stopping => true,
        Process::Running | Process::Stopped | Process::Exited | Process::Fatal => false,
    }
}

/// Under the lock: nobody supervises it. What is left of a life that the state tells of is ended, and the state says
/// so.
fn bury(dir: &Dir, agent: &AgentId) -> Result<Option<(State, Option<Lost>)>, Error> {
    let Some(mut state) = standing::read(dir)? else {
        return Ok(None);
    };
    if state.state.is_over() {
        return Ok(Some((state, None)));
    }
    let boot = boot_id().map_or_else(|_| String::new(), |boot| format!("{boot:032x}"));
    let lost = if state.boot == boot {
        let ended = end_all_of(agent, &state)?;
        state.reason = format!("{LOST_REASON}; processes that were ended: {ended}");
        Some(Lost {
            agent: agent.clone(),
            ended,
            wanted: state.wanted == Wanted::Up,
        })
    } else {
        state.reason = "the machine was started anew".into();
        None
    };
    state.state = Process::Stopped;
    state.since = Now::read().wall;
    state.evidence = "nobody holds its lock".into();
    (state.supervisor, state.child, state.next_start) = (None, None, None);
    state.pipe = None;
    standing::write(dir, &state, Flush::No)?;
    Ok(Some((state, lost)))
}

/// Kills what is of that life, until nothing is. How many there were.
fn end_all_of(agent: &AgentId, state: &State) -> Result<u32, Error> {
    let deadline = Deadline::after(BURIAL);
    let mut ended = std::collections::HashSet::new();
    let mut seen_none = false;
    let mut remains = Remains::of(state);
    loop {
        let left = remains.look();
        // Twice: what becomes another program just now has no environment for a moment.
        if left.is_empty() && seen_none {
            return Ok(u32::try_from(ended.len()).unwrap_or(u32::MAX));
        }
        seen_none = left.is_empty();
        if !seen_none && deadline.is_over() {
            return Err(Error::Supervisor {
                agent: agent.clone(),
                what: format!("was lost, and its process {} does not die", left[0].0),
            });
        }
        for (pid, start_ticks) in left {
            proc::signal(pid, start_ticks, Signal::KILL);
            ended.insert(pid);
        }
        sleep(LOOK_AGAIN);
    }
}

/// What is left of a life. It is known by the name of the life in its environment, or by where it prints.
struct Remains<'s> {
    life: Option<&'s str>,
    pipe: Option<u64>,
    child: Option<Pid>,
    /// Whoever is of the session whose number is that of the child is of this life. The number may have been given to a
    /// stranger, who made a session of his own and left it: it is not, as long as anybody is of the old one, in which
    /// nobody of the new one can be. So one of them tells for all, and for as long as one of them is there.
    has_session: bool,
}

impl<'s> Remains<'s> {
    fn of(state: &'s State) -> Self {
        Self {
            life: state.incarnation.as_deref(),
            pipe: state.pipe,
            child: state.child,
            has_session: false,
        }
    }

    /// Number and beginning of each process.
    fn look(&mut self) -> Vec<(i32, u64)> {
        let own = std::process::id().cast_signed();
        let (mut left, mut of_session) = (Vec::new(), Vec::new());
        let leader = self.child.and_then(|child| proc::stat(child.pid));
        let leads = |leader: proc::Stat| {
            let child = self.child.map(|child| child.start_ticks);
            child == Some(leader.start_ticks)
        };
        let mut is_ours = leader.map_or(self.has_session, leads);
        let may_be_ours = leader.is_none() || is_ours;
        for pid in proc::pids().into_iter().filter(|pid| *pid != own) {
            let Some(stat) = proc::stat(pid).filter(|stat| !stat.is_zombie) else {
                continue;
            };
            let bears = |life| proc::has_variable(pid, "DREAMOS_INCARNATION", life);
            let prints = |pipe| proc::prints_into(pid, pipe);
            let is_of_life = self.life.is_some_and(bears) || self.pipe.is_some_and(prints);
            let is_of_session = self.child.is_some_and(|child| child.pid == stat.session);
            if is_of_session && may_be_ours {
                is_ours |= is_of_life;
                of_session.push((pid, stat.start_ticks));
            } else if is_of_life {
                left.push((pid, stat.start_ticks));
            }
        }
        self.has_session = is_ours && !of_session.is_empty();
        if self.has_session {
            left.append(&mut of_session);
        }
        left
    }
}

fn event(lost: &Lost) -> Effect {
    let Lost { agent, ended, .. } = lost;
    Effect::Event(Event {
        channel: Channel::Agents,
        level: Level::Warn,
        event: LOST.into(),
        msg: format!("the supervisor of {agent} was lost; processes that were ended: {ended}"),
        agent: Some(agent.clone()),
        id: None,
        fields: vec![("ended".into(), (*ended).into())],
    })
}

fn open(home: &Home, agent: &AgentId) -> Result<Option<Dir>, Error> {
    match Dir::of(home, &home.agent(agent)) {
        Err(error) if error.is_absent() => Ok(None),
        other => Ok(Some(other?)),
    }
}

pub(super) fn system(doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::System { doing, source }
}

fn no_answer(agent: &AgentId, patience: Duration) -> Error {
    Error::NoAnswer {
        agent: agent.clone(),
        seconds: patience.as_secs(),
    }
}
