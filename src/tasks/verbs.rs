//! What can be done to tasks, each verb by the rules: who may start what, who holds it, what a change brings with it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::board::{Board, Letter};
use super::error::Error;
use super::fields;
use super::id::{self, Meant, TaskId};
use super::record::{By, Note, Record};
use super::state::{Claim, Dead, Lapse};
use super::task::{Status, Task};
use crate::names::{AgentId, Caller, Level};
use crate::time::Timestamp;

/// A claim of an agent that does not say how long.
pub const LEASE: Duration = Duration::from_mins(30);
/// A task whose holder died is tried again so often, where it does not say.
const LAPSES: u32 = 3;

/// A task that nobody has accepted yet: its fields as they are to be stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewTask {
    pub id: Option<TaskId>,
    pub fields: Map<String, Value>,
}

/// Whom a change is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tell {
    Concerned,
    Nobody,
}

/// Whose a task is when it is tried again.
#[derive(Clone, Copy)]
enum Then {
    Stays,
    Nobodys,
}

/// What is made of one that does not exist yet.
fn known_fields(status: &Value) -> bool {
    status.as_str() == Some("pending")
}

impl Board<'_> {
    fn by(caller: &Caller) -> By {
        By::from(caller)
    }

    fn noted<'n>(&self, what: &'n str, by: &'n By) -> Note<'n> {
        Note {
            what,
            by,
            at: self.now,
            why: None,
        }
    }

    /// Someone who is registered, or nobody.
    pub(super) fn must_exist(&self, agent: Option<&Value>) -> Result<(), Error> {
        let Some(asked) = agent.and_then(Value::as_str) else {
            return Ok(());
        };
        match AgentId::parse(asked).ok().filter(|id| self.known.knows(id)) {
            Some(_) => Ok(()),
            None => Err(Error::BadField {
                field: "assigned_to".into(),
                why: format!("nobody is called {asked:?}"),
                hint: Some("see: agentctl list".into()),
            }),
        }
    }

    /// The document in which a task belongs.
    pub(super) fn page_for(&mut self, record: &Record) -> Result<usize, Error> {
        let agent = record.assigned_to();
        let agent = agent.unwrap_or_else(AgentId::unassigned);
        self.page_of(&agent)
    }

    /// A task with all that every task has, its fields looked at.
    pub(super) fn filled_in(
        &self,
        id: &str,
        fields: &Map<String, Value>,
        by: &By,
    ) -> Result<Record, Error> {
        let mut record = Record::new(id);
        for (field, value) in fields {
            if !matches!(
                field.as_str(),
                "id" | "history" | "rev" | "outbox" | "conflicts"
            ) {
                record.put(field, fields::checked(field, value)?);
            }
        }
        self.must_exist(record.get("assigned_to"))?;
        let or = |record: &mut Record, field: &str, value: Value| {
            if record.get(field).is_none() {
                record.put(field, Some(value));
            }
        };
        or(&mut record, "name", id.into());
        or(&mut record, "category", "agent".into());
        or(&mut record, "priority", "medium".into());
        or(&mut record, "status", "pending".into());
        or(&mut record, "created_at", self.now.to_string().into());
        or(&mut record, "created_by", by.who.as_str().into());
        Ok(record)
    }

    /// All of them or none. Each may wait for others of the same batch.
    pub fn create(
        &mut self,
        caller: &Caller,
        tasks: Vec<NewTask>,
        tell: Tell,
    ) -> Result<Vec<String>, Error> {
        let count = tasks.len();
        let of = |nth: usize| {
            move |error: Error| match count {
                1 => error,
                _ => Error::OfSeveral {
                    nth,
                    error: Box::new(error),
                },
            }
        };
        let given = tasks.iter().filter_map(|task| task.id.as_ref());
        let given: HashSet<String> = given.map(ToString::to_string).collect();
        let archived = self.archived_among(&given)?;
        let mut made = Vec::with_capacity(count);
        let mut awaited = Vec::new();
        for (nth, mut task) in tasks.into_iter().enumerate() {
            let named = self.in_full(task.fields.get_mut("dependencies"), &given);
            named.map_err(of(nth))?;
            let at = self.create_one(caller, task, &archived, tell);
            let task = &self.entries[at.map_err(of(nth))?].task;
            awaited.extend(task.dependencies.iter().map(|on| (nth, on.to_string())));
            made.push(task.id.to_string());
        }
        for (nth, on) in awaited {
            if self.find(&on).is_none() && !self.fetch(&on)? {
                let id = made[nth].clone();
                return Err(of(nth)(Error::NoDependency { id, on }));
            }
        }
        // One alone waits for what was there before: nobody can wait for it yet.
        if count > 1 || made.first().is_some_and(|id| self.waits_for_itself(id)) {
            self.must_not_be_circular()?;
        }
        Ok(made)
    }

    /// Takes over tasks from elsewhere as they are, over ones too. Ids that are here already stay as they are here: how
    /// many were new. What they wait for and nobody knows is left out of it, and said.
    pub fn import(&mut self, caller: &Caller, tasks: Vec<NewTask>) -> Result<usize, Error> {
        let by = Self::by(caller);
        let given = tasks.iter().filter_map(|task| task.id.as_ref());
        let archived = self.archived_among(&given.map(ToString::to_string).collect())?;
        let mut added = Vec::new();
        for NewTask { id, fields } in tasks {
            let id = match id {
                Some(id) if self.must_be_free(&id, &archived).is_err() => continue,
                Some(id) => id,
                None => self.new_id()?,
            };
            let record = self.filled_in(id.as_str(), &fields, &by)?;
            let page = self.page_for(&record)?;
            added.push(self.add(page, record, self.noted("import", &by))?);
        }
        for &at in &added {
            let on: Vec<String> = self.entries[at]
                .task
                .dependencies
                .iter()
                .map(ToString::to_string)
                .collect();
            let (mut known, mut unknown) = (Vec::new(), Vec::new());
            for id in on {
                let is_known = self.find(&id).is_some() || self.fetch(&id)?;
                if is_known {
                    known.push(id);
                } else {
                    unknown.push(id);
                }
            }
            if unknown.is_empty() {
                continue;
            }
            let id = self.entries[at].task.id.to_string();
            self.wake.warnings.push(format!(
                "{id} waited for {}, which nobody knows: it waits for it no more",
                unknown.join(", ")
            ));
            let mut record = self.whole(at);
            record.put("dependencies", (!known.is_empty()).then(|| json!(known)));
            let mut data = record
                .get("data")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default();
            data.insert("unknown_dependencies".into(), json!(unknown));
            record.put("data", Some(data.into()));
            self.keep(at, record, Vec::new());
        }
        self.must_not_be_circular()?;
        for &at in &added {
            self.say(Level::Info, "task.imported", at, "imported");
        }
        Ok(added.len())
    }

    /// Names of tasks as a person shortens them, written out; of what is not known the rules say so later.
    fn in_full(&self, names: Option<&mut Value>, given: &HashSet<String>) -> Result<(), Error> {
        for name in names.and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(asked) = name.as_str().filter(|it| !given.contains(*it)) else {
                continue;
            };
            match self.resolve(asked) {
                Ok(at) => *name = self.entries[at].task.id.to_string().into(),
                Err(Error::NoTask { .. } | Error::Over { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn create_one(
        &mut self,
        caller: &Caller,
        NewTask { id, fields }: NewTask,
        archived: &HashMap<String, AgentId>,
        tell: Tell,
    ) -> Result<usize, Error> {
        let by = Self::by(caller);
        let id = match id {
            Some(id) => {
                self.must_be_free(&id, archived)?;
                id
            }
            None => self.new_id()?,
        };
        let record = self.filled_in(id.as_str(), &fields, &by)?;
        if !record.get("status").is_some_and(known_fields) {
            return Err(Error::BadField {
                field: "status".into(),
                why: "a new task is pending".into(),
                hint: Some("start or complete it by its own verb".into()),
            });
        }
        let page = self.page_for(&record)?;
        let at = self.add(page, record, self.noted("create", &by))?;
        if tell == Tell::Concerned {
            self.announce(at, &caller.agent);
        }
        self.say(Level::Info, "task.created", at, "created");
        Ok(at)
    }

    fn waits_for_itself(&self, id: &str) -> bool {
        let at = self.find(id);
        at.is_some_and(|at| {
            self.entries[at]
                .task
                .dependencies
                .iter()
                .any(|on| &**on == id)
        })
    }

    fn must_be_free(&self, id: &TaskId, archived: &HashMap<String, AgentId>) -> Result<(), Error> {
        let place = match (self.owner(id.as_str()), archived.get(id.as_str())) {
            (Some(owner), _) => format!("in {owner}.json"),
            (None, Some(owner)) => format!("in the archive of {owner}"),
            (None, None) => return Ok(()),
        };
        Err(Error::Exists {
            id: id.to_string(),
            place,
        })
    }

    fn must_not_be_circular(&self) -> Result<(), Error> {
        match self.graph().cycle() {
            Some(ids) => Err(Error::Cycle {
                ids: ids.into_iter().map(Into::into).collect(),
            }),
            None => Ok(()),
        }
    }

    /// Brings a task back from the archive: somebody waits for it, or takes it up again. `false` where there is none.
    pub(super) fn fetch(&mut self, id: &str) -> Result<bool, Error> {
        let Some((owner, record)) = self.archived_one(id)? else {
            return Ok(false);
        };
        let page = self.page_of(&owner)?;
        let by = By::from(&Caller {
            agent: AgentId::system(),
            incarnation: None,
            uid: 0,
            login: None,
            guest: None,
        });
        self.add(page, record, self.noted("fetch", &by))?;
        Ok(true)
    }

    /// Changes fields. The status has verbs of its own, and so have dependencies and whose it is.
    pub fn set(
        &mut self,
        caller: &Caller,
        asked: &str,
        sets: Vec<(String, Value)>,
    ) -> Result<String, Error> {
        let at = self.resolve(asked)?;
        let mut checked = Vec::new();
        for (field, value) in sets {
            let verb = match field.as_str() {
                "id" => Some("an id stays as it is: create a new task"),
                "status" => Some("use start, complete, fail, cancel or reopen"),
                "assigned_to" => Some("use assign"),
                "dependencies" => Some("use dep add or dep rm"),
                "history" | "rev" | "outbox" => Some("programs write it"),
                _ => None,
            };
            if let Some(hint) = verb {
                return Err(Error::BadField {
                    why: "it is not set like this".into(),
                    field,
                    hint: Some(hint.into()),
                });
            }
            let value = match field.split_once('.') {
                Some(("data", key)) => {
                    let record = self.whole(at);
                    let data = record.get("data").and_then(Value::as_object).cloned();
                    let mut data = data.unwrap_or_default();
                    if value.is_null() {
                        data.shift_remove(key);
                    } else {
                        data.insert(key.to_owned(), value);
                    }
                    checked.push(("data".to_owned(), Some(Value::Object(data))));
                    continue;
                }
                _ if self.whole(at).get(&field).is_some() => fields::checked(&field, &value)?,
                _ => {
                    fields::must_be_known(&field)?;
                    fields::checked(&field, &value)?
                }
            };
            checked.push((field, value));
        }
        let by = Self::by(caller);
        if self.change(at, self.noted("set", &by), checked)? {
            self.say(Level::Info, "task.set", at, "changed");
        }
        Ok(self.entries[at].task.id.to_string())
    }

    /// Takes over what was changed in the text of a task since `before`, by the rules of an edit by hand.
    pub fn edit(&mut self, caller: &Caller, before: &Record, after: &str) -> Result<String, Error> {
        let bad = |why: String| Error::BadField {
            field: "the edited text".into(),
            why,
            hint: Some("nothing was changed".into()),
        };
        let mut text = Record::parse(after).map_err(|error| bad(error.to_string()))?;
        if text.id() != before.id() {
            return Err(bad("its id is another".into()));
        }
        text.put("rev", before.rev().map(Value::from));
        let at = self.resolve(before.id())?;
        self.must_be_whole(self.entries[at].page)?;
        let by = Self::by(caller);
        if let Some(edit) = self.edit_of(at, text) {
            self.apply_one(at, edit, &by)?;
        }
        self.must_not_be_circular()?;
        Ok(before.id().to_owned())
    }

    pub fn depend(
        &mut self,
        caller: &Caller,
        asked: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<String, Error> {
        let at = self.resolve(asked)?;
        let task = &self.entries[at].task;
        let id = task.id.to_string();
        let mut on: Vec<String> = task.dependencies.iter().map(ToString::to_string).collect();
        if !add.is_empty() && task.status != Status::Pending {
            return Err(Error::Illegal {
                id,
                status: task.status,
                wanted: "made to wait",
            });
        }
        for asked in remove {
            match id::meant(asked, on.iter().map(String::as_str)) {
                Meant::One(known) => {
                    let known = known.to_owned();
                    on.retain(|it| *it != known);
                }
                Meant::None => {
                    return Err(Error::NotAwaited {
                        id,
                        on: asked.clone(),
                    });
                }
                Meant::Several(ids) => {
                    return Err(Error::Ambiguous {
                        asked: asked.clone(),
                        ids: ids.into_iter().map(Into::into).collect(),
                    });
                }
            }
        }
        for asked in add {
            let found = match self.resolve(asked) {
                Ok(at) => self.entries[at].task.id.to_string(),
                Err(Error::Over { id, .. }) if self.fetch(&id)? => id,
                Err(Error::NoTask { .. }) => {
                    return Err(Error::NoDependency {
                        id,
                        on: asked.clone(),
                    });
                }
                Err(error) => return Err(error),
            };
            if !on.contains(&found) {
                on.push(found);
            }
        }
        let by = Self::by(caller);
        let on = (!on.is_empty()).then(|| json!(on));
        let sets = vec![("dependencies".to_owned(), on)];
        if self.change(at, self.noted("dep", &by), sets)? {
            self.must_not_be_circular()?;
            self.say(Level::Info, "task.set", at, "waits for others than before");
        }
        Ok(id)
    }

    pub fn assign(
        &mut self,
        caller: &Caller,
        asked: &str,
        to: Option<&AgentId>,
        tell: Tell,
    ) -> Result<String, Error> {
        let at = self.resolve(asked)?;
        let id = self.entries[at].task.id.to_string();
        let value = to.map(|agent| Value::from(agent.as_str()));
        self.must_exist(value.as_ref())?;
        let is_same = self.entries[at].task.assigned_to.as_deref() == to.map(AgentId::as_str);
        if is_same {
            return Ok(id);
        }
        self.must_be_open(at, "assigned")?;
        let by = Self::by(caller);
        let agent = to.cloned().unwrap_or_else(AgentId::unassigned);
        // Whoever had it has it no more.
        self.release(at);
        let mut sets = vec![("assigned_to".to_owned(), value)];
        if self.entries[at].task.status == Status::Running {
            sets.extend(self.times_of(Status::Pending));
            sets.push(("status".into(), Some("pending".into())));
        }
        let at = self.move_to(at, &agent, self.noted("assign", &by), sets)?;
        if tell == Tell::Concerned {
            self.announce(at, &caller.agent);
        }
        self.say(Level::Info, "task.assigned", at, &format!("is for {agent}"));
        Ok(id)
    }

    fn must_be_open(&self, at: usize, wanted: &'static str) -> Result<(), Error> {
        let task = &self.entries[at].task;
        if task.status.is_over() {
            return Err(Error::Illegal {
                id: task.id.to_string(),
                status: task.status,
                wanted,
            });
        }
        Ok(())
    }

    // --- Claims.

    /// Whether all that it waits for is completed.
    pub(super) fn is_free(&self, at: usize) -> bool {
        let on = &self.entries[at].task.dependencies;
        on.iter()
            .all(|on| self.status(on) == Some(Status::Completed))
    }

    pub(super) fn must_be_free_to_start(&self, at: usize) -> Result<(), Error> {
        if self.is_free(at) {
            return Ok(());
        }
        let task = &self.entries[at].task;
        let waits = task.dependencies.iter().map(|on| match self.status(on) {
            Some(status) => format!("{on} is {status}"),
            None => format!("there is no task {on}"),
        });
        let unmet = waits.filter(|why| !why.ends_with("is completed"));
        Err(Error::Held {
            id: task.id.to_string(),
            why: format!("it waits, {}", unmet.collect::<Vec<_>>().join(", ")),
        })
    }

    fn claim_of(&self, at: usize) -> Option<&Claim> {
        let entry = &self.entries[at];
        self.pages[entry.page].state.claims.get(&*entry.task.id)
    }

    /// The person at the terminal is the owner of the home.
    fn is_owner(caller: &Caller) -> bool {
        caller.agent == AgentId::user() && caller.incarnation.is_none()
    }

    /// That nobody else holds it.
    pub(super) fn must_be_unclaimed(&self, at: usize, caller: &Caller) -> Result<(), Error> {
        let Some(claim) = self.claim_of(at) else {
            return Ok(());
        };
        if claim.is_of(&caller.agent, caller.incarnation.as_deref()) {
            return Ok(());
        }
        Err(Error::Claimed {
            id: self.entries[at].task.id.to_string(),
            by: claim.by.clone(),
            until: claim.until,
        })
    }

    /// That the caller holds it, or owns the home.
    fn must_hold(&self, at: usize, caller: &Caller) -> Result<(), Error> {
        let claim = self.claim_of(at);
        let holds = claim.is_some_and(|it| it.is_of(&caller.agent, caller.incarnation.as_deref()));
        if holds || Self::is_owner(caller) {
            return Ok(());
        }
        Err(Error::NotHeld {
            id: self.entries[at].task.id.to_string(),
            agent: caller.agent.clone(),
            by: claim.map(|claim| claim.by.clone()),
        })
    }

    fn must_be_for(&self, at: usize, caller: &Caller) -> Result<(), Error> {
        let task = &self.entries[at].task;
        match task.assigned_to.as_deref() {
            Some(other) if other != caller.agent.as_str() && !Self::is_owner(caller) => {
                Err(Error::NotYours {
                    id: task.id.to_string(),
                    agent: caller.agent.clone(),
                    assigned: other.to_owned(),
                })
            }
            _ => Ok(()),
        }
    }

    fn must_be_able(&self, at: usize, caller: &Caller, abilities: &[String]) -> Result<(), Error> {
        let task = &self.entries[at].task;
        let mut lacks = task
            .capabilities
            .iter()
            .filter(|it| !abilities.contains(&it.to_string()));
        match lacks.next() {
            Some(lacks) if !Self::is_owner(caller) => Err(Error::Unable {
                id: task.id.to_string(),
                agent: caller.agent.clone(),
                lacks: lacks.to_string(),
            }),
            _ => Ok(()),
        }
    }

    fn hold(&mut self, at: usize, caller: &Caller, lease: Option<Duration>) {
        let until = match lease {
            Some(lease) => Some(self.now.plus(lease)),
            None if Self::is_owner(caller) => None,
            None => Some(self.now.plus(LEASE)),
        };
        let entry = &self.entries[at];
        let page = &mut self.pages[entry.page];
        let since = page.state.claims.get(&*entry.task.id).map(|claim| claim.at);
        let claim = Claim {
            by: caller.agent.clone(),
            incarnation: caller.incarnation.clone(),
            at: since.unwrap_or(self.now),
            until,
            extra: Map::new(),
        };
        page.state.claims.insert(entry.task.id.to_string(), claim);
        page.state_is_changed = true;
        page.claims_first = true;
    }

    pub(super) fn release(&mut self, at: usize) {
        let entry = &self.entries[at];
        let page = &mut self.pages[entry.page];
        if page.state.claims.remove(&*entry.task.id).is_some() {
            page.state_is_changed = true;
        }
    }

    /// Takes one task, the given one or the most urgent that the caller may and can do.
    pub fn take(
        &mut self,
        caller: &Caller,
        abilities: &[String],
        asked: Option<&str>,
        lease: Option<Duration>,
    ) -> Result<String, Error> {
        let at = match asked {
            Some(asked) => {
                let at = self.resolve(asked)?;
                let task = &self.entries[at].task;
                if task.status != Status::Pending {
                    return Err(Error::Illegal {
                        id: task.id.to_string(),
                        status: task.status,
                        wanted: "claimed",
                    });
                }
                self.must_be_unclaimed(at, caller)?;
                self.must_be_for(at, caller)?;
                self.must_be_able(at, caller, abilities)?;
                self.must_be_free_to_start(at)?;
                at
            }
            None => self
                .next_for(caller, abilities)
                .ok_or_else(|| Error::NothingReady {
                    agent: caller.agent.clone(),
                })?,
        };
        self.hold(at, caller, lease);
        let who = caller.agent.to_string();
        self.say(
            Level::Info,
            "task.claimed",
            at,
            &format!("claimed by {who}"),
        );
        Ok(self.entries[at].task.id.to_string())
    }

    fn next_for(&self, caller: &Caller, abilities: &[String]) -> Option<usize> {
        let ready = self.graph().ready().into_iter();
        let mut ready = ready.filter_map(|task| self.find(&task.id));
        // What was claimed by the dead is nobody's any more: they were buried before.
        ready.find(|&at| self.is_to_be_had(at, &Dead::new()) && self.is_for(at, caller, abilities))
    }

    fn is_to_be_had(&self, at: usize, dead: &Dead) -> bool {
        let claim = self.claim_of(at);
        claim.is_none_or(|claim| claim.lapsed(dead, self.now).is_some())
            && self.pages[self.entries[at].page].fault.is_none()
            && self.not_before(at).is_none_or(|at| at <= self.now)
    }

    fn is_for(&self, at: usize, caller: &Caller, abilities: &[String]) -> bool {
        self.must_be_for(at, caller).is_ok() && self.must_be_able(at, caller, abilities).is_ok()
    }

    /// What can be taken, the most urgent first: by anybody, or by one who can do this.
    pub fn ready(&self, dead: &Dead, whom: Option<(&Caller, &[String])>) -> Vec<&Task<'_>> {
        let mut ready = self.graph().ready();
        ready.retain(|task| {
            let at = self.find(&task.id);
            at.is_some_and(|at| {
                self.is_to_be_had(at, dead)
                    && whom.is_none_or(|(caller, can)| self.is_for(at, caller, can))
            })
        });
        ready
    }

    /// A task that failed is tried again after a while.
    fn not_before(&self, at: usize) -> Option<Timestamp> {
        let entry = &self.entries[at];
        let runs = self.pages[entry.page].state.runs.get(&*entry.task.id);
        runs.and_then(|runs| runs.next_attempt)
    }

    pub fn start(
        &mut self,
        caller: &Caller,
        abilities: &[String],
        asked: &str,
        lease: Option<Duration>,
    ) -> Result<String, Error> {
        let at = self.resolve(asked)?;
        let task = &self.entries[at].task;
        let id = task.id.to_string();
        self.must_be_unclaimed(at, caller)?;
        if task.status != Status::Pending {
            return Err(Error::Illegal {
                id,
                status: task.status,
                wanted: "started",
            });
        }
        self.must_be_for(at, caller)?;
        self.must_be_able(at, caller, abilities)?;
        self.must_be_free_to_start(at)?;
        let by = Self::by(caller);
        let mut sets = self.times_of(Status::Running);
        sets.push(("status".into(), Some("running".into())));
        let is_nobodys = task.assigned_to.is_none() && !Self::is_owner(caller);
        let note = self.noted("start", &by);
        let at = if is_nobodys {
            let agent = caller.agent.clone();
            sets.push(("assigned_to".into(), Some(agent.as_str().into())));
            self.move_to(at, &agent, note, sets)?
        } else {
            self.change(at, note, sets)?;
            at
        };
        self.hold(at, caller, lease);
        self.say(
            Level::Info,
            "task.started",
            at,
            &format!("started by {}", by.who),
        );
        Ok(id)
    }

    /// How far it is; the claim lasts as long again.
    pub fn progress(
        &mut self,
        caller: &Caller,
        asked: &str,
        percent: u8,
        text: Option<&str>,
    ) -> Result<String, Error> {
        let at = self.resolve(asked)?;
        let id = self.entries[at].task.id.to_string();
        self.must_be_running(at, "worked on")?;
        self.must_hold(at, caller)?;
        let by = Self::by(caller);
        let mut progress = json!({"percent": percent.min(100), "at": self.now});
        if let (Some(text), Some(fields)) = (text, progress.as_object_mut()) {
            fields.insert("text".into(), text.into());
        }
        self.change(
            at,
            self.noted("progress", &by),
            vec![("progress".into(), Some(progress))],
        )?;
        let lease = self
            .claim_of(at)
            .and_then(|claim| Some(claim.until?.since(claim.at)));
        if lease.is_some() {
            self.release(at);
            self.hold(at, caller, lease);
        }
        self.say(
            Level::Info,
            "task.progress",
            at,
            &format!("is at {percent} %"),
        );
        Ok(id)
    }

    fn must_be_running(&self, at: usize, wanted: &'static str) -> Result<(), Error> {
        let task = &self.entries[at].task;
        if task.status == Status::Running {
            return Ok(());
        }
        Err(Error::Illegal {
            id: task.id.to_string(),
            status: task.status,
            wanted,
        })
    }

    /// The times that a task has in a status.
    pub(super) fn times_of(&self, status: Status) -> Vec<(String, Option<Value>)> {
        let now = Some(Value::from(self.now.to_string()));
        let times = match status {
            Status::Pending => [("started_at", None), ("completed_at", None)].to_vec(),
            Status::Running => vec![("started_at", now), ("completed_at", None)],
            Status::Completed | Status::Failed | Status::Cancelled => vec![("completed_at", now)],
        };
        times
            .into_iter()
            .map(|(field, value)| (field.to_owned(), value))
            .collect()
    }

    pub fn complete(
        &mut self,
        caller: &Caller,
        asked: &str,
        result: Option<Value>,
        tell: Tell,
    ) -> Result<String, Error> {
        let at = self.resolve(asked)?;
        self.must_be_running(at, "completed")?;
        self.must_hold(at, caller)?;
        self.end(
            at,
            caller,
            Status::Completed,
            result.map(|it| ("result", it)),
            tell,
        )
    }

    /// It is tried again as often as it says, else it failed.
    pub fn fail(
        &mut self,
        caller: &Caller,
        asked: &str,
        why: Option<&str>,
        tell: Tell,
    ) -> Result<String, Error> {
        let at = self.resolve(asked)?;
        self.must_be_running(at, "failed")?;
        self.must_hold(at, caller)?;
        let retries = self.whole(at).retries().unwrap_or(0);
        if self.may_retry(at, retries, caller, why.unwrap_or("it failed"), Then::Stays)? {
            return Ok(self.entries[at].task.id.to_string());
        }
        self.end(
            at,
            caller,
            Status::Failed,
            why.map(|why| ("error", why.into())),
            tell,
        )
    }

    pub fn cancel(
        &mut self,
        caller: &Caller,
        asked: &str,
        why: Option<&str>,
        tell: Tell,
    ) -> Result<String, Error> {
        let at = self.resolve(asked)?;
        self.must_be_open(at, "cancelled")?;
        self.end(
            at,
            caller,
            Status::Cancelled,
            why.map(|why| ("error", why.into())),
            tell,
        )
    }

    fn end(
        &mut self,
        at: usize,
        caller: &Caller,
        status: Status,
        said: Option<(&str, Value)>,
        tell: Tell,
    ) -> Result<String, Error> {
        let by = Self::by(caller);
        let mut sets = self.times_of(status);
        sets.push(("status".into(), Some(status.as_str().into())));
        sets.extend(said.map(|(field, value)| (field.to_owned(), Some(value))));
        let (what, event) = match status {
            Status::Completed => ("complete", "task.completed"),
            Status::Failed => ("fail", "task.failed"),
            Status::Cancelled | Status::Pending | Status::Running => ("cancel", "task.cancelled"),
        };
        self.change(at, self.noted(what, &by), sets)?;
        self.release(at);
        if tell == Tell::Concerned {
            self.report(at, &caller.agent);
        }
        let level = if status == Status::Failed {
            Level::Warn
        } else {
            Level::Info
        };
        self.say(level, event, at, status.as_str());
        Ok(self.entries[at].task.id.to_string())
    }

    /// Whoever took it from among those that are nobody's was not given it.
    fn whose_then(&self, at: usize) -> Result<Then, Error> {
        let history = self.history(&self.whole(at))?;
        let mut given = history.iter().rev();
        let last = given.find(|change| change.changes.contains_key("assigned_to"));
        let was_nobodys = last.is_some_and(|change| {
            change.what == "start" && change.changes["assigned_to"].get(0) == Some(&Value::Null)
        });
        Ok(if was_nobodys {
            Then::Nobodys
        } else {
            Then::Stays
        })
    }

    /// Back to pending, if its retries are not used up.
    fn may_retry(
        &mut self,
        at: usize,
        retries: u32,
        caller: &Caller,
        why: &str,
        then: Then,
    ) -> Result<bool, Error> {
        let entry = &self.entries[at];
        let id = entry.task.id.to_string();
        let page = entry.page;
        let attempt = self.pages[page]
            .state
            .runs
            .get(&id)
            .map_or(0, |runs| runs.attempt);
        if attempt >= retries {
            return Ok(false);
        }
        let by = Self::by(caller);
        let mut sets = self.times_of(Status::Pending);
        sets.push(("status".into(), Some("pending".into())));
        sets.push(("error".into(), Some(why.into())));
        let note = Note {
            why: Some(format!("{why}; tried again, {} of {retries}", attempt + 1)),
            ..self.noted("retry", &by)
        };
        self.release(at);
        let at = match then {
            Then::Stays => {
                self.change(at, note, sets)?;
                at
            }
            Then::Nobodys => {
                sets.push(("assigned_to".into(), None));
                self.move_to(at, &AgentId::unassigned(), note, sets)?
            }
        };
        let page = &mut self.pages[self.entries[at].page];
        page.state.runs.entry(id).or_default().attempt = attempt + 1;
        page.state_is_changed = true;
        self.say(
            Level::Warn,
            "task.retried",
            at,
            &format!("is tried again: {why}"),
        );
        Ok(true)
    }

    pub fn reopen(&mut self, caller: &Caller, asked: &str) -> Result<String, Error> {
        if matches!(self.resolve(asked), Err(Error::Over { .. })) {
            self.fetch(asked)?;
        }
        let at = self.resolve(asked)?;
        let task = &self.entries[at].task;
        if !matches!(task.status, Status::Failed | Status::Cancelled) {
            return Err(Error::Illegal {
                id: task.id.to_string(),
                status: task.status,
                wanted: "reopened",
            });
        }
        let id = task.id.to_string();
        let awaited: Vec<String> = task.dependencies.iter().map(ToString::to_string).collect();
        for on in awaited {
            if self.find(&on).is_none() && !self.fetch(&on)? {
                return Err(Error::NoDependency { id, on });
            }
        }
        let by = Self::by(caller);
        let mut sets = self.times_of(Status::Pending);
        sets.push(("status".into(), Some("pending".into())));
        sets.extend(["error", "progress"].map(|field| (field.to_owned(), None)));
        self.change(at, self.noted("reopen", &by), sets)?;
        let page = self.entries[at].page;
        if self.pages[page].state.runs.remove(&id).is_some() {
            self.pages[page].state_is_changed = true;
        }
        self.must_not_be_circular()?;
        self.say(Level::Info, "task.reopened", at, "reopened");
        Ok(id)
    }

    /// What a state says of tasks that stand in another document, or in the archive: whoever took them there was killed
    /// before he wrote it down. Where the task is its own state speaks.
    fn forget_what_is_elsewhere(&mut self) {
        for at in 0..self.pages.len() {
            let page = &self.pages[at];
            let is_here = |id: &str| self.find(id).is_some_and(|it| self.entries[it].page == at);
            let ids = page.state.claims.keys().chain(page.state.runs.keys());
            let elsewhere: Vec<String> = ids.filter(|id| !is_here(id)).cloned().collect();
            if elsewhere.is_empty() || page.fault.is_some() {
                continue;
            }
            let page = &mut self.pages[at];
            for id in elsewhere {
                page.state.claims.remove(&id);
                page.state.runs.remove(&id);
            }
            page.state_is_changed = true;
        }
    }

    /// Claims that are over end; what was being done goes back, or has failed.
    pub fn bury(&mut self, dead: &Dead) -> Result<(), Error> {
        self.follow_names()?;
        self.forget_what_is_elsewhere();
        self.lost_runs()?;
        let mut lapsed: Vec<(usize, Lapse)> = Vec::new();
        for page in &self.pages {
            for (id, claim) in &page.state.claims {
                if let (Some(at), Some(lapse)) = (self.find(id), claim.lapsed(dead, self.now))
                    && page.fault.is_none()
                {
                    lapsed.push((at, lapse));
                }
            }
        }
        let system = Caller {
            agent: AgentId::system(),
            incarnation: None,
            uid: 0,
            login: None,
            guest: None,
        };
        for (at, lapse) in lapsed {
            let retries = self.whole(at).retries().unwrap_or(LAPSES);
            let status = self.entries[at].task.status;
            self.release(at);
            self.say(Level::Warn, "task.lapsed", at, lapse.as_str());
            let why = lapse.as_str();
            if status == Status::Running
                && !self.may_retry(at, retries, &system, why, self.whose_then(at)?)?
            {
                let why = ("error", why.into());
                self.end(at, &system, Status::Failed, Some(why), Tell::Concerned)?;
            }
        }
        Ok(())
    }

    /// What is for somebody under a name that he had is his.
    fn follow_names(&mut self) -> Result<(), Error> {
        let mut moves = Vec::new();
        for (at, entry) in self.entries.iter().enumerate() {
            let agent = entry.task.assigned_to.as_deref();
            let agent = agent.and_then(|id| AgentId::parse(id).ok());
            let now = agent.and_then(|agent| self.known.former.get(&agent));
            if let Some(now) = now
                && self.find(&entry.task.id) == Some(at)
                && self.pages[entry.page].fault.is_none()
            {
                moves.push((at, now.clone()));
            }
        }
        let by = By::from(&Caller {
            agent: AgentId::system(),
            incarnation: None,
            uid: 0,
            login: None,
            guest: None,
        });
        for (at, now) in moves {
            let sets = vec![("assigned_to".to_owned(), Some(now.as_str().into()))];
            self.move_to(at, &now, self.noted("rename", &by), sets)?;
        }
        Ok(())
    }

    // --- Mail.

    /// Whoever is to do it is told, unless he wrote it down himself.
    pub(super) fn announce(&mut self, at: usize, teller: &AgentId) {
        let task = &self.entries[at].task;
        let to = task
            .assigned_to
            .as_deref()
            .and_then(|id| AgentId::parse(id).ok());
        let Some(to) = to.filter(|to| to != teller) else {
            return;
        };
        let content = assignment(task, self.whole(at).str("description"));
        self.post(at, teller, to, content);
    }

    /// Whoever wanted it done is told how it ended.
    fn report(&mut self, at: usize, teller: &AgentId) {
        let record = self.whole(at);
        let wanted_by = match record.str("created_by") {
            Some("hand") => Some(AgentId::user()),
            Some(who) => AgentId::parse(who).ok(),
            None => None,
        };
        let mut concerned: Vec<AgentId> =
            wanted_by.into_iter().chain(record.assigned_to()).collect();
        concerned.dedup();
        for to in concerned {
            let is_somebody = to != *teller && to != AgentId::system();
            if is_somebody {
                self.post(at, teller, to, ending(&record));
            }
        }
    }

    pub(super) fn post(&mut self, at: usize, from: &AgentId, to: AgentId, content: String) {
        let mut record = self.whole(at);
        let id = record.id().to_owned();
        let letter = Letter {
            key: format!("task:{id}:{}", record.rev().unwrap_or(0)),
            task: id,
            from: from.clone(),
            to,
            content,
        };
        let outbox = record.get("outbox").and_then(Value::as_array).cloned();
        let mut outbox = outbox.unwrap_or_default();
        outbox.push(json!(letter));
        record.put("outbox", Some(outbox.into()));
        self.keep(at, record, Vec::new());
    }

    /// These have been sent, or never can be.
    pub fn sent(&mut self, letters: &[Letter]) -> Result<(), Error> {
        for letter in letters {
            let Some(at) = self.find(&letter.task) else {
                continue;
            };
            self.must_be_whole(self.entries[at].page)?;
            let mut record = self.whole(at);
            let outbox = record.get("outbox").and_then(Value::as_array).cloned();
            let mut outbox = outbox.unwrap_or_default();
            let gone = json!(letter);
            if !outbox.contains(&gone) {
                continue;
            }
            outbox.retain(|it| *it != gone);
            record.put("outbox", (!outbox.is_empty()).then(|| outbox.into()));
            self.keep(at, record, Vec::new());
        }
        Ok(())
    }
}

fn assignment(task: &Task<'_>, description: Option<&str>) -> String {
    let mut lines = vec![format!("task {}: {}", task.id, task.name)];
    let until = task.deadline.as_ref().map(|at| format!(", until {at}"));
    lines.push(format!(
        "priority {}{}",
        task.priority,
        until.unwrap_or_default()
    ));
    lines.extend(description.map(Into::into));
    lines.push(format!("take it: taskctl start {}", task.id));
    lines.join("\n")
}

fn ending(record: &Record) -> String {
    let status = record.str("status").unwrap_or_default();
    let name = record.str("name").unwrap_or_default();
    let mut lines = vec![format!("task {} {status}: {name}", record.id())];
    for field in ["result", "error"] {
        let said = record.get(field).map(|value| match value {
            Value::String(text) => format!("{field}: {text}"),
            other => format!("{field}: {other}"),
        });
        lines.extend(said);
    }
    lines.join("\n")
}
