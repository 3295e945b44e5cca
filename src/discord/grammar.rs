//! What can be asked: one table for the slash commands, their help, and the original's `!` names. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A command, or one below a command: `agents`, `agent stop`.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) path: &'static str,
    pub(super) about: &'static str,
    pub(super) options: &'static [Opt],
    /// Whether all in the channel see the answer.
    pub(super) is_public: bool,
}

#[derive(Debug)]
pub(super) struct Opt {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Count {
        most: u32,
    },
    Flag,
    OneOf(&'static [&'static str]),
    /// Completed as it is typed.
    Agent,
    Task,
    Log,
    Channel,
}

/// The command as it came, with what was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) path: String,
    pub(super) given: BTreeMap<String, String>,
}

/// What a command above others is about.
pub(super) const GROUPS: &[(&str, &str)] = &[
    (
        "agent",
        "One agent: how it stands, start, stop and the like",
    ),
    ("task", "One task"),
    ("devlog", "What an agent tells in prose"),
    ("system", "The whole home"),
    ("channels", "Which channel belongs to which agent"),
];

const AGENT: Opt = Opt {
    name: "agent",
    about: "Whom",
    kind: Kind::Agent,
    is_required: true,
};
const TEXT: Opt = Opt {
    name: "text",
    about: "What to say",
    kind: Kind::Text,
    is_required: true,
};
const SOME_AGENT: Opt = Opt {
    name: "agent",
    about: "Whose; everybody's if nobody is named",
    kind: Kind::Agent,
    is_required: false,
};
const TASK: Opt = Opt {
    name: "task",
    about: "Its id",
    kind: Kind::Task,
    is_required: true,
};
/// What the original asked of agents in so many words.
pub(super) const REQUESTS: &[&str] = &[
    "repair",
    "backup",
    "restore",
    "sync",
    "cleanup",
    "integrate",
];
/// What can be done to several at once.
const MANY: &[&str] = &[
    "resume",
    "verify",
    "onboard",
    "start",
    "restart",
    "stop",
    "repair",
    "backup",
    "restore",
    "sync",
    "cleanup",
    "integrate",
];
/// Of speech that can be heard there.
const ENGINES: &[&str] = &["espeak-ng", "edge", "gtts"];
const LEVELS: &[&str] = &["debug", "info", "warn", "error"];
const STATUSES: &[&str] = &["pending", "running", "completed", "failed", "cancelled"];

macro_rules! command {
    ($path:literal, $about:literal, [$($option:expr),*]) => {
        Command { path: $path, about: $about, options: &[$($option),*], is_public: false }
    };
    (public $path:literal, $about:literal, [$($option:expr),*]) => {
        Command { path: $path, about: $about, options: &[$($option),*], is_public: true }
    };
}

const fn some(name: &'static str, about: &'static str, kind: Kind) -> Opt {
    Opt {
        name,
        about,
        kind,
        is_required: false,
    }
}

const fn must(name: &'static str, about: &'static str, kind: Kind) -> Opt {
    Opt {
        name,
        about,
        kind,
        is_required: true,
    }
}

pub(super) const COMMANDS: &[Command] = &[
    command!(
        "agents",
        "Who exists, and how each stands",
        [some("problems", "Only those that are not well", Kind::Flag)]
    ),
    command!(
        "agent show",
        "How an agent stands, and its last lines",
        [AGENT]
    ),
    command!(
        "agent start",
        "Start an agent and say when it runs",
        [AGENT]
    ),
    command!("agent stop", "Stop an agent, after a confirmation", [AGENT]),
    command!("agent restart", "Stop an agent and start it again", [AGENT]),
    command!(
        "agent resume",
        "Ask an agent to go on",
        [AGENT, some("text", "What else to tell it", Kind::Text)]
    ),
    command!(
        "agent verify",
        "Ask an agent to verify what it did",
        [AGENT]
    ),
    command!(
        "agent onboard",
        "Tell an agent who it is and what is to be done",
        [AGENT]
    ),
    command!(
        "agent request",
        "Ask an agent to repair, back up, restore, sync, clean up or integrate",
        [
            must("what", "What is asked for", Kind::OneOf(REQUESTS)),
            AGENT
        ]
    ),
    command!(public "send", "Send a message to an agent", [AGENT, TEXT, some("priority", "Before all other mail", Kind::Flag)]),
    command!(public "captain", "Give an agent an order of the captain's", [AGENT, TEXT]),
    command!(
        "broadcast",
        "Write to every agent, after a confirmation",
        [TEXT]
    ),
    command!("inbox", "What waits for an agent", [SOME_AGENT]),
    command!(
        "thread",
        "A message and all that belongs to it",
        [must("message", "As agent-1/17, or its id", Kind::Text)]
    ),
    command!(public "reply", "Answer a message", [must("message", "As discord/17, or its id", Kind::Text), TEXT]),
    command!(
        "tasks",
        "What is to be done, the most urgent first",
        [
            SOME_AGENT,
            some("status", "Only those", Kind::OneOf(STATUSES))
        ]
    ),
    command!("task show", "One task whole", [TASK]),
    command!(
        "task create",
        "Write down what is to be done",
        [
            must("name", "What", Kind::Text),
            some("agent", "By whom", Kind::Agent),
            some(
                "priority",
                "How urgent",
                Kind::OneOf(&["low", "medium", "high", "critical"])
            )
        ]
    ),
    command!("task run", "Run what a task says, now", [TASK]),
    command!(
        "task complete",
        "Say that a task is done",
        [TASK, some("text", "What came of it", Kind::Text)]
    ),
    command!(
        "logs",
        "The last lines of a log",
        [
            must("source", "An agent, or a channel of the log", Kind::Log),
            some("lines", "So many", Kind::Count { most: 1000 }),
            some("level", "And worse", Kind::OneOf(LEVELS))
        ]
    ),
    command!("metrics", "The figures that matter", []),
    command!(
        "summary",
        "What was done, what failed and what waits",
        [some("since", "As 24h or 7d", Kind::Text)]
    ),
    command!(public "prompt", "Send a prompt to an agent", [AGENT, TEXT]),
    command!("devlog view", "The last of what an agent told", [AGENT]),
    command!("devlog update", "Add to what an agent told", [AGENT, TEXT]),
    command!(
        "devlog clear",
        "Put what an agent told aside and begin anew",
        [AGENT]
    ),
    command!(
        "multi",
        "The same for several agents",
        [
            must("what", "What is done", Kind::OneOf(MANY)),
            must("agents", "As 1,3 or agent-1,agent-3", Kind::Text)
        ]
    ),
    command!("system status", "How the home does", []),
    command!(
        "system request",
        "Ask every agent to sync, back up or clean up",
        [must(
            "what",
            "What is asked for",
            Kind::OneOf(&["sync", "backup", "cleanup"])
        )]
    ),
    command!("channels list", "Which channel belongs to which agent", []),
    command!(
        "channels assign",
        "What is said in a channel is mail for that agent",
        [
            AGENT,
            some("channel", "This one if none is named", Kind::Channel)
        ]
    ),
    command!(
        "channels unassign",
        "It is an ordinary channel again",
        [some("channel", "This one if none is named", Kind::Channel)]
    ),
    command!(
        "audit",
        "Who did what, and who was refused",
        [some("lines", "So many", Kind::Count { most: 200 })]
    ),
    command!("status", "How the home and the voice do", []),
    command!(
        "join",
        "Enter a voice channel",
        [some(
            "channel",
            "The one you are in if none is named",
            Kind::Channel
        )]
    ),
    command!("leave", "Leave the voice channel", []),
    command!("say", "Say something in the voice channel", [TEXT]),
    command!(
        "voices",
        "Which voices an engine has",
        [some(
            "engine",
            "The chosen one if none is named",
            Kind::OneOf(ENGINES)
        )]
    ),
    command!(
        "voice",
        "Choose a voice, and show which is chosen",
        [
            some("name", "As /voices names it", Kind::Text),
            some("engine", "What makes it", Kind::OneOf(ENGINES)),
            some(
                "rate",
                "Its pace: 50 to 300 per cent",
                Kind::Count { most: 300 }
            )
        ]
    ),
    command!("pair", "Show the code that makes the bot know you", []),
    command!("help", "What can be asked", []),
];

pub(super) fn command(path: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|it| it.path == path)
}

/// Those that stand alone, and the first words of the others with what is below them, in the order of the table.
pub(super) fn tree() -> Vec<(&'static str, Vec<&'static Command>)> {
    let mut tree: Vec<(&str, Vec<&Command>)> = Vec::new();
    for command in COMMANDS {
        let first = command.path.split(' ').next().unwrap_or(command.path);
        match tree.iter_mut().find(|it| it.0 == first) {
            Some((_, all)) => all.push(command),
            None => tree.push((first, vec![command])),
        }
    }
    tree
}

impl Command {
    /// What stands below its group, or itself.
    pub(super) fn last_word(&self) -> &'static str {
        self.path.rsplit(' ').next().unwrap_or(self.path)
    }
}

/// All of them, a line each.
pub(super) fn help() -> String {
    let mut text = String::new();
    for command in COMMANDS {
        let mut asked = format!("/{}", command.path);
        for option in command.options {
            let (open, close) = if option.is_required {
                ("", "")
            } else {
                ("[", "]")
            };
            write!(asked, " {open}{}{close}", option.name).expect("a string grows");
        }
        writeln!(text, "{asked:<40} {}", command.about).expect("a string grows");
    }
    text
}

impl Call {
    pub(super) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            given: BTreeMap::new(),
        }
    }

    #[must_use]
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.given.insert(name.to_owned(), value.into());
        self
    }

    /// Of what the table says that there is.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    pub(super) fn count(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    /// As whoever reads the record of it sees it: texts by their length alone.
    pub(super) fn told(&self) -> Vec<(String, String)> {
        let is_text = |name: &str| {
            let command = command(&self.path);
            let option = command.and_then(|it| it.options.iter().find(|it| it.name == name));
            option.is_none_or(|it| it.kind == Kind::Text)
        };
        let given = self.given.iter();
        given
            .map(|(name, value)| {
                let value = if is_text(name) {
                    format!("{} characters", value.chars().count())
                } else {
                    value.clone()
                };
                (name.clone(), value)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_what_discord_takes() {
        assert!(tree().len() <= 100);
        for (first, below) in tree() {
            assert!(below.len() <= 25, "{first}");
            let is_group = GROUPS.iter().any(|it| it.0 == first);
            assert_eq!(is_group, below[0].path.contains(' '), "{first}");
        }
        for command in COMMANDS {
            let words: Vec<&str> = command.path.split(' ').collect();
            assert!(words.len() <= 2, "{}", command.path);
            let is_name = |name: &str| {
                (1..=32).contains(&name.len()) && name.bytes().all(|it| it.is_ascii_lowercase())
            };
            assert!(words.iter().all(|it| is_name(it)), "{}", command.path);
            assert!((1..=100).contains(&command.about.chars().count()));
            let mut optional = false;
            for option in command.options {
                assert!(is_name(option.name) && option.about.len() <= 100);
                // Discord wants the required ones first.
                assert!(!(optional && option.is_required), "{}", command.path);
                optional |= !option.is_required;
                if let Kind::OneOf(all) = option.kind {
                    assert!(all.len() <= 25);
                }
            }
        }
    }

    #[test]
    fn texts_are_recorded_by_their_length() {
        let call = Call::new("send")
            .with("agent", "agent-1")
            .with("text", "secret");
        let told: Vec<String> = call.told().into_iter().map(|it| it.1).collect();
        assert_eq!(told, ["agent-1", "6 characters"]);
    }
}
