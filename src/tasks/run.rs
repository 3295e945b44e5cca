//! What a task does by itself: run a program, or send a message. Pure.
//!
//! `"run": "make backup"` is a line for the shell, `["make", "backup"]` a program and its arguments,
//! `{"command": …, "cwd": …, "env": {…}}` the same with a place and surroundings, and
//! `{"send": {"to": "agent-2", "content": "…", "mode": "NORMAL"}}` a message.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::{AgentId, Mode};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Action {
    Shell(String),
    Program(Vec<String>),
    Send { send: Post },
    Command(Command),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Post {
    pub to: AgentId,
    pub content: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    pub command: Line,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    Shell(String),
    Program(Vec<String>),
}

impl Line {
    pub fn argv(&self) -> Vec<String> {
        match self {
            Self::Shell(line) => vec!["/bin/sh".into(), "-c".into(), line.clone()],
            Self::Program(argv) => argv.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Shell(line) => line.trim().is_empty(),
            Self::Program(argv) => argv.first().is_none_or(String::is_empty),
        }
    }
}

impl Action {
    pub fn parse(value: &Value) -> Result<Self, String> {
        let shapes = "a line for the shell, a list of a program and its arguments, {\"command\": …, \"cwd\": …, \
                      \"env\": {…}}, or {\"send\": {\"to\": …, \"content\": …}}";
        // Said of the very part that is wrong, where it can be told which shape was meant.
        if let Some(post) = value.get("send") {
            Post::deserialize(post).map_err(|error| format!("send: {error}"))?;
        } else if value.is_object() {
            Command::deserialize(value).map_err(|error| error.to_string())?;
        }
        let action = Self::deserialize(value).map_err(|_| format!("it must be {shapes}"))?;
        let is_empty = match &action {
            Self::Shell(line) => line.trim().is_empty(),
            Self::Program(argv) => argv.first().is_none_or(String::is_empty),
            Self::Command(command) => command.command.is_empty(),
            Self::Send { send } => send.content.is_empty(),
        };
        if is_empty {
            return Err("there is nothing in it to run or to send".into());
        }
        Ok(action)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_shape_is_read_and_written_as_it_was() {
        for shape in [
            json!("make backup"),
            json!(["make", "backup"]),
            json!({"command": "make backup", "cwd": "/srv", "env": {"A": "1"}}),
            json!({"command": ["make"]}),
            json!({"send": {"to": "agent-2", "content": "hi", "mode": "PRIORITY"}}),
        ] {
            let action = Action::parse(&shape).unwrap();
            assert_eq!(serde_json::to_value(action).unwrap(), shape);
        }
    }

    #[test]
    fn what_is_none_of_them_is_told_why() {
        for (shape, why) in [
            (json!(7), "a line for the shell"),
            (json!(""), "nothing in it"),
            (json!([]), "nothing in it"),
            (json!({"command": "x", "cdw": "/"}), "unknown field `cdw`"),
            (
                json!({"send": {"to": "A B", "content": "x"}}),
                "no agent name",
            ),
            (json!({"send": {"to": "a"}}), "missing field `content`"),
        ] {
            let said = Action::parse(&shape).unwrap_err();
            assert!(said.contains(why), "{shape}: {said}");
        }
    }
}
