//! From the text of a configuration to what each agent is started with. Pure.
//!
//! Names, aliases and roles are those of the roster (`parse.rs`); what stands here is read only by those who start
//! agents. An agent's own keys go first, then `defaults`, then the preset of its harness, then our defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_ignored::Path as Key;

use super::Error;
use super::error::Place;
use super::parse::{self, Dialect, Mapping, RawLimits, Texts};
use super::presets::{Harness, Preset};
use super::settings::{Backoff, Budget, Output, Restart, Settings, Stop, VERSION};
use crate::names::{AgentId, Explain as _, Roster, RosterEntry};
use crate::root::Home;
use crate::time::parse_span;

/// A life that was shorter has done nothing, where nothing else is said.
const UNPRODUCTIVE_AFTER: u64 = 10_000;

/// What agent CLIs tell their children of their own session: a child that has it writes into its parent's.
const FOREIGN_SESSION: [&str; 16] = [
    "AI_AGENT",
    "CLAUDECODE",
    "CLAUDE_CODE_BRIDGE_SESSION_ID",
    "CLAUDE_CODE_CHILD_SESSION",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_EXECPATH",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_SESSION_ID",
    "CLAUDE_JOB_DIR",
    "CLAUDE_PID",
    "CODEX_SESSION_ID",
    "CODEX_THREAD_ID",
    "STY",
    "TMUX",
    "TMUX_PANE",
];
/// The same, by how they begin.
const FOREIGN_SESSIONS: &str = "ZELLIJ";

const HOME: &str = "DREAMOS_HOME";
const AGENT: &str = "DREAMOS_AGENT";
const TOKEN_FILE: &str = "DREAMOS_TOKEN_FILE";
/// Said by us, by nobody else; the last is the supervisor's.
const OURS: [&str; 4] = [HOME, AGENT, TOKEN_FILE, "DREAMOS_INCARNATION"];

/// An agent as it is configured. Times in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    pub id: AgentId,
    pub aliases: Vec<String>,
    pub roles: Vec<String>,
    pub capabilities: Vec<String>,
    /// `agentctl up` starts it.
    pub autostart: bool,
    /// Who is started before it.
    pub after: Vec<AgentId>,
    /// Its own, or that of its harness.
    pub command: Option<Vec<String>>,
    /// As written: relative to the home.
    pub cwd: Option<PathBuf>,
    pub env: BTreeMap<String, String>,
    pub tty: bool,
    pub restart: Restart,
    pub backoff: Backoff,
    pub budget: Budget,
    pub unproductive_after: u64,
    /// Only of who promises to say that it lives.
    pub heartbeat: Option<Heartbeat>,
    pub stop: Stop,
    pub preconditions: Vec<Vec<String>>,
    pub onboarding: Option<Onboarding>,
    pub harness: Option<Harness>,
    pub ready_fd: Option<u32>,
    pub output: Output,
    pub fallback_if_idle_minutes: Option<u32>,
}

impl Agent {
    pub fn preset(&self) -> Option<Preset> {
        self.harness.map(Harness::preset)
    }
}

/// It calls `agentctl heartbeat` every `interval`; silent for `timeout`, it is stalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    pub interval: u64,
    pub timeout: u64,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            interval: 30_000,
            timeout: 300_000,
        }
    }
}

/// A template: in place, or a file, relative to the home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Onboarding {
    Text(String),
    File(PathBuf),
}

/// A key that nobody reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// `agents.agent-1.comand`
    pub key: String,
    /// The nearest key that is read, if any is near.
    pub meant: Option<&'static str>,
}

/// What a configuration says, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Launch {
    pub agents: Vec<Agent>,
    pub unknown: Vec<Unknown>,
}

pub(super) fn read(bytes: &[u8], dialect: Dialect, path: &Path) -> Result<Launch, Error> {
    let roster = parse::roster(bytes, dialect, path)?;
    let text = parse::text(bytes, path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut unknown = Vec::new();
    let mut note = |key: &Key| match dialect {
        Dialect::Ours => unknown.push(Unknown::at(key)),
        // The original's other keys are no slips.
        Dialect::Original => {}
    };
    let file: File = parse::reading(text, dialect, &mut note).map_err(|fault| fault.of(path))?;
    if let Some(key) = file.defaults.0.said_of_one() {
        return Err(Error::Malformed {
            path: path.into(),
            place: Place(None),
            why: format!("`{key}` stands in `defaults`, but is said of each agent"),
        });
    }
    // Both readers take the agents in the order of the file.
    let agents = roster
        .agents
        .iter()
        .zip(file.agents.0)
        .map(|(entry, raw)| raw.over(&file.defaults.0).finish(entry, &roster, path))
        .collect::<Result<Vec<_>, _>>()?;
    refuse_circles(&agents, path)?;
    Ok(Launch { agents, unknown })
}

/// What its supervisor is told. `base` is the environment of whoever starts it.
pub fn settings(
    agent: &Agent,
    home: &Home,
    base: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Settings, Error> {
    let command = agent.command.clone().ok_or_else(|| Error::NoCommand {
        agent: agent.id.clone(),
    })?;
    // They travel as JSON. What is no text is nobody's setting.
    let base = base
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut env: BTreeMap<String, String> = base.filter(|(name, _)| is_inherited(name)).collect();
    env.extend(agent.env.clone());
    env.insert(HOME.into(), as_text(home.dir())?);
    env.insert(AGENT.into(), agent.id.as_str().into());
    env.insert(TOKEN_FILE.into(), as_text(&home.token(&agent.id))?);
    Ok(Settings {
        v: VERSION,
        agent: agent.id.clone(),
        command,
        // Joining an absolute path gives that path.
        cwd: agent
            .cwd
            .as_ref()
            .map_or_else(|| home.dir().to_owned(), |cwd| home.dir().join(cwd)),
        env: env.into_iter().collect(),
        tty: agent.tty,
        restart: agent.restart,
        backoff: agent.backoff,
        budget: agent.budget,
        unproductive_after: agent.unproductive_after,
        stop: agent.stop,
        preconditions: agent.preconditions.clone(),
        ready_fd: agent.ready_fd,
        output: agent.output,
    })
}

fn is_inherited(name: &str) -> bool {
    !OURS.contains(&name) && !FOREIGN_SESSION.contains(&name) && !name.starts_with(FOREIGN_SESSIONS)
}

fn as_text(path: &Path) -> Result<String, Error> {
    path.to_str()
        .map(str::to_owned)
        .ok_or_else(|| Error::NoText { path: path.into() })
}

/// Follows each agent to those before it; whoever is met again on the way waits for himself.
fn refuse_circles(agents: &[Agent], path: &Path) -> Result<(), Error> {
    fn walk<'a>(
        agent: &'a Agent,
        agents: &'a [Agent],
        way: &mut Vec<&'a AgentId>,
        done: &mut Vec<&'a AgentId>,
    ) -> Option<Vec<AgentId>> {
        if done.contains(&&agent.id) {
            return None;
        }
        if let Some(at) = way.iter().position(|id| **id == agent.id) {
            let circle = way[at..].iter().copied().chain([&agent.id]);
            return Some(circle.cloned().collect());
        }
        way.push(&agent.id);
        let before = agents
            .iter()
            .filter(|other| agent.after.contains(&other.id));
        for other in before {
            if let Some(circle) = walk(other, agents, way, done) {
                return Some(circle);
            }
        }
        way.pop();
        done.push(&agent.id);
        None
    }
    let mut done = Vec::new();
    let circle = agents
        .iter()
        .find_map(|agent| walk(agent, agents, &mut Vec::new(), &mut done));
    circle.map_or(Ok(()), |circle| {
        Err(Error::Circle {
            path: path.into(),
            circle,
        })
    })
}

/// The keys that are read, by the group that they stand in.
const TOP: [&str; 4] = ["version", "agents", "defaults", "limits"];
const GROUPS: [(&str, &[&str]); 7] = [
    ("backoff", &["initial", "max", "factor", "jitter"]),
    ("budget", &["restarts", "within"]),
    ("heartbeat", &["interval", "timeout"]),
    ("stop", &["signal", "grace"]),
    ("output", &["bytes", "older", "raw"]),
    ("onboarding", &["file"]),
    (
        "limits",
        &[
            "replies_per_message",
            "similar_window",
            "similarity",
            "within",
        ],
    ),
];
const OF_AN_AGENT: [&str; 24] = [
    "id",
    "aliases",
    "role",
    "roles",
    "escalate_to",
    "capabilities",
    "autostart",
    "after",
    "command",
    "cwd",
    "env",
    "tty",
    "restart",
    "backoff",
    "budget",
    "unproductive_after",
    "heartbeat",
    "stop",
    "preconditions",
    "onboarding",
    "harness",
    "ready_fd",
    "output",
    "fallback_if_idle_minutes",
];

fn of_a_group(group: &str) -> &'static [&'static str] {
    GROUPS
        .iter()
        .find(|(name, _)| *name == group)
        .map_or(&[], |(_, keys)| *keys)
}

/// `Err` with the nearest key, if any is near, where nobody reads that key of an agent.
pub(super) fn known_key(key: &[&str]) -> Result<(), Option<&'static str>> {
    match key {
        [key] => known(key, &OF_AN_AGENT),
        ["env", _] => Ok(()),
        [group, key] => known(key, of_a_group(group)),
        _ => Err(None),
    }
}

fn known(key: &str, keys: &'static [&'static str]) -> Result<(), Option<&'static str>> {
    if keys.contains(&key) {
        return Ok(());
    }
    let near = |known: &&&str| strsim::osa_distance(key, known) <= 2.min(known.len() / 3);
    Err(keys
        .iter()
        .filter(near)
        .min_by_key(|known| strsim::osa_distance(key, known))
        .copied())
}

impl Unknown {
    fn at(key: &Key) -> Self {
        let mut steps = Vec::new();
        steps_to(key, &mut steps);
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let keys = match &steps[..] {
            [_] => &TOP[..],
            ["limits", _] => of_a_group("limits"),
            // Below `defaults`, or below the number of an agent in a bare list.
            ["agents", _, of_agent @ ..] | [_, of_agent @ ..] => match of_agent {
                [group, _] => of_a_group(group),
                _ => &OF_AN_AGENT,
            },
            [] => &[],
        };
        let last = steps.last().copied().unwrap_or_default();
        Self {
            key: steps.join("."),
            meant: known(last, keys).err().flatten(),
        }
    }
}

fn steps_to(key: &Key, steps: &mut Vec<String>) {
    match key {
        Key::Root => {}
        Key::Seq { parent, index } => {
            steps_to(parent, steps);
            steps.push(index.to_string());
        }
        Key::Map { parent, key } => {
            steps_to(parent, steps);
            steps.push(key.clone());
        }
        Key::Some { parent } | Key::NewtypeStruct { parent } | Key::NewtypeVariant { parent } => {
            steps_to(parent, steps);
        }
    }
}

/// The whole file, as `parse.rs` takes it.
#[derive(Default)]
struct File {
    agents: Agents,
    defaults: Mapping<Raw>,
}

impl<'de> Deserialize<'de> for File {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Keys {
            #[serde(default)]
            agents: Agents,
            #[serde(default)]
            defaults: Mapping<Raw>,
            // Read by `parse.rs`; named here so that they are not unknown.
            #[serde(rename = "version")]
            _version: Option<u64>,
            #[serde(default, rename = "limits")]
            _limits: Mapping<RawLimits>,
        }
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = File;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping with the key `agents`, or a list of agents")
            }

            fn visit_unit<E>(self) -> Result<File, E> {
                Ok(File::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<File, A::Error> {
                let keys = Keys::deserialize(MapAccessDeserializer::new(map))?;
                Ok(File {
                    agents: keys.agents,
                    defaults: keys.defaults,
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<File, A::Error> {
                Ok(File {
                    agents: Visitor::visit_seq(VisitAgents, list)?,
                    ..File::default()
                })
            }
        }
        from.deserialize_any(Visit)
    }
}

/// Only what stands below each id: the ids are the roster's.
#[derive(Default)]
struct Agents(Vec<Raw>);

struct VisitAgents;

impl<'de> Visitor<'de> for VisitAgents {
    type Value = Agents;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping from ids to agents, or a list of agents")
    }

    fn visit_unit<E>(self) -> Result<Agents, E> {
        Ok(Agents::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Agents, A::Error> {
        let mut agents = Vec::new();
        while let Some((_, Mapping(raw))) = map.next_entry::<String, _>()? {
            agents.push(raw);
        }
        Ok(Agents(agents))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Agents, A::Error> {
        let mut agents = Vec::new();
        while let Some(Mapping(raw)) = list.next_element()? {
            agents.push(raw);
        }
        Ok(Agents(agents))
    }
}

impl<'de> Deserialize<'de> for Agents {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(VisitAgents)
    }
}

/// What is said of one agent, or of all.
#[derive(Clone, Default, Deserialize)]
struct Raw {
    // Read by `parse.rs`; named here so that they are not unknown.
    id: Option<String>,
    aliases: Option<Texts>,
    role: Option<Texts>,
    roles: Option<Texts>,
    escalate_to: Option<String>,

    capabilities: Option<Texts>,
    autostart: Option<bool>,
    after: Option<Texts>,
    command: Option<Command>,
    cwd: Option<Text>,
    #[serde(default)]
    env: Env,
    tty: Option<bool>,
    restart: Option<Restart>,
    #[serde(default)]
    backoff: Mapping<RawBackoff>,
    #[serde(default)]
    budget: Mapping<RawBudget>,
    unproductive_after: Option<Span>,
    heartbeat: Option<Mapping<RawHeartbeat>>,
    #[serde(default)]
    stop: Mapping<RawStop>,
    preconditions: Option<Commands>,
    onboarding: Option<Template>,
    harness: Option<Harness>,
    ready_fd: Option<ReadyFd>,
    #[serde(default)]
    output: Mapping<RawOutput>,
    fallback_if_idle_minutes: Option<Minutes>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct RawBackoff {
    initial: Option<Span>,
    max: Option<Span>,
    factor: Option<Factor>,
    jitter: Option<Jitter>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct RawBudget {
    restarts: Option<u32>,
    within: Option<Span>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct RawHeartbeat {
    interval: Option<Span>,
    timeout: Option<Span>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct RawStop {
    signal: Option<Signal>,
    grace: Option<Span>,
}

#[derive(Clone, Copy, Default, Deserialize)]
struct RawOutput {
    bytes: Option<u64>,
    older: Option<u32>,
    raw: Option<bool>,
}

impl Raw {
    /// A key that cannot be said of all: the hot path reads names and roles, and reads no defaults.
    fn said_of_one(&self) -> Option<&'static str> {
        let keys = [
            ("id", self.id.is_some()),
            ("aliases", self.aliases.is_some()),
            ("role", self.role.is_some()),
            ("roles", self.roles.is_some()),
            ("escalate_to", self.escalate_to.is_some()),
        ];
        let said = keys.iter().find(|(_, said)| *said);
        said.map(|(key, _)| *key)
    }

    /// Where nothing is said here, what is said below.
    fn over(mut self, below: &Self) -> Self {
        or(&mut self.capabilities, below.capabilities.as_ref());
        or(&mut self.autostart, below.autostart.as_ref());
        or(&mut self.after, below.after.as_ref());
        or(&mut self.command, below.command.as_ref());
        or(&mut self.cwd, below.cwd.as_ref());
        or(&mut self.tty, below.tty.as_ref());
        or(&mut self.restart, below.restart.as_ref());
        or(
            &mut self.unproductive_after,
            below.unproductive_after.as_ref(),
        );
        or(&mut self.preconditions, below.preconditions.as_ref());
        or(&mut self.onboarding, below.onboarding.as_ref());
        or(&mut self.harness, below.harness.as_ref());
        or(&mut self.ready_fd, below.ready_fd.as_ref());
        or(
            &mut self.fallback_if_idle_minutes,
            below.fallback_if_idle_minutes.as_ref(),
        );
        for (name, value) in &below.env.0 {
            let own = self.env.0.entry(name.clone());
            own.or_insert_with(|| value.clone());
        }
        let (own, its) = (&mut self.backoff.0, &below.backoff.0);
        or(&mut own.initial, its.initial.as_ref());
        or(&mut own.max, its.max.as_ref());
        or(&mut own.factor, its.factor.as_ref());
        or(&mut own.jitter, its.jitter.as_ref());
        let (own, its) = (&mut self.budget.0, &below.budget.0);
        or(&mut own.restarts, its.restarts.as_ref());
        or(&mut own.within, its.within.as_ref());
        let (own, its) = (&mut self.stop.0, &below.stop.0);
        or(&mut own.signal, its.signal.as_ref());
        or(&mut own.grace, its.grace.as_ref());
        let (own, its) = (&mut self.output.0, &below.output.0);
        or(&mut own.bytes, its.bytes.as_ref());
        or(&mut own.older, its.older.as_ref());
        or(&mut own.raw, its.raw.as_ref());
        or(&mut self.heartbeat, below.heartbeat.as_ref());
        if let (Some(own), Some(its)) = (&mut self.heartbeat, &below.heartbeat) {
            or(&mut own.0.interval, its.0.interval.as_ref());
            or(&mut own.0.timeout, its.0.timeout.as_ref());
        }
        self
    }

    fn finish(self, entry: &RosterEntry, roster: &Roster, path: &Path) -> Result<Agent, Error> {
        let bad = |why: String| Error::BadSetting {
            path: path.into(),
            agent: entry.id.clone(),
            why,
        };
        let after = self.after.unwrap_or_default().0;
        // `defaults: {after: [captain]}` does not mean that the captain waits for himself.
        let after = after
            .iter()
            .map(|name| roster.resolve(name, &[]))
            .filter(|id| id.as_ref() != Ok(&entry.id))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| bad(format!("after: {e}{}", advice(e.hint()))))?;
        if let Some(stranger) = after.iter().find(|id| roster.entry(id).is_none()) {
            return Err(bad(format!("after: {stranger} is nobody who is started")));
        }
        let preset = self.harness.map(Harness::preset);
        let own = |command: &[&str]| command.iter().map(ToString::to_string).collect();
        Ok(Agent {
            id: entry.id.clone(),
            aliases: entry.aliases.clone(),
            roles: entry.roles.clone(),
            capabilities: self.capabilities.unwrap_or_default().0,
            autostart: self.autostart.unwrap_or(true),
            after,
            command: self
                .command
                .map(|command| command.0)
                .or(preset.map(|preset| own(preset.command))),
            cwd: self.cwd.map(|cwd| cwd.0.into()),
            env: self.env.0,
            tty: self
                .tty
                .or(preset.map(|preset| preset.tty))
                .unwrap_or(false),
            restart: self.restart.unwrap_or_default(),
            backoff: self.backoff.0.finish().map_err(bad)?,
            budget: self.budget.0.finish(),
            unproductive_after: self
                .unproductive_after
                .map_or(UNPRODUCTIVE_AFTER, |span| span.0),
            heartbeat: self
                .heartbeat
                .map(|heartbeat| heartbeat.0.finish())
                .transpose()
                .map_err(bad)?,
            stop: self.stop.0.finish(),
            preconditions: self.preconditions.unwrap_or_default().0,
            onboarding: self.onboarding.map(|template| template.0),
            harness: self.harness,
            ready_fd: self.ready_fd.map(|fd| fd.0),
            output: self.output.0.finish(),
            fallback_if_idle_minutes: self.fallback_if_idle_minutes.map(|minutes| minutes.0),
        })
    }
}

fn or<T: Clone>(own: &mut Option<T>, below: Option<&T>) {
    if own.is_none() {
        *own = below.cloned();
    }
}

fn advice(hint: Option<String>) -> String {
    hint.map(|hint| format!(" ({hint})")).unwrap_or_default()
}

impl RawBackoff {
    fn finish(self) -> Result<Backoff, String> {
        let default = Backoff::default();
        let initial = self.initial.map_or(default.initial, |span| span.0);
        // A first wait above our longest is meant.
        let max = self.max.map_or(default.max.max(initial), |span| span.0);
        if max < initial {
            return Err("backoff: `max` is shorter than `initial`".into());
        }
        Ok(Backoff {
            initial,
            max,
            factor: self.factor.map_or(default.factor, |factor| factor.0),
            jitter: self.jitter.map_or(default.jitter, |jitter| jitter.0),
        })
    }
}

impl RawBudget {
    fn finish(self) -> Budget {
        let default = Budget::default();
        Budget {
            restarts: self.restarts.unwrap_or(default.restarts),
            within: self.within.map_or(default.within, |span| span.0),
        }
    }
}

impl RawHeartbeat {
    fn finish(self) -> Result<Heartbeat, String> {
        let default = Heartbeat::default();
        let interval = self.interval.map_or(default.interval, |span| span.0);
        // Some beats may be late, whatever their distance.
        let usual = default.timeout.max(interval.saturating_mul(3));
        let timeout = self.timeout.map_or(usual, |span| span.0);
        if timeout <= interval {
            return Err("heartbeat: `timeout` must be longer than `interval`".into());
        }
        Ok(Heartbeat { interval, timeout })
    }
}

impl RawStop {
    fn finish(self) -> Stop {
        let default = Stop::default();
        Stop {
            signal: self.signal.map_or(default.signal, |signal| signal.0),
            grace: self.grace.map_or(default.grace, |span| span.0),
        }
    }
}

impl RawOutput {
    fn finish(self) -> Output {
        let default = Output::default();
        Output {
            bytes: self.bytes.unwrap_or(default.bytes),
            older: self.older.unwrap_or(default.older),
            raw: self.raw.unwrap_or(default.raw),
        }
    }
}

/// Milliseconds, from `10s` or a number of seconds.
#[derive(Clone, Copy)]
struct Span(u64);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // A plain number is handed over as its text, too.
        let Text(text) = Text::deserialize(from)?;
        let span = parse_span(&text).map_err(D::Error::custom)?;
        u64::try_from(span.as_millis())
            .map(Self)
            .map_err(D::Error::custom)
    }
}

/// Text as it is written, numbers and all. What stands in an argument list, in an environment or in a path ends
/// at a NUL, so that none may have one.
#[derive(Clone)]
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.contains('\0') {
            return Err(D::Error::custom(
                "a NUL can be in no argument, path or variable",
            ));
        }
        Ok(Self(text))
    }
}

/// Program and arguments, or a line for the shell.
#[derive(Clone)]
struct Command(Vec<String>);

impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Vec<String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of program and arguments, or a line for the shell")
            }

            fn visit_str<E: serde::de::Error>(self, line: &str) -> Result<Vec<String>, E> {
                if line.trim().is_empty() {
                    return Err(E::custom("an empty line starts nothing"));
                }
                if line.contains('\0') {
                    return Err(E::custom("a NUL can be in no argument"));
                }
                Ok(vec!["/bin/sh".into(), "-c".into(), line.into()])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<String>, A::Error> {
                let words = Vec::<Text>::deserialize(SeqAccessDeserializer::new(list))?;
                match words.first() {
                    Some(Text(program)) if !program.is_empty() => {
                        Ok(words.into_iter().map(|word| word.0).collect())
                    }
                    _ => Err(A::Error::custom("an empty list starts nothing")),
                }
            }
        }
        from.deserialize_any(Visit).map(Self)
    }
}

/// A line for the shell, or a list of such lines and of argument lists.
#[derive(Clone, Default)]
struct Commands(Vec<Vec<String>>);

impl<'de> Deserialize<'de> for Commands {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Vec<Vec<String>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of commands, or a line for the shell")
            }

            fn visit_str<E: serde::de::Error>(self, line: &str) -> Result<Self::Value, E> {
                let line = serde::de::value::StrDeserializer::new(line);
                Ok(vec![Command::deserialize(line)?.0])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                let commands = Vec::<Command>::deserialize(SeqAccessDeserializer::new(list))?;
                Ok(commands.into_iter().map(|command| command.0).collect())
            }
        }
        from.deserialize_any(Visit).map(Self)
    }
}

/// Variables by name; the values as they are written, so that `1.50` stays that.
#[derive(Clone, Default)]
struct Env(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Env {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = BTreeMap<String, String>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("variables and their values")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(BTreeMap::new())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut env = BTreeMap::new();
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    if name.is_empty() || name.contains('=') {
                        let why = format!("{name:?} can be no variable's name");
                        return Err(A::Error::custom(why));
                    }
                    if OURS.contains(&&*name) {
                        return Err(A::Error::custom(format!("{name} is set by us")));
                    }
                    if env.insert(name.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("{name} stands there twice")));
                    }
                }
                Ok(env)
            }
        }
        from.deserialize_any(Visit).map(Self)
    }
}

/// The text itself, or `{file: PATH}`.
#[derive(Clone)]
struct Template(Onboarding);

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Elsewhere {
            file: Text,
        }
        struct Visit;
        impl<'de> Visitor<'de> for Visit {
            type Value = Onboarding;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or `{file: PATH}`")
            }

            fn visit_str<E>(self, text: &str) -> Result<Onboarding, E> {
                Ok(Onboarding::Text(text.into()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Onboarding, A::Error> {
                let Elsewhere { file } = Elsewhere::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Onboarding::File(file.0.into()))
            }
        }
        from.deserialize_any(Visit).map(Self)
    }
}

/// What may end a process by its name; any other by its number.
const SIGNALS: [(&str, i32); 12] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ABRT", 6),
    ("KILL", 9),
    ("USR1", 10),
    ("USR2", 12),
    ("ALRM", 14),
    ("TERM", 15),
    ("CONT", 18),
    ("WINCH", 28),
    ("PWR", 30),
];

#[derive(Clone, Copy)]
struct Signal(i32);

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(from)?;
        let name = text.to_ascii_uppercase();
        let name = name.strip_prefix("SIG").unwrap_or(&name);
        let by_name = SIGNALS.iter().find(|(known, _)| *known == name);
        let number = by_name.map(|(_, number)| *number).or(name.parse().ok());
        number
            .filter(|number| (1..=64).contains(number))
            .map(Self)
            .ok_or_else(|| {
                D::Error::custom(format!(
                    "{text:?} is no signal: use TERM, INT, HUP, … or 1 to 64"
                ))
            })
    }
}

/// A number within bounds.
macro_rules! bounded {
    ($name:ident, $of:ty, $within:expr, $said:literal) => {
        #[derive(Clone, Copy)]
        struct $name($of);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let number = <$of>::deserialize(from)?;
                if $within.contains(&number) {
                    return Ok(Self(number));
                }
                Err(D::Error::custom(format!(
                    concat!("{} is not ", $said),
                    number
                )))
            }
        }
    };
}

bounded!(Factor, f64, 1.0..=100.0, "between 1 and 100");
bounded!(Jitter, f64, 0.0..=1.0, "between 0 and 1");
bounded!(ReadyFd, u32, 3..=255, "between 3 and 255");
bounded!(Minutes, u32, 1..=525_600, "between 1 and 525600");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Kind;

    fn launch(text: &str) -> Result<Launch, Error> {
        read(text.as_bytes(), Dialect::Ours, Path::new("agents.yaml"))
    }

    fn one(text: &str) -> Agent {
        launch(&format!("agents: {{a: {text}}}"))
            .unwrap()
            .agents
            .remove(0)
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(ToString::to_string).collect()
    }

    fn id(text: &str) -> AgentId {
        AgentId::parse(text).unwrap()
    }

    const EVERYTHING: &str = "
version: 1
limits: {replies_per_message: 3, similar_window: 5, similarity: 0.9, within: 10m}
agents:
  b: {}
  a:
    aliases: [one]
    role: cook
    roles: [waiter]
    escalate_to: b
    capabilities: [rust, yaml]
    autostart: false
    after: [B]
    command: [sleep, 60]
    cwd: work
    env: {N: 1.50, B: true, T: text}
    tty: true
    restart: always
    backoff: {initial: 2s, max: 1m, factor: 3, jitter: 0.5}
    budget: {restarts: 7, within: 1h}
    unproductive_after: 250ms
    heartbeat: {interval: 1m, timeout: 5m}
    stop: {signal: SIGINT, grace: 3}
    preconditions:
    - test -f x && test -f y
    - [test, -d, a b]
    onboarding: {file: hello.md}
    harness: claude
    ready_fd: 3
    output: {bytes: 1000, older: 1, raw: true}
    fallback_if_idle_minutes: 5
";

    #[test]
    fn every_key_is_read_and_none_of_them_is_unknown() {
        let Launch { agents, unknown } = launch(EVERYTHING).unwrap();
        assert_eq!(unknown, []);
        let expected = Agent {
            id: id("a"),
            aliases: words(&["one"]),
            roles: words(&["cook", "waiter"]),
            capabilities: words(&["rust", "yaml"]),
            autostart: false,
            after: vec![id("b")],
            command: Some(words(&["sleep", "60"])),
            cwd: Some("work".into()),
            env: [("N", "1.50"), ("B", "true"), ("T", "text")]
                .map(|(name, value)| (name.into(), value.into()))
                .into(),
            tty: true,
            restart: Restart::Always,
            backoff: Backoff {
                initial: 2_000,
                max: 60_000,
                factor: 3.0,
                jitter: 0.5,
            },
            budget: Budget {
                restarts: 7,
                within: 3_600_000,
            },
            unproductive_after: 250,
            heartbeat: Some(Heartbeat {
                interval: 60_000,
                timeout: 300_000,
            }),
            stop: Stop {
                signal: 2,
                grace: 3_000,
            },
            preconditions: vec![
                words(&["/bin/sh", "-c", "test -f x && test -f y"]),
                words(&["test", "-d", "a b"]),
            ],
            onboarding: Some(Onboarding::File("hello.md".into())),
            harness: Some(Harness::Claude),
            ready_fd: Some(3),
            output: Output {
                bytes: 1000,
                older: 1,
                raw: true,
            },
            fallback_if_idle_minutes: Some(5),
        };
        assert_eq!(agents[1], expected);
    }

    #[test]
    fn every_key_that_may_be_set_is_one_that_is_read() {
        for key in OF_AN_AGENT {
            assert!(
                EVERYTHING.contains(&format!(" {key}:")) || key == "id",
                "{key}"
            );
        }
        assert_eq!(known_key(&["backoff", "max"]), Ok(()));
        assert_eq!(known_key(&["env", "ANY"]), Ok(()));
        assert_eq!(known_key(&["backoff", "inital"]), Err(Some("initial")));
        assert_eq!(known_key(&["colour"]), Err(None));
        assert_eq!(known_key(&["command", "x"]), Err(None));
    }

    #[test]
    fn an_agent_of_which_nothing_is_said_has_our_defaults() {
        let agent = one("");
        assert_eq!(agent.command, None);
        assert!(agent.autostart && !agent.tty);
        assert_eq!(agent.restart, Restart::OnFailure);
        assert_eq!(agent.backoff, Backoff::default());
        assert_eq!(agent.budget, Budget::default());
        assert_eq!(agent.stop, Stop::default());
        assert_eq!(agent.heartbeat, None);
        assert_eq!(one("{heartbeat: }").heartbeat, None);
        let beats = one("{heartbeat: {interval: 5m}}").heartbeat.unwrap();
        assert_eq!(beats.timeout, 900_000, "three beats");
    }

    #[test]
    fn its_own_keys_go_before_the_defaults_and_those_before_the_preset() {
        let agents = launch(
            "defaults: {harness: codex, restart: never, backoff: {initial: 2s, max: 3s}, env: {A: 1, B: 2}}\n\
             agents: {a: , b: {tty: false, command: 'x; y', restart: always, backoff: {max: 9s}, env: {B: 3}}}\n",
        )
        .unwrap()
        .agents;
        assert_eq!(agents[0].command, Some(words(&["codex"])));
        assert_eq!((agents[0].tty, agents[0].restart), (true, Restart::Never));
        assert_eq!(agents[1].command, Some(words(&["/bin/sh", "-c", "x; y"])));
        assert_eq!((agents[1].tty, agents[1].restart), (false, Restart::Always));
        assert_eq!(
            (agents[1].backoff.initial, agents[1].backoff.max),
            (2_000, 9_000)
        );
        assert_eq!((&*agents[1].env["A"], &*agents[1].env["B"]), ("1", "3"));
    }

    #[test]
    fn a_key_that_nobody_reads_is_told_with_the_nearest_that_is() {
        let unknown = |text: &str| {
            let unknown = launch(text).unwrap().unknown;
            let told = unknown.iter().map(|u| (u.key.clone(), u.meant));
            told.collect::<Vec<_>>()
        };
        assert_eq!(
            unknown(
                "agent: {}\ndefaults: {retsart: never}\nagents:\n  a.b: {comand: x, colour: red}\n  \
                 stop: {stop: {gracee: 1}, mood: {x: 1}}\n"
            ),
            [
                ("agent".into(), Some("agents")),
                ("defaults.retsart".into(), Some("restart")),
                ("agents.a.b.comand".into(), Some("command")),
                ("agents.a.b.colour".into(), None),
                ("agents.stop.stop.gracee".into(), Some("grace")),
                ("agents.stop.mood".into(), None),
            ]
        );
        assert_eq!(
            unknown("- {id: a, budget: {whithin: 1}}\n"),
            [("0.budget.whithin".into(), Some("within"))]
        );
    }

    #[test]
    fn the_original_s_list_gives_agents_without_a_command() {
        let text = br#"[{"id":"Agent-1","role":"test","capabilities":["x"],"config":{"a":1}}]"#;
        let Launch { agents, unknown } =
            read(text, Dialect::Original, Path::new("agents.json")).unwrap();
        assert_eq!(unknown, []);
        assert_eq!(agents[0].id, id("agent-1"));
        assert_eq!(agents[0].capabilities, ["x"]);
        let error = settings(&agents[0], &Home::at("/h"), std::iter::empty()).unwrap_err();
        assert_eq!(error.to_string(), "agent-1 has no command");
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.hint().is_some());
    }

    #[test]
    fn signals_go_by_name_or_number() {
        for (written, number) in [
            ("TERM", 15),
            ("sigint", 2),
            ("Hup", 1),
            ("9", 9),
            ("34", 34),
        ] {
            let stop = one(&format!("{{stop: {{signal: {written}}}}}")).stop;
            assert_eq!(stop.signal, number, "{written}");
        }
    }

    #[test]
    fn every_wrong_value_is_told_with_its_place() {
        for (text, said) in [
            (
                "restart: alway",
                "unknown variant `alway`, expected one of `always`, `on-failure`, `never`",
            ),
            (
                "command: 7",
                "invalid type: integer `7`, expected a list of program and arguments, or a line for the shell",
            ),
            ("command: []", "an empty list starts nothing"),
            ("command: ['']", "an empty list starts nothing"),
            ("command: ' '", "an empty line starts nothing"),
            (
                "command: [\"a\\0\"]",
                "a NUL can be in no argument, path or variable",
            ),
            (
                "tty: maybe",
                "invalid type: string \"maybe\", expected a boolean",
            ),
            ("backoff: {factor: 0.5}", "0.5 is not between 1 and 100"),
            ("backoff: {jitter: .nan}", "NaN is not between 0 and 1"),
            (
                "backoff: [1]",
                "invalid type: sequence, expected keys and values",
            ),
            ("unproductive_after: soon", "\"soon\" is no time: use 30s"),
            (
                "stop: {signal: 65}",
                "\"65\" is no signal: use TERM, INT, HUP, … or 1 to 64",
            ),
            ("stop: {signal: STOPP}", "\"STOPP\" is no signal"),
            ("env: {A=B: 1}", "\"A=B\" can be no variable's name"),
            ("env: {DREAMOS_AGENT: b}", "DREAMOS_AGENT is set by us"),
            ("env: {A: [1]}", "invalid type: sequence, expected a string"),
            (
                "onboarding: 7",
                "invalid type: integer `7`, expected a text, or `{file: PATH}`",
            ),
            ("onboarding: {}", "missing field `file`"),
            (
                "harness: emacs",
                "unknown variant `emacs`, expected one of `shell`",
            ),
            ("ready_fd: 2", "2 is not between 3 and 255"),
            ("fallback_if_idle_minutes: 0", "0 is not between 1"),
            ("preconditions: [[]]", "an empty list starts nothing"),
        ] {
            let text = format!("agents:\n  a:\n    {text}\n");
            let error = launch(&text).unwrap_err();
            assert_eq!(error.kind(), Kind::Config, "{text}");
            let shown = error.to_string();
            assert!(shown.contains(said), "{text}: {shown}");
            assert!(shown.starts_with("agents.yaml:3:"), "{text}: {shown}");
        }
        let error = launch("defaults:\n  roles: [x]\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "agents.yaml: `roles` stands in `defaults`, but is said of each agent"
        );
        for (text, said) in [
            (
                "backoff: {initial: 9s, max: 1s}",
                "backoff: `max` is shorter than `initial`",
            ),
            (
                "heartbeat: {interval: 9s, timeout: 9s}",
                "heartbeat: `timeout` must be longer than `interval`",
            ),
            (
                "after: agnet",
                "after: no agent \"agnet\" (did you mean agent?)",
            ),
            ("after: user", "after: user is nobody who is started"),
        ] {
            let text = format!("agents: {{a: {{{text}}}, agent: }}");
            let error = launch(&text).unwrap_err();
            assert_eq!(error.to_string(), format!("agents.yaml: a: {said}"));
        }
    }

    #[test]
    fn agents_that_wait_for_each_other_are_named() {
        let error = launch(
            "agents: {z: {after: b}, a: {after: c}, b: {after: [x, a]}, c: {after: B}, x: {after: x}}",
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "agents.yaml: these wait for each other: b after a after c after b"
        );
        let all = launch("defaults: {after: a}\nagents: {a: , b: , c: {after: [b]}}").unwrap();
        let after: Vec<_> = all.agents.iter().map(|agent| agent.after.clone()).collect();
        assert_eq!(after, [vec![], vec![id("a")], vec![id("b")]]);
    }

    fn env(settings: &Settings) -> BTreeMap<&str, &str> {
        let pairs = settings.env.iter();
        pairs.map(|(name, value)| (&**name, &**value)).collect()
    }

    #[test]
    fn the_environment_is_the_starter_s_without_its_session_and_with_the_agent_s() {
        let base = [
            ("PATH", "/bin"),
            ("LANG", "C"),
            ("CLAUDE_CODE_MESSAGING_SOCKET", "/leak"),
            ("CLAUDE_CONFIG_DIR", "/keep"),
            ("ZELLIJ_SESSION_NAME", "leak"),
            ("TMUX_PANE", "%1"),
            ("DREAMOS_AGENT", "another"),
            ("DREAMOS_INCARNATION", "another's"),
        ]
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let agent = one("{command: x, env: {LANG: de, X: 1}}");
        let told = settings(&agent, &Home::at("/h"), base.into_iter()).unwrap();
        let expected = [
            ("CLAUDE_CONFIG_DIR", "/keep"),
            ("DREAMOS_AGENT", "a"),
            ("DREAMOS_HOME", "/h"),
            ("DREAMOS_TOKEN_FILE", "/h/runtime/agents/a/token"),
            ("LANG", "de"),
            ("PATH", "/bin"),
            ("X", "1"),
        ];
        assert_eq!(env(&told), expected.into());
    }

    #[test]
    fn the_working_directory_is_seen_from_the_home() {
        for (written, cwd) in [
            ("", "/h"),
            ("cwd: work/x", "/h/work/x"),
            ("cwd: /srv", "/srv"),
        ] {
            let agent = one(&format!("{{harness: shell, {written}}}"));
            let told = settings(&agent, &Home::at("/h"), std::iter::empty()).unwrap();
            assert_eq!(told.cwd, Path::new(cwd));
        }
    }

    #[test]
    fn a_home_whose_name_is_no_text_is_said() {
        use std::os::unix::ffi::OsStrExt as _;
        let home = Home::at(Path::new(std::ffi::OsStr::from_bytes(b"/h\xff")));
        let error = settings(&one("{command: x}"), &home, std::iter::empty()).unwrap_err();
        assert!(matches!(error, Error::NoText { .. }));
    }
}
