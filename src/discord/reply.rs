//! What is answered, before it is anybody's message. Plain data.

use super::press::Press;
use super::split::{LONGEST, block};
use crate::mailbox::Address;
use crate::names::AgentId;

/// More characters of a log than these go into a file.
const MOST_SHOWN: usize = 1900;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) text: String,
    pub(super) file: Option<File>,
    pub(super) buttons: Vec<Button>,
    /// How far this comes is told in the same answer.
    pub(super) follows: Option<Followed>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Followed {
    /// A message, and who sent it.
    Mail { at: Address, by: AgentId },
    /// A file of the voice's queue.
    Speech { name: String },
}

/// What became of a file of the voice's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Heard,
    SetAside(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Button {
    pub(super) press: Press,
    pub(super) label: &'static str,
    /// It ends or sends something.
    pub(super) is_grave: bool,
}

impl Button {
    pub(super) const fn new(press: Press, label: &'static str) -> Self {
        Self {
            press,
            label,
            is_grave: false,
        }
    }

    pub(super) const fn grave(press: Press, label: &'static str) -> Self {
        Self {
            press,
            label,
            is_grave: true,
        }
    }
}

impl Reply {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A title and what stands below it as it is; if that is long, in a file.
    pub(super) fn listing(title: &str, name: &str, lines: &str) -> Self {
        let shown = format!("**{title}**\n{}", block(lines));
        if shown.chars().count() <= MOST_SHOWN {
            return Self::text(shown);
        }
        let count = lines.lines().count();
        Self {
            text: format!("**{title}**\n{count} lines, in the file"),
            file: Some(File {
                name: name.to_owned(),
                bytes: lines.as_bytes().to_vec(),
            }),
            ..Self::default()
        }
    }

    #[must_use]
    pub(super) fn with(mut self, button: Button) -> Self {
        self.buttons.push(button);
        self
    }

    /// As one message takes it; more is in a file.
    #[must_use]
    pub(super) fn bounded(mut self) -> Self {
        if self.text.chars().count() <= LONGEST {
            return self;
        }
        if self.file.is_none() {
            self.file = Some(File {
                name: "answer.txt".into(),
                bytes: self.text.as_bytes().to_vec(),
            });
        }
        let first = super::split::split(&self.text, MOST_SHOWN)
            .into_iter()
            .next();
        self.text = first.unwrap_or_default() + "\n… (whole in the file)";
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_a_file_and_a_short_one_is_shown() {
        let short = Reply::listing("Logs", "agent-1.log", "one\ntwo\n");
        assert_eq!(short.text, "**Logs**\n```\none\ntwo\n```");
        assert_eq!(short.file, None);
        let lines = "a line of some length\n".repeat(100);
        let long = Reply::listing("Logs", "agent-1.log", &lines);
        assert_eq!(long.text, "**Logs**\n100 lines, in the file");
        assert_eq!(long.file.unwrap().bytes, lines.as_bytes());
    }

    #[test]
    fn no_answer_is_longer_than_a_message_and_nothing_of_it_is_lost() {
        let text = "word ".repeat(1000);
        let reply = Reply::text(text.clone()).bounded();
        assert!(reply.text.chars().count() <= LONGEST);
        assert_eq!(reply.file.unwrap().bytes, text.as_bytes());
    }
}
