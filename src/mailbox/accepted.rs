//! Every message that a mailbox ever accepted, for whoever remembers: no lock is taken and nothing is changed.

use std::borrow::Cow;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::archive;
use super::error::Error;
use super::journal::{JOURNAL, Journal};
use super::open::{all, find};
use super::record::{Record, Tag};
use crate::names::{AgentId, Explain as _, Kind, MessageId};
use crate::store::{Dir, Open};
use crate::time::Timestamp;

/// How far a mailbox was read: whatever was sealed or pruned since, nothing comes twice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Which mailbox, by the name that it was born with.
    #[serde(default)]
    mailbox: Option<AgentId>,
    #[serde(default)]
    seq: u64,
    /// The journal in which that stands, and the end of its line.
    #[serde(default)]
    generation: u64,
    #[serde(default)]
    offset: u64,
}

/// A message as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub seq: u64,
    pub id: MessageId,
    pub from: AgentId,
    /// Whose mailbox it is now.
    pub to: AgentId,
    pub mode: String,
    pub content: String,
    pub timestamp: Timestamp,
    pub reply_to: Option<MessageId>,
    pub thread: Option<MessageId>,
    /// Its content is for its recipient alone.
    pub is_sealed: bool,
    /// What of it somebody noted as the task that it is about.
    pub task: Option<String>,
}

#[derive(Deserialize)]
struct Letter<'a> {
    seq: u64,
    id: MessageId,
    from: AgentId,
    #[serde(borrow)]
    mode: Cow<'a, str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
    timestamp: Timestamp,
    #[serde(default)]
    reply_to: Option<MessageId>,
    #[serde(default)]
    thread: Option<MessageId>,
    #[serde(default)]
    sealed: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    metadata: Option<serde_json::Value>,
}

/// Who has a mailbox.
pub fn owners(mailboxes: &Path) -> Result<Vec<AgentId>, Error> {
    let parent = match all(mailboxes) {
        Err(error) if error.is_absent() => return Ok(Vec::new()),
        other => other?,
    };
    let names = parent.dir_names()?;
    let ids = names.iter().filter_map(|name| AgentId::parse(name).ok());
    Ok(ids.collect())
}

/// What came behind `mark`, oldest first, at least `limit` of them where there are so many; what is not durable yet is
/// made so first, or it might be told of and be gone after a power cut.
pub fn accepted(
    mailboxes: &Path,
    agent: &AgentId,
    mark: &mut Mark,
    limit: usize,
) -> Result<Vec<Accepted>, Error> {
    let dir = match find(&all(mailboxes)?, agent) {
        Err(error) if error.kind() == Kind::Unknown => return Ok(Vec::new()),
        other => other?.0,
    };
    let Some(journal) = Journal::open(&dir, JOURNAL, Open::Read)? else {
        return Ok(Vec::new());
    };
    journal.must_know_format()?;
    if mark.mailbox.as_ref() != Some(&journal.opening.mailbox) {
        *mark = Mark {
            mailbox: Some(journal.opening.mailbox.clone()),
            ..Mark::default()
        };
    }
    let mut found = Vec::new();
    if mark.generation != journal.opening.generation {
        past(&dir, agent, &journal, mark, &mut found)?;
        mark.generation = journal.opening.generation;
        mark.offset = journal.opening.len;
    }
    let end = journal.file.size()?;
    if end > mark.offset && journal.durable(&dir)? < end {
        journal.file.sync_data()?;
    }
    let mut reached = mark.offset;
    while reached < end && found.len() < limit {
        // Some lines at a time, so that a mailbox of a million is not held in memory.
        let until = end.min(reached + STRIDE);
        let (next, _) = journal.scan(reached, until, |record, _, _| {
            found.extend(letter(record, agent, mark));
            Ok(())
        })?;
        if next == reached {
            let (next, _) = journal.scan(reached, end, |record, _, _| {
                found.extend(letter(record, agent, mark));
                Ok(())
            })?;
            reached = next;
            break;
        }
        reached = next;
    }
    mark.offset = reached;
    Ok(found)
}

const STRIDE: u64 = 1 << 20;

/// From journals that were sealed since.
fn past(
    dir: &Dir,
    agent: &AgentId,
    journal: &Journal,
    mark: &mut Mark,
    found: &mut Vec<Accepted>,
) -> Result<(), Error> {
    for sealed in archive::readable(dir)? {
        if sealed.generation >= mark.generation && sealed.generation < journal.opening.generation {
            archive::scan(dir, &sealed, |record, _| {
                found.extend(letter(record, agent, mark));
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// `None` of what is no message, or was given out before. The sequence in a journal counts up but for what was carried
/// over from the one before.
fn letter(record: &Record<'_>, agent: &AgentId, mark: &mut Mark) -> Option<Accepted> {
    if !matches!(record.t, Tag::Send | Tag::Again) {
        return None;
    }
    let letter: Letter<'_> = serde_json::from_str(record.msg?.get()).ok()?;
    if letter.seq <= mark.seq {
        return None;
    }
    mark.seq = letter.seq;
    let task = letter.metadata.as_ref().and_then(|it| it.get("task"));
    Some(Accepted {
        seq: letter.seq,
        id: letter.id,
        from: letter.from,
        to: agent.clone(),
        mode: letter.mode.into_owned(),
        content: letter.content.into_owned(),
        timestamp: letter.timestamp,
        reply_to: letter.reply_to,
        thread: letter.thread,
        is_sealed: letter.sealed.is_some(),
        task: task.and_then(serde_json::Value::as_str).map(str::to_owned),
    })
}
