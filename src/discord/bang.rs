//! The original's commands, as they were typed: `!send agent-1 go on`. Pure.

use super::grammar::{Call, REQUESTS};

/// Why it is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoCall {
    #[error("Invalid command: {0}")]
    Unknown(String),
    #[error("Invalid command: {usage}")]
    Incomplete { usage: &'static str },
    #[error("Invalid action: {0}")]
    Action(String),
}

/// `None` if it does not begin with the prefix.
pub(super) fn parse(text: &str, prefix: &str) -> Option<Result<Call, NoCall>> {
    let said = text.strip_prefix(prefix)?;
    // A mark of surprise is no command.
    said.starts_with(|it: char| it.is_ascii_alphabetic())
        .then(|| call(said.trim()))
}

fn call(said: &str) -> Result<Call, NoCall> {
    let (name, rest) = word(said);
    let name = name.to_lowercase();
    let agent_and = |path: &str, usage| {
        let (agent, text) = word(rest);
        if agent.is_empty() || text.is_empty() {
            return Err(NoCall::Incomplete { usage });
        }
        Ok(Call::new(path).with("agent", agent).with("text", text))
    };
    let one = |path: &str, usage| match word(rest) {
        ("", _) => Err(NoCall::Incomplete { usage }),
        (agent, _) => Ok(Call::new(path).with("agent", agent)),
    };
    match name.as_str() {
        "help" => Ok(Call::new("help")),
        "list" | "agents" => Ok(Call::new("agents")),
        "status" if rest.is_empty() => Ok(Call::new("status")),
        "status" => one("agent show", "!status AGENT"),
        "message" | "send" => agent_and("send", "!message AGENT TEXT"),
        "prompt" => agent_and("prompt", "!prompt AGENT TEXT"),
        "captain" => agent_and("captain", "!captain AGENT TEXT"),
        "devlog" => agent_and("devlog update", "!devlog AGENT TEXT"),
        "view_devlog" => one("devlog view", "!view_devlog AGENT"),
        "clear_devlog" => one("devlog clear", "!clear_devlog AGENT"),
        "channels" => Ok(Call::new("channels list")),
        "join" if !rest.is_empty() => Ok(Call::new("join").with("channel", rest)),
        "join" | "leave" => Ok(Call::new(&name)),
        "say" if rest.is_empty() => Err(NoCall::Incomplete { usage: "!say TEXT" }),
        "say" => Ok(Call::new("say").with("text", rest)),
        "voice" if !rest.is_empty() => Ok(Call::new("voice").with("name", rest)),
        "voice" => Ok(Call::new("voice")),
        "voices" if !rest.is_empty() => Ok(Call::new("voices").with("engine", rest)),
        "voices" => Ok(Call::new("voices")),
        "task" => {
            let (agents, text) = word(rest);
            if text.is_empty() {
                return Err(NoCall::Incomplete {
                    usage: "!task 1,3 TEXT",
                });
            }
            Ok(Call::new("task create")
                .with("agents", agents)
                .with("name", text))
        }
        "resume" | "verify" | "onboard" | "start" | "stop" | "restart" => {
            let call = one(&format!("agent {name}"), "!resume AGENT")?;
            Ok(call)
        }
        "multi" => {
            let (what, agents) = word(rest);
            if agents.is_empty() {
                return Err(NoCall::Incomplete {
                    usage: "!multi resume 1,3",
                });
            }
            Ok(Call::new("multi").with("what", what).with("agents", agents))
        }
        "broadcast" if !rest.is_empty() => Ok(Call::new("broadcast").with("text", rest)),
        "broadcast" => Err(NoCall::Incomplete {
            usage: "!broadcast TEXT",
        }),
        "system" => match word(rest).0 {
            "" | "status" => Ok(Call::new("system status")),
            what @ ("sync" | "backup" | "cleanup") => {
                Ok(Call::new("system request").with("what", what))
            }
            other => Err(NoCall::Action(other.to_owned())),
        },
        "logs" => logs(rest),
        request if REQUESTS.contains(&request) => {
            Ok(one("agent request", "!sync AGENT")?.with("what", request))
        }
        _ => Err(NoCall::Unknown(name)),
    }
}

/// `[AGENT] [level=info] [limit=10]`
fn logs(rest: &str) -> Result<Call, NoCall> {
    let mut call = Call::new("logs").with("source", "system");
    for word in rest.split_whitespace() {
        call = match word.split_once('=') {
            Some(("level", level)) => call.with("level", level),
            Some(("limit", limit)) => call.with("lines", limit),
            Some(_) => {
                return Err(NoCall::Incomplete {
                    usage: "!logs [AGENT] [level=info] [limit=10]",
                });
            }
            None => call.with("source", word),
        };
    }
    Ok(call)
}

fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (first, rest.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discord::grammar;

    fn parsed(text: &str) -> Result<Call, NoCall> {
        parse(text, "!").expect("it begins so")
    }

    #[test]
    fn the_names_of_the_original_are_known() {
        let all = [
            ("!help", "help"),
            ("!list", "agents"),
            ("!status", "status"),
            ("!status Agent-1", "agent show"),
            ("!message agent-1 go on", "send"),
            ("!prompt agent-1 go on", "prompt"),
            ("!devlog agent-1 did it", "devlog update"),
            ("!view_devlog agent-1", "devlog view"),
            ("!clear_devlog agent-1", "devlog clear"),
            ("!channels", "channels list"),
            ("!task 1,3,5 clean up", "task create"),
            ("!resume agent-1", "agent resume"),
            ("!verify agent-1", "agent verify"),
            ("!multi resume 1,3", "multi"),
            ("!broadcast all stop", "broadcast"),
            ("!repair agent-1", "agent request"),
            ("!onboard agent-1", "agent onboard"),
            ("!system sync", "system request"),
            ("!join", "join"),
            ("!join <#4001>", "join"),
            ("!leave", "leave"),
            ("!say all is well", "say"),
            ("!voices", "voices"),
            ("!voice en-gb", "voice"),
            ("!logs agent-1 level=warn limit=5", "logs"),
        ];
        for (text, path) in all {
            let call = parsed(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(call.path, path, "{text}");
            let command = grammar::command(path).unwrap();
            for option in command.options.iter().filter(|it| it.is_required) {
                assert!(call.get(option.name).is_some(), "{text}: {}", option.name);
            }
        }
    }

    #[test]
    fn the_rest_is_text_as_it_was_typed() {
        let call = parsed("!message  agent-1   two  words\nand a line").unwrap();
        assert_eq!(call.get("text"), Some("two  words\nand a line"));
    }

    #[test]
    fn what_is_no_command_is_told_or_left_alone() {
        assert_eq!(parse("hello", "!"), None);
        assert_eq!(parse("!", "!"), None);
        assert_eq!(parse("!!!", "!"), None);
        let why = |text: &str| parsed(text).unwrap_err().to_string();
        assert_eq!(why("!dance"), "Invalid command: dance");
        assert_eq!(
            why("!message agent-1"),
            "Invalid command: !message AGENT TEXT"
        );
        assert_eq!(why("!system dance"), "Invalid action: dance");
        assert!(why("!logs agent-1 color=red").starts_with("Invalid command"));
    }
}
