//! What is known of the programs that agents are: one row each. What `agents.yaml` says of an agent goes first.

use serde::Deserialize;

use super::health::Activity;

/// The program that an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Harness {
    Shell,
    Claude,
    Codex,
    Gemini,
    Aider,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    pub command: &'static [&'static str],
    /// Arguments behind the command that continue its last session; none where it knows no such thing.
    pub resume: &'static [&'static str],
    pub prompt: Prompt,
    pub tty: bool,
    /// The file that it reads at its start, in its working directory.
    pub instructions: Option<&'static str>,
}

/// What its screen shows when it waits for somebody. As observed: it may change with any version of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// One of these, among the last lines.
    Holds(&'static [&'static str]),
    /// One of these, at the end of the last line.
    Ends(&'static [&'static str]),
}

/// So many lines that are not empty are the last lines: below a prompt stand hints and a status.
pub const LAST_LINES: usize = 8;

impl Prompt {
    /// Whom it waits for, by what it shows. A prompt before a numbered choice is a question.
    pub fn read(self, screen: &str) -> Option<(Activity, &'static str)> {
        let mut lines = screen.lines().rev().map(str::trim_end);
        let mut last = lines.by_ref().filter(|line| !line.is_empty());
        let (prompts, behind) = match self {
            Self::Ends(prompts) => {
                let line = last.next()?;
                let prompt = prompts.iter().find(|prompt| line.ends_with(**prompt))?;
                return Some((Activity::Idle, prompt));
            }
            Self::Holds(prompts) => (prompts, last.take(LAST_LINES)),
        };
        let mut found = None;
        for line in behind {
            let at = prompts.iter().find_map(|prompt| {
                let (_, rest) = line.split_once(prompt)?;
                Some((*prompt, rest.trim_start()))
            });
            if let Some((prompt, rest)) = at {
                if is_choice(rest) {
                    return Some((Activity::NeedsInput, prompt));
                }
                found.get_or_insert((Activity::Idle, prompt));
            }
        }
        found
    }
}

/// `1. Yes`
fn is_choice(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    rest.len() < text.len() && rest.starts_with(". ")
}

impl Harness {
    pub const ALL: [Self; 5] = [
        Self::Shell,
        Self::Claude,
        Self::Codex,
        Self::Gemini,
        Self::Aider,
    ];

    pub const fn preset(self) -> Preset {
        match self {
            Self::Shell => Preset {
                command: &["/bin/sh"],
                resume: &[],
                prompt: Prompt::Ends(&["$", "#"]),
                tty: true,
                instructions: None,
            },
            Self::Claude => Preset {
                command: &["claude"],
                resume: &["--continue"],
                prompt: Prompt::Holds(&["? for shortcuts", "❯"]),
                tty: true,
                instructions: Some("CLAUDE.md"),
            },
            Self::Codex => Preset {
                command: &["codex"],
                resume: &["resume", "--last"],
                prompt: Prompt::Holds(&["›", "▌"]),
                tty: true,
                instructions: Some("AGENTS.md"),
            },
            Self::Gemini => Preset {
                command: &["gemini"],
                resume: &["--resume", "latest"],
                prompt: Prompt::Holds(&["Type your message"]),
                tty: true,
                instructions: Some("GEMINI.md"),
            },
            Self::Aider => Preset {
                command: &["aider"],
                resume: &["--restore-chat-history"],
                prompt: Prompt::Ends(&[">"]),
                tty: true,
                // By `read: AGENTS.md` in its own configuration.
                instructions: Some("AGENTS.md"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(harness: Harness, screen: &str) -> Option<Activity> {
        let read = harness.preset().prompt.read(screen);
        read.map(|(activity, _)| activity)
    }

    #[test]
    fn a_prompt_on_the_last_lines_is_idle_and_a_choice_is_a_question() {
        let claude = "Done.\n\n────────\n❯ \n────────\n  ? for shortcuts\n\n";
        assert_eq!(read(Harness::Claude, claude), Some(Activity::Idle));
        let choice = "Do you want to proceed?\n❯ 1. Yes\n  2. No\n";
        assert_eq!(read(Harness::Claude, choice), Some(Activity::NeedsInput));
        let typed = "❯ 100 files\n  ? for shortcuts";
        assert_eq!(read(Harness::Claude, typed), Some(Activity::Idle));
        let gone = format!("❯ \n{}", "line\n".repeat(LAST_LINES));
        assert_eq!(read(Harness::Claude, &gone), None);
        let box_of_gemini = "│ >   Type your message or @path/to/file │\n~/work  gemini";
        assert_eq!(read(Harness::Gemini, box_of_gemini), Some(Activity::Idle));
        let codex = "› Ask Codex to do anything\n";
        assert_eq!(read(Harness::Codex, codex), Some(Activity::Idle));
    }

    #[test]
    fn the_prompt_of_a_line_editor_ends_the_last_line() {
        assert_eq!(
            read(Harness::Shell, "me@host:~$ \n\n"),
            Some(Activity::Idle)
        );
        assert_eq!(read(Harness::Shell, "me@host:~$ make\ncc -c a.c"), None);
        assert_eq!(
            read(Harness::Aider, "Tokens: 2k\n\nask> "),
            Some(Activity::Idle)
        );
        assert_eq!(read(Harness::Aider, ""), None);
    }
}
