//! The one file of this room that touches the world.
//!
//! The document that a person sees and `<agent>.base.json`, the last version that programs wrote, bear the same size
//! and the same time, to a random nanosecond, as long as nobody else has written to the document. Whoever writes puts
//! the new base in place, then the document, by an exchange: what came out of it is looked at before it goes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Error;
use super::state::{self, State};
use crate::names::AgentId;
use crate::root::Home;
use crate::store::{
    self, Deadline, Dir, File, Hold, Ident, Lock, Open, Target, random_u64, try_hold,
};
use crate::time::Timestamp;

const LOCK: &str = ".lock";
const UNFINISHED: &str = ".json.new-";
const HISTORY: &str = ".history.jsonl";
/// Whoever runs what is due holds it.
const RUNNER_LOCK: &str = ".runner";
const PASSES: &str = "passes.json";
/// One byte for each pass that found another at work.
const SKIPPED: &str = ".skipped";
/// The number of the last id that we gave.
const LAST: &str = "last-id";
const LARGEST: u64 = 1 << 30;
/// So many logs of runs are kept of each task.
const MOST_LOGS: usize = 30;
const LARGEST_STATE: u64 = 256 << 20;
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
    /// Texts that a killed writer or a late one left, and their names.
    pub(super) left: Vec<(String, Vec<u8>)>,
    pub(super) is_edited: bool,
    /// Whose the document is.
    pub(super) uid: u32,
    ident: Option<Ident>,
}

/// A version of one of our own files that a killed writer left.
fn is_left(name: &str) -> bool {
    let parts = name
        .strip_prefix('.')
        .and_then(|name| name.rsplit_once('-'));
    parts.is_some_and(|(of, random)| {
        let is_ours = of.ends_with(".base.json") || of.ends_with(".state.json") || of == LAST;
        is_ours && random.len() == 16 && random.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

impl Sheet {
    /// Of one who has no document yet.
    pub(super) fn none(agent: &AgentId) -> Self {
        Self {
            agent: agent.clone(),
            text: None,
            base: None,
            left: Vec::new(),
            is_edited: false,
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
    /// Nobody else changes anything.
    is_locked: bool,
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

/// `.<agent>.json.new-<16 hex>`: a version that is being written. What a killed writer left of it is nobody's.
fn unfinished(agent: &AgentId) -> String {
    format!(".{agent}{UNFINISHED}{:016x}", random_u64())
}

/// `.<agent>.json-<16 hex>`: a whole version on its way in, or one on its way out.
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
        let tasks = Dir::is_dir(&tasks).then(|| Dir::open(&tasks)).transpose()?;
        Ok(Self {
            comms: Dir::open(&home.comms())?,
            tasks,
            is_locked: false,
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
            is_locked: false,
        })
    }

    /// For a change: the one lock of all tasks, until it is dropped.
    pub(super) fn lock(home: &Home, patience: Duration) -> Result<(Self, Lock), Error> {
        let mut shelf = Self::make(home)?;
        let lock = Lock::acquire(shelf.tasks(), LOCK, Deadline::after(patience))?;
        shelf.is_locked = true;
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
            if self.is_locked && name.starts_with('.') && name.contains(UNFINISHED) {
                self.comms.remove(&name)?;
            } else if let Some(agent) = owner_of_aside(&name) {
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
            for name in bases.iter().filter(|name| self.is_locked && is_left(name)) {
                tasks.remove(name)?;
            }
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
            // In the middle of it half of it is not there.
            wait_for_writer(file);
            ident = Some(file.ident()?);
            text = Some(file.read_to_end(LARGEST)?);
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
        for name in left {
            let Some(file) = self.comms.file_if_any(&name, Open::Read)? else {
                continue;
            };
            if !file.has_writer() {
                texts.push((name, file.read_to_end(LARGEST)?));
            }
        }
        Ok(Sheet {
            agent,
            text,
            base,
            is_edited,
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

    /// Puts a new version of a document in place. What somebody else had written meanwhile stays the document, and what
    /// we wrote is the base of it: then `false` is the answer, and it is to be merged.
    pub(super) fn replace(
        &self,
        sheet: &Sheet,
        text: &[u8],
        now: Timestamp,
    ) -> Result<bool, Error> {
        let name = document(&sheet.agent);
        let (unfinished, aside) = (unfinished(&sheet.agent), aside(&sheet.agent));
        let file = self.comms.file(&unfinished, Open::New)?;
        let time = (|| {
            file.write_at(0, text)?;
            file.mark_time(now.unix_ms().div_euclid(1000))?;
            let mode = self.comms.look(&name)?.map(|look| look.mode & 0o777);
            if let Some(mode) = mode {
                self.comms.set_mode(&unfinished, mode)?;
            }
            file.sync_data()?;
            Ok::<_, store::Error>(file.ident()?.mtime_ns)
        })();
        let placed = time
            .map_err(Error::from)
            .and_then(|time| replace(self.tasks(), &base(&sheet.agent), text, Flush::Marked(time)));
        if let Err(error) = placed {
            self.comms.remove(&unfinished)?;
            return Err(error);
        }
        let unsure = |source| Error::OutcomeUnknown { source };
        self.comms
            .rename(&unfinished, &aside, Target::Kept)
            .map_err(unsure)?;
        match self.comms.rename(&aside, &name, Target::Kept) {
            Ok(()) => {
                self.comms.sync().map_err(unsure)?;
                return Ok(true);
            }
            Err(error) if error.is_taken() => {}
            Err(error) => return Err(unsure(error)),
        }
        self.comms
            .rename(&aside, &name, Target::Exchanged)
            .map_err(unsure)?;
        self.comms.sync().map_err(unsure)?;
        let Some(out) = self.comms.file_if_any(&aside, Open::Read).map_err(unsure)? else {
            return Ok(true);
        };
        if !wait_for_writer(&out) {
            // It is merged when he has closed it: whoever comes next finds it under this name.
            return Ok(true);
        }
        if sheet.ident == Some(out.ident().map_err(unsure)?) {
            self.comms.remove(&aside).map_err(unsure)?;
            return Ok(true);
        }
        self.comms
            .rename(&aside, &name, Target::Exchanged)
            .map_err(unsure)?;
        self.comms.remove(&aside).map_err(unsure)?;
        Ok(false)
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
        // Without its copy a document stands as it is; without its document a copy would stand for it.
        tasks.remove(&base(old))?;
        give(tasks, state_name)?;
        give(tasks, history_name)?;
        if tasks.exists("archive")? {
            give(&tasks.sub("archive")?, |agent| format!("{agent}.jsonl"))?;
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

/// A file that nobody else writes to, whole or not at all.
fn replace(tasks: &Dir, name: &str, text: &[u8], flush: Flush) -> Result<(), Error> {
    let aside = format!(".{name}-{:016x}", random_u64());
    let file = tasks.file(&aside, Open::New)?;
    let written = file.write_at(0, text).and_then(|()| match flush {
        Flush::Yes => file.sync_data(),
        Flush::No => Ok(()),
        Flush::Marked(time) => file.set_time(time),
    });
    let renamed = written.and_then(|()| tasks.rename(&aside, name, Target::Replaced));
    if let Err(error) = renamed {
        // Left there it does no harm.
        let _ = tasks.remove(&aside);
        return Err(error.into());
    }
    Ok(())
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

/// Since when an agent holds a task: one of its own, or one that is nobody's yet.
pub fn holds_since(home: &Home, agent: &AgentId) -> Result<Option<Timestamp>, Error> {
    let tasks = home.task_states();
    if !Dir::is_dir(&tasks) {
        return Ok(None);
    }
    let tasks = Dir::open(&tasks)?;
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
    if !Dir::is_dir(&tasks) {
        return Ok(Passes::default());
    }
    read_passes(&Dir::open(&tasks)?)
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
