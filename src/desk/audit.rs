//! What is recorded in the chain: every refusal, and what needs a right of its own before it is done. Whoever is refused
//! again and again, or finds the chain broken, makes an event and mail for the captain.

use super::error::SIGNATURES;
use super::signatures::FORGED;
use super::{Desk, Done, Error};
use crate::mailbox::{Mailbox, Message};
use crate::names::{AgentId, CAPTAIN, Channel, Draft, Event, Level, Mode, Permit, SYSTEM, Verb};
use crate::security::approvals::Approval;
use crate::security::audit::{
    self, Anchor, Entry, Filter, Finding, Head, Progress, Record, Report, Verdict,
};
use crate::time::Now;

impl Desk {
    /// Before a privileged verb is done. What cannot be recorded is not done.
    pub(super) fn record(&self, permit: &Permit) -> Done<()> {
        let act = permit.act();
        let policy = self.policies.current()?;
        let entry = Entry {
            rule: policy.judge(act, &self.roster).rule.to_owned(),
            policy: Some(policy.hash().to_owned()),
            ..self.entry(act.verb, &act.target, Verdict::Allowed)
        };
        audit::append(&self.home, &[entry], Now::read().wall)?;
        Ok(())
    }

    /// What the captain sends is an order.
    pub(super) fn record_if_order(&self, permit: &Permit) -> Done<()> {
        if permit.act().caller.agent.as_str() == CAPTAIN {
            self.record(permit)?;
        }
        Ok(())
    }

    /// It stands whether it can be recorded or not.
    pub(super) fn record_refusal(&self, verb: Verb, target: &AgentId, error: &Error, now: Now) {
        let policy = self.policies.current().ok();
        let entry = Entry {
            rule: error.rule().to_owned(),
            policy: policy.map(|policy| policy.hash().to_owned()),
            why: error.to_string(),
            ..self.entry(verb, target, Verdict::Refused)
        };
        match audit::refuse(&self.home, &entry, now.wall) {
            Ok((_, None)) => {}
            Ok((head, Some(alert))) => {
                let msg = format!(
                    "{} was refused {} times since {}; the last: {error}",
                    alert.who, alert.refusals, alert.since
                );
                self.alarm("audit.alert", msg, &format!("alert:{head}"), now);
            }
            Err(error) => (self.warn)(&format!("the audit trail: {error}")),
        }
    }

    /// That what a person approved is done now, whatever it is: its own record follows.
    pub(super) fn record_approved(&self, approval: &Approval, why: &str, now: Now) -> Done<()> {
        let entry = Entry {
            why: why.to_owned(),
            detail: vec![("approval".into(), approval.id.clone())],
            ..Entry::new(
                "approval.used",
                &self.caller,
                approval.target.as_str(),
                Verdict::Allowed,
            )
        };
        audit::append(&self.home, &[entry], now.wall)?;
        Ok(())
    }

    /// Mail that is not of whom it names, before it is set aside.
    pub(super) fn record_unfit(&self, mailbox: &AgentId, message: &Message, why: &str, now: Now) {
        let policy = self.policies.current().ok();
        let at = format!("{mailbox}/{}", message.seq);
        let entry = Entry {
            who: SYSTEM.into(),
            rule: SIGNATURES.into(),
            policy: policy.map(|policy| policy.hash().to_owned()),
            why: why.to_owned(),
            detail: vec![
                ("from".into(), message.from.to_string()),
                ("id".into(), message.id.to_string()),
            ],
            ..Entry::new(FORGED, &self.caller, at, Verdict::Refused)
        };
        if let Err(error) = audit::append(&self.home, &[entry], now.wall) {
            (self.warn)(&format!("the audit trail: {error}"));
        }
    }

    fn entry(&self, verb: Verb, target: &AgentId, verdict: Verdict) -> Entry {
        Entry::new(verb.as_str(), &self.caller, target.as_str(), verdict)
    }

    /// An event, and mail for the captain if there is one.
    fn alarm(&self, event: &'static str, msg: String, key: &str, now: Now) {
        if let Err(error) = self.tell_the_captain(&msg, key, now) {
            (self.warn)(&format!("the captain was not told: {error}"));
        }
        let event = Event {
            channel: Channel::Security,
            level: Level::Error,
            event: event.into(),
            msg,
            agent: None,
            id: None,
            fields: Vec::new(),
        };
        self.log(&[event], now);
    }

    /// `None` where nobody is registered as captain.
    pub(super) fn mailbox_of_the_captain(&self, now: Now) -> Done<Option<Mailbox>> {
        let captain = AgentId::captain();
        match self.mailbox(&captain)? {
            None if self.roster.entry(&captain).is_none() => Ok(None),
            None => Ok(Some(self.make_mailbox(&captain, now)?)),
            known => Ok(known),
        }
    }

    fn tell_the_captain(&self, text: &str, key: &str, now: Now) -> Done<()> {
        let captain = AgentId::captain();
        let Some(mailbox) = self.mailbox_of_the_captain(now)? else {
            return Ok(());
        };
        let mut draft = Draft::new(AgentId::system(), captain.clone(), text);
        draft.mode = Mode::System;
        draft.key = Some(key.into());
        let permit = self.permit_of_the_system(Verb::MailSend, &captain)?;
        let (_, effects) = mailbox.send(&permit, vec![draft], now)?;
        self.carry_out(effects, &mut std::collections::VecDeque::new(), now);
        Ok(())
    }
}

impl Desk {
    /// What is to be published elsewhere: from then on nothing that it covers can be changed unseen.
    pub fn anchor_audit(&self, now: Now) -> Done<Anchor> {
        let permit = self.permit(Verb::AuditAnchor, &AgentId::system())?;
        let entry = self.entry(Verb::AuditAnchor, &permit.act().target, Verdict::Allowed);
        let anchor = audit::anchor(&self.home, entry, now.wall)?;
        let event = Event {
            channel: Channel::Security,
            level: Level::Info,
            event: "audit.anchored".into(),
            msg: anchor.head.to_string(),
            agent: None,
            id: None,
            fields: vec![("files".into(), anchor.files.into())],
        };
        self.log(&[event], now);
        Ok(anchor)
    }

    /// The chain, and what it covers of journals and histories. Where it is broken the captain is told, once of each fault.
    pub fn verify_audit(
        &self,
        published: &[Head],
        progress: &mut dyn FnMut(Progress),
        now: Now,
    ) -> Done<Report> {
        self.permit(Verb::AuditRead, &AgentId::system())?;
        let report = audit::verify(&self.home, published, progress)?;
        let mut breaches = report.findings.iter().filter(|it| it.what.is_breach());
        if let Some(first) = breaches.next() {
            let more = breaches.count();
            let msg = format!("the audit trail is broken: {first}, and {more} faults more");
            self.alarm("audit.broken", msg, &key_of(first), now);
        }
        Ok(report)
    }

    /// The newest records, the last in front.
    pub fn audit_records(&self, filter: &Filter, most: usize) -> Done<Vec<Record>> {
        self.permit(Verb::AuditRead, &AgentId::system())?;
        Ok(audit::recent(&self.home, filter, most)?)
    }
}

/// The same fault is told once.
fn key_of(finding: &Finding) -> String {
    let place = finding.line.unwrap_or(0);
    format!(
        "audit:{}:{place}:{}",
        finding.path.display(),
        finding.what.word()
    )
}
