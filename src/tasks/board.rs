//! All tasks of a home at once: read, merged with what people wrote meanwhile, changed, written back.
//!
//! One page a document. Whoever changes something holds the one lock of all tasks from the first read to the last
//! write; whoever only looks reads without it, and each document is whole.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use foldhash::fast::RandomState;
use serde_json::Value;

use super::disk::{self, Sheet, Shelf};
use super::document::{self, Document, Fault, Unread};
use super::error::Error;
use super::graph::{Graph, Hold};
use super::id::{self, Meant, TaskId};
use super::record::{Change, Note, Record};
use super::schedule::Zone;
use super::standing::Standing;
use super::state::{Claim, Dead, Runs, State};
use super::task::{Status, Task, Text};
use crate::names::{AgentId, Event};
use crate::root::Home;
use crate::store::Lock;
use crate::time::Timestamp;

/// The documents of a home as they were found, and the lock on them for whoever changes them.
pub struct Texts {
    pub(super) shelf: Shelf,
    pub(super) sheets: Vec<Sheet>,
    // Held as long as the texts are there.
    lock: Option<Lock>,
}

impl Texts {
    /// For a look.
    pub fn read(home: &Home) -> Result<Self, Error> {
        let shelf = Shelf::open(home)?;
        Ok(Self {
            sheets: shelf.sheets()?,
            shelf,
            lock: None,
        })
    }

    /// For a change.
    pub fn lock(home: &Home, patience: Duration) -> Result<Self, Error> {
        let (shelf, lock) = Shelf::lock(home, patience)?;
        Ok(Self {
            sheets: shelf.sheets()?,
            shelf,
            lock: Some(lock),
        })
    }

    /// Whether they may be changed: whoever only looks, or rehearses a change, touches nothing else either.
    pub(super) const fn are_locked(&self) -> bool {
        self.lock.is_some()
    }

    /// Whether somebody else than a program has written, so that there is something to merge.
    pub fn is_edited(&self) -> bool {
        self.sheets
            .iter()
            .any(|sheet| sheet.is_edited || !sheet.left.is_empty())
    }

    /// As they are now, under the same lock.
    pub(super) fn again(&mut self) -> Result<(), Error> {
        self.sheets = self.shelf.sheets()?;
        Ok(())
    }
}

/// What the rules ask of the world.
#[derive(Clone, Debug)]
pub struct Known {
    /// Whoever may be given a task.
    pub agents: HashSet<AgentId>,
    /// Names that somebody had, and his name now.
    pub former: HashMap<AgentId, AgentId>,
    /// Of schedules that name none.
    pub zone: Zone,
    /// This start of the machine.
    pub boot: String,
}

impl Known {
    /// Under the name that he has, or one that he had: then `follow_names` finds him.
    pub(super) fn knows(&self, agent: &AgentId) -> bool {
        self.agents.contains(agent) || self.former.contains_key(agent)
    }

    /// For a look that asks for nothing of it.
    pub fn nobody() -> Self {
        Self {
            agents: HashSet::new(),
            former: HashMap::new(),
            zone: Zone::UTC,
            boot: String::new(),
        }
    }
}

/// What is to be done in the wake of a change, and what is to be said of it.
#[derive(Debug, Default)]
pub struct Wake {
    pub events: Vec<Event>,
    pub warnings: Vec<String>,
    pub letters: Vec<Letter>,
}

/// Mail of a task that has not been sent yet, for all that we know. Its key keeps it from being sent twice.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Letter {
    pub task: String,
    pub key: String,
    pub from: AgentId,
    pub to: AgentId,
    pub content: String,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is asked for by itself when it is written"
)]
pub(super) struct Page<'a> {
    pub(super) agent: AgentId,
    sheet: Option<&'a Sheet>,
    pub(super) keys: Vec<(String, &'a str)>,
    pub(super) rev: u64,
    /// It cannot be read: what programs wrote last stands for it, and nothing is written.
    pub(super) fault: Option<Unreadable>,
    pub(super) is_changed: bool,
    /// It gets a task from elsewhere: written before the page that the task leaves.
    is_target: bool,
    pub(super) state: State,
    pub(super) state_is_changed: bool,
    /// A claim is written down before the document says so.
    pub(super) claims_first: bool,
    old_history: String,
    archive: String,
    /// Texts that came too late and cannot be merged.
    rejected: Vec<String>,
}

/// What people wrote that cannot stand.
#[derive(Default)]
struct Faults {
    documents: BTreeMap<AgentId, Fault>,
    /// In what was left beside a document.
    late: BTreeMap<AgentId, Fault>,
}

#[derive(Clone, Debug)]
pub(super) enum Unreadable {
    Fault(Fault),
    Newer(u64),
}

pub(super) struct Entry<'a> {
    pub(super) page: usize,
    raw: Option<&'a str>,
    pub(super) task: Task<'a>,
    record: Option<Box<Record>>,
    is_gone: bool,
}

pub struct Board<'a> {
    pub(super) texts: &'a Texts,
    pub(super) known: &'a Known,
    pub(super) now: Timestamp,
    pub(super) pages: Vec<Page<'a>>,
    pub(super) entries: Vec<Entry<'a>>,
    pub(super) at: HashMap<Text<'a>, usize, RandomState>,
    pub(super) wake: Wake,
    /// The number of the last id that was given, once it was asked for.
    last_id: Option<u64>,
    last_id_is_changed: bool,
}

/// Why a board could not be made.
pub(super) enum Stop {
    Error(Error),
    /// What a person wrote there cannot stand.
    Fault(AgentId, Fault),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl<'a> Board<'a> {
    /// What people wrote is merged in memory; `commit` writes it down.
    pub fn of(texts: &'a Texts, known: &'a Known, now: Timestamp) -> Result<Self, Error> {
        let mut faults = Faults::default();
        loop {
            match Self::build(texts, known, now, &faults) {
                Ok(board) => return Ok(board),
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Fault(agent, fault)) => {
                    // It may be that of a text that came too late: without it the document itself may well stand.
                    let is_late = texts
                        .sheets
                        .iter()
                        .any(|it| it.agent == agent && it.is_late());
                    if is_late && !faults.late.contains_key(&agent) {
                        faults.late.insert(agent, fault);
                    } else {
                        faults.documents.insert(agent, fault);
                    }
                }
            }
        }
    }

    fn build(
        texts: &'a Texts,
        known: &'a Known,
        now: Timestamp,
        faults: &Faults,
    ) -> Result<Self, Stop> {
        let mut board = Self {
            texts,
            known,
            now,
            pages: Vec::with_capacity(texts.sheets.len()),
            entries: Vec::new(),
            at: HashMap::default(),
            wake: Wake::default(),
            last_id: None,
            last_id_is_changed: false,
        };
        let mut edited = Vec::new();
        for sheet in &texts.sheets {
            let page = board.add_page(sheet.agent.clone(), Some(sheet))?;
            let (written, theirs) = board.read(page, sheet, faults);
            board.fill(page, written);
            edited.extend(theirs.into_iter().map(|text| (page, text)));
        }
        board.index();
        board.merge(edited)?;
        Ok(board)
    }

    pub(super) fn add_page(
        &mut self,
        agent: AgentId,
        sheet: Option<&'a Sheet>,
    ) -> Result<usize, Error> {
        self.pages.push(Page {
            state: self.texts.shelf.state(&agent)?,
            agent,
            sheet,
            keys: Vec::new(),
            rev: 0,
            fault: None,
            is_changed: false,
            is_target: false,
            state_is_changed: false,
            claims_first: false,
            old_history: String::new(),
            archive: String::new(),
            rejected: Vec::new(),
        });
        Ok(self.pages.len() - 1)
    }

    /// What programs wrote last, and what else is to be merged into it.
    fn read(
        &mut self,
        at: usize,
        sheet: &'a Sheet,
        faults: &Faults,
    ) -> (Document<'a>, Vec<Document<'a>>) {
        let fault = faults.documents.get(&sheet.agent);
        let late = faults.late.get(&sheet.agent);
        let page = &mut self.pages[at];
        let mut theirs = Vec::new();
        let mut written = Document::default();
        let base = sheet.base.as_deref().map(document::parse);
        let has_base = matches!(base, Some(Ok(_)));
        if let Some(Ok(base)) = base {
            written = base;
        }
        let text = sheet.text.as_deref().map(document::parse);
        match text {
            Some(Ok(document)) if !sheet.is_edited => written = document,
            // Of what programs wrote the copy is gone, or was torn by a power cut: what stands there is the last there is.
            Some(Ok(document)) if !has_base && document.rev.is_some() => {
                page.is_changed = true;
                written = document;
            }
            Some(Ok(_)) if fault.is_some() => {}
            Some(Ok(document)) => {
                page.is_changed = true;
                theirs.push(document);
            }
            Some(Err(Unread::Fault(fault))) => page.fault = Some(Unreadable::Fault(fault)),
            Some(Err(Unread::Newer(version))) => page.fault = Some(Unreadable::Newer(version)),
            // Never: everything is to go.
            Some(Err(Unread::Empty)) | None if !written.tasks.is_empty() => {
                page.is_changed = true;
                if !sheet.is_on_its_way {
                    let path = self.texts.shelf.path(&sheet.agent);
                    self.wake.warnings.push(format!(
                        "{} was empty or gone: it is written again; to remove a task, remove it from the list",
                        path.display()
                    ));
                }
            }
            Some(Err(Unread::Empty)) | None => {}
        }
        let page = &mut self.pages[at];
        if let Some(fault) = fault {
            page.fault = Some(Unreadable::Fault(fault.clone()));
        }
        for (name, text) in &sheet.left {
            let why = match (document::parse(text), late) {
                (Ok(document), None) => {
                    theirs.push(document);
                    continue;
                }
                (Err(Unread::Empty), _) => continue,
                (Ok(_), Some(fault)) => fault.to_string(),
                (Err(Unread::Fault(fault)), _) => fault.to_string(),
                (Err(Unread::Newer(version)), _) => format!("a newer version ({version})"),
            };
            page.rejected.push(name.clone());
            self.wake.warnings.push(format!(
                "what somebody wrote to {}.json too late cannot be merged and lies beside it as {}: {why}",
                sheet.agent,
                disk::rejected(name)
            ));
        }
        if page.fault.is_some() {
            theirs.clear();
        }
        page.rev = written.rev.unwrap_or(0);
        (written, theirs)
    }

    fn fill(&mut self, page: usize, document: Document<'a>) {
        self.entries.reserve(document.tasks.len());
        for (raw, task) in document.tasks {
            self.entries.push(Entry {
                page,
                raw: Some(raw),
                task,
                record: None,
                is_gone: false,
            });
        }
        self.pages[page].keys = document.keys;
    }

    /// Of two with one id the one with the higher `rev` stands: the other was on its way out.
    fn index(&mut self) {
        self.at.reserve(self.entries.len());
        for at in 0..self.entries.len() {
            let rev = self.entries[at].task.rev;
            let Some(other) = self.at.insert(self.entries[at].task.id.clone(), at) else {
                continue;
            };
            if self.entries[other].task.rev > rev {
                self.at.insert(self.entries[at].task.id.clone(), other);
                self.drop_entry(at);
            } else {
                self.drop_entry(other);
            }
        }
    }

    fn drop_entry(&mut self, at: usize) {
        self.entries[at].is_gone = true;
        let page = self.entries[at].page;
        self.pages[page].is_changed = true;
    }

    // --- Looking.

    /// Every task that stands in a document.
    pub fn tasks(&self) -> impl Iterator<Item = &Task<'a>> {
        self.entries
            .iter()
            .filter(|it| !it.is_gone)
            .map(|it| &it.task)
    }

    pub fn graph(&self) -> Graph<'_> {
        let tasks: Vec<_> = self.tasks().collect();
        if tasks.len() == self.entries.len() {
            return Graph::linked(tasks, |id| self.at.get(id).copied());
        }
        Graph::of(tasks)
    }

    pub(super) fn find(&self, id: &str) -> Option<usize> {
        self.at
            .get(id)
            .copied()
            .filter(|&at| !self.entries[at].is_gone)
    }

    /// Whom a name means.
    pub(super) fn resolve(&self, asked: &str) -> Result<usize, Error> {
        if let Some(at) = self.find(asked) {
            return Ok(at);
        }
        match id::meant(asked, self.tasks().map(|task| &*task.id)) {
            Meant::One(id) => Ok(self.find(id).expect("it was among them")),
            Meant::None => match self.archived_one(asked)? {
                Some((_, record)) => Err(Error::Over {
                    id: asked.to_owned(),
                    status: record.status(),
                }),
                None => Err(self.no_task(asked)),
            },
            Meant::Several(ids) => Err(Error::Ambiguous {
                asked: asked.to_owned(),
                ids: ids.into_iter().map(Into::into).collect(),
            }),
        }
    }

    pub(super) fn no_task(&self, asked: &str) -> Error {
        let mut near: Vec<(usize, &str)> = self
            .tasks()
            .filter(|task| id::number(&task.id).is_none())
            .map(|task| (strsim::osa_distance(asked, &task.id), &*task.id))
            .filter(|(distance, _)| *distance <= 2.min(asked.len() / 3))
            .collect();
        near.sort_unstable();
        Error::NoTask {
            asked: asked.to_owned(),
            nearest: near
                .into_iter()
                .take(3)
                .map(|(_, id)| id.to_owned())
                .collect(),
        }
    }

    /// Whose document it stands in.
    pub fn owner(&self, id: &str) -> Option<&AgentId> {
        self.find(id)
            .map(|at| &self.pages[self.entries[at].page].agent)
    }

    pub fn claim(&self, id: &str) -> Option<&Claim> {
        let at = self.find(id)?;
        self.pages[self.entries[at].page].state.claims.get(id)
    }

    pub fn runs(&self, id: &str) -> Option<&Runs> {
        let at = self.find(id)?;
        self.pages[self.entries[at].page].state.runs.get(id)
    }

    /// Whether anything was running when it was last written down.
    pub fn has_runs(&self) -> bool {
        let mut runs = self.pages.iter().flat_map(|page| page.state.runs.values());
        runs.any(|runs| runs.now.is_some())
    }

    /// How each stands that is in a document, in their order there.
    pub fn standings<'b>(&'b self, dead: &Dead) -> Vec<(&'b Task<'a>, Standing<'b>)> {
        let holds = self.graph().holds();
        let entries = self.entries.iter().filter(|it| !it.is_gone);
        let all = entries.zip(holds);
        all.map(|(entry, hold)| (&entry.task, self.standing(entry, hold, dead)))
            .collect()
    }

    fn standing<'b>(&'b self, entry: &'b Entry<'a>, hold: Hold<'b>, dead: &Dead) -> Standing<'b> {
        let (task, page) = (&entry.task, &self.pages[entry.page]);
        let claim = page.state.claims.get(&*task.id);
        let lapse = claim.and_then(|claim| claim.lapsed(dead, self.now));
        let runs = page.state.runs.get(&*task.id);
        let later = runs.and_then(|runs| runs.next_attempt);
        match (task.status, claim, lapse) {
            (status @ (Status::Completed | Status::Failed | Status::Cancelled), ..) => {
                Standing::Over(status)
            }
            (Status::Running, _, Some(lapse)) => Standing::Lapsed(lapse),
            (Status::Running, claim, None) => Standing::Running(claim),
            (Status::Pending, ..) if page.fault.is_some() => Standing::Unreadable,
            (Status::Pending, ..) if !hold.is_free() => Standing::Held(hold),
            (Status::Pending, ..) if task.schedule.is_some() => Standing::Scheduled,
            (Status::Pending, Some(claim), None) => Standing::Claimed(claim),
            (Status::Pending, ..) => match later {
                Some(at) if at > self.now => Standing::Later(at),
                _ => Standing::Ready,
            },
        }
    }

    /// Whose it is.
    pub fn assigned_to(&self, id: &str) -> Option<AgentId> {
        let task = &self.entries[self.find(id)?].task;
        AgentId::parse(task.assigned_to.as_deref()?).ok()
    }

    /// What of its dependencies is not completed.
    pub fn awaited(&self, id: &str) -> Vec<&str> {
        let task = self.find(id).map(|at| &self.entries[at].task);
        let on = task.map_or(&[][..], |task| &task.dependencies);
        on.iter()
            .filter(|on| self.status(on) != Some(Status::Completed))
            .map(|on| &**on)
            .collect()
    }

    /// What waits for it, itself or besides others.
    pub fn dependents(&self, id: &str) -> Vec<&str> {
        let waiting = self
            .tasks()
            .filter(|task| task.dependencies.iter().any(|on| &**on == id));
        waiting.map(|task| &*task.id).collect()
    }

    /// When something changes because time passes: a claim lapses, or what failed is tried again.
    pub fn next_change(&self) -> Option<Timestamp> {
        let states = self.pages.iter().map(|page| &page.state);
        let times = states.flat_map(|state| {
            let lapses = state.claims.values().filter_map(|claim| claim.until);
            lapses.chain(state.runs.values().filter_map(|runs| runs.next_attempt))
        });
        times.filter(|at| *at > self.now).min()
    }

    /// Whose documents there are.
    pub fn owners(&self) -> impl Iterator<Item = &AgentId> {
        let there = |page: &&Page<'_>| page.sheet.is_some_and(|sheet| sheet.text.is_some());
        self.pages.iter().filter(there).map(|page| &page.agent)
    }

    /// Those of which somebody changed by hand what a program changed too.
    pub fn conflicted(&self) -> Vec<Record> {
        let entries = (0..self.entries.len()).filter(|&at| {
            let entry = &self.entries[at];
            // Only a text that has the word can have the field.
            let may = entry.raw.is_none_or(|raw| raw.contains("\"conflicts\""));
            !entry.is_gone && may
        });
        entries
            .map(|at| self.whole(at))
            .filter(|record| record.get("conflicts").is_some())
            .collect()
    }

    /// All of a task.
    pub fn record(&self, id: &str) -> Result<Record, Error> {
        let at = self.resolve(id)?;
        Ok(self.whole(at))
    }

    /// Whether nobody changed what stands in the document as `text`.
    pub(super) fn is_written_as(&self, at: usize, text: Option<&str>) -> bool {
        let entry = &self.entries[at];
        entry.record.is_none() && entry.raw.is_some() && entry.raw == text
    }

    pub(super) fn whole(&self, at: usize) -> Record {
        let entry = &self.entries[at];
        match (&entry.record, entry.raw) {
            (Some(record), _) => Record::clone(record),
            (None, Some(raw)) => Record::parse(raw).expect("it was read as a task before"),
            (None, None) => Record::new(&entry.task.id),
        }
    }

    /// Agents that hold something, in a life of theirs: whoever knows says which of these are over.
    pub fn lives(&self) -> HashSet<(AgentId, String)> {
        let claims = self
            .pages
            .iter()
            .flat_map(|page| page.state.claims.values());
        let life = |claim: &Claim| Some((claim.by.clone(), claim.incarnation.clone()?));
        claims.filter_map(life).collect()
    }

    /// Documents that cannot be read, and why.
    pub fn faults(&self) -> Vec<Error> {
        let fault = |page: &Page<'_>| {
            page.fault
                .as_ref()
                .map(|fault| self.unreadable(page, fault))
        };
        self.pages.iter().filter_map(fault).collect()
    }

    fn unreadable(&self, page: &Page<'_>, fault: &Unreadable) -> Error {
        let path: PathBuf = self.texts.shelf.path(&page.agent);
        match fault {
            Unreadable::Fault(fault) => Error::Unreadable {
                path,
                fault: fault.clone(),
            },
            Unreadable::Newer(version) => Error::Newer {
                path,
                version: *version,
            },
        }
    }

    // --- Changing.

    pub(super) fn page_of(&mut self, agent: &AgentId) -> Result<usize, Error> {
        match self.pages.iter().position(|page| page.agent == *agent) {
            Some(at) => Ok(at),
            None => self.add_page(agent.clone(), None),
        }
    }

    /// The version that is being written of the document in which a task stands.
    fn next_rev(&self, page: usize) -> u64 {
        self.pages[page].rev + 1
    }

    /// That the document may be written at all.
    pub(super) fn must_be_whole(&self, page: usize) -> Result<(), Error> {
        let page = &self.pages[page];
        match &page.fault {
            None => Ok(()),
            Some(fault) => Err(self.unreadable(page, fault)),
        }
    }

    /// Changes fields of a task; `false` where all of them were so.
    pub(super) fn change(
        &mut self,
        at: usize,
        note: Note<'_>,
        sets: Vec<(String, Option<Value>)>,
    ) -> Result<bool, Error> {
        let page = self.entries[at].page;
        self.must_be_whole(page)?;
        let rev = self.next_rev(page);
        let mut record = self.whole(at);
        let Some(old) = record.change(note, rev, sets) else {
            return Ok(false);
        };
        self.keep(at, record, old);
        Ok(true)
    }

    pub(super) fn keep(&mut self, at: usize, record: Record, old: Vec<Value>) {
        let page = &mut self.pages[self.entries[at].page];
        page.is_changed = true;
        for mut entry in old {
            if let Some(entry) = entry.as_object_mut() {
                entry.insert("task".into(), record.id().into());
            }
            page.old_history.push_str(&entry.to_string());
            page.old_history.push('\n');
        }
        let entry = &mut self.entries[at];
        entry.task = record.task().expect("its fields were looked at");
        entry.record = Some(Box::new(record));
    }

    /// A new task; what it says of itself has been looked at.
    pub(super) fn add(
        &mut self,
        page: usize,
        mut record: Record,
        note: Note<'_>,
    ) -> Result<usize, Error> {
        self.must_be_whole(page)?;
        self.count(record.id())?;
        let rev = self
            .next_rev(page)
            .max(record.rev().map_or(0, |rev| rev + 1));
        self.pages[page].rev = rev - 1;
        let old = record.tell(note, rev, serde_json::Map::new());
        let at = self.entries.len();
        self.entries.push(Entry {
            page,
            raw: None,
            task: Task::default(),
            record: None,
            is_gone: false,
        });
        self.keep(at, record, old);
        self.at.insert(self.entries[at].task.id.clone(), at);
        Ok(at)
    }

    /// Takes a task to the document of another, with its claim and the times of its runs.
    pub(super) fn move_to(
        &mut self,
        at: usize,
        agent: &AgentId,
        note: Note<'_>,
        sets: Vec<(String, Option<Value>)>,
    ) -> Result<usize, Error> {
        let from = self.entries[at].page;
        let to = self.page_of(agent)?;
        if from == to {
            self.change(at, note, sets)?;
            return Ok(at);
        }
        self.must_be_whole(from)?;
        self.must_be_whole(to)?;
        let mut record = self.whole(at);
        let rev = self.next_rev(to).max(record.rev().unwrap_or(0) + 1);
        self.pages[to].rev = rev - 1;
        let what = note.what.to_owned();
        let by = note.by.clone();
        let (now, why) = (note.at, note.why.clone());
        let old = record.change(note, rev, sets).unwrap_or_else(|| {
            let note = Note {
                what: &what,
                by: &by,
                at: now,
                why,
            };
            record.tell(note, rev, serde_json::Map::new())
        });
        let id = record.id().to_owned();
        self.drop_entry(at);
        let new = self.entries.len();
        self.entries.push(Entry {
            page: to,
            raw: None,
            task: Task::default(),
            record: None,
            is_gone: false,
        });
        self.keep(new, record, old);
        self.at.insert(self.entries[new].task.id.clone(), new);
        self.pages[to].is_target = true;
        let claim = self.pages[from].state.claims.remove(&id);
        let runs = self.pages[from].state.runs.remove(&id);
        if claim.is_some() || runs.is_some() {
            self.pages[from].state_is_changed = true;
            let target = &mut self.pages[to];
            target.state_is_changed = true;
            target.claims_first = true;
            target
                .state
                .claims
                .extend(claim.map(|claim| (id.clone(), claim)));
            target.state.runs.extend(runs.map(|runs| (id, runs)));
        }
        Ok(new)
    }

    /// An id that nobody has or had: the next number.
    pub(super) fn new_id(&mut self) -> Result<TaskId, Error> {
        let mut next = self.last_number()? + 1;
        while self.at.contains_key(TaskId::numbered(next).as_str()) {
            next += 1;
        }
        self.last_id = Some(next);
        self.last_id_is_changed = true;
        Ok(TaskId::numbered(next))
    }

    fn last_number(&mut self) -> Result<u64, Error> {
        let last = match self.last_id {
            Some(last) => last,
            None => match self.texts.shelf.last_id()? {
                Some(last) => last,
                None => self.highest_number()?,
            },
        };
        self.last_id = Some(last);
        Ok(last)
    }

    /// An id that somebody chose, and that looks like one of ours, is not given again once its task is in the archive.
    fn count(&mut self, id: &str) -> Result<(), Error> {
        if let Some(number) = id::number(id)
            && number > self.last_number()?
        {
            self.last_id = Some(number);
            self.last_id_is_changed = true;
        }
        Ok(())
    }

    /// Where the number of the last id is not known any more.
    fn highest_number(&self) -> Result<u64, Error> {
        let live = self
            .entries
            .iter()
            .filter_map(|it| id::number(&it.task.id))
            .max();
        let archived = self.archived()?;
        let archived = archived.iter().filter_map(|it| id::number(it.1.id())).max();
        Ok(live.max(archived).unwrap_or(0))
    }

    /// Tasks in the archive, each as it ended last.
    pub fn archived(&self) -> Result<Vec<(AgentId, Record)>, Error> {
        let mut newest: HashMap<String, usize> = HashMap::new();
        let mut all: Vec<(AgentId, Record)> = Vec::new();
        for (agent, text) in self.texts.shelf.archives()? {
            // A line that a crash tore is not there: its task stands in the document still.
            let text = String::from_utf8_lossy(&text);
            for record in text.lines().filter_map(|line| Record::parse(line).ok()) {
                match newest.get(record.id()) {
                    Some(&at) if all[at].1.rev() > record.rev() => {}
                    Some(&at) => all[at] = (agent.clone(), record),
                    None => {
                        newest.insert(record.id().to_owned(), all.len());
                        all.push((agent.clone(), record));
                    }
                }
            }
        }
        Ok(all)
    }

    /// The one of this id, as it ended last. Only lines that name it are read.
    pub fn archived_one(&self, id: &str) -> Result<Option<(AgentId, Record)>, Error> {
        let named = format!("\"id\":{}", Value::from(id));
        let mut newest: Option<(AgentId, Record)> = None;
        for (agent, text) in self.texts.shelf.archives()? {
            let text = String::from_utf8_lossy(&text);
            let lines = text.lines().filter(|line| line.contains(&named));
            for record in lines.filter_map(|line| Record::parse(line).ok()) {
                let is_newer = newest.as_ref().is_none_or(|it| it.1.rev() <= record.rev());
                if record.id() == id && is_newer {
                    newest = Some((agent.clone(), record));
                }
            }
        }
        Ok(newest)
    }

    /// Which of these ids are in the archive, and whose. Read once, however many they are.
    pub(super) fn archived_among(
        &self,
        ids: &HashSet<String>,
    ) -> Result<HashMap<String, AgentId>, Error> {
        #[derive(serde::Deserialize)]
        struct Named<'l> {
            #[serde(borrow)]
            id: Text<'l>,
        }
        let mut found = HashMap::new();
        if ids.is_empty() {
            return Ok(found);
        }
        for (agent, text) in self.texts.shelf.archives()? {
            let text = String::from_utf8_lossy(&text);
            // To look for a word is cheaper than to read the line.
            let may = |line: &str| ids.len() > 4 || ids.iter().any(|id| line.contains(id));
            let lines = text.lines().filter(|line| may(line));
            let named = lines.filter_map(|line| serde_json::from_str::<Named<'_>>(line).ok());
            for Named { id } in named.filter(|it| ids.contains(&*it.id)) {
                found.insert(id.to_string(), agent.clone());
            }
        }
        Ok(found)
    }

    /// Every change of a task, oldest first: what stands with it, and what had no room there.
    pub fn history(&self, record: &Record) -> Result<Vec<Change>, Error> {
        let mut all: Vec<Change> = Vec::new();
        let named = format!("\"task\":{}", Value::from(record.id()));
        for text in self.texts.shelf.histories()? {
            let text = String::from_utf8_lossy(&text);
            let lines = text.lines().filter(|line| line.contains(&named));
            all.extend(lines.filter_map(|line| serde_json::from_str::<Change>(line).ok()));
        }
        for change in &mut all {
            change.extra.shift_remove("task");
        }
        all.extend(record.history());
        all.sort_by_key(|change| (change.rev, change.at));
        all.dedup();
        Ok(all)
    }

    /// Takes what is over, and what nobody waits for any more, out of the documents.
    pub fn archive(&mut self) -> usize {
        let is_over =
            |it: &Entry<'_>| !it.is_gone && it.task.status.is_over() && !has_letters(&it.task);
        let over: Vec<usize> = (0..self.entries.len())
            .filter(|&at| is_over(&self.entries[at]))
            .collect();
        if over.is_empty() {
            return 0;
        }
        let mut moved = 0;
        let open = self.tasks().filter(|task| !task.status.is_over());
        let awaited: HashSet<String> = open
            .flat_map(|task| task.dependencies.iter().map(ToString::to_string))
            .collect();
        for at in over {
            let page = self.entries[at].page;
            if awaited.contains(&*self.entries[at].task.id) || self.pages[page].fault.is_some() {
                continue;
            }
            let record = self.whole(at);
            let id = record.id().to_owned();
            self.pages[page].archive.push_str(&record.line());
            let state = &mut self.pages[page].state;
            if state.claims.remove(&id).is_some() | state.runs.remove(&id).is_some() {
                self.pages[page].state_is_changed = true;
            }
            self.drop_entry(at);
            moved += 1;
        }
        moved
    }

    /// Writes what was changed. What a person wrote in the same moment is merged by whoever opens the board next: then
    /// `false` is the answer.
    ///
    /// As long as a base is not in place an error says that nothing has happened, and nothing has. Whoever takes
    /// something, or gets it, has it before whoever had it loses it.
    pub fn commit(mut self) -> Result<(Wake, bool), Error> {
        let disk = &self.texts.shelf;
        if let Some(last) = self.last_id
            && self.last_id_is_changed
        {
            disk.set_last_id(last)?;
        }
        let nobodys: Vec<Sheet> = self.pages.iter().map(|it| Sheet::none(&it.agent)).collect();
        let mut pages: Vec<usize> = (0..self.pages.len())
            .filter(|&at| self.pages[at].is_changed && self.pages[at].fault.is_none())
            .collect();
        pages.sort_by_key(|&at| !self.pages[at].is_target);
        let sheet = |at: &usize| self.pages[*at].sheet.unwrap_or(&nobodys[*at]);
        let sheets = || pages.iter().map(sheet);
        let is_staged = pages
            .iter()
            .try_for_each(|at| disk.stage(sheet(at), &self.text(*at), self.now))
            .and_then(|()| self.write_beside())
            .and_then(
                |()| match pages.iter().filter(|at| self.has_new(**at)).count() {
                    0 | 1 => Ok(false),
                    _ => disk.promise(sheets()).map(|()| true),
                },
            );
        let is_promised = match is_staged {
            Ok(is_promised) => is_promised,
            Err(error) => {
                disk.unstage(sheets())?;
                return Err(error);
            }
        };
        let mut is_whole = true;
        for (nth, sheet) in sheets().enumerate() {
            match disk.place_base(sheet) {
                Err(error) if nth == 0 && !is_promised => {
                    disk.unstage(sheets())?;
                    return Err(error);
                }
                other => other.map_err(Error::unsure)?,
            }
            is_whole &= disk.place(sheet).map_err(Error::unsure)?;
        }
        if is_promised {
            disk.promise_is_kept().map_err(Error::unsure)?;
        }
        self.tidy_up(is_whole).map_err(Error::unsure)?;
        let letters = self.letters();
        self.wake.letters = letters;
        Ok((self.wake, is_whole))
    }

    /// What must be there before a document speaks of it, or without it.
    fn write_beside(&self) -> Result<(), Error> {
        let disk = &self.texts.shelf;
        for page in &self.pages {
            if page.state_is_changed && page.claims_first {
                disk.write_state(&page.agent, &page.state)?;
            }
        }
        for page in &self.pages {
            if !page.archive.is_empty() {
                disk.append_archive(&page.agent, page.archive.as_bytes())?;
            }
            if !page.old_history.is_empty() {
                disk.append_history(&page.agent, page.old_history.as_bytes())?;
            }
        }
        Ok(())
    }

    /// What follows once the documents are in place.
    fn tidy_up(&self, is_whole: bool) -> Result<(), Error> {
        let disk = &self.texts.shelf;
        for page in &self.pages {
            if let Some(sheet) = page.sheet
                && page.fault.is_none()
            {
                disk.reject(&page.rejected)?;
                let names: Vec<_> = sheet.left.iter().map(|(name, _)| name.clone()).collect();
                disk.remove_left(&names)?;
            }
        }
        for (at, page) in self.pages.iter().enumerate() {
            if self.is_left(at) && is_whole {
                disk.remove_page(&page.agent)?;
            } else if page.state_is_changed && !page.claims_first {
                disk.write_state(&page.agent, &page.state)?;
            }
        }
        Ok(())
    }

    /// Whether whoever it was of has another name now, and nothing stands there any more.
    fn is_left(&self, at: usize) -> bool {
        let page = &self.pages[at];
        self.known.former.contains_key(&page.agent)
            && page.fault.is_none()
            && !self.entries.iter().any(|it| it.page == at && !it.is_gone)
    }

    /// Whether a task stands there that stood nowhere before.
    fn has_new(&self, page: usize) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|it| it.page == page && !it.is_gone && it.raw.is_none())
    }

    fn text(&self, at: usize) -> Vec<u8> {
        let page = &self.pages[at];
        let entries = self
            .entries
            .iter()
            .filter(|it| it.page == at && !it.is_gone);
        let tasks = entries.map(|it| match (&it.record, it.raw) {
            (Some(record), _) => Cow::Owned(record.print()),
            (None, raw) => Cow::Borrowed(raw.unwrap_or("{}")),
        });
        let room = page
            .sheet
            .and_then(|it| it.text.as_ref())
            .map_or(0, Vec::len)
            + 4096;
        document::write(
            page.agent.as_str(),
            self.next_rev(at),
            &page.keys,
            tasks,
            room,
        )
    }

    /// What is still to be sent.
    fn letters(&self) -> Vec<Letter> {
        let with = self
            .entries
            .iter()
            .filter(|it| !it.is_gone && has_letters(&it.task));
        let outbox = with.filter_map(|it| it.task.outbox.as_deref());
        let letters = outbox.filter_map(|text| serde_json::from_str::<Vec<Letter>>(text).ok());
        letters.flatten().collect()
    }

    pub fn is_changed(&self) -> bool {
        let changed =
            |page: &Page<'_>| page.is_changed && page.fault.is_none() || page.state_is_changed;
        self.pages.iter().any(changed) || self.texts.sheets.iter().any(|it| !it.left.is_empty())
    }

    pub(super) fn status(&self, id: &str) -> Option<Status> {
        self.find(id).map(|at| self.entries[at].task.status)
    }
}

fn has_letters(task: &Task<'_>) -> bool {
    task.outbox.as_deref().is_some_and(|outbox| outbox != "[]")
}

/// So often somebody may write in the very moment in which we do.
const TRIES: u32 = 20;

/// Carries out `act` on all tasks of a home and writes what it changed. What people wrote meanwhile is merged before,
/// what `tidy` does is done before, and both stay done where `act` is refused.
pub fn change<T, E: From<Error>>(
    home: &Home,
    known: &Known,
    patience: Duration,
    now: Timestamp,
    tidy: impl Fn(&mut Board<'_>) -> Result<(), E>,
    act: impl FnOnce(&mut Board<'_>) -> Result<T, E>,
) -> Result<(Result<T, E>, Wake), E> {
    let mut texts = Texts::lock(home, patience)?;
    let mut wake = Wake::default();
    let mut act = Some(act);
    let mut value = None;
    for _ in 0..TRIES {
        let mut board = Board::of(&texts, known, now)?;
        tidy(&mut board)?;
        let is_tidy = !board.is_changed();
        if is_tidy && let Some(act) = act.take() {
            match act(&mut board) {
                Ok(done) => {
                    board.archive();
                    value = Some(Ok(done));
                }
                Err(refused) => {
                    wake.letters = board.letters();
                    return Ok((Err(refused), wake));
                }
            }
        }
        let (more, is_whole) = board.commit()?;
        wake.events.extend(more.events);
        wake.warnings.extend(more.warnings);
        wake.letters = more.letters;
        if is_whole && let Some(value) = value.take() {
            return Ok((value, wake));
        }
        texts.again()?;
    }
    match value {
        Some(value) => Ok((value, wake)),
        None => Err(Error::Restless.into()),
    }
}

/// Gives all that an agent has of tasks to another name. Whose each is they learn with the next look.
pub fn rename(home: &Home, old: &AgentId, new: &AgentId, patience: Duration) -> Result<(), Error> {
    let (shelf, _lock) = Shelf::lock(home, patience)?;
    shelf.rename(old, new)
}

/// Removes all that an agent has of tasks, the archive too.
pub fn purge(home: &Home, agent: &AgentId, patience: Duration) -> Result<(), Error> {
    let (shelf, _lock) = Shelf::lock(home, patience)?;
    shelf.purge(agent)
}
