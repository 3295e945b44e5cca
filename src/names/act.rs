//! Who wants to do what to whom, and the proof that it was allowed.

use super::AgentId;

/// Every state-changing or guarded verb. Matched without `_` by the policy: a verb without a rule does not
/// compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    MailSend,
    MailRead,
    /// To ask what became of one's own message, in anybody's mailbox.
    MailFollow,
    MailTake,
    MailAck,
    MailNack,
    MailRecall,
    MailRestore,
    MailEdit,
    MailPrune,
    MailImport,
    MailRepair,
    MailCreate,
    AgentStart,
    AgentStop,
    /// To see what it prints and what its terminal shows.
    AgentLook,
    /// To say that one lives, and what one does.
    AgentBeat,
    /// To be at the keyboard of its terminal.
    AgentType,
    /// To write down who exists and how he is run.
    AgentConfigure,
    /// To remove all that he has, his mail too.
    AgentPurge,
    /// To write down that something is to be done, by whomever.
    TaskCreate,
    /// To claim, start, tell of and end what is to be done.
    TaskWork,
    /// To change what is to be done, by whom, after what, and whether at all.
    TaskEdit,
    /// To run what a task says.
    TaskRun,
    /// To write a line into a log that tells of somebody.
    LogWrite,
    /// To close logs, and to remove and pack what is old.
    LogRotate,
}

impl Verb {
    /// As policies and audit records spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MailSend => "mail.send",
            Self::MailRead => "mail.read",
            Self::MailFollow => "mail.follow",
            Self::MailTake => "mail.take",
            Self::MailAck => "mail.ack",
            Self::MailNack => "mail.nack",
            Self::MailRecall => "mail.recall",
            Self::MailRestore => "mail.restore",
            Self::MailEdit => "mail.edit",
            Self::MailPrune => "mail.prune",
            Self::MailImport => "mail.import",
            Self::MailRepair => "mail.repair",
            Self::MailCreate => "mail.create",
            Self::AgentStart => "agent.start",
            Self::AgentStop => "agent.stop",
            Self::AgentLook => "agent.look",
            Self::AgentBeat => "agent.beat",
            Self::AgentType => "agent.type",
            Self::AgentConfigure => "agent.configure",
            Self::AgentPurge => "agent.purge",
            Self::TaskCreate => "task.create",
            Self::TaskWork => "task.work",
            Self::TaskEdit => "task.edit",
            Self::TaskRun => "task.run",
            Self::LogWrite => "log.write",
            Self::LogRotate => "log.rotate",
        }
    }

    /// What it is about: mail, agent, task or log.
    pub fn room(self) -> &'static str {
        let name = self.as_str();
        name.split_once('.').map_or(name, |(room, _)| room)
    }
}

/// The one who speaks, as the program found it out.
#[derive(Clone, Debug)]
pub struct Caller {
    pub agent: AgentId,
    /// The run of the agent that speaks; `None` for a person.
    pub incarnation: Option<String>,
    pub uid: u32,
    pub login: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Act {
    pub verb: Verb,
    pub caller: Caller,
    /// The agent whose mailbox, process or settings are touched.
    pub target: AgentId,
}

/// An act that the policy allowed. Only `desk/policy.rs` makes one: `scripts/layers` checks it.
#[derive(Clone, Debug)]
pub struct Permit {
    act: Act,
}

impl Permit {
    pub(crate) const fn grant(act: Act) -> Self {
        Self { act }
    }

    pub const fn act(&self) -> &Act {
        &self.act
    }
}
