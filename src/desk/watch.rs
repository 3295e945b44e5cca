//! What waits: for mail, for one's turn, for what becomes of a message. Nothing is held while it waits.

use std::time::Duration;

use super::{Desk, Done, Error, Taking, Took, no_message};
use crate::mailbox::{self, Address, History, Message, Taken};
use crate::names::{AgentId, Verb};
use crate::store::Deadline;
use crate::tasks::{self, Board, Standing, Waker};
use crate::time::Now;

/// That an agent has died, nobody tells: so often it is asked of those who hold something.
const A_LIFE: Duration = Duration::from_secs(10);

/// Whether it is worth trying to take a task, and when it may be though nobody tells of it.
struct Chance {
    is_there: bool,
    due: Duration,
}

/// Until there is news, or `due` is over. `false`: we have waited long enough.
fn sleep(waker: &mut Waker, patience: &Patience<'_>, mut due: Duration) -> Done<bool> {
    loop {
        let (news, took) = waker.rest(patience.left().min(due))?;
        due = due.saturating_sub(took);
        if patience.is_over() {
            return Ok(false);
        }
        if news || due.is_zero() {
            return Ok(true);
        }
    }
}

/// Whether a task that was not to be had may be later.
fn may_come(error: &Error) -> bool {
    let Error::Tasks(error) = error else {
        return false;
    };
    matches!(
        error,
        tasks::Error::NothingReady { .. }
            | tasks::Error::Held { .. }
            | tasks::Error::Claimed { .. }
    )
}

/// When somebody stops waiting. Who makes `interrupted` true unparks the thread that waits.
struct Patience<'p> {
    deadline: Option<Deadline>,
    interrupted: &'p dyn Fn() -> bool,
}

impl<'p> Patience<'p> {
    fn new(timeout: Option<Duration>, interrupted: &'p dyn Fn() -> bool) -> Self {
        Self {
            deadline: timeout.map(Deadline::after),
            interrupted,
        }
    }

    fn is_over(&self) -> bool {
        (self.interrupted)() || self.deadline.is_some_and(Deadline::is_over)
    }

    fn left(&self) -> Duration {
        self.deadline.map_or(Duration::MAX, Deadline::left)
    }
}

impl Desk {
    /// As `next`, waiting until there is one, `timeout` is over (`None`) or `interrupted` says so (`None`).
    pub fn next_wait(
        &self,
        agent: &AgentId,
        lease: Duration,
        timeout: Option<Duration>,
        interrupted: &dyn Fn() -> bool,
    ) -> Done<Option<Taken>> {
        let permit = self.permit(Verb::MailTake, agent)?;
        let mailbox = self.own_mailbox(agent, Now::read())?;
        let patience = Patience::new(timeout, interrupted);
        // Before the first look: what comes after that look wakes us.
        let mut waker = mailbox::Waker::new(&mailbox);
        loop {
            let now = Now::read();
            let taken = self.take(&mailbox, &permit, lease, now)?;
            if taken.is_some() || patience.is_over() {
                return Ok(taken);
            }
            waker.ask(&mailbox, &permit, Now::read())?;
            while !waker.rest(&mailbox, patience.left())? {
                if patience.is_over() {
                    break;
                }
            }
            if (patience.interrupted)() {
                return Ok(None);
            }
        }
    }

    /// As `take_task`, waiting until there is something to be had, `timeout` is over (`None`) or `interrupted` says so
    /// (`None`).
    pub fn take_task_wait(
        &self,
        asked: Option<&str>,
        taking: Taking,
        lease: Option<Duration>,
        timeout: Option<Duration>,
        interrupted: &dyn Fn() -> bool,
    ) -> Done<Option<Took>> {
        let patience = Patience::new(timeout, interrupted);
        // Before the first look: what comes after that look wakes us.
        let mut waker = Waker::new(&self.home)?;
        loop {
            match self.take_task(asked, taking, lease, Now::read()) {
                Ok(took) => return Ok(Some(took)),
                Err(error) if !may_come(&error) => return Err(error),
                Err(_) if patience.is_over() => return Ok(None),
                Err(_) => {}
            }
            // At least once between two tries: what could not be had is not there again without news.
            let mut chance = self.chance(asked)?;
            loop {
                if !sleep(&mut waker, &patience, chance.due)? {
                    return Ok(None);
                }
                chance = self.chance(asked)?;
                if chance.is_there {
                    break;
                }
            }
        }
    }

    /// A look without the lock: of many who wait only those try who see something.
    fn chance(&self, asked: Option<&str>) -> Done<Chance> {
        let now = Now::read();
        let sheets = self.sheets(now)?;
        let board = sheets.board()?;
        let next = board.next_change();
        let mut due = next.map_or(Duration::MAX, |at| at.since(now.wall));
        if !board.lives().is_empty() {
            due = due.min(A_LIFE);
        }
        let is_there = asked.is_some()
            || !self
                .ready_tasks(&board, Some(&self.caller.agent))?
                .is_empty()
            || self.has_lapsed(&board);
        Ok(Chance { is_there, due })
    }

    /// Whether somebody does not work on something any more that nobody has taken back yet.
    fn has_lapsed(&self, board: &Board<'_>) -> bool {
        let standings = board.standings(&self.dead(board));
        let mut standings = standings.iter().map(|(_, standing)| standing);
        standings.any(|it| matches!(it, Standing::Lapsed(_)))
    }

    /// Follows a mailbox: every message from now on (or from the kept cursor of that name) exactly once.
    pub fn watch(&self, agent: &AgentId, cursor: Option<&str>) -> Done<Watch> {
        let now = Now::read();
        let permit = self.permit(Verb::MailRead, agent)?;
        let mailbox = self.own_mailbox(agent, now)?;
        let outcome = mailbox::Watch::open(mailbox, permit, cursor, now)?;
        let inner = self.settle(outcome, now);
        Ok(Watch {
            desk: self.clone(),
            agent: agent.clone(),
            inner,
        })
    }

    /// Follows one message.
    pub fn trace(&self, at: &Address) -> Done<Trace> {
        let now = Now::read();
        let mailbox = self.mailbox(&at.mailbox)?.ok_or_else(|| no_message(at))?;
        let permit = self.look_permit(&mailbox, at.seq, now)?;
        let inner = mailbox::Trace::open(mailbox, permit, at.seq, now)?;
        Ok(Trace {
            desk: self.clone(),
            inner,
        })
    }
}

/// A mailbox that is being followed.
pub struct Watch {
    desk: Desk,
    agent: AgentId,
    inner: mailbox::Watch,
}

impl Watch {
    /// Blocks until there is news, `timeout` is over (empty) or `interrupted` (empty). Each message once; one
    /// that was closed meanwhile comes with its state.
    pub fn wait(
        &mut self,
        timeout: Option<Duration>,
        interrupted: &dyn Fn() -> bool,
    ) -> Done<Vec<Message>> {
        let patience = Patience::new(timeout, interrupted);
        loop {
            let now = Now::read();
            let mut news = self.desk.settle(self.inner.look(now)?, now);
            if !news.is_empty() || patience.is_over() {
                self.desk.prove(&mut news);
                return Ok(news);
            }
            while !self.inner.rest(patience.left(), Now::read()) {
                if patience.is_over() {
                    break;
                }
            }
        }
    }

    /// What was returned has been shown: its owner has been told of it, if that was the caller, and the cursor is kept.
    pub fn shown(&mut self, news: &[Message]) -> Done<()> {
        let pending = news.iter().filter(|message| message.status.is_pending());
        let seqs: Vec<u64> = pending.map(|message| message.seq).collect();
        if self.agent == self.desk.caller.agent && !seqs.is_empty() {
            self.desk.announce(&self.agent, &seqs, Now::read())?;
        }
        Ok(self.inner.save()?)
    }
}

/// A message that is being followed.
pub struct Trace {
    desk: Desk,
    inner: mailbox::Trace,
}

impl Trace {
    /// Blocks until the message is as `until` wants it; `None` when `timeout` is over or `interrupted`.
    pub fn wait(
        &mut self,
        until: &dyn Fn(&History) -> bool,
        timeout: Option<Duration>,
        interrupted: &dyn Fn() -> bool,
    ) -> Done<Option<History>> {
        let patience = Patience::new(timeout, interrupted);
        loop {
            let now = Now::read();
            let history = self.desk.settle(self.inner.look(now)?, now);
            if until(&history) {
                return Ok(Some(history));
            }
            if patience.is_over() {
                return Ok(None);
            }
            while !self.inner.rest(patience.left(), Now::read()) {
                if patience.is_over() {
                    break;
                }
            }
        }
    }
}
