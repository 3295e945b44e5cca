//! The supervisor's one loop: waits for its child, its clients and the clock, asks the machine, does what it says.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode};
use rustix::io::Errno;
use rustix::process::Signal;
use signal_hook::consts::{SIGCHLD, SIGTERM};
use signal_hook::low_level::pipe;

use super::Error;
use super::child::{self, INCARNATION, Reaped, Unspawned, Wires};
use super::control::{Control, Heard, Waits};
use super::handed::Handed;
use super::machine::{Action, End, Event, Machine, PATIENCE, State};
use super::output::Log;
use super::terminal::{self, Terminal};
use crate::agents::control::{Answer, Input, Request, Unable};
use crate::agents::settings::Settings;
use crate::agents::standing::{self, Flush};
use crate::agents::state::{self, Exit, Process, Wanted};
use crate::logs;
use crate::names::{AgentId, Caller, Channel, MessageId, Token};
use crate::root::Home;
use crate::store::{Dir, Open, Target, random_u64, random_u128};
use crate::time::{Now, boot_id};

/// What is read of a child's output at once.
const PIECE: usize = 8 << 10;
/// In the agent's directory, where `DREAMOS_TOKEN_FILE` says.
const TOKEN: &str = "token";
/// So many pieces in a row: whoever prints for ever must not keep us from our clients.
const PIECES: usize = 64;

/// One agent's supervisor, from its first moment to its last.
pub fn run(home: Home) -> Result<(), Error> {
    child::close_what_was_inherited();
    let handed = Handed::take()?;
    let starter = handed.starter.try_clone();
    let begun = handed
        .settings()
        .and_then(|settings| Superd::begin(home, settings, handed));
    match (begun, starter) {
        (Ok(mut superd), starter) => {
            drop(starter);
            superd.stay();
            Ok(())
        }
        (Err(error), Ok(starter)) => {
            say(
                starter,
                &Answer::Refused {
                    why: error.to_string(),
                },
            );
            Err(error)
        }
        (Err(error), Err(_)) => Err(error),
    }
}

/// Whoever went away reads it from the state.
fn say(to: OwnedFd, answer: &Answer) {
    let mut line = serde_json::to_vec(answer).expect("every key of an answer is text");
    line.push(b'\n');
    let _ = File::from(to).write_all(&line);
}

struct Superd {
    home: Home,
    settings: Settings,
    dir: Dir,
    boot: String,
    pid: state::Pid,
    machine: Machine,
    control: Control,
    log: Log,
    signals: UnixStream,
    told_to_end: Arc<AtomicBool>,
    /// Whoever started us, until he was told.
    starter: Option<OwnedFd>,
    wanted: Wanted,
    child: Option<state::Pid>,
    incarnation: Option<String>,
    /// The name of the last life: the next is later, whatever the clock says.
    last_life: Option<MessageId>,
    checks: Option<Checks>,
    out: Option<OwnedFd>,
    /// Of the last life, if it had one: `out` is our end of it as long as it lives.
    terminal: Option<Box<Terminal>>,
    ready: Option<OwnedFd>,
    /// Those that did not end when they were asked to.
    killed: HashSet<(i32, u64)>,
    /// Of whoever started us: our programs have it, we have a stricter one.
    umask: Mode,
    since: Now,
    /// What `state.json` says.
    saved: Option<state::State>,
    /// Whether something has happened since that it may have to say.
    is_news: bool,
    /// Kept open: the lock is held as long as it is.
    _lock: OwnedFd,
}

/// The preconditions that are still to be looked at; the first of them runs.
struct Checks {
    left: Vec<Vec<String>>,
    pid: i32,
}

impl Superd {
    fn begin(home: Home, settings: Settings, handed: Handed) -> Result<Self, Error> {
        let system = |doing| move |source| Error::System { doing, source };
        let errno = |doing| {
            move |source: Errno| Error::System {
                doing,
                source: source.into(),
            }
        };
        // It is nobody's foreground job and outlives the terminal. It may lead a session already.
        let _ = rustix::process::setsid();
        let umask = rustix::process::umask(Mode::from_raw_mode(0o077));
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(errno("become the parent of orphans"))?;
        let dir = Dir::of(&home, &home.agent(&settings.agent))?;
        rustix::process::fchdir(&dir).map_err(errno("go to the agent's directory"))?;
        let (signals, writing) = UnixStream::pair().map_err(system("listen to signals"))?;
        signals
            .set_nonblocking(true)
            .map_err(system("listen to signals"))?;
        let told_to_end = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGTERM, Arc::clone(&told_to_end))
            .map_err(system("listen to signals"))?;
        for signal in [SIGCHLD, SIGTERM] {
            let twin = writing.try_clone().map_err(system("listen to signals"))?;
            pipe::register(signal, twin).map_err(system("listen to signals"))?;
        }
        let control = Control::bind()?;
        let log = Log::open(&dir, settings.output)?;
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        // What cannot be read tells of no life.
        let before = standing::read(&dir).ok().flatten();
        let last_life = before.and_then(|before| MessageId::parse(&before.incarnation?).ok());
        let (machine, actions) = Machine::new(&settings, Now::read().boot_ms);
        let mut superd = Self {
            boot: boot_id().map_or_else(|_| String::new(), |boot| format!("{boot:032x}")),
            pid: state::Pid {
                pid,
                start_ticks: child::start_ticks(pid),
            },
            machine,
            control,
            log,
            signals,
            told_to_end,
            starter: Some(handed.starter),
            wanted: Wanted::Up,
            child: None,
            incarnation: None,
            last_life,
            checks: None,
            out: None,
            terminal: None,
            ready: None,
            killed: HashSet::new(),
            umask,
            since: Now::read(),
            saved: None,
            is_news: false,
            _lock: handed.lock,
            home,
            settings,
            dir,
        };
        // Whoever cannot say how it stands does not begin.
        let state = superd.state();
        standing::write(&superd.dir, &state, Flush::No)?;
        superd.saved = Some(state);
        superd.perform(actions);
        Ok(superd)
    }

    fn stay(&mut self) {
        while !matches!(self.machine.state, State::Over(_)) {
            self.sleep();
            self.hear_signals();
            self.drain();
            self.hear_ready();
            self.hear_clients();
            self.type_on();
            self.reap();
            self.happen(Event::Clock);
        }
        // Nothing connects to a socket without a name: whoever comes now finds the lock free.
        let _ = std::fs::remove_file(super::control::SOCKET);
    }

    fn sleep(&mut self) {
        // Nobody is left who could wake us.
        let is_ending = matches!(self.machine.state, State::Ending { .. });
        if is_ending && !(child::has_children() && self.waits_for_more()) {
            return;
        }
        // What was passed through since the last time is nobody's news: a restart writes once.
        if self.is_news {
            self.save(self.flush());
        }
        let terminal = self.terminal.as_deref();
        let holds_keys = terminal.is_some_and(Terminal::takes_no_keys);
        self.control.hold_keys(holds_keys);
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(8);
        fds.push(PollFd::new(&self.signals, PollFlags::IN));
        if let Some(out) = &self.out {
            let mut flags = PollFlags::IN;
            flags.set(PollFlags::OUT, terminal.is_some_and(Terminal::has_keys));
            fds.push(PollFd::new(out, flags));
        }
        if let Some(ready) = &self.ready {
            fds.push(PollFd::new(ready, PollFlags::IN));
        }
        fds.extend(self.control.fds());
        let now = Now::read().boot_ms;
        let typing = terminal.and_then(|terminal| terminal.deadline(now));
        let deadline = self.machine.deadline().into_iter().chain(typing).min();
        let timeout = deadline.map(|at| {
            let left = at.saturating_sub(now);
            Timespec {
                tv_sec: i64::try_from(left / 1000).unwrap_or(i64::MAX),
                tv_nsec: i64::try_from(left % 1000 * 1_000_000).unwrap_or(0),
            }
        });
        // An interruption is a reason to look around like any other.
        let _ = poll(&mut fds, timeout.as_ref());
    }

    fn hear_signals(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.signals.read(&mut bytes), Ok(n) if n > 0) {}
        if self.told_to_end.swap(false, Ordering::Relaxed) {
            // The machine goes down, or somebody tidies up: it is still wanted.
            self.happen(Event::Stop { grace: None });
            self.machine.reason = "its supervisor was told to end".into();
            self.save(self.flush());
        }
    }

    fn drain(&mut self) {
        let mut buffer = [0; PIECE];
        for _ in 0..PIECES {
            let Some(out) = &self.out else { return };
            match rustix::io::read(out, &mut buffer) {
                Ok(0) => self.out = None,
                Ok(n) => self.printed(&buffer[..n]),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                // A terminal whose last user went away says so like this.
                Err(_) => self.out = None,
            }
        }
    }

    fn printed(&mut self, bytes: &[u8]) {
        let now = Now::read();
        self.log.take(&self.dir, bytes, now.wall);
        if let (Some(terminal), Some(out)) = (&mut self.terminal, &self.out) {
            terminal.take(out, bytes, self.control.keyboard());
            self.control.show(bytes, now.boot_ms, || terminal.redraw());
        }
    }

    fn hear_ready(&mut self) {
        let Some(ready) = &self.ready else { return };
        let mut buffer = [0; 64];
        match rustix::io::read(ready, &mut buffer) {
            Ok(n) if buffer[..n].contains(&b'\n') => {
                self.ready = None;
                self.happen(Event::Ready);
            }
            Ok(1..) | Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(0) | Err(_) => {
                self.ready = None;
                self.happen(Event::Mute);
            }
        }
    }

    fn hear_clients(&mut self) {
        for (at, heard) in self.control.hear(Now::read().boot_ms) {
            match heard {
                Heard::Unclear(why) => self.control.answer(at, &Answer::Refused { why }),
                Heard::Input(input) => self.input(at, &input),
                Heard::Request(request) => self.asked(at, request),
            }
        }
    }

    fn asked(&mut self, at: usize, request: Request) {
        match request {
            Request::State => {
                let state = Answer::State(Box::new(self.state()));
                self.control.answer(at, &state);
            }
            Request::Stop { grace, wanted } => {
                self.control.wait_for(at, Waits::End);
                // Before anything is done: a stop outlives whatever happens to us.
                self.wanted = wanted;
                self.killed.clear();
                self.save(Flush::Yes);
                self.happen(Event::Stop { grace });
            }
            Request::Restart => {
                self.control.wait_for(at, Waits::Start);
                self.happen(Event::Restart);
                if !self.machine.is_stopping() {
                    self.wanted = Wanted::Up;
                    self.save(Flush::No);
                }
            }
            Request::Peek { lines } => {
                let answer = match &self.terminal {
                    // Of a life that is over, too: it shows what it ended with.
                    Some(terminal) => Answer::Screen(Box::new(terminal.peek(lines))),
                    None => self.unable(),
                };
                self.control.answer(at, &answer);
            }
            Request::Type { text, enter } => self.type_text(at, &text, enter),
            Request::Attach { size, read_only } => {
                let state = Answer::Attached(Box::new(self.state()));
                let is_crowded = self.control.is_crowded();
                let now = Now::read().boot_ms;
                match (&mut self.terminal, &self.out, self.child) {
                    (Some(_), Some(_), Some(_)) if is_crowded => {
                        let why = Unable::Crowded;
                        self.control.answer(at, &Answer::Unable { why });
                    }
                    (Some(terminal), Some(out), Some(_)) => {
                        if !read_only {
                            terminal.resize(out, size);
                        }
                        self.control.answer(at, &state);
                        self.control.join(at, read_only, &terminal.redraw(), now);
                    }
                    _ => self.control.answer(at, &self.unable()),
                }
            }
        }
    }

    fn unable(&self) -> Answer {
        let why = if self.settings.tty {
            Unable::NotRunning
        } else {
            Unable::NoTerminal
        };
        Answer::Unable { why }
    }

    fn type_text(&mut self, at: usize, text: &str, enter: bool) {
        let now = Now::read().boot_ms;
        let (Some(terminal), Some(out), Some(_)) = (&mut self.terminal, &self.out, self.child)
        else {
            self.control.answer(at, &self.unable());
            return;
        };
        match terminal.type_text(out, text, enter, now) {
            Ok(()) => self.control.wait_for(at, Waits::Typed),
            Err(why) => self.control.answer(at, &Answer::Unable { why }),
        }
    }

    /// Of one who has joined the terminal.
    fn input(&mut self, at: usize, input: &Input) {
        let (Some(terminal), Some(out)) = (&mut self.terminal, &self.out) else {
            return;
        };
        match input {
            Input::Keys(keys) => terminal.press(out, keys),
            Input::Size(size) => terminal.resize(out, *size),
            Input::Redraw => {
                let now = Now::read().boot_ms;
                self.control.redraw(at, terminal.redraw(), now);
            }
        }
    }

    /// Hands on what is left to be typed.
    fn type_on(&mut self) {
        let (Some(terminal), Some(out)) = (&mut self.terminal, &self.out) else {
            return;
        };
        terminal.write(out);
        if let Some(answer) = terminal.clock(out, Now::read().boot_ms) {
            self.control.tell(Waits::Typed, &answer);
        }
    }

    /// Its last user is gone: whoever was at it is sent away.
    fn end_terminal(&mut self) {
        // They look there for the reason.
        if self.terminal.is_some() {
            self.save(self.flush());
        }
        if self.terminal.as_mut().is_some_and(|it| it.end()) {
            let why = Unable::NotRunning;
            self.control.tell(Waits::Typed, &Answer::Unable { why });
        }
        self.control.end_views(Now::read().boot_ms);
    }

    /// All that ended, whoever's it was.
    fn reap(&mut self) {
        loop {
            match child::reap() {
                Reaped::Child(pid, exit) => self.ended(pid, exit),
                Reaped::None if self.waits_for_more() => return,
                Reaped::None | Reaped::Childless => {
                    self.happen(Event::Empty);
                    return;
                }
            }
        }
    }

    /// Unless a life ends, and nothing is left of it but what is not ours to end.
    fn waits_for_more(&self) -> bool {
        let is_ending = matches!(self.machine.state, State::Ending { .. });
        !(is_ending && self.child.is_none() && child::only_supervisors_are_left())
    }

    fn ended(&mut self, pid: i32, exit: Exit) {
        if self.child.is_some_and(|child| child.pid == pid) {
            // What it printed last stands in the pipe still.
            self.drain();
            self.child = None;
            self.take_token_back();
            self.happen(Event::Exited(exit));
            self.end_terminal();
        } else if let Some(checks) = self.checks.take_if(|checks| checks.pid == pid) {
            if !matches!(self.machine.state, State::Checking { .. }) {
                return;
            }
            if exit.is_success() {
                self.happen(Event::Passed);
                self.check(checks.left[1..].to_vec());
            } else {
                self.drain();
                let why = format!("precondition {} ended with {exit}", quoted(&checks.left[0]));
                self.happen(Event::Checked(Err(why)));
            }
        }
    }

    fn happen(&mut self, event: Event) {
        let before = self.machine.state.clone();
        let now = Now::read();
        #[expect(clippy::cast_precision_loss, reason = "53 bits of chance are enough")]
        let chance = (random_u64() >> 11) as f64 / (1u64 << 53) as f64;
        let actions = self.machine.step(event, now.boot_ms, chance);
        if self.machine.state == before && actions.is_empty() {
            return;
        }
        if std::mem::discriminant(&before) != std::mem::discriminant(&self.machine.state) {
            self.since = now;
            self.tell_log(now);
        }
        if let State::Over(_) = self.machine.state {
            self.close();
        }
        self.perform(actions);
    }

    fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Check => self.begin_checks(),
                Action::GiveUp => self.give_up(),
                Action::Spawn => self.spawn(),
                Action::Ask => {
                    if let Some(child) = self.child {
                        child::signal_group(child.pid, self.settings.stop.signal);
                    }
                }
                Action::AskRest => drop(child::signal_all(Signal::TERM)),
                Action::KillAll => self.killed.extend(child::signal_all(Signal::KILL)),
                Action::Tell if self.is_listened_to() => {
                    self.save(self.flush());
                    self.tell();
                }
                Action::Tell => {}
            }
        }
        self.is_news = true;
    }

    /// Whoever hears of us may look at once, and so may whoever finds our lock free.
    fn is_listened_to(&self) -> bool {
        let is_over = matches!(self.machine.state, State::Over(_));
        is_over || self.starter.is_some() || self.control.is_waited_for()
    }

    /// That it is over because its owner wants it so outlives a power cut.
    const fn flush(&self) -> Flush {
        match (&self.machine.state, self.wanted) {
            (State::Over(_), Wanted::Down) => Flush::Yes,
            _ => Flush::No,
        }
    }

    /// A life has its name before its preconditions are looked at: whoever buries us finds what they started.
    fn begin_checks(&mut self) {
        self.incarnation = Some(self.new_incarnation());
        self.hand_over_token();
        if let Err(Unspawned { why, may_pass }) = child::can_run_in(&self.settings.cwd) {
            self.happen(Event::NotSpawned { why, may_pass });
            return;
        }
        if !self.settings.preconditions.is_empty() {
            self.save(Flush::No);
        }
        self.check(self.settings.preconditions.clone());
    }

    fn new_incarnation(&mut self) -> String {
        let ms = u64::try_from(Now::read().wall.unix_ms()).unwrap_or(0);
        let name = MessageId::next(self.last_life, ms, random_u128);
        self.last_life = Some(name);
        name.to_string()
    }

    /// The life finds it where `DREAMOS_TOKEN_FILE` says. One that cannot be written leaves none of an earlier life: then
    /// its claim to be the agent is only a claim.
    fn hand_over_token(&self) {
        let agent = self.settings.agent.clone();
        let random = [random_u128(), random_u128()];
        let token = Token::new(agent, self.incarnation.clone(), random);
        let aside = format!(".token-{:016x}", random_u64());
        let written = self
            .dir
            .file(&aside, Open::New)
            .and_then(|file| file.write_at(0, token.to_text().as_bytes()))
            .and_then(|()| self.dir.rename(&aside, TOKEN, Target::Replaced));
        if written.is_err() {
            // On a full disk there is nothing else to be done, and the next life does it again.
            let _ = self.dir.remove(&aside);
            self.take_token_back();
        }
    }

    /// Whoever still holds it holds that of a life that is over.
    fn take_token_back(&self) {
        // As long as it lies there the life is looked for as well.
        let _ = self.dir.remove(TOKEN);
    }

    fn give_up(&mut self) {
        if let Some(checks) = self.checks.take() {
            let (first, seconds) = (quoted(&checks.left[0]), PATIENCE / 1000);
            let why = format!("precondition {first} did not end within {seconds} s");
            self.happen(Event::Checked(Err(why)));
        }
    }

    /// The next of the preconditions; without one a life begins.
    fn check(&mut self, left: Vec<Vec<String>>) {
        let Some(first) = left.first().filter(|command| !command.is_empty()) else {
            self.happen(Event::Checked(Ok(())));
            return;
        };
        let mut command = Command::new(&first[0]);
        command
            .args(&first[1..])
            .current_dir(&self.settings.cwd)
            .env_clear()
            .envs(self.settings.env.iter().map(|(name, value)| (name, value)))
            .envs(self.incarnation.iter().map(|life| (INCARNATION, life)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        child::be_its_own(&mut command, self.umask);
        match command.spawn() {
            Ok(child) => {
                let pid = i32::try_from(child.id()).expect("a pid fits");
                self.checks = Some(Checks { left, pid });
            }
            Err(error) => {
                let why = format!("precondition {} cannot be run: {error}", quoted(first));
                self.happen(Event::Checked(Err(why)));
            }
        }
    }

    fn spawn(&mut self) {
        let incarnation = self
            .incarnation
            .clone()
            .unwrap_or_else(|| self.new_incarnation());
        self.log.begin();
        let spoilt = |error: Errno| Unspawned::streams(&error.into());
        let attempt = || -> Result<_, Unspawned> {
            let (out, wires) = if self.settings.tty {
                let (ours, its) = terminal::pair().map_err(spoilt)?;
                (ours, Wires::Terminal(its))
            } else {
                let (ours, its) = pair().map_err(spoilt)?;
                (ours, Wires::Pipe(its))
            };
            let ready = match self.settings.ready_fd {
                Some(_) => Some(pair().map_err(spoilt)?),
                None => None,
            };
            let (ready, its) = ready.map_or((None, None), |(ours, its)| (Some(ours), Some(its)));
            let command = &self.settings.command;
            let child = child::spawn(
                &self.settings,
                command,
                &incarnation,
                self.umask,
                wires,
                its,
            )?;
            Ok((child, out, ready))
        };
        match attempt() {
            Ok((child, out, ready)) => {
                self.child = Some(child);
                self.out = Some(out);
                self.terminal = self.settings.tty.then(|| Box::new(Terminal::new()));
                self.ready = ready;
            }
            Err(Unspawned { why, may_pass }) => {
                self.happen(Event::NotSpawned { why, may_pass });
            }
        }
    }

    /// The pipes of a life that is over: whoever still holds their other end is gone by now.
    fn close(&mut self) {
        self.drain();
        self.out = None;
        self.ready = None;
    }

    fn state(&self) -> state::State {
        let machine = &self.machine;
        let process = match &machine.state {
            State::Checking { .. } | State::Starting { .. } => Process::Starting,
            State::Running { .. } => Process::Running,
            State::Ending { .. } | State::Parting { .. } => Process::Stopping,
            State::Backoff { .. } => Process::Backoff,
            State::Over(End::Stopped) => Process::Stopped,
            State::Over(End::Exited(_)) => Process::Exited,
            State::Over(End::Fatal(_)) => Process::Fatal,
        };
        let now = Now::read();
        let next_start = match machine.state {
            State::Backoff { until } => {
                let left = until.saturating_sub(now.boot_ms);
                Some(now.wall.plus(std::time::Duration::from_millis(left)))
            }
            _ => None,
        };
        state::State {
            v: state::VERSION,
            agent: self.settings.agent.clone(),
            state: process,
            wanted: self.wanted,
            since: self.since.wall,
            reason: machine.reason.clone(),
            evidence: match self.child {
                Some(child) => format!("pid {} is our child", child.pid),
                None => "we have no child".into(),
            },
            boot: self.boot.clone(),
            supervisor: (!process.is_over()).then_some(self.pid),
            child: self.child,
            incarnation: self.incarnation.clone(),
            pipe: self.out.as_ref().and_then(pipe_of),
            restarts: machine.restarts,
            exit: machine.exit,
            next_start,
        }
    }

    /// What cannot be written now is written at the next change; whoever asks is told from memory. What was told is not
    /// written once more: whoever heard that we are over may replace it.
    fn save(&mut self, flush: Flush) {
        let state = self.state();
        if self.saved.as_ref() != Some(&state) {
            let written = standing::write(&self.dir, &state, flush);
            self.saved = written.is_ok().then_some(state);
        }
        self.is_news = false;
    }

    fn tell(&mut self) {
        let state = Box::new(self.state());
        let started = if state.state == Process::Running {
            Answer::Started(state.clone())
        } else {
            Answer::NotStarted {
                why: state.reason.clone(),
                exit: state.exit,
                output: self.log.tail(),
                state: state.clone(),
            }
        };
        self.control.tell(Waits::Start, &started);
        if let Some(starter) = self.starter.take() {
            say(starter, &started);
        }
        if state.state.is_over() {
            let killed = u32::try_from(self.killed.len()).unwrap_or(u32::MAX);
            self.control
                .tell(Waits::End, &Answer::Stopped { state, killed });
        }
    }

    fn tell_log(&self, now: Now) {
        let Some((level, event)) = self.machine.state.told() else {
            return;
        };
        let state = self.state();
        let mut fields = Vec::new();
        if let Some(incarnation) = &self.incarnation {
            fields.push(("incarnation".into(), incarnation.as_str().into()));
        }
        if let Some(exit) = state.exit {
            fields.push(("exit".into(), exit.to_string().into()));
        }
        let event = crate::names::Event {
            channel: Channel::Agents,
            level,
            event: event.into(),
            msg: format!(
                "{} {}: {}",
                state.agent,
                state.state.in_words(),
                state.reason
            ),
            agent: Some(state.agent),
            id: None,
            fields,
        };
        let caller = Caller {
            agent: AgentId::system(),
            incarnation: None,
            uid: rustix::process::getuid().as_raw(),
            login: None,
            guest: None,
        };
        // A log that cannot be written stops nobody.
        let _ = logs::append(&self.home, &caller, &[event], now.wall);
    }
}

fn quoted(command: &[String]) -> String {
    format!("{:?}", command.join(" "))
}

/// Ours does not block; both are closed when a program is run.
fn pair() -> Result<(OwnedFd, OwnedFd), Errno> {
    let (ours, its) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, its))
}

/// Which pipe it is, where it is one.
fn pipe_of(out: &OwnedFd) -> Option<u64> {
    let stat = rustix::fs::fstat(out).ok()?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    (kind == FileType::Fifo).then_some(stat.st_ino)
}
