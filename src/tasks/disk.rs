//! The one file of this room that touches the world.
//!
//! The document that a person sees and `<agent>.base.json`, the last version that programs wrote, bear the same size
//! and the same time, to a random nanosecond, as long as nobody else has written to the document. Whoever writes puts
//! the new base in place, then the document, by an exchange: what came out of it is looked at before it goes. Until the
//! base is in place nothing has happened; from then on the new version stands, whoever is killed.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::document;
use super::error::Error;
use super::state::{self, State};
use crate::names::AgentId;
use crate::root::Home;
use crate::store::{
    self, Deadline, Dir, File, Hold, Ident, Lock, Open, Target, random_u64, try_hold,
};
use crate::time::Timestamp;

const LOCK: &str = ".lock";
const HISTORY: &str = ".history.jsonl";
/// Whoever runs what is due holds it.
const RUNNER_LOCK: &str = ".runner";
const PASSES: &str = "passes.json";
/// Whose documents are to become what was staged for them, all or none.
const PROMISED: &str = ".promised";
/// One byte for each pass that found another at work.
const SKIPPED: &str = ".skipped";
/// The number of the last id that we gave.
const LAST: &str = "last-id";
const LARGEST: u64 = 1 << 30;
/// So many logs of runs are kept of each task.
const MOST_LOGS: usize = 30;
const LARGEST_STATE: u64 = 256 << 20;
/// So often somebody may begin to write while we read.
const TRIES: u32 = 8;
/// Whoever writes to a document in place has so long to finish.
const WRITER: Duration = Duration::from_millis(250);
/// The lists of the original lie here until they are imported.
const ORIGINALS: [&str; 2] = ["working_tasks", "future_tasks"];

/// One document as it was found.
pub(super) struct Sheet {
    pub(super) agent: AgentId,
    /// What stands in the document; `None` where there is none.
    pub(super) text: Option<Vec<u8>>,
    /// What programs wrote last, where somebody else has written to the document since.
    pub(super) base: Option<Vec<u8>>,
    /// Texts that a killed writer or a late one left, and their names; empty where it is the base.
    pub(super) left: Vec<(String, Vec<u8>)>,
    pub(super) is_edited: bool,
    /// The base was to become the document.
    pub(super) is_on_its_way: bool,
    /// Whose the document is.
    pub(super) uid: u32,
    ident: Option<Ident>,
}

/// What a text is called that somebody wrote too late, and that cannot be merged.
pub(super) fn rejected(left: &str) -> String {
    left.trim_start_matches('.')
        .replace(".json-", ".json.rejected-")
}

impl Sheet {
    /// Whether somebody wrote to a version that is the document no more.
    pub(super) fn is_late(&self) -> bool {
        self.left.iter().any(|(_, text)| !text.is_empty())
    }

    /// Of one who has no document yet.
    pub(super) fn none(agent: &AgentId) -> Self {
        Self {
            agent: agent.clone(),
            text: None,
            base: None,
            left: Vec::new(),
            is_edited: false,
            is_on_its_way: false,
            uid: 0,
            ident: None,
        }
    }
}

pub(super) type Stamp = Vec<(Option<Ident>, String)>;

/// The directories of the tasks of one home.
pub(super) struct Shelf {
    comms: Dir,
    tasks: Option<Dir>,
}

fn document(agent: &AgentId) -> String {
    format!("{agent}.json")
}

fn base(agent: &AgentId) -> String {
    format!("{agent}.base.json")
}

fn state_name(agent: &AgentId) -> String {
    format!("{agent}.state.json")
}

fn history_name(agent: &AgentId) -> String {
    format!("{agent}{HISTORY}")
}

/// A version in the making. Whoever finds one that a killed writer left makes it anew: nothing of it has happened.
fn unborn(name: &str) -> String {
    format!(".{name}.new")
}

/// `.<agent>.json-<16 hex>`: the version of the base on its way in, or another on its way out.
fn aside(agent: &AgentId) -> String {
    format!(".{agent}.json-{:016x}", random_u64())
}

fn owner_of_aside(name: &str) -> Option<AgentId> {
    let (agent, random) = name.strip_prefix('.')?.rsplit_once(".json-")?;
    let is_ours = random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit());
    AgentId::parse(agent).ok().filter(|_| is_ours)
}

impl Shelf {
    /// For a look: nothing is made.
    pub(super) fn open(home: &Home) -> Result<Self, Error> {
        let tasks = home.task_states();
        let tasks = dir_if_any(home, &tasks)?;
        Ok(Self {
            comms: Dir::of(home, &home.comms())?,
            tasks,
        })
    }

    /// As `open`, made where it is missing.
    pub(super) fn make(home: &Home) -> Result<Self, Error> {
        Ok(Self {
            comms: Dir::make_path(home.dir(), home.inside(&home.comms()))?,
            tasks: Some(Dir::make_path(
                home.dir(),
                home.inside(&home.task_states()),
            )?),
        })
    }

    /// For a change: the one lock of all tasks, until it is dropped.
    pub(super) fn lock(home: &Home, patience: Duration) -> Result<(Self, Lock), Error> {
        let shelf = Self::make(home)?;
        let lock = Lock::acquire(shelf.tasks(), LOCK, Deadline::after(patience))?;
        shelf.keep_promise()?;
        Ok((shelf, lock))
    }

    /// Which versions of documents and states there are.
    pub(super) fn stamp(&self) -> Result<Stamp, Error> {
        let mut stamp = Stamp::new();
        for dir in std::iter::once(&self.comms).chain(&self.tasks) {
            let mut names = dir.names()?;
            names.retain(|name| name.strip_suffix(".json").is_some());
            for name in names {
                stamp.push((dir.ident(&name)?, name));
            }
        }
        Ok(stamp)
    }

    pub(super) fn path(&self, agent: &AgentId) -> std::path::PathBuf {
        self.comms.path().join(document(agent))
    }

    fn tasks(&self) -> &Dir {
        self.tasks
            .as_ref()
            .expect("made before anything is written")
    }

    /// All documents, in the order of their names.
    pub(super) fn sheets(&self) -> Result<Vec<Sheet>, Error> {
        let mut agents = std::collections::BTreeMap::<AgentId, Vec<String>>::new();
        for name in self.comms.names()? {
            if let Some(agent) = owner_of_aside(&name) {
                agents.entry(agent).or_default().push(name);
            } else if let Some(agent) = name
                .strip_suffix(".json")
                .filter(|agent| !ORIGINALS.contains(agent))
                .and_then(|agent| AgentId::parse(agent).ok())
            {
                agents.entry(agent).or_default();
            }
        }
        if let Some(tasks) = &self.tasks {
            let bases = tasks.names()?;
            let bases = bases
                .iter()
                .filter_map(|name| name.strip_suffix(".base.json"));
            for agent in bases.filter_map(|agent| AgentId::parse(agent).ok()) {
                agents.entry(agent).or_default();
            }
        }
        let sheet = |(agent, left)| self.sheet(agent, left);
        agents.into_iter().map(sheet).collect()
    }

    fn sheet(&self, agent: AgentId, left: Vec<String>) -> Result<Sheet, Error> {
        let name = document(&agent);
        let file = self.comms.file_if_any(&name, Open::Read)?;
        let (mut text, mut ident, mut uid) = (None, None, 0);
        if let Some(file) = &file {
            for _ in 0..TRIES {
                // In the middle of it half of it is not there.
                let is_quiet = wait_for_writer(file);
                ident = Some(file.ident()?);
                text = Some(file.read_to_end(LARGEST)?);
                // He may have begun meanwhile: what was read then is not the version of this name.
                if !is_quiet || ident == Some(file.ident()?) {
                    break;
                }
            }
            uid = self.comms.look(&name)?.map_or(0, |look| look.uid);
        }
        let known = match &self.tasks {
            Some(tasks) => tasks.ident(&base(&agent))?,
            None => None,
        };
        let mark = |it: Ident| (it.size, it.mtime_ns);
        let is_edited = ident.map(mark) != known.map(mark);
        let base = match &self.tasks {
            Some(tasks) if is_edited => tasks.file_if_any(&base(&agent), Open::Read)?,
            _ => None,
        };
        let base = base.map(|file| file.read_to_end(LARGEST)).transpose()?;
        let mut texts = Vec::new();
        // As good as in place, where somebody was killed before he gave it another name.
        let mut is_on_its_way = file.is_none()
            && known.is_some()
            && self.comms.ident(&unborn(&name))?.map(mark) == known.map(mark);
        for name in left {
            let Some(file) = self.comms.file_if_any(&name, Open::Read)? else {
                continue;
            };
            if file.has_writer() {
                continue;
            }
            let is_base = known.map(mark) == Some(mark(file.ident()?));
            is_on_its_way |= is_base;
            let text = if is_base {
                Vec::new()
            } else {
                file.read_to_end(LARGEST)?
            };
            texts.push((name, text));
        }
        Ok(Sheet {
            agent,
            text,
            base,
            is_edited,
            is_on_its_way,
            left: texts,
            uid,
            ident,
        })
    }

    pub(super) fn state(&self, agent: &AgentId) -> Result<State, Error> {
        match &self.tasks {
            Some(tasks) => read_state(tasks, agent),
            None => Ok(State::default()),
        }
    }

    pub(super) fn write_state(&self, agent: &AgentId, state: &State) -> Result<(), Error> {
        let mut text = serde_json::to_vec_pretty(state).expect("every key is text");
        text.push(b'\n');
        let name = state_name(agent);
        replace(self.tasks(), &name, &text, Flush::Yes)?;
        self.tasks().sync()?;
        Ok(())
    }

    /// Makes a new version of a document, and of its base. Nothing has happened until it is in place.
    pub(super) fn stage(&self, sheet: &Sheet, text: &[u8], now: Timestamp) -> Result<(), Error> {
        let name = document(&sheet.agent);
        let unborn = unborn(&name);
        self.comms.remove(&unborn)?;
        let file = self.comms.file(&unborn, Open::New)?;
        file.write_at(0, text)?;
        file.mark_time(now.unix_ms().div_euclid(1000), random_u64())?;
        let mode = self.comms.look(&name)?.map(|look| look.mode & 0o777);
        if let Some(mode) = mode {
            self.comms.set_mode(&unborn, mode)?;
        }
        file.sync_data()?;
        let flush = Flush::Marked(file.ident()?.mtime_ns);
        make(self.tasks(), &base(&sheet.agent), text, flush)?;
        Ok(())
    }

    /// Those that were staged will not be.
    pub(super) fn unstage<'s>(&self, sheets: impl Iterator<Item = &'s Sheet>) -> Result<(), Error> {
        for sheet in sheets {
            self.comms.remove(&unborn(&document(&sheet.agent)))?;
            self.tasks().remove(&unborn(&base(&sheet.agent)))?;
        }
        Ok(())
    }

    /// From here on all of these that were staged become the documents, whoever is killed.
    pub(super) fn promise<'s>(&self, sheets: impl Iterator<Item = &'s Sheet>) -> Result<(), Error> {
        let agents: Vec<&AgentId> = sheets.map(|sheet| &sheet.agent).collect();
        for agent in &agents {
            let base = self.tasks().file(&unborn(&base(agent)), Open::Read)?;
            base.sync_data()?;
        }
        self.comms.sync()?;
        let text = serde_json::to_vec(&agents).expect("names are text");
        replace(self.tasks(), PROMISED, &text, Flush::Yes)?;
        self.tasks().sync()?;
        Ok(())
    }

    /// What somebody promised and was killed over.
    fn keep_promise(&self) -> Result<(), Error> {
        let Some(file) = self.tasks().file_if_any(PROMISED, Open::Read)? else {
            return Ok(());
        };
        // One that a power cut tore was not given.
        let agents: Vec<AgentId> =
            serde_json::from_slice(&file.read_to_end(LARGEST)?).unwrap_or_default();
        for base in agents.iter().map(base) {
            let unborn = unborn(&base);
            if self.tasks().exists(&unborn)? {
                self.tasks().rename(&unborn, &base, Target::Replaced)?;
            }
        }
        self.promise_is_kept()
    }

    pub(super) fn promise_is_kept(&self) -> Result<(), Error> {
        Ok(self.tasks().remove(PROMISED)?)
    }

    /// Puts what was staged in place: its base, from which moment on it has happened.
    pub(super) fn place_base(&self, sheet: &Sheet) -> Result<(), Error> {
        let base = base(&sheet.agent);
        Ok(self
            .tasks()
            .rename(&unborn(&base), &base, Target::Replaced)?)
    }

    /// Then the document. What somebody else had written meanwhile is to be merged: then `false` is the answer. It lies
    /// aside, and not in the document again, where he may replace it by what he makes of ours; but what cannot be read is
    /// for him to see.
    pub(super) fn place(&self, sheet: &Sheet) -> Result<bool, Error> {
        let name = document(&sheet.agent);
        let aside = aside(&sheet.agent);
        self.comms.rename(&unborn(&name), &aside, Target::Kept)?;
        match self.comms.rename(&aside, &name, Target::Kept) {
            Ok(()) => {
                self.comms.sync()?;
                return Ok(true);
            }
            Err(error) if error.is_taken() => {}
            Err(error) => return Err(error.into()),
        }
        self.comms.rename(&aside, &name, Target::Exchanged)?;
        self.comms.sync()?;
        let Some(out) = self.comms.file_if_any(&aside, Open::Read)? else {
            return Ok(true);
        };
        if !wait_for_writer(&out) {
            // It is merged when he has closed it: whoever comes next finds it under this name.
            return Ok(true);
        }
        if sheet.ident == Some(out.ident()?) {
            self.comms.remove(&aside)?;
            return Ok(true);
        }
        if document::parse(&out.read_to_end(LARGEST)?).is_err() {
            self.put_back(sheet, &aside)?;
        }
        Ok(false)
    }

    fn put_back(&self, sheet: &Sheet, aside: &str) -> Result<(), Error> {
        let name = document(&sheet.agent);
        self.comms.rename(aside, &name, Target::Exchanged)?;
        let ours = self.tasks().ident(&base(&sheet.agent))?;
        let Some(out) = self.comms.file_if_any(aside, Open::Read)? else {
            return Ok(());
        };
        // Somebody may have written to ours in between: then it is to be merged as well.
        let mark = |it: Ident| (it.size, it.mtime_ns);
        if !out.has_writer() && ours.map(mark) == Some(mark(out.ident()?)) {
            self.comms.remove(aside)?;
        }
        Ok(())
    }

    /// What was left and cannot be merged is for people to look at.
    pub(super) fn reject(&self, names: &[String]) -> Result<(), Error> {
        for name in names {
            self.comms.rename(name, &rejected(name), Target::Kept)?;
        }
        Ok(())
    }

    /// What was left and is merged now.
    pub(super) fn remove_left(&self, names: &[String]) -> Result<(), Error> {
        for name in names {
            self.comms.remove(name)?;
        }
        Ok(())
    }

    /// What has no room in the document any more, or is said of a task beside it.
    pub(super) fn append_history(&self, agent: &AgentId, lines: &[u8]) -> Result<(), Error> {
        append(self.tasks(), &history_name(agent), lines)
    }

    /// Of all agents: a task may have been another's.
    pub(super) fn histories(&self) -> Result<Vec<Vec<u8>>, Error> {
        let mut all = Vec::new();
        let Some(tasks) = &self.tasks else {
            return Ok(all);
        };
        for name in tasks.names()? {
            if name.ends_with(HISTORY) {
                all.push(tasks.file(&name, Open::Read)?.read_to_end(LARGEST)?);
            }
        }
        Ok(all)
    }

    /// The document of whoever has another name now, with nothing in it, and what belongs to it.
    pub(super) fn remove_page(&self, agent: &AgentId) -> Result<(), Error> {
        self.comms.remove(&document(agent))?;
        self.comms.sync()?;
        // Without the document its copy would stand for it: that is empty, too.
        self.tasks().remove(&base(agent))?;
        self.tasks().remove(&state_name(agent))?;
        Ok(())
    }

    /// Gives all that an agent has of tasks to another name, as far as nothing bears that yet. Said again it goes on.
    pub(super) fn rename(&self, old: &AgentId, new: &AgentId) -> Result<(), Error> {
        let give = |dir: &Dir, name: fn(&AgentId) -> String| match dir.rename(
            &name(old),
            &name(new),
            Target::Kept,
        ) {
            Err(error) if error.is_absent() || error.is_taken() => Ok(()),
            done => done.and_then(|()| dir.sync()),
        };
        let tasks = self.tasks();
        give(tasks, state_name)?;
        give(tasks, history_name)?;
        if tasks.exists("archive")? {
            give(&tasks.sub("archive")?, |agent| format!("{agent}.jsonl"))?;
        }
        give(tasks, base)?;
        if let Some(base) = tasks.file_if_any(&base(new), Open::Write)? {
            // As if the document had been edited: whoever looks next takes its tasks over under the new name.
            base.set_time(0)?;
        }
        give(&self.comms, document)?;
        Ok(())
    }

    /// All that an agent has of tasks, the archive too. The document goes last: as long as it is there, more may be.
    pub(super) fn purge(&self, agent: &AgentId) -> Result<(), Error> {
        let tasks = self.tasks();
        if tasks.exists("archive")? {
            tasks.sub("archive")?.remove(&format!("{agent}.jsonl"))?;
        }
        for name in [state_name(agent), history_name(agent), base(agent)] {
            tasks.remove(&name)?;
        }
        tasks.sync()?;
        self.comms.remove(&document(agent))?;
        self.comms.sync()?;
        Ok(())
    }

    pub(super) fn append_archive(&self, agent: &AgentId, lines: &[u8]) -> Result<(), Error> {
        self.tasks().make_dir("archive")?;
        append(
            &self.tasks().sub("archive")?,
            &format!("{agent}.jsonl"),
            lines,
        )
    }

    /// The archives of all agents, in the order of their names.
    pub(super) fn archives(&self) -> Result<Vec<(AgentId, Vec<u8>)>, Error> {
        let archive = match &self.tasks {
            Some(tasks) if tasks.exists("archive")? => tasks.sub("archive")?,
            _ => return Ok(Vec::new()),
        };
        let mut all = Vec::new();
        for name in archive.names()? {
            let agent = name.strip_suffix(".jsonl");
            let Some(agent) = agent.and_then(|agent| AgentId::parse(agent).ok()) else {
                continue;
            };
            let bytes = archive.file(&name, Open::Read)?.read_to_end(LARGEST)?;
            all.push((agent, bytes));
        }
        Ok(all)
    }

    pub(super) fn run_path(&self, task: &str, run: &str) -> std::path::PathBuf {
        self.tasks().path().join(format!("runs/{task}/{run}.log"))
    }

    /// The log of a new run, locked as long as it is open. The older ones but the last few go.
    pub(super) fn new_run(&self, task: &str, now: Timestamp) -> Result<(String, File), Error> {
        self.tasks().make_dir("runs")?;
        let runs = self.tasks().sub("runs")?;
        runs.make_dir(task)?;
        let runs = runs.sub(task)?;
        let mut logs = runs.names()?;
        logs.retain(|name| name.strip_suffix(".log").is_some());
        for old in logs.iter().take(logs.len().saturating_sub(MOST_LOGS - 1)) {
            // Of one that goes on the lock is held.
            if !is_held(&runs, old)? {
                runs.remove(old)?;
            }
        }
        let time = now.to_utc().format("%Y%m%dT%H%M%S%.3fZ");
        let run = format!("{time}-{:04x}", random_u64() & 0xffff);
        let file = runs.file(&format!("{run}.log"), Open::New)?;
        if !try_hold(&file, Hold::Alone)? {
            return Err(store::busy(&file).into());
        }
        Ok((run, file))
    }

    /// Whether somebody carries out this run.
    pub(super) fn goes_on(&self, task: &str, run: &str) -> Result<bool, Error> {
        let dir = format!("runs/{task}");
        if !Dir::is_dir(&self.tasks().path().join(&dir)) {
            return Ok(false);
        }
        let runs = self.tasks().sub("runs")?.sub(task)?;
        is_held(&runs, &format!("{run}.log"))
    }

    pub(super) fn last_id(&self) -> Result<Option<u64>, Error> {
        let file = match &self.tasks {
            Some(tasks) => tasks.file_if_any(LAST, Open::Read)?,
            None => None,
        };
        let bytes = file.map(|file| file.read_to_end(64)).transpose()?;
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| text.trim().parse().ok()))
    }

    /// Flushed: no id is given twice.
    pub(super) fn set_last_id(&self, last: u64) -> Result<(), Error> {
        replace(
            self.tasks(),
            LAST,
            format!("{last}\n").as_bytes(),
            Flush::Yes,
        )
    }
}

fn is_held(dir: &Dir, name: &str) -> Result<bool, Error> {
    Ok(match dir.file_if_any(name, Open::Read)? {
        Some(file) => !try_hold(&file, Hold::Shared)?,
        None => false,
    })
}

/// Whether it must outlive a power cut.
#[derive(Clone, Copy)]
enum Flush {
    Yes,
    No,
    /// No, and it bears this time.
    Marked(i128),
}

/// A file that only whoever holds its lock writes to, whole or not at all.
fn replace(tasks: &Dir, name: &str, text: &[u8], flush: Flush) -> Result<(), Error> {
    let unborn = make(tasks, name, text, flush)?;
    if let Err(error) = tasks.rename(&unborn, name, Target::Replaced) {
        // Left there it does no harm.
        let _ = tasks.remove(&unborn);
        return Err(error.into());
    }
    Ok(())
}

/// The new version of such a file: what it is called as long as it is not in place.
fn make(tasks: &Dir, name: &str, text: &[u8], flush: Flush) -> Result<String, Error> {
    let unborn = unborn(name);
    tasks.remove(&unborn)?;
    let file = tasks.file(&unborn, Open::New)?;
    let written = file.write_at(0, text).and_then(|()| match flush {
        Flush::Yes => file.sync_data(),
        Flush::No => Ok(()),
        Flush::Marked(time) => file.set_time(time),
    });
    if let Err(error) = written {
        // Left there it does no harm.
        let _ = tasks.remove(&unborn);
        return Err(error.into());
    }
    Ok(unborn)
}

/// What is known of the passes that run what is due.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Passes {
    pub last: Option<Timestamp>,
    pub count: u64,
    /// So many found another one at work.
    pub skipped: u64,
}

/// The one who runs what is due, in a home.
pub struct Runner {
    tasks: Dir,
    _lock: Lock,
}

impl Runner {
    /// `None` where another one is at work; that is counted.
    pub fn take(home: &Home, patience: Duration) -> Result<Option<Self>, Error> {
        let tasks = Dir::make_path(home.dir(), home.inside(&home.task_states()))?;
        let lock = match Lock::try_acquire(&tasks, RUNNER_LOCK)? {
            None if !patience.is_zero() => {
                match Lock::acquire(&tasks, RUNNER_LOCK, Deadline::after(patience)) {
                    Err(store::Error::Busy { .. }) => None,
                    other => Some(other?),
                }
            }
            lock => lock,
        };
        let Some(lock) = lock else {
            tasks.file(SKIPPED, Open::AppendCreate)?.append_once(b".")?;
            return Ok(None);
        };
        Ok(Some(Self { tasks, _lock: lock }))
    }

    /// Notes that a pass begins.
    pub fn note(&self, now: Timestamp) -> Result<(), Error> {
        let mut passes = read_passes(&self.tasks)?;
        if let Some(skipped) = self.tasks.file_if_any(SKIPPED, Open::Write)? {
            passes.skipped += skipped.size()?;
            skipped.truncate(0)?;
        }
        passes.last = Some(now);
        passes.count += 1;
        let text = format!("{}\n", serde_json::json!(passes));
        replace(&self.tasks, PASSES, text.as_bytes(), Flush::No)
    }
}

fn read_state(tasks: &Dir, agent: &AgentId) -> Result<State, Error> {
    let name = state_name(agent);
    let Some(file) = tasks.file_if_any(&name, Open::Read)? else {
        return Ok(State::default());
    };
    let bytes = file.read_to_end(LARGEST_STATE)?;
    let state: State = serde_json::from_slice(&bytes).map_err(|error| Error::BadState {
        path: file.path().into(),
        why: error.to_string(),
    })?;
    if state.version > state::VERSION {
        return Err(Error::Newer {
            path: file.path().into(),
            version: state.version,
        });
    }
    Ok(state)
}

fn dir_if_any(home: &Home, path: &Path) -> Result<Option<Dir>, store::Error> {
    match Dir::of(home, path) {
        Err(error) if error.is_absent() => Ok(None),
        dir => dir.map(Some),
    }
}

/// Since when an agent holds a task: one of its own, or one that is nobody's yet.
pub fn holds_since(home: &Home, agent: &AgentId) -> Result<Option<Timestamp>, Error> {
    let tasks = home.task_states();
    let Some(tasks) = dir_if_any(home, &tasks)? else {
        return Ok(None);
    };
    let mut since = None;
    for page in [agent, &AgentId::unassigned()] {
        let state = read_state(&tasks, page)?;
        let own = state
            .claims
            .into_values()
            .filter(|claim| claim.by == *agent);
        since = own.map(|claim| claim.at).chain(since).min();
    }
    Ok(since)
}

/// What is known of the passes of a home.
pub fn passes(home: &Home) -> Result<Passes, Error> {
    let tasks = home.task_states();
    match dir_if_any(home, &tasks)? {
        None => Ok(Passes::default()),
        Some(tasks) => read_passes(&tasks),
    }
}

/// A file of ours that cannot be read is begun anew: nothing depends on it.
fn read_passes(tasks: &Dir) -> Result<Passes, Error> {
    let file = tasks.file_if_any(PASSES, Open::Read)?;
    let bytes = file.map(|file| file.read_to_end(LARGEST)).transpose()?;
    Ok(bytes
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default())
}

/// Whole lines, flushed. What a killed writer left of a line is ended first.
fn append(dir: &Dir, name: &str, lines: &[u8]) -> Result<(), Error> {
    let is_new = !dir.exists(name)?;
    let file = dir.file(name, Open::AppendCreate)?;
    let size = file.size()?;
    let mut last = [b'\n'];
    if size > 0 {
        file.read_at(size - 1, &mut last)?;
    }
    let mut text = Vec::with_capacity(lines.len() + 1);
    if last[0] != b'\n' {
        text.push(b'\n');
    }
    text.extend_from_slice(lines);
    let mut done = 0;
    while done < text.len() {
        done += file.append_once(&text[done..])?;
    }
    file.sync_data()?;
    if is_new {
        dir.sync()?;
        dir.sync_parent()?;
    }
    Ok(())
}

/// Whether nobody writes to it any more.
fn wait_for_writer(file: &File) -> bool {
    let mut waited = Duration::ZERO;
    let mut pause = Duration::from_millis(1);
    while file.has_writer() {
        if waited >= WRITER {
            return false;
        }
        std::thread::sleep(pause);
        waited += pause;
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    true
}
