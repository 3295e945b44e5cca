//! The owner's default policy: who may do what to whose mail. Pure.
//!
//! It keeps honest programs out of one another's mail. It is no wall: all agents of a home run under one user id.

use crate::names::{Act, AgentId, CAPTAIN, Explain, Kind, Permit, SYSTEM, UNASSIGNED, USER, Verb};

/// An act that the policy does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{caller} may not {} {target}", deed(*verb))]
pub struct Refusal {
    pub verb: Verb,
    pub caller: AgentId,
    pub target: AgentId,
}

pub(super) fn decide(act: Act) -> Result<Permit, Refusal> {
    if may(act.verb, &act.caller.agent, &act.target) {
        return Ok(Permit::grant(act));
    }
    Err(Refusal {
        verb: act.verb,
        caller: act.caller.agent,
        target: act.target,
    })
}

/// `user` is the owner and may do everything; `system` only sends notices.
fn may(verb: Verb, caller: &AgentId, target: &AgentId) -> bool {
    let (is_user, is_system) = (caller.as_str() == USER, caller.as_str() == SYSTEM);
    let is_captain = caller.as_str() == CAPTAIN;
    let is_own = caller == target && !is_system;
    match verb {
        Verb::MailSend | Verb::TaskCreate | Verb::LogWrite => true,
        // What is nobody's yet is everybody's.
        Verb::TaskWork | Verb::TaskEdit => {
            is_user || is_captain || is_own || (target.as_str() == UNASSIGNED && !is_system)
        }
        // In anybody's mailbox, but only one's own messages: who sent a message, the mailbox knows.
        Verb::MailFollow | Verb::MailRecall => !is_system,
        Verb::MailCreate | Verb::AgentConfigure | Verb::LogRotate => is_user || is_captain,
        Verb::MailRead
        | Verb::AgentStart
        | Verb::AgentStop
        | Verb::AgentLook
        | Verb::AgentType
        | Verb::TaskRun => is_user || is_captain || is_own,
        Verb::AgentBeat
        | Verb::AgentPurge
        | Verb::MailTake
        | Verb::MailAck
        | Verb::MailNack
        | Verb::MailRestore
        | Verb::MailEdit
        | Verb::MailPrune
        | Verb::MailImport
        | Verb::MailRepair => is_user || is_own,
    }
}

/// Reads well before the name of an agent.
const fn deed(verb: Verb) -> &'static str {
    match verb {
        Verb::MailSend => "send to",
        Verb::MailRead => "read the mail of",
        Verb::MailFollow => "follow the mail of",
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
    }
}

impl Refusal {
    /// Those to whom the same act would be allowed.
    fn who_may(&self) -> Vec<AgentId> {
        let mut who = vec![AgentId::captain(), AgentId::user()];
        if !who.contains(&self.target) {
            who.insert(0, self.target.clone());
        }
        who.retain(|caller| may(self.verb, caller, &self.target));
        who
    }
}

impl Explain for Refusal {
    fn kind(&self) -> Kind {
        Kind::Refused
    }

    fn hint(&self) -> Option<String> {
        let who: Vec<String> = self.who_may().iter().map(ToString::to_string).collect();
        Some(format!(
            "{} may; say who you are with --as or DREAMOS_AGENT",
            who.join(" or ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Caller;

    const VERBS: [Verb; 25] = [
        Verb::MailSend,
        Verb::MailRead,
        Verb::MailFollow,
        Verb::MailTake,
        Verb::MailAck,
        Verb::MailNack,
        Verb::MailRecall,
        Verb::MailRestore,
        Verb::MailEdit,
        Verb::MailPrune,
        Verb::MailImport,
        Verb::MailRepair,
        Verb::MailCreate,
        Verb::AgentStart,
        Verb::AgentStop,
        Verb::AgentBeat,
        Verb::AgentType,
        Verb::AgentConfigure,
        Verb::AgentPurge,
        Verb::TaskCreate,
        Verb::TaskWork,
        Verb::TaskEdit,
        Verb::TaskRun,
        Verb::LogWrite,
        Verb::LogRotate,
    ];

    fn ask(caller: &str, verb: Verb, target: &str) -> Result<Permit, Refusal> {
        let id = |name| AgentId::parse(name).unwrap();
        decide(Act {
            verb,
            caller: Caller {
                agent: id(caller),
                incarnation: None,
                uid: 1000,
                login: None,
            },
            target: id(target),
        })
    }

    fn allowed(caller: &str, target: &str) -> Vec<&'static str> {
        VERBS
            .into_iter()
            .filter(|verb| ask(caller, *verb, target).is_ok())
            .map(Verb::as_str)
            .collect()
    }

    #[test]
    fn each_may_what_the_default_policy_says_and_no_more() {
        let all = VERBS.map(Verb::as_str);
        assert_eq!(allowed("user", "agent-1"), all);
        assert_eq!(allowed("user", "system"), all);
        let own = [
            &all[..12],
            &[
                "agent.start",
                "agent.stop",
                "agent.beat",
                "agent.type",
                "agent.purge",
            ],
            &all[19..24],
        ]
        .concat();
        assert_eq!(allowed("agent-1", "agent-1"), own);
        assert_eq!(
            allowed("agent-1", "agent-2"),
            [
                "mail.send",
                "mail.follow",
                "mail.recall",
                "task.create",
                "log.write"
            ]
        );
        assert_eq!(
            allowed("agent-1", "user"),
            [
                "mail.send",
                "mail.follow",
                "mail.recall",
                "task.create",
                "log.write"
            ]
        );
        // Nobody's yet.
        assert_eq!(
            allowed("agent-1", "unassigned"),
            [
                "mail.send",
                "mail.follow",
                "mail.recall",
                "task.create",
                "task.work",
                "task.edit",
                "log.write"
            ]
        );
        assert_eq!(
            allowed("captain", "agent-1"),
            [
                "mail.send",
                "mail.read",
                "mail.follow",
                "mail.recall",
                "mail.create",
                "agent.start",
                "agent.stop",
                "agent.type",
                "agent.configure",
                "task.create",
                "task.work",
                "task.edit",
                "task.run",
                "log.write",
                "log.rotate"
            ]
        );
        assert_eq!(allowed("captain", "captain"), all);
        assert_eq!(
            allowed("system", "agent-1"),
            ["mail.send", "task.create", "log.write"]
        );
        assert_eq!(
            allowed("system", "system"),
            ["mail.send", "task.create", "log.write"]
        );
    }

    #[test]
    fn a_permit_is_for_the_act_that_was_asked_for() {
        let permit = ask("captain", Verb::MailRead, "agent-1").unwrap();
        assert_eq!(permit.act().verb, Verb::MailRead);
        assert_eq!(permit.act().target.as_str(), "agent-1");
        assert_eq!(permit.act().caller.agent.as_str(), "captain");
    }

    #[test]
    fn a_refusal_says_who_may_instead() {
        for (caller, verb, target, said, may) in [
            (
                "agent-1",
                Verb::MailAck,
                "agent-2",
                "agent-1 may not acknowledge the mail of agent-2",
                "agent-2 or user",
            ),
            (
                "agent-1",
                Verb::MailRead,
                "agent-2",
                "agent-1 may not read the mail of agent-2",
                "agent-2 or captain or user",
            ),
            (
                "agent-1",
                Verb::MailCreate,
                "agent-2",
                "agent-1 may not make a mailbox for agent-2",
                "captain or user",
            ),
            (
                "agent-1",
                Verb::MailEdit,
                "user",
                "agent-1 may not edit the mail of user",
                "user",
            ),
            (
                "agent-1",
                Verb::MailTake,
                "captain",
                "agent-1 may not take the mail of captain",
                "captain or user",
            ),
        ] {
            let refusal = ask(caller, verb, target).unwrap_err();
            assert_eq!(refusal.to_string(), said);
            assert_eq!(refusal.kind(), Kind::Refused);
            let hint = format!("{may} may; say who you are with --as or DREAMOS_AGENT");
            assert_eq!(refusal.hint(), Some(hint));
        }
    }
}
