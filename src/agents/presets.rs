//! What is known of the programs that agents are: one row each. What `agents.yaml` says of an agent goes first.

use serde::Deserialize;

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
    /// It waits for input when one of these stands in the last lines of its screen.
    pub ready: &'static [&'static str],
    pub tty: bool,
    /// The file that it reads at its start, in its working directory.
    pub instructions: Option<&'static str>,
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
                ready: &["$ ", "# "],
                tty: true,
                instructions: None,
            },
            Self::Claude => Preset {
                command: &["claude"],
                resume: &["--continue"],
                ready: &["? for shortcuts", "❯"],
                tty: true,
                instructions: Some("CLAUDE.md"),
            },
            Self::Codex => Preset {
                command: &["codex"],
                resume: &["resume", "--last"],
                ready: &["›", "▌"],
                tty: true,
                instructions: Some("AGENTS.md"),
            },
            Self::Gemini => Preset {
                command: &["gemini"],
                resume: &["--resume", "latest"],
                ready: &["Type your message"],
                tty: true,
                instructions: Some("GEMINI.md"),
            },
            Self::Aider => Preset {
                command: &["aider"],
                resume: &["--restore-chat-history"],
                ready: &["> "],
                tty: true,
                // By `read: AGENTS.md` in its own configuration.
                instructions: Some("AGENTS.md"),
            },
        }
    }
}
