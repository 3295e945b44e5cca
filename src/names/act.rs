//! Who wants to do what to whom, and the proof that it was allowed.

use super::{AgentId, Origin};

macro_rules! verbs {
    ($($(#[$says:meta])* $verb:ident $name:literal,)*) => {
        /// Every state-changing or guarded verb. Matched without `_` by the policy: a verb without a rule does not
        /// compile.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Verb { $($(#[$says])* $verb),* }

        impl Verb {
            pub const ALL: &[Self] = &[$(Self::$verb),*];

            /// As policies and audit records spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$verb => $name),* }
            }
        }
    };
}

verbs! {
    MailSend "mail.send",
    MailRead "mail.read",
    /// To ask what became of one's own message, in anybody's mailbox.
    MailFollow "mail.follow",
    /// To have in plain text what was sealed to somebody.
    MailOpen "mail.open",
    MailTake "mail.take",
    MailAck "mail.ack",
    MailNack "mail.nack",
    MailRecall "mail.recall",
    MailRestore "mail.restore",
    MailEdit "mail.edit",
    MailPrune "mail.prune",
    MailImport "mail.import",
    MailRepair "mail.repair",
    MailCreate "mail.create",
    AgentStart "agent.start",
    AgentStop "agent.stop",
    /// To see what it prints and what its terminal shows.
    AgentLook "agent.look",
    /// To say that one lives, and what one does.
    AgentBeat "agent.beat",
    /// To be at the keyboard of its terminal.
    AgentType "agent.type",
    /// To write down who exists and how he is run.
    AgentConfigure "agent.configure",
    /// To remove all that he has, his mail too.
    AgentPurge "agent.purge",
    /// To write down that something is to be done, by whomever.
    TaskCreate "task.create",
    /// To claim, start, tell of and end what is to be done.
    TaskWork "task.work",
    /// To change what is to be done, by whom, after what, and whether at all.
    TaskEdit "task.edit",
    /// To run what a task says.
    TaskRun "task.run",
    /// To write a line into a log that tells of somebody.
    LogWrite "log.write",
    /// To close logs, and to remove and pack what is old.
    LogRotate "log.rotate",
    /// To forget what is remembered, or to fold it.
    MemoryForget "memory.forget",
    /// To give a token to what nobody supervises, and to take it back.
    TokenIssue "token.issue",
    /// To let somebody do what he was moved to by text from outside.
    ApprovalGive "approval.give",
    /// To see what was refused, what was privileged, and whether the record of it is whole.
    AuditRead "audit.read",
    /// To fix how far journals and histories go.
    AuditAnchor "audit.anchor",
    /// To say who may do what.
    PolicyWrite "policy.write",
    /// To make, change and take back the keys of an agent.
    KeyWrite "key.write",
    /// To ask the bot for anything; what that is has a verb of its own beside.
    DiscordUse "discord.use",
    /// To write to all agents at once from there.
    DiscordBroadcast "discord.broadcast",
    /// To say which channel belongs to whom.
    DiscordConfigure "discord.configure",
    /// To have a secret in plain text.
    SecretRead "secret.read",
    SecretWrite "secret.write",
}

impl Verb {
    pub fn parse(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|verb| verb.as_str() == name)
    }

    /// Whether nothing changes by it, but that it is seen.
    pub const fn only_reads(self) -> bool {
        matches!(
            self,
            Self::MailRead | Self::MailFollow | Self::AgentLook | Self::AuditRead
        )
    }

    /// Whether it is recorded before it is done, and is not done because of what somebody outside wrote unless a person
    /// approves it.
    pub const fn is_privileged(self) -> bool {
        match self {
            Self::AgentStart
            | Self::AgentStop
            | Self::AgentType
            | Self::AgentConfigure
            | Self::AgentPurge
            | Self::TokenIssue
            | Self::ApprovalGive
            | Self::AuditAnchor
            | Self::PolicyWrite
            | Self::KeyWrite
            | Self::SecretRead
            | Self::SecretWrite => true,
            Self::MailSend
            | Self::MailRead
            | Self::MailFollow
            | Self::MailTake
            | Self::MailAck
            | Self::MailNack
            | Self::MailRecall
            | Self::MailRestore
            | Self::MailEdit
            | Self::MailPrune
            | Self::MailImport
            | Self::MailRepair
            | Self::MailCreate
            | Self::AgentLook
            | Self::AgentBeat
            | Self::TaskCreate
            | Self::TaskWork
            | Self::TaskEdit
            | Self::TaskRun
            | Self::LogWrite
            | Self::LogRotate
            | Self::MemoryForget
            | Self::DiscordUse
            | Self::DiscordBroadcast
            | Self::DiscordConfigure
            | Self::MailOpen
            | Self::AuditRead => false,
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
    /// Of another place, for whom the agent speaks.
    pub guest: Option<Guest>,
}

impl Caller {
    /// As refusals and records name him.
    pub fn name(&self) -> String {
        self.guest.as_ref().map_or_else(
            || self.agent.to_string(),
            |guest| guest.origin().as_str().to_owned(),
        )
    }
}

/// A person on Discord, by the numbers that Discord gives (*snowflakes*): names there can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Guest {
    pub user: u64,
    /// That the person has where it speaks.
    pub roles: Vec<u64>,
}

impl Guest {
    /// The person's and those of the roles: they come from one counter.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        std::iter::once(self.user).chain(self.roles.iter().copied())
    }

    /// Of what he writes.
    pub fn origin(&self) -> Origin {
        Origin::of_discord(self.user)
    }
}

#[derive(Clone, Debug)]
pub struct Act {
    pub verb: Verb,
    pub caller: Caller,
    /// The agent whose mailbox, process or settings are touched.
    pub target: AgentId,
}

/// An act that the policy allowed. Only `security/policy/decide.rs` makes one: `scripts/layers` checks it.
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
