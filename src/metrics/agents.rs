//! How each agent stands, how it does, what its processes use, and what was counted of its lives.

use std::collections::{BTreeSet, HashMap};

use super::family::{Family, float};
use super::host::{self, Root, Used};
use super::totals::{Lives, Spent, Totals, named};
use crate::agents::health::{Condition, Signals, judge};
use crate::agents::launch::Heartbeat;
use crate::agents::state::{Process, State, Wanted};
use crate::agents::{self, Error, standing};
use crate::names::AgentId;
use crate::root::Home;
use crate::store::Dir;
use crate::time::{Now, Timestamp};

const STATES: [Process; 7] = [
    Process::Stopped,
    Process::Starting,
    Process::Running,
    Process::Backoff,
    Process::Stopping,
    Process::Exited,
    Process::Fatal,
];
const CONDITIONS: [Condition; 5] = [
    Condition::Ok,
    Condition::Stalled,
    Condition::Zombie,
    Condition::Silent,
    Condition::Down,
];

struct Figures {
    up: Family,
    wanted: Family,
    state: Family,
    health: Family,
    cpu: Family,
    memory: Family,
    files: Family,
    processes: Family,
    restarts: Family,
    fatal: Family,
}

impl Figures {
    const fn new() -> Self {
        Self {
            up: Family::gauge("dreamos_agent_up", "1: it runs, and its process is there."),
            wanted: Family::gauge(
                "dreamos_agent_wanted",
                "1: it was started and not stopped by its owner.",
            ),
            state: Family::gauge(
                "dreamos_agent_state",
                "1 for the state in which its supervisor left it, 0 for the others.",
            ),
            health: Family::gauge(
                "dreamos_agent_health",
                "1 for how it does, 0 for the others; of those who were ever started.",
            ),
            cpu: Family::counter(
                "dreamos_agent_cpu_seconds_total",
                "Processor time of all processes that an agent has had under its supervisor; it never falls as long as that \
                 lives. What a process used that nobody waited for is missing once it has ended.",
            ),
            memory: Family::gauge(
                "dreamos_agent_resident_memory_bytes",
                "Memory of its processes; what they share counts for each.",
            ),
            files: Family::gauge("dreamos_agent_open_fds", "Open files of its processes."),
            processes: Family::gauge("dreamos_agent_processes", "How many processes it has."),
            restarts: Family::counter(
                "dreamos_agent_restarts_total",
                "Starts after a life that ended by itself.",
            ),
            fatal: Family::counter(
                "dreamos_agent_fatal_total",
                "How often an agent was given up.",
            ),
        }
    }

    fn add_counted(&mut self, agent: &str, lives: Lives) {
        let labels = [("agent", agent)];
        self.restarts.add(&labels, float(lives.restarts));
        self.fatal.add(&labels, float(lives.fatal));
    }

    fn add_standing(&mut self, agent: &str, state: Option<&State>, is_up: bool) {
        let labels = [("agent", agent)];
        self.up.add(&labels, flag(is_up));
        let wanted = state.is_some_and(|state| state.wanted == Wanted::Up);
        self.wanted.add(&labels, flag(wanted));
        let is = state.map_or(Process::Stopped, |state| state.state);
        for each in STATES {
            let labels = [("agent", agent), ("state", each.as_str())];
            self.state.add(&labels, flag(each == is));
        }
    }

    fn add_health(&mut self, agent: &str, is: Condition) {
        for each in CONDITIONS {
            let labels = [("agent", agent), ("state", each.as_str())];
            self.health.add(&labels, flag(each == is));
        }
    }

    fn add_used(&mut self, agent: &str, used: &Used) {
        let labels = [("agent", agent)];
        self.cpu.add(&labels, host::in_seconds(used.cpu_ticks));
        self.memory.add(&labels, float(used.bytes));
        self.files.add(&labels, float(used.files));
        self.processes.add(&labels, float(used.processes));
    }
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

/// How all agents stand, and what they use.
#[derive(Default)]
pub(super) struct Standing {
    /// `None` of whom was never started.
    known: Vec<(AgentId, Option<State>)>,
    used: HashMap<Root, Used>,
}

impl Standing {
    pub(super) fn see(
        home: &Home,
        registered: &BTreeSet<AgentId>,
        warn: &dyn Fn(&str),
    ) -> Result<Self, Error> {
        let mut all = registered.clone();
        all.extend(agents::started(home)?);
        let mut known = Vec::with_capacity(all.len());
        for agent in all {
            match state_of(home, &agent) {
                Ok(state) => known.push((agent, state)),
                Err(error) => warn(&error.to_string()),
            }
        }
        let roots = known.iter().filter_map(|(_, it)| root(it.as_ref()?));
        let used = host::used(&roots.collect::<Vec<_>>());
        Ok(Self { known, used })
    }

    /// A counter never falls: what was told before of processes that left no trace counts on.
    pub(super) fn count_on(&mut self, totals: &mut Totals) {
        for (agent, state) in &self.known {
            let Some(root) = state.as_ref().and_then(root) else {
                continue;
            };
            let Some(used) = self.used.get_mut(&root) else {
                continue;
            };
            let Some(lives) = named(&mut totals.agents, agent.as_str()) else {
                continue;
            };
            let before = lives.spent.filter(|it| it.root() == root);
            used.cpu_ticks = used.cpu_ticks.max(before.map_or(0, |it| it.ticks));
            lives.spent = Some(Spent {
                pid: root.pid,
                start_ticks: root.start_ticks,
                ticks: used.cpu_ticks,
            });
        }
    }
}

impl Spent {
    const fn root(&self) -> Root {
        Root {
            pid: self.pid,
            start_ticks: self.start_ticks,
        }
    }
}

/// `owes`: since when somebody has had something to do.
pub(super) fn look(
    home: &Home,
    standing: &Standing,
    totals: &Totals,
    owes: impl Fn(&AgentId) -> Option<Timestamp>,
    now: Now,
    warn: &dyn Fn(&str),
) -> Vec<Family> {
    let Standing { known, used } = standing;
    let heartbeats = heartbeats(home, known, warn);
    let mut figures = Figures::new();
    for (agent, state) in known {
        let name = agent.as_str();
        figures.add_counted(name, totals.agents.get(name).copied().unwrap_or_default());
        let signs = state
            .as_ref()
            .map(|state| agents::signs(home, agent, state).map(|signs| (state, signs)));
        // Purged a moment ago, or not to be read: nothing is known of how it does.
        let Some((state, signs)) = signs.and_then(Result::ok) else {
            figures.add_standing(name, state.as_ref(), false);
            continue;
        };
        let is_up = state.state == Process::Running && signs.has_process;
        figures.add_standing(name, Some(state), is_up);
        let seen = Signals {
            state,
            has_process: signs.has_process,
            pulse: signs.pulse.as_ref(),
            printed: signs.printed,
            owes_since: owes(agent),
            screen: None,
        };
        let health = judge(&seen, heartbeats.get(agent).copied(), now.wall);
        figures.add_health(name, health.state);
        if let Some(root) = root(state)
            && let Some(used) = used.get(&root)
        {
            figures.add_used(name, used);
        }
    }
    vec![
        figures.up,
        figures.wanted,
        figures.state,
        figures.health,
        figures.cpu,
        figures.memory,
        figures.files,
        figures.processes,
        figures.restarts,
        figures.fatal,
    ]
}

/// As its supervisor wrote it down; `None` where it was never started.
fn state_of(home: &Home, agent: &AgentId) -> Result<Option<State>, Error> {
    match Dir::of(home, &home.agent(agent)) {
        Err(error) if error.is_absent() => Ok(None),
        dir => standing::read(&dir?),
    }
}

/// All that an agent started is below its supervisor.
fn root(state: &State) -> Option<Root> {
    let supervisor = state.supervisor.filter(|_| !state.state.is_over())?;
    Some(Root {
        pid: supervisor.pid,
        start_ticks: supervisor.start_ticks,
    })
}

/// How often who has promised to say that he lives. Asked only where somebody runs.
fn heartbeats(
    home: &Home,
    known: &[(AgentId, Option<State>)],
    warn: &dyn Fn(&str),
) -> HashMap<AgentId, Heartbeat> {
    let runs = |state: &State| state.state == Process::Running;
    if !known
        .iter()
        .any(|(_, state)| state.as_ref().is_some_and(runs))
    {
        return HashMap::new();
    }
    let configured = agents::may_tell_how_they_do(home).and_then(|may| {
        if may {
            agents::agents(home)
        } else {
            Ok(Vec::new())
        }
    });
    match configured {
        Ok(agents) => agents
            .into_iter()
            .filter_map(|agent| Some((agent.id, agent.heartbeat?)))
            .collect(),
        Err(error) => {
            warn(&error.to_string());
            HashMap::new()
        }
    }
}
