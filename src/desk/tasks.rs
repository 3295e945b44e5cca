//! What is to be done: changed by the rules of `tasks`, with what else of the home these ask for — who there is, whose
//! life is over, what one can do — and with the mail that follows.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::{Map, Value};

use super::{Desk, Done, Error, batch};
use crate::agents;
use crate::names::{AgentId, Caller, Draft, Explain as _, Kind, Mode, Permit, Verb};
use crate::tasks::{
    self, Board, Dead, Known, Letter, NewTask, Status, Task, Tell, Texts, Wake, Zone,
};
use crate::time::{Now, boot_id, local_zone};

/// So long somebody else may hold all tasks.
const PATIENCE: Duration = Duration::from_secs(5);

/// All tasks, for whoever looks.
pub struct Sheets {
    texts: Texts,
    known: Known,
    now: Now,
}

impl Sheets {
    pub fn board(&self) -> Done<Board<'_>> {
        Ok(Board::of(&self.texts, &self.known, self.now.wall)?)
    }
}

/// What became of a file of tasks.
#[derive(Clone, Debug)]
pub struct ImportedTasks {
    pub new: usize,
    pub known: usize,
    /// Where something stood that is no task, and why it is none.
    pub unread: Vec<(String, String)>,
}

/// A task as it has been written down.
#[derive(Clone, Debug)]
pub struct Written {
    pub id: String,
    pub agent: Option<AgentId>,
    /// What must be completed before.
    pub waits_for: Vec<String>,
}

impl Written {
    fn of(board: &Board<'_>, id: String) -> Self {
        Self {
            agent: board.assigned_to(&id),
            waits_for: board.awaited(&id).into_iter().map(Into::into).collect(),
            id,
        }
    }
}

/// What somebody has taken.
#[derive(Clone, Debug)]
pub struct Took {
    pub id: String,
    pub until: Option<crate::time::Timestamp>,
}

/// What is done with a task that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    Claim,
    Start,
}

impl Desk {
    /// All tasks as they are. What people wrote since is merged and written down first, where that is possible.
    pub fn sheets(&self, now: Now) -> Done<Sheets> {
        let mut texts = Texts::read(&self.home)?;
        let known = self.known()?;
        if texts.is_edited() {
            match self.settle_tasks(now) {
                Ok(()) => texts = Texts::read(&self.home)?,
                // Whoever may only read sees the same, merged in memory.
                Err(error) => (self.warn)(&format!(
                    "what was edited by hand is not written down yet: {error}"
                )),
            }
        }
        Ok(Sheets { texts, known, now })
    }

    /// Merges what people wrote, and finishes what a crash left.
    pub fn settle_tasks(&self, now: Now) -> Done<()> {
        self.change_tasks(now, |_| Ok(()))
    }

    fn known(&self) -> Done<Known> {
        let mut agents: HashSet<AgentId> = self.everybody()?.into_iter().collect();
        agents.insert(AgentId::user());
        let mut former = HashMap::new();
        for entry in &self.roster.agents {
            let names = entry
                .aliases
                .iter()
                .filter_map(|name| AgentId::parse(name).ok());
            let names = names.filter(|name| self.roster.entry(name).is_none());
            former.extend(names.map(|name| (name, entry.id.clone())));
        }
        Ok(Known {
            agents,
            former,
            zone: Zone::parse(&local_zone()).unwrap_or(Zone::UTC),
            boot: boot_id().map_or_else(|_| String::new(), |boot| format!("{boot:032x}")),
        })
    }

    /// Which of the lives that hold something are over.
    pub fn dead(&self, board: &Board<'_>) -> Dead {
        let mut lives = board.lives();
        // Of one whose state cannot be read nothing is known: his claim has its time.
        lives.retain(|(agent, life)| agents::is_over(&self.home, agent, life).unwrap_or(false));
        lives
    }

    /// What the caller can do, as far as any task asks for it.
    fn abilities(&self, board: &Board<'_>) -> Done<Vec<String>> {
        self.abilities_of(&self.caller.agent, board)
    }

    fn abilities_of(&self, agent: &AgentId, board: &Board<'_>) -> Done<Vec<String>> {
        if board.tasks().all(|task| task.capabilities.is_empty()) {
            return Ok(Vec::new());
        }
        let all = agents::agents(&self.home)?;
        let own = all.into_iter().find(|it| it.id == *agent);
        Ok(own.map(|agent| agent.capabilities).unwrap_or_default())
    }

    /// What can be taken, the most urgent first: by anybody, or by one of them.
    pub fn ready_tasks<'b>(
        &self,
        board: &'b Board<'_>,
        by: Option<&AgentId>,
    ) -> Done<Vec<&'b Task<'b>>> {
        let dead = self.dead(board);
        let Some(agent) = by else {
            return Ok(board.ready(&dead, None));
        };
        let abilities = self.abilities_of(agent, board)?;
        let caller = Caller {
            agent: agent.clone(),
            ..self.caller.clone()
        };
        Ok(board.ready(&dead, Some((&caller, &abilities))))
    }

    /// What would become of it: nothing is written, nobody is told.
    fn rehearse<T>(&self, now: Now, act: impl FnOnce(&mut Board<'_>) -> Done<T>) -> Done<T> {
        let known = self.known()?;
        let texts = Texts::read(&self.home)?;
        let mut board = Board::of(&texts, &known, now.wall)?;
        board.bury(&self.dead(&board))?;
        act(&mut board)
    }

    pub(super) fn change_tasks<T>(
        &self,
        now: Now,
        act: impl FnOnce(&mut Board<'_>) -> Done<T>,
    ) -> Done<T> {
        if self.rehearses {
            return self.rehearse(now, act);
        }
        let known = self.known()?;
        let (value, wake) = tasks::change(
            &self.home,
            &known,
            PATIENCE,
            now.wall,
            |board| {
                let dead = self.dead(board);
                Done::Ok(board.bury(&dead)?)
            },
            act,
        )?;
        let sent = self.follow(wake, now);
        if !sent.is_empty() {
            let tidy = |_: &mut Board<'_>| Done::Ok(());
            let act = |board: &mut Board<'_>| Done::Ok(board.sent(&sent)?);
            // What was sent is sent again, with the same key, until it is noted.
            match tasks::change(&self.home, &known, PATIENCE, now.wall, tidy, act) {
                Ok((Ok(()), wake)) => self.log(&wake.events, now),
                Ok((Err(error), _)) | Err(error) => (self.warn)(&format!(
                    "that mail of tasks was sent is not noted: {error}"
                )),
            }
        }
        value
    }

    /// Says and sends what a change brought with it: the letters that are done with.
    fn follow(&self, wake: Wake, now: Now) -> Vec<Letter> {
        for warning in &wake.warnings {
            (self.warn)(warning);
        }
        self.log(&wake.events, now);
        let mut done = Vec::new();
        for letter in wake.letters {
            match self.deliver(&letter, now) {
                Ok(()) => done.push(letter),
                Err(error) => (self.warn)(&format!(
                    "{} was not told of task {} and will be: {error}",
                    letter.to, letter.task
                )),
            }
        }
        done
    }

    /// As often as it is said, it is sent once: its key sees to that.
    fn deliver(&self, letter: &Letter, now: Now) -> Done<()> {
        if self.resolve(letter.to.as_str()).is_err() {
            (self.warn)(&format!(
                "{} is not there any more to hear of task {}",
                letter.to, letter.task
            ));
            return Ok(());
        }
        let mailbox = self.own_mailbox(&letter.to, now)?;
        let permit = self.permit_of_the_system(Verb::MailSend, &letter.to)?;
        let mut draft = Draft::new(
            letter.from.clone(),
            letter.to.clone(),
            letter.content.clone(),
        );
        draft.mode = Mode::Task;
        draft.key = Some(letter.key.clone());
        draft
            .metadata
            .insert("task".into(), letter.task.clone().into());
        let (_, effects) = mailbox.send(&permit, vec![draft], now)?;
        let mut notices = std::collections::VecDeque::new();
        self.carry_out(effects, &mut notices, now);
        Ok(())
    }

    /// Whether the caller may do that to a task; whose it is decides.
    pub(super) fn may(&self, verb: Verb, board: &Board<'_>, asked: &str) -> Done<Option<Permit>> {
        match board.record(asked) {
            Ok(record) => {
                let owner = board.owner(record.id()).cloned();
                let owner = owner.unwrap_or_else(AgentId::unassigned);
                self.permit(verb, &owner).map(Some)
            }
            // It may be taken up again from there.
            Err(tasks::Error::Over { id, .. }) => {
                let owner = board.archived_one(&id)?.map(|(owner, _)| owner);
                self.permit(verb, &owner.unwrap_or_else(AgentId::unassigned))
                    .map(Some)
            }
            // The verb says so itself.
            Err(_) => Ok(None),
        }
    }

    /// One task, of which whoever is to do it is told.
    pub fn create_task(&self, task: NewTask, now: Now) -> Done<Written> {
        let mut made = self.create_tasks(vec![task], Tell::Concerned, now)?;
        Ok(made.swap_remove(0))
    }

    /// All of them or none.
    pub fn create_tasks(&self, tasks: Vec<NewTask>, tell: Tell, now: Now) -> Done<Vec<Written>> {
        for task in &tasks {
            let to = task.fields.get("assigned_to").and_then(Value::as_str);
            let to = to.and_then(|id| AgentId::parse(id).ok());
            self.permit(Verb::TaskCreate, &to.unwrap_or_else(AgentId::unassigned))?;
        }
        self.change_tasks(now, |board| {
            let ids = board.create(&self.caller, tasks, tell)?;
            Ok(ids.into_iter().map(|id| Written::of(board, id)).collect())
        })
    }

    /// As `create_tasks`, one task a line of JSON.
    pub fn create_batch(&self, lines: &str, tell: Tell, now: Now) -> Done<Vec<Written>> {
        let (numbers, tasks): (Vec<usize>, Vec<NewTask>) =
            batch::tasks(lines, now)?.into_iter().unzip();
        let on_line = |nth: usize, error| Error::OnLine {
            line: numbers[nth],
            error,
        };
        self.create_tasks(tasks, tell, now)
            .map_err(|error| match error {
                Error::Tasks(tasks::Error::OfSeveral { nth, error }) => on_line(nth, error),
                Error::Tasks(error) if numbers.len() == 1 && error.kind() == Kind::Usage => {
                    on_line(0, Box::new(error))
                }
                other => other,
            })
    }

    /// Takes over the tasks of a file of the original's: how many were new, how many were here, and what is no task.
    /// Whom they are for and nobody knows is kept in their `data`.
    pub fn import_tasks(&self, text: &[u8], now: Now) -> Done<ImportedTasks> {
        let unreadable = |why| tasks::Error::NoTasks { why };
        let mut foreign = tasks::import::read(text).map_err(unreadable)?;
        self.permit(Verb::TaskEdit, &AgentId::unassigned())?;
        for task in &mut foreign.tasks {
            let Some(asked) = task.fields.get("assigned_to").and_then(Value::as_str) else {
                continue;
            };
            match self.resolve(asked) {
                Ok(agent) if !agent.is_reserved() || agent == AgentId::user() => {
                    task.fields
                        .insert("assigned_to".into(), agent.as_str().into());
                }
                _ => {
                    let agent = task.fields.shift_remove("assigned_to").unwrap_or_default();
                    let data = task
                        .fields
                        .entry("data")
                        .or_insert_with(|| Value::Object(Map::new()));
                    if let Some(data) = data.as_object_mut() {
                        data.insert("agent".into(), agent);
                    }
                }
            }
        }
        let all = foreign.tasks.len();
        let new = self.change_tasks(now, |board| Ok(board.import(&self.caller, foreign.tasks)?))?;
        Ok(ImportedTasks {
            new,
            known: all - new,
            unread: foreign.unread,
        })
    }

    pub fn set_task(&self, asked: &str, sets: Vec<(String, Value)>, now: Now) -> Done<String> {
        self.change_tasks(now, |board| {
            self.may(Verb::TaskEdit, board, asked)?;
            Ok(board.set(&self.caller, asked, sets)?)
        })
    }

    pub fn depend_task(
        &self,
        asked: &str,
        add: &[String],
        remove: &[String],
        now: Now,
    ) -> Done<Written> {
        self.change_tasks(now, |board| {
            self.may(Verb::TaskEdit, board, asked)?;
            let id = board.depend(&self.caller, asked, add, remove)?;
            Ok(Written::of(board, id))
        })
    }

    pub fn assign_task(
        &self,
        asked: &str,
        to: Option<&AgentId>,
        tell: Tell,
        now: Now,
    ) -> Done<String> {
        self.change_tasks(now, |board| {
            self.may(Verb::TaskEdit, board, asked)?;
            Ok(board.assign(&self.caller, asked, to, tell)?)
        })
    }

    /// The given task, or the most urgent one that the caller may take.
    pub fn claim_task(&self, asked: Option<&str>, lease: Option<Duration>, now: Now) -> Done<Took> {
        self.take_task(asked, Taking::Claim, lease, now)
    }

    /// As `claim_task`, and started in the same change where that is asked for.
    pub fn take_task(
        &self,
        asked: Option<&str>,
        taking: Taking,
        lease: Option<Duration>,
        now: Now,
    ) -> Done<Took> {
        self.must_live()?;
        self.change_tasks(now, |board| {
            match asked {
                Some(asked) => drop(self.may(Verb::TaskWork, board, asked)?),
                None => drop(self.permit(Verb::TaskWork, &self.caller.agent)?),
            }
            let abilities = self.abilities(board)?;
            let id = board.take(&self.caller, &abilities, asked, lease)?;
            if taking == Taking::Start {
                board.start(&self.caller, &abilities, &id, lease)?;
            }
            let until = board.claim(&id).and_then(|claim| claim.until);
            Ok(Took { id, until })
        })
    }

    pub fn start_task(&self, asked: &str, lease: Option<Duration>, now: Now) -> Done<String> {
        self.must_live()?;
        self.change_tasks(now, |board| {
            self.may(Verb::TaskWork, board, asked)?;
            let abilities = self.abilities(board)?;
            Ok(board.start(&self.caller, &abilities, asked, lease)?)
        })
    }

    pub fn progress_of_task(
        &self,
        asked: &str,
        percent: u8,
        text: Option<&str>,
        now: Now,
    ) -> Done<String> {
        self.must_live()?;
        self.change_tasks(now, |board| {
            self.may(Verb::TaskWork, board, asked)?;
            Ok(board.progress(&self.caller, asked, percent, text)?)
        })
    }

    pub fn complete_task(
        &self,
        asked: &str,
        result: Option<Value>,
        tell: Tell,
        now: Now,
    ) -> Done<String> {
        self.must_live()?;
        self.change_tasks(now, |board| {
            self.may(Verb::TaskWork, board, asked)?;
            Ok(board.complete(&self.caller, asked, result, tell)?)
        })
    }

    /// What became of it: it is tried again, or failed.
    pub fn fail_task(
        &self,
        asked: &str,
        why: Option<&str>,
        tell: Tell,
        now: Now,
    ) -> Done<(String, Status)> {
        self.must_live()?;
        self.change_tasks(now, |board| {
            self.may(Verb::TaskWork, board, asked)?;
            let id = board.fail(&self.caller, asked, why, tell)?;
            let status = board.record(&id)?.str("status").and_then(Status::parse);
            Ok((id, status.unwrap_or(Status::Failed)))
        })
    }

    pub fn cancel_task(
        &self,
        asked: &str,
        why: Option<&str>,
        tell: Tell,
        now: Now,
    ) -> Done<String> {
        self.change_tasks(now, |board| {
            self.may(Verb::TaskEdit, board, asked)?;
            Ok(board.cancel(&self.caller, asked, why, tell)?)
        })
    }

    pub fn reopen_task(&self, asked: &str, now: Now) -> Done<String> {
        self.change_tasks(now, |board| {
            self.may(Verb::TaskEdit, board, asked)?;
            Ok(board.reopen(&self.caller, asked)?)
        })
    }

    /// Takes what is over, and what nobody waits for, out of the documents: how many.
    pub fn archive_tasks(&self, now: Now) -> Done<usize> {
        self.permit(Verb::TaskEdit, &AgentId::unassigned())?;
        self.change_tasks(now, |board| Ok(board.archive()))
    }

    /// The text of a task, edited: merged with what happened to it meanwhile.
    pub fn edit_task(&self, before: &tasks::Record, after: &str, now: Now) -> Done<String> {
        self.change_tasks(now, |board| {
            self.may(Verb::TaskEdit, board, before.id())?;
            Ok(board.edit(&self.caller, before, after)?)
        })
    }
}
