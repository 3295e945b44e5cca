//! The only room that knows several others: permit → do → log → follow-ups. Programs change state here.
//!
//! Who may do what is asked in `permit.rs`, who only repeats himself in `breaker.rs`; what each verb asks of
//! the rooms below stands in `mail.rs`, `lives.rs`, `letters.rs`, `logs.rs`, `register.rs` and `terminal.rs`, what waits in `watch.rs`, how
//! far mail has to come that is waited for in `stage.rs`, what takes foreign files in `import.rs`, tokens and keys in `security.rs`, secrets in `secrets.rs`, what is recorded in `audit.rs`, what is signed in `signatures.rs`, what only its recipient can read in `sealed.rs`, what JSON lines say in
//! `batch.rs`.

mod approvals;
mod audit;
mod batch;
mod breaker;
mod discord;
mod error;
mod import;
mod letters;
mod lives;
mod logs;
mod mail;
mod memories;
mod names;
mod permit;
mod register;
mod runs;
mod sealed;
#[cfg(feature = "age")]
mod secrets;
mod security;
mod signatures;
mod stage;
mod tasks;
mod terminal;
mod watch;

pub use batch::{BadLine, batch, batch_lines};
pub use breaker::Loop;
pub use error::Error;
pub use import::{Imported, Unread};
pub use lives::{Launching, Standing, Started, Stopped, Stops};
pub use logs::Note;
pub use mail::{Breaker, Closed, Links, Merged, Unknown};
pub use memories::TakenAway;
pub use register::{Purged, Renamed, Step};
pub use runs::Ran;
pub use stage::{Came, Stage, Waited};
pub use tasks::{ImportedTasks, Sheets, Taking, Took, Written};
pub use terminal::Hands;
pub use watch::{Trace, Watch};

pub use crate::mailbox::{Attachment, Claim, Pruned, Waiting, Which};
pub use crate::security::Refusal;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::agents;
use crate::mailbox::{self, Mailbox, Outcome};
use crate::names::{
    AgentId, CAPTAIN, Caller, Draft, Effect, Event, Explain as _, Kind, Origin, Roster, Verb,
};
use crate::root::Home;
use crate::security::Policies;
use crate::store::{Dir, Open};
use crate::time::Now;

/// What nobody but its owner has any business in. Git keeps no such modes.
const PRIVATE: [&str; 2] = ["config", "runtime"];
/// So many notices are sent in the wake of one verb; the others wait for the next.
const MOST_NOTICES: usize = 32;
/// Where it is kept that the owner was told of a network file system.
const REMOTE_SAID: &str = "remote-said";

type Done<T> = Result<T, Error>;

/// One who speaks, in one home.
#[derive(Clone)]
pub struct Desk {
    home: Home,
    caller: Caller,
    roster: Roster,
    policies: Arc<Policies>,
    /// Where the caller says that his token lies.
    token: Option<PathBuf>,
    /// The agent as which the program was started.
    runs_as: Option<AgentId>,
    /// Whose text from outside made the caller speak.
    taint: Option<Origin>,
    /// That nobody else may look into the home was seen to.
    is_closed: Arc<AtomicBool>,
    /// Tasks are not changed: it is only said what would become of them.
    rehearses: bool,
    warn: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Desk {
    /// `warn` is told what went wrong beside a result that stands all the same.
    pub fn open(
        home: Home,
        caller: Caller,
        warn: impl Fn(&str) + Send + Sync + 'static,
    ) -> Done<Self> {
        let roster = agents::read(&home)?;
        Ok(Self {
            policies: Arc::new(Policies::of(home.clone())),
            token: None,
            runs_as: None,
            taint: None,
            is_closed: Arc::default(),
            home,
            caller,
            roster,
            rehearses: false,
            warn: Arc::new(warn),
        })
    }

    /// As `open`, also where the configuration cannot be read: what runs can be looked at and stopped all the same.
    pub fn open_anyway(
        home: Home,
        caller: Caller,
        warn: impl Fn(&str) + Send + Sync + 'static,
    ) -> Done<Self> {
        let roster = match agents::read(&home) {
            Err(error) if error.kind() == Kind::Config => {
                warn(&error.to_string());
                Roster::default()
            }
            other => other?,
        };
        Ok(Self {
            policies: Arc::new(Policies::of(home.clone())),
            token: None,
            runs_as: None,
            taint: None,
            is_closed: Arc::default(),
            home,
            caller,
            roster,
            rehearses: false,
            warn: Arc::new(warn),
        })
    }

    /// As `open`, for another who speaks.
    #[must_use]
    pub fn speaking_as(self, caller: Caller) -> Self {
        Self { caller, ..self }
    }

    /// As `open`, for one who has more to show than his name: a token, and as whom his program was started.
    #[must_use]
    pub fn showing(self, token: Option<PathBuf>, runs_as: Option<AgentId>) -> Self {
        Self {
            token,
            runs_as,
            ..self
        }
    }

    /// As `open`, for one who speaks because of what somebody outside wrote.
    #[must_use]
    pub fn touched_by(self, taint: Option<Origin>) -> Self {
        Self { taint, ..self }
    }

    /// As `open`; tasks are not changed then, and nobody is told of them.
    #[must_use]
    pub fn rehearsing(self) -> Self {
        Self {
            rehearses: true,
            ..self
        }
    }

    pub const fn home(&self) -> &Home {
        &self.home
    }

    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Before the first change. Whoever cannot do it is told, and goes on: others are kept out of every file by its mode.
    fn close_to_others(&self) {
        if self.is_closed.swap(true, Ordering::Relaxed) {
            return;
        }
        let home = self.home.dir();
        let closed = PRIVATE
            .iter()
            .try_for_each(|name| match Dir::look_at(&home.join(name))? {
                Some(look) if look.mode & 0o077 != 0 => Dir::open(home)?.set_mode(name, 0o700),
                _ => Ok(()),
            });
        if let Err(error) = closed {
            (self.warn)(&format!("the home is not closed to others: {error}"));
        }
    }

    fn log(&self, events: &[Event], now: Now) {
        if events.is_empty() {
            return;
        }
        if let Err(error) = crate::logs::append(&self.home, &self.caller, events, now.wall) {
            (self.warn)(&format!("the log: {error}"));
        }
    }

    /// The mailbox of somebody who exists; `None` where he never got mail.
    fn mailbox(&self, agent: &AgentId) -> Done<Option<Mailbox>> {
        match Mailbox::open(&self.home.mailboxes(), agent) {
            Ok(mailbox) => {
                self.say_if_remote(&mailbox);
                Ok(Some(mailbox))
            }
            Err(error) if error.kind() == Kind::Unknown => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// As `mailbox`, of somebody who must exist: a slip of the pen has no mail to wait for.
    fn mailbox_if_known(&self, agent: &AgentId) -> Done<Option<Mailbox>> {
        let mailbox = self.mailbox(agent)?;
        if mailbox.is_none() {
            self.resolve(agent.as_str())?;
        }
        Ok(mailbox)
    }

    /// The mailbox of somebody who exists, made if it was not there.
    fn own_mailbox(&self, agent: &AgentId, now: Now) -> Done<Mailbox> {
        match self.mailbox_if_known(agent)? {
            Some(mailbox) => Ok(mailbox),
            None => self.make_mailbox(agent, now),
        }
    }

    fn make_mailbox(&self, agent: &AgentId, now: Now) -> Done<Mailbox> {
        let mailboxes = self.home.mailboxes();
        Dir::make_path(self.home.dir(), self.home.inside(&mailboxes))?;
        let mailbox = Mailbox::open_or_create(&mailboxes, agent, now)?;
        self.say_if_remote(&mailbox);
        Ok(mailbox)
    }

    /// Locks of a network file system hold on one machine only. Said once a home.
    fn say_if_remote(&self, mailbox: &Mailbox) {
        if !mailbox.is_remote() {
            return;
        }
        let cache = self.home.cache();
        let marker = Dir::make_path(self.home.dir(), self.home.inside(&cache))
            .and_then(|dir| dir.file(REMOTE_SAID, Open::New));
        if marker.is_ok() {
            (self.warn)(
                "this home lies on a network file system: use it from one machine only, and \
                 expect watches to notice mail after up to a second",
            );
        }
    }

    /// What a verb leaves behind: lines for the log, warnings, notices to others.
    fn settle<T>(&self, outcome: Outcome<T>, now: Now) -> T {
        for warning in &outcome.warnings {
            (self.warn)(warning);
        }
        let mut notices = VecDeque::new();
        self.carry_out(outcome.effects, &mut notices, now);
        for _ in 0..MOST_NOTICES {
            let Some(draft) = notices.pop_front() else {
                break;
            };
            if let Err(error) = self.notify(draft, &mut notices, now) {
                (self.warn)(&format!("a notice was not sent: {error}"));
            }
        }
        outcome.value
    }

    fn carry_out(&self, effects: Vec<Effect>, notices: &mut VecDeque<Draft>, now: Now) {
        let mut events = Vec::new();
        for effect in effects {
            match effect {
                Effect::Event(event) => events.push(event),
                Effect::Mail(draft) => notices.push_back(*draft),
            }
        }
        self.log(&events, now);
    }

    /// Tells the sender of a dead letter, or the captain of a forged one, once: its key sees to that. Nobody else is given
    /// a mailbox for it.
    fn notify(&self, draft: Draft, notices: &mut VecDeque<Draft>, now: Now) -> Done<()> {
        let about = draft
            .metadata
            .get("notice")
            .and_then(serde_json::Value::as_str)
            .and_then(names::address);
        let mailbox = if draft.to.as_str() == CAPTAIN {
            self.mailbox_of_the_captain(now)?
        } else {
            self.mailbox(&draft.to)?
        };
        if let Some(mailbox) = mailbox {
            let permit = self.permit_of_the_system(Verb::MailSend, &draft.to)?;
            let (_, effects) = mailbox.send(&permit, vec![draft], now)?;
            self.carry_out(effects, notices, now);
        }
        if let Some(at) = about
            && let Some(mailbox) = self.mailbox(&at.mailbox)?
        {
            let permit = self.permit_of_the_system(Verb::MailSend, &at.mailbox)?;
            let outcome = mailbox.noticed(&permit, &[at.seq], now)?;
            self.carry_out(outcome.effects, notices, now);
        }
        Ok(())
    }
}

/// That a mailbox which nobody made yet holds no such message.
fn no_message(at: &mailbox::Address) -> Error {
    mailbox::Error::NoMessage { at: at.clone() }.into()
}
