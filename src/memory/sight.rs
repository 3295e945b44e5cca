//! Whose mail somebody sees who asks what is remembered. Who may read which mailbox the asker knows; memory asks him, leaves
//! out what he does not let through, and counts it.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use serde_json::Value;

use super::fragment::Fragment;

/// What names the mailboxes that a summary tells of.
pub(super) const MAILBOXES: &str = "mailboxes";

/// Mail that is remembered, or that a summary tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter<'l> {
    /// Whose mailbox it lies in.
    pub mailbox: &'l str,
    /// Who sent it; of a summary nobody knows.
    pub from: Option<&'l str>,
}

/// What an answer does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// So many memories are of mail that the asker may not read.
    pub mail: usize,
    /// There are more than so many, and only the last of them were looked at.
    pub all_but: Option<usize>,
}

/// What one asker sees.
pub(super) struct Sight<'a> {
    may_see: &'a dyn Fn(Letter<'_>) -> bool,
    hidden: RefCell<HashSet<u32>>,
    all_but: Cell<Option<usize>>,
}

impl<'a> Sight<'a> {
    pub(super) fn new(may_see: &'a dyn Fn(Letter<'_>) -> bool) -> Self {
        Self {
            may_see,
            hidden: RefCell::default(),
            all_but: Cell::new(None),
        }
    }

    /// Of a memory and its number; what is not to be seen is counted once.
    pub(super) fn lets(&self, ordinal: u32, fragment: &Fragment) -> bool {
        let is_seen = self.kept_back(fragment).is_none();
        if !is_seen {
            self.hidden.borrow_mut().insert(ordinal);
        }
        is_seen
    }

    /// The first mailbox for whose sake it is not to be seen.
    pub(super) fn kept_back<'f>(&self, fragment: &'f Fragment) -> Option<&'f str> {
        let mut letters = letters(fragment).into_iter();
        letters.find(|it| !(self.may_see)(*it)).map(|it| it.mailbox)
    }

    pub(super) fn cut(&self, most: usize) {
        self.all_but.set(Some(most));
    }

    pub(super) fn left_out(&self) -> LeftOut {
        LeftOut {
            mail: self.hidden.borrow().len(),
            all_but: self.all_but.get(),
        }
    }
}

/// The mail that a memory shows.
fn letters(fragment: &Fragment) -> Vec<Letter<'_>> {
    match fragment.kind.as_str() {
        "message" => {
            let mailbox = mailbox(fragment);
            let from = Some(fragment.agent_id.as_str());
            mailbox
                .map(|mailbox| Letter { mailbox, from })
                .into_iter()
                .collect()
        }
        "summary" => {
            let Some(Value::Array(all)) = fragment.context.get(MAILBOXES) else {
                return Vec::new();
            };
            let mailboxes = all.iter().filter_map(Value::as_str);
            mailboxes
                .map(|mailbox| Letter {
                    mailbox,
                    from: None,
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Where a message lies, if it is one of this home's: others have no address.
pub(super) fn mailbox(fragment: &Fragment) -> Option<&str> {
    if fragment.kind != "message" {
        return None;
    }
    let (mailbox, _) = fragment.context_text("address")?.split_once('/')?;
    Some(mailbox)
}
