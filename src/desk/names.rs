//! Whom and what a name means.

use super::{Desk, Done, Error};
use crate::agents;
use crate::mailbox::{self, Address, Mailbox};
use crate::names::{AgentId, MessageId, MessageRef, UnknownName, Verb};
use crate::time::Now;

impl Desk {
    /// Everybody who has a mailbox or is registered, sorted.
    pub fn everybody(&self) -> Done<Vec<AgentId>> {
        let mut all = agents::everybody(&self.home, &self.roster)?;
        // Whose rename has not come to the configuration yet, or not to our roster, is there once.
        for (name, now) in mailbox::moved(&self.home.mailboxes())? {
            if self.roster.entry(&name).is_some() && self.roster.entry(&now).is_none() {
                all.retain(|id| *id != now);
            }
        }
        Ok(all)
    }

    /// The canonical id of a name: 66 with the nearest names where there is none.
    pub fn resolve(&self, name: &str) -> Done<AgentId> {
        // Registered under this very name: no directory need be listed.
        if let Ok(id) = AgentId::parse(name)
            && (id.is_reserved() || self.roster.entry(&id).is_some())
        {
            return Ok(id);
        }
        let everybody = self.everybody()?;
        self.roster
            .resolve(name, &everybody)
            .map_err(|what| self.unknown(what))
    }

    /// As `resolve`, also of who was never registered, or is not any more, and was started.
    pub fn resolve_started(&self, name: &str) -> Done<AgentId> {
        match AgentId::parse(name) {
            Ok(id) if agents::was_started(self.home(), &id) => Ok(id),
            _ => self.resolve(name),
        }
    }

    pub(super) fn unknown(&self, what: UnknownName) -> Error {
        Error::Name {
            what,
            home: self.home.dir().to_owned(),
        }
    }

    /// `role:NAME`: its members, at least one.
    pub fn resolve_role(&self, role: &str) -> Done<Vec<AgentId>> {
        let members = self.roster.role(role);
        if !members.is_empty() {
            return Ok(members);
        }
        let mut known: Vec<String> = self
            .roster
            .agents
            .iter()
            .flat_map(|agent| agent.roles.clone())
            .collect();
        known.sort_unstable();
        known.dedup();
        Err(Error::NoSuchRole {
            role: role.to_owned(),
            known,
        })
    }

    /// A message as a person names it (`agent-3/17`, `17`, an id, the end of one).
    pub fn find(&self, message: &str) -> Done<Address> {
        if let Some((agent, seq)) = message.split_once('/') {
            let mailbox = self.resolve(agent)?;
            let reference = MessageRef::parse(&format!("{mailbox}/{seq}"))?;
            if let MessageRef::At(mailbox, seq) = reference {
                return Ok(Address { mailbox, seq });
            }
        }
        match MessageRef::parse(message)? {
            MessageRef::At(mailbox, seq) => Ok(Address { mailbox, seq }),
            MessageRef::Own(seq) => Ok(Address {
                mailbox: self.caller.agent.clone(),
                seq,
            }),
            MessageRef::Id(id) => self.find_id(id),
            MessageRef::Tail(tail) => self.find_tail(&tail),
        }
    }

    /// The caller's own mailbox first: there most of what he names lies.
    pub(super) fn mailboxes(&self) -> Done<Vec<AgentId>> {
        let mut all = self.everybody()?;
        let own = all.iter().position(|agent| *agent == self.caller.agent);
        if let Some(own) = own {
            all[..=own].rotate_right(1);
        }
        Ok(all)
    }

    fn find_id(&self, id: MessageId) -> Done<Address> {
        let now = Now::read();
        for agent in self.mailboxes()? {
            let Some(mailbox) = self.mailbox(&agent)? else {
                continue;
            };
            let permit = self.permit(Verb::MailFollow, &agent)?;
            if let Some(seq) = mailbox.find_id(&permit, id, now)? {
                return Ok(Address {
                    mailbox: agent,
                    seq,
                });
            }
        }
        Err(Error::NoSuchMessage(id.to_string()))
    }

    fn find_tail(&self, tail: &str) -> Done<Address> {
        let mut found = Vec::new();
        for agent in self.mailboxes()? {
            let Some(mailbox) = self.mailbox(&agent)? else {
                continue;
            };
            found.extend(self.tails(&mailbox, tail)?);
            if agent == self.caller.agent && !found.is_empty() {
                break;
            }
        }
        match found.as_slice() {
            [] => Err(Error::NoSuchMessage(tail.to_owned())),
            [(at, _)] => Ok(at.clone()),
            _ => Err(Error::Ambiguous {
                name: tail.to_owned(),
                candidates: found
                    .iter()
                    .map(|(at, id)| format!("{at} ({id})"))
                    .collect(),
            }),
        }
    }

    fn tails(&self, mailbox: &Mailbox, tail: &str) -> Done<Vec<(Address, MessageId)>> {
        let agent = mailbox.agent();
        let permit = self.permit(Verb::MailFollow, agent)?;
        let found = mailbox.find_tail(&permit, tail, Now::read())?;
        let address = |seq| Address {
            mailbox: agent.clone(),
            seq,
        };
        Ok(found
            .into_iter()
            .map(|(seq, id)| (address(seq), id))
            .collect())
    }
}

/// `agent-3/17`, as we write it ourselves.
pub(super) fn address(text: &str) -> Option<Address> {
    match MessageRef::parse(text).ok()? {
        MessageRef::At(mailbox, seq) => Some(Address { mailbox, seq }),
        _ => None,
    }
}
