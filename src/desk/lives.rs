//! The verbs of agents: for each the permit it needs, what it asks of the room, and what it leaves behind.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::time::Duration;

use super::{Desk, Done, Error};
use crate::agents::control::{Answer, Request};
use crate::agents::health::{self, Activity, Health, Signals};
use crate::agents::launch::{self, Agent};
use crate::agents::onboarding;
use crate::agents::presets::LAST_LINES;
use crate::agents::registry::Registry;
use crate::agents::settings::{Restart, Settings};
use crate::agents::state::{Exit, Process, State, Wanted};
use crate::agents::{self, Begun, Tended, Wish};
use crate::names::{AgentId, Channel, Effect, Event, Finding, Level, Verb};
use crate::security;
use crate::store::{Deadline, sum};
use crate::tasks;
use crate::time::{Now, Timestamp};

/// Beside what its own settings allow: for the supervisor to begin, and to say so.
const PATIENCE: Duration = Duration::from_secs(10);
/// A precondition may take so long.
const A_CHECK: Duration = Duration::from_mins(1);
/// Somebody who is only looked at may take so long to answer.
const A_LOOK: Duration = Duration::from_secs(1);
/// How often it is asked how somebody else's start goes.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// A child that says when it is ready may take so long.
const READY: Duration = Duration::from_mins(1);

/// What a start is given from outside.
#[derive(Clone, Debug, Default)]
pub struct Launching {
    /// In place of the configured one.
    pub command: Option<Vec<String>>,
    /// It goes on with its last session, as its harness knows how.
    pub resumes: bool,
    /// The environment of whoever starts.
    pub environment: Vec<(OsString, OsString)>,
}

/// What a stop by its owner means to `up`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stops {
    Kept,
    Forgiven,
}

/// What a start came to.
#[derive(Clone, Debug)]
pub enum Started {
    Running(Box<State>),
    /// It ran before.
    Already(Box<State>),
    /// It does not run; what comes next is in the state.
    Failed {
        state: Box<State>,
        why: String,
        exit: Option<Exit>,
        output: String,
    },
}

/// What a stop came to.
#[derive(Clone, Debug)]
pub struct Stopped {
    /// `None`: it was never started.
    pub state: Option<Box<State>>,
    /// So many processes had to be killed.
    pub killed: u32,
    /// There was nothing to stop.
    pub was_over: bool,
}

/// How an agent stands.
#[derive(Clone, Debug)]
pub struct Standing {
    pub agent: AgentId,
    /// `None`: it was never started.
    pub state: Option<State>,
    /// What was found and ended of a life whose supervisor was killed.
    pub lost: Option<u32>,
    /// `None`: it was never started.
    pub health: Option<Health>,
}

impl Desk {
    /// All who are configured, in the order of the file.
    pub fn configured(&self) -> Done<Vec<Agent>> {
        Ok(agents::agents(self.home())?)
    }

    /// Starts each, and only then waits for each to run.
    pub fn start(&self, who: &[AgentId], with: &Launching) -> Done<Vec<(AgentId, Done<Started>)>> {
        self.start_by(Wish::OfItsOwner, who, with)
    }

    fn start_by(
        &self,
        why: Wish,
        who: &[AgentId],
        with: &Launching,
    ) -> Done<Vec<(AgentId, Done<Started>)>> {
        let configured = self.configured()?;
        let begun: Vec<_> = who
            .iter()
            .map(|id| (id.clone(), self.begin(id, &configured, with, why)))
            .collect();
        Ok(begun
            .into_iter()
            .map(|(id, begun)| {
                let started =
                    begun.and_then(|(begun, patience)| self.confirmed(&id, begun, patience));
                (id, started)
            })
            .collect())
    }

    fn begin(
        &self,
        id: &AgentId,
        configured: &[Agent],
        with: &Launching,
        why: Wish,
    ) -> Done<(Begun, Duration)> {
        let permit = self.permit(Verb::AgentStart, id)?;
        let settings = match self.settings(id, configured, with) {
            Ok(settings) => settings,
            // It may run by a command that is not configured.
            Err(error) => {
                let told = agents::ask(self.home(), id, &Request::State, PATIENCE)?;
                return match told {
                    Some(Answer::State(state)) if state.state == Process::Running => {
                        Ok((Begun::Already(state), PATIENCE))
                    }
                    _ => Err(error),
                };
            }
        };
        let patience = patience_of(&settings);
        // Asked each minute by cron, most of them run: only what begins something is recorded.
        let standing = self.standing_of(id);
        let is_up = |it: Standing| it.state.is_some_and(|state| !state.state.is_over());
        if !standing.is_ok_and(is_up) {
            self.record(&permit)?;
        }
        let (begun, effects) = agents::start(self.home(), &permit, &settings, why)?;
        self.follow_up(effects);
        Ok((begun, patience))
    }

    /// What a start came to. Of one that somebody else has begun, what that came to.
    fn confirmed(&self, id: &AgentId, begun: Begun, patience: Duration) -> Done<Started> {
        let mut state = match begun {
            Begun::Starting(starting) => return started(id, starting.wait(patience)?),
            Begun::Already(state) => state,
        };
        let deadline = Deadline::after(patience);
        let was_starting = state.state == Process::Starting;
        // A start that fails ends what it started before it is over.
        let is_on_its_way = |state: &State| {
            state.state == Process::Starting || was_starting && state.state == Process::Stopping
        };
        while is_on_its_way(&state) && !deadline.is_over() {
            std::thread::sleep(LOOK_AGAIN);
            match agents::ask(self.home(), id, &Request::State, A_LOOK)? {
                Some(Answer::State(now)) => state = now,
                // Its supervisor has gone, and left word.
                _ => match self.standing_of(id)?.state {
                    Some(left) if left.state.is_over() => state = Box::new(left),
                    _ => break,
                },
            }
        }
        Ok(match state.state {
            Process::Backoff | Process::Starting => failed(state),
            _ if was_starting && state.state.is_over() => failed(state),
            _ => Started::Already(state),
        })
    }

    fn settings(&self, id: &AgentId, configured: &[Agent], with: &Launching) -> Done<Settings> {
        let found = configured.iter().find(|agent| agent.id == *id);
        let mut agent = found.cloned().ok_or_else(|| self.not_configured(id))?;
        if let Some(command) = &with.command {
            agent.command = Some(command.clone());
        }
        if with.resumes {
            agent.command = Some(launch::resuming(&agent)?);
        }
        let environment = with.environment.iter().cloned();
        Ok(launch::settings(&agent, self.home(), environment)?)
    }

    fn not_configured(&self, id: &AgentId) -> Error {
        match self.resolve(id.as_str()) {
            Err(nobody) => nobody,
            Ok(_) => Error::NotConfigured { agent: id.clone() },
        }
    }

    /// Ends each with all that it started, all at once.
    pub fn stop(&self, who: &[AgentId], grace: Option<Duration>) -> Vec<(AgentId, Done<Stopped>)> {
        at_once(who, |id| self.stop_one(id, grace, Wanted::Down))
    }

    fn stop_one(&self, id: &AgentId, grace: Option<Duration>, wanted: Wanted) -> Done<Stopped> {
        let permit = self.permit(Verb::AgentStop, id)?;
        let before = match agents::tend(self.home(), id) {
            // Its supervisor knows better than a file that cannot be read, if there is one.
            Err(agents::Error::State { .. }) => {
                self.record(&permit)?;
                None
            }
            Ok((Tended::Never, _)) => None,
            // Nobody starts anew whose supervisor was lost: it is stopped.
            Ok((Tended::Known(state) | Tended::Lost(state, _), effects)) => {
                self.follow_up(effects);
                Some(state)
            }
            Err(error) => return Err(error.into()),
        };
        let was_over = before.as_ref().is_some_and(|state| state.state.is_over());
        if before.is_some() && !was_over {
            self.record(&permit)?;
        }
        let asked = grace.map(|grace| u64::try_from(grace.as_millis()).unwrap_or(u64::MAX));
        let patience = grace.unwrap_or(self.grace_of(id)) + PATIENCE;
        let (answer, effects) = agents::stop(self.home(), &permit, id, asked, wanted, patience)?;
        self.follow_up(effects);
        match answer {
            Some(Answer::Stopped { state, killed }) => Ok(Stopped {
                state: Some(state),
                killed,
                was_over,
            }),
            None => Ok(Stopped {
                state: None,
                killed: 0,
                was_over: true,
            }),
            Some(other) => Err(misunderstood(id, &other)),
        }
    }

    /// As configured; who is not configured any more is still stopped.
    fn grace_of(&self, id: &AgentId) -> Duration {
        let configured = self.configured().unwrap_or_default();
        let found = configured.iter().find(|agent| agent.id == *id);
        Duration::from_millis(found.map_or(0, |agent| agent.stop.grace))
    }

    /// A new life for each, under a new supervisor. Who could not be given one keeps the old.
    pub fn restart(
        &self,
        who: &[AgentId],
        with: &Launching,
    ) -> Done<Vec<(AgentId, Done<Started>)>> {
        let configured = self.configured()?;
        Ok(at_once(who, |id| {
            self.settings(id, &configured, with)?;
            // Not one without the other.
            self.permit_to_come(Verb::AgentStop, id)?;
            self.permit_to_come(Verb::AgentStart, id)?;
            if self.is_life_of(id)
                && let Some(started) = self.restart_itself(id)?
            {
                return Ok(started);
            }
            // Whoever is killed between the two leaves it wanted: the last net starts it.
            self.stop_one(id, None, Wanted::Up)?;
            // And whoever stops it between the two has the last word.
            let (begun, patience) = self.begin(id, &configured, with, Wish::ToKeepUp)?;
            match self.confirmed(id, begun, patience)? {
                Started::Already(state) if state.state.is_over() => Ok(failed(state)),
                started => Ok(started),
            }
        }))
    }

    /// Whether the caller is of that agent's tree, and ends with it.
    fn is_life_of(&self, id: &AgentId) -> bool {
        self.caller().agent == *id && self.caller().incarnation.is_some()
    }

    /// By its supervisor, which outlives the caller, and with the settings that it has. `None`: nobody supervises it.
    fn restart_itself(&self, id: &AgentId) -> Done<Option<Started>> {
        self.record(&self.permit(Verb::AgentStop, id)?)?;
        self.record(&self.permit(Verb::AgentStart, id)?)?;
        let patience = self.grace_of(id) + PATIENCE;
        let answer = agents::ask(self.home(), id, &Request::Restart, patience)?;
        answer.map(|answer| started(id, answer)).transpose()
    }

    /// How each stands. What a killed supervisor left is ended.
    pub fn standing(&self, who: &[AgentId]) -> Vec<Done<Standing>> {
        who.iter().map(|id| self.standing_of(id)).collect()
    }

    pub(super) fn standing_of(&self, id: &AgentId) -> Done<Standing> {
        let (tended, effects) = agents::tend(self.home(), id)?;
        self.follow_up(effects);
        let (state, lost) = match tended {
            Tended::Never => (None, None),
            Tended::Known(state) => (Some(*state), None),
            Tended::Lost(state, lost) => (Some(*state), Some(lost.ended)),
        };
        Ok(Standing {
            agent: id.clone(),
            health: None,
            state,
            lost,
        })
    }

    /// As `standing`, with how they do: also what they owe is looked at. Whoever was wanted up when its supervisor was
    /// killed is started anew, where its policy says so.
    pub fn doing(&self, who: &[AgentId], with: &Launching) -> Done<Vec<(AgentId, Done<Standing>)>> {
        let configured = self.who_tells_how_they_do();
        let now = Now::read();
        let all = who.iter().map(|id| {
            let agent = configured.iter().find(|agent| agent.id == *id);
            let standing = self
                .standing_of(id)
                .map(|standing| self.revived(standing, with));
            (
                id.clone(),
                standing.and_then(|it| self.doing_of(it, agent, now)),
            )
        });
        Ok(all.collect())
    }

    /// Those who are configured, if it matters for how they do. Where that cannot be read they are looked at all the same,
    /// and it is said.
    fn who_tells_how_they_do(&self) -> Vec<Agent> {
        let configured = agents::may_tell_how_they_do(self.home())
            .map_err(Error::from)
            .and_then(|may| {
                if may {
                    self.configured()
                } else {
                    Ok(Vec::new())
                }
            });
        configured.unwrap_or_else(|error| {
            // Whoever read no roster has been told.
            if !self.roster.agents.is_empty() {
                (self.warn)(&error.to_string());
            }
            Vec::new()
        })
    }

    /// Starts anew whose supervisor was lost, and says what came of it.
    fn revived(&self, standing: Standing, with: &Launching) -> Standing {
        let id = &standing.agent;
        let state = standing.state.as_ref();
        // Whoever only looks has asked for no start: that he may not begin one is no refusal.
        let may_start = || self.permit_unlogged(Verb::AgentStart, id).is_ok();
        if !state.is_some_and(State::is_missing) || !may_start() {
            return standing;
        }
        let started = self.configured().and_then(|configured| {
            let found = configured.iter().find(|agent| agent.id == *id);
            if found.is_none_or(|agent| agent.restart == Restart::Never) {
                return Ok(None);
            }
            let (begun, patience) = self.begin(id, &configured, with, Wish::ToKeepUp)?;
            self.confirmed(id, begun, patience).map(Some)
        });
        let (state, told) = match started {
            Ok(None) if standing.lost.is_none() => return standing,
            Ok(None) => (None, format!("{id} is not started anew")),
            Ok(Some(Started::Already(state))) => {
                (Some(state), format!("{id} was started anew by another"))
            }
            Ok(Some(Started::Running(state))) => (Some(state), format!("{id} was started anew")),
            Ok(Some(Started::Failed { state, why, .. })) => (
                Some(state),
                format!("{id} was started anew, and failed: {why}"),
            ),
            Err(error) => (None, format!("{id} was not started anew: {error}")),
        };
        (self.warn)(&told);
        Standing {
            state: state.map(|state| *state).or(standing.state),
            ..standing
        }
    }

    pub(super) fn doing_of(
        &self,
        mut standing: Standing,
        agent: Option<&Agent>,
        now: Now,
    ) -> Done<Standing> {
        let heartbeat = agent.and_then(|agent| agent.heartbeat);
        let id = &standing.agent;
        if let Some(state) = &mut standing.state {
            let mut signs = agents::signs(self.home(), id, state)?;
            let is_gone = state.state == Process::Running && !signs.has_process;
            // Its supervisor may have found no room to say so.
            if is_gone
                && let Ok(Some(Answer::State(told))) =
                    agents::ask(self.home(), id, &Request::State, A_LOOK)
            {
                *state = *told;
                signs = agents::signs(self.home(), id, state)?;
            }
            let mut seen = Signals {
                state,
                has_process: signs.has_process,
                pulse: signs.pulse.as_ref(),
                printed: signs.printed,
                owes_since: None,
                screen: None,
            };
            let preset = agent.filter(|agent| agent.tty).and_then(Agent::preset);
            if let Some(preset) = preset.filter(|_| health::may_wait(&seen, now.wall)) {
                // One that cannot be looked at tells nothing.
                let screen = agents::glance(self.home(), id, LAST_LINES).ok();
                seen.screen = screen.and_then(|screen| preset.prompt.read(&screen.text));
            }
            if health::is_quiet(&seen, heartbeat, now.wall) {
                seen.owes_since = self.owes_since(id, now)?;
            }
            standing.health = Some(health::judge(&seen, heartbeat, now.wall));
        }
        Ok(standing)
    }

    /// When the oldest message came that waits for it, or when it took the task that it holds; `None` where it owes
    /// nothing, or where we may not look.
    fn owes_since(&self, id: &AgentId, now: Now) -> Done<Option<Timestamp>> {
        let Ok(permit) = self.permit(Verb::MailRead, id) else {
            return Ok(None);
        };
        let mail = match self.mailbox(id)? {
            Some(mailbox) => mailbox.oldest_pending(&permit, now)?,
            None => None,
        };
        let task = tasks::holds_since(self.home(), id)?;
        Ok(mail.into_iter().chain(task).min())
    }

    /// The caller lives, and says what it does.
    pub fn beat(&self, activity: Option<Activity>, text: Option<&str>) -> Done<()> {
        let permit = self.permit(Verb::AgentBeat, &self.caller().agent.clone())?;
        Ok(agents::beat(self.home(), &permit, activity, text)?)
    }

    /// Starts whoever ought to run and does not, those first that others come after. `Forgiving` starts those too whom
    /// their owner has stopped.
    pub fn up(&self, stops: Stops, with: &Launching) -> Done<Vec<(AgentId, Done<Started>)>> {
        let configured = self.configured()?;
        let missing = self.missing(&configured, stops)?;
        let mut started = Vec::new();
        for level in levels(&configured) {
            let level: Vec<AgentId> = level
                .into_iter()
                .filter(|id| missing.contains(id))
                .collect();
            let why = match stops {
                Stops::Kept => Wish::ToKeepUp,
                Stops::Forgiven => Wish::OfItsOwner,
            };
            started.extend(self.start_by(why, &level, with)?);
        }
        Ok(started)
    }

    /// Ends all that run, those first that come after others, and before all those of whom nothing is configured.
    pub fn down(&self, grace: Option<Duration>) -> Done<Vec<(AgentId, Done<Stopped>)>> {
        let mut levels = levels(&self.configured().unwrap_or_default());
        let mut others = agents::started(self.home())?;
        others.retain(|id| !levels.iter().flatten().any(|it| it == id));
        levels.push(others);
        let mut stopped = Vec::new();
        for level in levels.into_iter().rev() {
            stopped.extend(self.stop(&level, grace));
        }
        Ok(stopped)
    }

    /// Those of a list that ought to run and do not: wanted up when their supervisor or the machine went down, or
    /// to be started with the home and never stopped by hand.
    fn missing(&self, configured: &[Agent], stops: Stops) -> Done<Vec<AgentId>> {
        let mut missing = Vec::new();
        for agent in configured.iter().filter(|agent| agent.command.is_some()) {
            let ought = match self.standing_of(&agent.id)?.state {
                None => agent.autostart,
                Some(state) if stops == Stops::Forgiven => agent.autostart && state.state.is_over(),
                Some(state) => state.wanted == Wanted::Up && state.state == Process::Stopped,
            };
            if ought {
                missing.push(agent.id.clone());
            }
        }
        Ok(missing)
    }

    /// What an agent prints: the last lines of it, and where to go on.
    pub fn output(
        &self,
        id: &AgentId,
        most: usize,
        since: Option<Timestamp>,
        follow: agents::Follow,
    ) -> Done<(agents::Tail, Vec<agents::Printed>)> {
        self.permit(Verb::AgentLook, id)?;
        Ok(agents::Tail::open(self.home(), id, most, since, follow)?)
    }

    /// What an agent tells in prose.
    pub fn devlog(&self, id: &AgentId) -> Done<String> {
        Ok(agents::devlog::read(self.home(), id)?)
    }

    pub fn add_to_devlog(&self, id: &AgentId, text: &str, now: Now) -> Done<()> {
        self.permit(Verb::AgentBeat, id)?;
        agents::devlog::add(self.home(), id, text, now.wall)?;
        self.tell(
            "agent.devlog",
            id,
            format!("{id} wrote into its devlog"),
            Channel::Devlog,
            now,
        );
        Ok(())
    }

    pub fn clear_devlog(&self, id: &AgentId, now: Now) -> Done<()> {
        self.permit(Verb::AgentBeat, id)?;
        agents::devlog::clear(self.home(), id, now.wall)?;
        self.tell(
            "agent.devlog",
            id,
            format!("the devlog of {id} was cleared"),
            Channel::Devlog,
            now,
        );
        Ok(())
    }

    fn tell(&self, event: &'static str, id: &AgentId, msg: String, channel: Channel, now: Now) {
        let event = Event {
            channel,
            level: Level::Info,
            event: event.into(),
            msg,
            agent: Some(id.clone()),
            id: None,
            fields: Vec::new(),
        };
        self.log(&[event], now);
    }

    /// Changes who is registered and how; checked as a whole before it is written.
    pub fn configure(
        &self,
        id: &AgentId,
        change: impl Fn(&mut Registry) -> Result<(), agents::Error>,
    ) -> Done<()> {
        self.record(&self.permit(Verb::AgentConfigure, id)?)?;
        agents::edit(self.home(), change)?;
        let msg = format!("the settings of {id} were changed");
        self.tell("agent.configured", id, msg, Channel::Agents, Now::read());
        Ok(())
    }

    /// What an agent is told at the beginning of its present life, or of the next, and under which key: told again for
    /// that life it is the same message.
    pub fn onboarding(&self, id: &AgentId) -> Done<(String, String)> {
        let configured = self.configured()?;
        let agent = configured
            .iter()
            .find(|agent| agent.id == *id)
            .ok_or_else(|| self.not_configured(id))?;
        let template = agents::template_of(self.home(), agent)?;
        let state = self.standing_of(id)?.state;
        let is_over = state.as_ref().is_none_or(|state| state.state.is_over());
        let last = state.and_then(|state| state.incarnation);
        let life = last.as_deref().filter(|_| !is_over);
        let text = onboarding::render(&template, agent, self.home(), life)?;
        let key = life.map_or_else(
            // The next has no name yet: it comes after that one. Another text is told as well.
            || {
                let (last, sum) = (last.as_deref().unwrap_or("none"), sum(text.as_bytes(), 0));
                format!("onboard:{id}:after:{last}:{sum:016x}")
            },
            |life| format!("onboard:{id}:{life}"),
        );
        Ok((text, key))
    }

    /// What is wrong with agents; a supervisor that was killed is buried on the way.
    pub fn examine(&self, id: Option<&AgentId>, fix: bool) -> Done<Vec<Finding>> {
        let who = match id {
            Some(id) => vec![id.clone()],
            None => self.everybody()?,
        };
        if fix {
            for id in &who {
                self.permit_to_come(Verb::AgentStop, id)?;
            }
        }
        // What cannot be tended is found below.
        let _ = self.standing(&who);
        let mut found = agents::examine(self.home(), &who, fix)?;
        if id.is_none() {
            found.extend(agents::strays(self.home(), fix)?);
            found.extend(self.half_renamed()?);
            found.extend(security::plain_secrets(self.home())?);
        }
        Ok(found)
    }

    pub(super) fn follow_up(&self, effects: Vec<Effect>) {
        if effects.is_empty() {
            return;
        }
        for effect in &effects {
            // Whoever asks next is told, beside the log.
            if let Effect::Event(event) = effect
                && event.event == agents::LOST
            {
                (self.warn)(&event.msg);
            }
        }
        let now = Now::read();
        self.carry_out(effects, &mut VecDeque::new(), now);
    }
}

/// Who is started with whom: each after all that it comes after. There is no circle: the configuration is refused then.
fn levels(configured: &[Agent]) -> Vec<Vec<AgentId>> {
    let mut levels: Vec<Vec<AgentId>> = Vec::new();
    let mut left: Vec<&Agent> = configured.iter().collect();
    while !left.is_empty() {
        let waits = |agent: &&Agent| left.iter().any(|other| agent.after.contains(&other.id));
        let (later, now): (Vec<&Agent>, Vec<&Agent>) = left.iter().partition(|agent| waits(agent));
        if now.is_empty() {
            break;
        }
        levels.push(now.iter().map(|agent| agent.id.clone()).collect());
        left = later;
    }
    levels
}

/// The same for each, at the same time.
fn at_once<T: Send>(
    who: &[AgentId],
    each: impl Fn(&AgentId) -> Done<T> + Sync,
) -> Vec<(AgentId, Done<T>)> {
    std::thread::scope(|scope| {
        let each = &each;
        let begin = |id| std::thread::Builder::new().spawn_scoped(scope, move || each(id));
        let running: Vec<_> = who.iter().map(|id| (id, begin(id))).collect();
        running
            .into_iter()
            .map(|(id, thread)| match thread {
                Ok(thread) => (id.clone(), thread.join().expect("a verb does not panic")),
                // No thread is to be had for it.
                Err(_) => (id.clone(), each(id)),
            })
            .collect()
    })
}

fn patience_of(settings: &Settings) -> Duration {
    let own = if settings.ready_fd.is_some() {
        READY
    } else {
        PATIENCE
    };
    let checks = u32::try_from(settings.preconditions.len()).unwrap_or(u32::MAX);
    own.saturating_add(A_CHECK.saturating_mul(checks))
}

/// Of one that somebody else had to do with: what it printed is told to him.
fn failed(state: Box<State>) -> Started {
    Started::Failed {
        why: state.reason.clone(),
        exit: state.exit,
        output: String::new(),
        state,
    }
}

fn started(id: &AgentId, answer: Answer) -> Done<Started> {
    match answer {
        Answer::Started(state) => Ok(Started::Running(state)),
        Answer::NotStarted {
            state,
            why,
            exit,
            output,
        } => Ok(Started::Failed {
            state,
            why,
            exit,
            output,
        }),
        other => Err(misunderstood(id, &other)),
    }
}

fn misunderstood(id: &AgentId, answer: &Answer) -> Error {
    let what = match answer {
        Answer::Refused { why } => format!("refused: {why}"),
        other => format!("answered {other:?}"),
    };
    agents::Error::Supervisor {
        agent: id.clone(),
        what,
    }
    .into()
}
