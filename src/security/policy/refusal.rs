//! That something is not allowed, by which rule, and who may instead.

use std::time::Duration;

use crate::names::{AgentId, Explain, Kind, Verb};

/// An act that the policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{caller} may not {} {target} (rule {rule})", deed(*verb))]
    Never {
        verb: Verb,
        caller: String,
        target: AgentId,
        rule: String,
        /// To whom it would be allowed.
        others: Vec<AgentId>,
    },
    #[error("{caller} has done {} as often as it may (rule {rule})", verb.as_str())]
    TooOften {
        verb: Verb,
        caller: String,
        rule: String,
        again_in: Duration,
    },
}

impl Refusal {
    pub fn rule(&self) -> &str {
        match self {
            Self::Never { rule, .. } | Self::TooOften { rule, .. } => rule,
        }
    }
}

impl Explain for Refusal {
    fn kind(&self) -> Kind {
        Kind::Refused
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Never { others, .. } if others.is_empty() => None,
            Self::Never { others, .. } => {
                let others: Vec<&str> = others.iter().map(AgentId::as_str).collect();
                Some(format!(
                    "{} may; say who you are with --as or DREAMOS_AGENT",
                    others.join(" or ")
                ))
            }
            Self::TooOften { again_in, .. } => {
                // Whoever comes a moment too early is refused again.
                Some(format!(
                    "again in {} s",
                    again_in.as_millis().div_ceil(1000)
                ))
            }
        }
    }
}

/// Reads well before the name of an agent.
pub const fn deed(verb: Verb) -> &'static str {
    match verb {
        Verb::MailSend => "send to",
        Verb::MailRead => "read the mail of",
        Verb::MailFollow => "follow the mail of",
        Verb::MailOpen => "open what is sealed to",
        Verb::MailTake => "take the mail of",
        Verb::MailAck => "acknowledge the mail of",
        Verb::MailNack => "give back the mail of",
        Verb::MailRecall => "recall the mail of",
        Verb::MailRestore => "restore the mail of",
        Verb::MailEdit => "edit the mail of",
        Verb::MailPrune => "prune the mail of",
        Verb::MailImport => "import mail for",
        Verb::MailRepair => "repair the mailbox of",
        Verb::MailCreate => "make a mailbox for",
        Verb::AgentStart => "start",
        Verb::AgentStop => "stop",
        Verb::AgentLook => "see what is printed by",
        Verb::AgentBeat => "speak for",
        Verb::AgentType => "type on the terminal of",
        Verb::AgentConfigure => "change the settings of",
        Verb::AgentPurge => "remove the mailbox of",
        Verb::TaskCreate => "create tasks for",
        Verb::TaskWork => "work on the tasks of",
        Verb::TaskEdit => "change the tasks of",
        Verb::TaskRun => "run the tasks of",
        Verb::LogWrite => "write in the logs about",
        Verb::LogRotate => "close the logs of",
        Verb::MemoryForget => "forget memories of",
        Verb::TokenIssue => "issue tokens for",
        Verb::ApprovalGive => "approve what is asked of",
        Verb::AuditRead => "read the audit trail of",
        Verb::AuditAnchor => "anchor the audit trail of",
        Verb::PolicyWrite => "say who may do what of",
        Verb::KeyWrite => "change the keys of",
        Verb::DiscordUse => "use the bot",
        Verb::DiscordBroadcast => "broadcast over Discord as",
        Verb::DiscordConfigure => "say which channels belong to",
        Verb::SecretRead => "read the secrets of",
        Verb::SecretWrite => "change the secrets of",
    }
}
