//! What holds without any file: a single user notices nothing of it, and agents stay out of one another's mail.

use super::decide::Target;
use crate::names::{CAPTAIN, SYSTEM, UNASSIGNED, Verb};
use crate::security::Principal;

/// What stands for the version of the file where there is none.
pub(super) const HASH: &str = "builtin";

/// The person at the terminal owns the home and may do everything.
const OWNER: &str = "builtin/owner";
const CAPTAINS: &str = "builtin/captain";
/// One's own mailbox, process and tasks.
const OWN: &str = "builtin/own";
const ANYBODY: &str = "builtin/anybody";
/// What is nobody's yet is everybody's.
const NOBODYS: &str = "builtin/nobodys";
/// A flood of one of them must not fill the disk of all.
const FLOOD: &str = "builtin/flood";
/// More mail than anybody ever reads.
const MOST_PENDING: u64 = 100_000;

/// All of them, with what they say.
pub(super) const RULES: [(&str, &str); 6] = [
    (OWNER, "the person at the terminal may do everything"),
    (
        CAPTAINS,
        "the captain sends, reads, starts, stops and plans",
    ),
    (OWN, "an agent has its own mailbox, process and tasks"),
    (
        ANYBODY,
        "every agent writes to the others and follows what it wrote",
    ),
    (NOBODYS, "tasks of nobody are everybody's"),
    (
        FLOOD,
        "an agent but the captain sends to whom fewer than 100,000 messages wait for",
    ),
];

/// The rule that allows it. `system` only sends notices; who comes from outside may nothing.
pub(super) fn allowing(verb: Verb, asks: &Principal, target: &Target) -> Option<&'static str> {
    let caller = match asks {
        Principal::User(_) => return Some(OWNER),
        Principal::Agent(id) => id.as_str(),
        Principal::Role(_) | Principal::Discord(_) | Principal::Bridge(_) => return None,
    };
    let is_system = caller == SYSTEM;
    let when = |holds: bool, rule| holds.then_some(rule);
    let captain = when(caller == CAPTAIN, CAPTAINS);
    let own = when(!is_system && target.is_own(asks), OWN);
    match verb {
        Verb::MailSend | Verb::TaskCreate | Verb::LogWrite => Some(ANYBODY),
        Verb::TaskWork | Verb::TaskEdit => {
            let is_nobodys = matches!(target, Target::Agent(id) if id.as_str() == UNASSIGNED);
            own.or(captain).or(when(is_nobodys && !is_system, NOBODYS))
        }
        // In anybody's mailbox, but only one's own messages: who sent a message, the mailbox knows.
        Verb::MailFollow | Verb::MailRecall => when(!is_system, ANYBODY),
        Verb::TokenIssue
        | Verb::ApprovalGive
        | Verb::DiscordUse
        | Verb::DiscordBroadcast
        | Verb::DiscordConfigure
        | Verb::AuditAnchor
        | Verb::PolicyWrite
        | Verb::KeyWrite
        | Verb::SecretRead
        | Verb::SecretWrite => None,
        Verb::MailCreate
        | Verb::AgentConfigure
        | Verb::LogRotate
        | Verb::MemoryForget
        | Verb::AuditRead => captain,
        Verb::MailRead
        | Verb::AgentStart
        | Verb::AgentStop
        | Verb::AgentLook
        | Verb::AgentType
        | Verb::TaskRun => own.or(captain),
        Verb::AgentBeat
        | Verb::AgentPurge
        | Verb::MailOpen
        | Verb::MailTake
        | Verb::MailAck
        | Verb::MailNack
        | Verb::MailRestore
        | Verb::MailEdit
        | Verb::MailPrune
        | Verb::MailImport
        | Verb::MailRepair => own,
    }
}

/// How many may wait where such a one sends, by which rule.
pub(super) fn bounding(asks: &Principal) -> Option<(&'static str, u64)> {
    match asks {
        Principal::Agent(id) if !matches!(id.as_str(), CAPTAIN | SYSTEM) => {
            Some((FLOOD, MOST_PENDING))
        }
        Principal::Agent(_)
        | Principal::User(_)
        | Principal::Role(_)
        | Principal::Discord(_)
        | Principal::Bridge(_) => None,
    }
}
