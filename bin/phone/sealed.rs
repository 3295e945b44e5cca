//! Text that only its recipient can read. What seals and opens it is too large for a program that is started for every
//! message: `secctl` does it, as a child, which is given the text on its standard input and nowhere else.
//!
//! What was opened is in this process and on its standard output, never in a file, an argument or the environment.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use dreamos::cli::{Context, Error, Failure, LONGEST_CONTENT};
use dreamos::desk::Desk;
use dreamos::mailbox::Message;
use dreamos::names::{AgentId, Draft, OPENED, UNOPENED_WHY};
use serde_json::{Value, json};

use super::letter::Letter;

const SECCTL: &str = "secctl";
/// In armor this is just within what a content may be.
const MOST_KIB: usize = 755;

/// `secctl`, for one who speaks.
#[derive(Debug)]
pub(crate) struct Secctl {
    program: PathBuf,
    home: PathBuf,
    speaker: String,
    insecure_home: bool,
}

impl Secctl {
    pub(crate) fn of(context: &Context, desk: &Desk) -> Self {
        // Where that cannot be told it is looked for on the PATH, as where none lies beside.
        let own = std::env::current_exe().ok();
        let beside = own.map(|own| own.with_file_name(SECCTL));
        Self {
            program: beside
                .filter(|path| path.is_file())
                .unwrap_or_else(|| SECCTL.into()),
            home: desk.home().dir().to_owned(),
            speaker: desk.caller().agent.to_string(),
            insecure_home: context.options().insecure_home,
        }
    }

    /// It reads all of its input before it says anything.
    fn run(&self, args: &[&str], input: &[u8]) -> Result<Output, Failure> {
        let mut command = Command::new(&self.program);
        command.args(args).args(["--json", "--quiet"]);
        command.args(["--as", &self.speaker]);
        command.arg("--home").arg(&self.home);
        if self.insecure_home {
            command.arg("--insecure-home");
        }
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => Error::NoProgram { name: SECCTL },
            _ => Error::Command {
                command: SECCTL.into(),
                source,
            },
        };
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // Why it does not read it is what it tells.
            let _: io::Result<()> = stdin.write_all(input);
        }
        Ok(child.wait_with_output().map_err(failed)?)
    }

    /// What the draft says, for its recipient alone.
    pub(crate) fn seal(&self, draft: &mut Draft) -> Result<(), Failure> {
        let output = self.run(&["seal", draft.to.as_str()], draft.content.as_bytes())?;
        let sealed = documents(&output.stdout).next();
        match sealed.as_ref().and_then(|it| it.get("content")?.as_str()) {
            Some(sealed) if sealed.len() > LONGEST_CONTENT => Err(Error::advice(
                format!("sealed, the text is longer than {LONGEST_CONTENT} bytes"),
                format!(
                    "{MOST_KIB} KiB can be sealed; for more: secctl seal AGENT < FILE > FILE.age"
                ),
            )
            .into()),
            Some(sealed) => {
                draft.seal(sealed.to_owned());
                Ok(())
            }
            None => Err(why(&output)),
        }
    }
}

/// What it printed, a line each.
fn documents(printed: &[u8]) -> impl Iterator<Item = Value> {
    let lines = str::from_utf8(printed).unwrap_or_default().lines();
    lines.filter_map(|line| serde_json::from_str(line).ok())
}

/// What it told of why it did not do it.
fn why(output: &Output) -> Failure {
    let retold = documents(&output.stderr).find_map(|it| Failure::retold(&it));
    retold.unwrap_or_else(|| {
        let source = io::Error::other(format!("it ended with {}", output.status));
        let command = SECCTL.into();
        Error::Command { command, source }.into()
    })
}

/// What seals, where the person asked for it: before anything is sent or copied.
pub(crate) fn sealer(
    context: &Context,
    desk: &Desk,
    letter: &Letter,
) -> Result<Option<Secctl>, Failure> {
    if letter.seal && !letter.files.is_empty() {
        return Err(Error::advice(
            "--seal seals the text alone, and a file beside it could be read",
            "seal the file too, and send that without --seal: secctl seal AGENT < FILE > FILE.age",
        )
        .into());
    }
    Ok(letter.seal.then(|| Secctl::of(context, desk)))
}

/// Opens what the caller may open, all with one child, and says of each that is sealed whether it was. Where the child
/// itself failed, that is warned of.
pub(crate) fn open(context: &Context, desk: &Desk, messages: &mut [Message]) {
    if let Err(failure) = try_open(context, desk, messages) {
        context.warn(&format!("what is sealed stays so: {}", failure.message()));
    }
}

/// As `open`; `Err`: the child failed, and to try again may help.
pub(crate) fn try_open(
    context: &Context,
    desk: &Desk,
    messages: &mut [Message],
) -> Result<(), Failure> {
    let mut mine: Vec<&mut Message> = Vec::new();
    let mut known: Vec<(AgentId, Result<bool, String>)> = Vec::new();
    for message in messages.iter_mut().filter(|it| it.is_sealed()) {
        let place = known.iter().position(|(agent, _)| *agent == message.to);
        let place = place.unwrap_or_else(|| {
            let may = desk.may_open(&message.to);
            known.push((message.to.clone(), may.map_err(|error| error.to_string())));
            known.len() - 1
        });
        match &known[place].1 {
            Ok(true) => mine.push(message),
            Ok(false) => shut(message, &only(&message.to)),
            Err(error) => shut(message, error),
        }
    }
    if mine.is_empty() {
        return Ok(());
    }
    let all = match opened(context, desk, &mine) {
        Ok(all) => all,
        Err(failure) => {
            for message in mine {
                shut(message, failure.message());
            }
            return Err(failure);
        }
    };
    for (message, opened) in mine.into_iter().zip(all) {
        match opened {
            Ok(text) => {
                message.content = text;
                message.extra.insert(OPENED.into(), true.into());
            }
            Err(failure) => shut(message, failure.message()),
        }
    }
    Ok(())
}

fn shut(message: &mut Message, why: &str) {
    message.extra.insert(OPENED.into(), false.into());
    message.extra.insert(UNOPENED_WHY.into(), why.into());
}

fn only(agent: &AgentId) -> String {
    format!("only {agent} can read it")
}

type Text = Result<String, Failure>;

/// One for each.
fn opened(context: &Context, desk: &Desk, mine: &[&mut Message]) -> Result<Vec<Text>, Failure> {
    let mut lines = String::new();
    for message in mine {
        let line = json!({"to": message.to.as_str(), "content": message.content});
        writeln!(lines, "{line}").expect("a string grows");
    }
    let output = Secctl::of(context, desk).run(&["open", "--batch"], lines.as_bytes())?;
    let texts: Vec<Text> = documents(&output.stdout).filter_map(text).collect();
    if texts.len() == mine.len() {
        Ok(texts)
    } else {
        Err(why(&output))
    }
}

fn text(mut told: Value) -> Option<Text> {
    if let Some(error) = told.get("error") {
        return Failure::retold(error).map(Err);
    }
    match told.get_mut("content").map(Value::take) {
        Some(Value::String(text)) => Some(Ok(text)),
        _ => None,
    }
}

/// What a person sees of a message: its text, or that he cannot read it.
pub(crate) fn legible(message: &Message) -> Cow<'_, str> {
    if is_legible(message) {
        return Cow::Borrowed(&message.content);
    }
    let why = message.extra.get(UNOPENED_WHY).and_then(Value::as_str);
    let why = why.map_or_else(|| only(&message.to), str::to_owned);
    Cow::Owned(format!("(sealed: {why})"))
}

/// Whether its content is what its sender said.
pub(crate) fn is_legible(message: &Message) -> bool {
    !message.is_sealed() || message.extra.get(OPENED) == Some(&Value::Bool(true))
}
