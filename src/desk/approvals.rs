//! What somebody outside wrote is data: whoever is moved by it to do what needs a right of its own waits until a person
//! says so.

use std::time::Duration;

use super::{Desk, Done, Error};
use crate::mailbox::{Message, Status, Which};
use crate::names::{Act, AgentId, Channel, Draft, Event, Level, Mode, Origin, USER, Verb};
use crate::security::approvals::{self, Answer, Approval, Deed, Given, When};
use crate::security::{self};
use crate::time::Now;

impl Desk {
    /// Whether nothing from outside moves the caller to this, or a person approved it; else the person is asked.
    pub(super) fn must_be_approved(&self, act: &Act, when: When) -> Done<()> {
        let Some(origin) = self.taint_of_the_caller()? else {
            return Ok(());
        };
        if act.verb == Verb::ApprovalGive {
            return Err(Error::NotAPerson);
        }
        let deed = Deed {
            who: &act.caller.agent,
            verb: act.verb,
            target: &act.target,
            origin: &origin,
        };
        let now = Now::read();
        match approvals::ask(&self.home, &deed, when, now.wall)? {
            Answer::Approved(_) if when == When::Later => Ok(()),
            Answer::Approved(approval) => self.use_up(&approval, now),
            Answer::Waits { id, is_new } => {
                let refusal = Error::Tainted {
                    who: act.caller.agent.clone(),
                    verb: act.verb,
                    target: act.target.clone(),
                    origin: origin.clone(),
                    id: id.clone(),
                };
                self.ask_the_person(&deed, &id, is_new, now);
                Err(refusal)
            }
        }
    }

    /// What the program was started for; or else, of an agent, the mail that it has read and not closed.
    fn taint_of_the_caller(&self) -> Done<Option<Origin>> {
        if self.taint.is_some() {
            return Ok(self.taint.clone());
        }
        // He asks himself, and the policy knows him: no text of his moves anybody else.
        if self.caller.guest.is_some() {
            return Ok(None);
        }
        // What runs as an agent is that agent, whoever it says that it is.
        let agent = self.runs_as.as_ref().unwrap_or(&self.caller.agent);
        let may_have_mail = |agent: &AgentId| agent.as_str() != USER;
        let Some(mailbox) = self.mailbox(agent)?.filter(|_| may_have_mail(agent)) else {
            return Ok(None);
        };
        let permit = self
            .permit_unlogged(Verb::MailTake, agent)
            .or_else(|_| self.permit_unlogged(Verb::MailRead, agent));
        // Whoever may do neither has read nothing.
        let Ok(permit) = permit else {
            return Ok(None);
        };
        let now = Now::read();
        let pending = self.settle(mailbox.inbox(&permit, Which::Pending, now)?, now);
        let mut read = pending.iter().filter(|it| it.status == Status::Read);
        Ok(read.find_map(Message::taint))
    }

    /// It is used up first: killed in between, it has to be asked for again.
    fn use_up(&self, approval: &Approval, now: Now) -> Done<()> {
        let by = approval.given.as_ref().map_or("?", |given| &given.by);
        let msg = format!("{}, approved by {by}", spelled(approval));
        self.record_approved(approval, &msg, now)?;
        self.tell_security("approval.used", msg, Some(&approval.who), now);
        Ok(())
    }

    /// His mail has a key: he is told once, by whichever call got through to him.
    fn ask_the_person(&self, deed: &Deed<'_>, id: &str, is_new: bool, now: Now) {
        let Deed {
            who,
            verb,
            target,
            origin,
        } = deed;
        let msg = format!(
            "{who} would {} {target} because of what {origin} wrote ({})",
            security::deed(*verb),
            verb.as_str()
        );
        let text = format!("{msg}. Let it: secctl approve {id}. Else: secctl decline {id}");
        if let Err(error) = self.tell_the_person(&text, id, now) {
            (self.warn)(&format!("the person at the terminal was not told: {error}"));
        }
        if !is_new {
            return;
        }
        let event = Event {
            channel: Channel::Security,
            level: Level::Warn,
            event: "approval.asked".into(),
            msg,
            agent: Some((*who).clone()),
            id: None,
            fields: vec![("approval".into(), id.into())],
        };
        self.log(&[event], now);
    }

    fn tell_the_person(&self, text: &str, id: &str, now: Now) -> Done<()> {
        let user = AgentId::user();
        let mailbox = match self.mailbox(&user)? {
            Some(mailbox) => mailbox,
            None => self.make_mailbox(&user, now)?,
        };
        let mut draft = Draft::new(AgentId::system(), user.clone(), text);
        draft.mode = Mode::System;
        draft.key = Some(format!("approval:{id}"));
        let permit = self.permit_of_the_system(Verb::MailSend, &user)?;
        let (_, effects) = mailbox.send(&permit, vec![draft], now)?;
        self.carry_out(effects, &mut std::collections::VecDeque::new(), now);
        Ok(())
    }
}

impl Desk {
    /// What waits for a person, and what was approved and is not done yet.
    pub fn approvals(&self, now: Now) -> Done<Vec<Approval>> {
        self.permit(Verb::AuditRead, &AgentId::system())?;
        Ok(approvals::list(&self.home, now.wall)?)
    }

    /// Once, within the span.
    pub fn approve(&self, id: &str, within: Duration, now: Now) -> Done<Approval> {
        let asked = self.answer_to(id, now)?;
        let given = Given {
            by: self
                .caller
                .login
                .clone()
                .unwrap_or_else(|| format!("uid {}", self.caller.uid)),
            at: now.wall,
            until: now.wall.plus(within),
        };
        let approved = approvals::approve(&self.home, &asked.id, &given, now.wall)?;
        let approved = approved.ok_or_else(|| Error::NoSuchApproval(id.into()))?;
        self.tell_security(
            "approval.given",
            spelled(&approved),
            Some(&approved.who),
            now,
        );
        Ok(approved)
    }

    pub fn decline(&self, id: &str, now: Now) -> Done<Approval> {
        let asked = self.answer_to(id, now)?;
        let declined = approvals::decline(&self.home, &asked.id, now.wall)?;
        let declined = declined.ok_or_else(|| Error::NoSuchApproval(id.into()))?;
        self.tell_security(
            "approval.declined",
            spelled(&declined),
            Some(&declined.who),
            now,
        );
        Ok(declined)
    }

    /// Recorded before it is given.
    fn answer_to(&self, id: &str, now: Now) -> Done<Approval> {
        let all = approvals::list(&self.home, now.wall)?;
        let asked = all.into_iter().find(|it| it.id == id);
        let target = asked
            .as_ref()
            .map_or_else(AgentId::system, |it| it.who.clone());
        let permit = self.permit(Verb::ApprovalGive, &target)?;
        let is_a_person = self.caller.agent.as_str() == USER && self.runs_as.is_none();
        if !is_a_person {
            return Err(self.refused(Verb::ApprovalGive, &target, Error::NotAPerson));
        }
        let asked = asked.ok_or_else(|| Error::NoSuchApproval(id.into()))?;
        self.record(&permit)?;
        Ok(asked)
    }
}

fn spelled(it: &Approval) -> String {
    let Approval {
        who,
        verb,
        target,
        origin,
        ..
    } = it;
    format!("{who}: {verb} {target}, because of {origin}")
}
