//! Tasks under siege: many programs at once, killed at any system call or at random, disks that fail, editors that
//! write meanwhile, clocks that jump. What must hold afterwards stands in `Den::whole` and `Den::well`.

mod claims;
mod disk;
mod hand;
mod imports;
mod kills;
mod runners;
mod week;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::home::{self, Home, Ran, TASKCTL};

/// A home of its own, whose verbs are spoken in lines.
pub(super) struct Den {
    home: Home,
}

/// In memory where the machine has room for that: SIGKILL does not ask whether a flush took long.
fn place() -> tempfile::TempDir {
    let memory = tempfile::tempdir_in("/dev/shm");
    memory.unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

impl Den {
    fn new() -> Self {
        Self {
            home: Home::below(place()),
        }
    }

    /// Another with the same files in it, of the same times: the documents in it are those that programs wrote.
    fn copy(&self) -> Self {
        let copy = Self {
            home: Home::copy_of(&self.home.dir, place()),
        };
        keep_times(&self.home.dir, &copy.home.dir);
        copy
    }

    fn dir(&self) -> &Path {
        &self.home.dir
    }

    fn taskctl(&self, line: &str) -> Command {
        let mut command = self.home.command(TASKCTL);
        command.args(line.split_whitespace());
        command
    }

    fn run(&self, line: &str) -> Ran {
        home::run(&mut self.taskctl(line), b"")
    }

    fn must(&self, line: &str) -> Ran {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "taskctl {line}: {ran:?}");
        ran
    }

    fn document(&self, agent: &str) -> std::path::PathBuf {
        self.dir().join(format!("config/agent_comms/{agent}.json"))
    }

    /// Of every task, the archived ones too, what a person cares for.
    fn tasks(&self) -> Result<BTreeMap<String, Value>, String> {
        let ran = self.run("list --all --json");
        if ran.code != 0 || !ran.err.is_empty() {
            return Err(format!("list: {ran:?}"));
        }
        let mut tasks = BTreeMap::new();
        for task in ran.json()["tasks"].as_array().unwrap() {
            let kept: serde_json::Map<String, Value> = [
                "name",
                "status",
                "priority",
                "assigned_to",
                "dependencies",
                "data",
                "result",
            ]
            .into_iter()
            .filter_map(|field| Some((field.to_owned(), task.get(field)?.clone())))
            .chain([("holder".to_owned(), task["derived"]["claimed_by"].clone())])
            .collect();
            let id = task["id"].as_str().unwrap().to_owned();
            if let Some(other) = tasks.insert(id.clone(), json!(kept)) {
                return Err(format!("{id} is listed twice: {other} and {task}"));
            }
        }
        Ok(tasks)
    }

    /// The ids that stand in each document, and in the archive.
    fn places(&self) -> Result<Places, String> {
        let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, text) in files(&self.dir().join("config/agent_comms")) {
            let Some(agent) = name.strip_suffix(".json").filter(|it| !it.starts_with('.')) else {
                continue;
            };
            let document: Value =
                serde_json::from_slice(&text).map_err(|error| format!("{name}: {error}"))?;
            for task in document["tasks"].as_array().into_iter().flatten() {
                let id = task["id"].as_str().unwrap_or_default().to_owned();
                places.entry(id).or_default().push(agent.to_owned());
            }
        }
        let mut archived = BTreeSet::new();
        for (name, text) in files(&self.dir().join("runtime/tasks/archive")) {
            let text = String::from_utf8(text).map_err(|error| format!("{name}: {error}"))?;
            // What a killed writer began is no line yet.
            for line in text.split_inclusive('\n').filter(|it| it.ends_with('\n')) {
                // Nor is one that the next had to end.
                if let Ok(task) = serde_json::from_str::<Value>(line) {
                    archived.insert(task["id"].as_str().unwrap_or_default().to_owned());
                }
            }
        }
        Ok((places, archived))
    }

    /// At any moment: every file can be read, and none of these tasks is gone.
    fn whole(&self, ids: &BTreeSet<String>) -> Result<(), String> {
        for (name, text) in files(&self.dir().join("runtime/tasks")) {
            if name.strip_suffix(".json").is_some() && !name.starts_with('.') {
                serde_json::from_slice::<Value>(&text)
                    .map_err(|error| format!("{name}: {error}"))?;
            }
        }
        let (places, archived) = self.places()?;
        let gone = ids
            .iter()
            .find(|id| !places.contains_key(*id) && !archived.contains(*id));
        gone.map_or(Ok(()), |id| Err(format!("{id} is gone")))
    }

    /// After the next program: each task is in one place, nothing is left over, nothing is to be merged or mended.
    fn well(&self) -> Result<(), String> {
        self.well_but_for("")
    }

    /// One thing may be found: it was meant.
    fn well_but_for(&self, meant: &str) -> Result<(), String> {
        let (places, _) = self.places()?;
        if let Some((id, documents)) = places.iter().find(|it| it.1.len() > 1) {
            return Err(format!("{id} stands in {documents:?}"));
        }
        for dir in ["config/agent_comms", "runtime/tasks"] {
            let files = files(&self.dir().join(dir));
            let left = files
                .iter()
                .map(|it| it.0.as_str())
                .find(|name| name.starts_with('.') && name.contains("json-"));
            if let Some(left) = left {
                return Err(format!("{left} is left over"));
            }
        }
        for (name, text) in files(&self.dir().join("runtime/tasks")) {
            let Some(agent) = name.strip_suffix(".state.json") else {
                continue;
            };
            let state: Value = serde_json::from_slice(&text).unwrap();
            let known = |id: &String| places.get(id).is_some_and(|it| it[0] == agent);
            let known_runs = |id: &String| known(id) || state["runs"][id]["now"].is_null();
            let claims = state["claims"].as_object().unwrap();
            let runs = state["runs"].as_object().unwrap();
            let left = claims.keys().find(|id| !known(id));
            if let Some(id) = left.or_else(|| runs.keys().find(|id| !known_runs(id))) {
                return Err(format!("{name} speaks of {id}, which is not there"));
            }
        }
        let before = files(&self.dir().join("config/agent_comms"));
        let lint = self.run("lint --json");
        let findings = lint.json()["findings"].clone();
        let mut findings = findings.as_array().unwrap().iter();
        // Whose clock is faked ran his passes at other times.
        if findings.any(|it| it["what"] != meant && it["what"] != "no-pass") || !lint.err.is_empty()
        {
            return Err(format!("lint: {lint:?}"));
        }
        if files(&self.dir().join("config/agent_comms")) != before {
            return Err("there was something to merge".into());
        }
        Ok(())
    }

    /// What of an agent's mail, read or not, has this in it.
    fn mail(&self, agent: &str, text: &str) -> usize {
        if !self.home.mailbox(agent).exists() {
            return 0;
        }
        let all = self.home.all(agent);
        all.iter().filter(|it| it.contains(text)).count()
    }
}

/// In which documents each task stands, and which are in the archive.
type Places = (BTreeMap<String, Vec<String>>, BTreeSet<String>);

/// Files of a directory, in the order of their names.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(dir).into_iter().flatten();
    let entries = entries.map(Result::unwrap);
    entries
        .filter(|it| it.file_type().is_ok_and(|it| it.is_file()))
        // One that is gone by now was on its way.
        .filter_map(|it| {
            let text = std::fs::read(it.path()).ok()?;
            Some((it.file_name().into_string().unwrap(), text))
        })
        .collect()
}

fn keep_times(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            keep_times(&entry.path(), &target);
        } else {
            let file = std::fs::File::options().write(true).open(&target).unwrap();
            let time = entry.metadata().unwrap().modified().unwrap();
            file.set_modified(time).unwrap();
        }
    }
}

/// Does all of these jobs, two at a time, and collects what went wrong.
fn each(jobs: usize, job: impl Fn(usize) -> Result<(), String> + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= jobs {
                        return;
                    }
                    if let Err(why) = job(n) {
                        failed.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}
