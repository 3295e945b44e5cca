//! `inbox.json`, `dead.json` and the stamp against the mail as it stands. A face that is behind by a moment is
//! being rendered; one that was edited waits for the next verb. Both hide nothing from anybody but `cat`.

use std::collections::HashSet;

use super::derived::open;
use super::{Findings, word};
use crate::mailbox::error::Error;
use crate::mailbox::face::{self, Text};
use crate::mailbox::held::Held;
use crate::mailbox::json::{self, Item};
use crate::mailbox::merge::{self, Content, MOST_BYTES};
use crate::mailbox::render::{self, DEAD, FACE};
use crate::mailbox::stamp::{self, Face, STAMP, Stamps};
use crate::mailbox::view;
use crate::mailbox::visit::{PATIENCE, Visit};

/// What the faces are held against.
pub(super) struct Mail<'f, 'm> {
    /// Folded to the end of the journal.
    pub(super) fresh: &'f mut Held<'m>,
    /// All of it is known to be durable: a face shows nothing else.
    pub(super) is_durable: bool,
    /// When its last record was written, in Unix milliseconds.
    pub(super) newest_ms: i64,
}

/// Under the render lock.
pub(super) fn judge(
    found: &mut Findings<'_>,
    visit: &Visit<'_>,
    mail: &mut Mail<'_, '_>,
) -> Result<(), Error> {
    let dir = visit.dir();
    let stamps = match open(dir, STAMP)? {
        None => Stamps::none(),
        Some(file) => {
            let stamps = Stamps::read(dir)?;
            let bytes = file.read_to_end(1 << 20)?;
            if stamps.stamp.is_none() && bytes.iter().any(|&b| b != 0) {
                found.fixable(word::STAMP_INVALID, STAMP, "no stamp of ours");
            }
            stamps
        }
    };
    // Whoever wrote it may be about to render; and a verb has no longer than that.
    let age = visit.now.wall.unix_ms() - mail.newest_ms;
    let is_settled = mail.is_durable && u128::from(age.unsigned_abs()) >= PATIENCE.as_millis();
    let state = stamp::judge(stamps.stamp.as_ref(), dir.ident(FACE)?);
    judge_face(found, visit, mail, state, is_settled)?;
    judge_dead(found, visit, mail, is_settled)
}

fn judge_face(
    found: &mut Findings<'_>,
    visit: &Visit<'_>,
    mail: &mut Mail<'_, '_>,
    state: Face,
    is_settled: bool,
) -> Result<(), Error> {
    let dir = visit.dir();
    if !dir.exists(FACE)? {
        found.fixable(word::FACE_MISSING, FACE, "it is missing");
        return Ok(());
    }
    let Some(file) = open(dir, FACE)? else {
        return Ok(());
    };
    if file.has_writer() {
        return Ok(());
    }
    if file.size()? > MOST_BYTES {
        let detail = format!("larger than {} MiB", MOST_BYTES >> 20);
        found.fixable(word::FACE_INVALID, FACE, detail);
        return Ok(());
    }
    let bytes = file.read_to_end(MOST_BYTES)?;
    let edited = "it was edited; the next verb merges it";
    match merge::read(&bytes, visit.agent()) {
        Err(fault) => found.fixable(word::FACE_INVALID, FACE, fault.to_string()),
        Ok(Content::Nothing) => found.fixable(word::FACE_MISSING, FACE, "it is empty"),
        Ok(Content::Other(_)) => found.fixable(word::FACE_EDITED, FACE, edited),
        Ok(Content::Entries(items)) => {
            if !mail.is_durable || (state != Face::Foreign && !is_settled) {
                return Ok(());
            }
            if let Some(detail) = difference(mail.fresh, &items, bytes.len())? {
                match state {
                    Face::Foreign => {
                        found.fixable(word::FACE_EDITED, FACE, format!("{edited} ({detail})"));
                    }
                    Face::Next | Face::Previous | Face::Absent => {
                        found.fixable(word::FACE_BEHIND, FACE, detail);
                    }
                }
            }
        }
    }
    Ok(())
}

/// What the face shows otherwise than the window. Status and attempts change without a rendering.
fn difference(
    fresh: &mut Held<'_>,
    items: &[Item<'_>],
    size: usize,
) -> Result<Option<String>, Error> {
    let window = render::window(fresh)?;
    let mut next = 0;
    for slot in &window {
        let Some(view) = view::read(&fresh.journal, slot)? else {
            continue;
        };
        let Some(item) = items.get(next) else {
            // The window is full, give or take the words that changed since.
            let mut entry = Vec::new();
            face::write_entry(&mut json::Writer::new(&mut entry), &view, Some("0"), None);
            let slack = 32 * (items.len() + 1);
            let is_full = items.len() == face::MOST_MESSAGES
                || (next > 0 && size + entry.len() + slack > face::MOST_BYTES);
            return Ok((!is_full).then(|| format!("number {} is not shown", slot.seq)));
        };
        next += 1;
        let seq = item.fields.get("seq").map(|raw| raw.get().to_owned());
        let right = shown(&view);
        let right = json::items(&right).ok().and_then(|mut items| items.pop());
        let version = |item: &Item<'_>| view::version(&view::editable(&item.fields));
        let id = |item: &Item<'_>| item.fields.str("id").map(std::borrow::Cow::into_owned);
        match right {
            Some(right) if id(&right) != id(item) => {
                let shown = seq.unwrap_or_else(|| "an entry without a number".into());
                return Ok(Some(format!(
                    "line {}, column {}: number {} belongs here, not {shown}",
                    item.line, item.column, slot.seq
                )));
            }
            Some(right) if version(&right) != version(item) => {
                return Ok(Some(format!(
                    "line {}, column {}: number {} is not shown as it stands",
                    item.line, item.column, slot.seq
                )));
            }
            _ => {}
        }
    }
    Ok(items.get(next).map(|item| {
        format!(
            "line {}, column {}: an entry that is not pending",
            item.line, item.column
        )
    }))
}

/// One message as a face of its own.
fn shown(view: &view::View) -> Vec<u8> {
    let mut text = Text::new(0);
    text.add(view);
    text.finish()
}

fn judge_dead(
    found: &mut Findings<'_>,
    visit: &Visit<'_>,
    mail: &mut Mail<'_, '_>,
    is_settled: bool,
) -> Result<(), Error> {
    let dir = visit.dir();
    let exists = dir.exists(DEAD)?;
    let file = open(dir, DEAD)?;
    let bytes = match &file {
        Some(file) => file.read_to_end(MOST_BYTES)?,
        None if exists => return Ok(()),
        None => b"[]".to_vec(),
    };
    let items = match json::items(&bytes) {
        Ok(items) => items,
        Err(fault) => {
            found.fixable(word::DEAD_INVALID, DEAD, fault.to_string());
            return Ok(());
        }
    };
    if !is_settled {
        return Ok(());
    }
    let there: HashSet<u64> = items
        .iter()
        .filter_map(|item| item.fields.get("seq")?.get().parse().ok())
        .collect();
    let lacking = render::dead_letters(mail.fresh)?
        .into_iter()
        .find(|slot| !there.contains(&slot.seq));
    if let Some(slot) = lacking {
        let detail = format!("number {} is not in it", slot.seq);
        found.fixable(word::DEAD_LACKING, DEAD, detail);
    }
    Ok(())
}
