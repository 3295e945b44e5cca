//! `edit`, as `crontab -e`: a copy is given out, checked when it comes back, and merged.

use std::collections::HashMap;

use super::error::Error;
use super::face::Text;
use super::json;
use super::merge::{self, Content, Memory, Outcome as Changes};
use super::open::Mailbox;
use super::render;
use super::stamp::Shown;
use super::take::Outcome;
use super::view;
use super::visit::Visit;
use crate::names::{MessageId, Permit};
use crate::time::Now;

/// What an edit or a merge came to, by number.
#[derive(Clone, Debug, Default)]
pub struct Edited {
    pub edited: Vec<u64>,
    pub adopted: Vec<u64>,
    pub discarded: Vec<u64>,
    pub known: u64,
    /// What could not be taken over, and why.
    pub refused: Vec<String>,
}

impl From<Changes> for Edited {
    fn from(changes: Changes) -> Self {
        let Changes {
            edited,
            adopted,
            discarded,
            known,
            refused,
        } = changes;
        Self {
            edited,
            adopted,
            discarded,
            known,
            refused,
        }
    }
}

impl Mailbox {
    /// The text that an editor is given: the window, as in `inbox.json`.
    pub fn edit_begin(&self, permit: &Permit, now: Now) -> Result<Outcome<Vec<u8>>, Error> {
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let mut held = visit.hold()?;
        let window = render::window(&mut held)?;
        let written = held.commit()?;
        visit.make_durable(&written.journal)?;
        let mut text = Text::new(rev_of(now));
        for slot in &window {
            let Some(view) = view::read(&written.journal, slot)? else {
                continue;
            };
            if !text.add(&view) {
                break;
            }
        }
        Ok(Outcome::of(text.finish(), visit))
    }

    /// Merges what the editor left. What does not parse changes nothing.
    pub fn edit_finish(
        &self,
        permit: &Permit,
        given: &[u8],
        edited: &[u8],
        now: Now,
    ) -> Result<Outcome<Edited>, Error> {
        let items = json::items(edited).map_err(Error::BadEdit)?;
        let mut visit = Visit::new(self, permit, now);
        visit.look_or_warn()?;
        let (shown, versions) = remembered(given);
        let memory = Memory {
            rev: u64::MAX,
            shown: &shown,
            written_us: u64::MAX,
            given: versions,
        };
        let mut held = visit.hold()?;
        let content = Content::Entries(items);
        let changes = merge::merge(
            &mut held,
            &self.agent,
            &content,
            Some(&memory),
            &visit.who,
            now,
        )?;
        visit.say(&mut held, &changes)?;
        visit.finish(held)?;
        Ok(Outcome::of(changes.into(), visit))
    }
}

fn rev_of(now: Now) -> u64 {
    u64::try_from(now.wall.unix_ms()).unwrap_or(0) * 1000
}

/// What the given text showed: every entry counts as seen, each in one version.
fn remembered(given: &[u8]) -> (Vec<Shown>, HashMap<u128, view::Version>) {
    let Ok(items) = json::items(given) else {
        return (Vec::new(), HashMap::new());
    };
    items
        .iter()
        .filter_map(|item| {
            let id = MessageId::parse(&item.fields.str("id")?).ok()?.bits();
            let seq = item.fields.get("seq")?.get().parse().ok()?;
            let shown = Shown {
                id,
                seq,
                since: 0,
                unmarked: false,
                look: 0,
                len: 0,
            };
            Some((shown, (id, view::version(&view::editable(&item.fields)))))
        })
        .unzip()
}
