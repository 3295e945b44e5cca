//! The only room that knows several others: permit → do → log → follow-ups. Programs change state here.

#[cfg_attr(not(test), expect(dead_code, reason = "`Desk` does not ask yet"))]
mod breaker;
#[cfg_attr(not(test), expect(dead_code, reason = "`Desk` does not write yet"))]
mod log;
#[cfg_attr(not(test), expect(dead_code, reason = "`Desk` does not ask yet"))]
mod policy;

pub use breaker::Loop;
pub use policy::Refusal;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::mailbox::{Address, Counts, Finding, History, Message, Sent, Taken};
use crate::names::{AgentId, Caller, Draft, Explain, Kind, MessageId, Roster, UnknownName};
use crate::root::Home;
use crate::time::Now;

/// Whether a send may make a mailbox for an agent that nobody registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    Refuse,
    Create,
}

/// Whether a send obeys the loop breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breaker {
    Obey,
    Override,
}

/// Whose lease a closing verb respects.
#[derive(Clone, Debug, Default)]
pub struct Claim {
    /// The token that `next` printed, if the caller has it.
    pub token: Option<String>,
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Pending,
    /// The closed ones too, as far as they are kept.
    All,
}

/// What an ack, nack or recall came to.
#[derive(Clone, Debug)]
pub struct Closed {
    pub at: Address,
    pub id: MessageId,
    /// It had been closed that way before, by the same one.
    pub repeated: bool,
    pub warnings: Vec<String>,
}

/// What `edit` or an import came to.
#[derive(Clone, Debug, Default)]
pub struct Merged {
    pub edited: Vec<Address>,
    pub adopted: Vec<Address>,
    pub discarded: Vec<Address>,
    pub known: u64,
    pub warnings: Vec<String>,
}

/// A part of an imported file that could not be read.
#[derive(Clone, Debug)]
pub struct Unread {
    pub path: PathBuf,
    pub line: usize,
    pub column: usize,
    pub why: String,
}

#[derive(Clone, Debug, Default)]
pub struct Imported {
    pub sent: Vec<Address>,
    /// Already here from an earlier import.
    pub known: u64,
    pub unread: Vec<Unread>,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Pruned {
    pub removed: u64,
    pub kept: u64,
    pub bytes_freed: u64,
    pub files_removed: Vec<PathBuf>,
}

/// A file that was copied into a mailbox and waits for the message that names it.
#[derive(Clone, Debug)]
pub struct Attachment {
    pub sha256: String,
    pub name: String,
    pub bytes: u64,
    pub path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("being built")]
    NotBuilt,
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        Kind::Bug
    }
}

pub struct Desk {
    home: Home,
    caller: Caller,
    roster: Roster,
}

type Done<T> = Result<T, Error>;

impl Desk {
    pub fn open(home: Home, caller: Caller) -> Done<Self> {
        Ok(Self {
            home,
            caller,
            roster: Roster::default(),
        })
    }
    pub fn home(&self) -> &Home {
        &self.home
    }
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
    pub fn roster(&self) -> &Roster {
        &self.roster
    }
    /// Everybody who has a mailbox or is registered, sorted.
    pub fn everybody(&self) -> Done<Vec<AgentId>> {
        Err(Error::NotBuilt)
    }
    /// The canonical id of a name: 66 with the nearest names where there is none.
    pub fn resolve(&self, name: &str) -> Done<AgentId> {
        let _: Option<UnknownName> = None;
        let _ = name;
        Err(Error::NotBuilt)
    }
    /// `role:NAME`: its members, at least one.
    pub fn resolve_role(&self, _role: &str) -> Done<Vec<AgentId>> {
        Err(Error::NotBuilt)
    }
    /// A message as a person names it (`agent-3/17`, `17`, an id, the end of one).
    pub fn find(&self, _message: &str) -> Done<Address> {
        Err(Error::NotBuilt)
    }
    pub fn send(
        &self,
        _draft: Draft,
        _unknown: Unknown,
        _breaker: Breaker,
        _now: Now,
    ) -> Done<Sent> {
        Err(Error::NotBuilt)
    }
    /// One write and one flush for all; all drafts go to the same mailbox.
    pub fn send_batch(
        &self,
        _to: &AgentId,
        _drafts: Vec<Draft>,
        _unknown: Unknown,
        _breaker: Breaker,
        _now: Now,
    ) -> Done<Vec<Sent>> {
        Err(Error::NotBuilt)
    }
    /// Copies a file into the mailbox of `to`, by content hash; the caller puts `metadata.attachments` into
    /// the draft with [`Attachment`]'s fields.
    pub fn attach(&self, _to: &AgentId, _file: &Path, _unknown: Unknown) -> Done<Attachment> {
        Err(Error::NotBuilt)
    }
    /// The first deliverable message, leased.
    pub fn next(&self, _agent: &AgentId, _lease: Duration, _now: Now) -> Done<Option<Taken>> {
        Err(Error::NotBuilt)
    }
    /// As `next`, waiting until there is one, `timeout` is over (`None`) or `interrupted` says so (`None`).
    pub fn next_wait(
        &self,
        _agent: &AgentId,
        _lease: Duration,
        _timeout: Option<Duration>,
        _interrupted: &dyn Fn() -> bool,
    ) -> Done<Option<Taken>> {
        Err(Error::NotBuilt)
    }
    pub fn ack(&self, _at: &Address, _claim: &Claim, _now: Now) -> Done<Closed> {
        Err(Error::NotBuilt)
    }
    /// Everything pending in the mailbox and not leased to another: one write, one flush.
    pub fn ack_all(&self, _agent: &AgentId, _now: Now) -> Done<Vec<Closed>> {
        Err(Error::NotBuilt)
    }
    pub fn nack(&self, _at: &Address, _claim: &Claim, _now: Now) -> Done<Closed> {
        Err(Error::NotBuilt)
    }
    /// Sends `draft` (its `to`, `reply_to` and `thread` are filled in), then acknowledges what it answers.
    pub fn reply(
        &self,
        _at: &Address,
        _draft: Draft,
        _claim: &Claim,
        _breaker: Breaker,
        _now: Now,
    ) -> Done<Sent> {
        Err(Error::NotBuilt)
    }
    pub fn recall(&self, _at: &Address, _now: Now) -> Done<Closed> {
        Err(Error::NotBuilt)
    }
    /// A closed message again: new id, same thread.
    pub fn restore(&self, _at: &Address, _now: Now) -> Done<Sent> {
        Err(Error::NotBuilt)
    }
    /// Marks as read what the recipient has been shown in full.
    pub fn mark_read(&self, _agent: &AgentId, _seqs: &[u64], _now: Now) -> Done<()> {
        Err(Error::NotBuilt)
    }
    /// Records that the recipient was told.
    pub fn announce(&self, _agent: &AgentId, _seqs: &[u64], _now: Now) -> Done<()> {
        Err(Error::NotBuilt)
    }
    /// In delivery order; `All`: in order of seq. Changes no state.
    pub fn inbox(&self, _agent: &AgentId, _which: Which) -> Done<Vec<Message>> {
        Err(Error::NotBuilt)
    }
    pub fn message(&self, _at: &Address) -> Done<Message> {
        Err(Error::NotBuilt)
    }
    pub fn history(&self, _at: &Address) -> Done<History> {
        Err(Error::NotBuilt)
    }
    /// Every message of a thread in every mailbox, oldest first; `at` is any message of it.
    pub fn thread(&self, _at: &Address) -> Done<Vec<Message>> {
        Err(Error::NotBuilt)
    }
    /// Case-insensitive text in content, sender, mode or id; archives too. Newest first.
    pub fn search(
        &self,
        _agent: Option<&AgentId>,
        _text: &str,
        _limit: usize,
    ) -> Done<Vec<Message>> {
        Err(Error::NotBuilt)
    }
    pub fn counts(&self, _agent: &AgentId, _now: Now) -> Done<Counts> {
        Err(Error::NotBuilt)
    }
    /// Follows a mailbox: every message from now on (or from the kept cursor of that name) exactly once.
    pub fn watch(&self, _agent: &AgentId, _cursor: Option<&str>) -> Done<Watch> {
        Err(Error::NotBuilt)
    }
    /// The text that `$EDITOR` is given.
    pub fn edit_begin(&self, _agent: &AgentId, _now: Now) -> Done<Vec<u8>> {
        Err(Error::NotBuilt)
    }
    /// Merges the edited text; 65 with line and column where it does not parse.
    pub fn edit_finish(
        &self,
        _agent: &AgentId,
        _given: &[u8],
        _edited: &[u8],
        _now: Now,
    ) -> Done<Merged> {
        Err(Error::NotBuilt)
    }
    pub fn prune(&self, _agent: &AgentId, _now: Now) -> Done<Pruned> {
        Err(Error::NotBuilt)
    }
    /// `path` is a file or a directory of any shape that the original wrote; `to` overrides the recipient.
    pub fn import(&self, _to: Option<&AgentId>, _path: &Path, _now: Now) -> Done<Imported> {
        Err(Error::NotBuilt)
    }
    pub fn doctor(&self, _agent: Option<&AgentId>, _fix: bool, _now: Now) -> Done<Vec<Finding>> {
        Err(Error::NotBuilt)
    }
}

/// A mailbox that is being followed.
pub struct Watch {}

impl Watch {
    /// Blocks until there is news, `timeout` is over (empty) or `interrupted` (empty). Each message once; one
    /// that was closed meanwhile comes with its state.
    pub fn wait(
        &mut self,
        _timeout: Option<Duration>,
        _interrupted: &dyn Fn() -> bool,
    ) -> Done<Vec<Message>> {
        Err(Error::NotBuilt)
    }
    /// Blocks until the message's status is at least what `until` asks for; `None` on timeout.
    pub fn wait_status(
        &mut self,
        _seq: u64,
        _until: &dyn Fn(&History) -> bool,
        _timeout: Option<Duration>,
        _interrupted: &dyn Fn() -> bool,
    ) -> Done<Option<History>> {
        Err(Error::NotBuilt)
    }
    /// Keeps the cursor, after what was returned has been printed.
    pub fn save(&mut self) -> Done<()> {
        Err(Error::NotBuilt)
    }
}
