//! What of remembered mail the one who asks may see, by the policy.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;

use dreamos::cli::{Context, Failure};
use dreamos::desk::Desk;
use dreamos::memory::{LeftOut, Letter};
use dreamos::names::AgentId;

use super::desk::open;

/// The policy is read for the first letter alone: most of what is remembered is no mail.
pub(crate) struct Sight<'c> {
    context: &'c Context,
    desk: OnceCell<Desk>,
    known: RefCell<HashMap<(String, Option<String>), bool>>,
    failed: OnceCell<Failure>,
}

impl<'c> Sight<'c> {
    pub(crate) fn of(context: &'c Context) -> Self {
        Self {
            context,
            desk: OnceCell::new(),
            known: RefCell::default(),
            failed: OnceCell::new(),
        }
    }

    pub(crate) fn may_see(&self, letter: Letter<'_>) -> bool {
        let key = (letter.mailbox.to_owned(), letter.from.map(str::to_owned));
        if let Some(known) = self.known.borrow().get(&key) {
            return *known;
        }
        let may = self.asked(letter).unwrap_or_else(|failure| {
            // Nothing is told then: the first failure is, and one that comes after it is not the cause.
            let _ = self.failed.set(failure);
            false
        });
        self.known.borrow_mut().insert(key, may);
        may
    }

    fn asked(&self, letter: Letter<'_>) -> Result<bool, Failure> {
        // Of whom there can be no mailbox there is no policy either: the memory came from elsewhere.
        let Ok(mailbox) = AgentId::parse(letter.mailbox) else {
            return Ok(true);
        };
        let from = letter.from.and_then(|it| AgentId::parse(it).ok());
        Ok(self.desk()?.may_see_mail(&mailbox, from.as_ref())?)
    }

    fn desk(&self) -> Result<&Desk, Failure> {
        if self.desk.get().is_none() {
            // It was looked for in this thread just now: nobody else can have set it.
            let _ = self.desk.set(open(self.context)?);
        }
        Ok(self.desk.get().expect("it was set"))
    }

    /// Where it cannot be known who may see what, nothing is told.
    pub(crate) fn outcome(self) -> Result<(), Failure> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    /// Refused as it is in the mailbox itself, and recorded there.
    pub(crate) fn refuse(&self, mailbox: &str) -> Result<(), Failure> {
        let Ok(mailbox) = AgentId::parse(mailbox) else {
            return Ok(());
        };
        Ok(self.desk()?.must_read_mail_of(&mailbox)?)
    }
}

pub(crate) fn say(context: &Context, left_out: LeftOut) {
    let who = context.speaker();
    match left_out.mail {
        0 => {}
        1 => context.note(&format!(
            "1 memory is left out: it is of mail that {who} may not read"
        )),
        n => context.note(&format!(
            "{n} memories are left out: they are of mail that {who} may not read"
        )),
    }
    if let Some(most) = left_out.all_but {
        context.note(&format!(
            "only the last {most} memories were looked at: there are more"
        ));
    }
}
