//! The one map from what went wrong to an exit code, and how it is told.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::Serialize;

use super::text::visible;
use crate::names::{Explain, Kind, MessageId, Unsure};

/// How a verb ended. Ordered by how bad it is, so that the worst of several is their maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exit(u8);

impl Exit {
    pub const DONE: Self = Self(0);
    /// A question's honest "no".
    pub const NO: Self = Self(1);
    pub const TIMED_OUT: Self = Self(124);
    /// The terminal went away.
    pub const HUNG_UP: Self = Self(129);
    pub const INTERRUPTED: Self = Self(130);
    pub const TERMINATED: Self = Self(143);

    /// The table of the README. A new kind stops the build here.
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::No => Self::NO,
            Kind::Usage => Self(2),
            Kind::Corrupt => Self(65),
            Kind::Unknown => Self(66),
            Kind::Unreachable => Self(69),
            Kind::Bug => Self(70),
            Kind::CannotCreate => Self(73),
            Kind::Io => Self(74),
            Kind::Busy | Kind::OutcomeUnknown => Self(75),
            Kind::Refused => Self(77),
            Kind::Config => Self(78),
            Kind::TimedOut => Self::TIMED_OUT,
        }
    }

    pub const fn code(self) -> u8 {
        self.0
    }
}

/// By which an exit code is known again; of two with the same code the one that promises less.
const KINDS: [Kind; 12] = [
    Kind::No,
    Kind::Usage,
    Kind::Corrupt,
    Kind::Unknown,
    Kind::Unreachable,
    Kind::Bug,
    Kind::CannotCreate,
    Kind::Io,
    Kind::OutcomeUnknown,
    Kind::Refused,
    Kind::Config,
    Kind::TimedOut,
];

/// What can go wrong between a person and a program, before any room is asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{message}")]
    Usage {
        message: String,
        hint: Option<String>,
    },
    #[error("can't read standard input: {0}")]
    Input(std::io::Error),
    #[error("standard input is no UTF-8 text")]
    NotText,
    #[error("standard input is empty: there is nothing to send")]
    Empty,
    #[error("the content is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("can't write to standard output: {0}")]
    Output(std::io::Error),
    /// What was done stays done, and whoever was to be told of it may have got a part.
    #[error("can't write to standard output: {source}; {done}")]
    Untold {
        source: std::io::Error,
        done: String,
        hint: String,
    },
    #[error("{}: {source}", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the editor {command:?} {how}")]
    Editor {
        command: String,
        how: String,
        kept: Option<PathBuf>,
    },
    #[error("can't run {command:?}: {source}")]
    Command {
        command: String,
        source: std::io::Error,
    },
    /// Of ours, and not installed.
    #[error("{name} is neither beside this program nor on the PATH")]
    NoProgram { name: &'static str },
    #[error("can't catch signals: {0}")]
    Signals(std::io::Error),
    #[error("this needs a terminal on standard input and output")]
    NoTerminal,
    #[error("can't use the terminal: {0}")]
    Terminal(std::io::Error),
}

impl Error {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: None,
        }
    }

    pub fn advice(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Usage { .. }
            | Self::NotText
            | Self::Empty
            | Self::TooLong { .. }
            | Self::NoTerminal => Kind::Usage,
            Self::Untold { .. } => Kind::OutcomeUnknown,
            Self::NoProgram { .. } => Kind::Unreachable,
            Self::Input(_)
            | Self::Output(_)
            | Self::File { .. }
            | Self::Editor { .. }
            | Self::Command { .. }
            | Self::Terminal(_)
            | Self::Signals(_) => Kind::Io,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Usage { hint, .. } => hint.clone(),
            Self::Untold { hint, .. } => Some(hint.clone()),
            Self::NotText => Some("send it as a file: --file PATH".into()),
            Self::TooLong { .. } => Some("send it as a file, up to 64 MiB: --file PATH".into()),
            Self::Editor {
                kept: Some(path), ..
            } => Some(format!("what you wrote is kept in {}", path.display())),
            _ => None,
        }
    }

    fn path(&self) -> Option<&std::path::Path> {
        match self {
            Self::File { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// An error of any room, as it is told and as the exit code tells it.
#[derive(Clone, Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
    path: Option<PathBuf>,
    key: Option<String>,
    /// Of a batch; with the line of each, where there are lines.
    each: Box<[(Option<usize>, Unsure)]>,
}

impl<E: Explain> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            kind: error.kind(),
            message: error.to_string(),
            hint: error.hint(),
            path: error.path().map(Into::into),
            key: error.key(),
            each: error.each().iter().map(|it| (None, it.clone())).collect(),
        }
    }
}

#[derive(Serialize)]
struct Told<'a> {
    schema: &'static str,
    code: u8,
    message: &'a str,
    hint: Option<&'a str>,
    path: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<ToldUnsure<'a>>,
}

#[derive(Serialize)]
struct ToldUnsure<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    key: &'a str,
    id: MessageId,
}

impl Failure {
    pub(super) fn usage(message: String) -> Self {
        Error::usage(message).into()
    }

    /// As another program of ours told it under `--json`; `None` where it told nothing like that.
    pub fn retold(told: &serde_json::Value) -> Option<Self> {
        let text = |name| told.get(name)?.as_str().map(str::to_owned);
        let code = told.get("code")?.as_u64()?;
        Some(Self {
            kind: *KINDS
                .iter()
                .find(|kind| u64::from(Exit::of(**kind).0) == code)?,
            message: text("message")?,
            hint: text("hint"),
            path: text("path").map(PathBuf::from),
            key: None,
            each: Box::default(),
        })
    }

    pub const fn exit(&self) -> Exit {
        Exit::of(self.kind)
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// On which lines of its input the messages of a batch stand, in their order.
    #[must_use]
    pub fn on_lines(mut self, lines: impl IntoIterator<Item = usize>) -> Self {
        for ((line, _), number) in self.each.iter_mut().zip(lines) {
            *line = Some(number);
        }
        self
    }

    fn messages(&self) -> impl Iterator<Item = ToldUnsure<'_>> {
        self.each.iter().map(|(line, it)| ToldUnsure {
            line: *line,
            key: &it.key,
            id: it.id,
        })
    }

    /// Whether a change was made; asked only where "try again" is the advice.
    const fn outcome(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Busy => Some("none"),
            Kind::OutcomeUnknown => Some("unknown"),
            _ => None,
        }
    }

    /// One object.
    pub fn document(&self) -> serde_json::Value {
        let told = Told {
            schema: "dreamos.error/1",
            code: self.exit().code(),
            message: &self.message,
            hint: self.hint.as_deref(),
            path: self.path.as_deref().map(|path| path.to_string_lossy()),
            outcome: self.outcome(),
            key: self.key.as_deref(),
            messages: self.messages().collect(),
        };
        serde_json::to_value(&told).unwrap_or_default()
    }

    /// For a person. An honest "no" is no error.
    pub fn text(&self) -> String {
        let word = if self.exit() == Exit::NO {
            "no"
        } else {
            "error"
        };
        let mut text = format!("{word}: {}\n", visible(&self.message));
        let key = self
            .key
            .as_deref()
            .map(|key| format!("try again with --key {key}"));
        for hint in self.hint.iter().chain(&key) {
            text.push_str("  hint: ");
            text.push_str(&visible(hint));
            text.push('\n');
        }
        for ToldUnsure { line, key, id } in self.messages() {
            let place = line.map_or_else(|| id.to_string(), |line| format!("line {line}"));
            writeln!(text, "  {place}: key {}", visible(key)).expect("a string grows");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the flush failed")]
    struct Lost;

    impl Explain for Lost {
        fn kind(&self) -> Kind {
            Kind::OutcomeUnknown
        }
        fn key(&self) -> Option<String> {
            Some("k-1".into())
        }
    }

    #[test]
    fn an_unknown_outcome_names_the_key_that_makes_a_retry_safe() {
        let failure = Failure::from(Lost);
        assert_eq!(
            failure.document().to_string(),
            r#"{"schema":"dreamos.error/1","code":75,"message":"the flush failed","hint":null,"path":null,"outcome":"unknown","key":"k-1"}"#
        );
        assert_eq!(
            failure.text(),
            "error: the flush failed\n  hint: try again with --key k-1\n"
        );
    }

    #[test]
    fn a_stranger_in_an_error_cannot_drive_the_terminal() {
        let failure = Failure::usage("no \u{1b}[2J".into());
        assert_eq!(failure.text(), "error: no \\x1b[2J\n");
        assert_eq!(failure.exit().code(), 2);
    }

    #[test]
    fn what_another_program_told_is_told_again_as_it_was() {
        let told = Failure::from(Error::advice("no", "yes")).document();
        let retold = Failure::retold(&told).unwrap();
        assert_eq!(retold.document(), told);
        for kind in KINDS {
            let code = Exit::of(kind).code();
            let told = serde_json::json!({"code": code, "message": "x"});
            assert_eq!(Failure::retold(&told).unwrap().exit().code(), code);
        }
        let unknown = serde_json::json!({"code": 99, "message": "x"});
        assert!(Failure::retold(&unknown).is_none());
        assert!(Failure::retold(&serde_json::json!("x")).is_none());
    }

    #[test]
    fn the_worst_of_several_exits_is_the_greatest() {
        let worst = [Exit::DONE, Exit::of(Kind::Unknown), Exit::NO]
            .into_iter()
            .max();
        assert_eq!(worst.map(Exit::code), Some(66));
    }
}
