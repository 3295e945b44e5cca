//! Duplicates, from outside: real trees, real repositories, the real program.

mod bad;
mod cache;
mod code;
mod gate;
mod git;
mod output;
mod pins;
mod quiet;
mod rest;
mod sources;
mod yardsticks;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::home::{Ran, run};

pub(crate) const DUPSCAN: &str = env!("CARGO_BIN_EXE_dupscan");

/// What trees hold twice.
const CODE: &str = "\
def paid(entries, since):
    total = 0
    for entry, amount in entries:
        if entry.at >= since and amount > 0:
            total += amount * entry.rate
        else:
            raise ValueError(entry.name)
    return total / max(1, len(entries))
";
const OTHER: &str = "\
def open_doors(house, keys):
    opened = []
    while keys:
        key = keys.pop()
        door = house.doors.get(key.number, None)
        if door is None or door.is_open():
            continue
        door.turn(key, times=2)
        opened.append(door)
    return sorted(opened, key=str)
";

/// A tree to look through, and beside it a place for what was found before.
struct Tree {
    place: tempfile::TempDir,
    dir: PathBuf,
}

impl Tree {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("tree");
        std::fs::create_dir(&dir).unwrap();
        Self { place, dir }
    }

    /// With these files.
    fn of(files: &[(&str, &str)]) -> Self {
        let tree = Self::new();
        for (name, text) in files {
            tree.file(name, text);
        }
        tree
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn cache(&self) -> PathBuf {
        self.place.path().join("cache")
    }

    fn command(&self, args: &[&str]) -> Command {
        self.program(DUPSCAN, args)
    }

    fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.place.path())
            .env("XDG_CACHE_HOME", self.cache())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    fn run(&self, line: &str) -> Ran {
        self.run_with(line, "")
    }

    fn run_with(&self, line: &str, input: &str) -> Ran {
        let args: Vec<&str> = line.split_whitespace().collect();
        run(&mut self.command(&args), input.as_bytes())
    }

    /// What a scan that nothing is wrong with tells.
    fn json(&self, line: &str) -> Value {
        let ran = self.run(&format!("{line} --json"));
        assert_eq!(ran.code, 0, "{line}: {ran:?}");
        ran.json()
    }

    fn git(&self, line: &str) {
        let args: Vec<&str> = line.split_whitespace().collect();
        let mut git = self.program(
            "git",
            &["-c", "user.name=a", "-c", "user.email=a@b.invalid"],
        );
        let done = git.args(args).output().unwrap();
        assert!(done.status.success(), "git {line}: {done:?}");
    }

    fn commit(&self) {
        self.git("add -A");
        self.git("commit -q -m change");
    }
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// The places of each class: `a.py:1-9`.
fn places(found: &Value) -> Vec<Vec<String>> {
    let all = found["clones"].as_array().unwrap().iter();
    all.map(|class| {
        let fragments = class["fragments"].as_array().unwrap().iter();
        fragments
            .map(|it| format!("{}:{}-{}", text(&it["file"]), it["start"], it["end"]))
            .collect()
    })
    .collect()
}

/// Why a file was not read, or not whole.
fn skipped(found: &Value, file: &str) -> Option<String> {
    let all = found["skipped"].as_array().unwrap();
    let one = all.iter().find(|it| it["file"] == file);
    one.map(|it| text(&it["why"]))
}

fn is_root() -> bool {
    Path::new("/proc/self").exists() && crate::home::has_privilege()
}
