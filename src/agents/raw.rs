//! The shapes in which an agent is written: read with the place of each fault, laid over the defaults, and made
//! whole. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Error;
use super::launch::{Agent, Heartbeat, OURS, Onboarding};
use super::parse::{Mapping, RawLimits, Texts};
use super::presets::Harness;
use super::settings::{Backoff, Budget, Output, Restart, Stop};
use crate::names::{Explain as _, Roster, RosterEntry};
use crate::time::parse_span;

/// A life that was shorter has done nothing, where nothing else is said.
const UNPRODUCTIVE_AFTER: u64 = 10_000;

/// The whole file, as `parse.rs` takes it.
#[derive(Default)]
pub(super) struct File {
    pub(super) agents: Agents,
    pub(super) defaults: Mapping<Raw>,
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
pub(super) struct Agents(pub(super) Vec<Raw>);

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
pub(super) struct Raw {
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
    pub(super) fn said_of_one(&self) -> Option<&'static str> {
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
    pub(super) fn over(mut self, below: &Self) -> Self {
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

    pub(super) fn finish(
        self,
        entry: &RosterEntry,
        roster: &Roster,
        path: &Path,
    ) -> Result<Agent, Error> {
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
        if let Some(number @ (32 | 33)) = number {
            let why = format!("signal {number} is the C library's own");
            return Err(D::Error::custom(why));
        }
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
// Those that a supervisor keeps free of what is its own.
bounded!(ReadyFd, u32, 3..=9, "between 3 and 9");
bounded!(Minutes, u32, 1..=525_600, "between 1 and 525600");
