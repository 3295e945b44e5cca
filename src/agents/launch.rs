//! From the text of a configuration to what each agent is started with. Pure.
//!
//! Names, aliases and roles are those of the roster (`parse.rs`); what stands here is read only by those who start
//! agents. An agent's own keys go first, then `defaults`, then the preset of its harness, then our defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_ignored::Path as Key;

use super::Error;
use super::error::Place;
use super::keys::Unknown;
use super::parse::{self, Dialect};
use super::presets::{Harness, Preset};
use super::raw::File;
use super::settings::{Backoff, Budget, Output, Restart, Settings, Stop, VERSION};
use crate::names::AgentId;
use crate::root::Home;

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
/// A life is no part of the message for which somebody began it.
pub(super) const OURS: [&str; 5] = [
    HOME,
    AGENT,
    TOKEN_FILE,
    "DREAMOS_TAINT",
    "DREAMOS_INCARNATION",
];

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

/// The command with what makes its harness go on with the last session.
pub fn resuming(agent: &Agent) -> Result<Vec<String>, Error> {
    let cannot = |why| Error::CannotResume {
        agent: agent.id.clone(),
        why,
    };
    let arguments = agent.preset().map_or(&[][..], |preset| preset.resume);
    if arguments.is_empty() {
        return Err(cannot("no harness that we know continues a session"));
    }
    let mut command = agent.command.clone().unwrap_or_default();
    if let [shell, "-c", ..] = command.iter().map(String::as_str).collect::<Vec<_>>()[..]
        && shell.ends_with("sh")
    {
        return Err(cannot(
            "its command is a line for a shell: write it as a list",
        ));
    }
    command.extend(arguments.iter().map(ToString::to_string));
    Ok(command)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::keys::OF_AN_AGENT;
    use crate::names::{Explain as _, Kind};

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
limits: {replies_per_message: 3, similar_window: 5, similarity: 0.9, within: 10m, most_hops: 64}
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
            ("stop: {signal: 32}", "signal 32 is the C library's own"),
            ("stop: {signal: 33}", "signal 33 is the C library's own"),
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
            ("ready_fd: 2", "2 is not between 3 and 9"),
            ("ready_fd: 10", "10 is not between 3 and 9"),
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
