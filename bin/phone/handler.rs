//! A taken message, as a script gets it: shell variables, or one JSON object on its stdin.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, ExitStatus, Stdio};

use dreamos::cli::{Error, quoted};
use dreamos::desk::Desk;
use dreamos::mailbox::Taken;
use dreamos::time::Timestamp;
use serde::Serialize;

use super::document::{Document, name_of};

#[derive(Serialize)]
pub(crate) struct TakenBody<'a> {
    #[serde(flatten)]
    message: &'a dreamos::mailbox::Message,
    token: &'a str,
    lapses_at: Timestamp,
}

pub(crate) fn document(taken: &Taken) -> Document<TakenBody<'_>> {
    let body = TakenBody {
        message: &taken.message,
        token: &taken.token,
        lapses_at: taken.lapses_at,
    };
    Document {
        schema: "dreamos.taken/1",
        body,
    }
}

fn variables(taken: &Taken) -> [(&'static str, String); 8] {
    let message = &taken.message;
    let id =
        |id: Option<dreamos::names::MessageId>| id.map(|id| id.to_string()).unwrap_or_default();
    [
        ("DREAMOS_MESSAGE_ID", name_of(message).to_string()),
        ("DREAMOS_FROM", message.from.to_string()),
        ("DREAMOS_MODE", message.mode.to_string()),
        ("DREAMOS_REPLY_TO", id(message.reply_to)),
        ("DREAMOS_THREAD", id(message.thread)),
        ("DREAMOS_TOKEN", taken.token.clone()),
        (
            "DREAMOS_TAINT",
            message.taint().map(|it| it.to_string()).unwrap_or_default(),
        ),
        (CONTENT, message.content.clone()),
    ]
}

/// `NAME='value'` lines, for `eval`.
pub(crate) fn assignments(taken: &Taken) -> String {
    let mut lines = String::new();
    for (name, value) in variables(taken) {
        writeln!(lines, "{name}={}", quoted(&value)).expect("a string grows");
    }
    lines
}

const CONTENT: &str = "DREAMOS_CONTENT";
/// The kernel takes 128 KiB an environment string and fails the `exec` beyond. The whole text is on stdin; there alone is
/// what was sealed: everybody may see the environment of a process who may see the process.
const LONGEST_VARIABLE: usize = 100 << 10;

/// Runs `command` in a shell with the message on its stdin and in its environment, and waits for its end.
pub(crate) fn handle(desk: &Desk, command: &str, taken: &Taken) -> Result<ExitStatus, Error> {
    let failed = |source| Error::Command {
        command: command.to_owned(),
        source,
    };
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .env("DREAMOS_HOME", desk.home().dir())
        .env("DREAMOS_AGENT", desk.caller().agent.as_str())
        .stdin(Stdio::piped());
    for (name, value) in variables(taken) {
        let is_secret = name == CONTENT && taken.message.is_sealed();
        let fits = value.len() <= LONGEST_VARIABLE && !is_secret;
        let value = if fits {
            value.replace('\0', "\u{fffd}")
        } else {
            String::new()
        };
        shell.env(name, value);
    }
    let mut child = shell.spawn().map_err(failed)?;
    let line = serde_json::to_string(&document(taken)).expect("a message has string keys");
    if let Some(mut stdin) = child.stdin.take() {
        // A handler that does not read its input has it in the environment.
        let _: std::io::Result<()> = writeln!(stdin, "{line}");
    }
    child.wait().map_err(failed)
}
